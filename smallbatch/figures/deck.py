"""Slides to take away: the figures that carry the book's answer, a page each, in one PDF.

A figure that the study has no data for is left out; without any, there is no file.
"""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.backends.backend_pdf import PdfPages

from smallbatch.figures import looks
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.packet import LICENCE, about, picture, read_data

HEROES = ("phantom", "error-by-evaluation", "channels", "momentum-lag", "remedies", "initial-weight")
DECK = "slides.pdf"


def write_deck(folder: Path) -> list[str]:
    """Write the slides of the packets in a folder as one PDF; return the slugs of those that it holds."""
    held = [slug for slug in HEROES if (folder / f"{slug}.csv").is_file()]
    if not held:
        return []
    book = about()
    metadata = {"Title": book["title"], "Author": ", ".join(book["authors"]), "Subject": LICENCE, "CreationDate": None}
    with PdfPages(folder / DECK, metadata=metadata) as pages:
        for slug in held:
            drawn = picture(FIGURES[slug], read_data(folder / f"{slug}.csv"), looks.SLIDE)
            source = f"{book['title']}, version {book['version']}, figure {slug}. {LICENCE}"
            drawn.text(0.01, 0.006, source, fontsize=8, color="0.35", va="bottom")
            with mpl.rc_context({"savefig.bbox": None}):
                pages.savefig(drawn)
            plt.close(drawn)
    return held
