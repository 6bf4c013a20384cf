"""Words from a record for a page that is written in Markdown: shown as they are, whatever they contain.

Names of studies, experiments and machines come from whoever ran them. Nodes of text need none of this; Markdown does,
since a name could hold its signs or HTML.
"""

import re

ADDRESS = re.compile(r"https?://[\w./~%?=&#:@+-]+")


def as_text(words: str) -> str:
    """Return words in one line without a sign that Markdown takes for its own; a whole address stays a link."""
    return " ".join(f"<{word}>" if ADDRESS.fullmatch(word) else _escaped(word) for word in words.split())


def _escaped(word: str) -> str:
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", word)


def as_code(words: str) -> str:
    """Return words as a code span, closed by more backticks than they contain."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", words)), default=0))
    inner = " ".join(words.split())
    return f"{ticks} {inner} {ticks}" if "`" in inner else f"{ticks}{inner}{ticks}"
