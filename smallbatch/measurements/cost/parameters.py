"""The parameters of the notebook about what a batch size costs, and the networks that follow from them."""

from typing import ClassVar, NamedTuple

from pydantic import model_validator

from smallbatch.parameters import parameter
from smallbatch.training.config import RunConfig

MINIATURE, FULL = "miniature", "full"
# Classes of the networks that are timed, compiled and counted.
N_CLASSES = 10
# The training's parameters that decide what a step costs. The others are ignored, or refused where they would matter.
USED = ("image_size", "width", "depth", "allow_one_value_per_channel", "seed", "threads")
REFUSED = ("normalization", "masked_loss_batch_size", "augmentation", "trainable")


class Network(NamedTuple):
    """A network that is measured or estimated; `name` is miniature or full."""

    name: str
    image_size: int
    width: float
    depth: float

    @property
    def label(self) -> str:
        """The network in a word, for the keys of a summary."""
        return f"{self.name}_{self.image_size}px"


def _network(image_size: int, width: float = 1.0, depth: float = 1.0) -> Network:
    return Network(FULL if (width, depth) == (1.0, 1.0) else MINIATURE, image_size, width, depth)


class Config(RunConfig):
    """The parameters of the notebook: of a training, the size of network and images and the threads; and its own."""

    NOTEBOOK: ClassVar[str] = "cost"

    batch_sizes: list[int] = parameter(
        [1, 2, 4, 8, 16, 32],
        "Batch sizes that are measured and estimated.",
        "images",
        allowed="list of two or more numbers, ≥ 1",
    )
    also_image_size: int | None = parameter(
        299, "Measure and estimate at this image size too, that of the published network; none: no other.", "pixels",
        ge=75, le=1024,
    )  # fmt: skip
    full_network_batch_sizes: list[int] = parameter(
        [1, 4],
        "Batch sizes at which the full network is measured too, at the larger image size; empty: at none.",
        "images",
        allowed="list of numbers, ≥ 1, perhaps empty",
    )
    compiled_batch_sizes: list[int] = parameter(
        [1, 8, 32],
        "Batch sizes for which the full network is compiled by JAX, to read its memory; empty: for none.",
        "images",
        allowed="list of numbers, ≥ 1, perhaps empty",
    )
    rounds: int = parameter(3, "Each time is measured so often.", ge=1)
    seconds_of_a_round: float = parameter(1.0, "A round is as many steps as fit in this time, at least one.", "s", gt=0)
    most_seconds: float = parameter(
        60.0,
        "A batch size whose steps would take longer than this, judged from the one before, is left out.",
        "s",
        gt=0,
    )
    images_of_a_run: int = parameter(5000, "Training images of the run whose hours are asked for.", "images", ge=1)
    epochs_of_a_run: int = parameter(60, "Epochs of the run whose hours are asked for.", "epochs", ge=1)
    card_memory_gib: float = parameter(11.4, "Memory of the GPU that a program can use (assumed).", "GiB", gt=0)
    card_tflops: float = parameter(4.0, "The GPU's peak in float32 (assumed).", "TFLOP/s", gt=0)
    card_gb_per_second: float = parameter(240.0, "The GPU's peak memory bandwidth (assumed).", "GB/s", gt=0)
    card_efficiency: float = parameter(0.35, "Fraction of both peaks that training reaches (assumed).", gt=0, le=1)
    card_start_microseconds: float = parameter(
        10.0, "Time that the GPU takes at least for one operation of a layer (assumed).", "µs", ge=0
    )

    @model_validator(mode="after")
    def _check_measurement(self):
        for name in REFUSED:
            default = RunConfig.model_fields[name].default
            if getattr(self, name) != default:
                raise ValueError(
                    f"{name} = {getattr(self, name)!r}: this notebook measures ordinary training. Allowed: {default!r}"
                )
        every = [*self.batch_sizes, *self.full_network_batch_sizes, *self.compiled_batch_sizes]
        if len(set(self.batch_sizes)) < 2 or min(every) < 1 or max(every) > self.images_of_a_run:
            raise ValueError(
                f"batch_sizes = {self.batch_sizes}, full_network_batch_sizes = {self.full_network_batch_sizes}, "
                f"compiled_batch_sizes = {self.compiled_batch_sizes} with images_of_a_run = {self.images_of_a_run} are "
                "not allowed. Allowed: numbers from 1 to the images of the run, two or more in batch_sizes"
            )
        for network, sizes in self.measured().items():
            for size in sizes:
                RunConfig.create(**self.run(network, size))
        return self

    def label(self) -> str:
        """Return the readable start of the run's name; it has no one batch size."""
        return f"{self.NOTEBOOK}-s{self.seed}"

    @property
    def image_sizes(self) -> list[int]:
        """The image sizes, that of the study first."""
        return list(dict.fromkeys([self.image_size, self.also_image_size or self.image_size]))

    def measured(self) -> dict[Network, list[int]]:
        """Return the networks to measure, with their batch sizes, ascending."""
        sizes = {_network(size, self.width, self.depth): self.batch_sizes for size in self.image_sizes}
        full = _network(self.image_sizes[-1])
        sizes[full] = [*sizes.get(full, []), *self.full_network_batch_sizes]
        return {network: sorted(set(some)) for network, some in sizes.items() if some}

    def estimated(self) -> list[Network]:
        """Return the networks whose cost on the GPU is estimated."""
        return [_network(size) for size in self.image_sizes]

    def run(self, network: Network, batch_size: int) -> dict:
        """Return the parameters of a training of a network, for `RunConfig`."""
        same = {name: getattr(self, name) for name in USED}
        sizes = {"image_size": network.image_size, "width": network.width, "depth": network.depth}
        return same | sizes | {"batch_size": batch_size}

    def steps_of_a_run(self, batch_size: int) -> int:
        """Return the steps of the run whose hours are asked for; as in training, incomplete batches are left out."""
        return self.epochs_of_a_run * (self.images_of_a_run // batch_size)
