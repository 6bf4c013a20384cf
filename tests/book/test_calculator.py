"""The calculator: its arithmetic, and by keyboard in a browser; without scripts the table is there. Needs no book."""

import re
import sys

import pytest

from smallbatch.figures.catalogue.batch_norm_momentum import weights_of_initial_values
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_extensions"))
import calculator


def test_the_question_s_numbers_are_those_of_the_figure():
    weights = weights_of_initial_values().set_index(["momentum", "batch_size", "epoch"])["weight"]
    for momentum, size in calculator.MARKS:
        window, left = calculator.averages(momentum, size, calculator.IMAGES, calculator.EPOCHS)
        assert left == pytest.approx(weights[momentum, size, 60])
        assert window * -(-5000 // size) == pytest.approx(1 / (1 - momentum))


def test_the_verdict_names_initial_values_first_then_a_long_window():
    words = [calculator.verdict(*calculator.averages(m, b, 5000, 60), 60) for m, b in calculator.MARKS]
    assert words == ["long", "initial values", "short", "short"]


PAGE = """<!doctype html><html lang="en"><title>x</title><body><main><h1>x</h1>{form}<table id="fallback"></table>
</main></body></html>"""


@pytest.fixture
def written(tmp_path):
    fields = "".join(
        f'<p><label for="calculator-{name}">{label}</label>'
        f'<input type="number" id="calculator-{name}" name="{name}" value="{value}" {limits} required></p>'
        for name, label, value, limits in calculator.FIELDS
    )
    buttons = "".join(
        f'<button type="button" data-momentum="{m}" data-batch="{b}">{m:g}, batch size {b}</button>'
        for m, b in calculator.MARKS
    )
    marks = ";".join(f"{m},{b},{calculator.IMAGES}" for m, b in calculator.MARKS)
    form = calculator.FRAME.format(
        fields=fields, buttons=buttons, marks=marks, initial=calculator.INITIAL, window=calculator.WINDOW,
        root=f"{(ROOT / 'book').as_uri()}/",
    )  # fmt: skip
    (tmp_path / "page.html").write_text(PAGE.format(form=form))
    return (tmp_path / "page.html").as_uri()


@pytest.mark.slow
def test_it_is_used_by_keyboard_alone_and_says_what_python_computes(browser, written):
    page = browser.new_page()
    page.goto(written)
    said = page.locator("output[aria-live=polite]")
    assert "look back over 21 epochs (3333 steps)" in said.inner_text() and "5.9%" in said.inner_text()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "momentum"
    page.keyboard.press("Control+A")
    page.keyboard.type("0.99")
    assert "Verdict: short" in said.inner_text()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    assert page.input_value("#calculator-batch") == "33"
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first of the question's settings
    assert [page.input_value(f"#calculator-{name}") for name in ("momentum", "batch")] == ["0.9997", "10"]
    window, left = calculator.averages(0.9997, 10, 5000, 60)
    assert f"{window:.2g} epochs" in said.inner_text() and f"{100 * left:.2g}%" in said.inner_text()
    assert "Verdict: long" in said.inner_text()
    assert page.locator(".calculator-scale .mark").count() == 4 and page.locator(".calculator-scale .own").count() == 1
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize(("field", "value"), [("momentum", "1"), ("momentum", "-1"), ("batch", "0"), ("images", "")])
def test_what_makes_no_sense_is_named_and_not_computed(browser, written, field, value):
    page = browser.new_page()
    page.goto(written)
    page.fill(f"#calculator-{field}", value)
    text = page.locator("output").inner_text()
    label = {name: label for name, label, *_ in calculator.FIELDS}[field]
    assert text.startswith(label) and not re.search("NaN|Infinity|Verdict", text)
    page.close()


@pytest.mark.slow
def test_without_scripts_there_is_no_dead_form(browser, written):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written)
    assert not page.locator(".calculator").is_visible() and page.locator("#fallback").count() == 1
    context.close()


@pytest.mark.slow
def test_the_page_shows_the_form_and_the_table_of_the_question(built, browser):
    page = browser.new_page()
    page.goto((built.folder / "_build/html/book/calculator.html").as_uri())
    assert page.locator(".calculator").is_visible()
    rows = page.locator("article table tbody tr").all_inner_texts()
    assert [row.split()[-1] for row in rows] == ["long", "values", "short", "short"]
    page.close()
