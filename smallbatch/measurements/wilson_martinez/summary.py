"""From the table of a run to its comparisons of batch sizes, each with an interval over the repetitions."""

import numpy as np
import pandas as pd

from smallbatch import statistics

SAME_ACCURACY = 1.0  # points; a smaller difference is "no apparent difference"


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of a value per repetition and its 95 % BCa bootstrap interval; NaN from fewer than three."""
    values = np.asarray(values, float)
    mean = float(values.mean()) if len(values) else np.nan
    return mean, *statistics.bca_interval(values)


def summarize(table: pd.DataFrame) -> dict[str, float]:
    """Return the comparisons of a run: each an estimate with `_low` and `_high`, its 95 % interval over repetitions.

    `accuracy_difference`: test accuracy at batch size 1 minus that at the largest, in points; `equivalent`: 1 where
    its interval is inside ±1 point; `error_slope`: points of test error per doubling of the batch size;
    `epoch_ratio`: epochs to target at the largest batch size over those at 1, geometric mean, with
    `censored_smallest`, `censored_largest`, the fractions of repetitions that do not get there;
    `stable_slope`: slope of log2(largest stable rate) on log2(batch size), over all batch sizes, and `_small`, `_large`
    over those up to and from the square root of the largest; `stable_at_edge`: fraction of limits that lie above the
    highest rate tried; `stable_missing`: fraction of repetitions left out of these slopes because no rate was stable at
    some batch size; `rate_at_edge`: fraction of batch sizes whose chosen rates are not all inside the range tried;
    `largest_batch_size`; `test_accuracy_smallest`, `test_accuracy_largest`: means at batch sizes 1 and the largest.
    """
    accuracies, epochs, censored, stable = (
        table.pivot(index="repetition", columns="batch_size", values=name)
        for name in ("test_accuracy", "epochs_to_target", "censored", "largest_stable_rate")
    )
    sizes = accuracies.columns.to_numpy()
    largest = sizes[-1]
    whole = stable.dropna()
    difference = interval(100 * (accuracies[1] - accuracies[largest]))
    summary = {
        "largest_batch_size": int(largest),
        "test_accuracy_smallest": float(accuracies[1].mean()),
        "test_accuracy_largest": float(accuracies[largest].mean()),
        **_with_ends("accuracy_difference", difference),
        "equivalent": int(statistics.equivalent(*difference[1:], SAME_ACCURACY)),
        **_with_ends("error_slope", interval(_slopes(100 * (1 - accuracies)))),
        **_with_ends("epoch_ratio", np.exp(interval(np.log(epochs[largest] / epochs[1])))),
        "censored_smallest": float(censored[1].mean()),
        "censored_largest": float(censored[largest].mean()),
    }
    parts = {"": sizes, "_small": sizes[sizes**2 <= largest], "_large": sizes[sizes**2 >= largest]}
    for name, part in parts.items():
        summary |= _with_ends(f"stable_slope{name}", interval(_slopes(np.log2(whole[part]))))
    return summary | {
        "stable_at_edge": float(table["stable_at_edge"].mean()),
        "stable_missing": 1 - len(whole) / len(stable),
        "rate_at_edge": float(table["rate_at_edge"].mean()),
    }


def _slopes(values: pd.DataFrame) -> np.ndarray:
    """Return each row's slope per doubling of the batch size, which names the columns."""
    return values.to_numpy() @ statistics.log2_weights(values.columns)


def _with_ends(name: str, estimate) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, estimate), strict=True))
