"""Whether the two results of Wilson & Martinez 2003 hold here, by rules that stood before the runs.

The paper (Neural Networks 16(10):1429-1451) reports that online training converges much faster than batch training,
with no apparent difference in accuracy.
"""

import pandas as pd

from smallbatch import statistics
from smallbatch.measurements.wilson_martinez.parameters import Config
from smallbatch.measurements.wilson_martinez.summary import SAME_ACCURACY

MUCH_FASTER = 2.0  # a larger ratio of epochs is "much faster"
MOST_CENSORED = 0.1  # a larger fraction of repetitions that do not reach the target can mislead
REPLICATED, NOT_REPLICATED, NOT_DECIDED = "replicated", "not replicated", "not decided"


def decide_accuracy(low: float, high: float) -> str:
    """Decide "no apparent difference in accuracy" from the interval of the difference in points.

    Replicated where the interval is inside ±1 point; not replicated where it is not, and excludes 0.
    """
    if statistics.equivalent(low, high, SAME_ACCURACY):
        return REPLICATED
    return NOT_REPLICATED if low > 0 or high < 0 else NOT_DECIDED


def decide_speed(low: float, high: float, censored_smallest: float, censored_largest: float) -> str:
    """Decide "online training converges much faster" from the interval of the ratio of epochs, largest batch over 1.

    Replicated where the whole interval is above 2, not replicated where it is below. A target that is not reached at
    the largest batch size makes the ratio too small, one that is not reached at batch size 1 makes it too large: more
    than a tenth of these on the side that would flatter the answer leaves it undecided.
    """
    if low > MUCH_FASTER and censored_smallest <= MOST_CENSORED:
        return REPLICATED
    return NOT_REPLICATED if high < MUCH_FASTER and censored_largest <= MOST_CENSORED else NOT_DECIDED


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Return a gathered table with the columns `dataset` and `gradient`, left out where all runs have the default."""
    defaults = {name: Config.model_fields[name].default for name in ("dataset", "gradient")}
    return table.assign(**{name: default for name, default in defaults.items() if name not in table})


def findings(summaries: pd.DataFrame) -> pd.DataFrame:
    """Return whether the paper's two results replicate: a row per result, convention and data set, and one for `all`.

    `summaries` has a row per run with the columns of `summarize`, and `dataset` and `gradient` beside them (absent: the
    defaults). Columns of the result: `result` ("accuracy" or "speed"), `gradient`, `dataset`, `estimate` with `low` and
    `high` (points; ratio of epochs), and `finding`. The finding for `all` is that of the data sets if they agree, else
    "not decided".
    """
    rows = []
    for run in named(summaries).to_dict("records"):
        difference = [run[f"accuracy_difference{end}"] for end in ("", "_low", "_high")]
        ratio = [run[f"epoch_ratio{end}"] for end in ("", "_low", "_high")]
        speed = decide_speed(*ratio[1:], run["censored_smallest"], run["censored_largest"])
        rows.append(("accuracy", run["gradient"], run["dataset"], *difference, decide_accuracy(*difference[1:])))
        rows.append(("speed", run["gradient"], run["dataset"], *ratio, speed))
    table = pd.DataFrame(rows, columns=["result", "gradient", "dataset", "estimate", "low", "high", "finding"])
    together = [
        {"result": result, "gradient": gradient, "dataset": "all", "finding": _together(part["finding"])}
        for (result, gradient), part in table.groupby(["result", "gradient"], sort=False)
    ]
    both = pd.concat([table, pd.DataFrame(together)], ignore_index=True)
    return both.sort_values(["result", "gradient"], kind="stable", ignore_index=True)


def _together(decisions: pd.Series) -> str:
    return decisions.iloc[0] if decisions.nunique() == 1 else NOT_DECIDED
