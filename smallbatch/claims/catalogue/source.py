"""The claims of the paper that the answer cites, *same-accuracy* and *much-faster*, for small networks.

Wilson & Martinez 2003 (Neural Networks 16(10):1429-1451) report that online training (batch size 1) converges much
faster than batch training (the whole training set in one step), with no apparent difference in accuracy. Both are
judged on each data set first, from the runs of the notebook `wilson_martinez`, and then on all of them together. A step
follows the mean of its examples' gradients in the primary analyses, and their sum, as in the paper, beside it.
"""

from collections.abc import Callable

import numpy as np

from smallbatch.claims.claim import PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.contrasts import opened
from smallbatch.claims.results import REPETITION, Result
from smallbatch.claims.rules import (
    ABOVE,
    BELOW,
    MIXED,
    NOTHING,
    OPPOSITE,
    EachRule,
    EquivalenceRule,
    IntervalRule,
)
from smallbatch.claims.tables import NotMeasured, Tables
from smallbatch.measurements.wilson_martinez.summary import named

SAME = EquivalenceRule("points", margin=1.0)
FASTER = IntervalRule("times as many epochs", above=True, supported=2.0, contradicted=2.0, neutral=1.0)
# A larger fraction of repetitions that do not reach the target accuracy can mislead.
MOST_CENSORED = 0.1
# What it means for batch size 1 that accuracies are not the same.
BETTER_OR_WORSE = {ABOVE: "batch size 1 is better", BELOW: "batch size 1 is worse"}

ByRun = Callable[[dict], Result]


def accuracy_difference(run: dict) -> Result:
    """Return the test accuracy at batch size 1 minus that of batch training, in points, of one run's summary."""
    ends = [run[f"accuracy_difference{end}"] for end in ("", "_low", "_high")]
    return Result(*ends, n_seeds=run["repetitions"], experiment="wilson_martinez", sampled=REPETITION)


def epoch_ratio(run: dict) -> Result:
    """Return the epochs to the target accuracy of batch training over those at batch size 1, of one run's summary.

    A target that is not reached by batch training makes the ratio too small, one that is not reached at batch size 1
    makes it too large. Where there are more than a tenth of these, the interval is open on the side of the truth.
    """
    number, low, high = (run[f"epoch_ratio{end}"] for end in ("", "_low", "_high"))
    return Result(
        number,
        opened(low, 0.0) if run["censored_smallest"] > MOST_CENSORED else low,
        opened(high, np.inf) if run["censored_largest"] > MOST_CENSORED else high,
        n_seeds=run["repetitions"],
        experiment="wilson_martinez",
        sampled=REPETITION,
    )


def analyses_by(measure: ByRun, rule: EquivalenceRule | IntervalRule) -> Callable[[Tables], Analyses]:
    """Return what makes the analyses of a claim: all data sets together, and each by itself."""
    together = EachRule(rule.unit, "data set")

    def analyses(tables: Tables) -> Analyses:
        runs = [] if tables.wilson_martinez.empty else named(tables.wilson_martinez).to_dict("records")
        return Analyses(
            Analysis(PRIMARY, together, _together(measure, rule, "mean"), ""),
            sensitivity=(Analysis("sum of gradients", together, _together(measure, rule, "sum"), ""),),
            related=tuple(
                Analysis(f"{run['dataset']}, {run['gradient']}", rule, lambda _, run=run: measure(run), "")
                for run in runs
            ),
        )

    return analyses


def _together(measure: ByRun, rule: EquivalenceRule | IntervalRule, gradient: str) -> Callable[[Tables], Result]:
    def estimate(tables: Tables) -> Result:
        if tables.wilson_martinez.empty:
            raise NotMeasured("there are no runs of the notebook wilson_martinez")
        runs = [run for run in named(tables.wilson_martinez).to_dict("records") if run["gradient"] == gradient]
        if not runs:
            raise NotMeasured(f"there are no runs of the notebook wilson_martinez with gradient = {gradient}")
        decisions = {run["dataset"]: rule.decide(measure(run)) for run in runs}
        return Result(
            np.nan,
            n_seeds=min(run["repetitions"] for run in runs),
            experiment="wilson_martinez",
            sampled=REPETITION,
            parts=tuple((decision.word, decision.contradiction) for decision in decisions.values()),
            details=tuple(f"{dataset}: {decision.word}" for dataset, decision in decisions.items()),
        )

    return estimate


CLAIMS = (
    Claim(
        "same-accuracy",
        "Do online and batch training reach the same accuracy?",
        f"online and batch training reach the same test accuracy, to within {SAME.margin:g} point, on every data set",
        page="source",
        words=Words(
            "whether online and batch training reach the same accuracy on every data set",
            f"Yes. On every data set, their test accuracies are within {SAME.margin:g} point of each other",
            {
                ABOVE: "No. On every data set, batch size 1 has the higher test accuracy",
                BELOW: "No. On every data set, batch size 1 has the lower test accuracy",
                MIXED: "No. On every data set the test accuracies differ, and not all in the same direction",
            },
        ),
        registered=Plan(
            "test accuracy at batch size 1 minus that of batch training, each at its own best learning rate; mean over "
            "repetitions, on each data set",
            SAME.words(),
            analyses_by(accuracy_difference, SAME),
        ),
        varies=True,
    ),
    Claim(
        "much-faster",
        "Is online training much faster than batch training?",
        f"batch training takes more than {FASTER.supported:g} times as many epochs as online training to reach the "
        "same accuracy, on every data set",
        page="source",
        words=Words(
            "whether online training is much faster on every data set",
            f"Yes. On every data set, batch training takes more than {FASTER.supported:g} times as many epochs",
            {
                OPPOSITE: "No, the opposite. On every data set, batch training takes fewer epochs",
                NOTHING: f"No. On every data set, batch training takes less than {FASTER.supported:g} times as many "
                "epochs",
                MIXED: f"No. On every data set, batch training takes less than {FASTER.supported:g} times as many "
                "epochs, and on some fewer",
            },
        ),
        registered=Plan(
            "epochs until the target accuracy is reached, batch training over batch size 1, each at its own best "
            "learning rate; geometric mean over repetitions, on each data set",
            FASTER.words(),
            analyses_by(epoch_ratio, FASTER),
        ),
        varies=True,
    ),
)
