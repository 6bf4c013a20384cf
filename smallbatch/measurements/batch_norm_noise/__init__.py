"""The noise of batch statistics, layer by layer: parameters, estimator and summary of the notebook of this name."""
