"""Random parameters, sensible and absurd: a run whose numbers mean something, or an error of the project's own."""

import math

import numpy as np
import pytest

from smallbatch.errors import ParameterError, UserError
from smallbatch.parameters import Parameters
from smallbatch.study.file import parse_study
from smallbatch.study.notebooks import CONFIGS, config_class
from smallbatch.training.config import HIGHEST_RATE, LOWEST_RATE, RunConfig

ABSURD = [
    None, True, False, 0, 1, -1, 2, 3, 10**9, 10**19, 10**400, -(10**400), 0.0, -0.0, 0.5, 0.9999999999, 1.0, 1e-5,
    5e-324, 1e308, -1e308, math.inf, -math.inf, math.nan, "", "none", "scaled", "ghost", "all", "1e-5", "../../outside",
    "/", "~no-such-user/x", "a\0b", "\n", "$(touch x)", "__import__('os')", "<script>", "x" * 10_000, "\udc80", [], [1],
    [0], [10**400], ["1"], [None], {}, {"a": 1}, {"__class__": 1}, (1, 2), b"x", object(), np.float64(0.1),
]  # fmt: skip
SENSIBLE = {
    "batch_size": [1, 4, 32], "normalization": ["batch", "ghost", "group", "frozen"], "ghost_batch_size": [1, 4, None],
    "masked_loss_batch_size": [None, 4], "epochs": [1, 8], "steps": [None, 100], "n_train": [None, 64],
    "warmup_epochs": [0.0, 2.0, 20.0], "early_stopping_patience": [None, 3, 30], "learning_rate": [1e-9, 0.01, 1e5],
    "learning_rate_scaling": ["none", "linear", "sqrt"], "reference_batch_size": [1, 65_536],
    "weight_decay": [0.0, 0.1, 1e3], "batch_norm_momentum": [0.9, "scaled"], "image_size": [75, 107],
}  # fmt: skip


def drawn(kind, generator):
    """Return some parameters of a notebook, most of them sensible."""
    names = [*kind.model_fields, "no_such_parameter"]
    chosen = generator.choice(names, size=generator.integers(0, 6), replace=False)
    parameters = {}
    for name in map(str, chosen):
        choices = SENSIBLE.get(name) if generator.random() < 0.7 else None
        choices = ABSURD if choices is None else choices
        parameters[name] = choices[generator.integers(len(choices))]
    return parameters


