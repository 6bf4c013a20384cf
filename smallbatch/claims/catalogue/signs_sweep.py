"""The claim *signs-sweep*: on photographs of hand signs, smaller batches generalize better."""

from smallbatch.claims.claim import Claim, Words
from smallbatch.claims.rules import NOTHING, OPPOSITE, SLOPE
from smallbatch.claims.searched import PLAN

CLAIM = Claim(
    "signs-sweep",
    "Do smaller batches generalize better on other photographs too?",
    "on photographs of hand signs, smaller batches have a lower test error, each batch size at its own best learning "
    "rate",
    page="sweep",
    words=Words(
        "whether smaller batches generalize better on photographs of hand signs",
        "Yes. On photographs of hand signs, smaller batches have a lower test error",
        {
            OPPOSITE: "No, the opposite. On photographs of hand signs, smaller batches have a higher test error",
            NOTHING: f"No. On photographs of hand signs, the test error has no trend over the batch sizes of more than "
            f"{SLOPE.margin:g} {SLOPE.unit}",
        },
    ),
    registered=PLAN,
    study="signs",
)
