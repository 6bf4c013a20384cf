"""The code that a page of the book shows: what a reader can copy, and what measures and tests therefore run."""

import re
from pathlib import Path

BOOK = Path(__file__).resolve().parent.parent / "book"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def cells_of(page: str) -> list[str]:
    """Return the source of a page's code cells, in order, without their options."""
    found = CELL.findall((BOOK / f"{page}.md").read_text())
    return [re.sub(r"\A(:[^\n]*\n)+", "", cell) for cell in found]
