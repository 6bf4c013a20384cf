"""A figure that can be cited: one table, one function that draws it, and the files in which both are handed on.

A packet is `<slug>.csv`, `.png`, `.svg`, `.pdf` and `.json`. Pictures are always drawn from the table as the CSV has
it, so whoever has the CSV can draw them again: `redraw(slug, "slug.csv")`.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import yaml

from smallbatch.figures import theme
from smallbatch.figures.evidence import Data, Evidence, NotMeasured
from smallbatch.paths import in_project
from smallbatch.study.files import write_if_changed

LICENCE = "CC BY 4.0"
LICENCE_ADDRESS = "https://creativecommons.org/licenses/by/4.0/"
# SVG first: to save a figure moves its panels by rounding errors, and an SVG drawn again shall be the same to the byte.
PICTURES = ("svg", "png", "pdf")


@dataclass(frozen=True)
class Citable:
    """One figure of the book.

    `caption` stands alone and holds nothing that other results could make false; which data were used is added.
    `alt(table)` says in words what the picture shows, from its numbers. `data` raises `NotMeasured` where the study has
    nothing to draw. `formerly`: slugs that the figure had before, which keep working.
    """

    slug: str
    title: str
    caption: str
    data: Callable[[Evidence], Data]
    draw: Callable[[pd.DataFrame], plt.Figure]
    alt: Callable[[pd.DataFrame], str]
    formerly: tuple[str, ...] = ()


def read_data(path: str | Path) -> pd.DataFrame:
    """Return the table of a packet; "none" and the like are words, only an empty field is missing."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def write_packet(figure: Citable, evidence: Evidence, folder: Path) -> dict:
    """Write the files of a figure into a folder, also under its former slugs; return what the JSON says.

    Without data, the JSON is all that is written, and its `missing` says why.
    """
    facts = _facts(figure)
    try:
        data = figure.data(evidence)
    except NotMeasured as reason:
        facts |= {"missing": f"{reason}"}
        _write_json(figure, facts, folder)
        return facts
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{figure.slug}.csv"
    write_if_changed(path, data.table.to_csv(index=False))
    table = read_data(path)
    drawn = picture(figure, table)
    for kind in PICTURES:
        save(figure, drawn, folder / f"{figure.slug}.{kind}")
    plt.close(drawn)
    facts |= {
        "study": data.study,
        "alt": figure.alt(table),
        "evidence": data.sentence(),
        "inches": drawn.get_size_inches().round(2).tolist(),
        "runs": sorted(data.runs["run"].unique()) if "run" in data.runs else [],
        "experiments": _experiments(data.runs),
    }
    _write_json(figure, facts, folder)
    for former in figure.formerly:
        for kind in ("csv", *PICTURES):
            (folder / f"{former}.{kind}").write_bytes((folder / f"{figure.slug}.{kind}").read_bytes())
    return facts


def _experiments(runs: pd.DataFrame) -> list[str]:
    # A run may serve several experiments; those behind the figure are the ones that all of its runs belong to.
    if runs.empty or "experiments" not in runs:
        return []
    return sorted(set.intersection(*(set(names.split()) for names in runs["experiments"])))


def picture(figure: Citable, table: pd.DataFrame) -> plt.Figure:
    """Return the figure drawn in the book's look, whatever was set before."""
    with mpl.rc_context():
        theme()
        return figure.draw(table)


def redraw(slug: str, path: str | Path) -> plt.Figure:
    """Return the figure with this slug, drawn from a table in a CSV file; raise `KeyError` where there is none."""
    from smallbatch.figures.catalogue import FIGURES

    return picture(FIGURES[slug], read_data(path))


def save(figure: Citable, drawn: plt.Figure, path: Path) -> None:
    """Save a picture with title, author, licence and slug inside; the same table gives the same bytes."""
    with mpl.rc_context():
        theme()
        # Identifiers in an SVG are random unless salted; dates would differ too.
        mpl.rcParams["svg.hashsalt"] = figure.slug
        drawn.savefig(path, dpi=300, metadata=_metadata(figure, path.suffix))


def _metadata(figure: Citable, suffix: str) -> dict:
    book = about()
    author, rights = ", ".join(book["authors"]), f"{LICENCE}, {LICENCE_ADDRESS}"
    source = f"{figure.slug} in {book['title']}, version {book['version']}"
    if suffix == ".png":
        return {"Title": figure.title, "Author": author, "Copyright": rights, "Source": source, "Software": None}
    if suffix == ".svg":
        return {"Title": figure.title, "Creator": author, "Rights": rights, "Identifier": figure.slug,
                "Source": source, "Description": figure.caption, "Date": None}  # fmt: skip
    return {"Title": figure.title, "Author": author, "Subject": f"{source}. {rights}", "Keywords": figure.slug,
            "CreationDate": None}  # fmt: skip


def about() -> dict:
    """Return title, authors, version, year and address (empty where none is set) of the book, from CITATION.cff."""
    cff = yaml.safe_load(in_project("CITATION.cff").read_text())
    authors = [a.get("name") or f"{a['given-names']} {a['family-names']}" for a in cff["authors"]]
    return {
        "title": cff["title"],
        "authors": authors,
        "version": str(cff["version"]),
        "year": str(cff["date-released"])[:4],
        "address": cff.get("url", "") or cff.get("repository-code", ""),
        "repository": cff.get("repository-code", ""),
    }


def _facts(figure: Citable) -> dict:
    book = about()
    code = inspect.unwrap(figure.draw)
    return {
        "slug": figure.slug,
        "formerly": list(figure.formerly),
        "title": figure.title,
        "caption": figure.caption,
        "licence": LICENCE,
        "licence_address": LICENCE_ADDRESS,
        "version": book["version"],
        "code": f"{code.__module__}.{code.__qualname__}",
        "citation": citation(figure, book),
        "bibtex": bibtex(figure, book),
    }


def citation(figure: Citable, book: dict) -> str:
    """Return the plain text that cites a figure."""
    address = f" {book['address']}" if book["address"] else ""
    return (
        f"{', '.join(book['authors'])} ({book['year']}). {figure.title} [figure {figure.slug}]. In: {book['title']}, "
        f"version {book['version']}. {LICENCE}.{address}"
    )


def bibtex(figure: Citable, book: dict) -> str:
    """Return the BibTeX entry that cites a figure."""
    fields = {
        "author": " and ".join(f"{{{name}}}" for name in book["authors"]),
        "title": f"{{{figure.title}}}",
        "howpublished": f"Figure {figure.slug} in: {book['title']}, version {book['version']}",
        "year": book["year"],
        "note": LICENCE,
    } | ({"url": book["address"]} if book["address"] else {})
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{smallbatch-{figure.slug},\n{lines}\n}}\n"


def _write_json(figure: Citable, facts: dict, folder: Path) -> None:
    write_if_changed(folder / f"{figure.slug}.json", json.dumps(facts, indent=1) + "\n")
