"""A made-up study whose truth is known: its tables in memory, and written as a study's folder that pages can show.

`python -m tests.simulated FOLDER sgd=1` writes one by hand, to look at figures before there are runs.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pandas as pd

from smallbatch import claims
from smallbatch.claims import words
from smallbatch.claims.catalogue import find_claim
from smallbatch.claims.tables import FILES
from smallbatch.study import records
from smallbatch.training.config import RunConfig

SIZES = [1, 2, 4, 8, 16, 32]
SEEDS = range(6)
N_IMAGES = 200
BASE = {"dataset": "clothing", "n_train": 960, "epochs": 20, "learning_rate": 0.01, "image_size": 107, "width": 0.25,
        "depth": 0.2}  # fmt: skip
EVALUATIONS = ("moving", "batch", "recalibrated")


def grid(name, values, **fixed):
    return [{**BASE, **fixed, name: value} for value in values]


ONE_CHANGE = [
    {},
    {"dropout": 0.2},
    {"dropout_between_batch_norms": 0.1},
    {"weight_decay": 0.0005},
    {"augmentation": "flip"},
    {"batch_norm_momentum": "scaled"},
    {"batch_norm_momentum": 0.9},
    {"normalization": "ghost", "ghost_batch_size": 8},
    {"batch_size": 10},
]
EXPERIMENTS = {
    "batch_size": grid("batch_size", SIZES),
    "linear_scaling": grid("batch_size", SIZES, learning_rate_scaling="linear"),
    "fixed_steps": grid("batch_size", SIZES[2:], steps=600),
    "search": [p for rate in (0.0025, 0.005, 0.02, 0.04) for p in grid("batch_size", SIZES, learning_rate=rate)],
    "tuned": grid("batch_size", SIZES, learning_rate=0.02),
    "masked_loss": grid("masked_loss_batch_size", [1, 4, 16]),
    "ghost": grid("ghost_batch_size", [1, 2, 4, 8, 16], normalization="ghost"),
    "group_norm": grid("batch_size", SIZES, normalization="group"),
    "momentum_lag": [
        {**BASE, "batch_size": size, "batch_norm_momentum": memory}
        for size in (10, 32)
        for memory in (0.9, 0.99, 0.9997, "scaled")
    ],
    "momentum_lag_as_asked": [{**BASE, "batch_size": size, "batch_norm_momentum": 0.9953} for size in (10, 32)],
    "remedies": [BASE | change for change in ONE_CHANGE],
    "duration": [
        {**BASE, "epochs": 60, "batch_size": size, "early_stopping_patience": patience}
        for size in (10, 32)
        for patience in (None, 60)
    ],
}
# As the study files spell them out.
FAMILIES = {"momentum_lag": ("momentum_lag_as_asked",)}


@dataclasses.dataclass(frozen=True)
class Truth:
    """What is so in a made-up study, in points of test error unless said otherwise.

    A tuple is an effect and how far seeds differ in it: even seeds have the sum, odd ones the difference.
    """

    sgd: tuple = (0.0, 0.0)  # per doubling of the images with a loss
    norm: tuple = (0.0, 0.0)  # per doubling of the images normalized together
    bend: tuple = (0.0, 0.0)  # per doubling squared, away from 4 images
    lag: dict = dataclasses.field(default_factory=dict)  # more error with moving averages, by momentum; half at 10
    dropout: tuple = (0.0, 0.0)
    remedy: tuple = (0.0, 0.0)  # of weight decay
    regret: tuple = (0.0, 0.0)  # of 60 epochs
    twice: tuple = (1.0, 0.0)  # doublings of the time from batch size 32 to 1
    limit: tuple = (0.0, 0.0)  # doublings of the largest stable rate from 32 to 1
    rate: float = 0.005  # the best learning rate at batch size 1; at 32 it is 0.02
    noise: float = 0.02  # standard deviation of a run


def of_seed(effect, seed):
    return effect[0] + effect[1] * (1 if seed % 2 == 0 else -1)


def error_of(config, truth, generator):
    """Return the test error of each evaluation, in points."""
    seed, doublings = config.seed, np.log2(config.sgd_batch_size)
    error = 30 + 2 * np.sin(seed) + generator.normal(0, truth.noise)
    error += of_seed(truth.sgd, seed) * doublings + of_seed(truth.bend, seed) * (doublings - 2) ** 2
    if config.normalization_batch_size:
        error += of_seed(truth.norm, seed) * np.log2(config.normalization_batch_size)
    error += of_seed(truth.dropout, seed) * (config.dropout + config.dropout_between_batch_norms > 0)
    error += of_seed(truth.remedy, seed) * (config.weight_decay > 0)
    error += of_seed(truth.regret, seed) * (config.epochs == 60 and config.early_stopping_patience is None)
    best = {1: truth.rate}.get(config.batch_size, 0.02)
    error += 0.5 * abs(np.log2(config.scaled_learning_rate() / best)) * (config.learning_rate != 0.01)
    lag = of_seed(truth.lag.get(config.batch_norm_momentum, (0, 0)), seed) / (2 if config.batch_size == 10 else 1)
    return {"moving": error + lag, "batch": error, "recalibrated": error}


def study(seeds=SEEDS, experiments=tuple(EXPERIMENTS), n_classes=10, **truth):
    """Return the tables of a made-up study, as gathering would leave them."""
    truth = Truth(**truth)
    rows, histories, correct = [], [], []
    difficulty = np.random.default_rng(0).permutation(N_IMAGES)
    for run, (config, names) in members(tuple(experiments), tuple(seeds)).items():
        errors = error_of(config, truth, np.random.default_rng([config.seed, *run.encode()]))
        doublings = 5 - np.log2(config.sgd_batch_size)
        seconds = 60 * 2 ** (of_seed(truth.twice, config.seed) * doublings / 5)
        rows.append({"run": run, "experiments": " ".join(names)} | row_of(config, errors, seconds))
        histories.append(history_of(run, config, errors["moving"], seconds))
        packed = {name: records.pack_correct(difficulty >= N_IMAGES * error / 100) for name, error in errors.items()}
        correct.append({"run": run} | packed)
    runs = pd.DataFrame(rows)
    limits = short_trainings(seeds, truth)
    history = pd.concat(histories, ignore_index=True)
    return claims.Tables(runs, history, pd.DataFrame(correct), limits, n_classes, FAMILIES)


def with_combination(tables, effect):
    """Add runs of experiment `remedies` with two of its changes at once; `effect` is theirs on the error, in points."""
    runs = tables.runs
    combined = runs[runs["experiments"].str.contains("remedies") & (runs["dropout_between_batch_norms"] > 0)]
    combined = combined.assign(run=combined["run"] + "-both", weight_decay=0.0005)
    for name in combined.columns[combined.columns.str.endswith("_accuracy")]:
        combined[name] -= combined["seed"].map(lambda seed: of_seed(effect, seed)) / 100
    return dataclasses.replace(tables, runs=pd.concat([runs, combined], ignore_index=True))


@functools.cache
def members(experiments, seeds):
    """Return, by run, its parameters and the experiments that it belongs to."""
    found = {}
    for experiment in experiments:
        for seed in seeds:
            for parameters in EXPERIMENTS[experiment]:
                config = RunConfig.create(**parameters, seed=seed)
                found.setdefault(config.run_id(), (config, []))[1].append(experiment)
    return found


def row_of(config, errors, seconds):
    accuracies = {
        f"{name}_{split}_accuracy": 1 - errors[name] / (100 if split != "train" else 400)
        for name in EVALUATIONS
        for split in ("train", "validation", "test")
    }
    losses = {name.replace("accuracy", "loss"): 3 * (1 - value) for name, value in accuracies.items()}
    return {
        "outcome": "finished",
        # A list is text in a table.
        **{name: str(v) if isinstance(v, list) else v for name, v in config.identity().items()},
        "used_learning_rate": config.scaled_learning_rate(),
        "used_batch_norm_momentum": config.momentum_of_averages(),
        "used_sgd_batch_size": config.sgd_batch_size,
        "used_normalization_batch_size": config.normalization_batch_size,
        **accuracies,
        **losses,
        "images_train": config.n_train,
        "images_validation": 341,
        "images_test": N_IMAGES,
        "epochs_done": config.epochs,
        "kept_epoch": config.epochs,
        "steps_done": config.epochs * config.n_train // config.batch_size,
        "seconds_training": seconds,
        **{f"seconds_{name}": 10.0 for name in EVALUATIONS},
        "memory_peak_mib": 1300,
        "processor": "a processor",
        "accelerators": np.nan,
        "backend": "tensorflow",
    }


def history_of(run, config, error, seconds):
    """Return a row for every fourth epoch, numbered without gaps."""
    epochs = np.arange(1, config.epochs // 4 + 1)
    return pd.DataFrame(
        {
            "run": run,
            "epoch": epochs,
            "seconds": seconds * epochs / len(epochs) + 0.5 * (epochs - 1),
            "seconds_lag": 0.5,
            "train_loss": 2.0 / epochs,
            "train_accuracy": 1 - 0.5 / epochs,
            "validation_loss": 0.5 + 2.0 / epochs,
            "validation_accuracy": (1 - error / 100) * (0.5 + epochs / (2 * len(epochs))),
            **dict.fromkeys(("lag_mean", "lag_sd"), 0.5 / epochs),
            **dict.fromkeys(("lag_mean_worst", "lag_sd_worst"), 1.5 / epochs),
        }
    )


RATES = 2.0 ** np.arange(-10, 4.1, 0.25)


def short_trainings(seeds, truth):
    """Return a row per short training, and one of a single step, as the notebook's table is after gathering."""
    rows = [{"run": "checkpoint-0", "seed": 0, "measurement": "one step", "batch_norm": "recalibrated",
             "batch_size": 1, "repetition": 0, "learning_rate": 0.1, "loss": 1.0, "stable": np.nan}]  # fmt: skip
    for run in seeds:
        for size in SIZES:
            for repetition in range(2):
                limit = 2 ** (-3 + (5 - np.log2(size)) / 5 * of_seed(truth.limit, run) + 0.25 * repetition)
                for batch_norm in ("batch", "recalibrated"):
                    rows += [
                        {"run": f"checkpoint-{run}", "seed": run, "measurement": "short training",
                         "batch_norm": batch_norm, "batch_size": size, "repetition": repetition,
                         "learning_rate": rate, "loss": 1.0, "stable": bool(rate <= limit)}
                        for rate in RATES
                    ]  # fmt: skip
    return pd.DataFrame(rows)


