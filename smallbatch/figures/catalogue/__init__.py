"""All figures of the book by slug, in the order of its pages. A slug never changes; see `Citable.formerly`."""

from smallbatch.figures.catalogue import sweep
from smallbatch.figures.citable import Citable

PAGES = (sweep,)
FIGURES: dict[str, Citable] = {figure.slug: figure for page in PAGES for figure in page.FIGURES}
