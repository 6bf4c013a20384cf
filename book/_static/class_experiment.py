"""Class experiment: a network without any fault that seems to overfit. Needs Keras and scikit-learn, no GPU."""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


def train(seed, batch_size, momentum=0.99):
    """Train for ten epochs on 1,000 digits; return four accuracies in percent. 0.99 is Keras's default momentum."""
    keras.utils.set_random_seed(seed)
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1) / 16
    order = np.random.permutation(len(images))
    train_images, train_labels = images[order[:1000]], labels[order[:1000]]
    validation_images, validation_labels = images[order[1000:]], labels[order[1000:]]

    model = keras.Sequential([keras.Input((8, 8, 1))])
    for _ in range(4):
        model.add(layers.Conv2D(32, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=momentum))
        model.add(layers.Activation("relu"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, activation="softmax"))
    sgd = keras.optimizers.SGD(0.01, momentum=0.9)
    model.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy"])

    history = model.fit(train_images, train_labels, batch_size=batch_size, epochs=10, verbose=0)
    during_training = history.history["accuracy"][-1]
    train_evaluated = model.evaluate(train_images, train_labels, verbose=0)[1]
    validation_evaluated = model.evaluate(validation_images, validation_labels, verbose=0)[1]
    for layer in model.layers:  # recalibrate: the moving averages become those of all training images, no weight moves
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(train_images, training=True)
    validation_recalibrated = model.evaluate(validation_images, validation_labels, verbose=0)[1]
    return [100 * a for a in (during_training, train_evaluated, validation_evaluated, validation_recalibrated)]


if __name__ == "__main__":
    seed = int(input("Your seed, a whole number: "))
    for batch_size in (10, 32):
        print(f"batch size {batch_size}:", *(f"{accuracy:.1f}%" for accuracy in train(seed, batch_size)))
