"""The directive `gallery`: all figures of the book, small, each with its number, title, files, citation and words.

book/_static/figures.js adds a field that filters them; without it all are there. The directive `slides` leads to the
deck of slides. Made from the packets that were drawn before the build, in the order in which the pages show them.
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
# As smallbatch.figures.deck writes it.
DECK = "slides.pdf"
SHOWN = re.compile(r"^`{3,}\{citable\} +(\S+)", re.MULTILINE)
# Pixels; twice the width at which the page shows them, for sharp screens.
WIDTH = 480
# Ends of the names of a packet's files, and what they are called.
FILES = {
    ".png": "PNG", ".svg": "SVG", ".pdf": "PDF", ".csv": "CSV", ".json": "JSON", "-slide.png": "slide (PNG)",
    "-slide.svg": "slide (SVG)", "-dark.svg": "dark (SVG)",
}  # fmt: skip
ENTRY = """
**{title}** ({{numref}}`fig-{slug}`, `{slug}`)

{files}
"""
CITE = """
````{{dropdown}} Cite, describe: {slug}
```{{code-block}} bibtex
{bibtex}
```

Words for those who cannot see it (the button copies them):

```{{code-block}} text
:class: alt-text

{alt}
```
````
"""


class Gallery(SphinxDirective):
    """Lists the packets of all figures that pages show."""

    def run(self) -> list[nodes.Node]:
        """Return a list with an item per figure."""
        self.folder = Path(self.env.srcdir) / DRAWN
        items = nodes.bullet_list(classes=["gallery"])
        items += [self._item(read_packet(self, slug)) for slug in in_order_of_pages(Path(self.env.srcdir))]
        root = "../" * self.env.docname.count("/")
        script = nodes.raw("", f'<script defer src="{root}_static/figures.js"></script>', format="html")
        return [items, script]

    def _item(self, facts: dict) -> nodes.list_item:
        item = nodes.list_item(ids=[f"figure-{facts['slug']}"])
        if "missing" in facts:
            files = f"Not measured in this study: {as_text(facts['missing'])}."
        else:
            item += self._picture(facts)
            files = self._links(facts["slug"])
        text = ENTRY.format(slug=facts["slug"], files=files, title=as_text(facts["title"]))
        if "missing" not in facts:
            alt = " ".join(facts["alt"].split())
            text += CITE.format(slug=facts["slug"], bibtex=facts["bibtex"].rstrip(), alt=alt)
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
        return " · ".join(f'<a href="{root}figures/{slug}{end}" download>{name}</a>' for end, name in FILES.items())


class Slides(SphinxDirective):
    """Leads to the deck of slides, where there is one."""

    def run(self) -> list[nodes.Node]:
        """Return a paragraph with a link, or one that says that there are none."""
        if not (Path(self.env.srcdir) / DRAWN / DECK).is_file():
            text = "This study has measured nothing that the slides show."
            return [nodes.paragraph(text, text)]
        address = "../" * self.env.docname.count("/") + f"figures/{DECK}"
        link = nodes.reference("", "Slides of the main figures (PDF, 16:9)", refuri=address, internal=False)
        return [nodes.paragraph("", "", link)]


def in_order_of_pages(source: Path) -> list[str]:
    """Return the slugs that the pages of the table of contents show."""
    contents = yaml.safe_load((source / "_toc.yml").read_text())
    groups = [contents, *contents.get("parts", [])]
    pages = [contents["root"], *(page["file"] for group in groups for page in group.get("chapters", []))]
    texts = [path.read_text() for page in pages if (path := source / f"{page}.md").is_file()]
    return [slug for text in texts for slug in SHOWN.findall(text)]


def setup(app) -> dict:
    """Register the directive."""
    app.setup_extension("citable")
    app.add_directive("gallery", Gallery)
    app.add_directive("slides", Slides)
    return {"version": "1", "parallel_read_safe": True}
