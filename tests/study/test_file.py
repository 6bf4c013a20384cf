"""Study files: grids into runs, shared runs once, mistakes named before anything is trained."""

import pytest

from smallbatch.errors import StudyError
from smallbatch.study.file import load_study, parse_study, read_families

TWO = """
title: Two experiments
defaults: {n_train: 64, epochs: 2}
experiments:
  sizes:
    grid: {batch_size: [4, 32], seed: [0, 1]}
  rates:
    fixed: {batch_size: 32}
    grid: {learning_rate: [0.01, 0.1], seed: [0, 1]}
showcase: {batch_size: 4, seed: 1}
"""


def test_a_run_that_two_experiments_share_is_one_run():
    study = parse_study("two", TWO)
    # sizes: 2 x 2; rates: 2 x 2, of which learning rate 0.01 (the default) at 32 is in sizes already.
    assert len(study.experiments["sizes"]) == len(study.experiments["rates"]) == 4
    assert len(study.runs) == 6
    assert study.runs[study.showcase].batch_size == 4 and study.runs[study.showcase].seed == 1
    assert {config.record_folder for config in study.runs.values()} == {"results/two"}
    assert {config.n_train for config in study.runs.values()} == {64}


def test_seeds_complete_one_after_the_other():
    seeds = [config.seed for config in parse_study("two", TWO).runs.values()]
    assert seeds[:4] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "batch_size: [4, 32]",
            "batch_sise: [4, 32]",
            r"experiment 'sizes': batch_sise = 4.*Did you mean batch_size",
        ),
        ("[0.01, 0.1]", "[1e-5]", r"experiment 'rates': learning_rate = '1e-5'.*1\.0e-5"),
        ("batch_size: [4, 32]", "batch_size: [0]", r"batch_size = 0 is not allowed"),
        ("batch_size: [4, 32]", "batch_size: [128]", r"batch_size = 128 is larger than the training set"),
        ("batch_size: [4, 32]", "batch_size: 4", r"batch_size.*list"),
        ("title: Two", "titel: Two", r"titel"),
        ("seed: 1}", "seed: 7}", r"showcase.*no run"),
        ("experiments:", "experiments: [", r"not YAML"),
    ],
)
def test_a_bad_study_is_refused_with_its_reason(old, new, message):
    with pytest.raises(StudyError, match=message):
        parse_study("two", TWO.replace(old, new, 1))


def test_a_family_is_an_experiment_of_the_file_and_has_none_itself():
    with_family = TWO.replace("    fixed: {batch_size: 32}", "    family: sizes\n    fixed: {batch_size: 32}")
    assert parse_study("two", with_family).runs == parse_study("two", TWO).runs
    for family in ("rates", "nothing"):
        with pytest.raises(StudyError, match=rf"'rates': family = '{family}'.*Allowed: sizes$"):
            parse_study("two", with_family.replace("family: sizes", f"family: {family}"))


def test_families_are_read_by_the_experiment_that_they_add_to():
    assert read_families("laptop") == {
        "momentum_lag": ("momentum_lag_as_asked",),
        "search": ("search_low", "search_beyond"),
        "masked_loss": ("masked_loss_of_one",),
    }
    assert read_families("quick") == read_families("no-such-study") == {}


def test_a_missing_study_file_names_those_there_are():
    with pytest.raises(StudyError, match=r"studies/nothing.yaml. Allowed: .*quick"):
        load_study("nothing")


def test_the_quick_study_covers_the_batch_sizes_of_the_question():
    study = load_study("quick")
    assert sorted({config.batch_size for config in study.runs.values()}) == [1, 2, 4, 8, 16, 32]
    assert {config.image_size >= 107 for config in study.runs.values()} == {True}


def test_without_a_showcase_the_first_run_is_shown():
    study = parse_study("two", TWO.replace("showcase: {batch_size: 4, seed: 1}", ""))
    assert study.showcase == next(iter(study.runs))


def test_every_lever_can_be_varied_by_a_study():
    study = parse_study(
        "levers",
        """
title: Levers
defaults: {batch_size: 8}
experiments:
  ghost: {fixed: {normalization: ghost}, grid: {ghost_batch_size: [1, 4]}}
  masked: {grid: {masked_loss_batch_size: [1, 4]}}
  arms: {grid: {normalization: [group, frozen]}}
  momentum: {grid: {batch_norm_momentum: [0.9, scaled]}}
  remedies: {fixed: {dropout: 0.2, label_smoothing: 0.1, weight_decay: 0.0005}, grid: {augmentation: [flip, mixup]}}
  stopping: {fixed: {early_stopping_patience: 3, warmup_epochs: 1.5}, grid: {dropout_between_batch_norms: [0.1]}}
""",
    )
    assert [len(runs) for runs in study.experiments.values()] == [2, 2, 2, 2, 2, 1]
    assert len(study.runs) == 11
    assert {config.normalization for config in study.runs.values()} == {"batch", "ghost", "group", "frozen"}


