"""The rendered pages as a reader meets them: in a browser, wide and narrow, with numbers equal to the records."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from smallbatch.figures.catalogue.training_time import two_digits
from tests.book.browsing import PAGES, open_page

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_has_no_broken_image_and_fits_the_window(built, browser, name, width):
    page = open_page(browser, built.folder / "_build/html", name, width)
    broken = page.evaluate(
        "[...document.querySelectorAll('article img')].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)"
    )
    assert broken == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text = page.inner_text("article")
    for noise in ("Traceback", "WARNING", "I0000", "oneDNN", "cuda_platform", "DeprecationWarning", "nan %"):
        assert noise not in text
    unexplained = "[...document.querySelectorAll('article img')].filter(i => i.alt.length < 20).map(i => i.src)"
    assert page.evaluate(unexplained) == []
    page.close()


def test_a_wide_figure_scrolls_on_a_phone_and_keeps_its_letters_readable(built, browser):
    page = open_page(browser, built.folder / "_build/html", "speed", width=390)
    sizes = page.evaluate("""[...document.querySelectorAll('figure.citable img')].filter(i => i.clientWidth)
        .map(i => [i.naturalWidth, i.width])""")
    # SVGs of 72 points an inch are 96 pixels an inch wide; letters of 11 points, as at ticks, have this size in pixels.
    letters = [11 * shown * 96 / natural / 72 for natural, shown in sizes]
    assert len(letters) >= 2 and min(letters) >= 10.9
    wide = page.locator("figure.citable.wide > a").first
    assert wide.evaluate("a => a.scrollWidth > a.clientWidth + 100")
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_is_shown_in_the_look_of_the_mode_and_in_no_other(built, browser, theme):
    page = open_page(browser, built.folder / "_build/html", "is-it-overfitting", theme=theme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
    shown = page.eval_on_selector_all("figure.citable img", "all => all.filter(i => i.clientWidth).map(i => i.src)")
    hidden = page.eval_on_selector_all("figure.citable img", "all => all.filter(i => !i.clientWidth).map(i => i.src)")
    assert len(shown) == len(hidden) > 1
    assert all(("-dark" in address) == (theme == "dark") for address in shown)
    assert all(("-dark" in address) != (theme == "dark") for address in hidden)
    page.close()


class Links(HTMLParser):
    """Collects the addresses and anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [attributes[key] for key in ("href", "src") if attributes.get(key)]
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}


def test_every_internal_link_leads_somewhere(built):
    html = built.folder / "_build/html"
    pages = {path: Links(path.read_text()) for path in [html / "index.html", *(html / "book").glob("*.html")]}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:|//", link) or (link.startswith("#") and link[1:] in page.anchors | {""}):
                continue
            file, _, anchor = link.split("?")[0].partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.is_file() or (anchor and target in pages and anchor not in pages[target].anchors):
                dead.append(f"{path.name}: {link}")
    assert dead == []


def test_numbers_on_the_page_are_those_of_the_records(built, browser):
    page = open_page(browser, built.folder / "_build/html", "sweep", 1280)
    text = re.sub(r"\s+", " ", page.inner_text("article"))
    runs = pd.read_csv(built.folder / "results/tiny/runs.csv")
    error = 100 * (1 - runs.groupby("batch_size")["moving_test_accuracy"].mean())
    gap = 100 * (runs["recalibrated_train_accuracy"] - runs["recalibrated_test_accuracy"])
    gap = gap.groupby(runs["batch_size"]).mean()
    recalibrated = 100 * (1 - runs.groupby("batch_size")["recalibrated_test_accuracy"].mean())
    assert f"the test error is {error[4]:.1f}% at batch size 4 and {error[20]:.1f}% at batch size 20" in text
    assert f"it is lowest, {error.min():.1f}%, at batch size {error.idxmin()}" in text
    assert f"the mean gap is {gap[4]:z.1f} points at batch size 4 and {gap[20]:z.1f} points at 20" in text
    assert f"Recalibrated, the test error is {recalibrated[4]:.1f}% at batch size 4 and {recalibrated[20]:.1f}%" in text
    artefact = error - recalibrated
    size = artefact.abs().idxmax()
    assert f"difference of the means, {artefact[size]:z.1f} points, is at batch size {size}" in text
    assert "The 4 runs differ in the batch size and in 2 seeds" in text
    batch = 100 * (1 - runs.groupby("batch_size")["batch_test_accuracy"].mean())
    for size, steps in runs.groupby("batch_size")["steps_done"].mean().items():
        means = (f"{means[size]:z.1f}" for means in (error, recalibrated, batch, gap))
        assert f"{size} 2 {steps:.0f} {' '.join(means)}" in text
    page.close()


def test_numbers_of_the_artefacts_are_those_of_the_published_records(built, browser):
    page = open_page(browser, built.folder / "_build/html", "is-it-overfitting", 1280)
    text = re.sub(r"\s+", " ", page.inner_text("article"))
    runs = pd.read_csv(built.folder / "results/artefacts/runs.csv")
    phantom = runs[runs["experiments"] == "phantom"]
    shares = 100 * phantom.groupby("used_batch_norm_momentum").mean(numeric_only=True)
    for momentum, share in shares.iterrows():
        for evaluation, shown in (("moving", "moving averages"), ("recalibrated", "recalibrated")):
            train, test = (share[f"{evaluation}_{split}_accuracy"] for split in ("train", "test"))
            assert f"{momentum:g} {shown} {train:.1f} {test:.1f}" in text
    assert page.locator("article img:visible").count() == 6
    page.close()


