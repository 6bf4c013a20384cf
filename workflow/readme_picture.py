"""Draw the picture of README.md anew, from the published runs: `python -m workflow.readme_picture`.

GitHub shows only what is committed, so this one picture of the book is: the slide of its first screen.
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.evidence import PUBLISHED, Evidence
from smallbatch.figures.packet import write_packet
from smallbatch.paths import in_project

SLUG = "phantom"
PICTURE = f"book/_static/{SLUG}-slide.png"


def draw(path: Path) -> str:
    """Write the picture to a path; return its alternative text."""
    with TemporaryDirectory() as folder:
        facts = write_packet(FIGURES[SLUG], Evidence(PUBLISHED), Path(folder))
        shutil.copy(Path(folder) / f"{SLUG}-slide.png", path)
    return facts["alt"]


def main() -> int:
    """Draw it, and print the alternative text that belongs beside it."""
    print(draw(in_project(PICTURE)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
