"""The numbers of the page for teachers: how the book is cited, and how many figures it has."""

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.packet import LICENCE, about


def numbers(study: str) -> dict:
    """Return them by name; they are the same for every study."""
    book = about()
    return {
        "n_figures": len(FIGURES),
        "licence": LICENCE,
        "authors": ", ".join(book["authors"]),
        "year": book["year"],
        "title": book["title"],
        "version": book["version"],
        "address": book["address"],
        "bibtex": bibtex(book),
    }


def bibtex(book: dict) -> str:
    """Return the entry of the book for BibTeX."""
    fields = {
        "author": " and ".join(f"{{{each}}}" for each in book["authors"]),
        "title": f"{{{book['title']}}}",
        "year": book["year"],
        "note": f"Version {book['version']}",
    } | ({"url": book["address"]} if book["address"] else {})
    entry = ",\n".join(f"  {key} = {{{value}}}" for key, value in fields.items())
    return f"@misc{{smallbatch,\n{entry}\n}}"
