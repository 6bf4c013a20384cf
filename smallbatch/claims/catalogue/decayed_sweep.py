"""The claim *decayed-sweep*: with a learning rate that falls to zero, smaller batches generalize better."""

from smallbatch.claims.claim import Claim, Words
from smallbatch.claims.rules import NOTHING, OPPOSITE, SLOPE
from smallbatch.claims.searched import PLAN

CLAIM = Claim(
    "decayed-sweep",
    "Do smaller batches generalize better when the learning rate falls to zero?",
    "with a learning rate that falls to zero, smaller batches have a lower test error, each batch size at its "
    "own best learning rate",
    page="sweep",
    words=Words(
        "whether smaller batches generalize better with a learning rate that falls to zero",
        "Yes. With a learning rate that falls to zero, smaller batches have a lower test error",
        {
            OPPOSITE: "No, the opposite. With a learning rate that falls to zero, smaller batches have a higher test "
            "error",
            NOTHING: "No. With a learning rate that falls to zero, the test error has no trend over the batch sizes of "
            f"more than {SLOPE.margin:g} {SLOPE.unit}",
        },
    ),
    registered=PLAN,
    study="decayed",
)
