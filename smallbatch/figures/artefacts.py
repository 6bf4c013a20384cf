"""Figures of the two ways in which batch norm makes a network look bad: lagging averages, and one value per channel."""

import matplotlib.pyplot as plt
import pandas as pd

from smallbatch import figures


def lag_by_momentum(table: pd.DataFrame) -> plt.Figure:
    """Draw how far the moving averages are from what they estimate, by epoch, a colour per momentum."""
    return figures.lag_curves(table, by="used_batch_norm_momentum", title="Momentum")


def loss_by_image_size(table: pd.DataFrame) -> plt.Figure:
    """Draw training loss by epoch, a panel per image size and a line per learning rate.

    `table` has `image_size`, `learning_rate`, `epoch`, `train_loss` and `guessing`, the loss of guessing, all in nats.
    """
    return figures.loss_by_image_size(table, table["guessing"].iloc[0])
