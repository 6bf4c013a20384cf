"""What a batch size costs in time and memory: measured here, and estimated for a GPU that is not at hand."""
