"""How hard an exercise is: the role `level`, 1 to 3, as stars that a screen reader reads as words.

One star is a minute's work, two take some minutes, three are a small investigation; the first page says so.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxRole

HARDEST = 3
WORDS = {1: "one star", 2: "two stars", 3: "three stars"}


class Level(SphinxRole):
    """The role `level`."""

    def run(self):
        """Return the stars, with their number in words."""
        if self.text not in {str(level) for level in WORDS}:
            allowed = ", ".join(map(str, WORDS))
            message = f"level = {self.text!r} is no difficulty of an exercise. Allowed: {allowed}"
            return [self.inliner.reporter.warning(message, line=self.lineno)], []
        level = int(self.text)
        stars = "\N{BLACK STAR}" * level + "\N{WHITE STAR}" * (HARDEST - level)
        markup = f'<span class="level" role="img" aria-label="{WORDS[level]}">{stars}</span>'
        return [nodes.raw("", markup, format="html")], []


def setup(app) -> dict:
    """Register the role."""
    app.add_role("level", Level())
    return {"version": "1", "parallel_read_safe": True}
