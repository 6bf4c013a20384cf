"""What the theme and Jupyter Book add that this book can do without, taken out or put right.

Nothing may be fetched from an outside host, and nothing may stand in the way of a screen reader.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxTranslator

# Runs cells on a public server; this book offers whole notebooks instead (see address.py).
UNUSED = "thebe"


def drop_unused(app, config) -> None:
    """Disconnect the extension that Jupyter Book loads always and this book does not use."""
    for listeners in app.events.listeners.values():
        listeners[:] = [listener for listener in listeners if UNUSED not in listener.handler.__module__]
    app.registry.css_files[:] = [entry for entry in app.registry.css_files if UNUSED not in entry[0]]
    # Without it the theme complains in the browser's console and falls back to the same.
    config.html_context.setdefault("default_mode", "auto")


def visit_citation(translator: SphinxTranslator, node: nodes.citation) -> None:
    """Write a reference as an item of its list; the role that docutils gives it has been withdrawn from ARIA."""
    type(translator).visit_citation(translator, node)
    translator.body[-1] = translator.body[-1].replace('role="doc-biblioentry"', 'role="listitem"')


def depart_citation(translator: SphinxTranslator, node: nodes.citation) -> None:
    """Close the item."""
    type(translator).depart_citation(translator, node)


def setup(app) -> dict:
    """Register the removals."""
    app.connect("config-inited", drop_unused)
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    return {"version": "1", "parallel_read_safe": True}
