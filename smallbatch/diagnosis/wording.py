"""The sentences of a diagnosis."""

import math

import numpy as np

from smallbatch.batchnorm.usage import BATCHES, CONSTANT, FORCED, FROZEN, NOT_RUN, NOT_TRAINED
from smallbatch.diagnosis import causes
from smallbatch.diagnosis.layerwise import CLOSE, FAR
from smallbatch.diagnosis.parts import DIFFER, ORDER, OVERFITTING, SMALL_BATCH

REPAIR = "Repair them with `smallbatch.recalibrate(model, train)`"
ADVICE = {
    causes.LAG: f"The moving averages have not caught up with the weights. {REPAIR}, or train with a lower batch-norm "
    "momentum. Regularization is no answer to this part.",
    causes.NEVER: f"The moving averages are still at exactly 0 and 1: no step of training has updated them. {REPAIR}; "
    "in a training loop of your own, keep the updates of the model's non-trainable variables.",
    causes.NOISE: f"The moving averages rest on too few images. {REPAIR}, or train with a higher batch-norm momentum.",
    causes.NOISE_ON: "The moving averages were collected with dropout or noise switched on, and evaluation switches it "
    f"off; more steps would not change that. {REPAIR}, or move the dropout behind the last batch norm.",
    causes.TINY: "The moving averages are those of batches too small to show a channel's variance; more steps would "
    f"not change that. {REPAIR}, or normalize over more images in training.",
    SMALL_BATCH: "The network works with the statistics of small batches and worse with any fixed ones: normalize "
    "over more images, or without batch statistics (group norm).",
    OVERFITTING: "The network has learned its training images better than what they have in common: more or "
    "augmented images, weight decay, dropout after the last batch norm or early stopping address this.",
    DIFFER: "The validation images are not like the training images: look for another scaling, colour order, cropping "
    "or camera. What is left of the gap can be judged once both are prepared alike.",
    ORDER: "The validation labels fit after renumbering the classes: compare the order of the classes in both sets.",
    causes.SORTED_BATCHES: "The batches hold images of few classes each, too many images to mix them here: shuffle "
    "the data. Until then, per-batch and recalibrated statistics are those of single classes.",
}


def headline(names: tuple[str, ...], gap: float, threshold: float) -> str:
    """Return the finding in a few words."""
    if names:
        return " and ".join(names)
    if gap < threshold:
        return "no gap to explain"
    return "not decided, these images do not show which part of the gap is there"


def paragraph(found) -> str:
    """Return a `Diagnosis` as one paragraph."""
    table = found.accuracy.set_index(["evaluation", "set"])
    accuracy, loss = table["accuracy"], table["loss"]
    fit, shown = accuracy["batch", "train"], accuracy["moving", "validation"]
    sentences = [
        f"Diagnosis: {headline(found.causes, 100 * (fit - shown), found.threshold)}.",
        f"The training images score {fit:.1%} with the statistics of batches of {found.batch_size}, "
        f"{_as_trained(found)} and the validation images {shown:.1%} with the moving averages, as in `evaluate`: a gap "
        f"of {_minus(f'{100 * (fit - shown):z.1f}')} points. It is made of, in points with 95% intervals: "
        f"{_parts(found.parts, 1)}.",
        f"With statistics recalibrated on the training images, training scores "
        f"{accuracy['recalibrated', 'train']:.1%} and validation {accuracy['recalibrated', 'validation']:.1%}.",
        f"In the loss, {loss['batch', 'train']:.3f} in training and {loss['moving', 'validation']:.3f} in validation: "
        f"{headline(found.loss_causes, loss['moving', 'validation'] - loss['batch', 'train'], found.loss_threshold)}.",
        *(ADVICE[cause] for cause in dict.fromkeys([*found.causes, *found.loss_causes])),
        *found.notes,
    ]
    return " ".join(sentences)


def _as_trained(found) -> str:
    if (found.layers["role"] == NOT_RUN).any():
        return "as in training but for the layers that predict leaves out,"
    return "as in training," if (found.layers["role"] == BATCHES).any() else "which the model does not use,"


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def _parts(table, digits: int) -> str:
    rows = table.itertuples()

    def number(value: float) -> str:
        return _minus(f"{value:+z.{digits}f}")

    return "; ".join(f"{number(row[1])} ({number(row[2])} to {number(row[3])}) {row[0]}" for row in rows)


def notes_on_layers(layers) -> list[str]:
    """Return sentences on layers that do something else than batch norm usually does, and on those that are off."""
    found = []
    if len(layers) == 0:
        return ["The model has no batch norm: its evaluation in `fit` and in `evaluate` differ by dropout alone."]
    for role, what in (
        (CONSTANT, "do not use the statistics of batches in training, since no training=True reaches them: their "
         "moving averages are constants, and recalibrating would change what the network has learned with"),
        (FORCED, "use the statistics of the batch in predict too (training=True): predictions depend on which images "
         "share a batch, and the moving averages are never used"),
        (NOT_RUN, "do not run in predict"),
        (NOT_TRAINED, "do not run in training"),
    ):  # fmt: skip
        names = list(layers.loc[layers["role"] == role, "layer"])
        if names:
            found.append(f"{_layers(names)} {what}.")
    frozen = layers[layers["role"] == FROZEN]
    if len(frozen):
        found.append(_frozen(frozen))
    never = list(layers.loc[(layers["role"] == BATCHES) & layers["never_updated"], "layer"])
    if never:
        found.append(f"Still at exactly 0 and 1, where moving averages start: {_names(never)}.")
    return found


def note_on_lag(layers, steps: int | None, momentum: float | None) -> list[str]:
    """Return sentences on the layers whose averages are off, the steps they would need, and a momentum that fits."""
    used = layers[layers["role"] == BATCHES]
    away = np.hypot(used["lag_mean"], used["lag_sd"])
    late = used[away > CLOSE]
    if len(late) == 0:
        return []
    worst = used.loc[away.idxmax()]
    more = late["steps"].max()
    text = (
        f"{len(late)} of {len(used)} layers are more than {CLOSE:g} standard deviations off, {worst['layer']} the most "
        f"({away.max():.1f}); with weights at rest they would need "
        f"{'more steps than any' if math.isinf(more) else f'{more:,.0f} more steps'} at momentum {worst['momentum']:g}."
    )
    if steps is not None:
        left = worst["momentum"] ** steps
        text += f" After {steps:,} steps, {left:.1%} of the averages are still their initial values."
    if momentum is not None:
        text += f" A momentum that fits these images and batches: {momentum:g}."
    return [text]


def _frozen(frozen) -> str:
    n, away = len(frozen), float(np.hypot(frozen["lag_mean"], frozen["lag_sd"]).median())
    verdict = "they fit these images" if away <= FAR / 2 else "they fit these images roughly"
    if away > FAR:
        verdict = "they do not fit these images: check how the images are prepared, or train these layers, too"
    return (
        f"{n} batch norm {'layer is' if n == 1 else 'layers are'} frozen (trainable = False) and left alone in "
        f"recalibration; the median distance of frozen statistics from those of these images is {away:.1f} standard "
        f"deviations: {verdict}."
    )


def _layers(names: list[str]) -> str:
    return f"Batch norm layer{'s' if len(names) > 1 else ''} {_names(names)}"


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
