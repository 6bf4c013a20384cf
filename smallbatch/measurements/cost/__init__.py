"""What a batch size costs in time and memory: parameters, estimator and summary of the notebook of this name."""
