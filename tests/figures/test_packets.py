"""Packets of the published study: a change that is not meant to change a figure leaves their bytes."""

import json

import pytest

from smallbatch.figures.__main__ import draw_all
from tests.figures import packets


@pytest.mark.slow
def test_the_packets_of_the_published_study_are_those_of_the_list(tmp_path):
    environment, expected = packets.recorded()
    if packets.environment() != environment:
        pytest.skip(f"the list was made with {environment}; here is {packets.environment()}")
    draw_all(packets.STUDY, tmp_path)
    found = packets.digests(tmp_path)
    changed = [name for name in expected if found.get(name) != expected[name]]
    assert not changed, f"{changed}: if that is meant, run `python -m tests.figures.packets`"


def test_a_digest_sees_every_field_of_the_json_but_where_the_code_is(tmp_path):
    def digest(**facts):
        (tmp_path / "a.json").write_text(json.dumps({"title": "T", "code": "x"} | facts))
        return packets.digests(tmp_path)["a.json"]

    assert digest() == digest(code="y") != digest(title="U")