@pytest.mark.parametrize("notebook", CONFIGS)
def test_random_parameters_are_refused_in_words_or_mean_something(notebook):
    kind = config_class(notebook)
    generator = np.random.default_rng([ord(letter) for letter in notebook])
    n_accepted = 0
    for _ in range(500 if notebook == "retrain" else 100):
        parameters = drawn(kind, generator)
        try:
            config = kind.create(**parameters)
        except ParameterError as error:
            assert str(error) and all(len(line) < 2000 for line in str(error).splitlines())
            continue
        n_accepted += 1
        assert config.run_id().endswith(f"-{kind.hash_of(config.identity())}") and not config.as_table().empty
        # The same again from what a record holds.
        assert kind.create(**config.identity() | {"data_folder": config.data_folder} if isinstance(config, RunConfig)
                           else config.identity()).run_id() == config.run_id()  # fmt: skip
        if isinstance(config, RunConfig):
            assert LOWEST_RATE <= config.scaled_learning_rate() <= HIGHEST_RATE
            assert 0 <= config.momentum_of_averages() <= 0.99999 and 0 <= config.momentum < 1
            assert config.scaled_learning_rate() * config.weight_decay < 1
    assert n_accepted >= 20


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"warmup_epochs": 9.0}, "warmup_epochs = 9.0 is longer than the training, which has 8 epochs. Allowed: at"),
        ({"warmup_epochs": 1e18}, r"warmup_epochs = 1e\+18 is not allowed. Allowed: number, ≥ 0, ≤ 100000"),
        ({"warmup_epochs": 1e308}, r"warmup_epochs = 1e\+308 is not allowed"),
        ({"steps": 10, "n_train": 64, "warmup_epochs": 6.0}, "which has 5 epochs"),
        ({"early_stopping_patience": 9}, "early_stopping_patience = 9 is longer than the training"),
        ({"snapshot_epochs": 10**9}, "snapshot_epochs = 1000000000 is not allowed. .*≤ 100000"),
        ({"snapshot_epochs": 9}, "snapshot_epochs = 9 is longer than the training, which has 8 epochs"),
        ({"snapshot_steps": [10**10]}, r"snapshot_steps\[0\] = 10000000000 is not allowed"),
        ({"snapshot_steps": list(range(1, 1002)), "steps": 2000}, "snapshot_steps = .*Allowed: list of at most 1000"),
        ({"snapshot_steps": [3, 11], "steps": 10}, r"snapshot_steps = \[3, 11\] goes beyond .* has 10 steps"),
        ({"snapshot_steps": [17], "n_train": 64}, "which has 16 steps. Allowed: 1 to 16"),
        ({"learning_rate": 1e308}, r"learning_rate = 1e\+308 is not allowed. Allowed: number, ≥ 1e-12, ≤ 1000000"),
        ({"learning_rate": 5e-324}, "learning_rate = 5e-324 is not allowed. Allowed: number, ≥ 1e-12"),
        ({"reference_batch_size": 10**19}, "reference_batch_size = 1.* Allowed: whole number, ≥ 1, ≤ 65536"),
        (
            {"learning_rate": 1e-10, "learning_rate_scaling": "linear", "reference_batch_size": 65_536},
            r"learning_rate = 1e-10 with learning_rate_scaling = 'linear' .* comes to 4.88281e-14. Allowed: what comes",
        ),
        ({"momentum": 0.9999999999}, "momentum = 0.9999999999 is not allowed. Allowed: number, ≥ 0, ≤ 0.9999"),
        ({"dropout": 0.9999999}, "dropout = 0.9999999 is not allowed. Allowed: number, ≥ 0, ≤ 0.99"),
        ({"label_noise": 1.0}, "label_noise = 1.0 is not allowed. Allowed: number, ≥ 0, ≤ 0.99"),
        ({"weight_decay": 200.0}, "turn their signs. Allowed: below 100"),
        ({"batch_size": 10**9}, "batch_size = 1000000000 is not allowed. Allowed: whole number, ≥ 1, ≤ 65536"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_by_name_with_the_range_in_which_it_would(parameters, message):
    with pytest.raises(ParameterError, match=message) as error:
        RunConfig.create(**parameters)
    assert len(str(error.value).splitlines()) == 1


def test_what_a_published_study_says_stays_allowed():
    config = RunConfig.create(epochs=60, early_stopping_patience=60, batch_norm_momentum=0.9997, weight_decay=0.1)
    assert config.epochs == config.early_stopping_patience


@pytest.mark.parametrize("folder", ["../outside", "results/../../outside", "..", "", " ", "~no-such-user/x"])
def test_records_do_not_leave_the_project_by_accident(folder):
    with pytest.raises(ParameterError, match=r"record_folder = .*Allowed: a folder inside the project"):
        RunConfig.create(record_folder=folder)


@pytest.mark.parametrize("folder", ["results/mine", "a/../b", "/somewhere/else", "~/records", "..."])
def test_records_stay_in_the_project_or_go_where_an_absolute_path_says(folder):
    assert RunConfig.create(record_folder=folder).record_folder == folder


def test_a_notebook_refuses_a_folder_that_cannot_be_written_before_it_trains(tmp_path):
    (tmp_path / "file").write_text("")
    assert RunConfig.from_notebook({"record_folder": str(tmp_path / "new" / "folder")})
    with pytest.raises(ParameterError, match=r"record_folder = .*Allowed: a folder that can be written"):
        RunConfig.from_notebook({"record_folder": str(tmp_path / "file" / "below")})


HEAD = "title: t\nexperiments:\n  a:\n    grid:\n"
SEEDS = f"      seed: {list(range(2500))}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + SEEDS + "      batch_size: [1, 2, 4, 8]\n", None),  # 10,000 runs
        (HEAD + SEEDS + f"      batch_size: {list(range(1, 41))}\n", "unfolds to 100,000 runs or more with .* 'a'"),
        (HEAD + "".join(f"      p{k}: [1, 2, 3, 4]\n" for k in range(80)), "runs or more"),
        (BOMB, "line 6 stands for more than 200,000 values"),
        ("title: &t [*t]\n", "line 1 refers to itself"),
        ("title: a\ntitle: b\n", "line 2: 'title' is given twice"),
        ("title: a\nexperiments:\n\ta: 1\n", "line 3 is not YAML: there is a tab; in YAML, indent with spaces"),
        ("[" * 100_000, "nested deeper than 20 levels"),
        ("title: " + "9" * 5000, "line 1: a number has more than 400 characters"),
        (HEAD + f"      seed: [0x{'f' * 100_000}]\n", "line 5: a number has more than 400 characters"),
        (HEAD + f"      learning_rate: [{':'.join(['59'] * 50_000)}.5]\n", "line 5: a number has more than 400"),
        ("title: 2024-99-99\n", "is not YAML: month must be"),
        ("title: \0", "is not YAML"),
        ("", "file: "),
        ("title: !!python/object/apply:os.system ['false']\n", "could not determine a constructor"),
        ("title: t\ndescription: " + "y" * 600_000, "characters. Allowed: at most 500,000"),
        ("title: t\nexperiments: {'../a b': {grid: {seed: [0]}}}\n", "the name of an experiment = '../a b' is not"),
        (HEAD + "      remedy: [{1: 2}]\n", "1 is no parameter that a study sets"),
        (HEAD + "      cls: [2]\n", "cls = 2: there is no such parameter"),
        (HEAD + "      record_folder: [/somewhere]\n", "'record_folder' is no parameter that a study sets"),
        (HEAD + "      seed: []\n", "experiment 'a' has no run"),
    ],
    ids=lambda value: str(value)[:40].replace("\0", "0"),
)
def test_any_text_as_a_study_has_an_answer_at_once(text, message):
    if message is None:
        assert len(parse_study("large", text).runs) == 10_000
        return
    with pytest.raises(UserError, match=message) as error:
        parse_study("large", text)
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 2000


def test_random_texts_as_a_study_are_refused_in_words():
    good = HEAD + "      seed: [0, 1]\n      batch_size: [4, 32]\n"
    generator = np.random.default_rng(0)
    letters = [*"abc:{}[],-&*!|>'\"%@`#?\n\t \0é~0.", "seed", "<<: *a", "? ", "---\n", "!!int "]
    for _ in range(300):
        text = list(good)
        for _ in range(generator.integers(1, 6)):
            text[generator.integers(len(text))] = letters[generator.integers(len(letters))]
        try:
            study = parse_study("some", "".join(text))
        except UserError:
            continue
        assert all(isinstance(config, Parameters) for config in study.runs.values())
