"""The picture of README.md is committed, and is the one that is drawn from the published runs today."""

import re

import matplotlib.image
import numpy as np
import pytest

from smallbatch.paths import in_project
from tests.conftest import ROOT
from tests.figures import packets
from workflow import readme_picture


def test_the_readme_shows_a_picture_that_is_in_the_repository():
    ((alt, path),) = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert path == readme_picture.PICTURE and (ROOT / path).is_file()
    assert len(alt) > 60


@pytest.mark.slow
def test_the_picture_is_the_one_of_today(tmp_path):
    environment, _ = packets.recorded()
    if packets.environment() != environment:
        pytest.skip(f"drawn with {environment}; here is {packets.environment()}")
    readme_picture.draw(tmp_path / "today.png")
    today = matplotlib.image.imread(tmp_path / "today.png")
    committed = matplotlib.image.imread(in_project(readme_picture.PICTURE))
    assert today.shape == committed.shape, "python -m workflow.readme_picture draws it anew"
    assert np.abs(today - committed).mean() < 1e-3, "python -m workflow.readme_picture draws it anew"
