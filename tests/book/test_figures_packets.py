"""Every figure can be taken away: its files open, name their source, and its table alone draws it again."""

import json
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from PIL import Image
from pybtex.database import parse_string

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.citable import Citable, read_data, redraw, save, write_packet
from smallbatch.figures.evidence import Data, Evidence, NotMeasured
from tests import simulated
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
# Small for testing: effects that a few seeds show, so that no figure is empty.
TRUTH = {"sgd": (0.5, 0.1), "norm": (-0.3, 0.1)}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project's folder with a made-up study and what is published beside it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("studies", "notebooks", "CITATION.cff", "_toc.yml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "results").mkdir()
    for name in ("laptop", "artefacts", "bench", "full", "gpu"):
        if (ROOT / "results" / name).is_dir():
            (folder / "results" / name).symlink_to(ROOT / "results" / name)
    simulated.write(folder / "results" / "simulated", **TRUTH)
    return folder


@pytest.fixture(scope="module")
def drawn(project):
    """The folder of all packets, and why some of them could not be drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        evidence = Evidence("simulated")
        facts = {slug: write_packet(figure, evidence, project / "figures") for slug, figure in FIGURES.items()}
    return project / "figures", {slug: said.get("missing", "") for slug, said in facts.items()}


@pytest.fixture
def packet(request, drawn):
    """A figure of the catalogue, its folder and its facts; skipped where its measurement is not published yet."""
    folder, reasons = drawn
    if reasons[request.param]:
        pytest.skip(f"{request.param}: {reasons[request.param]}")
    return FIGURES[request.param], folder, json.loads((folder / f"{request.param}.json").read_text())


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


every_figure = pytest.mark.parametrize("packet", FIGURES, indirect=True)


def test_most_figures_can_be_drawn_from_made_up_runs_and_the_others_give_a_reason(drawn):
    reasons = drawn[1]
    assert sum(not why for why in reasons.values()) > 0.6 * len(FIGURES)
    assert all(len(why.split()) > 3 for why in reasons.values() if why)


@every_figure
def test_the_files_open_and_name_title_author_licence_and_slug(packet):
    figure, folder, facts = packet
    author = re.search(r"- name: (.*)", (ROOT / "CITATION.cff").read_text()).group(1)

    with Image.open(folder / f"{figure.slug}.png") as image:
        image.load()
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        inside = image.info
    assert inside["Title"] == figure.title and inside["Author"] == author
    assert "CC BY 4.0" in inside["Copyright"] and figure.slug in inside["Source"]

    work = ElementTree.parse(folder / f"{figure.slug}.svg").find(".//{http://creativecommons.org/ns#}Work")
    words = {tag: " ".join(work.find(DUBLIN_CORE + tag).itertext()).strip()
             for tag in ("title", "creator", "rights", "identifier")}  # fmt: skip
    assert words["title"] == figure.title and words["identifier"] == figure.slug
    assert author in words["creator"] and "CC BY 4.0" in words["rights"]

    pdf = (folder / f"{figure.slug}.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-") and b"%%EOF" in pdf[-16:]
    for name in (b"/Title", b"/Author", b"/Subject", b"/Keywords"):
        assert name in pdf
    assert figure.slug.encode() in pdf

    assert not read_data(folder / f"{figure.slug}.csv").empty
    assert facts["slug"] == figure.slug and figure.slug in facts["citation"] and author in facts["citation"]


@every_figure
def test_the_csv_alone_draws_the_same_picture(packet, tmp_path):
    figure, folder, _ = packet
    again = redraw(figure.slug, folder / f"{figure.slug}.csv")
    save(figure, again, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (folder / f"{figure.slug}.svg").read_bytes()


@every_figure
def test_former_slugs_keep_their_files_and_texts_are_whole(packet):
    figure, folder, facts = packet
    for former in figure.formerly:
        assert former not in FIGURES
        for kind in ("csv", "png", "svg", "pdf"):
            assert (folder / f"{former}.{kind}").read_bytes() == (folder / f"{figure.slug}.{kind}").read_bytes()
    assert facts["caption"].endswith(".") and len(facts["caption"]) > 60
    assert facts["alt"].endswith(".") and "nan" not in facts["alt"].split()
    assert re.search(r"\d", facts["alt"])


@every_figure
def test_the_bibtex_entry_parses_and_says_what_the_citation_says(packet):
    figure, _, facts = packet
    entry = parse_string(facts["bibtex"], "bibtex").entries[f"smallbatch-{figure.slug}"]
    assert figure.title in entry.fields["title"] and figure.slug in entry.fields["howpublished"]
    assert entry.fields["year"] in facts["citation"] and entry.persons["author"]
    assert "url" not in entry.fields and "http" not in facts["citation"]  # none is set in CITATION.cff


def nothing(evidence):
    raise NotMeasured("nobody measured it")


def test_what_was_not_measured_leaves_a_json_that_says_so_and_nothing_else(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    draw = next(iter(FIGURES.values())).draw
    figure = Citable("never", "A title", "A caption.", nothing, draw, str, ("old",))
    facts = write_packet(figure, Evidence("simulated"), tmp_path)
    assert facts["missing"] == "nobody measured it"
    assert [path.name for path in tmp_path.iterdir()] == ["never.json"]
    assert json.loads((tmp_path / "never.json").read_text()) == facts


def test_a_word_in_a_table_is_never_taken_for_a_missing_value(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    table = pd.DataFrame({"arm": ["none", "NA", "null"], "error": [1.0, 2.0, None]})
    seen = []

    def draw(given):
        seen.append(given)
        return plt.figure()

    figure = Citable("words", "T", "C.", lambda evidence: Data(table, "simulated"), draw, lambda given: "x")
    write_packet(figure, Evidence("simulated"), tmp_path)
    assert list(seen[0]["arm"]) == ["none", "NA", "null"] and seen[0]["error"].isna().tolist() == [False, False, True]


def test_the_book_shows_the_figures_that_were_drawn_and_says_which_were_not(built):
    html = built.folder / "_build/html"
    pages = {path.stem: path.read_text() for path in (html / "book").glob("*.html")}
    for slug in FIGURES:
        facts = json.loads((html / f"figures/{slug}.json").read_text())
        shown = [text for text in pages.values() if f'id="fig-{slug}"' in text]
        assert len(shown) == 1, f"{slug} is shown on {len(shown)} pages"
        part = shown[0].split(f'id="fig-{slug}"')[1].split("</figure>")[0]
        for former in facts["formerly"]:
            assert f'id="fig-{former}"' in shown[0]
        if "missing" in facts:
            assert "Not measured in this study" in part and "<img" not in part
        else:
            assert f'href="../figures/{slug}.svg"' in part and "<img" in part
            box = shown[0].split(f'id="fig-{slug}"')[1].split("<details", 1)[1].split("</details>")[0]
            for kind in ("png", "svg", "pdf", "csv", "json"):
                assert f'href="../figures/{slug}.{kind}" download' in box
                assert (html / f"figures/{slug}.{kind}").is_file()
            assert "@misc" in box and "Cite as" in box and 'href="../book/figure-code.html#' in box


def test_the_page_of_the_code_shows_all_modules_that_draw(built):
    text = (built.folder / "_build/html/book/figure-code.html").read_text()
    modules = {figure.draw.__module__ for figure in FIGURES.values()}
    assert len(modules) > 2
    for module in modules:
        assert f'id="code-{module.replace(".", "-").replace("_", "-")}"' in text


def test_the_citation_file_is_valid_and_names_one_licence():
    import datetime

    import yaml
    from jsonschema import Draft7Validator

    schema = json.loads((ROOT / "tests/book/cff-schema-1.2.0.json").read_text())
    validator = Draft7Validator(schema)
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert not isinstance(cff["date-released"], datetime.date)  # a quoted text, as the schema wants it
    assert [error.message for error in validator.iter_errors(cff)] == []
    # Archives refuse a list of licences.
    assert isinstance(cff["license"], str)
    assert not validator.is_valid({**cff, "version": None}) and not validator.is_valid({"title": "x"})


def test_references_parse():
    text = (ROOT / "book/references.bib").read_text()
    assert len(parse_string(text, "bibtex").entries) == len(re.findall(r"^@\w+\{", text, re.M)) > 3


def test_redraw_names_what_it_does_not_know(tmp_path):
    with pytest.raises(KeyError, match="no-such-figure"):
        redraw("no-such-figure", tmp_path / "x.csv")
