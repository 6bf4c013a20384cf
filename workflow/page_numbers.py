"""The numbers of the pages: computed once, in one process, before the build; pages only name them.

`book/_numbers/<page>.py` has a function `numbers(study)` that returns, by name, what the page's sentences and tables
need: a text, a number (shown as it is), a truth value for a paragraph that depends on it, or a table (see
`book/_extensions/named_numbers.py`). They are written to `<folder>/<page>.json`.
"""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

from smallbatch.errors import UserError
from smallbatch.study.files import write_if_changed

SOURCES = Path(__file__).resolve().parent.parent / "book" / "_numbers"


def write_numbers(study: str, folder: Path) -> None:
    """Compute the numbers of every page for a book built from this study, and write them below a folder."""
    for source in sorted(SOURCES.glob("[!_]*.py")):
        text = json.dumps(numbers_of(source)(study), indent=1, ensure_ascii=False, default=_plain)
        folder.mkdir(parents=True, exist_ok=True)
        write_if_changed(folder / f"{source.stem}.json", text + "\n")


def numbers_of(source: Path) -> Callable[[str], dict]:
    """Return the function of a page's file."""
    spec = importlib.util.spec_from_file_location(f"numbers_{source.stem.replace('-', '_')}", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.numbers


def _plain(value):
    """Return a NumPy number as JSON can hold it."""
    if hasattr(value, "item"):
        return value.item()
    raise UserError(f"{value!r} cannot be shown on a page. Allowed: texts, numbers, truth values and tables of these")


if __name__ == "__main__":
    write_numbers(sys.argv[1], Path(sys.argv[2]))