def test_numbers_at_full_size_are_those_of_both_studies_records(built, browser):
    page = open_page(browser, built.folder / "_build/html", "full-size", 1280)
    text = re.sub(r"\s+", " ", page.inner_text("article"))
    swept = {}
    for study, network in (("gpu", "published"), ("laptop", "miniature")):
        runs = pd.read_csv(built.folder / f"results/{study}/runs.csv")
        runs = runs[runs["experiments"].str.split().map(lambda names: "batch_size" in names)]
        swept[network] = 100 * (1 - runs.groupby("batch_size")["recalibrated_test_accuracy"].mean())
    large, small = swept.values()
    assert (
        f"test error of the published network is lowest, {large.min():.1f}%, at batch size {large.idxmin()}; that of "
        f"the miniature, {small.min():.1f}%, at {small.idxmin()}." in text
    )
    for size, error in large.items():
        difference = f"{error - small[size]:z.1f}".replace("-", "\N{MINUS SIGN}")
        assert re.search(rf"\b{size} \d+ {small[size]:.1f} {error:.1f} {difference} ", text)
    gpu = pd.read_csv(built.folder / "results/gpu/runs.csv")
    assert f"{len(gpu)} of 90 runs are done" in text
    long = 100 * (1 - gpu[gpu["used_batch_norm_momentum"] == 0.9997].groupby("batch_size").mean(numeric_only=True))
    for size, mean in long.iterrows():
        moving, recalibrated = mean["moving_test_accuracy"], mean["recalibrated_test_accuracy"]
        assert re.search(rf"0\.9997 {size} \d+ {moving:.1f} {recalibrated:.1f}\b", text)
    assert page.locator("article img:visible").count() == 3
    page.close()


def test_the_examples_are_trained_and_diagnosed_while_the_book_is_built(built, browser):
    page = open_page(browser, built.folder / "_build/html", "diagnose", 1280)
    text = re.sub(r"\s+", " ", page.inner_text("article"))
    found = re.findall(r"Diagnosis: ([a-z ]+)[.,]", text)
    assert found == ["moving averages lag", "overfitting", "no gap to explain"]
    # After the repair, the first model scores with its moving averages what it scored recalibrated.
    recalibrated = re.search(r"training scores ([\d.]+)% and validation ([\d.]+)%", text).groups()
    repaired = re.search(r"'train': ([\d.]+), 'validation': ([\d.]+)", text).groups()
    assert [f"{100 * float(share):.1f}" for share in repaired] == list(recalibrated)
    assert page.locator("article img:visible").count() == 1
    seeds = pd.read_csv(built.folder / "results/diagnose-example/seeds.csv").query("example == 'lagging'")
    low, high = seeds["moving averages"].agg(["min", "max"])
    assert f"{low:.1f} to {high:.1f}" in text and f"cost between {low:.0f} and {high:.0f} points" in text
    page.close()


def test_what_a_study_has_not_measured_is_said_and_what_is_published_beside_it_is_shown(built, browser):
    page = open_page(browser, built.folder / "_build/html", "remedies", 1280)
    text = re.sub(r"\s+", " ", page.inner_text("article"))
    assert text.count("Not measured in this study: there are no runs of experiment") >= 4
    assert "Not measured in this study: whether dropout after the last batch norm helps." in text
    assert "1 epoch 86.1% 95.4%" in text and "60 epochs 0.01% 5.92%" in text  # arithmetic needs no study
    page.close()
    page = open_page(browser, built.folder / "_build/html", "cost", 1280)
    text = re.sub(r"\s+", " ", page.inner_text("article"))
    cost = pd.read_csv(built.folder / "results/laptop/cost-summary.csv").iloc[0]
    ratio = cost["measured_hours_smallest_over_largest_miniature_107px"]
    small, large = (cost[f"measured_miniature_107px_batch_{size}_hours_of_run"] for size in (1, 32))
    assert f"Miniature, 107 px {two_digits(small)} {two_digits(large)} {ratio:.1f}" in text
    assert "Not measured in this study: whether batch size 1 takes more than twice as long as 32." in text
    page.close()


def test_the_executed_notebook_is_shown_with_its_curves_and_its_record(built, browser):
    page = open_page(browser, built.folder / "_build/html", "one-run", 1280)
    text = page.inner_text("article")
    assert "epoch 2 of 2" in text and "_train_in_parts(train_epoch" in text
    assert page.locator("article .cell_output img").count() == 4
    showcase = pd.read_csv(built.folder / "results/tiny/runs.csv").set_index(["batch_size", "seed"]).loc[(20, 0)]
    assert showcase["run"] in text
    page.close()


def test_every_parameter_is_explained(built, browser):
    from smallbatch.training.config import RunConfig

    page = open_page(browser, built.folder / "_build/html", "run-it-yourself", 1280)
    explained = page.locator("article table", has_text="Meaning")
    assert explained.locator("tbody td:first-child").all_inner_texts() == list(RunConfig.model_fields)
    assert "digits, clothing, clothing-full, signs, folder, tfds:<name>" in explained.inner_text()
    page.close()
