"""SGD with momentum, updated by one operation per variable where TensorFlow has it."""

import keras


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
