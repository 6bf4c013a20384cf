"""The numbers of the page that takes the claim apart: five statements, and what became of each."""

from smallbatch.claims import CLAIMS
from smallbatch.figures.evidence import Evidence


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
        **{f"verdict_{claim.id}": evidence.amended[claim.id].word for claim in five},
    }
