"""A made-up study that many tests look at, and its verdicts, which take seconds."""

import pytest

from smallbatch import claims
from tests.simulated import study

LONG = 0.9997


@pytest.fixture(scope="session")
def usual():
    return study(sgd=(0.5, 0.1), norm=(-0.3, 0.1), lag={LONG: (30, 5), 0.99: (4, 1), 0.9953: (12, 2)})


@pytest.fixture(scope="session")
def usual_verdicts(usual):
    return claims.judge(usual)
