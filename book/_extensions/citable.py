"""The directive `citable`, which shows a figure by its slug: not drawn here, but read from a packet written before.

The figure can be referred to as fig-<slug>. Below it stands a folded box with its files, how to cite it, and what is
behind it. Where the study measured nothing to draw, the page says so in the figure's place.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

# Beside the pages while Sphinx reads them; the builder copies it to the root of the book as figures/<slug>.png.
DRAWN = "book/_drawn/figures"
KINDS = {"png": "PNG, 300 dpi", "svg": "SVG", "pdf": "PDF", "csv": "CSV, its data"}
BOX = """
```{{dropdown}} Download, cite, reuse: figure `{slug}`
:class-container: figure-box
{links}

**Cite as.** {citation}

```{{code-block}} bibtex
{bibtex}
```

**Licence.** [{licence}](https://creativecommons.org/licenses/by/4.0/). **Data.** {runs}

**Drawn by** {code}. In Python, with the CSV file beside you:

```{{code-block}} python
from smallbatch.figures.citable import redraw
redraw("{slug}", "{slug}.csv")
```
```
""".replace("\n```{dropdown}", "\n````{dropdown}")


class CitableFigure(Directive):
    """Shows the packet of one figure."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the figure and its box."""
        self.env = self.state.document.settings.env
        slug = self.arguments[0]
        path = Path(self.env.srcdir) / DRAWN / f"{slug}.json"
        if not path.is_file():
            raise self.error(f"There is no figure {slug!r}; see smallbatch/figures/catalogue.")
        self.env.note_dependency(str(path))
        facts = json.loads(path.read_text())
        figure = self._figure(facts)
        if "missing" in facts or self.env.app.builder.name == "singlehtml":
            return [figure]
        return [figure, *self._box(facts)]

    def _figure(self, facts: dict) -> nodes.figure:
        slug = facts["slug"]
        if "missing" in facts:
            shown = nodes.paragraph("", f"Not measured in this study: {facts['missing']}.", classes=["not-measured"])
            text = f"{facts['title']}. {facts['caption']}"
        else:
            uri = f"/{DRAWN}/{slug}.*"
            shown = nodes.image(uri=uri, alt=facts["alt"], classes=["dark-light"], candidates={})
            shown["loading"] = "lazy"
            text = f"{facts['caption']} {facts['evidence']}"
        figure = nodes.figure("", shown, nodes.caption(text, "", *self._inline(text)), classes=["citable"])
        figure["align"] = "default"
        for name in (slug, *facts["formerly"]):
            self._name(figure, f"fig-{name}")
        return figure

    def _inline(self, text: str) -> list[nodes.Node]:
        return [nodes.Text(text)]

    def _name(self, figure: nodes.figure, name: str) -> None:
        figure["names"].append(name)
        self.state.document.note_explicit_target(figure, figure)

    def _box(self, facts: dict) -> list[nodes.Node]:
        root = "../" * self.env.docname.count("/")
        links = " · ".join(f"<a href=\"{root}figures/{facts['slug']}.{kind}\" download>{label}</a>"
                           for kind, label in KINDS.items())  # fmt: skip
        module, _, function = facts["code"].rpartition(".")
        text = BOX.format(
            links=links,
            runs=self._runs(facts, root),
            code=f"`{function}` in `{module}`" + self._code_link(module),
            **{name: facts[name].rstrip() for name in ("slug", "citation", "bibtex", "licence")},
        )
        holder = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), source=f"figure {facts['slug']}"), 0, holder)
        return holder.children

    def _runs(self, facts: dict, root: str) -> str:
        if not facts["runs"]:
            return f"Tables in `results/{facts['study']}`."
        return f"{len(facts['runs'])} records in `results/{facts['study']}/runs`."

    def _code_link(self, module: str) -> str:
        repository = self.env.config.smallbatch_repository
        return f" ([source]({repository}/blob/HEAD/{module.replace('.', '/')}.py))" if repository else ""


def setup(app) -> dict:
    """Register the directive."""
    app.add_config_value("smallbatch_repository", "", "env")
    app.add_directive("citable", CitableFigure)
    return {"version": "1", "parallel_read_safe": True}
