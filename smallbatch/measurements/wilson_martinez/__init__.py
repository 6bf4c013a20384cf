"""The source of the claim (Wilson & Martinez 2003), repeated: parameters, estimator and summary of its notebook."""
