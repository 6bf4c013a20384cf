"""The directive `gallery`: all figures of the book, small, each with its number, title, files and citation.

Made from the packets that were drawn before the build, in the order of the pages (see `citable`).
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from PIL import Image

from smallbatch.figures.catalogue import FIGURES

DRAWN, SMALL = "book/_drawn/figures", "book/_drawn/small"
# Pixels; twice the width at which the page shows them, for sharp screens.
WIDTH = 480
ENTRY = """
**{title}** ({{numref}}`fig-{slug}`, `{slug}`)

{files}

Cite as: {citation}
"""


class Gallery(Directive):
    """Lists the packets of all figures."""

    def run(self) -> list[nodes.Node]:
        """Return a list with an item per figure."""
        env = self.state.document.settings.env
        self.folder = Path(env.srcdir) / DRAWN
        items = nodes.bullet_list(classes=["gallery"])
        for slug in FIGURES:
            path = self.folder / f"{slug}.json"
            env.note_dependency(str(path))
            items += self._item(json.loads(path.read_text()), env)
        return [items]

    def _item(self, facts: dict, env) -> nodes.list_item:
        item = nodes.list_item()
        if "missing" in facts:
            files = f"Not measured in this study: {facts['missing']}."
        else:
            item += self._picture(facts)
            files = self._links(facts["slug"], env)
        text = ENTRY.format(title=facts["title"], slug=facts["slug"], files=files, citation=facts["citation"])
        holder = nodes.container(classes=["gallery-text"])
        self.state.nested_parse(StringList(text.splitlines(), source="gallery"), 0, holder)
        item += holder
        return item

    def _picture(self, facts: dict) -> nodes.image:
        small = self.folder.parent / "small" / f"{facts['slug']}.png"
        small.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(self.folder / f"{facts['slug']}.png") as picture:
            height = round(picture.height * WIDTH / picture.width)
            picture.convert("RGB").resize((WIDTH, height), Image.LANCZOS).quantize(64).save(small, optimize=True)
        image = nodes.image(uri=f"/{SMALL}/{facts['slug']}.png", alt=facts["alt"], classes=["dark-light"])
        image["loading"] = "lazy"
        return image

    def _links(self, slug: str, env) -> str:
        root = "../" * env.docname.count("/")
        return " · ".join(f'<a href="{root}figures/{slug}.{kind}" download>{kind.upper()}</a>'
                          for kind in ("png", "svg", "pdf", "csv"))  # fmt: skip


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("gallery", Gallery)
    return {"version": "1", "parallel_read_safe": True}
