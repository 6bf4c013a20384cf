"""A figure that can be cited: one table, one function that draws it, and the files in which both are handed on.

A packet is `<slug>.csv`, `.png`, `.svg`, `.pdf` and `.json`; `<slug>-dark.svg` for a page in dark mode; and
`<slug>-slide.svg` and `.png`, 16:9 with its message above, for slides. Pictures are always drawn from the table as the
CSV has it, so whoever has the CSV can draw them again: `redraw(slug, "slug.csv")` of `smallbatch.figures.citable`.

Knows no particular figure.
"""

import inspect
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import yaml

from smallbatch.figures import looks, style
from smallbatch.figures.evidence import Evidence, FigureData, NotMeasured
from smallbatch.figures.style import theme
from smallbatch.paths import in_project
from smallbatch.study.files import write_if_changed

LICENCE = "CC BY 4.0"
LICENCE_ADDRESS = "https://creativecommons.org/licenses/by/4.0/"
# SVG first: to save a figure moves its panels by rounding errors, and an SVG drawn again shall be the same to the byte.
PICTURES = ("svg", "png", "pdf")
# The other looks of a picture, the end of their files' names, and the kinds that are written.
LOOKS = {looks.DARK: ("svg",), looks.SLIDE: ("svg", "png")}
# A slide of 8 inches fills a screen of 1920 pixels.
SLIDE_DPI = 240


@dataclass(frozen=True)
class FigureEntry:
    """One figure of the catalogue: its slug, its words, and the functions that choose, draw and tell its data.

    `caption` stands alone in about 35 words and holds nothing that other results could make false; what would make it
    longer is in `details`, which the box under the figure has beside the data that were used.
    `alt(table)` says in words what the picture shows, from its numbers. `data` raises `NotMeasured` where the study has
    nothing to draw. `formerly`: slugs that the figure had before, which keep working. `message(table)` is the finding
    in a sentence, made from the numbers of the table, and stands above the picture; slides have `title` without one.
    """

    slug: str
    title: str
    caption: str
    data: Callable[[Evidence], FigureData]
    draw: Callable[[pd.DataFrame], plt.Figure]
    alt: Callable[[pd.DataFrame], str]
    formerly: tuple[str, ...] = ()
    message: Callable[[pd.DataFrame], str] | None = None
    details: str = ""


