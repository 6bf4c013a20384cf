"""Figures of the page "How fast is it?", from the benchmark's own tables, whatever the study."""

import json

import pandas as pd

from smallbatch.figures import describe
from smallbatch.figures import speed as drawn
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence
from smallbatch.paths import in_project

BENCH = "bench"


def _steps(evidence: Evidence) -> Data:
    folder = in_project("results") / BENCH
    tables = []
    for network in drawn.NETWORKS:
        floors = json.loads((folder / f"{network}.json").read_text())["floor_seconds"]
        table = pd.read_csv(folder / f"{network}.csv")
        tables.append(table.assign(floor_seconds=table["batch_size"].astype(str).map(floors)))
    return Data(pd.concat(tables, ignore_index=True), BENCH)


def _steps_alt(table: pd.DataFrame) -> str:
    medians = table.groupby(["network", "contender", "batch_size"], sort=False)["seconds"].median().reset_index()
    names = [f"{drawn.NETWORKS[row.network]}, {drawn.CONTENDERS[row.contender]}" for row in medians.itertuples()]
    text = describe.lines(medians.assign(line=names), "line", "batch_size", "seconds", 0, 1000, " ms")
    return (
        "Two line charts with logarithmic axes, milliseconds per training step by batch size, and a grey area below "
        f"that no line can enter. {text}."
    )


def _growth(evidence: Evidence) -> Data:
    return Data(pd.read_csv(in_project("results") / BENCH / "growth.csv"), BENCH)


def _growth_alt(table: pd.DataFrame) -> str:
    parts = []
    for quantity, title in drawn.TITLES.items():
        rows = table[table["quantity"] == quantity]
        seconds = rows.groupby("proportional_to")["seconds"].median()
        work, time = seconds.index.max() / seconds.index.min(), seconds.iloc[-1] / seconds.iloc[0]
        parts.append(f"{title}: {work:.0f} times the work takes {time:.1f} times as long")
    return f"Scatter charts of time against work beside a diagonal of exact proportion. {'; '.join(parts)}."


FIGURES = [
    Citable(
        "steps-beside-peers",
        "Time of a training step beside other frameworks",
        "Time of a training step against batch size, for the miniature network (a quarter of the filters, a fifth of "
        "the blocks) and the full Inception-ResNet-v2, images of 139 pixels. A dot is the median of a round, lines go "
        "through the medians of the rounds; contenders took turns within each round. The grey area ends at the floor, "
        "the time that the machine would need for the network's multiplications, or to move its numbers, if it did "
        "nothing else.",
        _steps,
        drawn.steps_beside_peers,
        _steps_alt,
    ),
    Citable(
        "growth",
        "How the time of training grows with the work",
        "Time against work, both as multiples of the smallest case, for the miniature at batch size 8. Work is the "
        "number of images, of epochs, of multiplications at image sizes from 107 to 299 pixels, and of runs side by "
        "side. Dots are repetitions; the dotted line is exact proportion.",
        _growth,
        drawn.growth,
        _growth_alt,
    ),
]
