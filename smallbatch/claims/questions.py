"""The claims of the answer and the questions of the asker, each with how it is estimated and decided."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from smallbatch.claims import speed
from smallbatch.claims.measures import (
    LARGE,
    SMALL,
    Measure,
    artefact,
    artefact_of_long_memory,
    difference,
    interaction,
    probability_of_one,
    regret,
    slope,
    slope_at_matched_loss,
)
from smallbatch.claims.remedies import PLAIN, against_plain, combinations, find_remedies
from smallbatch.claims.rules import AnyRule, Found, IntervalRule, LagRule, ProbabilityRule, RemedyRule
from smallbatch.claims.tables import NotMeasured, Tables, cells_across

MAIN = "main"
EVALUATIONS = ("moving", "batch", "recalibrated")
# A slope of 0.2 points per doubling is one point from batch size 1 to 32, five doublings.
SLOPE = IntervalRule("points per doubling", above=True, margin=0.2)
CURVATURE = IntervalRule("points per doubling squared", above=True, margin=0.1)
# Half a doubling, a factor of 0.71 or 1.41.
RATE = IntervalRule("doublings", above=False, supported=-0.5, contradicted=0.5, margin=0.5)
TIME = IntervalRule("times", above=True, supported=2.0, contradicted=2.0)
HIGHER = IntervalRule("points", above=True, margin=1.0)
LOWER = IntervalRule("points", above=False, margin=1.0)
BEST = ProbabilityRule()
LAG = LagRule()
REMEDY = RemedyRule()

# The asker's two batch sizes.
AT_HOME = 10
LONG_MEMORY, SHORT_MEMORY = 0.9997, 0.9
MEMORIES = (LONG_MEMORY, 0.99, SHORT_MEMORY, "scaled")
KERAS_MEMORY = 0.99
# Runs whose moving averages remember the same share of the training as those of the asker did.
AS_ASKED = "momentum_lag_as_asked"
# The check that leaves out the one batch size at which batch norm works differently in kind.
WITHOUT_ONE = "without batch size 1"
DROPOUT = "dropout = 0.2"
DROPOUT_BETWEEN = "dropout_between_batch_norms"
# Sizes at which all arms of the interaction exist.
INTERACTION_SIZES = (1, 4, 16)


@dataclass(frozen=True)
class Check:
    """One number that is measured and judged. `same`: it asks what the main check asks, in another way.

    `statement` is what the verdict is about; empty: the claim's own statement.
    """

    name: str
    rule: IntervalRule | ProbabilityRule | LagRule | RemedyRule | AnyRule
    measure: Measure
    evaluation: str = "recalibrated"
    same: bool = True
    statement: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A claim as one testable statement, the question that it answers, and how it is estimated.

    `checks(tables)` returns its checks, the main one first. Which there are depends on the study only in `remedies` and
    `dropout`, and in `regularization` and `batch-one`, where no learning rates have been tuned.
    """

    id: str
    question: str
    statement: str
    estimator: str
    checks: Callable[[Tables], list[Check]]
    rule: str


def _regularization(tables: Tables) -> list[Check]:
    policy, notes = _tuned_or_fixed(tables)
    main = Check(MAIN, SLOPE, slope(policy, "recalibrated"), notes=notes)
    return [
        main,
        *_other_evaluations(lambda evaluation: slope(policy, evaluation), SLOPE),
        Check(WITHOUT_ONE, SLOPE, slope(policy, "recalibrated", smallest=2)),
        Check("fixed learning rate", SLOPE, slope("batch_size", "recalibrated")),
        Check("learning rate in proportion to batch size", SLOPE, slope("linear_scaling", "recalibrated")),
        Check("the same number of steps", SLOPE, slope("fixed_steps", "recalibrated")),
        Check(
            "at matched training loss", SLOPE, slope_at_matched_loss(policy), "moving",
            notes=("validation error, since the test images are looked at only at the end",),
        ),
        *_other_intervals(lambda interval: slope(policy, "recalibrated", interval=interval), SLOPE),
        Check(
            "curvature", CURVATURE, slope(policy, "recalibrated", degree=2), same=False,
            statement="the test error is lowest at a batch size in between (its curve over log2 is a U)",
        ),
    ]  # fmt: skip


def _tuned_or_fixed(tables: Tables) -> tuple[str, tuple[str, ...]]:
    """Return the experiment that decides about batch sizes: `tuned`, or `batch_size` where that is missing."""
    try:
        cells_across(tables, "tuned", "used_sgd_batch_size")
    except NotMeasured as reason:
        return "batch_size", (f"at a fixed learning rate, as {reason}",)
    return "tuned", tuple(speed.remarks_on_tuning(tables))


