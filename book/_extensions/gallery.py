"""The directive `gallery`: all figures of the book, small, each with its number, title, files and citation.

Made from the packets that were drawn before the build, in the order in which the pages show them (see `citable`).
"""

import re
from pathlib import Path

import yaml
from as_text import as_text
from citable import DRAWN, read_packet
from docutils import nodes
from docutils.statemachine import StringList
from PIL import Image
from sphinx.util.docutils import SphinxDirective

SMALL = "book/_drawn/small"
SHOWN = re.compile(r"^`{3,}\{citable\} +(\S+)", re.MULTILINE)
# Pixels; twice the width at which the page shows them, for sharp screens.
WIDTH = 480
ENTRY = """
**{title}** ({{numref}}`fig-{slug}`, `{slug}`)

{files}

Cite as: {citation}
"""


class Gallery(SphinxDirective):
    """Lists the packets of all figures that pages show."""

    def run(self) -> list[nodes.Node]:
        """Return a list with an item per figure."""
        self.folder = Path(self.env.srcdir) / DRAWN
        items = nodes.bullet_list(classes=["gallery"])
        items += [self._item(read_packet(self, slug)) for slug in in_order_of_pages(Path(self.env.srcdir))]
        return [items]

    def _item(self, facts: dict) -> nodes.list_item:
        item = nodes.list_item()
        if "missing" in facts:
            files = f"Not measured in this study: {as_text(facts['missing'])}."
        else:
            item += self._picture(facts)
            files = self._links(facts["slug"])
        words = {name: as_text(facts[name]) for name in ("title", "citation")}
        text = ENTRY.format(slug=facts["slug"], files=files, **words)
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

    def _links(self, slug: str) -> str:
        root = "../" * self.env.docname.count("/")
        return " · ".join(f'<a href="{root}figures/{slug}.{kind}" download>{kind.upper()}</a>'
                          for kind in ("png", "svg", "pdf", "csv"))  # fmt: skip


def in_order_of_pages(source: Path) -> list[str]:
    """Return the slugs that the pages of the table of contents show."""
    contents = yaml.safe_load((source / "_toc.yml").read_text())
    pages = [contents["root"], *(chapter["file"] for chapter in contents["chapters"])]
    texts = [path.read_text() for page in pages if (path := source / f"{page}.md").is_file()]
    return [slug for text in texts for slug in SHOWN.findall(text)]


def setup(app) -> dict:
    """Register the directive."""
    app.setup_extension("citable")
    app.add_directive("gallery", Gallery)
    return {"version": "1", "parallel_read_safe": True}
