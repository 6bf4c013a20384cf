"""How the page for teachers has the book cited."""

import pytest
import yaml

from smallbatch.paths import in_project
from tests.book.test_inverted import BOOK
from workflow.page_numbers import numbers_of


def test_the_entry_for_bibtex_has_what_the_citation_file_says():
    parse_string = pytest.importorskip("pybtex.database").parse_string
    cff = yaml.safe_load(in_project("CITATION.cff").read_text())
    entry = parse_string(numbers_of(BOOK / "_numbers" / "teach.py")("any")["bibtex"], "bibtex").entries["smallbatch"]
    assert entry.fields["title"] == f"{{{cff['title']}}}"
    assert entry.fields["year"] == str(cff["preferred-citation"]["year"])
    assert entry.fields["note"] == f"Version {cff['version']}"
    assert len(entry.persons["author"]) == len(cff["authors"])
