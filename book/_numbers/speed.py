"""The numbers of the page about speed, from the benchmark's own tables (`make bench`), whatever the study."""

import json

import pandas as pd

from smallbatch.figures.catalogue.benchmark import BENCH, CONTENDERS, NETWORKS, TITLES
from smallbatch.measurements.benchmark import growth_exponents, milliseconds_per_step
from smallbatch.paths import in_project

# The batch sizes at which the profiler was run.
PROFILED = (1, 32)


def numbers(study: str) -> dict:
    """Return them by name."""
    folder = in_project("results") / BENCH
    facts = {name: json.loads((folder / f"{name}.json").read_text()) for name in NETWORKS}
    steps = {name: _steps(pd.read_csv(folder / f"{name}.csv"), facts[name]) for name in NETWORKS}
    exponents = growth_exponents(pd.read_csv(folder / "growth.csv"))
    machine = facts["full"]
    return {
        "cores": machine["environment"]["cores"],
        "processor": machine["environment"]["processor"],
        "pixels": machine["image_size"],
        "gflops": f"{machine['gflop_per_second']:.0f}",
        "gbs": f"{machine['gb_per_second']:.0f}",
        "milliseconds": _milliseconds(steps),
        "ratios": _ratios(steps),
        "behind": _behind(steps),
        "start_up": _start_up(facts),
        **{f"power_{quantity.replace(' ', '_')}": f"{exponents[quantity]:.2f}" for quantity in TITLES},
        **_bounds(steps),
        **_gain(steps),
        **_profile(pd.read_csv(folder / "profile.csv")),
    }


def _steps(table: pd.DataFrame, facts: dict) -> pd.DataFrame:
    return milliseconds_per_step(table, {int(size): seconds for size, seconds in facts["floor_seconds"].items()})


def _present(steps: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Return the contenders that were measured with any network, with what they are called."""
    return {name: label for name, label in CONTENDERS.items() if any(name in table for table in steps.values())}


def _table(steps: dict[str, pd.DataFrame], columns: dict[str, str], digits: int) -> dict:
    """Return these columns, {name: heading}, with a row per network and batch size."""
    rows = [
        [NETWORKS[network], str(size), *(_shown(row.get(name), digits) for name in columns)]
        for network, table in steps.items()
        for size, row in table.iterrows()
    ]
    return {"head": ["Network", "Batch size", *columns.values()], "rows": rows}


def _shown(value: float | None, digits: int) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.{digits}f}"


def _milliseconds(steps: dict[str, pd.DataFrame]) -> dict:
    return _table(steps, {**_present(steps), "floor": "Lower bound"}, 0)


def _ratios(steps: dict[str, pd.DataFrame]) -> dict:
    peers = {f"{name} / ours": label for name, label in _present(steps).items() if name != "ours"}
    return _table(steps, {**peers, "ours / floor": "This project, in lower bounds"}, 1)


def _behind(steps: dict[str, pd.DataFrame]) -> dict:
    """Return the batch sizes at which another framework is faster, with the fastest and its part of our time."""
    rows = []
    for network, table in steps.items():
        peers = table[[name for name in table if name.endswith(" / ours")]]
        for size, part in peers.min(axis=1).items():
            if part < 1:
                fastest = CONTENDERS[peers.loc[size].idxmin().removesuffix(" / ours")]
                rows.append([NETWORKS[network], str(size), fastest, f"{100 * part:.0f}"])
    return {"head": ["Network", "Batch size", "Fastest", "Its time (% of ours)"], "rows": rows}


def _gain(steps: dict[str, pd.DataFrame]) -> dict:
    """Return how many times as long Keras's `fit` takes, for the miniature, at the ends of the range of batch sizes."""
    ratio = steps["miniature"]["keras-tensorflow / ours"]
    smallest, largest = ratio.index.min(), ratio.index.max()
    return {
        "smallest": int(smallest),
        "largest": int(largest),
        "gain_smallest": f"{ratio[smallest]:.1f}",
        "gain_largest": f"{ratio[largest]:.1f}",
    }


def _bounds(steps: dict[str, pd.DataFrame]) -> dict:
    """Return how far our steps are from the lower bound, and at which batch size the farthest."""
    found = {}
    for network, table in steps.items():
        factor = table["ours / floor"]
        found |= {
            f"bound_low_{network}": f"{factor.min():.1f}",
            f"bound_high_{network}": f"{factor.max():.1f}",
            f"bound_at_{network}": int(factor.idxmax()),
        }
    return found


def _start_up(facts: dict[str, dict]) -> dict:
    names = [name for name in CONTENDERS if any(name in each["start_up_seconds"] for each in facts.values())]
    rows = [
        [CONTENDERS[name], *(_shown(each["start_up_seconds"].get(name), 0) for each in facts.values())]
        for name in names
    ]
    return {"head": ["Start-up (s)", *(NETWORKS[network] for network in facts)], "rows": rows}


def _profile(profile: pd.DataFrame) -> dict:
    """Return the parts of a step's time, largest at the smallest batch size first."""
    parts = profile.pivot_table(index="group", columns="batch_size", values="milliseconds", aggfunc="sum")
    parts = (100 * parts / parts.sum()).sort_values(PROFILED[0], ascending=False)
    return {
        **{f"convolutions_{size}": f"{parts.loc['convolutions', size]:.0f}" for size in PROFILED},
        "operations": int(profile.loc[profile["batch_size"] == PROFILED[0], "calls"].sum()),
        "parts": {
            "head": ["Part of a step", *(f"Batch size {size} (%)" for size in PROFILED)],
            "rows": [[group, *(_shown(row[size], 1) for size in PROFILED)] for group, row in parts.iterrows()],
        },
    }
