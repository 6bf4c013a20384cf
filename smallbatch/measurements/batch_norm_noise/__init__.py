"""The noise of batch statistics, layer by layer."""
