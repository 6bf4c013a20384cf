"""Figures of the page "What it costs"."""

import pandas as pd

from smallbatch.claims import NotMeasured
from smallbatch.figures import cost as drawn
from smallbatch.figures import describe
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence
from smallbatch.figures.price import error_against_time
from smallbatch.measurements.cost.memory import memory_on_gpu
from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.summary import hours_of_a_run
from smallbatch.measurements.cost.table import CARD, COUNTED, HERE, PROCESS
from smallbatch.paths import in_project
from smallbatch.statistics import error_points
from smallbatch.study.records import read_record

COLUMNS = ["status", "machine", "network", "image_size", "batch_size", "method", "round", "quantity", "value"]
TIMES = ("seconds_per_epoch", "images_per_second")


def measured(evidence: Evidence) -> tuple[Config, pd.DataFrame, str, pd.DataFrame]:
    """Return the parameters, the table, the study and the row of the run of notebook `cost`, the first if several."""
    points, summaries, study = evidence.measurement("cost")
    summary = summaries.head(1)
    run = summary["run"].item()
    record = read_record(in_project("results") / study / "runs" / run)
    if record is None:
        raise NotMeasured(f"the record of {run} is not there")
    config = Config.create(**record["parameters"])
    return config, points.loc[points["run"] == run, COLUMNS].reset_index(drop=True), study, summary


def _time(evidence: Evidence) -> Data:
    _, table, study, run = measured(evidence)
    here, card = (
        table["method"] == PROCESS,
        (table["machine"] == CARD) & (table["method"] == COUNTED),
    )
    return Data(table[(here | card) & table["quantity"].isin(TIMES)], study, run)


def _time_alt(table: pd.DataFrame) -> str:
    rows = _named(table[table["quantity"] == "images_per_second"])
    text = describe.lines(
        rows.groupby(["line", "batch_size"], sort=False)["value"].median().reset_index(), "line", "batch_size", "value"
    )
    return f"Two line charts against batch size, seconds per epoch and images per second. Images per second: {text}."


def _hours(evidence: Evidence) -> Data:
    config, table, study, run = measured(evidence)
    return Data(hours_of_a_run(config, table), study, run)


def _hours_alt(table: pd.DataFrame) -> str:
    epochs, images = table["epochs_of_a_run"].iloc[0], table["images_of_a_run"].iloc[0]
    text = describe.lines(_named(table), "line", "batch_size", "hours_of_run", 2)
    return f"Bar charts of the hours of {epochs} epochs of {images:,} images, by batch size. {text}."


def _memory(evidence: Evidence) -> Data:
    config, table, study, run = measured(evidence)
    return Data(memory_on_gpu(config, table), study, run)


def _memory_alt(table: pd.DataFrame) -> str:
    named = table.assign(line=[f"{row.method}, {row.image_size} px" for row in table.itertuples()])
    text = describe.lines(named, "line", "batch_size", "memory_gib")
    card = table["card_memory_gib"].iloc[0]
    over = table.loc[~table["fits"], ["image_size", "method", "batch_size"]]
    beyond = "All points lie below it" if over.empty else f"{len(over)} of {len(table)} points lie above it"
    return (
        f"Line chart of the memory that the full network is estimated to take, in GiB by batch size, with a line at "
        f"the {card:g} GiB of the card. {beyond}. {text}."
    )


def _count(evidence: Evidence) -> Data:
    _, table, study, run = measured(evidence)
    rows = (table["machine"] == HERE) & (table["quantity"] == "memory_mib")
    return Data(table[rows].drop(columns="round"), study, run)


