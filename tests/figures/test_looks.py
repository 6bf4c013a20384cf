"""A figure on a page, in dark mode and on a slide: the same picture, to be seen in each place, its words as text."""

import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from smallbatch.figures import looks, style
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.figures.packet import FigureEntry, picture, save, write_packet
from tests.figures.drawn import dots

TABLE = pd.DataFrame({"size": [1, 1, 2, 2, 2], "seed": [0, 1, 0, 1, 2], "error": [5.0, 6.0, 3.0, 2.0, 4.0]})


def draw(table):
    figure, axis = plt.subplots(figsize=(style.WIDTH, 3.0))
    axis.scatter(table["size"], table["error"], color="0.2")
    axis.axhspan(2, 3, color="#dbe9f6", zorder=0)
    axis.text(1.5, 5, "a word", color="0.3")
    axis.plot(table["size"], table["error"], color=style.PALETTE[0], label="a line")
    axis.set_xlabel("Size")
    return figure


def entry(**changed):
    parts = {"slug": "small", "title": "A title", "caption": "A caption.", "draw": draw, "alt": lambda table: "x",
             "data": lambda evidence: FigureData(TABLE, "s", TABLE.assign(run="a"))}  # fmt: skip
    return FigureEntry(**parts | changed)


def test_the_message_is_made_from_the_table_and_stands_on_page_and_slide():
    told = entry(message=lambda table: f"The highest error is {table['error'].max():g}")
    for look in (looks.PAGE, looks.DARK, looks.SLIDE):
        assert picture(told, TABLE, look)._suptitle.get_text().replace("\n", " ") == "The highest error is 6"
    assert picture(entry(), TABLE)._suptitle is None
    assert picture(entry(), TABLE, looks.SLIDE)._suptitle.get_text() == "A title"


def test_a_slide_is_16_to_9_with_larger_letters_and_the_same_dots(tmp_path):
    on_page, slide = picture(entry(), TABLE), picture(entry(), TABLE, looks.SLIDE)
    assert (dots(slide.axes[0]) == dots(on_page.axes[0])).all()
    save(entry(), slide, tmp_path / "slide.png", looks.SLIDE)
    with Image.open(tmp_path / "slide.png") as image:
        width, height = image.size
    assert width / height == pytest.approx(16 / 9, abs=0.01) and width >= 1900
    # Letters of 11 points at least, as large as 14 points on a slide of 13.3 inches.
    ticks = slide.axes[0].get_xticklabels()[0].get_fontsize()
    assert ticks * 13.33 / slide.get_figwidth() > 14


def colours(figure):
    axis = figure.axes[0]
    letters = [text.get_color() for text in figure.findobj(plt.Text) if text.get_text()]
    return letters, [axis.lines[0].get_color(), axis.collections[0].get_facecolor()[0]]


def test_in_dark_mode_letters_and_lines_are_seen_and_areas_do_not_glare():
    figure = picture(entry(), TABLE, looks.DARK)
    assert to_rgb(figure.get_facecolor()) == to_rgb(style.DARK_GROUND)
    letters, drawn = colours(figure)
    assert min(looks.contrast(colour, style.DARK_GROUND) for colour in letters) >= 4.5
    assert min(looks.contrast(colour, style.DARK_GROUND) for colour in drawn) >= 3
    assert looks.contrast(figure.axes[0].patches[0].get_facecolor(), style.DARK_GROUND) < 3
    # The picture of the page would not do.
    letters, _ = colours(picture(entry(), TABLE))
    assert min(looks.contrast(colour, style.DARK_GROUND) for colour in letters) < 2


def test_text_in_an_svg_is_text(tmp_path):
    write_packet(entry(), Evidence("made-up"), tmp_path)
    for name in ("small.svg", "small-dark.svg", "small-slide.svg"):
        text = (tmp_path / name).read_text()
        assert re.search(r"<text [^>]*>a word</text>", text), name
        assert 'id="DejaVuSans' not in text


def test_the_picture_says_how_many_seeds_a_condition_has():
    assert looks.seeds_in_words(TABLE) == "n = 2 to 3 seeds"
    assert looks.seeds_in_words(TABLE[TABLE["size"] == 1]) == "n = 2 seeds"
    assert looks.seeds_in_words(TABLE[TABLE["seed"] == 0]) == "n = 1 seed"
    assert looks.seeds_in_words(TABLE.drop(columns="seed").assign(run="a")) == "n = 1 run"
    assert looks.seeds_in_words(TABLE.drop(columns="seed")) == looks.seeds_in_words(TABLE.assign(seed=None)) == ""
    words = [text.get_text() for text in picture(entry(), TABLE).texts]
    assert "n = 2 to 3 seeds" in words


def test_nothing_is_cut_off_although_the_picture_is_not_cut_to_what_is_drawn():
    for look in (looks.PAGE, looks.DARK, looks.SLIDE):
        figure = picture(entry(message=lambda table: "A long message " * 8), TABLE, look)
        figure.canvas.draw()
        drawn = figure.get_tightbbox(figure.canvas.get_renderer())  # inches
        assert drawn.x0 >= 0 and drawn.y0 >= 0, look
        assert drawn.x1 <= figure.get_figwidth() and drawn.y1 <= figure.get_figheight(), look
