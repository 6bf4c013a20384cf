"""The claim on the noise of batch norm, made after the first study: judged over 4 to 32 images normalized together."""

import pytest

from smallbatch.claims import judge
from smallbatch.claims.catalogue.batch_norm_noise import CLAIM
from smallbatch.claims.rules import NOTHING, OPPOSITE
from tests.simulated import study


def verdicts(**truth):
    return judge(study(experiments=("batch_size", "ghost"), **truth), [CLAIM], "amended")


@pytest.mark.parametrize(
    ("norm", "kind"),
    [
        ((0.8, 0.1), "supported"),
        ((-0.8, 0.1), OPPOSITE),
        ((0.0, 0.02), NOTHING),
        ((0.3, 1.5), "not decided"),
    ],
)
def test_the_verdict_follows_the_truth(norm, kind):
    found = verdicts(norm=norm)[CLAIM.id]
    assert found.kind == kind
    assert found.result.number == pytest.approx(norm[0], abs=0.05)


def test_groups_of_one_and_two_images_stand_beside_it_and_32_against_4_too():
    found = verdicts(norm=(0.8, 0.1))
    assert "batch sizes 4, 8, 16, 32" in found[CLAIM.id].notes
    assert "batch sizes 1, 2, 4, 8, 16, 32" in found[CLAIM.id, "groups of one image, too"].notes
    assert found[CLAIM.id, "32 minus 4"].result.number == pytest.approx(3 * 0.8, abs=0.1)


def test_it_has_no_registered_plan_and_is_left_out_of_those_verdicts():
    assert len(judge(study(experiments=("ghost",)), [CLAIM])) == 0
