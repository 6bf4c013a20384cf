"""The replication of Wilson & Martinez 2003: its training against a plain loop, its statistics against solved cases."""

import jax
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from scipy import stats
from sklearn import datasets

from smallbatch.errors import ParameterError
from smallbatch.figures import wilson_martinez as figures
from smallbatch.measurements.wilson_martinez import parameters as wm
from smallbatch.measurements.wilson_martinez import small_networks as networks
from smallbatch.measurements.wilson_martinez.parameters import Config


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def small(**parameters):
    """Small for testing: 3 repetitions, 3 rates, 4 hidden units, 3 epochs of iris."""
    tiny = {"repetitions": 3, "hidden_units": 4, "epochs": 3, "lowest_rate": 0.05, "highest_rate": 0.8}
    return Config.create(**(tiny | {"rate_factor": 4.0} | parameters))


# --- Parameters ---


def test_batch_sizes_are_powers_of_two_and_the_training_set():
    assert Config.create().batch_sizes() == [1, 2, 4, 8, 16, 32, 64, 74]
    assert Config.create(n_train=64).batch_sizes() == [1, 2, 4, 8, 16, 32, 64]
    assert Config.create(largest_batch_size=5).batch_sizes() == [1, 2, 4, 5]
    assert Config.create(dataset="digits").batch_sizes()[-2:] == [256, 512]


