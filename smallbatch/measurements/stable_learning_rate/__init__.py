"""Learning rates by batch size: the best of one step, and the largest that a short training survives."""
