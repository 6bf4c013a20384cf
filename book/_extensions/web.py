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
VERDICTS = re.compile(r'<table class="[^"]*\bverdicts\b.*?</table>', re.S)
HEADING, ROW, CELL_OF_ROW = re.compile(r"<th\b.*?</th>", re.S), re.compile(r"<tr\b.*?</tr>", re.S), re.compile(r"<td\b")


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
    context["body"] = with_labels(with_scopes(context["body"]))
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


def with_labels(body: str) -> str:
    """Return a page whose cards, which rows of a table of verdicts become on a phone, say what each cell is.

    Each cell after the first gets its column's heading as `data-label`; with two columns there is nothing to confuse.
    """
    return VERDICTS.sub(_labelled, body)


def _labelled(table: re.Match) -> str:
    heads = [html.unescape(re.sub("<[^>]*>", "", each)).strip() for each in HEADING.findall(table.group())]
    if len(heads) < 3:
        return table.group()

    def row(found: re.Match) -> str:
        labels = iter(["", *heads[1:]])
        return CELL_OF_ROW.sub(lambda cell: cell.group() + _label(next(labels, "")), found.group())

    return ROW.sub(row, table.group())


def _label(text: str) -> str:
    return f' data-label="{html.escape(text, quote=True)}"' if text else ""


def setup(app) -> dict:
    """Register the tags."""
    # After the extensions that add scripts.
    app.connect("html-page-context", add_tags, priority=900)
    return {"version": "1", "parallel_read_safe": True}