def test_rates_are_a_geometric_grid_with_both_ends():
    np.testing.assert_allclose(small().rates(), [0.05, 0.2, 0.8])
    np.testing.assert_allclose(Config.create(lowest_rate=0.1, highest_rate=0.35).rates(), [0.1, 0.2])
    np.testing.assert_array_equal(np.log2(Config.create().rates()), np.arange(-10, 10))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dataset": "cifar"}, "dataset = 'cifar' is not allowed. Allowed: iris, wine, breast_cancer, digits"),
        ({"gradient": "median"}, "gradient = 'median' is not allowed. Allowed: mean, sum"),
        ({"repetitions": 2}, "repetitions = 2 is not allowed. Allowed: whole number, ≥ 3"),
        ({"rate_factor": 1.0}, "rate_factor = 1.0 is not allowed. Allowed: number, > 1"),
        ({"highest_rate": 1e-4}, "highest_rate = 0.0001 is below lowest_rate = 0.000976"),
        (
            {"largest_batch_size": 75},
            "largest_batch_size = 75 is larger than the training set of 74 .*Allowed: 4 to 74",
        ),
        ({"n_train": 30, "largest_batch_size": 31}, "larger than the training set of 30 examples"),
        ({"momentum": 0.9}, "momentum = 0.9: there is no such parameter"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Config.create(**parameters)


# --- Data and pairing ---


@pytest.mark.parametrize("name", wm.EXAMPLES)
def test_data_sets_are_split_without_overlap_and_standardized(name):
    config = small(dataset=name)
    sets = wm.load(config)
    n_all = getattr(datasets, f"load_{name}")().target.size
    sizes = [part.inputs.shape[1] for part in (sets.train, sets.holdout, sets.test)]
    assert wm.EXAMPLES[name] == n_all
    assert sizes[0] == config.batch_sizes()[-1]
    assert sum(sizes) == n_all if name != "digits" else sum(sizes) < n_all
    for part in (sets.train, sets.holdout, sets.test):
        np.testing.assert_array_equal(part.targets.sum(axis=-1), 1)
        np.testing.assert_array_equal(part.inputs[..., -1], 1)
    inputs = sets.train.inputs[..., :-1]
    np.testing.assert_allclose(inputs.mean(axis=1), 0, atol=1e-5)
    spread = inputs.std(axis=1)
    assert np.all((np.abs(spread - 1) < 1e-4) | (spread == 0))


def test_every_class_is_in_every_set_in_proportion():
    sets = wm.load(small(dataset="wine"))
    shares = [part.targets.mean(axis=1) for part in (sets.train, sets.holdout, sets.test)]
    np.testing.assert_allclose(shares[1], shares[0], atol=0.03)
    np.testing.assert_allclose(shares[2], shares[0], atol=0.03)


def test_an_epoch_shows_each_example_once_in_an_order_of_its_own():
    config = small()
    orders = np.stack([wm.order(config, epoch, 50) for epoch in range(3)])
    np.testing.assert_array_equal(np.sort(orders, axis=-1), np.broadcast_to(np.arange(50), (3, 3, 50)))
    assert len(np.unique(orders.reshape(9, 50), axis=0)) == 9


def test_repetitions_differ_and_batch_sizes_and_rates_do_not():
    """The same split and first weights at all batch sizes and rates: only then is a difference a pair."""
    config = small(epochs=1, largest_batch_size=4)
    sets = wm.load(config)
    first = {size: curve.first_loss for size, curve in wm.measure(config, sets)[1].items()}
    for losses in first.values():
        np.testing.assert_array_equal(losses, first[1])
    assert np.ptp(first[1], axis=1).max() == 0 and np.ptp(first[1], axis=0).min() > 0
    assert not np.array_equal(sets.test.inputs[0], sets.test.inputs[1])


def train(config, batch_size, sets=None):
    """Train as `measure` does, at one batch size."""
    sets = sets or wm.load(config)
    n, n_inputs = sets.train.inputs.shape[1:]
    first = wm.first_weights(config, n_inputs, sets.train.targets.shape[-1])
    orders = [wm.order(config, epoch, n) for epoch in range(config.epochs)]
    return networks.train(first, sets, orders, batch_size, config.rates(), config.gradient)


def test_the_seed_decides_everything():
    one, same, other = (train(config, 8) for config in (small(), small(), small(seed=1)))
    np.testing.assert_array_equal(one.last_loss, same.last_loss)
    assert not np.array_equal(one.last_loss, other.last_loss)


# --- Training ---


@pytest.fixture
def double():
    """Double precision: formulas are then compared to many digits, and rounding is no excuse."""
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("gradient", ["mean", "sum"])
def test_a_step_follows_the_gradient_of_finite_differences(double, gradient):
    generator = np.random.default_rng(0)
    n, rate, width = 5, 0.3, 1e-6
    weights = networks.Weights(generator.normal(size=(4, 4)), generator.normal(size=(5, 3)))
    inputs = np.column_stack([generator.normal(size=(n, 3)), np.ones(n)])
    batch = networks.Examples(inputs, np.eye(3)[generator.integers(3, size=n)])
    moved = networks.step(weights, batch, rate, gradient)
    for name in ("hidden", "output"):
        for place in np.ndindex(getattr(weights, name).shape):
            ends = []
            for sign in (1, -1):
                changed = getattr(weights, name).copy()
                changed[place] += sign * width
                ends.append(float(networks.loss(weights._replace(**{name: changed}), batch)))
            slope = (ends[0] - ends[1]) / (2 * width) * (n if gradient == "sum" else 1)
            found = (getattr(weights, name)[place] - getattr(moved, name)[place]) / rate
            assert found == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_the_loss_of_a_very_sure_network_is_finite_and_exact():
    weights = networks.Weights(np.zeros((3, 2)), np.array([[0.0, 0.0], [0.0, 0.0], [1e6, 0.0]]))
    batch = networks.Examples(np.ones((2, 3)), np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert float(networks.loss(weights, batch)) == pytest.approx(5e5)
    assert float(networks.accuracy(weights, batch)) == 0.5


def plain_loop(hidden, output, inputs, targets, batches, rate, reduce):
    """Train one network the slow way, example by example, from the formulas of the chain rule."""
    for batch in batches:
        hidden_gradients, output_gradients = [], []
        for x, t in zip(inputs[batch], targets[batch], strict=True):
            values = np.append(np.tanh(x @ hidden), 1.0)
            scores = values @ output
            slope = np.exp(scores) / np.exp(scores).sum() - t
            output_gradients.append(np.outer(values, slope))
            hidden_gradients.append(np.outer(x, (output[:-1] @ slope) * (1 - values[:-1] ** 2)))
        hidden = hidden - rate * reduce(hidden_gradients, axis=0)
        output = output - rate * reduce(output_gradients, axis=0)
    return hidden, output


def assert_trained_alike(config, batch_size, orders, repetition=1, rate=2):
    """Compare one repetition and rate of the training side by side with the plain loop over these orders."""
    sets = jax.tree.map(lambda array: array.astype(float), wm.load(config))
    n_inputs, n_classes = sets.train.inputs.shape[-1], sets.train.targets.shape[-1]
    first = jax.tree.map(lambda array: array.astype(float), wm.first_weights(config, n_inputs, n_classes))
    epochs = [wm.order(config, epoch, sets.train.inputs.shape[1]) for epoch in range(config.epochs)]
    curves = networks.train(first, sets, epochs, batch_size, config.rates(), config.gradient)
    hidden, output = (layer[repetition] for layer in first)
    inputs, targets = (array[repetition] for array in sets.train)
    reduce = np.mean if config.gradient == "mean" else np.sum
    for epoch, indices in enumerate(orders):
        batches = np.split(indices, range(batch_size, len(indices), batch_size))
        hidden, output = plain_loop(hidden, output, inputs, targets, batches, config.rates()[rate], reduce)
        for part, measured in ((sets.holdout, curves.holdout), (sets.test, curves.test)):
            values = np.tanh(part.inputs[repetition] @ hidden)
            found = (values @ output[:-1] + output[-1]).argmax(axis=1)
            correct = found == part.targets[repetition].argmax(axis=1)
            assert measured[epoch, repetition, rate] == pytest.approx(correct.mean())
    scores = np.tanh(inputs @ hidden) @ output[:-1] + output[-1]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert curves.last_loss[repetition, rate] == pytest.approx(-np.log(shares[targets == 1]).mean(), rel=1e-6)


@pytest.mark.parametrize("gradient", ["mean", "sum"])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_one_repetition_at_one_rate_is_a_plain_loop(double, gradient, batch_size):
    """Of the same orders and first weights at both batch sizes, so that this proves the pairing too."""
    config = small(gradient=gradient, dataset="wine")  # 90 examples: the last batch of 8 has two
    assert_trained_alike(config, batch_size, [wm.order(config, epoch, 90)[1] for epoch in range(3)])


def test_the_largest_batch_is_gradient_descent_on_the_whole_training_set(double):
    assert_trained_alike(small(), 74, [np.arange(74)] * 3)  # in any order


def test_a_sum_at_a_rate_is_a_mean_at_that_rate_times_the_batch_size():
    n_train, batch_size = 64, 16  # without an incomplete batch
    mean = small(n_train=n_train, lowest_rate=0.16, highest_rate=2.56)
    summed = small(n_train=n_train, lowest_rate=0.01, highest_rate=0.16, gradient="sum")
    by_mean, by_sum = train(mean, batch_size), train(summed, batch_size)
    np.testing.assert_allclose(by_sum.last_loss, by_mean.last_loss, rtol=1e-4)
    np.testing.assert_array_equal(by_sum.holdout, by_mean.holdout)


def test_a_rate_that_is_far_too_large_is_an_outcome():
    config = small(lowest_rate=0.1, highest_rate=1e30, rate_factor=1e30)
    curves = train(config, 8)
    limit, _ = wm.largest_stable_rate(curves.first_loss, curves.last_loss, config.rates())
    assert not (curves.last_loss < curves.first_loss)[:, -1].any()
    np.testing.assert_array_equal(limit, 0.1)


# --- Outcomes ---


@pytest.mark.parametrize("curvature", [0.5, 3.0])
def test_descent_on_a_quadratic_is_stable_below_two_over_its_curvature(curvature):
    """On curvature x² / 2 a step at rate r multiplies x by (1 - r curvature), so the loss by that, squared."""
    rates = np.array([0.1, 0.5, 0.9, 1.1, 1.5, 3.0]) * 2 / curvature
    first = np.array([[1.0], [4.0]]) * np.ones(6)
    last = first * (1 - rates * curvature) ** (2 * 50)
    limit, at_edge = wm.largest_stable_rate(first, last, rates)
    np.testing.assert_allclose(limit, 0.9 * 2 / curvature)
    assert not at_edge.any()
    limit, at_edge = wm.largest_stable_rate(first[:, :3], last[:, :3], rates[:3])
    assert at_edge.all()


def test_the_stable_limit_ends_at_the_first_rate_that_fails():
    last = np.array([[0.5, np.nan, 0.1], [1.0, 0.1, 0.1], [0.1, 0.2, np.inf]])
    limit, at_edge = wm.largest_stable_rate(np.ones((3, 3)), last, np.array([0.1, 0.2, 0.4]))
    np.testing.assert_array_equal(limit, [0.1, np.nan, 0.2])
    assert not at_edge.any()


def curves(accuracies):
    """Curves with this hold-out accuracy (epochs, repetitions, rates); test accuracy is 0.1 below."""
    accuracies = np.array(accuracies, float)
    ones = np.ones(accuracies.shape[1:])
    return networks.Curves(accuracies, accuracies - 0.1, ones, ones / 2)


def test_a_table_solved_by_hand():
    # Two repetitions, two rates, four epochs. Rate 1 of batch size 1 is good at once, and then not as good as rate 0.
    one = curves(
        [[[0.2, 0.90], [0.2, 0.92]], [[0.4, 0.93], [0.4, 0.92]], [[0.6, 0.5], [0.6, 0.5]], [[0.95, 0.5], [0.93, 0.5]]]
    )
    four = curves(
        [[[0.1, 0.1], [0.1, 0.1]], [[0.2, 0.1], [0.2, 0.1]], [[0.94, 0.1], [0.92, 0.1]], [[0.94, 0.1], [0.9, 0.1]]]
    )
    table = wm.tabulate({1: one, 4: four}, np.array([0.1, 0.2])).set_index(["batch_size", "repetition"])
    assert table["learning_rate"].tolist() == [0.1, 0.1, 0.1, 0.1]
    assert table["epoch"].tolist() == [4, 4, 3, 3]
    assert table["holdout_accuracy"].tolist() == [0.95, 0.93, 0.94, 0.92]
    np.testing.assert_allclose(table["test_accuracy"], [0.85, 0.83, 0.84, 0.82])
    # The best mean is 0.94; the first split is 0.01 easier than the mean of all, 0.935, the second one 0.01 harder. So
    # the targets are 0.94 and 0.92. At batch size 1, rate 0.1 takes 4 and 4 epochs, rate 0.2 never (4) and 1.
    assert table["fastest_rate"].tolist() == [0.2, 0.2, 0.1, 0.1]
    assert table["epochs_to_target"].tolist() == [4, 1, 3, 3]
    assert table["censored"].tolist() == [True, False, False, False]
    assert table["after_1"].tolist() == [0.9, 0.92, 0.1, 0.1]
    assert table["after_4"].tolist() == [0.5, 0.5, 0.94, 0.9]
    assert table["largest_stable_rate"].tolist() == [0.2] * 4 and table["stable_at_edge"].all()


def test_of_equal_accuracies_the_earliest_epoch_and_the_lowest_rate_count():
    same = curves([[[0.5, 0.8, 0.9, 0.9]] * 2, [[0.9, 0.9, 0.9, 0.9]] * 2])
    table = wm.tabulate({1: same}, np.array([0.1, 0.2, 0.3, 0.4]))
    assert table["epoch"].tolist() == [1, 1] and table["learning_rate"].tolist() == [0.3, 0.3]


# --- Statistics ---


def test_intervals_are_those_of_scipy_around_the_mean():
    values = np.random.default_rng(0).exponential(size=20)
    mean, low, high = wm.interval(values)
    ends = stats.bootstrap((values,), np.mean, method="BCa", rng=np.random.default_rng(0)).confidence_interval
    assert mean == pytest.approx(values.mean())
    assert (low, high) == (pytest.approx(ends.low), pytest.approx(ends.high))
    assert np.isnan(wm.interval([])).all() and np.isnan(wm.interval([1.0, 2.0])[1:]).all()


def made_table(error_slope=0.5, ratio=8.0, stable_power=-1.0, repetitions=6):
    """A table whose statistics are known: errors fall on a line, epochs and stable rates on a power of B."""
    rows = []
    for size in (1, 2, 4, 8, 16):
        for k in range(repetitions):
            rows.append(
                {
                    "batch_size": size,
                    "repetition": k,
                    "test_accuracy": 0.9 - 0.01 * k - error_slope / 100 * np.log2(size),
                    "epochs_to_target": (2 + k) * ratio ** (np.log2(size) / 4),
                    "censored": size == 16 and k == 0,
                    "largest_stable_rate": 0.5 * float(size) ** (stable_power if size > 4 else 0.0),
                    "stable_at_edge": size == 1,
                    "rate_at_edge": False,
                }
            )
    return pd.DataFrame(rows)


def test_the_summary_of_a_table_solved_by_hand():
    summary = wm.summarize(made_table())
    assert summary["accuracy_difference"] == pytest.approx(2.0)  # four doublings of half a point
    assert summary["accuracy_difference_low"] == pytest.approx(2.0)
    assert summary["equivalent"] == 0
    assert summary["error_slope"] == pytest.approx(0.5)
    assert summary["epoch_ratio"] == pytest.approx(8.0)
    assert summary["censored_smallest"] == 0 and summary["censored_largest"] == pytest.approx(1 / 6)
    assert summary["stable_slope_small"] == pytest.approx(0)
    # log2 rate: -1 (B = 4), -4 (8), -5 (16): by hand, the slope of (0, -3, -4) on (0, 1, 2) is -2.
    assert summary["stable_slope_large"] == pytest.approx(-2)
    assert summary["stable_at_edge"] == pytest.approx(0.2) and summary["stable_missing"] == 0
    assert all(type(value) in (int, float) for value in summary.values())  # what JSON can hold


def test_a_difference_of_less_than_a_point_is_equivalent():
    summary = wm.summarize(made_table(error_slope=-0.1))
    assert summary["accuracy_difference"] == pytest.approx(-0.4) and summary["equivalent"] == 1


def test_repetitions_without_a_stable_rate_are_counted_and_left_out_of_the_slopes():
    table = made_table()
    table.loc[(table["repetition"] == 2) & (table["batch_size"] == 16), "largest_stable_rate"] = np.nan
    summary = wm.summarize(table)
    assert summary["stable_missing"] == pytest.approx(1 / 6) and summary["stable_slope_large"] == pytest.approx(-2)
    assert np.isnan(wm.summarize(table.assign(largest_stable_rate=np.nan))["stable_slope"])


def test_gathered_tables_of_default_runs_are_those_of_iris_and_means():
    """Gathering leaves out the parameters that all runs have at their defaults."""
    table = wm.named(pd.DataFrame([wm.summarize(made_table())]))
    assert table["dataset"].tolist() == ["iris"] and table["gradient"].tolist() == ["mean"]
    gathered = figure_table(("iris",), ("mean",)).drop(columns=["dataset", "gradient"])
    for draw in (figures.accuracy_and_epochs, figures.stable_rates, figures.learning_curves):
        assert draw(gathered).axes[0].get_title() == "Iris"


# --- Figures ---


def figure_table(datasets=("iris", "digits"), gradients=("mean", "sum")):
    tables = []
    for name in datasets:
        for gradient in gradients:
            table = made_table().assign(dataset=name, gradient=gradient)
            tables.append(table.assign(after_1=0.5, after_2=0.7 + 0.01 * table["repetition"]))
    return pd.concat(tables, ignore_index=True)


def scattered(axis):
    """Return the collections of dots; error bars are collections too."""
    return [collection for collection in axis.collections if isinstance(collection, PathCollection)]


def dots(axis):
    return np.concatenate([np.asarray(collection.get_offsets()) for collection in scattered(axis)])


def test_every_repetition_is_a_dot_and_those_without_an_answer_are_hollow():
    table = figure_table(gradients=("mean",))
    axes = np.array(figures.accuracy_and_epochs(table).axes).reshape(2, 2)
    for column, name in enumerate(("iris", "digits")):
        part = table[table["dataset"] == name]
        hollow = [dots for dots in scattered(axes[1, column]) if dots.get_facecolors().size == 0]
        assert sum(len(dots.get_offsets()) for dots in hollow) == part["censored"].sum() == 1
        for row, values in ((0, "test_accuracy"), (1, "epochs_to_target")):
            drawn = np.sort(dots(axes[row, column])[:, 1])
            np.testing.assert_allclose(drawn, np.sort(part[values]))
    assert [axis.get_title() for axis in axes[0]] == ["Iris", "Digits"]
    assert axes[1, 0].get_yscale() == "log" and axes[0, 0].get_xscale() == "log"


def test_stable_rates_show_both_conventions_with_guides_from_batch_size_one():
    figure = figures.stable_rates(figure_table())
    sizes = np.array([1, 2, 4, 8, 16])
    for axis in figure.axes:
        lines = {line.get_linestyle(): line.get_ydata() for line in axis.lines}
        for style, power in (("--", -1), (":", 0), ("-.", 1)):
            np.testing.assert_allclose(lines[style], 0.5 * sizes.astype(float) ** power)
        assert len(dots(axis)) == 60
        hollow = [dots for dots in scattered(axis) if dots.get_facecolors().size == 0]
        assert sum(len(dots.get_offsets()) for dots in hollow) == 12  # those above the highest rate tried
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(labels) == {"mean of gradients", "sum of gradients", "1 / batch size", "level", "batch size"}


@pytest.mark.parametrize(("gradient", "guides"), [("mean", {":", "-."}), ("sum", {"--", ":"})])
def test_a_single_convention_has_only_its_own_guides(gradient, guides):
    axis = figures.stable_rates(figure_table(("iris",), (gradient,))).axes[0]
    assert {line.get_linestyle() for line in axis.lines} - {"-"} == guides


def test_stable_rates_leave_out_repetitions_without_one():
    table = figure_table(("iris",), ("mean",))
    table.loc[table["repetition"] == 0, "largest_stable_rate"] = np.nan
    assert len(dots(figures.stable_rates(table).axes[0])) == 25


def test_learning_curves_are_means_over_the_repetitions():
    axis = figures.learning_curves(figure_table(("iris",), ("mean",))).axes[0]
    assert len(axis.lines) == 5
    for line in axis.lines:
        assert list(line.get_xdata()) == [1, 2]
        np.testing.assert_allclose(line.get_ydata(), [0.5, 0.725])
