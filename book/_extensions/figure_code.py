"""The directive `drawing-code`: the modules that draw the book's figures, each under a heading that can be linked to.

So a figure's box leads to the code behind it also where the book has no address of a repository.
"""

import ast
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

PAGE = "book/figure-code"
ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "smallbatch" / "figures"


def file_of(module: str) -> str:
    """Return where a module stands in the repository: smallbatch.figures -> smallbatch/figures/__init__.py."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"


def anchor_of(module: str) -> str:
    """Return the identifier of a module's section."""
    return nodes.make_id(f"code-{module}")


def modules() -> list[str]:
    """Return the modules of smallbatch.figures that are not run as a command, packages before what they hold."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in ROOM.rglob("*.py") if path.stem != "__main__")
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


class DrawingCode(SphinxDirective):
    """Shows one section per module, with what it says of itself."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [self._section(module) for module in modules()]

    def _section(self, module: str) -> nodes.section:
        path = ROOT / file_of(module)
        self.env.note_dependency(str(path))
        code = path.read_text()
        purpose = (ast.get_docstring(ast.parse(code)) or "").split("\n\n")[0].replace("\n", " ")
        section = nodes.section(ids=[anchor_of(module)], names=[anchor_of(module)])
        section += nodes.title("", "", nodes.literal(module, module))
        words, messages = self.parse_inline(purpose, lineno=self.lineno)
        section += [nodes.paragraph(purpose, "", *words), *messages]
        section += nodes.literal_block(code, code, language="python")
        return section


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("drawing-code", DrawingCode)
    return {"version": "1", "parallel_read_safe": True}
