"""What else a diagnosis says: sentences on the data that were measured, beside those on the layers (`wording`)."""

import pandas as pd

from smallbatch.diagnosis import causes
from smallbatch.diagnosis.scoring import YES_OR_NO, Scoring
from smallbatch.diagnosis.sweeping import BATCH, MOVING, RECALIBRATED, SORTED, Sweep, sortedness

# A class counts as rare where it has less than this share of what it would have if all were equally frequent.
RARE = 0.2


def has_rare_class(recall: pd.DataFrame) -> bool:
    """Return whether a class has much fewer validation images than it would have if all were equally frequent."""
    if len(recall) == 0:
        return False
    images = recall["validation_images"]
    return bool(((images > 0) & (images < RARE * images.sum() / len(images))).any())


def notes_on_data(train: Sweep, validation: Sweep, harms: bool, recall: pd.DataFrame, scoring: Scoring) -> list[str]:
    """Return sentences on the images, their labels, and what to do or not to do with them."""
    found = []
    if harms:
        found.append(
            "Do not recalibrate: recalibrated statistics score worse than the moving averages on validation images."
        )
    for sweep in (train, validation):
        if sweep.were_sorted:
            found.append(
                f"The batches of {sweep.name} are sorted by class, so they were mixed here; where `fit` gets them "
                "like that, shuffle them."
            )
    weighted = [sweep.name for sweep in (train, validation) if sweep.source.weighted]
    if weighted:
        found.append(f"Sample weights of {' and '.join(weighted)} are not used: every image counts once.")
    if train.source.is_arrays and sortedness([train.source.labels], train.size) > SORTED:
        found.append("The training images are sorted by class, so they were taken in a random order here.")
    if causes.values_differ(train, validation):
        here, there = train.values, validation.values
        found.append(
            f"The numbers in the images differ: mean {here.mean:.3g} and standard deviation {here.sd:.3g} in training, "
            f"{there.mean:.3g} and {there.sd:.3g} in validation."
        )
    if has_rare_class(recall):
        found.append(_rarest(recall))
    if scoring.metric is not None and scoring.from_logits and scoring.kind == YES_OR_NO and scoring.threshold == 0.5:
        found.append(
            f"Keras's metric {scoring.metric!r} compares logits with 0.5, so this does, too; compile with "
            "keras.metrics.BinaryAccuracy(threshold=0) to count from a probability of one half."
        )
    return found


def _rarest(recall: pd.DataFrame) -> str:
    present = recall[recall["validation_images"] > 0]
    row = present.loc[present["validation_images"].idxmin()]
    moving, again = row[f"validation_{MOVING}"], row[f"validation_{RECALIBRATED}"]
    return (
        f"Classes are not equally frequent: of the rarest, class {present['validation_images'].idxmin()} with "
        f"{row['validation_images']:.0f} validation images, {moving:.1%} are found with the moving averages, "
        f"{row[f'validation_{BATCH}']:.1%} per batch and {again:.1%} recalibrated."
    )
