"""One line under the title of a page: how long it takes to read, and what you should know before.

The time comes from the words of the page as it is shown; code, boxes below figures and folded solutions do not count.
What to know stands on the page, in the directive `needs`.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

WORDS_A_MINUTE = 200
# The way in, and what is looked up rather than read.
NOT_READ = ("index", "glossary", "runs", "figures", "figure-code", "references")
LINE = "reading"
BOX = "figure-box"


class Needs(SphinxDirective):
    """Holds what to know before reading, a phrase, for the line under the title."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return a paragraph that is moved under the title when the whole page is read."""
        holder = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, holder)
        (paragraph,) = holder.children
        paragraph["classes"] = [LINE]
        return [paragraph]


def words_of(doctree: nodes.document) -> int:
    """Return how many words of a page are read."""
    return sum(len(each.astext().split()) for each in doctree.findall(nodes.paragraph) if _is_read(each))


def _is_read(paragraph: nodes.paragraph) -> bool:
    node = paragraph
    while node.parent is not None:
        if node.get("design_component") == "dropdown" or BOX in node.get("classes", []):
            return False
        node = node.parent
    return LINE not in paragraph["classes"]


def add_line(app, doctree: nodes.document) -> None:
    """Put the line under the title."""
    if app.env.docname.rpartition("/")[2] in NOT_READ:
        return
    minutes = max(1, round(words_of(doctree) / WORDS_A_MINUTE))
    line = nodes.paragraph("", f"Reading time: about {minutes} minute{'s' * (minutes > 1)}.", classes=[LINE])
    for needs in [each for each in doctree.findall(nodes.paragraph) if LINE in each["classes"]]:
        needs.parent.remove(needs)
        line += [nodes.Text(" You should know: "), *needs.children]
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is not None:
        title.parent.insert(title.parent.index(title) + 1, line)


def setup(app) -> dict:
    """Register the directive and the line."""
    app.add_directive("needs", Needs)
    app.connect("doctree-read", add_line)
    return {"version": "1", "parallel_read_safe": True}
