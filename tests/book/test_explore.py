"""The figure to play with: moved by keyboard, right in its numbers, heard by a screen reader, not missed."""

import re

import pandas as pd
import pytest

from tests.book.browsing import open_page

pytestmark = pytest.mark.slow


@pytest.fixture
def page(built, browser):
    page = open_page(browser, built.folder / "_build/html", "sweep", width=390)
    yield page
    page.close()


@pytest.fixture
def table(built):
    path = built.folder / "_build/html/figures/learning-curves.csv"
    return pd.read_csv(path)


def numbers(page):
    """Return the two numbers in the words below the picture, without their unit."""
    return [float(value) for value in re.findall(r"([\d.]+)(?: %)? after epoch", page.inner_text(".explore-words"))]


def _means(table, size, column):
    """Return the means over seeds after the first and after the last epoch."""
    means = table[table["batch_size"] == size].groupby("epoch")[column].mean()
    return means.iloc[0], means.iloc[-1]


def test_the_arrow_keys_move_through_all_batch_sizes_and_the_words_follow(page, table):
    sizes = sorted(table["batch_size"].unique())
    slider = page.get_by_role("slider", name="Batch size")
    slider.focus()
    page.keyboard.press("Home")
    for size in sizes:
        assert slider.get_attribute("aria-valuetext") == f"batch size {size}"
        assert page.inner_text(".explore output") == str(size)
        assert numbers(page) == pytest.approx(_means(table, size, "train_loss"), abs=0.001)
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == f"batch size {sizes[-1]}"


def test_each_quantity_can_be_chosen_and_accuracies_are_percentages(page, table):
    size = min(table["batch_size"])
    for column in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        page.get_by_label("Shown").select_option(column)
        share = column.endswith("accuracy")
        scale = 100 if share else 1
        means = [scale * mean for mean in _means(table, size, column)]
        assert numbers(page) == pytest.approx(means, abs=0.1 if share else 0.001)
        assert ("%" in page.inner_text(".explore-words")) == share


def test_every_seed_is_a_line_and_all_of_it_lies_inside_the_picture(page, table):
    runs = table[table["batch_size"] == min(table["batch_size"])]["run"].nunique()
    others = table["batch_size"].nunique() - 1
    for kind, count in (("seed", runs), ("mean", 1), ("other", others)):
        assert page.locator(f".explore polyline.{kind}").count() == count
    outside = """() => {
        const svg = document.querySelector('.explore svg');
        const box = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('polyline, text, circle')].map(e => e.getBoundingClientRect())
            .filter(r => r.left < box.left - 1 || r.right > box.right + 1
                      || r.top < box.top - 1 || r.bottom > box.bottom + 1).length }"""
    assert page.evaluate(outside) == 0
    assert page.get_by_role("img", name="Training loss (nats) by epoch at batch size").count() == 1
    assert page.locator(".explore-words[aria-live=polite]").count() == 1


def test_without_scripts_the_picture_of_the_packet_is_there_and_no_dead_slider(built, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((built.folder / "_build/html/book/sweep.html").as_uri())
    assert page.locator("#fig-learning-curves img").first.is_visible()
    assert not page.locator(".explore").is_visible()
    context.close()
