"""The benchmark: every round is a dot, nothing lies below the bound, and growth is a multiple of the smallest case."""

import numpy as np
import pandas as pd

from smallbatch.figures.catalogue import FIGURES, benchmark
from smallbatch.figures.evidence import Evidence
from tests.figures.drawn import dots, table_of


def test_every_round_of_every_contender_is_a_dot_and_nothing_is_drawn_for_a_missing_one():
    rows = [(name, size, 0.001 * size) for name in ("ours", "keras-jax") for size in (1, 4) for _ in range(3)]
    rows = pd.DataFrame(rows, columns=["contender", "batch_size", "seconds"])
    rows = rows.assign(network="miniature", floor_seconds=rows["batch_size"].map({1: 0.0005, 4: 0.001}))
    figure = benchmark.steps_beside_peers(rows)
    axis = figure.axes[0]
    assert sum(len(c.get_offsets()) for c in axis.collections[:2]) == 12
    assert [line.get_label() for line in axis.lines] == ["this project", "Keras on JAX"]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [1, 4])
    shade = axis.collections[-1].get_paths()[0].vertices
    assert {(x, y) for x, y in shade if y > 1e-3} == {(1, 0.5), (4, 1)}  # milliseconds, from the axis to the bound


def test_growth_is_drawn_in_multiples_of_the_smallest_case():
    rows = pd.DataFrame({"quantity": "runs", "proportional_to": [1, 1, 2], "seconds": [3.0, 5.0, 12.0]})
    found = dots(benchmark.growth(rows).axes[0])
    np.testing.assert_allclose(found, [[1, 0.75], [1, 1.25], [2, 3.0]])


def test_growth_in_words_is_the_largest_case_over_the_smallest():
    rows = [(quantity, work, 2.0 * work) for quantity in benchmark.TITLES for work in (1, 2, 8)]
    table = pd.DataFrame(rows, columns=["quantity", "proportional_to", "seconds"])
    assert "Epochs: 8 times the work takes 8.0 times as long" in FIGURES["growth"].alt(table)


def test_every_step_of_the_benchmark_is_there_with_its_lower_bound():
    table = table_of("steps-beside-peers", Evidence("no such study"))
    assert set(table["network"]) == {"miniature", "full"} and table["floor_seconds"].notna().all()
    figure = FIGURES["steps-beside-peers"].draw(table)
    for axis, (_, rows) in zip(figure.axes, table.groupby("network", sort=False), strict=True):
        drawn = sum(len(c.get_offsets()) for c in axis.collections if len(c.get_offsets()) > 1)
        assert drawn >= len(rows)
    ours = table[(table["network"] == "full") & (table["contender"] == "ours") & (table["batch_size"] == 32)]
    alt = FIGURES["steps-beside-peers"].alt(table)
    assert "Full network, this project: 1: " in alt and f"32: {1000 * ours['seconds'].median():.0f} ms" in alt
