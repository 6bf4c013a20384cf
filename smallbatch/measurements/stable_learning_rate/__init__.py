"""Which learning rates a batch size survives: parameters, estimator and summary of the notebook of this name."""
