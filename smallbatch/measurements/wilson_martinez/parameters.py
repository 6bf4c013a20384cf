"""The source that the claim cites, measured again: on-line and batch training of small networks.

Wilson & Martinez 2003 (Neural Networks 16(10):1429-1451) report that on-line training converges much faster than batch
training, with no apparent difference in accuracy. `measure` trains networks with one hidden layer at batch sizes 1, 2,
4, ... up to the whole training set, and `summarize` compares them. Whether the two results hold here is judged in
`claims.catalogue.source`.
"""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import model_validator

from smallbatch import statistics
from smallbatch.parameters import Parameters, parameter

if TYPE_CHECKING:  # A study is checked without waiting for JAX.
    from smallbatch.measurements.wilson_martinez.small_networks import Curves, Sets, Weights

# Examples in each of scikit-learn's data sets.
EXAMPLES = {"iris": 150, "wine": 178, "breast_cancer": 569, "digits": 1797}
HOLDOUT_SHARE, TEST_SHARE = 0.25, 0.25

# Accuracies in points.
SAME_ACCURACY = 1.0  # a smaller difference is "no apparent difference"
TARGET_DISTANCE = 1.0  # accuracy this close to the best one counts as reached


def _n_train(dataset: str, most: int) -> int:
    n = EXAMPLES[dataset]
    return min(most, n - round(HOLDOUT_SHARE * n) - round(TEST_SHARE * n))


class Config(Parameters):
    """The parameters of one run: one data set and one convention of the gradient."""

    NOTEBOOK: ClassVar[str] = "wilson_martinez"

    dataset: Literal["iris", "wine", "breast_cancer", "digits"] = parameter(
        "iris", "Data set of scikit-learn to learn to classify."
    )
    gradient: Literal["mean", "sum"] = parameter(
        "mean", "A step follows the `mean` of its examples' gradients, as today, or their `sum`, as in 2003."
    )
    n_train: int = parameter(
        512, "Train on at most so many examples; a stratified subset where there are more.", "examples", ge=20
    )
    largest_batch_size: int | None = parameter(
        None,
        "Batch sizes are the powers of 2 below this number, and the number itself; none: the whole training set.",
        "examples",
        ge=4,
    )
    repetitions: int = parameter(
        20, "Repetitions, each with its own split, first weights and order of examples.", ge=3, le=200
    )
    hidden_units: int = parameter(16, "Units of the hidden layer.", "units", ge=1, le=256)
    epochs: int = parameter(150, "Every network is trained for so many epochs.", "epochs", ge=1)
    lowest_rate: float = parameter(2.0**-10, "Lowest learning rate that is tried.", gt=0)
    highest_rate: float = parameter(2.0**9, "No learning rate above this is tried.", gt=0)
    rate_factor: float = parameter(2.0, "Each learning rate is so many times the one before.", gt=1)

    @model_validator(mode="after")
    def _check_together(self):
        if self.highest_rate < self.lowest_rate:
            raise ValueError(
                f"highest_rate = {self.highest_rate} is below lowest_rate = {self.lowest_rate}. "
                f"Allowed: {self.lowest_rate} or more"
            )
        n = _n_train(self.dataset, self.n_train)
        if self.largest_batch_size is not None and self.largest_batch_size > n:
            raise ValueError(
                f"largest_batch_size = {self.largest_batch_size} is larger than the training set of {n} examples. "
                f"Allowed: 4 to {n}, or None"
            )
        return self

    def batch_sizes(self) -> list[int]:
        """Return the batch sizes of the run, ascending."""
        largest = self.largest_batch_size or _n_train(self.dataset, self.n_train)
        return [2**k for k in range(largest.bit_length()) if 2**k < largest] + [largest]

    def rates(self) -> np.ndarray:
        """Return the learning rates of the run, float64 (rates,), ascending."""
        # A hair is added so that rounding does not lose a last rate that is meant to be there.
        count = 1 + int(np.log(self.highest_rate / self.lowest_rate) / np.log(self.rate_factor) + 1e-9)
        return self.lowest_rate * self.rate_factor ** np.arange(count)


# --- What the repetitions differ in; nothing of it depends on batch size or rate, so that these are paired ---


def _generator(config: Config, repetition: int, *what: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, repetition, *what])


def load(config: Config) -> "Sets":
    """Return the data set, split anew for each repetition, classes in proportion; half of it is for training.

    Inputs are standardized with the mean and standard deviation of their repetition's training examples. All arrays
    are float32 and start with the axis of repetitions.
    """
    from sklearn import datasets

    from smallbatch.measurements.wilson_martinez.small_networks import Examples, Sets

    inputs, labels = getattr(datasets, f"load_{config.dataset}")(return_X_y=True)
    splits = [_split(inputs, labels, config, repetition) for repetition in range(config.repetitions)]
    parts = []
    for part in zip(*splits, strict=True):
        parts.append(Examples(*(np.stack(arrays).astype(np.float32) for arrays in zip(*part, strict=True))))
    return Sets(*parts)


