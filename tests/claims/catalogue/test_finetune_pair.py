"""Claim *finetune-pair*: batch norm trainable decides, frozen statistics stand beside it."""

import dataclasses

import pandas as pd
import pytest

from tests.claims.second_round import pair, scattered, verdicts_of

NAME = "finetune-pair"


def test_the_trainable_one_decides():
    def tables(worse, normalization):
        found = pair(
            lambda size, epoch, steps, evaluation, seed: 20 + (worse + scattered(seed)) * (size == 32),
            experiment="finetune",
            normalization=normalization,
        )
        return dataclasses.replace(found, runs=found.runs.assign(run=found.runs["run"] + normalization))

    both = [tables(3, "batch"), tables(0, "frozen")]
    verdicts = verdicts_of(dataclasses.replace(both[0], runs=pd.concat([each.runs for each in both])), NAME)
    assert verdicts[NAME].word == "supported" and verdicts[NAME].result.number == pytest.approx(3)
    assert verdicts[NAME, "frozen batch norm"].kind == "nothing"
