"""The directive `calculator`: how long batch norm's moving averages look back, for the reader's own training.

book/_static/calculator.js computes in the page; nothing is fetched. Without JavaScript, and on paper, the table of the
question's numbers is there, computed here by the same arithmetic.
"""

import math

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

# The training of the question, and Keras's default momentum beside the one of the network's first implementation.
IMAGES, EPOCHS = 5000, 60
MARKS = [(momentum, size) for momentum in (0.9997, 0.99) for size in (10, 32)]
# Above this fraction left on the initial values, or with a window above this fraction of the training, it is said.
INITIAL, WINDOW = 0.01, 0.1
FIELDS = [
    ("momentum", "Momentum of batch norm", 0.9997, 'min="0" max="0.999999" step="any"'),
    ("batch", "Batch size", 32, 'min="1" step="1"'),
    ("images", "Training images", IMAGES, 'min="1" step="1"'),
    ("epochs", "Epochs", EPOCHS, 'min="1" step="1"'),
]
FRAME = """
<form class="calculator" hidden data-initial="{initial}" data-window="{window}" data-marks="{marks}"
 aria-label="Calculator of the averaging window">
<div class="calculator-fields">{fields}</div>
<div class="calculator-marks">The question's numbers: {buttons}</div>
<div class="calculator-scale" aria-hidden="true"></div>
<output class="calculator-words" aria-live="polite"></output>
</form>
<script defer src="{root}_static/calculator.js"></script>
"""


def averages(momentum: float, batch: int, images: int, epochs: int) -> tuple[float, float]:
    """Return the averaging window in epochs, and the fraction of weight left on the initial values after training.

    A step keeps the fraction `momentum` of what was there, so the averages look back over 1 / (1 - momentum) steps; the
    last batch of an epoch is a step too, whole or not.
    """
    steps = math.ceil(images / batch)
    return 1 / (1 - momentum) / steps, momentum ** (steps * epochs)


def verdict(window: float, left: float, epochs: int) -> str:
    """Return what follows, in one word; the same rule as in calculator.js."""
    if left > INITIAL:
        return "initial values"
    return "long" if window > WINDOW * epochs else "short"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2g}%" if fraction >= 1e-6 else "less than 0.0001%"


class Calculator(SphinxDirective):
    """Shows the calculator, and the question's numbers as a table."""

    def run(self) -> list[nodes.Node]:
        """Return the form and the table."""
        fields = "".join(
            f'<p><label for="calculator-{name}">{label}</label>'
            f'<input type="number" id="calculator-{name}" name="{name}" value="{value}" {limits} required></p>'
            for name, label, value, limits in FIELDS
        )
        buttons = " ".join(
            f'<button type="button" data-momentum="{momentum}" data-batch="{size}">{momentum:g}, '
            f"batch size {size}</button>"
            for momentum, size in MARKS
        )
        form = FRAME.format(
            fields=fields, buttons=buttons, initial=INITIAL, window=WINDOW, root="../" * self.env.docname.count("/"),
            marks=";".join(f"{momentum},{size},{IMAGES}" for momentum, size in MARKS),
        )  # fmt: skip
        return [addnodes.only("", nodes.raw("", form, format="html"), expr="not singlehtml"), *self._table()]

    def _table(self) -> list[nodes.Node]:
        lines = [
            "| Momentum | Batch size | Averaging window | Weight left on the initial values | Verdict |",
            "|---|---|---|---|---|",
        ]
        for momentum, size in MARKS:
            window, left = averages(momentum, size, IMAGES, EPOCHS)
            lines.append(
                f"| {momentum:g} | {size} | {window:.2g} epochs | {_percent(left)} | {verdict(window, left, EPOCHS)} |"
            )
        holder = nodes.container()
        self.state.nested_parse(StringList(lines, source="calculator"), 0, holder)
        return holder.children


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("calculator", Calculator)
    return {"version": "1", "parallel_read_safe": True}
