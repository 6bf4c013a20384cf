"""The numbers of the page about the price of a batch size: hours, memory, and minutes beside test errors."""

import pandas as pd
from scipy import stats

from smallbatch.claims import NotMeasured, words
from smallbatch.figures.catalogue.training_time import measured_cost, network_name, price, two_digits
from smallbatch.figures.evidence import Evidence
from smallbatch.measurements.cost.memory import check_of_the_count, largest_that_fits, memory_on_gpu
from smallbatch.measurements.cost.parameters import FULL, MINIATURE, Config
from smallbatch.measurements.cost.summary import hours_of_a_run
from smallbatch.measurements.cost.table import CARD, HERE, medians
from workflow.page_tables import analyses, named, of_published

AMENDED = {
    ("runtime", "main"): "Wall time of whole trainings (primary analysis)",
    ("runtime", "an epoch in full swing"): "An epoch after the first, without start-up",
    ("runtime", "BCa interval"): "Wall time of whole trainings, bootstrap (BCa) interval",
}
REGISTERED = {
    ("runtime", "main"): "Wall time of whole trainings (primary analysis)",
    ("runtime", "an epoch in full swing"): "An epoch after the first, without start-up",
    ("runtime", "time to the same validation accuracy"): "Time to the same validation accuracy, moving averages",
}
KEYS = ["machine", "network", "image_size", "batch_size"]


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence = Evidence(study)
    amended, registered = evidence.amended, evidence.verdicts
    return {
        "runtime_answer": words.answer(amended, "runtime"),
        **named("runtime", amended["runtime"]),
        "registered_runtime": registered["runtime"].word,
        "analyses": analyses(amended, AMENDED),
        "registered": analyses(registered, REGISTERED),
        "price": price_by_size(evidence),
        **measured(evidence),
        **of_published(("one", "many", "off"), _price_of_a_step),
    }


def price_by_size(evidence: Evidence) -> dict:
    """Return mean minutes and test error (recalibrated) of the study's runs by batch size."""
    head = ["Batch size", "Runs", "Minutes", "Test error, recalibrated (%)"]
    try:
        table = price(evidence).table.dropna(subset=["minutes", "test_error"])
    except NotMeasured:
        return {"head": head, "rows": []}
    groups = table.groupby("batch_size")
    means, sizes = groups[["minutes", "test_error"]].mean(), groups.size()
    rows = [
        [str(size), str(sizes[size]), f"{row.minutes:.1f}", f"{row.test_error:.1f}"] for size, row in means.iterrows()
    ]
    return {"head": head, "rows": rows}


def measured(evidence: Evidence) -> dict:
    """Return what the notebook `cost` measured and estimated; without a run of it, its default assumptions alone."""
    try:
        config, table, _, run = measured_cost(evidence)
    except NotMeasured:
        empty = {name: {"head": [""], "rows": []} for name in ("hours_here", "hours_on_gpu", "fitting", "check")}
        texts = dict.fromkeys(("full_hours", "full_batch", "processor", "busy"), "")
        return {"measured": False, **assumptions(Config()), **empty, **texts}
    hours = hours_of_a_run(config, table).set_index(KEYS)["hours_of_run"]
    return {
        "measured": True,
        **assumptions(config),
        "hours_here": table_of_hours(config, hours, HERE, MINIATURE),
        "hours_on_gpu": table_of_hours(config, hours, CARD, FULL),
        **full_network(config, hours),
        "fitting": fitting(config, memory_on_gpu(config, table)),
        "check": check(config, table),
        "processor": run["processor"].item(),
        "busy": f"{run['measured_busy_cores_before'].item():.2f}",
    }


def assumptions(config: Config) -> dict[str, str]:
    """Return the parameters of the notebook that the text names."""
    return {
        "epochs_of_a_run": f"{config.epochs_of_a_run:,}",
        "images_of_a_run": f"{config.images_of_a_run:,}",
        "small": str(config.batch_sizes[0]),
        "large": str(config.batch_sizes[-1]),
        "larger": str(config.image_sizes[-1]),
        "threads": f"{config.threads} thread{'s' * (config.threads > 1)}",
        "rounds": str(config.rounds),
        "memory": f"{config.card_memory_gib:g}",
        "tflops": f"{config.card_tflops:g}",
        "gbs": f"{config.card_gb_per_second:g}",
        "efficiency": f"{100 * config.card_efficiency:.0f}",
        "start": f"{config.card_start_microseconds:g}",
    }


def table_of_hours(config: Config, hours: pd.Series, machine: str, network: str) -> dict:
    """Return the hours of the run at the smallest and the largest batch size, a row per image size."""
    small, large = config.batch_sizes[0], config.batch_sizes[-1]
    rows = []
    for size in config.image_sizes:
        one, many = (hours.get((machine, network, size, batch)) for batch in (small, large))
        if one and many:
            rows.append([network_name(network, size), two_digits(one), two_digits(many), f"{one / many:.1f}"])
    head = ["Network and images", f"Hours at batch size {small}", f"Hours at batch size {large}", "Times as long"]
    return {"head": head, "rows": rows}


def full_network(config: Config, hours: pd.Series) -> dict[str, str]:
    """Return the hours that the full network would take here, and the batch size that this was measured at."""
    batch = config.full_network_batch_sizes[0] if config.full_network_batch_sizes else 1
    found = hours.get((HERE, FULL, config.image_sizes[-1], batch))
    return {"full_hours": two_digits(found) if found else "", "full_batch": str(batch)}


def fitting(config: Config, on_gpu: pd.DataFrame) -> dict:
    """Return which batch sizes fit on the GPU at the larger images, by each method."""
    rows = []
    for method, part in on_gpu[on_gpu["image_size"] == config.image_sizes[-1]].groupby("method", sort=False):
        sizes = [str(batch) for batch in part.loc[part["fits"], "batch_size"]]
        rows.append([method, ", ".join(sizes) or "none", str(largest_that_fits(config, part.iloc[0]))])
    return {"head": ["Estimate", "Batch sizes tried that fit", "Largest that would fit"], "rows": rows}


def check(config: Config, table: pd.DataFrame) -> dict:
    """Return the memory of one image more, measured over counted, by network."""
    labels = {network.label: network_name(network.name, network.image_size) for network in config.measured()}
    rows = [[labels[name], f"{one['ratio']:.2f}"] for name, one in check_of_the_count(config, table).items()]
    return {"head": ["Network and images", "Memory of one image more, measured over counted"], "rows": rows}


def _price_of_a_step(evidence: Evidence) -> dict[str, str]:
    """Return which part (%) of a step of the miniature at its smaller images does not depend on the batch.

    By a line through the times of all batch sizes: with one image, with 32, and how far the line is off at most.
    """
    config, table, _, _ = measured_cost(evidence)
    wide = medians(table, HERE, ["seconds_per_step"]).reset_index()
    wide = wide[(wide["network"] == MINIATURE) & (wide["image_size"] == config.image_sizes[0])]
    sizes, seconds = wide["batch_size"], wide["seconds_per_step"]
    line = stats.linregress(sizes, seconds)
    on_line = line.intercept + line.slope * sizes
    one, many = (100 * line.intercept / (line.intercept + line.slope * size) for size in (1, 32))
    return {"one": f"{one:.0f}", "many": f"{many:.0f}", "off": f"{100 * (seconds / on_line - 1).abs().max():.0f}"}
