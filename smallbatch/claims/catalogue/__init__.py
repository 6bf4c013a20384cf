"""All claims, each a file of its own: question, statement, estimators, rule, analyses, words and page.

To add one, write its file, name it here and on its page, and test it.
"""

from smallbatch.claims.catalogue import (
    batch_32_worse,
    batch_norm_noise,
    batch_one,
    confirmation_pair,
    decay_lag,
    decayed_sweep,
    dropout,
    finetune_pair,
    noise,
    question_averages,
    question_pair,
    question_sixty,
    regularization,
    remedies,
    runtime,
    signs_pair,
    signs_sweep,
    sixty_epochs,
    source,
    stability,
)
from smallbatch.claims.claim import Claim

# Those that a study of the network decides: first of the cited answer, then of the question. In the order of the pages.
CLAIMS = (
    regularization.CLAIM,
    noise.CLAIM,
    batch_one.CLAIM,
    stability.CLAIM,
    runtime.CLAIM,
    decay_lag.CLAIM,
    batch_32_worse.CLAIM,
    dropout.CLAIM,
    sixty_epochs.CLAIM,
    remedies.CLAIM,
)
# With those that were made after the first study, and have an amended plan alone.
AMENDED_CLAIMS = (*CLAIMS, batch_norm_noise.CLAIM)
# Those of the paper that the answer cites, which its own measurement decides.
SOURCE_CLAIMS = source.CLAIMS
# Those of the second round, each of which one study decides; their rules stand in the change log of 28 November 2026.
SECOND_ROUND = (
    question_pair.CLAIM,
    question_averages.CLAIM,
    question_sixty.CLAIM,
    confirmation_pair.CLAIM,
    decayed_sweep.CLAIM,
    signs_pair.CLAIM,
    signs_sweep.CLAIM,
    finetune_pair.CLAIM,
)


def second_round_studies() -> list[str]:
    """Return the studies that have claims of their own."""
    return list(dict.fromkeys(claim.study for claim in SECOND_ROUND))


def claims_of(study: str, plan: str = "registered") -> tuple[Claim, ...]:
    """Return the claims that a study decides by such plans: its own, or else those of every study of the network."""
    own = tuple(claim for claim in SECOND_ROUND if claim.study == study)
    return own or (CLAIMS if plan == "registered" else AMENDED_CLAIMS)


def find_claim(claim: str) -> Claim:
    """Return a claim by its id; raise `KeyError` where there is none."""
    known = {each.id: each for each in (*AMENDED_CLAIMS, *SOURCE_CLAIMS, *SECOND_ROUND)}
    if claim not in known:
        raise KeyError(f"there is no claim {claim!r}; there are {', '.join(known)}")
    return known[claim]