def _split(inputs, labels, config, repetition) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return inputs and targets of training, hold-out and test set of one repetition."""
    from smallbatch.training.data.sampling import stratified_split, stratified_subset

    seed = int(_generator(config, repetition, 0).integers(2**31))
    train, holdout, test = stratified_split(labels, (HOLDOUT_SHARE, TEST_SHARE), seed)
    train = train[stratified_subset(labels[train], min(config.n_train, len(train)), seed)]
    mean, spread = inputs[train].mean(axis=0), inputs[train].std(axis=0)
    # Some pixels of the digits are always white.
    standardized = (inputs - mean) / np.where(spread > 0, spread, 1)
    with_ones = np.column_stack([standardized, np.ones(len(inputs))])
    one_hot = np.eye(labels.max() + 1)[labels]
    return [(with_ones[part], one_hot[part]) for part in (train, holdout, test)]


def first_weights(config: Config, n_inputs: int, n_classes: int) -> "Weights":
    """Return the weights before training, float32, with an axis of repetitions; `n_inputs` counts the one of the bias.

    They are drawn evenly between ±1/sqrt(inputs of the layer), biases too.
    """
    from smallbatch.measurements.wilson_martinez.small_networks import Weights

    layers = []
    for repetition in range(config.repetitions):
        generator = _generator(config, repetition, 1)
        hidden = generator.uniform(-1, 1, (n_inputs, config.hidden_units)) / np.sqrt(n_inputs - 1)
        output = generator.uniform(-1, 1, (config.hidden_units + 1, n_classes)) / np.sqrt(config.hidden_units)
        layers.append((hidden, output))
    return Weights(*(np.stack(layer).astype(np.float32) for layer in zip(*layers, strict=True)))


def order(config: Config, epoch: int, n: int) -> np.ndarray:
    """Return the order in which an epoch, counted from 0, shows the `n` training examples: int (repetitions, n)."""
    return np.stack([_generator(config, k, 2, epoch).permutation(n) for k in range(config.repetitions)])


# --- Outcomes ---


def measure(config: Config, sets: "Sets") -> tuple[pd.DataFrame, dict[int, "Curves"]]:
    """Train at every batch size; return the table of `tabulate`, and the learning curves by batch size."""
    from smallbatch.measurements.wilson_martinez import small_networks

    small_networks.use_one_thread()
    n, n_inputs = sets.train.inputs.shape[1:]
    first = first_weights(config, n_inputs, sets.train.targets.shape[-1])
    curves = {}
    for size in config.batch_sizes():
        orders = (order(config, epoch, n) for epoch in range(config.epochs))
        curves[size] = small_networks.train(first, sets, orders, size, config.rates(), config.gradient)
        best = curves[size].holdout.mean(axis=1).max()
        print(f"batch size {size}: best mean hold-out accuracy {best:.3f}", flush=True)
    return tabulate(curves, config.rates()), curves


def tabulate(curves: dict[int, "Curves"], rates: np.ndarray) -> pd.DataFrame:
    """Return a row for each batch size and repetition.

    Columns, beside `batch_size` and `repetition`:
    `learning_rate`, `epoch`: those with the highest mean hold-out accuracy over the repetitions (of equals the
    earliest epoch, then the lowest rate), and `holdout_accuracy`, `test_accuracy` there, as shares;
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
        limit, at_edge = largest_stable_rate(here.first_loss, here.last_loss, rates)
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
    first_loss: np.ndarray, last_loss: np.ndarray, rates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest rate up to which every rate tried ends with a finite loss below that of the start.

    `first_loss` and `last_loss`: (repetitions, rates); `rates` ascending. Returns the rate (repetitions,), NaN where
    even the lowest fails, and whether all rates are stable, so that the limit lies higher.
    """
    stable = np.isfinite(last_loss) & (last_loss < first_loss)
    count = np.logical_and.accumulate(stable, axis=1).sum(axis=1)
    return np.where(count > 0, rates[count - 1], np.nan), count == len(rates)


# --- Statistics ---


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
    `censored_smallest`, `censored_largest`, the shares of repetitions that do not get there;
    `stable_slope`: slope of log2(largest stable rate) on log2(batch size), over all batch sizes, and `_small`, `_large`
    over those up to and from the square root of the largest; `stable_at_edge`: share of limits that lie above the
    highest rate tried; `stable_missing`: share of repetitions left out of these slopes because no rate was stable at
    some batch size; `rate_at_edge`: share of batch sizes whose chosen rates are not all inside the range tried;
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


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Return a gathered table with the columns `dataset` and `gradient`, left out where all runs have the default."""
    defaults = {name: Config.model_fields[name].default for name in ("dataset", "gradient")}
    return table.assign(**{name: default for name, default in defaults.items() if name not in table})
