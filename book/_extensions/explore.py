"""The directive `explore`: learning curves of a packet that the reader moves through with a slider, in the page itself.

The page carries the data, book/_static/explore.js draws; nothing is fetched. Without JavaScript the element stays
hidden, and the picture of the same packet, which the page shows by `citable`, is what one sees.
"""

import html
import json

import pandas as pd
from citable import packet_path, read_packet
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

METRICS = {
    "train_loss": "Training loss (nats)",
    "train_accuracy": "Training accuracy",
    "validation_loss": "Validation loss (nats)",
    "validation_accuracy": "Validation accuracy",
}
FRAME = """
<div class="explore" hidden>
<p class="explore-title">Move through the curves of figure {slug}</p>
<div class="explore-controls">
<p><label for="{slug}-size">Batch size: <output for="{slug}-size"></output></label>
<input type="range" id="{slug}-size" min="0" max="{last}" step="1" value="0"></p>
<p><label for="{slug}-metric">Shown: </label><select id="{slug}-metric">{choices}</select></p>
</div>
<div class="explore-picture"></div>
<p class="explore-words" aria-live="polite"></p>
<p class="explore-key">Thin lines: seeds. Thick line: their mean. Faint lines: means of the other batch sizes.
The arrow keys move the slider.</p>
<script type="application/json">{data}</script>
</div>
<script defer src="{root}_static/explore.js"></script>
"""


class Explore(SphinxDirective):
    """Shows the table of a packet with columns run, seed, batch_size, epoch and those of `METRICS`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the element, or nothing where the packet has no data."""
        slug = self.arguments[0]
        if "missing" in read_packet(self, slug):
            return []
        data = series(pd.read_csv(packet_path(self, slug).with_suffix(".csv")))
        text = FRAME.format(
            slug=slug,
            last=len(data["batch_sizes"]) - 1,
            choices="".join(f'<option value="{name}">{html.escape(words)}</option>' for name, words in METRICS.items()),
            # Some tags would end the script element that holds the data, others hide its end.
            data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
            root="../" * self.env.docname.count("/"),
        )
        return [addnodes.only("", nodes.raw("", text, format="html"), expr="not singlehtml")]


def series(table: pd.DataFrame) -> dict:
    """Return the batch sizes and, per run, its values by epoch; six digits, None where a value is missing."""
    runs = [
        {
            "batch_size": int(run["batch_size"].iloc[0]),
            "epoch": run["epoch"].tolist(),
            **{name: [_short(value) for value in run[name]] for name in METRICS},
        }
        for _, run in table.sort_values("epoch").groupby("run")
    ]
    return {"batch_sizes": sorted({run["batch_size"] for run in runs}), "runs": runs}


def _short(value: float) -> float | None:
    return None if pd.isna(value) else float(f"{value:.6g}")


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("explore", Explore)
    return {"version": "1", "parallel_read_safe": True}
