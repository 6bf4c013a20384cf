"""Three looks of one picture: on the page, on the page in dark mode, and on a slide (16:9).

Each is drawn anew by the figure's own function; here is what is done to the picture afterwards. Knows no particular
figure.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.collections import Collection, PolyCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from smallbatch.figures import style

PAGE, DARK, SLIDE = "page", "dark", "slide"
# Inches; letters of 12 points on a slide so wide are those of 20 points on one of 13.3 inches.
SLIDE_WIDTHS = (8.0, 10.5)
TITLE_POINTS = 13
# Inches below the picture, for the number of seeds.
STRIP = 0.2
# Contrast with the page (WCAG): of letters, and of what is drawn.
LETTERS, DRAWN = 4.5, 3.2
# What tells the series and panels of a table apart; seeds are counted within each combination.
CONDITIONS = (
    "network", "arm", "policy", "remedy", "weights", "evaluation", "batch_size", "size", "momentum", "learning_rate",
    "used_batch_norm_momentum", "epoch", "kind", "place", "upstream", "batch_norm", "measurement", "image_size",
)  # fmt: skip


def finish(figure: plt.Figure, table: pd.DataFrame, title: str = "") -> None:
    """Put a message above all panels and, in a strip of their own below, how many seeds there are.

    A figure whose axes are all hidden, such as a list of words, has laid itself out and gets the message alone.
    """
    n_lines = _give_title(figure, title) if title else 0
    if not any(axis.axison for axis in figure.axes):
        return
    note = seeds_in_words(table)
    strip = STRIP / figure.get_figheight() if note else 0.0
    if note:
        figure.text(0.99, 0.3 * strip, note, ha="right", va="bottom", fontsize=9, color="0.35").set_in_layout(False)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        room = (1.3 * TITLE_POINTS * n_lines + 10 * (n_lines > 0)) / 72 / figure.get_figheight()
        engine.set(rect=(0, strip, 1, 1 - strip - room))
        return
    room = 0.0
    for legend in figure.legends:
        room = max(room, legend.get_window_extent(figure.canvas.get_renderer()).height / figure.bbox.height + 0.01)
        legend.set_bbox_to_anchor((0, strip, 1, 1), transform=figure.transFigure)
    figure.tight_layout(rect=(0, strip + room, 1, 1))


def _give_title(figure: plt.Figure, title: str) -> int:
    """Write a title in lines of about equal length; return how many."""
    # A bold letter is about 0.6 times as wide as it is high.
    width = int(figure.get_figwidth() * 72 / (0.6 * TITLE_POINTS))
    n_lines = len(textwrap.wrap(title, width))
    even = next(k for k in range(-(-len(title) // n_lines), width + 1) if len(textwrap.wrap(title, k)) == n_lines)
    text = figure.suptitle(textwrap.fill(title, even), x=0.01, y=0.985, ha="left", va="top")
    text.set(fontsize=TITLE_POINTS, fontweight="bold")
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        text.set_in_layout(False)
    return n_lines


def as_slide(figure: plt.Figure, table: pd.DataFrame, title: str) -> None:
    """Give a picture the shape of a slide, and its message."""
    narrow, wide = SLIDE_WIDTHS
    # What is tall on the page needs a slide with smaller letters.
    width = float(np.clip(max(figure.get_figwidth(), 1.55 * figure.get_figheight()), narrow, wide))
    if any(axis.axison for axis in figure.axes):
        figure.set_size_inches(width, width * 9 / 16)
    finish(figure, table, title)


def seeds_in_words(table: pd.DataFrame) -> str:
    """Return how many seeds (or runs, where the table has no seeds) a condition has: "n = 6 seeds"; or nothing."""
    unit = next((name for name in ("seed", "run") if name in table), None)
    if unit is None or table[unit].isna().all():
        return ""
    by = [name for name in CONDITIONS if name in table]
    counted = table.dropna(subset=[unit])
    counts = counted.groupby(by)[unit].nunique() if by else pd.Series([counted[unit].nunique()])
    low, high = counts.min(), counts.max()
    number = f"{low}" if low == high else f"{low} to {high}"
    return f"n = {number} {unit}{'s' if high > 1 else ''}"


def darken(figure: plt.Figure) -> None:
    """Lift what would be lost on a dark page, and dim what would glare there."""
    figure.canvas.draw()  # ticks are made when they are needed
    grounds = {figure.patch, *(axis.patch for axis in figure.axes)}
    grid = to_rgb(style.DARK_GRID)
    for artist in figure.findobj():
        if artist in grounds:
            continue
        if isinstance(artist, Text):
            artist.set_color(_lifted(artist.get_color(), LETTERS))
        elif isinstance(artist, Line2D) and to_rgb(artist.get_color()) != grid:
            _relight_line(artist)
        elif isinstance(artist, Collection):
            _relight_collection(artist)
        elif isinstance(artist, Patch) and artist.get_facecolor() is not None:
            edge = _lifted(artist.get_edgecolor(), DRAWN)
            artist.set_facecolor(_dimmed(artist.get_facecolor()))
            artist.set_edgecolor(edge)


def _relight_line(line: Line2D) -> None:
    for name in ("color", "markerfacecolor", "markeredgecolor"):
        colour = getattr(line, f"get_{name}")()
        named = isinstance(colour, str) and colour in ("none", "None", "auto")
        if not named and to_rgb(colour) != to_rgb(style.DARK_GROUND):  # a hollow marker is filled with the ground
            getattr(line, f"set_{name}")(_lifted(colour, DRAWN))


def _relight_collection(collection: Collection) -> None:
    faces, edges = collection.get_facecolor(), collection.get_edgecolor()
    change = _dimmed if isinstance(collection, PolyCollection) else lambda colour: _lifted(colour, DRAWN)
    if len(faces):
        collection.set_facecolor([change(face) for face in faces])
    if len(edges):
        collection.set_edgecolor([_lifted(edge, DRAWN) for edge in edges])


def contrast(one, other) -> float:
    """Return the contrast of two colours (WCAG): 1 for equal ones, 21 for black and white."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour) -> float:
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _lifted(colour, wanted: float) -> tuple:
    """Return a colour mixed with as much white as it needs to be seen on the dark page."""
    *rgb, alpha = to_rgba(colour)
    for part in np.linspace(0, 1, 21):
        mixed = (1 - part) * np.array(rgb) + part
        if contrast(mixed, style.DARK_GROUND) >= wanted:
            break
    return (*mixed, alpha)


def _dimmed(colour) -> tuple:
    """Return the colour of an area: a light one becomes a dark one of the same hue, white the page itself."""
    *rgb, alpha = to_rgba(colour)
    if alpha == 0:
        return colour
    if _luminance(rgb) < 0.5:
        return _lifted(colour, DRAWN)
    kept = 0.0 if min(rgb) > 0.99 else 0.3
    return (*(kept * np.array(rgb) + (1 - kept) * np.array(to_rgb(style.DARK_GROUND))), alpha)
