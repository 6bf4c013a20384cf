"""Counted layers and answers of processes, for all tests of the costs."""

import pytest

from tests import costs


@pytest.fixture
def counted():
    return costs.round_numbers()


@pytest.fixture
def answers(monkeypatch):
    return costs.answer_at_once(monkeypatch)
