"""What each page says to search engines, to those who share it, to keyboards and to screen readers.

A description and a preview picture in the head, and in tables which cells head a column or a row.
"""

import html
import re

from docutils import nodes
from reading import LINE

# A slide is made for being seen alone.
PREVIEW = "figures/phantom-slide.png"
LONGEST = 300
HEAD, BODY, CELL = (
    re.compile(r"<thead.*?</thead>", re.S),
    re.compile(r"<tbody.*?</tbody>", re.S),
    re.compile(r"<th\b(?![^>]*\bscope=)"),
)


def describe(doctree: nodes.document) -> str:
    """Return the first paragraph of a page that is longer than a few words, cut at the end of a word."""
    paragraphs = (each for each in doctree.findall(nodes.paragraph) if LINE not in each["classes"])
    texts = (" ".join(paragraph.astext().split()) for paragraph in paragraphs)
    text = next((text for text in texts if len(text) > 60), "")
    text = re.sub(r"^For whom: ", "", text)
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"


def add_tags(app, pagename, templatename, context, doctree) -> None:
    """Add description and preview to the head of a page, and scopes to its tables."""
    if doctree is None:
        return
    root = app.config.html_baseurl or "../" * pagename.count("/")
    text = context.get("meta", {}).get("description") if context.get("meta") else None
    words = html.escape(text or describe(doctree), quote=True)
    title = html.escape(re.sub("<[^>]*>", "", context.get("title", "")), quote=True)
    context["metatags"] = context.get("metatags", "") + (
        f'\n<meta name="description" content="{words}">\n<meta property="og:title" content="{title}">\n'
        f'<meta property="og:description" content="{words}">\n<meta property="og:image" content="{root}{PREVIEW}">\n'
    )
    context["body"] = with_scopes(context["body"])
    if 'class="math' not in context["body"]:
        context["script_files"] = [script for script in context["script_files"] if not _of_mathjax(script)]


def _of_mathjax(script) -> bool:
    """Whether a script is MathJax or its settings, which pages made from notebooks load whatever they hold."""
    words = f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', '')}"
    return "mathjax" in words.lower()


def with_scopes(body: str) -> str:
    """Return a page in which each header cell of a table says whether it heads a column or a row."""
    body = HEAD.sub(lambda found: CELL.sub('<th scope="col"', found.group()), body)
    return BODY.sub(lambda found: CELL.sub('<th scope="row"', found.group()), body)


def setup(app) -> dict:
    """Register the tags."""
    # After the extensions that add scripts.
    app.connect("html-page-context", add_tags, priority=900)
    return {"version": "1", "parallel_read_safe": True}
