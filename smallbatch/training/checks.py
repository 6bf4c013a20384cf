"""What the parameters of a training rule out together. Each check takes a `RunConfig` and raises `ValueError`."""

import math

# Beyond these a value is a slip of the keyboard: in float32 a smaller rate moves no weight, and from a larger one no
# training comes back.
LOWEST_RATE, HIGHEST_RATE = 1e-12, 1e6


def last_map_side(image_size: int) -> int:
    """Return the side, in positions, of Inception-ResNet-v2's last feature map for a square input in pixels.

    The network halves its map five times without padding (Szegedy et al. 2017, figure 15 and the Keras code).
    """
    side = image_size
    for kernel, stride in ((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2)):
        side = (side - kernel) // stride + 1
    return side


def check_condition(config) -> None:
    """Refuse parameters of normalization and masking that contradict each other or would be ignored."""
    size, ghost, masked = config.batch_size, config.ghost_batch_size, config.masked_loss_batch_size
    if config.normalization == "ghost" and (ghost is None or size % ghost):
        divisors = ", ".join(str(k) for k in range(1, size + 1) if size % k == 0)
        raise ValueError(
            f"ghost_batch_size = {ghost} with normalization = 'ghost' and batch_size = {size}. "
            f"Allowed: a divisor of the batch size ({divisors})"
        )
    if config.normalization != "ghost" and ghost is not None:
        raise ValueError(
            f"ghost_batch_size = {ghost} with normalization = {config.normalization!r} would do nothing. "
            "Allowed: None, or normalization = 'ghost'"
        )
    if masked is not None and masked > size:
        raise ValueError(f"masked_loss_batch_size = {masked} with batch_size = {size}. Allowed: 1 to {size}, or None")
    if masked is not None and config.augmentation in ("mixup", "cutmix"):
        raise ValueError(
            f"masked_loss_batch_size = {masked} with augmentation = {config.augmentation!r}, which would mix images "
            "without loss into those with. Allowed: None, or augmentation none, flip or randaugment"
        )
    if config.normalization == "group" and config.weights == "imagenet":
        raise ValueError(
            "normalization = 'group' with weights = 'imagenet': these weights were trained with batch norm, and group "
            "norm has no moving averages to load. Allowed: normalization batch, ghost or frozen, or weights = 'none'"
        )


def check_schedule(config) -> None:
    """Refuse a learning rate that comes to nothing or too much, and stages that are longer than the training."""
    rate = config.scaled_learning_rate()
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(
            f"learning_rate = {config.learning_rate} with learning_rate_scaling = {config.learning_rate_scaling!r} and "
            f"reference_batch_size = {config.reference_batch_size} comes to {rate:g}. Allowed: what comes to "
            f"{LOWEST_RATE:g} to {HIGHEST_RATE:g}"
        )
    if rate * config.weight_decay >= 1:
        raise ValueError(
            f"weight_decay = {config.weight_decay} with a learning rate of {rate:g}: each step would shrink the "
            f"kernels to nothing or turn their signs. Allowed: below {1 / rate:g}"
        )
    epochs = config.epochs
    if config.steps is not None:
        # How many epochs they are shows only where the number of images does.
        epochs = math.ceil(config.steps / max(1, config.steps_per_epoch(config.n_train))) if config.n_train else None
    for name in ("warmup_epochs", "early_stopping_patience", "snapshot_epochs"):
        value = getattr(config, name)
        if value is not None and epochs is not None and value > epochs:
            raise ValueError(
                f"{name} = {value} is longer than the training, which has {epochs} epochs. Allowed: at most {epochs}"
            )
    n_steps = config.steps or (config.n_steps(config.n_train) if config.n_train else None)
    latest = max(config.snapshot_steps, default=0)
    if n_steps is not None and latest > n_steps:
        raise ValueError(
            f"snapshot_steps = {config.snapshot_steps!r} goes beyond the training, which has {n_steps} steps. Allowed: "
            f"1 to {n_steps}"
        )


def check_lists(config) -> None:
    """Refuse lists that name something twice or would be ignored."""
    for name in ("classes", "followed_batch_norm_momenta", "snapshot_steps"):
        values = getattr(config, name)
        if len(set(values)) < len(values):
            raise ValueError(f"{name} = {values!r} names something twice. Allowed: each once")
    if len(config.classes) == 1:
        raise ValueError(f"classes = {config.classes!r} is a single class. Allowed: at least two, or an empty list")
    if config.followed_batch_norm_momenta and config.normalization not in ("batch", "ghost"):
        raise ValueError(
            f"followed_batch_norm_momenta = {config.followed_batch_norm_momenta!r} with normalization = "
            f"{config.normalization!r}, which has no moving averages to follow. Allowed: an empty list, or "
            "normalization batch or ghost"
        )


def check_values_per_channel(config) -> None:
    """Refuse batch norm over a single number per channel, unless it is allowed on purpose."""
    size = config.normalization_batch_size
    if size is None or config.allow_one_value_per_channel or size * last_map_side(config.image_size) ** 2 > 1:
        return
    name = "ghost_batch_size" if config.ghost_batch_size else "batch_size"
    raise ValueError(
        f"{name} = {size} with image_size = {config.image_size}: the last feature map is "
        "1x1, so batch norm would normalize each channel over one number, output a constant and learn "
        f"nothing. Allowed: {name} 2 or more, or image_size 107 or more "
        "(or allow_one_value_per_channel = True to see it happen)"
    )


def check_speed(config) -> None:
    """Refuse other ways of computing where a measurement would not measure them."""
    if config.NOTEBOOK != "retrain" and (config.precision != "float32" or config.jit_compile):
        raise ValueError(
            f"precision = {config.precision!r} with jit_compile = {config.jit_compile}: {config.NOTEBOOK} measures "
            "training as it is by default. Allowed: precision = 'float32' and jit_compile = False"
        )


def check_weights(config) -> None:
    """Refuse pretrained weights in a miniature."""
    if config.weights == "imagenet" and (config.width, config.depth) != (1.0, 1.0):
        raise ValueError(
            f"weights = 'imagenet' with width = {config.width} and depth = {config.depth}: these weights fit "
            "the published network only. Allowed: width = 1.0 and depth = 1.0, or weights = 'none'"
        )
