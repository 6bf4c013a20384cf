"""The directive `citable`, which shows a figure by its slug: not drawn here, but read from a packet written before.

The figure can be referred to as fig-<slug>, and as fig-<former slug>. Below it stands a folded box with its files, how
to cite it, and what is behind it. Where the study measured nothing to draw, the page says so in the figure's place.
"""

import json
import os
from pathlib import Path
from urllib.parse import quote

from address import source_of
from as_text import as_code, as_text
from docutils import nodes
from docutils.statemachine import StringList
from figure_code import PAGE, anchor_of, file_of
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

# Beside the pages while Sphinx reads them; the builder copies it to the root of the book as figures/<slug>.png.
DRAWN = "book/_drawn/figures"
KINDS = {
    ".png": "PNG (300 dpi)", ".svg": "SVG", ".pdf": "PDF", ".csv": "CSV (its data)", ".json": "JSON (its facts)",
    "-slide.png": "slide (PNG)", "-slide.svg": "slide (SVG)", "-dark.svg": "for dark pages (SVG)",
}  # fmt: skip
RUNS = "book/runs"
# A picture wider than this many inches would have letters too small to read on a phone: there it scrolls instead.
WIDE = 5.5
BOX = """
`````{{dropdown}} Download, cite, reuse: figure {slug}
:class-container: figure-box

{links}

**In detail.** {details} {evidence}

**Cite as.** {citation}

```{{code-block}} bibtex
{bibtex}
```

**Licence.** [{licence}]({licence_address}). **Data.** {runs}

**Drawn by** {code}. In Python, with the CSV file beside you:

```{{code-block}} python
from smallbatch.figures.citable import redraw
redraw("{slug}", "{slug}.csv")
```
`````
"""


def packet_path(directive: SphinxDirective, slug: str) -> Path:
    """Return where the facts of a figure stand; its table lies beside them."""
    return Path(directive.env.srcdir) / DRAWN / f"{slug}.json"


def read_packet(directive: SphinxDirective, slug: str) -> dict:
    """Return the facts of a figure, and let the page depend on them; an error where there is no such figure."""
    path = packet_path(directive, slug)
    if not path.is_file():
        raise directive.error(f"There is no figure {slug!r}; see smallbatch/figures/catalogue.")
    directive.env.note_dependency(str(path))
    return json.loads(path.read_text())


class CitableFigure(SphinxDirective):
    """Shows the packet of one figure."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the figure and its box."""
        facts = read_packet(self, self.arguments[0])
        if "missing" in facts:
            return [self._figure(facts, [self._note(facts)], f"{facts['title']}. {facts['caption']}", ["citable"])]
        classes = ["citable", "wide"] if facts["inches"][0] > WIDE else ["citable"]
        shown = self._figure(facts, self._pictures(facts), facts["caption"], classes)
        # Whoever reads on paper has nothing to unfold. The box is left out when written, not when read: all builders
        # then share what was read.
        return [shown, addnodes.only("", *self._box(facts), expr="not singlehtml")]

    def _figure(self, facts: dict, shown: list, text: str, classes: list[str]) -> nodes.figure:
        figure = nodes.figure("", *shown, nodes.caption(text, text), classes=classes, align="default")
        names = [f"fig-{slug}" for slug in (facts["slug"], *facts["formerly"])]
        figure["names"] = names
        self.state.document.note_explicit_target(figure, figure)
        # docutils gives an element one identifier only, and addresses with a former slug shall keep working.
        figure["ids"] = names
        return figure

    def _note(self, facts: dict) -> nodes.paragraph:
        text = f"Not measured in this study: {facts['missing']}."
        return nodes.paragraph(text, text, classes=["not-measured"])

    def _pictures(self, facts: dict) -> list[nodes.reference]:
        """Return both looks; the style sheet hides the one that is not of the page's mode, from screen readers too."""
        return [self._picture(facts, look, end) for look, end in (("look-light", ""), ("look-dark", "-dark"))]

    def _picture(self, facts: dict, look: str, end: str) -> nodes.reference:
        name = f"{facts['slug']}{end}.svg"
        image = nodes.image(uri=f"/{DRAWN}/{name}", alt=facts["alt"], classes=["dark-light"])
        address, title = f"{self._root()}figures/{name}", f"Open figure {facts['slug']} alone (SVG)"
        return nodes.reference("", "", image, internal=False, refuri=address, reftitle=title, classes=[look])

    def _root(self) -> str:
        return "../" * self.env.docname.count("/")

    def _box(self, facts: dict) -> list[nodes.Node]:
        links = " · ".join(
            f'<a href="{self._root()}figures/{facts["slug"]}{end}" download>{label}</a>' for end, label in KINDS.items()
        )
        text = BOX.format(
            slug=facts["slug"],
            links=links,
            details=as_text(facts["details"] or facts["caption"]),
            evidence=as_text(facts["evidence"]),
            citation=as_text(facts["citation"]),
            bibtex=facts["bibtex"].rstrip(),
            licence=as_text(facts["licence"]),
            licence_address=facts["licence_address"],
            runs=self._runs(facts),
            code=self._code(facts["code"]),
        )
        holder = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), source=f"figure {facts['slug']}"), 0, holder)
        return holder.children

    def _runs(self, facts: dict) -> str:
        if not facts["study"]:
            return "None: the table is computed."
        studies = facts["study"].split(", ")
        if not facts["runs"]:
            return f"Tables in {' and '.join(as_code(f'results/{study}') for study in studies)}."
        folders = " and ".join(as_code(f"results/{study}/runs") for study in studies)
        names = f"{len(facts['runs'])} records in {folders}, named in the JSON file"
        # The page of runs lists those of the study that the book is built for, and experiments of others share names.
        listed = studies == [os.environ.get("SMALLBATCH_STUDY", "laptop")]
        if RUNS not in self.env.found_docs or not facts["experiments"] or not listed:
            return f"{names}."
        page = f"{self._root()}{RUNS}.html"
        shown = ", ".join(f'<a href="{page}?q={quote(name)}">{as_text(name)}</a>' for name in facts["experiments"])
        return f"{names}; experiment {shown}."

    def _code(self, name: str) -> str:
        module, _, function = name.rpartition(".")
        address = source_of(self.config, file_of(module))
        if not address and PAGE in self.env.found_docs:
            address = f"{self._root()}{PAGE}.html#{anchor_of(module)}"
        words = f"`{function}` in `{module}`"
        return f'{words} (<a href="{address}">source</a>)' if address else words


def setup(app) -> dict:
    """Register the directive."""
    for extension in ("address", "figure_code"):
        app.setup_extension(extension)
    app.add_directive("citable", CitableFigure)
    return {"version": "1", "parallel_read_safe": True}
