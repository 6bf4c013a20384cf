"""Every figure can be taken away: its files open, name their source, and its table alone draws it again."""

import json
import re
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from PIL import Image
from pybtex.database import parse_string

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.citable import redraw
from smallbatch.figures.evidence import Evidence, FigureData, NotMeasured
from smallbatch.figures.packet import FigureEntry, about, picture, read_data, save, write_packet
from tests import simulated
from tests.conftest import ROOT

DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
TABLE = pd.DataFrame({"arm": ["none", "NA", "null"], "error": [1.0, 2.0, None]})
RUNS = pd.DataFrame({"run": ["b", "a"], "seed": [0, 0], "experiments": ["first second", "second third"]})


def draw_line(table):
    figure, axis = plt.subplots()
    axis.plot(range(len(table)), table["error"], label="a line")
    axis.set_title(", ".join(table["arm"]))
    return figure


def entry(**changed):
    """A small figure."""
    parts = {
        "slug": "small", "title": "A title", "caption": "A caption.",
        "data": lambda evidence: FigureData(TABLE, evidence.study, RUNS), "draw": draw_line, "alt": lambda table: "x",
    }  # fmt: skip
    return FigureEntry(**parts | changed)


def written(folder, **changed):
    return write_packet(entry(**changed), Evidence("made-up"), folder)


def test_the_experiments_behind_a_figure_are_those_of_all_its_runs(tmp_path):
    # A run that serves a second experiment brings none of it into the figure.
    assert written(tmp_path)["experiments"] == ["second"]
    apart = RUNS.assign(experiments=["first", "third"])
    assert written(tmp_path, data=lambda evidence: FigureData(TABLE, "s", apart))["experiments"] == []


def test_a_packet_names_its_study_every_run_once_and_what_the_picture_measures(tmp_path):
    twice = pd.concat([RUNS, RUNS])
    facts = written(tmp_path, data=lambda evidence: FigureData(TABLE, evidence.study, twice))
    assert facts["study"] == "made-up" and facts["runs"] == ["a", "b"] and "2 runs, 1 seed" in facts["evidence"]
    assert facts["inches"] == [6.4, 4.8] and facts["alt"] == "x" and facts["message"] == "A title"
    assert json.loads((tmp_path / "small.json").read_text()) == facts
    looks = [f"small-{end}" for end in ("dark.svg", "slide.png", "slide.svg")]
    kinds = [f"small.{kind}" for kind in ("csv", "json", "pdf", "png", "svg")]
    assert sorted(path.name for path in tmp_path.iterdir()) == looks + kinds


def test_a_table_without_runs_names_none(tmp_path):
    facts = written(tmp_path, data=lambda evidence: FigureData(TABLE, ""))
    assert facts["runs"] == facts["experiments"] == [] and facts["evidence"] == "Computed, not measured."


def test_the_code_of_a_figure_is_where_it_says(tmp_path):
    assert written(tmp_path)["code"] == f"{__name__}.draw_line"


def test_citation_and_bibtex_name_title_slug_version_and_year(tmp_path):
    facts, book = written(tmp_path), about()
    fields = parse_string(facts["bibtex"], "bibtex").entries["smallbatch-small"].fields
    for words in ("A title", f"version {book['version']}", book["year"], book["title"], "CC BY 4.0", "small"):
        assert words in facts["citation"], words
        assert any(words in field for field in fields.values()), words


def test_a_field_of_a_bibtex_entry_is_one_line(tmp_path):
    # A page shows the entry in a block that a line of its own could end.
    assert "  title = {{A ``` title}},\n" in written(tmp_path, title="A\n```\ntitle")["bibtex"]


def test_a_word_in_a_table_is_never_taken_for_a_missing_value(tmp_path):
    seen = []
    written(tmp_path, draw=lambda table: seen.append(table) or plt.figure())
    assert list(seen[0]["arm"]) == ["none", "NA", "null"] and seen[0]["error"].isna().tolist() == [False, False, True]


def test_former_slugs_have_the_same_files(tmp_path):
    written(tmp_path, formerly=("old", "older"))
    for former in ("old", "older"):
        for kind in ("csv", "png", "svg", "pdf"):
            assert (tmp_path / f"{former}.{kind}").read_bytes() == (tmp_path / f"small.{kind}").read_bytes()


def test_a_picture_has_the_look_of_the_book_whatever_was_set_before(tmp_path):
    save(entry(), picture(entry(), TABLE), tmp_path / "first.svg")
    with mpl.rc_context({"axes.grid": False, "font.size": 30, "lines.linewidth": 9}):
        save(entry(), picture(entry(), TABLE), tmp_path / "second.svg")
        assert mpl.rcParams["font.size"] == 30  # and leaves what was set
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


def test_what_was_not_measured_leaves_a_json_that_says_so_and_nothing_else(tmp_path):
    def nothing(evidence):
        raise NotMeasured("nobody measured it")

    facts = written(tmp_path, data=nothing, formerly=("old",))
    assert facts["missing"] == "nobody measured it"
    assert [path.name for path in tmp_path.iterdir()] == ["small.json"]
    assert json.loads((tmp_path / "small.json").read_text()) == facts


def test_texts_of_a_record_are_texts_in_every_file(tmp_path):
    poison = "<script>alert('&amp;')</script>"
    runs = RUNS.assign(run=poison, experiments="<script>", processor=poison)
    table = TABLE.assign(arm=poison)
    facts = written(tmp_path, title=poison, data=lambda evidence: FigureData(table, "s", runs))
    assert json.loads((tmp_path / "small.json").read_text()) == facts and facts["runs"] == [poison]
    assert read_data(tmp_path / "small.csv")["arm"].tolist() == [poison] * 3
    tree = ElementTree.parse(tmp_path / "small.svg")
    assert not [element for element in tree.iter() if element.tag.endswith("script")]
    assert tree.find(f".//{DUBLIN_CORE}title").text.strip() == poison


# --- All figures ---


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
    # Small for testing: effects that a few seeds show, so that no figure is empty.
    simulated.write(folder / "results" / "simulated", sgd=(0.5, 0.1), norm=(-0.3, 0.1))
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


every_figure = pytest.mark.parametrize("packet", FIGURES, indirect=True)


@pytest.mark.slow
def test_most_figures_can_be_drawn_from_made_up_runs_and_the_others_give_a_reason(drawn):
    reasons = drawn[1]
    assert sum(not why for why in reasons.values()) > 0.6 * len(FIGURES)
    assert all(len(why.split()) > 3 for why in reasons.values() if why)


@pytest.mark.slow
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


@pytest.mark.slow
@every_figure
def test_the_csv_alone_draws_the_same_picture(packet, tmp_path):
    figure, folder, _ = packet
    again = redraw(figure.slug, folder / f"{figure.slug}.csv")
    save(figure, again, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (folder / f"{figure.slug}.svg").read_bytes()


@pytest.mark.slow
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


@pytest.mark.slow
@every_figure
def test_the_bibtex_entry_parses_and_says_what_the_citation_says(packet):
    figure, _, facts = packet
    found = parse_string(facts["bibtex"], "bibtex").entries[f"smallbatch-{figure.slug}"]
    assert figure.title in found.fields["title"] and figure.slug in found.fields["howpublished"]
    assert found.fields["year"] in facts["citation"] and found.persons["author"]
    assert "url" not in found.fields and "http" not in facts["citation"]  # none is set in CITATION.cff
