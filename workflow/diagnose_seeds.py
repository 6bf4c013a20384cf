"""Measure what the three examples of the page about `diagnose` show in every seed: `python -m workflow.diagnose_seeds`.

Runs the page's own cells, for ten seeds, and writes a row per training into `results/diagnose-example/seeds.csv`, from
which the page takes its numbers. Rows that are there are not trained again.
"""

import os
from collections.abc import Callable

import pandas as pd

from smallbatch.paths import in_project
from smallbatch.study.files import write_if_changed
from workflow.page_cells import cells_of

PAGE, TABLE = "diagnose", "results/diagnose-example/seeds.csv"
SEEDS = range(10)
# The names that the page gives to its three networks.
EXAMPLES = ("lagging", "memorizing", "sound")
SETTING = ["example", "seed"]
PARTS = ["small normalization batch", "overfitting", "moving averages"]


def read() -> pd.DataFrame:
    """Return the table: a row per training, the gap and its parts in points, causes joined by "; " ("none")."""
    path = in_project(TABLE)
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=[*SETTING, "causes", "gap", *PARTS])


def run_page(example: str, seed: int):
    """Run the page's cells that an example needs, with another seed than the page has; return its diagnosis."""
    cells = cells_of(PAGE)
    needed = {name: next(k for k, cell in enumerate(cells) if f"diagnose({name}," in cell) for name in EXAMPLES}
    names: dict = {}
    for cell in cells[: min(needed.values())]:
        exec(cell, names)
    assert "seed" in names, "the page no longer sets a seed"
    names["seed"] = seed
    exec(cells[needed[example]], names)
    return names["found"]


def row_of(example: str, seed: int, found) -> dict:
    """Return a diagnosis as a row of the table."""
    points = found.parts["points"]
    row = {"example": example, "seed": seed, "causes": "; ".join(found.causes) or "none", "gap": points.sum()}
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in (row | {
        part: float(points[part]) for part in PARTS
    }).items()}  # fmt: skip


def measure(run: Callable, settings) -> pd.DataFrame:
    """Diagnose what the table lacks with `run(example, seed)`, write each row as it comes, return all."""
    table = read()
    done = set(table[SETTING].itertuples(index=False, name=None))
    for example, seed in settings:
        if (example, seed) in done:
            continue
        row = pd.DataFrame([row_of(example, seed, run(example, seed))])
        table = row if table.empty else pd.concat([table, row], ignore_index=True)
        path = in_project(TABLE)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_if_changed(path, table.sort_values(SETTING).to_csv(index=False))
        print(*row.iloc[0], sep=", ", flush=True)
    return table


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    measure(run_page, [(example, seed) for seed in SEEDS for example in EXAMPLES])
