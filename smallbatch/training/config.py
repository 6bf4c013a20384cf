"""Every parameter of a training run: its type, range, default, unit and meaning, in one place.

The notebook, studies, records and the reference page all come from `RunConfig`. This module knows nothing
of Keras, so that a mistake is reported at once, before a framework is loaded.
"""

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from smallbatch.errors import require_word
from smallbatch.parameters import Parameters, one_of, parameter
from smallbatch.paths import in_project
from smallbatch.training import checks
from smallbatch.training.checks import HIGHEST_RATE, LOWEST_RATE

DATASETS = ("digits", "clothing", "clothing-full", "signs", "folder")
WIDTHS = (1.0, 0.5, 0.25, 0.125)
DEPTHS = tuple(k / 10 for k in range(1, 11))
# What `batch_norm_momentum = "scaled"` keeps per step at 32 images: Keras's default.
SCALED_MOMENTUM_AT_32 = 0.99
# Beyond these a value is a slip of the keyboard.
LARGEST_BATCH, MOST_IMAGES, MOST_EPOCHS, MOST_STEPS = 65_536, 10**9, 100_000, 10**9
# The rule of SimCLR's small data sets (Chen et al. 2020, appendix B.8): max(1 - 10 / steps per epoch, 0.9).
STEPS_PER_EPOCH = "steps_per_epoch"
Momentum = Annotated[float, Field(ge=0, le=0.99999)]
# What starts a value of `weights` that names another run of the same study.
FROM_RUN = "run:"


def _check_dataset(name: str) -> str:
    if name not in DATASETS and not (name.startswith("tfds:") and len(name) > 5):
        raise ValueError(f"allowed: {', '.join(DATASETS)}, or tfds:<name of a TensorFlow data set>")
    return name


