"""SGD with momentum, updated by one operation per variable where TensorFlow has it, and its learning rate by step."""

import math

import keras

from smallbatch.training.config import RunConfig


@keras.saving.register_keras_serializable("smallbatch")
class SGD(keras.optimizers.SGD):
    """Keras's SGD. On TensorFlow with momentum, the update of a variable is a single operation instead of five.

    At batch size 1 the network's variables cost more time to update than its image costs to compute.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable and its velocity: v = momentum v - learning_rate gradient; variable += v."""
        if keras.backend.backend() != "tensorflow" or not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        velocity = self.momentums[self._get_variable_index(variable)]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=velocity.value.handle,
            lr=learning_rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )


@keras.saving.register_keras_serializable("smallbatch")
class LearningRateSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up over `warmup_steps`, then a fall to zero at `n_steps`, in a line or half a cosine wave.

    The cosine is that of Loshchilov & Hutter 2017, equation 5, without restarts.
    """

    def __init__(self, learning_rate: float, kind: str, n_steps: int, warmup_steps: int):
        self.learning_rate, self.kind = learning_rate, kind
        self.n_steps, self.warmup_steps = n_steps, warmup_steps

    def __call__(self, step):
        """Return the learning rate of a step, counted from 0."""
        ops = keras.ops
        step = ops.cast(step, "float32")
        warmup = (step + 1) / max(self.warmup_steps, 1)
        done = (step - self.warmup_steps) / max(self.n_steps - self.warmup_steps, 1)
        fallen = 1 - done if self.kind == "linear" else (1 + ops.cos(math.pi * done)) / 2
        return self.learning_rate * ops.where(step < self.warmup_steps, warmup, fallen)

    def get_config(self):
        """Return what the schedule is made from."""
        return dict(vars(self))


def learning_rate(config: RunConfig, n_train: int):
    """Return the learning rate of a run with `n_train` training images, or its schedule over the steps."""
    highest = config.scaled_learning_rate()
    warmup_steps = round(config.warmup_epochs * config.steps_per_epoch(n_train))
    if config.learning_rate_schedule != "constant":
        return LearningRateSchedule(highest, config.learning_rate_schedule, config.n_steps(n_train), warmup_steps)
    if warmup_steps:
        # Keras's linear "decay", upwards: after the last of these steps the rate stays where it is.
        return keras.optimizers.schedules.PolynomialDecay(
            highest / warmup_steps, warmup_steps, end_learning_rate=highest
        )
    return highest
