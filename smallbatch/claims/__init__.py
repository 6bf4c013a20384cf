"""Each claim of the answer and each question of the asker: what is estimated, how it is decided, and the verdict.

The rules stand here before the runs do. `verdicts` applies them to the gathered tables of a study; other tables give
other verdicts. `python -m smallbatch.claims <study>` prints them.

Every claim has one check that decides, called `main`, and others beside it. Of these some ask the same in another way
(another evaluation, other batch sizes, another interval) and others something related. Nothing here knows Keras or
draws.
"""

from smallbatch.claims.judging import verdicts
from smallbatch.claims.questions import CLAIMS, Check, Claim
from smallbatch.claims.rules import VERDICTS
from smallbatch.claims.speed import chosen_learning_rates
from smallbatch.claims.tables import NotMeasured, Tables, read

__all__ = ["CLAIMS", "VERDICTS", "Check", "Claim", "NotMeasured", "Tables", "chosen_learning_rates", "read", "verdicts"]