def judged(tables, claim, *names):
    """Return the verdicts on a claim; on the primary and these other analyses only, which takes less time than all."""
    described = find_claim(claim)

    def chosen(tables):
        every = described.registered.analyses(tables)
        kept = [tuple(each for each in part if each.name in names) for part in (every.sensitivity, every.related)]
        return claims.Analyses(every.primary, *kept)

    plan = dataclasses.replace(described.registered, analyses=chosen)
    return claims.judge(tables, [dataclasses.replace(described, registered=plan) if names else described])


def primary(tables, claim):
    """Return the verdict of a claim's primary analysis."""
    return judged(tables, claim, claims.PRIMARY)[claim]


def verdict_of(tables, claim, analysis):
    """Return the verdict of another analysis of a claim."""
    return judged(tables, claim, analysis)[claim, analysis]


def assert_answer(tables, claim, kind, beginning, *names):
    """Check the kind of a claim's verdict and how its short answer begins."""
    verdicts = judged(tables, claim, claims.PRIMARY, *names)
    assert verdicts[claim].kind == kind, verdicts[claim]
    assert words.answer(verdicts, claim).startswith(beginning)


def write_tables(folder, tables):
    """Write tables where gathering would leave them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in FILES.items():
        if not (table := getattr(tables, name)).empty:
            table.to_csv(folder / file, index=False)


def write(folder, combination=None, **truth):
    """Write the tables of a made-up study where gathering would leave them."""
    folder = Path(folder)
    tables = study(**truth)
    if combination:
        tables = with_combination(tables, combination)
    write_tables(folder, tables)
    checkpoints = tables.stable_learning_rate[["run", "seed"]].drop_duplicates().assign(processor="a processor")
    checkpoints.to_csv(folder / "stable_learning_rate-summary.csv", index=False)


if __name__ == "__main__":
    import sys

    write(sys.argv[1], **{name: (float(value), 0.1) for name, value in (pair.split("=") for pair in sys.argv[2:])})
