"""The numbers of the page about `diagnose`: what its three examples show over the seeds, from the committed table."""

import pandas as pd

from workflow.diagnose_seeds import PARTS, read
from workflow.page_tables import signed

# Of each example: what it is called in the table, and the cause that it was made to have, as `diagnose` names it; the
# names are not imported, since `smallbatch.diagnosis` loads Keras.
EXAMPLES = {
    "lagging": ("Long averaging window, few steps", "moving averages lag"),
    "memorizing": ("80 images, a quarter of them with a wrong label", "overfitting"),
    "sound": ("Nothing wrong", "none"),
}


def numbers(study: str) -> dict:
    """Return them by name."""
    return of_table(read())


def of_table(table: pd.DataFrame) -> dict:
    """Return the numbers of a table of seeds."""
    groups = {name: table[table["example"] == name] for name in EXAMPLES}
    averages = groups["lagging"][PARTS[-1]]
    blamed = groups["sound"].query("causes != 'none'")
    return {
        **{f"{name}_seeds": len(rows) for name, rows in groups.items()},
        **{f"{name}_named": _naming(groups[name]["causes"], cause) for name, (_, cause) in EXAMPLES.items()},
        "lagging_low": signed(averages.min(), 0),
        "lagging_high": signed(averages.max(), 0),
        "sound_most": signed(blamed[PARTS].to_numpy().max()) if len(blamed) else "",
        "by_example": {
            "head": [
                "Network",
                "Seeds",
                *(f"{part.capitalize()} (points)" for part in PARTS),
                "Cause named, in how many seeds",
            ],
            "rows": [
                [
                    title,
                    str(len(groups[name])),
                    *(_range(groups[name][part]) for part in PARTS),
                    _causes(groups[name]["causes"]),
                ]
                for name, (title, _) in EXAMPLES.items()
                if len(groups[name])
            ],
        },
    }


def _naming(causes: pd.Series, cause: str) -> int:
    """Return how many diagnoses have a cause among those that they name."""
    return sum(cause in found.split("; ") for found in causes)


def _range(points: pd.Series) -> str:
    return f"{signed(points.min())} to {signed(points.max())}"


def _causes(causes: pd.Series) -> str:
    return ", ".join(f"{cause.replace('; ', ' and ')}: {n}" for cause, n in causes.value_counts().items())
