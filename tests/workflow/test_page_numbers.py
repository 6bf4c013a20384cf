"""The numbers of pages: each page's file is computed and written whole."""

import json

import numpy as np
import pytest

from smallbatch.errors import UserError
from workflow import page_numbers


def test_each_file_writes_what_its_function_returns(tmp_path, monkeypatch):
    sources = tmp_path / "_numbers"
    sources.mkdir()
    (sources / "a-page.py").write_text(
        'def numbers(study):\n    import numpy as np\n    return {"study": study, "n": np.int64(3)}\n'
    )
    (sources / "_helper.py").write_text("raise SystemExit\n")
    monkeypatch.setattr(page_numbers, "SOURCES", sources)
    page_numbers.write_numbers("mine", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a-page.json"]
    assert json.loads((tmp_path / "out/a-page.json").read_text()) == {"study": "mine", "n": 3}


def test_what_cannot_be_shown_is_refused():
    assert page_numbers._plain(np.float64(2.5)) == 2.5
    with pytest.raises(UserError, match="cannot be shown on a page"):
        page_numbers._plain(object())
