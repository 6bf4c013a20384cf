"""Files written whole or not at all."""

import os
from pathlib import Path


def write_if_changed(path: Path, text: str) -> None:
    """Write a file whole or not at all; one that says the same already keeps its time stamp."""
    if path.is_file() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text)
    partial.replace(path)
