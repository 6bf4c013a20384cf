"""Draw all figures of a study: `python -m smallbatch.figures laptop [FOLDER]`."""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from smallbatch.claims.tables import require_study_name
from smallbatch.errors import UserError
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.deck import write_deck
from smallbatch.figures.evidence import Evidence
from smallbatch.figures.packet import write_packet


def main(arguments: list[str] | None = None) -> int:
    """Write a packet per figure and a deck of slides into a folder, `_build/figures` unless another is named."""
    parser = argparse.ArgumentParser(prog="python -m smallbatch.figures", description=main.__doc__)
    parser.add_argument("study", help="name of a study with gathered tables, as in results/<study>")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("_build/figures"))
    given = parser.parse_args(arguments)
    try:
        drawn = draw_all(given.study, given.folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    missing = {slug: why for slug, why in drawn.items() if why}
    print(f"{len(drawn) - len(missing)} figures in {given.folder}")
    for slug, why in missing.items():
        print(f"  not drawn: {slug}: {why}")
    return 0


def draw_all(study: str, folder: Path) -> dict[str, str]:
    """Write the packets of all figures; return, by slug, why one could not be drawn, or an empty text."""
    require_study_name(study)
    Evidence(study).tables  # noqa: B018  (says at once if there is no such study)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        reasons = dict(zip(FIGURES, pool.map(partial(_draw, study, folder), FIGURES), strict=True))
        pool.submit(_deck, folder).result()
        return reasons


def _deck(folder: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    write_deck(folder)


def _draw(study: str, folder: Path, slug: str) -> str:
    import matplotlib

    matplotlib.use("Agg")
    return write_packet(FIGURES[slug], Evidence(study), folder).get("missing", "")


if __name__ == "__main__":
    sys.exit(main())
