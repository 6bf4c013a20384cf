"""What a batch size costs: parameters, hours by hand, what is left out, lines and margins, and estimates marked so."""

import os
import re
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbatch.errors import ParameterError, UserError
from smallbatch.figures import cost as figures
from smallbatch.measurements.cost import parameters as cost
from smallbatch.measurements.cost.parameters import (
    CARD,
    COMPILED,
    COUNTED,
    EXTRAPOLATED,
    HERE,
    PROCESS,
    Config,
    Counted,
    Network,
)
from smallbatch.study.file import parse_study

MINIATURE, FULL = Network("miniature", 107, 0.25, 0.2), Network("full", 299, 1.0, 1.0)
SMALL_FULL = Network("full", 107, 1.0, 1.0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def counted():
    """One layer in place of each network, with round numbers: 1 MiB kept and 0.5 MiB on the way for each image."""
    mega = 2**20 // 4
    layer = {"layer": "all", "inputs": mega // 4, "outputs": mega // 4, "read_back": mega, "kept": mega}
    layers = pd.DataFrame([layer | {"kind": "Conv2D", "kernel": mega, "multiplications": 10**9}])
    return dict.fromkeys([MINIATURE, MINIATURE._replace(image_size=299), SMALL_FULL, FULL], Counted(layers, mega, 0))


@pytest.fixture
def answers(monkeypatch):
    """Processes that answer at once: a step takes 10 ms and 5 ms an image, memory 100 MiB and 2 MiB an image."""
    asked = []

    def ask(task, backend=None, **request):
        asked.append((task, request))
        if task == "compiled_memory":
            return {
                str(size): {"memory_mib": 600.0 + 200 * size, "operations": 6.3e9 * size}
                for size in request["batch_sizes"]
            }
        size, rounds = request["config"]["batch_size"], request["rounds"]
        seconds = 0.01 + 0.005 * size
        return {
            "start_up_seconds": 9.0,
            "seconds_per_step": [seconds * (1 + 0.1 * k) for k in range(rounds)],
            "evaluation_seconds_per_image": [0.002] * rounds * request["evaluate"],
            "memory_before_mib": 800.0,
            "memory_peak_mib": 900.0 + 2 * size,
        }

    monkeypatch.setattr(cost, "ask", ask)
    monkeypatch.setattr(cost, "available_mib", lambda: 16_000.0)
    monkeypatch.setattr(cost, "busy_cores", lambda: 0.05)
    return asked


def everything(config, counted):
    measured, left_out = cost.measure(config, counted)
    parts = [measured, cost.estimate(config, counted), cost.compile_without_running(config)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True), left_out


# --- Parameters ---


def test_networks_that_are_measured_and_estimated():
    config = Config.create()
    assert {network.label: sizes for network, sizes in config.measured().items()} == {
        "miniature_107px": [1, 2, 4, 8, 16, 32],
        "miniature_299px": [1, 2, 4, 8, 16, 32],
        "full_299px": [1, 4],
    }
    assert [network.label for network in config.estimated()] == ["full_107px", "full_299px"]
    alone = Config.create(also_image_size=None, full_network_batch_sizes=[])
    assert list(alone.measured()) == [MINIATURE] and alone.estimated() == [SMALL_FULL]
    # Where the study's network is the full one, it is one network.
    full = Config.create(width=1.0, depth=1.0, also_image_size=None, batch_sizes=[8, 2])
    assert full.measured() == {SMALL_FULL: [1, 2, 4, 8]}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_sizes": [4, 4]}, r"batch_sizes = \[4, 4\].* two or more in batch_sizes"),
        ({"batch_sizes": [0, 2]}, r"batch_sizes = \[0, 2\].* Allowed: numbers from 1"),
        ({"batch_sizes": [2.5]}, r"batch_sizes\[0\] = 2.5 is not allowed"),
        ({"images_of_a_run": 16}, "images_of_a_run = 16 are not allowed. Allowed: numbers from 1 to the images"),
        ({"image_size": 75}, "batch_size = 1 with image_size = 75: the last feature map is 1x1"),
        (
            {"normalization": "group"},
            "normalization = 'group': this notebook measures plain training. Allowed: 'batch'",
        ),
        ({"batch_size": 32, "masked_loss_batch_size": 4}, "masked_loss_batch_size = 4: this notebook"),
        ({"card_efficiency": 1.2}, "card_efficiency = 1.2 is not allowed. Allowed: number, > 0, ≤ 1"),
        ({"card_gib": 12.0}, "card_gib = 12.0: there is no such parameter. Did you mean card_"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Config.create(**parameters)


def test_a_batch_of_one_at_75_pixels_is_measured_where_it_is_asked_for():
    config = Config.create(image_size=75, also_image_size=None, allow_one_value_per_channel=True)
    assert config.run(config.estimated()[0], 1)["allow_one_value_per_channel"]


def test_a_study_can_run_it_with_its_defaults():
    text = """
title: Some
defaults: {dataset: clothing, n_train: 40, image_size: 139, width: 0.5, depth: 0.2, epochs: 20}
experiments:
  cost: {notebook: cost, fixed: {batch_sizes: [1, 64]}, grid: {threads: [1, 2]}}
"""
    study = parse_study("some", text)
    (one, two) = study.runs.values()
    # As many images as the study trains on do not limit the batch sizes that are timed.
    assert max(one.batch_sizes) > one.n_train
    assert one.measured().keys() == two.measured().keys() and one.run_id() != two.run_id()
    assert all(re.fullmatch(r"cost-s0-[0-9a-f]{8}", run) for run in study.runs)
    assert one.run(FULL, 4)["image_size"] == 299 and next(iter(one.measured())).image_size == 139


# --- Hours ---


def test_hours_of_a_run_by_hand():
    config = Config.create()
    # 5,000 images are 156 batches of 32 and 8 images that are left out.
    assert config.steps_of_a_run(32) == 60 * 156 and config.steps_of_a_run(1) == 300_000
    times = dict(cost._time_rows(config, 32, 0.5))
    assert times["seconds_per_step"] == 0.5 and times["images_per_second"] == 64
    assert times["seconds_per_epoch"] == 78 and times["hours_of_run"] == pytest.approx(1.3)


def test_time_on_the_card_by_hand(counted):
    config = Config.create(card_tflops=2.0, card_efficiency=0.5, card_gb_per_second=100.0)
    # 6 x 1e9 operations an image at 1e12 a second; moving its numbers takes less than a tenth of that.
    assert cost._seconds_on_the_card(config, counted[FULL], 4) == pytest.approx(4 * 6e-3)
    slow_to_start = config.model_copy(update={"card_start_microseconds": 1e4})
    assert cost._seconds_on_the_card(slow_to_start, counted[FULL], 1) == pytest.approx(4 * 0.01)
    assert cost._seconds_on_the_card(slow_to_start, counted[FULL], 32) == pytest.approx(32 * 6e-3)


# --- The table ---


def test_the_table_of_what_was_measured(answers, counted):
    config = Config.create(batch_sizes=[4, 1], full_network_batch_sizes=[2], rounds=2)
    table, left_out = cost.measure(config, counted)
    assert left_out == {} and (table["status"] == "measured").all() and (table["machine"] == HERE).all()
    assert [(request["config"]["image_size"], request["config"]["batch_size"]) for _, request in answers] == [
        (107, 1), (107, 4), (299, 1), (299, 4), (299, 2),
    ]  # fmt: skip
    one = table[(table["network"] == "miniature") & (table["image_size"] == 107) & (table["batch_size"] == 4)]
    values = one.groupby("quantity")["value"].apply(list)
    np.testing.assert_allclose(values["seconds_per_step"], [0.03, 0.033])
    np.testing.assert_allclose(values["hours_of_run"], [60 * 1250 * 0.03 / 3600, 60 * 1250 * 0.033 / 3600])
    assert values["memory_mib"] == [108] and values["memory_peak_mib"] == [908] and values["memory_before_mib"] == [800]
    assert "evaluation_seconds_per_image" not in values.index  # with the smallest batch size only
    assert not table.duplicated(["network", "image_size", "batch_size", "quantity", "round"]).any()


def test_what_would_take_too_long_or_too_much_memory_is_left_out_with_the_reason(answers, counted, monkeypatch, capsys):
    config = Config.create(also_image_size=None, full_network_batch_sizes=[], most_seconds=0.4)
    table, left_out = cost.measure(config, counted)
    # After 8, at 55 ms a step with the median of its rounds: 16 would take 5 x 110 ms.
    assert sorted(table["batch_size"].unique()) == [1, 2, 4, 8]
    assert left_out.keys() == {"miniature_107px_batch_16", "miniature_107px_batch_32"}
    assert "its steps would take about 1 s" in left_out["miniature_107px_batch_16"]
    # 1.5 MiB for each image and 3 MiB of weights, half as much again, and 1,500 MiB for the framework.
    monkeypatch.setattr(cost, "available_mib", lambda: 1500 + 1.5 * (1.5 * 4 + 3) + 0.1)
    table, left_out = cost.measure(config.model_copy(update={"most_seconds": 60.0}), counted)
    assert sorted(table["batch_size"].unique()) == [1, 2, 4]
    assert "it may need 1522 MiB of memory, and 1514 are free" in left_out["miniature_107px_batch_8"]
    assert "batch size 8: left out, it may need 1522 MiB" in capsys.readouterr().out
    monkeypatch.setattr(cost, "available_mib", lambda: 100.0)
    with pytest.raises(UserError, match="Nothing could be measured: miniature_107px_batch_1, it may need 1507 MiB"):
        cost.measure(config, counted)


def test_everything_about_the_card_is_marked_as_an_estimate(answers, counted):
    config = Config.create(rounds=2)
    table, left_out = everything(config, counted)
    is_measured = table["status"] == "measured"
    assert set(table["status"]) == {"measured", "estimate"}
    assert (table.loc[table["machine"] == CARD, "status"] == "estimate").all()
    assert (table.loc[is_measured, "method"] == PROCESS).all() and (table.loc[~is_measured, "method"] != PROCESS).all()
    assert (cost.memory_on_the_card(config, table)["status"] == "estimate").all()
    summary = cost.summarize(config, table, left_out)
    for key, value in summary.items():
        assert key.startswith("estimate") or "card" not in f"{key} {value}"
    for figure in (
        figures.time_by_batch_size(table),
        figures.memory_by_batch_size(cost.memory_on_the_card(config, table)),
    ):
        labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        about_the_card = [label for label in labels if "measured here" not in label or "extrapolated" in label]
        assert about_the_card and all("estimate" in label for label in about_the_card)
    titles = [
        axis.get_title()
        for axis in figures.hours_by_batch_size(cost.hours_of_a_run(config, table)).axes
        if axis.get_title()
    ]
    assert len(titles) == 5 and sum("measured here" in title for title in titles) == 3
    assert all(("estimate for the card" in title) != ("measured here" in title) for title in titles)


def test_bars_and_lines_show_the_numbers_of_the_table(answers, counted):
    config = Config.create(rounds=3)
    table, _ = everything(config, counted)
    axis = figures.hours_by_batch_size(cost.hours_of_a_run(config, table)).axes[0]
    expected = [60 * (5000 // b) * (0.01 + 0.005 * b) * 1.1 / 3600 for b in config.batch_sizes]
    np.testing.assert_allclose([bar.get_height() for bar in axis.patches], expected)
    left, right = figures.time_by_batch_size(table).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [3600 / 60 * hours for hours in expected])
    assert len(left.lines) == 5 and left.get_yscale() == right.get_yscale() == "log"
    measured, counted_line = figures.count_against_measurement(table).axes[0].lines
    np.testing.assert_allclose(measured.get_ydata(), [100 + 2 * b for b in config.batch_sizes])
    np.testing.assert_allclose(counted_line.get_ydata(), [3 + 1.5 * b for b in config.batch_sizes])


@pytest.mark.parametrize("parameters", [{"width": 1.0, "depth": 1.0}, {"also_image_size": None, "most_seconds": 0.01}])
def test_a_study_of_the_full_network_and_one_that_measures_little_have_all_figures(answers, counted, parameters):
    config = Config.create(**parameters, full_network_batch_sizes=[], compiled_batch_sizes=[])
    table, left_out = everything(config, counted)
    summary = cost.summarize(config, table, left_out)
    measured = {network.label for network in config.measured()}
    assert summary["measured"].keys() == measured and summary["estimate_card"].keys() == {
        network.label for network in config.estimated()
    }
    assert len(figures.count_against_measurement(table).axes) == len(measured)
    titles = [
        axis.get_title()
        for axis in figures.hours_by_batch_size(cost.hours_of_a_run(config, table)).axes
        if axis.get_title()
    ]
    assert len(titles) == len(measured) + len(config.estimated())
    assert len(figures.time_by_batch_size(table).axes[0].lines) == len(titles)
    assert len(figures.memory_by_batch_size(cost.memory_on_the_card(config, table)).axes) == len(config.estimated())


# --- Memory ---


def test_a_line_through_memory_by_hand():
    line = cost.fit_memory(pd.Series({1: 12.0, 3: 16.0, 5: 20.0}))
    assert line == pytest.approx({"constant_mib": 10, "per_image_mib": 2, "off_by_mib": 0})
    # Points 0, 3, 0 at 0, 1, 2: the best line is level, at 1, and the middle point is 2 off.
    assert cost.fit_memory(pd.Series({0: 0.0, 1: 3.0, 2: 0.0}))["off_by_mib"] == pytest.approx(2)


def test_which_batch_sizes_fit_by_each_method(answers, counted):
    config = Config.create(card_memory_gib=5.0, compiled_batch_sizes=[1, 8])
    table, left_out = everything(config, counted)
    found = cost.memory_on_the_card(config, table).set_index(["image_size", "method", "batch_size"]).sort_index()
    # Compiled: 600 + 200 B MiB, at the larger size only; the card has 5,120 MiB.
    compiled = found.loc[(299, COMPILED)]
    np.testing.assert_allclose(compiled["memory_gib"] * 1024, [600 + 200 * b for b in config.batch_sizes])
    np.testing.assert_allclose(compiled["margin_gib"] * 1024, [4520 - 200 * b for b in config.batch_sizes])
    assert compiled["fits"].tolist() == [True] * 5 + [False]
    # Measured at 1 and 4: 100 + 2 B MiB, and 1 MiB of weights that the process held before.
    np.testing.assert_allclose(
        found.loc[(299, EXTRAPOLATED), "memory_gib"] * 1024, [101 + 2 * b for b in config.batch_sizes]
    )
    np.testing.assert_allclose(
        found.loc[(107, COUNTED), "memory_gib"] * 1024, [3 + 1.5 * b for b in config.batch_sizes]
    )
    assert set(found.loc[107].index.get_level_values("method")) == {COUNTED}
    summary = cost.summarize(config, table, left_out)["estimate_card_memory"]["full_299px"]
    assert summary["compiled"]["fits"] == "1, 2, 4, 8, 16" and summary["compiled"]["largest_that_fits"] == 22
    assert summary["compiled"]["margin_gib_batch_32"] == pytest.approx((4520 - 6400) / 1024)
    assert summary["counted"]["largest_that_fits"] == (5120 - 3) // 1.5


def test_a_card_that_is_too_small_for_the_weights_fits_nothing():
    config = Config.create(card_memory_gib=0.5)
    assert cost.largest_that_fits(config, {"constant_mib": 600.0, "per_image_mib": 10.0}) == 0
    assert cost.largest_that_fits(config, {"constant_mib": 112.0, "per_image_mib": 10.0}) == 40


def test_the_summary_quotes_medians_ratios_and_checks(answers, counted):
    config = Config.create(rounds=3)
    summary = cost.summarize(config, *everything(config, counted))
    one = summary["measured"]["miniature_107px"]["batch_1"]
    assert one["seconds_per_step"] == pytest.approx(0.015 * 1.1) and one["start_up_seconds"] == 9
    ratio = (5000 * 0.015) / (156 * 0.17)
    assert summary["measured_hours_smallest_over_largest"]["miniature_107px"] == pytest.approx(ratio)
    assert summary["measured_evaluation_seconds_per_image"]["full_299px"] == 0.002
    check = summary["check_of_counted_memory"]["miniature_299px"]
    assert check == pytest.approx({"measured_mib_per_image": 2, "counted_mib_per_image": 1.5, "ratio": 4 / 3})
    assert summary["check_of_counted_operations"] == pytest.approx(6.3 / 6)
    assert summary["estimate_gflop_per_image"] == pytest.approx({"full_107px": 6, "full_299px": 6})


def test_without_jax_or_without_being_asked_nothing_is_compiled(answers, counted, monkeypatch):
    assert cost.compile_without_running(Config.create(compiled_batch_sizes=[])).empty
    monkeypatch.setattr(cost.importlib.util, "find_spec", lambda name: None)
    config = Config.create(full_network_batch_sizes=[1])
    table, left_out = everything(config, counted)
    assert not [task for task, _ in answers if task == "compiled_memory"]
    found = cost.memory_on_the_card(config, table)
    assert set(found["method"]) == {COUNTED}  # and one measured batch size is no line
    summary = cost.summarize(config, table, left_out)
    assert (
        summary["check_of_counted_operations"] is None
        and len(figures.memory_by_batch_size(cost.memory_on_the_card(config, table)).axes) == 2
    )


def test_a_process_that_fails_is_reported_with_its_reason():
    config = {"image_size": 75, "batch_size": 1}
    with pytest.raises(RuntimeError, match=r"(?s)train .* ended with status 1: .*the last feature map is 1x1"):
        cost.ask("train", config=config, rounds=1, seconds_of_a_round=0.1, evaluate=False)


def test_times_beside_other_programs_are_marked_as_too_long(answers, counted, monkeypatch, capsys):
    config = Config.create(batch_sizes=[1, 2], also_image_size=None, full_network_batch_sizes=[])
    cost.measure(config, counted)
    assert "too long" not in capsys.readouterr().out
    busy = iter([0.0, 1.5])
    monkeypatch.setattr(cost, "busy_cores", lambda: next(busy))
    table, left_out = everything(config, counted)
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if "too long" in line] == [
        "miniature_107px, batch size 2: 22 ms a step (too long: other programs kept 1.5 cores busy)"
    ]
    assert cost.summarize(config, table, left_out)["measured_busy_cores_before"] == 1.5


def test_a_busy_core_is_noticed():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        busy = cost.busy_cores(0.5)
        other.kill()
    assert busy is None or 0.3 < busy < 1.1 * (os.cpu_count() or 1)


def test_free_memory_is_that_of_this_machine():
    free = cost.available_mib()
    assert free is None or 10 < free < 1e8
