"""All figures of the book by slug, in the order of its pages. A slug never changes; see `Citable.formerly`."""

from smallbatch.figures.catalogue import (
    answers,
    artefacts,
    channels,
    cost,
    full_size,
    learning_rates,
    remedies,
    source,
    speed,
    sweep,
)
from smallbatch.figures.citable import Citable

PAGES = (answers, source, artefacts, sweep, full_size, channels, learning_rates, cost, remedies, speed)
FIGURES: dict[str, Citable] = {figure.slug: figure for page in PAGES for figure in page.FIGURES}
