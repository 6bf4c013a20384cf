"""The whole book as one PDF, printed by Chromium from one long page: `python -m workflow.pdf laptop`.

What the pages showed was computed when the book was built; here it is only written in another form.
"""

import html
import os
import shutil
import subprocess
import sys
from pathlib import Path

from smallbatch.errors import UserError
from smallbatch.figures.packet import LICENCE, about
from workflow import stages

WORK = stages.ROOT / "_build" / "pdf"
SITE = WORK / "_build" / "singlehtml"
PAGE = SITE / "print.html"
PDF = WORK / "book.pdf"
PROGRAMS = ("chromium", "google-chrome", "chromium-browser")
MARGIN = {"top": "18mm", "bottom": "20mm", "left": "20mm", "right": "20mm"}
NUMBER = '<div style="width: 100%; text-align: center; font: 9px sans-serif"><span class="pageNumber"></span></div>'
# The listing of the drawing code is for following links on a screen.
LEFT_OUT = "document-book/figure-code"
STYLE = """
html { font-size: 11.5px !important; }
article { max-width: none !important; }
.front { height: 235mm; display: flex; flex-direction: column; justify-content: center; }
.front h1 { font-size: 30pt; border: 0; }
.book-contents, article > section { break-before: page; }
.book-contents ul { list-style: none; padding-left: 1.2em; margin: 0; }
.book-contents > ul { padding-left: 0; }
.book-contents > ul > li { margin-top: 0.5em; font-weight: bold; break-inside: avoid; }
.book-contents li li { font-weight: normal; }
.book-contents a { color: inherit; text-decoration: none; }
figure, table, pre, .admonition, .math, li { break-inside: avoid; }
.long { break-inside: auto !important; }
h1, h2, h3, h4 { break-after: avoid; margin-top: 1.2em; }
pre { white-space: pre-wrap !important; overflow-wrap: anywhere; }
figure img, .cell_output img { max-height: 190mm; width: auto !important; max-width: 100% !important; }
figure img { margin: 0 auto; display: block; }
.runs-table { max-height: none !important; overflow: visible !important; }
.runs-table td { white-space: normal !important; overflow-wrap: anywhere; }
.headerlink, .explore, .runs-filter, .sd-summary-state-marker, article button { display: none !important; }
details { box-shadow: none !important; }
details > summary { list-style: none; }
"""
# Takes the chapters out of the page's frame, opens what is folded, and puts title page and contents in front.
PREPARE = """
([title, style, leftOut]) => {
  document.documentElement.dataset.theme = document.documentElement.dataset.mode = 'light';
  const article = document.querySelector('article');
  document.body.replaceChildren(article);
  document.head.append(Object.assign(document.createElement('style'), {textContent: style}));
  document.getElementById(leftOut)?.nextElementSibling.remove();

  // All chapters stand inside the first, a level too deep.
  const first = article.querySelector('section');
  const raised = heading => {
    const made = document.createElement('h' + (heading.tagName[1] - 1));
    made.append(...heading.childNodes);
    heading.replaceWith(made);
  };
  for (const wrapper of first.querySelectorAll('.toctree-wrapper')) {
    wrapper.querySelectorAll('h2, h3, h4, h5, h6').forEach(raised);
    article.append(...wrapper.childNodes);
  }
  const chapters = article.querySelectorAll(':scope > section');
  article.replaceChildren(...article.querySelectorAll(':scope > section, :scope > span'));

  for (const link of article.querySelectorAll('a[href]')) {
    const address = link.getAttribute('href');
    const found = address.startsWith('#') && document.getElementById(decodeURIComponent(address.slice(1)));
    if (!found && !address.startsWith('http')) link.replaceWith(...link.childNodes);
  }
  article.querySelectorAll('details').forEach(details => { details.open = true; });
  article.querySelectorAll('.toggle-hidden').forEach(hidden => hidden.classList.remove('toggle-hidden'));
  for (const block of article.querySelectorAll('pre, table, li, .admonition'))
    if (block.getBoundingClientRect().height > 450) block.classList.add('long');

  let number = 0;
  const entry = heading => {
    const name = heading.cloneNode(true);
    name.querySelectorAll('.headerlink').forEach(link => link.remove());
    // Pages share names such as "summary"; on one page an identifier stands for one place.
    heading.id = `heading-${++number}`;
    const item = document.createElement('li');
    item.append(Object.assign(document.createElement('a'), {href: '#' + heading.id, textContent: name.textContent}));
    return item;
  };
  const list = items => {
    const made = document.createElement('ul');
    made.append(...items);
    return made;
  };
  const contents = document.createElement('nav');
  contents.className = 'book-contents';
  contents.append(Object.assign(document.createElement('h1'), {textContent: 'Contents'}),
    list([...chapters].map(chapter => {
      const item = entry(chapter.querySelector('h1'));
      item.append(list([...chapter.querySelectorAll(':scope > section > h2')].map(entry)));
      return item;
    })));
  const front = document.createElement('div');
  front.className = 'front';
  front.innerHTML = title;
  article.prepend(front, contents);
}
"""


def find_chromium() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def write_page(study: str) -> None:
    """Write the book that was built last as one page; what Sphinx read for it is read no second time."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(stages.ROOT / "_build" / ".doctrees", WORK / "_build" / ".doctrees")
    program = Path(sys.executable).parent / "jupyter-book"
    command = [program, "build", "-n", "-W", "--keep-going", "--builder", "singlehtml", "--path-output", WORK, "."]
    environment = os.environ | {"SMALLBATCH_STUDY": study}
    done = subprocess.run(command, cwd=stages.ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"The book could not be written as one page:\n{done.stdout}\n{done.stderr}")
    # Sphinx writes links as if the page stood at the root of the book, but not the page itself.
    text = (SITE / "book" / "index.html").read_text()
    PAGE.write_text(text.replace('href="book/index.html#', 'href="#'))


def print_page(chromium: str) -> None:
    """Print the page to PDF, with bookmarks."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 760, "height": 1100})
        page.goto(PAGE.as_uri())
        # Formulas are typeset by a script; it says when it has finished.
        page.evaluate("window.MathJax?.startup?.promise")
        page.evaluate(PREPARE, [_title(), STYLE, LEFT_OUT])
        page.pdf(
            path=PDF, format="A4", margin=MARGIN, print_background=True, display_header_footer=True,
            header_template="<span></span>", footer_template=NUMBER, outline=True, tagged=True,
        )  # fmt: skip
        browser.close()


def _title() -> str:
    book = about()
    title, _, subtitle = book["title"].partition("? ")
    lines = [", ".join(book["authors"]), f"Version {book['version']}, {book['year']}", f"Text and figures: {LICENCE}"]
    lines += [book["address"]] if book["address"] else []
    heading = f"<h1>{html.escape(title)}?</h1><p>{html.escape(subtitle)}</p>" if subtitle else f"<h1>{title}</h1>"
    return heading + "".join(f"<p>{html.escape(line)}</p>" for line in lines)


def main(study: str) -> int:
    """Build the book if it is not up to date, and print it; return the exit status."""
    chromium = find_chromium()
    if chromium is None:
        print(f"No Chromium was found, which prints the PDF; install one of: {', '.join(PROGRAMS)}.", file=sys.stderr)
        return 1
    if status := stages.main("book", study):
        return status
    try:
        with stages.building():
            write_page(study)
            print_page(chromium)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Open {PDF}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m workflow.pdf STUDY")
    sys.exit(main(sys.argv[1]))
