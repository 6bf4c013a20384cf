"""The directive `every-run`: a study's experiments, all of its runs, or its tables, from the numbers of its page.

Hundreds of runs would be slow as nodes and would fill the index of the search with their names, so the table is HTML;
whatever a study or record holds is escaped on the way into it.
"""

import html
from urllib.parse import quote

from docutils import nodes
from named_numbers import looked_up
from sphinx.util.docutils import SphinxDirective


def table_of(found: dict) -> str:
    """Return all runs as a table that scrolls by itself, which the script `runs.js` gives a field to filter it."""
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in found["head"])
    body = "".join(f"<tr>{''.join(map(_cell, row, found['numeric']))}</tr>" for row in found["rows"])
    return (
        '<div class="runs-table" role="region" aria-label="Table of all runs" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        '<script src="../_static/runs.js"></script>'
    )


def _cell(text: str, is_number: bool) -> str:
    return f'<td class="number">{text}</td>' if is_number else f"<td>{html.escape(text)}</td>"


class EveryRun(SphinxDirective):
    """Shows one part: `experiments`, `runs` or `tables`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a list of links, or the table."""
        parts = {"experiments": self._experiments, "runs": self._runs, "tables": self._tables}
        part = self.arguments[0]
        if part not in parts:
            raise self.error(f"every-run = {part!r}. Allowed: {', '.join(parts)}")
        try:
            return parts[part](looked_up(self.env, part))
        except KeyError as error:
            return [self.state.document.reporter.warning(error.args[0], line=self.lineno)]

    def _experiments(self, found: dict) -> list[nodes.Node]:
        """Each links to itself: the address fills the field that filters the table."""
        items = []
        for name, title, done in found["rows"]:
            anchor = f"experiment-{name}"
            link = nodes.reference("", "", nodes.literal(name, name), refid=anchor, internal=True)
            items.append(nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(f": {title} ({done} runs)")),
                                         ids=[anchor]))  # fmt: skip
        return [nodes.bullet_list("", *items)]

    def _runs(self, found: dict) -> list[nodes.Node]:
        elsewhere = f"The table of {len(found['rows'])} runs is in the web edition and in runs.csv."
        on_paper = nodes.paragraph("", elsewhere, classes=["print-only"])
        return [on_paper, nodes.raw("", table_of(found), format="html")]

    def _tables(self, found: dict) -> list[nodes.Node]:
        study = looked_up(self.env, "study")
        items = []
        for name, size in found["rows"]:
            address = f"../data/{quote(study)}/{quote(name)}"
            link = nodes.raw("", f'<a href="{address}" download>{html.escape(name)}</a>', format="html")
            items.append(nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(f" ({size} kB)"))))
        return [nodes.bullet_list("", *items)]


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("every-run", EveryRun)
    return {"version": "1", "parallel_read_safe": True}
