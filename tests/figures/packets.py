"""What is inside the packets of the published study, as one hash per file, so that a move of code can be checked.

`python -m tests.figures.packets` draws them from results/laptop and writes `packets.sha256` anew: after new records, a
new version of the book, or a change that is meant. A figure that is newer than the list is not checked until then.

Hashed are the CSV, the SVG and the JSON, without `code`: where a function stands is what a move changes. PNG and PDF
also depend on the libraries that compress them. All of them depend on the versions that compute and draw, and on the
font that is found, and the last digit of some numbers on the vector instructions of the processor. These stand in the
first line of the list; with others nothing can be said.
"""

import hashlib
import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from matplotlib import font_manager

from smallbatch.figures.__main__ import draw_all
from smallbatch.study.environment import _instructions

STUDY = "laptop"
LIST = Path(__file__).with_name("packets.sha256")
KINDS = (".csv", ".json", ".svg")
LIBRARIES = ("matplotlib", "numpy", "pandas", "scipy", "seaborn")


def environment() -> str:
    """Return what the bytes depend on, in one line."""
    # The first two of seaborn's families; where the first is not there, Matplotlib brings the second.
    font = Path(font_manager.findfont(font_manager.FontProperties(family=["Arial", "DejaVu Sans"]))).name
    return ", ".join([*(f"{name} {version(name)}" for name in LIBRARIES), font, str(_instructions())])


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each packet's files by name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in KINDS)
    return {path.name: hashlib.sha256(_content(path)).hexdigest() for path in paths}


def _content(path: Path) -> bytes:
    if path.suffix != ".json":
        return path.read_bytes()
    facts = json.loads(path.read_text())
    del facts["code"]
    return json.dumps(facts, indent=1).encode()


def recorded() -> tuple[str, dict[str, str]]:
    """Return the environment of the list, and the hashes by name."""
    head, *lines = LIST.read_text().splitlines()
    return head.removeprefix("# "), {name: digest for digest, name in (line.split() for line in lines)}


def main() -> None:
    """Draw the packets and write the list."""
    with tempfile.TemporaryDirectory() as folder:
        draw_all(STUDY, Path(folder))
        found = digests(Path(folder))
    lines = [f"# {environment()}", *(f"{digest}  {name}" for name, digest in found.items())]
    LIST.write_text("\n".join(lines) + "\n")
    print(f"{len(found)} files in {LIST.name}")


if __name__ == "__main__":
    main()
