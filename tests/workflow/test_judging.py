"""The stage that judges: once before pages are built, for every study whose verdicts they show."""

import pytest

from smallbatch.claims.store import read_verdicts
from tests import simulated
from workflow import stages


@pytest.fixture
def project(project, monkeypatch):
    monkeypatch.setattr(stages, "ROOT", project)
    return project


def test_each_study_with_tables_is_judged_once(project, monkeypatch):
    folders = [project / "results" / name for name in ("one", "other")]
    for folder in folders:
        simulated.write_tables(folder, simulated.study(experiments=("batch_size",), seeds=range(2)))
    (project / "results/bare").mkdir()
    stages.judge("one", "other", "one", "bare", "nowhere")
    for folder in folders:
        assert read_verdicts(folder) is not None and (folder / "verdicts.csv").is_file()
    assert not list((project / "results/bare").iterdir()) and not (project / "results/nowhere").exists()
    monkeypatch.setattr("smallbatch.claims.store.judge", lambda *given, **named: pytest.fail("judged again"))
    stages.judge("one", "other")