def _noise(tables: Tables) -> list[Check]:
    at_32 = {"batch_size": LARGE}
    plain = ("batch_size", at_32)
    masked = {"plus": plain, "used_normalization_batch_size": LARGE}
    ghost = {"column": "used_normalization_batch_size", "plus": plain, "used_sgd_batch_size": LARGE}
    return [
        Check(MAIN, SLOPE, slope("masked_loss", "recalibrated", **masked)),
        *_other_evaluations(lambda evaluation: slope("masked_loss", evaluation, **masked), SLOPE),
        *_other_intervals(lambda interval: slope("masked_loss", "recalibrated", interval=interval, **masked), SLOPE),
        Check("group norm, without batch statistics", SLOPE, slope("group_norm", "moving"), "moving"),
        Check(
            "ghost batch norm", SLOPE, slope("ghost", "recalibrated", **ghost), same=False,
            statement="normalizing over fewer images lowers the test error, with the gradient of 32 images throughout",
        ),
        *[
            Check(
                f"interaction at {size}", HIGHER, interaction(size), same=False,
                statement=f"both noises of batch size {size} together raise the test error by more than the sum of "
                "what each does alone",
            )
            for size in INTERACTION_SIZES
        ],
    ]  # fmt: skip


def _batch_one(tables: Tables) -> list[Check]:
    policy, notes = _tuned_or_fixed(tables)
    return [
        Check(MAIN, BEST, probability_of_one(policy, "recalibrated"), notes=notes),
        *_other_evaluations(lambda evaluation: probability_of_one(policy, evaluation), BEST),
        Check("fixed learning rate", BEST, probability_of_one("batch_size", "recalibrated")),
        Check("learning rate in proportion to batch size", BEST, probability_of_one("linear_scaling", "recalibrated")),
    ]


def _stability(tables: Tables) -> list[Check]:
    return [
        Check(MAIN, RATE, speed.stable_rate("batch"), "batch"),
        Check("gradient noise alone", RATE, speed.stable_rate("recalibrated")),
        Check("rate chosen on validation images", RATE, speed.chosen_rate),
    ]


def _runtime(tables: Tables) -> list[Check]:
    return [
        Check(MAIN, TIME, speed.training_time, ""),
        Check("an epoch in full swing", TIME, speed.time_per_epoch, ""),
        Check(
            "time to the same validation accuracy", TIME, speed.time_to_accuracy, "moving",
            statement="batch size 1 takes longer to come within "
            f"{speed.AS_GOOD_WITHIN:g} points of the best validation accuracy of batch size {LARGE}",
        ),
    ]  # fmt: skip


def _decay_lag(tables: Tables) -> list[Check]:
    def lag(size, memory):
        return "momentum_lag", {"batch_size": size, "batch_norm_momentum": memory}

    as_asked = {size: (AS_ASKED, {"batch_size": size}) for size in (LARGE, AT_HOME)}
    return [
        Check(MAIN, LAG, artefact_of_long_memory(lag(LARGE, LONG_MEMORY), lag(LARGE, SHORT_MEMORY)), "moving"),
        Check(
            f"less at {AT_HOME}", HIGHER, artefact(lag(LARGE, LONG_MEMORY), lag(AT_HOME, LONG_MEMORY)), "moving",
            same=False, statement=f"they spoil it more at batch size {LARGE} than at {AT_HOME}",
        ),
        *[
            Check(
                f"batch size {size}, momentum {memory}", HIGHER, artefact(lag(size, memory)), "moving", same=False,
                statement=f"moving averages of momentum {memory} spoil the evaluation at batch size {size}",
            )
            for memory in MEMORIES
            for size in (LARGE, AT_HOME)
        ],
        Check(
            f"less at {AT_HOME}, memory as asked", HIGHER, artefact(*as_asked.values()), "moving", same=False,
            statement=f"a memory of the asker's share of the training spoils it more at batch size {LARGE} than at "
            f"{AT_HOME}",
        ),
        *[
            Check(
                f"batch size {size}, memory as asked", HIGHER, artefact(runs), "moving", same=False,
                statement="moving averages with a memory of the asker's share of the training spoil the evaluation at "
                f"batch size {size}",
            )
            for size, runs in as_asked.items()
        ],
    ]  # fmt: skip