MEASURED = """
title: Training and measuring
defaults: {batch_size: 8, n_train: 64}
experiments:
  sizes: {grid: {batch_size: [8, 32], seed: [0, 1]}}
  coins: {notebook: coin, priority: 1, fixed: {throws: 20}, grid: {bias: [0.2, 0.4], seed: [0, 1]}}
  probes: {notebook: probe, grid: {probes: [1, 2], seed: [0, 1]}}
"""


def test_each_experiment_runs_its_notebook(measuring):
    study = parse_study("measured", MEASURED)
    notebooks = {name: {study.runs[run].NOTEBOOK for run in runs} for name, runs in study.experiments.items()}
    assert notebooks == {"sizes": {"retrain"}, "coins": {"coin"}, "probes": {"probe"}}
    assert {study.runs[run].throws for run in study.experiments["coins"]} == {20}
    assert len(study.runs) == 12
    assert {config.record_folder for config in study.runs.values()} == {"results/measured"}
    assert study.runs[study.showcase].NOTEBOOK == "retrain"


def test_a_studys_defaults_are_for_notebooks_that_train(measuring):
    study = parse_study("measured", MEASURED)
    assert {study.runs[run].batch_size for run in study.experiments["probes"]} == {8}  # not the notebook's own 4
    known_to_none = MEASURED.replace("n_train: 64", "throws: 3")
    with pytest.raises(StudyError, match=r"experiment 'sizes': throws = 3: there is no such parameter"):
        parse_study("measured", known_to_none)
    without_sizes = "\n".join(line for line in known_to_none.splitlines() if "sizes:" not in line)
    with pytest.raises(StudyError, match=r"experiment 'probes': throws = 3: there is no such parameter"):
        parse_study("measured", without_sizes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("notebook: coin", "notebook: dice", r"experiment 'coins': notebook = 'dice' is not allowed. Allowed: retrain"),
        ("bias: [0.2", "bies: [0.2", r"experiment 'coins': bies = 0.2.*Did you mean bias"),
        ("throws: 20", "batch_size: 4", r"experiment 'coins': batch_size = 4: there is no such parameter"),
        ("probes: [1", "probes: [0", r"experiment 'probes': probes = 0 is not allowed"),
        ("priority: 1", "priority: high", r"experiments.coins.priority"),
        ("experiments:", "showcase: {bias: 0.4}\nexperiments:", r"showcase.*no run of retrain"),
    ],
)
def test_a_bad_measurement_is_refused_with_its_reason(measuring, old, new, message):
    with pytest.raises(StudyError, match=message):
        parse_study("measured", MEASURED.replace(old, new, 1))


def test_runs_start_by_priority_and_then_seed_by_seed(measuring):
    study = parse_study("measured", MEASURED)
    queue = study.queue()
    assert sorted(queue) == sorted(study.runs)
    assert [(study.runs[run].NOTEBOOK, study.runs[run].seed) for run in queue] == [
        *[("coin", 0)] * 2, *[("coin", 1)] * 2,
        *[("retrain", 0)] * 2, *[("probe", 0)] * 2, *[("retrain", 1)] * 2, *[("probe", 1)] * 2,
    ]  # fmt: skip


def test_a_shared_run_has_the_highest_priority_of_its_experiments():
    study = parse_study("two", TWO.replace("fixed: {batch_size: 32}", "fixed: {batch_size: 32}\n    priority: -1"))
    shared = set(study.experiments["sizes"]) & set(study.experiments["rates"])
    assert len(shared) == 2 and {study.priorities[run] for run in shared} == {0}
    assert {study.priorities[run] for run in set(study.experiments["rates"]) - shared} == {-1}


def test_a_study_that_only_measures_shows_no_training_run(measuring):
    study = parse_study("coins", "{title: Coins, experiments: {a: {notebook: coin, grid: {seed: [0]}}}}")
    assert study.showcase is None and len(study.runs) == 1


def test_a_mapping_in_a_grid_sets_several_parameters_together():
    text = """
title: Pairs
experiments:
  remedies:
    grid:
      remedy: [{}, {batch_size: 10}, {normalization: ghost, ghost_batch_size: 8}]
      seed: [0, 1]
"""
    configs = list(parse_study("pairs", text).runs.values())
    found = [(c.seed, c.batch_size, c.normalization, c.ghost_batch_size) for c in configs]
    arms = [(32, "batch", None), (10, "batch", None), (32, "ghost", 8)]
    assert found == [(seed, *arm) for seed in (0, 1) for arm in arms]
