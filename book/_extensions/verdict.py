"""The role `verdict`: a verdict as a badge of colour and symbol around its word, which stays text everywhere."""

from docutils import nodes


def verdict(name, rawtext, text, lineno, inliner, options=None, content=None):
    """Return the word with classes that the style sheet gives a colour and a symbol."""
    return [nodes.inline(rawtext, text, classes=["verdict", f"verdict-{text.replace(' ', '-')}"])], []


def setup(app) -> dict:
    """Register the role."""
    app.add_role("verdict", verdict)
    return {"version": "1", "parallel_read_safe": True}