def read_data(path: str | Path) -> pd.DataFrame:
    """Return the table of a packet; "none" and the like are words, only an empty field is missing."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def write_packet(entry: FigureEntry, evidence: Evidence, folder: Path) -> dict:
    """Write the files of a figure into a folder, also under its former slugs; return what the JSON says.

    Without data, the JSON is all that is written, and its `missing` says why.
    """
    facts = _facts(entry)
    try:
        data = entry.data(evidence)
    except NotMeasured as reason:
        facts |= {"missing": f"{reason}"}
        _write_json(entry, facts, folder)
        return facts
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{entry.slug}.csv"
    write_if_changed(path, data.table.to_csv(index=False))
    table = read_data(path)
    drawn = picture(entry, table)
    for kind in PICTURES:
        save(entry, drawn, folder / f"{entry.slug}.{kind}")
    plt.close(drawn)
    for look, kinds in LOOKS.items():
        other = picture(entry, table, look)
        for kind in kinds:
            save(entry, other, folder / f"{entry.slug}-{look}.{kind}", look)
        plt.close(other)
    facts |= {
        "study": data.study,
        "alt": entry.alt(table),
        "evidence": data.sentence(),
        "message": message(entry, table),
        "inches": drawn.get_size_inches().round(2).tolist(),
        "runs": sorted(data.runs["run"].unique()) if "run" in data.runs else [],
        "experiments": _experiments(data.runs),
    }
    _write_json(entry, facts, folder)
    for former in entry.formerly:
        for kind in ("csv", *PICTURES):
            (folder / f"{former}.{kind}").write_bytes((folder / f"{entry.slug}.{kind}").read_bytes())
    return facts


def _experiments(runs: pd.DataFrame) -> list[str]:
    # A run may serve several experiments; those behind the figure are the ones that all of its runs belong to.
    if runs.empty or "experiments" not in runs:
        return []
    return sorted(set.intersection(*(set(names.split()) for names in runs["experiments"])))


def message(entry: FigureEntry, table: pd.DataFrame) -> str:
    """Return what a slide says above the picture: the finding, or the title where the entry tells none."""
    return entry.message(table) if entry.message else entry.title


def picture(entry: FigureEntry, table: pd.DataFrame, look: str = looks.PAGE) -> plt.Figure:
    """Return the figure drawn in a look of the book, whatever was set before."""
    with mpl.rc_context(), style.slide() if look == looks.SLIDE else nullcontext():
        theme(dark=look == looks.DARK)
        drawn = entry.draw(table)
        if look == looks.SLIDE:
            looks.as_slide(drawn, table, message(entry, table))
        else:
            looks.finish(drawn, table, entry.message(table) if entry.message else "")
        if look == looks.DARK:
            looks.darken(drawn)
        return drawn


def save(entry: FigureEntry, drawn: plt.Figure, path: Path, look: str = looks.PAGE) -> None:
    """Save a picture with title, author, licence and slug inside; the same table gives the same bytes."""
    with mpl.rc_context():
        theme(dark=look == looks.DARK)
        # Identifiers in an SVG are random unless salted; dates would differ too.
        mpl.rcParams["svg.hashsalt"] = entry.slug
        # All that is drawn has its place inside, and a picture keeps its shape.
        mpl.rcParams["savefig.bbox"] = None
        drawn.savefig(path, dpi=SLIDE_DPI if look == looks.SLIDE else 300, metadata=_metadata(entry, path.suffix))


def _metadata(entry: FigureEntry, suffix: str) -> dict:
    book = about()
    author, rights = ", ".join(book["authors"]), f"{LICENCE}, {LICENCE_ADDRESS}"
    source = f"{entry.slug} in {book['title']}, version {book['version']}"
    if suffix == ".png":
        return {"Title": entry.title, "Author": author, "Copyright": rights, "Source": source, "Software": None}
    if suffix == ".svg":
        return {"Title": entry.title, "Creator": author, "Rights": rights, "Identifier": entry.slug,
                "Source": source, "Description": entry.caption, "Date": None}  # fmt: skip
    return {"Title": entry.title, "Author": author, "Subject": f"{source}. {rights}", "Keywords": entry.slug,
            "CreationDate": None}  # fmt: skip


def about() -> dict:
    """Return what CITATION.cff says of the book; address, repository and DOI are empty where none is set."""
    cff = yaml.safe_load(in_project("CITATION.cff").read_text())
    authors = [a.get("name") or f"{a['given-names']} {a['family-names']}" for a in cff["authors"]]
    return {
        "title": cff["title"],
        "authors": authors,
        "version": str(cff["version"]),
        "year": str(cff["preferred-citation"]["year"]),
        "type": cff["preferred-citation"]["type"],
        "doi": cff.get("doi", ""),
        "address": cff.get("url", "") or cff.get("repository-code", ""),
        "repository": cff.get("repository-code", ""),
    }


def _facts(entry: FigureEntry) -> dict:
    book = about()
    code = inspect.unwrap(entry.draw)
    return {
        "slug": entry.slug,
        "formerly": list(entry.formerly),
        "title": entry.title,
        "caption": entry.caption,
        "details": entry.details,
        "licence": LICENCE,
        "licence_address": LICENCE_ADDRESS,
        "version": book["version"],
        "code": f"{code.__module__}.{code.__qualname__}",
        "citation": citation(entry, book),
        "bibtex": bibtex(entry, book),
    }


def citation(entry: FigureEntry, book: dict) -> str:
    """Return the plain text that cites a figure."""
    address = "".join(f" {place}" for place in (_doi_address(book), book["address"]) if place)
    return (
        f"{', '.join(book['authors'])} ({book['year']}). {entry.title} [figure {entry.slug}]. In: {book['title']}, "
        f"version {book['version']}. {LICENCE}.{address}"
    )


def _doi_address(book: dict) -> str:
    return f"https://doi.org/{book['doi']}" if book["doi"] else ""


def bibtex(entry: FigureEntry, book: dict) -> str:
    """Return the BibTeX entry that cites a figure."""
    fields = {
        "author": " and ".join(f"{{{name}}}" for name in book["authors"]),
        "title": f"{{{entry.title}}}",
        "howpublished": f"Figure {entry.slug} in: {book['title']}, version {book['version']}",
        "year": book["year"],
        "type": f"Figure in an executable {book['type']}",
        "version": book["version"],
        "note": LICENCE,
    } | {name: book[key] for name, key in (("doi", "doi"), ("url", "address")) if book[key]}
    # A field is one line, so that none ends the block in which a page shows the entry.
    lines = ",\n".join(f"  {name} = {{{' '.join(value.split())}}}" for name, value in fields.items())
    return f"@misc{{smallbatch-{entry.slug},\n{lines}\n}}\n"


def _write_json(entry: FigureEntry, facts: dict, folder: Path) -> None:
    write_if_changed(folder / f"{entry.slug}.json", json.dumps(facts, indent=1) + "\n")
