"""Online and batch training of small networks: accuracy, epochs to a target and stable rates, by batch size.

Networks with one hidden layer are trained at batch sizes 1, 2, 4, ... up to the whole training set. Every choice, of
rates and of epochs, is made on the hold-out set.
"""

import numpy as np
import pandas as pd

from smallbatch.measurements.wilson_martinez import repetitions, small_networks
from smallbatch.measurements.wilson_martinez.parameters import Config
from smallbatch.measurements.wilson_martinez.small_networks import Curves, Sets

TARGET_DISTANCE = 1.0  # points; accuracy this close to the best one counts as reached


def measure(config: Config, sets: Sets) -> tuple[pd.DataFrame, dict[int, Curves]]:
    """Train at every batch size; return the table of `tabulate`, and the learning curves by batch size."""
    small_networks.use_one_thread()
    n, n_inputs = sets.train.inputs.shape[1:]
    initial = repetitions.initial_weights(config, n_inputs, sets.train.targets.shape[-1])
    curves = {}
    for size in config.batch_sizes():
        orders = (repetitions.order(config, epoch, n) for epoch in range(config.epochs))
        curves[size] = small_networks.train(initial, sets, orders, size, config.rates(), config.gradient)
        best = curves[size].holdout.mean(axis=1).max()
        print(f"batch size {size}: best mean hold-out accuracy {best:.3f}", flush=True)
    return tabulate(curves, config.rates()), curves


def tabulate(curves: dict[int, Curves], rates: np.ndarray) -> pd.DataFrame:
    """Return a row for each batch size and repetition.

    Columns, beside `batch_size` and `repetition`:
    `learning_rate`, `epoch`: those with the highest mean hold-out accuracy over the repetitions (of equals the
    earliest epoch, then the lowest rate), and `holdout_accuracy`, `test_accuracy` there, as fractions;
    `epochs_to_target`: the first epoch at which hold-out accuracy reaches the repetition's target (see `targets`), at
    `fastest_rate`, the rate with the lowest geometric mean of these epochs; where `censored`, it was not reached and
    the number is that of all epochs trained;
    `rate_at_edge`: whether one of the two rates is the lowest or the highest tried: a better one may lie beyond;
    `largest_stable_rate` and `stable_at_edge` (see `largest_stable_rate`);
    `after_1`, `after_2`, `after_4`, ...: hold-out accuracy at `fastest_rate` after so many epochs.
    """
    chosen = {size: _best(curve.holdout) for size, curve in curves.items()}
    goals = targets(np.stack([curves[size].holdout[epoch, :, rate] for size, (epoch, rate) in chosen.items()]))
    tables = []
    for size, (epoch, rate) in chosen.items():
        here = curves[size]
        epochs, censored = first_epochs(here.holdout, goals)
        fastest = int(np.log(epochs).mean(axis=0).argmin())
        limit, at_edge = largest_stable_rate(here.initial_loss, here.final_loss, rates)
        table = pd.DataFrame(
            {
                "batch_size": size,
                "repetition": np.arange(len(goals)),
                "learning_rate": rates[rate],
                "epoch": epoch + 1,
                "holdout_accuracy": here.holdout[epoch, :, rate],
                "test_accuracy": here.test[epoch, :, rate],
                "fastest_rate": rates[fastest],
                "epochs_to_target": epochs[:, fastest],
                "censored": censored[:, fastest],
                "rate_at_edge": bool({rate, fastest} & {0, len(rates) - 1}),
                "largest_stable_rate": limit,
                "stable_at_edge": at_edge,
            }
        )
        after = [2**k for k in range(len(here.holdout).bit_length())]
        tables.append(table.assign(**{f"after_{k}": here.holdout[k - 1, :, fastest] for k in after}))
    return pd.concat(tables, ignore_index=True).round(6)


def _best(accuracies: np.ndarray) -> tuple[int, int]:
    """Return the indices of the epoch and the rate with the highest mean accuracy over the repetitions."""
    # Rounded, so that means which are equal but for the rounding of a sum count as equal.
    means = accuracies.mean(axis=1).round(6)
    epoch, rate = np.unravel_index(means.argmax(), means.shape)
    return int(epoch), int(rate)


def targets(best: np.ndarray) -> np.ndarray:
    """Return the accuracy that counts as reached in each repetition, the same for all batch sizes.

    `best`: the hold-out accuracy of each batch size where it is best, (batch sizes, repetitions). The target is a point
    below the highest mean of any batch size, and moved by how much easier or harder than the others the repetition's
    split is: its mean over batch sizes less that of all. (The highest accuracy of the repetition itself would be a
    matter of luck, with hold-out sets of some 40 examples.)
    """
    ease = best.mean(axis=0) - best.mean()
    return best.mean(axis=1).max() + ease - TARGET_DISTANCE / 100


def first_epochs(accuracies: np.ndarray, goals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first epoch, from 1, at which accuracy reaches its repetition's target, and where it never does.

    Accuracy is measured after whole epochs, so that a target reached within the first one counts as 1.

    `accuracies`: (epochs, repetitions, rates); `goals`, the targets: (repetitions,). Both results: (repetitions,
    rates); where the target is never reached the epoch is the last one.
    """
    # A hair for rounding: accuracies are single-precision numbers.
    reached = accuracies >= goals[:, None] - 1e-6
    never = ~reached.any(axis=0)
    return np.where(never, len(accuracies), reached.argmax(axis=0) + 1), never


def largest_stable_rate(
    initial_loss: np.ndarray, final_loss: np.ndarray, rates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest rate up to which every rate tried ends with a finite loss below that of the start.

    `initial_loss` and `final_loss`: (repetitions, rates); `rates` ascending. Returns the rate (repetitions,), NaN where
    even the lowest fails, and whether all rates are stable, so that the limit lies higher.
    """
    stable = np.isfinite(final_loss) & (final_loss < initial_loss)
    count = np.logical_and.accumulate(stable, axis=1).sum(axis=1)
    return np.where(count > 0, rates[count - 1], np.nan), count == len(rates)
