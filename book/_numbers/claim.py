"""The numbers of the page that takes the claim apart: five statements, and what became of each."""

from itertools import product

from smallbatch.claims import CLAIMS
from smallbatch.figures.evidence import Evidence
from smallbatch.statistics import error_points
from workflow.page_tables import of_published


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence = Evidence(study)
    five = [claim for claim in CLAIMS if claim.prediction]
    return {
        "study": study,
        "statements": {
            "head": ["Name", "Statement that is tested", "It predicts", "Amended", "As registered"],
            "rows": [
                [
                    [{"page": claim.page, "text": claim.id}],
                    evidence.verdicts[claim.id].shown_statement,
                    claim.prediction,
                    [{"verdict": evidence.amended[claim.id].word}],
                    [{"verdict": evidence.verdicts[claim.id].word}],
                ]
                for claim in five
            ],
            "widths": [16, 28, 28, 14, 14],
        },
        **of_published(("ahead", "pairs", "mean"), _luck),
        **{f"verdict_{claim.id}": evidence.amended[claim.id].word for claim in five},
    }


def _luck(evidence: Evidence) -> dict[str, str]:
    """Return how many pairs of one run each at 4 and at 32 put 32 ahead, of how many, and the mean difference."""
    errors = {
        size: error_points(
            evidence.runs("batch_size", batch_size=size)["recalibrated_test_accuracy"], evidence.tables.n_classes
        )
        for size in (4, 32)
    }
    pairs = [large - small for small, large in product(errors[4], errors[32])]
    ahead = sum(difference < 0 for difference in pairs)
    return {"ahead": str(ahead), "pairs": str(len(pairs)), "mean": f"{sum(pairs) / len(pairs):.1f}"}
