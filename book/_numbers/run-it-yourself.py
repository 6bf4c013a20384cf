"""The numbers of the page about running the book: estimated hours per study and GPU, and every parameter of a run."""

import pandas as pd

from smallbatch.paths import in_project
from smallbatch.training.config import RunConfig


def numbers(study: str) -> dict:
    """Return them by name."""
    return {"hours": _hours(), "parameters": _parameters()}


def _hours() -> dict:
    """Return the estimates of `bench.gpu_hours`, a row per study, in the order of its table."""
    hours = pd.read_csv(in_project("results/bench/gpu-hours.csv"))
    wide = hours.pivot(index="study", columns="gpu", values="hours").loc[hours["study"].unique(), hours["gpu"].unique()]
    rows = [[[{"code": study}], *map(_two_digits, row)] for study, row in zip(wide.index, wide.to_numpy(), strict=True)]
    return {"head": ["Study", *wide.columns], "rows": rows}


def _two_digits(hours: float) -> str:
    return f"{hours:.2g}" if hours < 10 else f"{hours:.0f}"


def _parameters() -> dict:
    rows = [_parameter(name, described) for name, described in RunConfig.reference().iterrows()]
    return {"head": ["Parameter", "Default", "Meaning", "Allowed"], "rows": rows, "widths": [26, 14, 36, 24]}


def _parameter(name: str, described: pd.Series) -> list:
    unit = f", in {described['unit']}" if described["unit"] else ""
    default = [{"code": described["default"]}, unit]
    return [[{"code": name}], default, _with_code(described["meaning"]), described["allowed"]]


def _with_code(text: str) -> list:
    """Return a text as parts of a cell: what stands between backticks is code."""
    return [{"code": part} if k % 2 else part for k, part in enumerate(text.split("`")) if part]
