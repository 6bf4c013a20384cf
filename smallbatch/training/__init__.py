"""One training: its parameters, images, network, steps and evaluations. Knows nothing of studies or claims."""
