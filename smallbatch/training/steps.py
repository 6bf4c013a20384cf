"""Whole epochs as one compiled program, on TensorFlow and on JAX.

A step at batch size 1 computes for milliseconds, and handing it its image from Python takes as long again. Here all
images lie where they are computed with, an epoch is a table of which images each step takes, and Python is asked again
only when the epoch is over.
"""

from typing import NamedTuple

import keras
import numpy as np

from smallbatch.backend import by_backend


class Epoch(NamedTuple):
    """What an epoch came to: mean loss over its steps (nats), accuracy over the images with loss, and its steps."""

    loss: float
    accuracy: float
    steps: int


class TrainingProgram:
    """The training steps of a compiled model; the first call compiles them.

    `limit` ends an epoch at the step where its mean loss so far is no longer below it, or not a number. `jit_compile`
    has XLA compile the steps on TensorFlow, as JAX always does.
    """

    def __init__(self, model: keras.Model, limit: float, jit_compile: bool = False):
        self.model, self.limit, self.jit_compile = model, limit, jit_compile
        model.optimizer.build(model.trainable_variables)
        self._run = by_backend(tensorflow=training_in_tensorflow, jax=training_in_jax)(self)

    def __call__(self, images, labels, indices: np.ndarray, n_steps: int, n_with_loss: int) -> Epoch:
        """Train for `n_steps` steps, the k-th on the images that row k of `indices` (rows, batch size) names.

        `images` (n, side, side, 3) and `labels`, (n,) or (n, classes), best are placed already (`place`). The loss
        counts the first `n_with_loss` images of each batch.
        """
        images, labels = (place(array) if isinstance(array, np.ndarray) else array for array in (images, labels))
        loss, accuracy, steps = self._run(images, labels, indices.astype(np.int32), n_steps, n_with_loss)
        steps = int(steps)
        return Epoch(float(loss) / steps, float(accuracy) / (steps * n_with_loss), steps)

    def loss(self, images, labels, n_with_loss, training_call):
        """Return loss and number of correctly classified images of one batch, from `training_call(images)`."""
        ops = keras.ops
        logits = training_call(ops.cast(images, "float32"))[:n_with_loss]
        labels = labels[:n_with_loss]
        classes = ops.argmax(labels, axis=1) if len(labels.shape) == 2 else labels
        correct = ops.sum(ops.cast(ops.equal(ops.argmax(logits, axis=1), ops.cast(classes, "int32")), "float32"))
        return self.model.loss(labels, logits), correct


def place(array: np.ndarray):
    """Return an array as a tensor of the backend, on the device that computes; on TensorFlow bytes as a variable."""
    # keras.ops would turn whole numbers into another type.
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # On a GPU, TensorFlow gathers bytes from a variable only; from a tensor it would have the CPU gather them, at
        # every step. As floats they would take four times the memory.
        return tf.Variable(array, trainable=False) if array.dtype == np.uint8 else tf.constant(array)
    import jax

    return jax.device_put(array)


def training_in_tensorflow(program: TrainingProgram):
    """Return what trains for an epoch on TensorFlow, for `TrainingProgram`."""
    import tensorflow as tf

    model = program.model
    weights = [variable.value for variable in model.trainable_variables]

    def gather(table, rows):
        return table.sparse_read(rows) if isinstance(table, tf.Variable) else tf.gather(table, rows)

    def run(images, labels, indices, n_steps, n_with_loss):
        def is_on(step, loss, correct):
            # Not a number is not below the limit either.
            return (step < n_steps) & ((step == 0) | (loss / tf.cast(step, tf.float32) < program.limit))

        def train(step, loss, correct):
            chosen = indices[step]
            batch = gather(images, chosen), gather(labels, chosen)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                batch_loss, batch_correct = program.loss(*batch, n_with_loss, lambda x: model(x, training=True))
                # The optimizer takes its factor, which float16 needs, out of the gradient again.
                scaled_loss = model.optimizer.scale_loss(batch_loss)
            model.optimizer.apply(tape.gradient(scaled_loss, weights), model.trainable_variables)
            return step + 1, loss + batch_loss, correct + batch_correct

        step, loss, correct = tf.while_loop(is_on, train, (0, 0.0, 0.0), parallel_iterations=1)
        return loss, correct, step

    compiled = tf.function(run, reduce_retracing=True, autograph=False, jit_compile=program.jit_compile or None)

    def call(images, labels, indices, n_steps, n_with_loss):
        return compiled(images, labels, indices, tf.constant(n_steps), n_with_loss)

    call.compiled = compiled  # for whoever looks into the program
    return call


def training_in_jax(program: TrainingProgram):
    """Return what trains for an epoch on JAX, for `TrainingProgram`."""
    import jax

    model = program.model

    def batch_loss(trainable, others, images, labels, n_with_loss):
        changed = []

        def call(x):
            logits, values = model.stateless_call(trainable, others, x, training=True)
            changed.extend(values)
            return logits

        loss, correct = program.loss(images, labels, n_with_loss, call)
        return model.optimizer.scale_loss(loss), (loss, correct, changed)

    gradient = jax.value_and_grad(batch_loss, has_aux=True)

    def run(state, images, labels, indices, n_steps, n_with_loss):
        def is_on(carry):
            step, loss, _, _ = carry
            return (step < n_steps) & ((step == 0) | (loss / step < program.limit))

        def train(carry):
            step, loss, correct, (trainable, others, optimizer) = carry
            chosen = indices[step]
            (_, (one_loss, one_correct, others)), gradients = gradient(
                trainable, others, images[chosen], labels[chosen], n_with_loss
            )
            trainable, optimizer = model.optimizer.stateless_apply(optimizer, gradients, trainable)
            return step + 1, loss + one_loss, correct + one_correct, (trainable, others, optimizer)

        return jax.lax.while_loop(is_on, train, (0, 0.0, 0.0, state))

    compiled = jax.jit(run, static_argnums=5, donate_argnums=0)

    def call(images, labels, indices, n_steps, n_with_loss):
        groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        state = tuple([variable.value for variable in group] for group in groups)
        step, loss, correct, state = compiled(state, images, labels, indices, n_steps, n_with_loss)
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return loss, correct, step

    return call
