"""The deck of slides: a page for each of the main figures that the study can show, and no file without any."""

import re

import pytest

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.deck import DECK, HEROES, write_deck
from smallbatch.figures.evidence import Evidence
from smallbatch.figures.packet import message, read_data


def test_the_heroes_are_in_the_catalogue_and_tell_a_message():
    assert len(HEROES) == 6 and all(FIGURES[slug].message for slug in HEROES)


def test_a_figure_without_data_is_left_out_and_without_any_there_is_no_file(tmp_path):
    assert write_deck(tmp_path) == [] and not (tmp_path / DECK).exists()
    entry, evidence = FIGURES["initial-weight"], Evidence("no such study")
    entry.data(evidence).table.to_csv(tmp_path / "initial-weight.csv", index=False)
    assert write_deck(tmp_path) == ["initial-weight"]
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / DECK).read_bytes())) == 1


@pytest.mark.slow
def test_a_message_follows_its_table(tmp_path):
    entry, evidence = FIGURES["phantom"], Evidence("no such study")
    entry.data(evidence).table.to_csv(tmp_path / "x.csv", index=False)
    table = read_data(tmp_path / "x.csv")
    last = (
        table[table["epoch"] == table["epoch"].max()].groupby("used_batch_norm_momentum")["validation_accuracy"].mean()
    )
    assert message(entry, table).endswith(f"{100 * last[0.99]:.0f}% with 0.99, {100 * last[0.9]:.0f}% with 0.9")
    half = table.assign(validation_accuracy=0.5)
    assert message(entry, half).endswith("50% with 0.99, 50% with 0.9")
