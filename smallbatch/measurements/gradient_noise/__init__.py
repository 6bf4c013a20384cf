"""The noise of the gradient along a training: parameters, estimator and summary of the notebook of this name."""
