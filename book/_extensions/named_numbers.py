"""Numbers on pages, by name: the roles `n` and `badge`, and the directives `when`, `unless` and `numbers-table`.

A page's source names what `book/_numbers/<page>.py` computed before the build; a name that is not there is a warning,
and so ends the build. What is looked up becomes text, never markup, whatever a study or record holds.

- ``{n}`name` ``: a text or number; ``{n}`page:name` `` one of another page.
- ``{badge}`name` ``: the word of a verdict as a badge.
- ```` ```{when} name ````: paragraphs that are there only where the value is true, or a table has rows; `unless` is the
  opposite.
- ```` ```{numbers-table} name ````: a table {"head": [...], "rows": [[...]], "widths": [...]}. A cell is a text, or a
  list of parts, each a text, {"verdict": word}, {"strong": text}, {"code": text} or
  {"page": name, "text": text}.
- ```` ```{numbers-code} name ````: a text as a block of code, which has a button to copy it.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

DRAWN = "book/_drawn/numbers"


def looked_up(env, name: str):
    """Return what a name stands for on this page, or of the page before a colon; raise `KeyError` with the reason."""
    page, _, key = name.rpartition(":")
    page = page or Path(env.docname).name
    path = Path(env.srcdir) / DRAWN / f"{page}.json"
    env.note_dependency(str(path))
    try:
        numbers = json.loads(path.read_text())
    except FileNotFoundError:
        raise KeyError(f"book/_numbers/{page}.py has written nothing") from None
    if key not in numbers:
        raise KeyError(f"book/_numbers/{page}.py has no {key!r}; it has {', '.join(numbers)}")
    return numbers[key]


class _Looked:
    """Looks a name up, and says as a warning of the build where it is not there."""

    def value(self, name: str):
        try:
            return looked_up(self.env, name)
        except KeyError as error:
            self.problem = [self.state_reporter().warning(error.args[0], line=self.lineno)]
            return None


class Number(SphinxRole, _Looked):
    """The role `n`."""

    def state_reporter(self):
        """Return where a warning goes."""
        return self.inliner.reporter

    def run(self):
        """Return the text of the value."""
        found = self.value(self.text)
        if found is None:
            return self.problem, []
        return [self.shown(found)], []

    def shown(self, found) -> nodes.Node:
        """Return the value as text."""
        return nodes.Text(str(found))


class Badge(Number):
    """The role `badge`."""

    def shown(self, found) -> nodes.Node:
        """Return the word of a verdict as a badge."""
        return badge(str(found))


def badge(word: str) -> nodes.inline:
    """Return a word with the classes that the style sheet gives a colour and a symbol."""
    return nodes.inline(word, word, classes=["verdict", f"verdict-{word.replace(' ', '-')}"])


class _Directive(SphinxDirective, _Looked):
    required_arguments = 1

    def state_reporter(self):
        """Return where a warning goes."""
        return self.state.document.reporter


class When(_Directive):
    """The directive `when`: its content, where the value is true."""

    has_content = True
    wanted = True

    def run(self):
        """Return the content or nothing."""
        found = self.value(self.arguments[0])
        if found is None:
            return self.problem
        truth = bool(found["rows"]) if isinstance(found, dict) else bool(found)
        if truth != self.wanted:
            return []
        holder = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, holder)
        return holder.children


class Unless(When):
    """The directive `unless`: its content, where the value is not true."""

    wanted = False


class Table(_Directive):
    """The directive `numbers-table`."""

    def run(self):
        """Return the table."""
        found = self.value(self.arguments[0])
        if found is None:
            return self.problem
        head, rows = found["head"], found["rows"]
        widths = found.get("widths") or [round(100 / len(head))] * len(head)
        group = nodes.tgroup("", cols=len(head))
        group += [nodes.colspec("", colwidth=width) for width in widths]
        group += nodes.thead("", self._row(head))
        group += nodes.tbody("", *(self._row(row) for row in rows))
        # Where the window is narrow, each row of this class becomes a card.
        return [nodes.table("", group, classes=["verdicts", "colwidths-given"])]

    def _row(self, cells: list) -> nodes.row:
        entries = [nodes.entry("", nodes.paragraph("", "", *self._parts(cell))) for cell in cells]
        return nodes.row("", *entries)

    def _parts(self, cell) -> list[nodes.Node]:
        return [self._part(part) for part in (cell if isinstance(cell, list) else [cell])]

    def _part(self, part) -> nodes.Node:
        if not isinstance(part, dict):
            return nodes.Text(str(part))
        if "verdict" in part:
            return badge(part["verdict"])
        if "strong" in part:
            return nodes.strong("", part["strong"])
        if "code" in part:
            return nodes.literal(part["code"], part["code"])
        target = f"/book/{part['page']}"
        return addnodes.pending_xref(
            "", nodes.inline("", part["text"]), refdoc=self.env.docname, refdomain="std", reftype="doc",
            reftarget=target, refexplicit=True, refwarn=True,
        )  # fmt: skip


class Code(_Directive):
    """The directive `numbers-code`."""

    def run(self):
        """Return the text as a block of code in no language."""
        found = self.value(self.arguments[0])
        if found is None:
            return self.problem
        return [nodes.literal_block(str(found), str(found), language="text")]


def setup(app) -> dict:
    """Register roles and directives."""
    app.add_role("n", Number())
    app.add_role("badge", Badge())
    app.add_directive("when", When)
    app.add_directive("unless", Unless)
    app.add_directive("numbers-table", Table)
    app.add_directive("numbers-code", Code)
    return {"version": "1", "parallel_read_safe": True}
