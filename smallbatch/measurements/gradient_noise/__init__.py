"""The noise of the gradient along a training."""
