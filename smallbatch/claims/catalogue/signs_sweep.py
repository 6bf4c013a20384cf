"""The claim *signs-sweep*: on photographs of hand signs, smaller batches generalize better."""

from smallbatch.claims.claim import Claim, Plan, Words
from smallbatch.claims.rules import NOTHING, OPPOSITE, SLOPE
from smallbatch.claims.searched import sweep_analyses

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
    registered=Plan(
        "slope of the test error on log2 of the batch size, each at the learning rate and in the deployable evaluation "
        "that experiment search chooses by validation error; curvature and best batch size beside it; Student's t "
        "interval over seeds",
        SLOPE.words(),
        lambda tables: sweep_analyses(),
    ),
    study="signs",
)
