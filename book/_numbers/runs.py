"""The numbers of the list of all runs: how many, how they ended, a row for each, and the tables to download."""

import pandas as pd

from smallbatch.study.overview import Overview
from workflow.page_tables import and_list, plural

# Of each column: its heading, and the digits behind the point where it holds numbers.
COLUMNS = {
    "run": ("Run", None),
    "experiments": ("Experiments", None),
    "batch_size": ("Batch size", 0),
    "changed": ("Changed", None),
    "seed": ("Seed", 0),
    "outcome": ("Outcome", None),
    "test_error": ("Test error, moving averages (%)", 1),
    "recalibrated_test_error": ("Test error, recalibrated (%)", 1),
    "recalibrated_train_error": ("Training error, recalibrated (%)", 1),
    "steps": ("Steps", 0),
    "minutes": ("Minutes", 1),
}


def numbers(study: str) -> dict:
    """Return them by name."""
    overview = Overview(study)
    runs, tables = overview.runs(), sorted(overview.study.folder.glob("*.csv"))
    aside = {"a damaged record": overview.damaged, "too little memory": overview.out_of_memory}
    return {
        "study": study,
        "n_planned": overview.n_planned,
        "n_done": overview.n_done,
        "n_diverged": int((runs["outcome"] == "diverged").sum()),
        "hours": f"{runs['minutes'].sum() / 60:.1f}",
        "aside": and_list([f"{plural(len(found), 'run')} with {words}" for words, found in aside.items() if found]),
        "experiments": {
            "head": ["Experiment", "What it is about", "Runs"],
            "rows": [
                [e.experiment, str(e.title), f"{e.done} of {e.planned}"] for e in overview.experiments().itertuples()
            ],
        },
        "runs": {
            "head": [title for title, _ in COLUMNS.values()],
            "rows": [_row(row) for row in runs.to_dict("records")],
            "numeric": [digits is not None for _, digits in COLUMNS.values()],
        },
        "tables": {
            "head": ["File", "Size (kB)"],
            "rows": [[path.name, f"{path.stat().st_size / 1000:,.0f}"] for path in tables],
        },
    }


def _row(row: dict) -> list[str]:
    return [_cell(row[name], digits) for name, (_, digits) in COLUMNS.items()]


def _cell(value, digits: int | None) -> str:
    """Return a value as the table shows it; what a run does not have is empty."""
    if pd.isna(value):
        return ""
    return str(value) if digits is None else f"{value:.{digits}f}"
