"""Each claim of the cited answer and each part of the question: what is estimated, how it is decided, and the verdict.

The rules stand here before the runs do. `judge` applies them to the gathered tables of a study; other tables give other
verdicts. `python -m smallbatch.claims <study>` prints them.

Every claim has a primary analysis, which decides and is called `main` in the table of verdicts; sensitivity analyses,
which ask the same in another way (another evaluation, other batch sizes, another interval); and some related ones.
Nothing here knows Keras or draws.
"""

from smallbatch.claims.catalogue import AMENDED_CLAIMS, CLAIMS, SOURCE_CLAIMS
from smallbatch.claims.claim import PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.rules import VERDICTS
from smallbatch.claims.tables import NotMeasured, Tables, read
from smallbatch.claims.tuning import chosen_learning_rates
from smallbatch.claims.verdicts import Verdict, Verdicts, judge

__all__ = [
    "AMENDED_CLAIMS", "CLAIMS", "PRIMARY", "SOURCE_CLAIMS", "VERDICTS", "Analyses", "Analysis", "Claim", "NotMeasured",
    "Plan", "Tables", "Verdict", "Verdicts", "Words", "chosen_learning_rates", "judge", "read",
]  # fmt: skip
