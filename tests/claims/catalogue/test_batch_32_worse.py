"""Claim *batch-32-worse*: the difference of the networks, and the part of it that evaluation makes."""

import numpy as np
import pytest

from tests.simulated import assert_answer, primary, study


@pytest.mark.parametrize(
    ("truth", "kind", "beginning"),
    [
        ({"sgd": (2.0, 0.3)}, "supported", "The network itself is worse: batch size 32 has a higher test error"),
        ({"sgd": (-2.0, 0.3)}, "opposite", "Not because of the network itself: with recalibrated statistics, batch "
         "size 32 has a lower test error"),
        ({"lag": {0.99: (30, 1)}}, "nothing", "Not because of the network itself: with recalibrated statistics, batch "
         "sizes 32 and 10 differ by less than 1 point"),
        ({"sgd": (0.3, 2.0)}, "not decided", "It is not decided whether training at batch size 32 gives a worse"),
    ],
)  # fmt: skip
def test_verdict_and_answer_follow_the_truth(truth, kind, beginning):
    assert_answer(study(**truth), "batch-32-worse", kind, beginning)


def test_numbers_are_those_of_the_truth(usual_verdicts):
    numbers = {verdict.analysis: verdict.result.number for verdict in usual_verdicts.of("batch-32-worse")}
    # 0.2 points for each doubling from 10 to 32.
    assert numbers["main"] == pytest.approx(0.2 * np.log2(3.2), abs=0.05)
    assert numbers["batch evaluation"] == pytest.approx(numbers["main"])
    beyond = {name: number - numbers["main"] for name, number in numbers.items() if name.startswith("moving")}
    assert beyond == pytest.approx(
        {
            "moving evaluation": 2,
            "moving evaluation, momentum 0.9997": 15,
            "moving evaluation, memory as asked": 6,
        },
        abs=0.1,
    )
    # What recalibration takes away is 4 points at 32 and 2 at 10.
    assert numbers["the part that recalibration takes away"] == pytest.approx(2)


def test_only_keras_s_momentum_decides():
    spoiled = primary(study(sgd=(2.0, 0.3), lag={0.9: (20, 1), 0.9997: (20, 1)}), "batch-32-worse")
    assert spoiled.result == primary(study(sgd=(2.0, 0.3)), "batch-32-worse").result
    assert spoiled.result.n_runs == 12
