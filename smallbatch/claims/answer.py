"""The answer to the question, in eight sentences, each with its number: made from verdicts and tables, never typed.

What each sentence says follows from the verdicts, so other studies give another answer. The amended verdicts speak, and
what the studies of the second round decide follows them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from smallbatch.claims import noise_floor, words
from smallbatch.claims.catalogue import claims_of, second_round_studies
from smallbatch.claims.conditions import RENTED_BATCH_SIZE, TFSLIM_MOMENTUM
from smallbatch.claims.deployable import choose
from smallbatch.claims.tables import NotMeasured, Tables, read, runs_of
from smallbatch.claims.verdicts import Verdict, Verdicts, judge
from smallbatch.errors import UserError
from smallbatch.statistics import error_points


class Known(NamedTuple):
    """What the answer is made from: tables and amended verdicts of the study, those of the second round, the scatter.

    `second_round` holds verdicts by study, of the studies that have any; `noise_floor` its tables.
    """

    tables: Tables
    amended: Verdicts
    second_round: dict[str, Verdicts]
    noise_floor: Tables


class Sentence(NamedTuple):
    """What a part of the question asks, and the answer to it."""

    asks: str
    says: str


def gathered(tables: Tables, amended: Verdicts) -> Known:
    """Return what the answer is made from: these, and what is published beside them."""
    return Known(tables, amended, second_round(), tables_or_none(noise_floor.STUDY))


def second_round() -> dict[str, Verdicts]:
    """Return the verdicts, by study, of the studies of the second round that have any runs."""
    tables = {study: tables_or_none(study) for study in second_round_studies()}
    return {study: judge(found, claims_of(study)) for study, found in tables.items() if not found.runs.empty}


def tables_or_none(study: str) -> Tables:
    """Return the tables of a published study; empty ones where it is not there."""
    try:
        return read(f"results/{study}")
    except UserError:
        return Tables()


def answer(known: Known) -> list[Sentence]:
    """Return the eight sentences."""
    return [Sentence(asks, says(known)) for asks, says in PARTS]


def what_to_check_first(known: Known) -> str:
    """Return the check, and what it shows where the averaging window is too long."""
    check = (
        "Evaluate the training images in the way you evaluate the validation images: if they are about as bad, the "
        "moving averages of batch norm are at fault and not overfitting."
    )
    try:
        runs = runs_of(known.tables, "momentum_lag", batch_size=RENTED_BATCH_SIZE, batch_norm_momentum=TFSLIM_MOMENTUM)
    except NotMeasured:
        return check
    moving, recalibrated = (
        error_points(runs[f"{name}_train_accuracy"], known.tables.n_classes).mean()
        for name in ("moving", "recalibrated")
    )
    return (
        f"{check} With an averaging window longer than the training, networks with a training error of "
        f"{recalibrated:.1f}% seemed to have one of {moving:.0f}%."
    )


def how_much_was_the_averages(known: Known) -> str:
    """Return what moving averages cost with the question's window, and with the shortest."""
    low = known.amended["decay-lag", "momentum 0.9"]
    return _joined(
        words.without_yes_or_no(_said(known.amended, "decay-lag")),
        _sentence("At momentum 0.9 they cost {}", low),
        _of(known, "question", "question-averages"),
    )


def what_32_loses(known: Known) -> str:
    """Return the difference between batch sizes 32 and 10 at equal epochs and at equal steps."""
    equal = known.amended["batch-32-worse", "at equal steps"]
    return _joined(
        _said(known.amended, "batch-32-worse"),
        _sentence("At equal numbers of steps the difference was {}", equal),
        _of(known, "confirmation", "confirmation-pair"),
        _of(known, "question", "question-pair"),
    )


def sixty_epochs(known: Known) -> str:
    """Return whether 60 epochs were too many."""
    return _joined(_said(known.amended, "sixty-epochs"), _of(known, "question", "question-sixty"))


def dropout(known: Known) -> str:
    """Return whether dropout goes with batch norm."""
    between = [v for v in known.amended.of("dropout") if v.analysis.startswith("dropout_between") and v.measured]
    moving = next((v for v in between if v.evaluation == "moving"), None)
    after = _sentence("Dropout between batch norms changed the error in the moving averages by {}", moving)
    return _joined(_said(known.amended, "dropout"), after)


def best_sizes(known: Known) -> str:
    """Return the batch sizes with the lowest error, and whether there is a trend."""
    try:
        means = choose(known.tables).errors.mean().sort_values()
    except NotMeasured:
        return _said(known.amended, "regularization")
    first, second, worst = means.index[0], means.index[1], means.index[-1]
    lowest = (
        f"Each batch size at its best, the lowest mean test errors were those of {first:g} ({means[first]:.1f}%) and "
        f"{second:g} ({means[second]:.1f}%), the highest that of {worst:g} ({means[worst]:.1f}%)."
    )
    return _joined(lowest, _said(known.amended, "regularization"))


def which_noise(known: Known) -> str:
    """Return whether the noise of the gradient or that of batch norm helps."""
    gradient, statistics = (_said(known.amended, claim) for claim in ("noise", "batch-norm-noise"))
    return f"That of the gradient? {gradient} That of batch norm? {statistics}"


def limits(known: Known) -> str:
    """Return what the answer rests on: network, photographs, seeds, and how far a training repeats."""
    runs = known.tables.runs
    if runs.empty:
        return "Nothing was measured."
    one = runs.iloc[0]
    whole = one["width"] == 1 and one["depth"] == 1
    network = "the published network" if whole else f"a miniature (width {one['width']:g}, depth {one['depth']:g})"
    text = (
        f"All of this is from {network}, {int(runs['images_train'].mode().iloc[0]):,} training images at "
        f"{one['image_size']:g} pixels and {runs['seed'].nunique()} seeds, and nothing adjusts over the claims."
    )
    deviation = noise_floor.pooled_scatter(known.noise_floor, "recalibrated")
    if np.isnan(deviation):
        return text
    return f"{text} Trainings that differ in rounding alone scatter by {deviation:.1f} points (standard deviation)."


PARTS: tuple[tuple[str, Callable[[Known], str]], ...] = (
    ("What should I check first?", what_to_check_first),
    ("How much of it was the moving averages?", how_much_was_the_averages),
    ("What does 32 lose to 10?", what_32_loses),
    ("Are 60 epochs too many?", sixty_epochs),
    ("Does dropout go with batch norm?", dropout),
    ("Which batch sizes are best?", best_sizes),
    ("Which noise does it?", which_noise),
    ("What are the limits?", limits),
)


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _said(verdicts: Verdicts, claim: str) -> str:
    """Return the short answer to a claim with its number in brackets, before the last full stop."""
    verdict, text = verdicts[claim], words.answer(verdicts, claim)
    return f"{text[:-1]} ({_number(verdict)})." if verdict.measured else text


def _of(known: Known, study: str, claim: str) -> str:
    """Return what a study of the second round says; nothing where it has too few seeds to say anything."""
    verdicts = known.second_round.get(study)
    if verdicts is None or not np.isfinite(verdicts[claim].result.low):
        return ""
    return _said(verdicts, claim)


def _sentence(form: str, verdict: Verdict | None) -> str:
    return f"{form.format(_number(verdict))}." if verdict is not None and verdict.measured else ""


def _number(verdict: Verdict) -> str:
    return ", ".join(filter(None, [words.amount(verdict), words.interval(verdict), words.sample(verdict)]))
