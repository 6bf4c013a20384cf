"""Shared by the measurements that start from a checkpoint: a network that the notebook trains for a few epochs."""

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from smallbatch.errors import ParameterError, require
from smallbatch.parameters import parameter
from smallbatch.training.config import RunConfig

if TYPE_CHECKING:
    from smallbatch.training.data import Split
    from smallbatch.training.loop import Fitted

# The batch sizes of this project, which are measured where nothing else is asked for.
BATCH_SIZES = [1, 2, 4, 8, 16, 32]


def meaning(name: str) -> str:
    """Return the meaning of a training parameter, for an heir that changes its default."""
    return RunConfig.model_fields[name].description


class CheckpointConfig(RunConfig):
    """The parameters of the training, with other defaults: a miniature that moves fast along its learning curve."""

    n_train: int | None = parameter(512, meaning("n_train"), "images", ge=2)
    epochs: int = parameter(2, meaning("epochs"), "epochs", ge=1)
    batch_norm_momentum: Annotated[float, Field(ge=0, lt=1)] | Literal["scaled"] = parameter(
        0.9, meaning("batch_norm_momentum"), allowed="number, ≥ 0, < 1, or scaled"
    )

    @model_validator(mode="after")
    def _check_ordinary_batch_norm(self):
        if self.normalization != "batch" or self.masked_loss_batch_size is not None:
            raise ValueError(
                f"normalization = {self.normalization!r} with masked_loss_batch_size = {self.masked_loss_batch_size}: "
                "this notebook measures ordinary batch norm. Allowed: normalization = 'batch', "
                "masked_loss_batch_size = None"
            )
        return self


def require_trained(fitted: "Fitted", config: RunConfig) -> None:
    """Raise `ParameterError` where training diverged: there is no checkpoint to measure at."""
    if fitted.diverged:
        raise ParameterError(
            f"learning_rate = {config.learning_rate} at batch_size = {config.batch_size}: the training of the "
            "checkpoint diverged. Allowed: smaller rates"
        )


def sample_images(split: "Split", n: int, seed: int) -> "Split":
    """Return `n` images of a split, drawn at random; raise `ParameterError` where there are fewer."""
    require("images_measured", n, n <= len(split), f"at most the {len(split)} training images")
    return split.take(np.random.default_rng([seed, 5]).permutation(len(split))[:n])