def _batch_32_worse(tables: Tables) -> list[Check]:
    def at(size, memory=KERAS_MEMORY):
        return "momentum_lag", {"batch_size": size, "batch_norm_momentum": memory}

    pair = at(LARGE), at(AT_HOME)
    as_seen = f"as its moving averages evaluate it, batch size {LARGE} has a higher test error than {AT_HOME}"
    as_asked = (AS_ASKED, {"batch_size": LARGE}), (AS_ASKED, {"batch_size": AT_HOME})
    return [
        Check(MAIN, HIGHER, difference(*pair, "recalibrated")),
        Check("batch evaluation", HIGHER, difference(*pair, "batch"), "batch"),
        *_other_intervals(lambda interval: difference(*pair, "recalibrated", interval), HIGHER),
        Check("moving evaluation", HIGHER, difference(*pair, "moving"), "moving", same=False, statement=as_seen),
        Check(
            f"moving evaluation, momentum {LONG_MEMORY}", HIGHER,
            difference(at(LARGE, LONG_MEMORY), at(AT_HOME, LONG_MEMORY), "moving"), "moving", same=False,
            statement=as_seen,
        ),
        Check(
            "moving evaluation, memory as asked", HIGHER, difference(*as_asked, "moving"), "moving", same=False,
            statement=as_seen,
        ),
        Check(
            "the part that recalibration takes away", HIGHER, artefact(*pair), "moving", same=False,
            statement=f"part of what batch size {LARGE} loses to {AT_HOME} is an artefact of evaluation",
        ),
    ]  # fmt: skip


def _dropout(tables: Tables) -> list[Check]:
    checks = [
        Check(MAIN, LOWER, _remedy(DROPOUT, "recalibrated")),
        *_other_evaluations(lambda evaluation: _remedy(DROPOUT, evaluation), LOWER),
    ]
    try:
        names = find_remedies(tables).runs.columns
        between = [name for name in names.drop(combinations(names)) if name.startswith(DROPOUT_BETWEEN)]
    except NotMeasured:
        between = []
    for name in between or [DROPOUT_BETWEEN]:
        statement = "dropout between batch norms lowers the test error"
        checks += [
            Check(f"{name}, {evaluation}", LOWER, _remedy(name, evaluation), evaluation, False, statement)
            for evaluation in ("recalibrated", "moving")
        ]
    return checks


def _remedy(name: str, evaluation: str) -> Measure:
    def measure(tables: Tables) -> Found:
        found = against_plain(tables, evaluation, LOWER.margin)
        if name not in found:
            raise NotMeasured(f"experiment remedies has no runs with {name} alone")
        # One comparison that was asked for beforehand: no adjustment for the other remedies.
        return dataclasses.replace(found[name], p_holm=float("nan"), p_joint=float("nan"), notes=())

    return measure


def _sixty_epochs(tables: Tables) -> list[Check]:
    return [
        Check(MAIN, HIGHER, regret(LARGE, "recalibrated")),
        *_other_evaluations(lambda evaluation: regret(LARGE, evaluation), HIGHER),
        *[
            Check(f"batch size {AT_HOME}, {evaluation}", HIGHER, regret(AT_HOME, evaluation), evaluation, same=False)
            for evaluation in ("recalibrated", "moving")
        ],
    ]


def _remedies(tables: Tables) -> list[Check]:
    """Return the checks of the remedies: their combination decides where the study has one, else whether any helps."""
    try:
        together = combinations(find_remedies(tables).runs.columns)
    except NotMeasured:
        together = []
    any_helps = [_best_remedy(evaluation, f"any, {evaluation}") for evaluation in ("moving", "recalibrated")]
    if together:
        main = Check(MAIN, REMEDY, _combination(together[0]), "moving", same=False)
    else:
        main = dataclasses.replace(any_helps.pop(0), name=MAIN)
    return [main, *any_helps, *_each_remedy(tables, "moving"), *_each_remedy(tables, "recalibrated")]


def _combination(name: str) -> Measure:
    def measure(tables: Tables) -> Found:
        found = against_plain(tables, "moving", REMEDY.margin)[name]
        return dataclasses.replace(found, notes=(f"together: {name}", *found.notes))

    return measure


def _best_remedy(evaluation: str, name: str) -> Check:
    def measure(tables: Tables) -> Found:
        found = against_plain(tables, evaluation, REMEDY.margin)
        combined = combinations(found)
        alone = {remedy: each for remedy, each in found.items() if remedy not in combined}
        best, number = next(iter(alone.items()))
        ranking = ", ".join(f"{remedy} {each.number:+.1f}" for remedy, each in alone.items())
        notes = (f"shown: {best}, the best of {len(alone)}, so its number flatters it", f"ranking: {ranking}")
        parts = tuple(REMEDY.verdict(each) for each in alone.values())
        return dataclasses.replace(number, parts=parts, notes=(*notes, *number.notes))

    statement = f"at least one of the remedies, tried alone, lowers the test error at batch size {LARGE}"
    return Check(name, AnyRule(), measure, evaluation, same=False, statement=statement)