def _count_alt(table: pd.DataFrame) -> str:
    words = {PROCESS: "measured", COUNTED: "counted"}
    lines = [f"{drawn.network_name(r.network, r.image_size)}, {words[r.method]}" for r in table.itertuples()]
    text = describe.lines(table.assign(line=lines), "line", "batch_size", "value", 0)
    return f"Line charts of the memory of training in MiB by batch size, a chart per network. {text}."


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `line`: network, image size and machine in words."""
    names = [f"{drawn.network_name(r.network, r.image_size)}, {drawn.where(r.machine)}" for r in table.itertuples()]
    return table.assign(line=names)


def price(evidence: Evidence) -> Data:
    """Return minutes of training and test error of every run that differs in its batch size.

    Minutes are those of `fit`: following the moving averages after each epoch, which only this book does, is left out.
    """
    data = evidence.experiment("batch_size", ["batch_size", "outcome", "seconds_training"])
    spent = data.runs["seconds_training"].to_numpy()
    history = evidence.tables.history
    if "seconds_lag" in history:
        spent = spent - history.groupby("run")["seconds_lag"].sum().reindex(data.runs["run"]).fillna(0).to_numpy()
    errors = error_points(data.runs["recalibrated_test_accuracy"], evidence.tables.n_classes).to_numpy()
    table = data.table.drop(columns="seconds_training").assign(minutes=spent / 60, test_error=errors)
    return Data(table, data.study, data.runs)


def _price_alt(table: pd.DataFrame) -> str:
    minutes = describe.means(table, "batch_size", "minutes")
    errors = describe.means(table, "batch_size", "test_error", 1, 1.0, " %")
    return (
        f"Scatter chart of {len(table)} runs, test error against minutes of training. Mean minutes by batch size: "
        f"{minutes}. Mean test error: {errors}."
    )


FIGURES = [
    Citable(
        "time-by-batch-size",
        "Time of an epoch, and images per second, by batch size",
        "Time of an epoch of training and images per second against batch size, a line per network and image size. "
        "Filled markers are measured on the machine named below, each batch size in a process of its own; a small dot "
        "is a round, lines join the medians. Hollow markers on dashed lines are an estimate "
        "for a graphics card of the K80 class, from a count of the layers and assumed speeds: read them as the least "
        "that small batches cost there.",
        _time,
        drawn.time_by_batch_size,
        _time_alt,
    ),
    Citable(
        "hours-of-a-run",
        "Hours of a whole training run, by batch size",
        "Hours of training for the run that the question describes, by batch size, a panel per network, image size and "
        "machine; each panel has its own axis. Filled bars follow from steps that were timed on the machine named "
        "below (median of the rounds), hatched bars are an estimate for a graphics card of the K80 class, from a count "
        "of the layers and assumed speeds. Evaluations and start-up are not in it.",
        _hours,
        drawn.hours_by_batch_size,
        _hours_alt,
    ),
    Citable(
        "memory-by-batch-size",
        "Memory of training the full network, by batch size",
        "Memory that training the full Inception-ResNet-v2 takes, against batch size, by up to three ways to estimate "
        "it, and what a graphics card of the K80 class leaves to a program (assumed). All points are estimates: no "
        "card was used. Not in them is the scratch space that a card's libraries take.",
        _memory,
        drawn.memory_by_batch_size,
        _memory_alt,
    ),
    Citable(
        "memory-count-and-measured",
        "Memory of training: measured beside a count of the layers",
        "Memory that training took on the machine named below, beside what a count of the layers says, against batch "
        "size, a panel per network. The count knows nothing of what a framework holds besides, so levels differ; it "
        "is the slopes, the memory of one image more, that it claims to know.",
        _count,
        drawn.count_against_measurement,
        _count_alt,
    ),
    Citable(
        "error-against-time",
        "The price of a batch size: test error against time of training",
        "Test error (recalibrated evaluation) against the wall time of training, at one learning rate and the same "
        "number of epochs for all batch sizes. Small dots are runs (one per seed; hollow: it diverged), large ones the "
        "means of a batch size. Times are those of the records, with whatever else the machine did meanwhile.",
        price,
        error_against_time,
        _price_alt,
    ),
]
