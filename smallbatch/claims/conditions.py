"""What the question compares and what studies vary: batch sizes, momenta of the moving averages, evaluations."""

# Of the question: the batch size on the original poster's own machine, and that on the rented one.
ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE = 10, 32
# Of the studies: the ends of the range of batch sizes.
SMALLEST, LARGEST = 1, 32

# Momenta, from the longest averaging window of the moving averages to the shortest: TF-slim's, Keras's, and one whose
# window is ten steps. `SCALED` is Keras's at batch size 32 and, at others, one that averages over as many images.
TFSLIM_MOMENTUM, KERAS_MOMENTUM, LOW_MOMENTUM, SCALED = 0.9997, 0.99, 0.9, "scaled"
MOMENTA = (TFSLIM_MOMENTUM, KERAS_MOMENTUM, LOW_MOMENTUM, SCALED)
# The experiment in which the averaging window is the same fraction of the training as in the original poster's.
MATCHED_WINDOW = "momentum_lag_as_asked"

EVALUATIONS = ("moving", "batch", "recalibrated")