def _each_remedy(tables: Tables, evaluation: str) -> list[Check]:
    try:
        found = against_plain(tables, evaluation, REMEDY.margin)
    except NotMeasured:
        return []

    def check(name: str, number: Found) -> Check:
        statement = f"{name} lowers the test error at batch size {LARGE}"
        return Check(f"{name}, {evaluation}", REMEDY, lambda _: number, evaluation, False, statement)

    return [check(name, number) for name, number in found.items()]


def _other_evaluations(measure: Callable[[str], Measure], rule) -> list[Check]:
    return [Check(f"{name} evaluation", rule, measure(name), name) for name in EVALUATIONS if name != "recalibrated"]


def _other_intervals(measure: Callable[[str], Measure], rule: IntervalRule) -> list[Check]:
    return [
        Check("Student's t interval", rule, measure("t")),
        Check("interval over seeds and test images", rule, measure("images")),
    ]


CLAIMS = (
    Claim(
        "regularization",
        "Do smaller batches generalize better?",
        "smaller batches have a lower test error, each batch size at its own best learning rate",
        "slope of the test error on log2 of the batch size, by least squares for each seed and then averaged over "
        "seeds; experiment tuned, or batch_size where that is missing; recalibrated evaluation",
        _regularization,
        SLOPE.words(),
    ),
    Claim(
        "noise",
        "Is it the noise of the gradient estimate that does it?",
        f"a noisier gradient lowers the test error, with {LARGE} images normalized together throughout",
        "slope of the test error on log2 of the number of images with a loss, by least squares for each seed and then "
        "averaged over seeds; experiment masked_loss; recalibrated evaluation",
        _noise,
        SLOPE.words(),
    ),
    Claim(
        "batch-one",
        "Is the generalization error best at batch size 1?",
        "batch size 1 has the lowest test error of all batch sizes",
        "share of bootstrap resamples of the seeds in which batch size 1 has the lowest mean test error; experiment "
        "tuned, or batch_size where that is missing; recalibrated evaluation",
        _batch_one,
        BEST.words(),
    ),
    Claim(
        "stability",
        "Does batch size 1 need a small learning rate?",
        f"the largest stable learning rate is smaller at batch size {SMALL} than at {LARGE}",
        f"log2 of the largest learning rate that a short training survives, at batch size {SMALL} over {LARGE}, with "
        "batch statistics; measurement stable_learning_rate",
        _stability,
        RATE.words(),
    ),
    Claim(
        "runtime",
        "Does batch size 1 take much longer?",
        f"training at batch size {SMALL} takes more than twice as long as at {LARGE}, for the same epochs",
        f"wall time of training at batch size {SMALL} over that at {LARGE}, geometric mean over seeds; experiment "
        "batch_size",
        _runtime,
        TIME.words(),
    ),
    Claim(
        "decay-lag",
        "Does batch norm get used to the batch, and does a lower moving-average decay help?",
        f"moving averages with a long memory spoil the evaluation at batch size {LARGE}, with a short one they do not",
        f"test accuracy of the recalibrated minus the moving evaluation of the same run, at momentum {LONG_MEMORY} "
        f"and {SHORT_MEMORY}; experiment momentum_lag",
        _decay_lag,
        LAG.words(),
    ),
    Claim(
        "batch-32-worse",
        f"Why did results become very poor at batch size {LARGE}?",
        f"a network trained at batch size {LARGE} has a higher test error than one trained at {AT_HOME}, even with "
        "recalibrated statistics",
        f"test error at batch size {LARGE} minus {AT_HOME}, paired by seed; experiment momentum_lag, momentum "
        f"{KERAS_MEMORY}; recalibrated evaluation",
        _batch_32_worse,
        HIGHER.words(),
    ),
    Claim(
        "dropout",
        "Should dropout be used with batch norm?",
        "dropout after the last batch norm lowers the test error",
        f"test error with {DROPOUT} minus {PLAIN} training at batch size {LARGE}, paired by seed; experiment remedies; "
        "recalibrated evaluation",
        _dropout,
        LOWER.words(),
    ),
    Claim(
        "sixty-epochs",
        "Are 60 epochs too many?",
        f"training on to 60 epochs costs accuracy at batch size {LARGE}",
        "test error at the end minus that of the epoch with the lowest validation loss, paired by seed; experiment "
        "duration; recalibrated evaluation",
        _sixty_epochs,
        HIGHER.words(),
    ),
    Claim(
        "remedies",
        f"What lowers the test error at batch size {LARGE}?",
        f"the remedies that lower the validation error, taken together, lower the test error at batch size {LARGE}, as "
        "it is usually evaluated",
        f"test error of the combination minus that of {PLAIN} training, paired by seed, or, where none was trained, of "
        "each remedy alone; experiment remedies; moving evaluation, and recalibrated beside it",
        _remedies,
        f"{REMEDY.words()}. Where no combination was trained: {AnyRule().words()}",
    ),
)
