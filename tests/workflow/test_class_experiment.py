"""The class experiment: its program is short, plain and works; the script trains what is missing and no more."""

import ast
import runpy

import pytest

from tests.conftest import ROOT
from workflow import class_experiment

PROGRAM = ROOT / class_experiment.PROGRAM


def test_each_setting_is_trained_once_and_kept_when_interrupted(project):
    trained = []

    def train(seed, batch_size, momentum):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append((momentum, batch_size, seed))
        return [100, 50.126, 40, 99]

    settings = [(0.99, size, seed) for size in (10, 32) for seed in (0, 1)]
    with pytest.raises(KeyboardInterrupt):
        class_experiment.measure(train, settings)
    kept = class_experiment.read()
    assert len(kept) == 2 and kept["train_evaluated"].tolist() == [50.13] * 2
    done = list(trained)
    trained.clear()

    def go_on(seed, batch_size, momentum):
        trained.append((momentum, batch_size, seed))
        return [1, 2, 3, 4]

    assert len(class_experiment.measure(go_on, settings)) == 4
    assert sorted(done + trained) == sorted(settings)


def test_the_program_needs_nothing_of_ours_and_is_short():
    tree = ast.parse(PROGRAM.read_text())
    imports = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imports |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imports == {"keras", "numpy", "sklearn"}
    statements = [
        line for line in PROGRAM.read_text().splitlines() if line.strip() and not line.strip().startswith('"""')
    ]
    assert len(statements) < 40


@pytest.mark.slow
def test_the_program_gives_four_percentages_and_recalibration_repairs():
    during, train, validation, recalibrated = runpy.run_path(str(PROGRAM))["train"](0, 32)
    assert all(0 <= value <= 100 for value in (during, train, validation, recalibrated))
    assert during > 95 and recalibrated > 90 and abs(train - validation) < 10