class RunConfig(Parameters):
    """The parameters of one run (one training)."""

    NOTEBOOK: ClassVar[str] = "retrain"
    PLACES: ClassVar[frozenset[str]] = Parameters.PLACES | {"data_folder"}
    HEADINGS: ClassVar[dict[str, str]] = Parameters.HEADINGS | {
        "dataset": "Images",
        "width": "Network",
        "batch_size": "Batches, and what normalizes",
        "epochs": "Budget and optimizer",
        "batch_norm_momentum": "Moving averages of batch norm",
        "dropout": "Other regularizers",
        "early_stopping_patience": "On the way",
        "threads": "Machine",
    }

    dataset: Annotated[str, AfterValidator(_check_dataset)] = parameter(
        "digits",
        "Images to train on: `digits`; `clothing`, ten classes of clothes; `clothing-full`, 14 classes, split by the "
        "person who took the photograph; `signs`, hand signs of ten digits; `folder`; or `tfds:<name>`.",
        allowed="digits, clothing, clothing-full, signs, folder, tfds:<name>",
    )
    data_folder: str = parameter(
        "",
        "Folder of the images, for `folder`: `train|validation|test/<class>/`, or `<class>/`, which is then split by "
        "seed. For `clothing`, `clothing-full` and `signs` a copy of the download. Empty: "
        "`$SMALLBATCH_DATA_FOLDER`, and those three are downloaded where that is empty too.",
    )
    classes: list[str] = parameter(
        [], "Use the images of these classes only, at least two; an empty list: of all.", allowed="list of names"
    )
    n_train: int | None = parameter(
        None, "Train on a stratified subset of so many images; none: on all of them.", "images", ge=2, le=MOST_IMAGES
    )
    n_test_from_train: int = parameter(
        0,
        "So many training images, drawn without regard to the seed, are test images instead: more of them for small "
        "data sets.",
        "images",
        ge=0,
        le=MOST_IMAGES,
    )
    image_size: int = parameter(107, "Side of the square input.", "pixels", ge=75, le=1024)
    label_noise: float = parameter(
        0.0, "Share of the training labels replaced by another class, drawn at random.", ge=0, le=0.99
    )
    width: Annotated[float, one_of(WIDTHS)] = parameter(
        0.25,
        "Share of the published network's filters that is kept in every convolution.",
        allowed=", ".join(map(str, WIDTHS)),
    )
    depth: Annotated[float, one_of(DEPTHS)] = parameter(
        0.2,
        "Share of the published network's 10/20/10 residual blocks that is kept.",
        allowed=", ".join(map(str, DEPTHS)),
    )
    weights: str = parameter(
        "none",
        "Initial weights: `none` (random), `imagenet`, a weights file, or `run:<run>`, the network (without its "
        "classifier) that another run of the same record folder kept. In a study, `run:<experiment>` is the run of "
        "that experiment with the same seed.",
    )
    keep_weights: bool = parameter(False, "Keep the trained network beside the records, for runs that start from it.")
    initial_perturbation: float = parameter(
        0.0,
        "Relative noise (standard deviation) on the initial weights: 1e-7 changes little more than their rounding. Two "
        "runs that differ in nothing else show how far a training repeats.",
        ge=0,
        le=0.1,
    )
    perturbation_seed: int = parameter(0, "Draws that noise.", ge=0, lt=2**31)
    trainable: str = parameter(
        "all", "What is trained: `all`, `head` (the classifier), or from the layer of this name on."
    )
    batch_size: int = parameter(32, "Images per training step.", "images", ge=1, le=LARGEST_BATCH)
    allow_one_value_per_channel: bool = parameter(
        False, "Run even where batch norm would normalize over a single number per channel."
    )
    normalization: Literal["batch", "ghost", "group", "frozen"] = parameter(
        "batch",
        "What normalizes: `batch` norm; `ghost` batch norm, over parts of the batch; `group` norm, without batch "
        "statistics; `frozen` batch norm, with statistics measured on the training images before the first step.",
    )
    ghost_batch_size: int | None = parameter(
        None, "Images that ghost batch norm normalizes together; divides batch_size.", "images", ge=1, le=LARGEST_BATCH
    )
    masked_loss_batch_size: int | None = parameter(
        None,
        "The loss counts so many images of a batch; the others only take part in its statistics. None: all of them. "
        "Epochs and learning-rate scaling then go by this number.",
        "images",
        ge=1,
        le=LARGEST_BATCH,
    )
    epochs: int = parameter(8, "Passes over the training images.", "epochs", ge=1, le=MOST_EPOCHS)
    steps: int | None = parameter(
        None, "Train for so many steps instead of `epochs` passes; none: use `epochs`.", "steps", ge=1, le=MOST_STEPS
    )
    learning_rate: float = parameter(
        0.01, "Learning rate of SGD, at the reference batch size where it is scaled.", ge=LOWEST_RATE, le=HIGHEST_RATE
    )
    learning_rate_scaling: Literal["none", "linear", "sqrt"] = parameter(
        "none", "How the learning rate grows with batch_size / reference_batch_size."
    )
    reference_batch_size: int = parameter(
        32, "Batch size at which learning-rate scaling changes nothing.", "images", ge=1, le=LARGEST_BATCH
    )
    learning_rate_schedule: Literal["constant", "linear", "cosine"] = parameter(
        "constant", "After the warm-up the learning rate stays, or falls to zero at the last step."
    )
    warmup_epochs: float = parameter(
        0.0,
        "The learning rate rises linearly from zero over so many epochs at the start.",
        "epochs",
        ge=0,
        le=MOST_EPOCHS,
    )
    momentum: float = parameter(0.9, "Momentum of SGD.", ge=0, le=0.9999)
    batch_norm_momentum: Momentum | Literal["scaled"] = parameter(
        0.99,
        "Share of the moving averages that batch norm keeps at each step; `scaled`: 0.99 at batch size 32, and at "
        "others what keeps the same share after the same number of images.",
        allowed="number, ≥ 0, ≤ 0.99999, or scaled",
    )
    followed_batch_norm_momenta: list[Momentum | Literal["scaled", "steps_per_epoch"]] = parameter(
        [],
        "Further moving averages that are followed beside the model's own, which change nothing in the training; each "
        "is an evaluation of its own. `steps_per_epoch`: max(1 - 10 / steps per epoch, 0.9), the rule of SimCLR.",
        allowed="list of numbers, ≥ 0, < 1, scaled or steps_per_epoch",
    )
    dropout: float = parameter(
        0.0, "Share of the pooled features, after the last batch norm, that is dropped at random.", ge=0, le=0.99
    )
    dropout_between_batch_norms: float = parameter(
        0.0, "Share of the values dropped after each residual block, in front of further batch norm.", ge=0, le=0.99
    )
    weight_decay: float = parameter(
        0.0, "Each step shrinks the kernels by the learning rate times this (decoupled weight decay).", ge=0, le=1e6
    )
    label_smoothing: float = parameter(
        0.0, "Share of each training label that is spread evenly over all classes.", ge=0, le=0.99
    )
    augmentation: Literal["none", "flip", "randaugment", "mixup", "cutmix"] = parameter(
        "none", "What is done to training images at random, by KerasCV (TensorFlow only)."
    )
    early_stopping_patience: int | None = parameter(
        None,
        "Stop after so many epochs without a lower validation loss, and go back to the best epoch's weights; "
        "none: train to the end.",
        "epochs",
        ge=1,
        le=MOST_EPOCHS,
    )
    early_stopping_evaluation: Literal["moving", "recalibrated"] = parameter(
        "moving", "The evaluation of the validation images whose loss early stopping goes by."
    )
    snapshot_epochs: int | None = parameter(
        None,
        "Evaluate validation and test images in all ways every so many epochs; none: only at the end.",
        "epochs",
        ge=1,
        le=MOST_EPOCHS,
    )
    snapshot_steps: Annotated[list[Annotated[int, Field(ge=1, le=MOST_STEPS)]], Field(max_length=1000)] = parameter(
        [],
        "Evaluate them after these steps, too.",
        "steps",
        allowed="list of at most 1000 whole numbers, ≥ 1, ≤ 1000000000",
    )
    seed: int = parameter(0, "Decides initialization, order of images, subset, split and label noise.", ge=0, lt=2**31)
    threads: int = parameter(
        1, "Processor threads of the run, which do not change its results; a GPU ignores it.", "threads", ge=1, le=1024
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = parameter(
        "float32",
        "What layers compute with; weights, statistics and loss stay in float32. Half the memory for activations, and "
        "faster on GPUs with units for it: `mixed_float16` from T4 and V100 on, `mixed_bfloat16` from A100 on.",
    )
    jit_compile: bool = parameter(
        False, "XLA compiles TensorFlow's steps, for minutes: fewer pieces of work for a GPU."
    )

    @model_validator(mode="after")
    def _check_together(self):
        checks.check_condition(self)
        checks.check_values_per_channel(self)
        checks.check_schedule(self)
        checks.check_lists(self)
        checks.check_speed(self)
        if self.n_train is not None and self.batch_size > self.n_train:
            raise ValueError(
                f"batch_size = {self.batch_size} is larger than the training set, n_train = {self.n_train}. "
                f"Allowed: 1 to {self.n_train}"
            )
        checks.check_weights(self)
        return self

    @property
    def sgd_batch_size(self) -> int:
        """Images whose loss a step descends."""
        return self.masked_loss_batch_size or self.batch_size

    @property
    def normalization_batch_size(self) -> int | None:
        """Images whose statistics normalize together; None where no batch statistics are used."""
        if self.normalization in ("group", "frozen"):
            return None
        return self.ghost_batch_size or self.batch_size

    def scaled_learning_rate(self) -> float:
        """Return the learning rate at this batch size by the chosen rule (linear: Goyal et al. 2017, section 2.1)."""
        ratio = self.sgd_batch_size / self.reference_batch_size
        factors = {"none": 1.0, "linear": ratio, "sqrt": ratio**0.5}
        return self.learning_rate * factors[self.learning_rate_scaling]

    def steps_per_epoch(self, n_train: int) -> int:
        """Return how many whole batches `n_train` images make."""
        return n_train // self.sgd_batch_size

    def n_steps(self, n_train: int) -> int:
        """Return how many steps a training with `n_train` images takes in all."""
        return self.steps or self.epochs * self.steps_per_epoch(n_train)

    def momentum_of_averages(self) -> float:
        """Return the share of the moving averages kept at each step, with `scaled` worked out."""
        return self._momentum(self.batch_norm_momentum)

    def followed_momenta(self, n_train: int) -> dict[str, float]:
        """Return the momenta that are followed beside the model's own, by the name of their evaluation."""
        return {
            f"moving_{given}": self._momentum(given, self.steps_per_epoch(n_train))
            for given in self.followed_batch_norm_momenta
        }

    def _momentum(self, given: float | str, steps_per_epoch: int = 0) -> float:
        if given == "scaled":
            return SCALED_MOMENTUM_AT_32 ** (self.batch_size / 32)
        if given == STEPS_PER_EPOCH:
            return max(1 - 10 / steps_per_epoch, 0.9)
        return given

    def identity(self) -> dict[str, Any]:
        """Return what makes this run this run: all parameters, but of the places only the name of one's own data."""
        own_data = Path(self.source_folder()).name if self.dataset == "folder" else ""
        return super().identity() | {"data_folder": own_data}

    def weights_of(self, run: str) -> Path:
        """Return where the weights are that a run of the same record folder kept."""
        require_word("run", run)
        return in_project(self.record_folder) / "weights" / f"{run}.npz"

    def source_folder(self) -> str:
        """Return the folder of images that was asked for: the parameter, else `$SMALLBATCH_DATA_FOLDER`."""
        return self.data_folder or os.environ.get("SMALLBATCH_DATA_FOLDER", "")

    def label(self) -> str:
        """Return the readable start of the run's name: batch size and seed; of other notebooks, their name first."""
        notebook = "" if self.NOTEBOOK == RunConfig.NOTEBOOK else f"{self.NOTEBOOK}-"
        return f"{notebook}b{self.batch_size}-s{self.seed}"
