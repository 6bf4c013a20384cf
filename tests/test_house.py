"""The house of smallbatch: what a room imports stands above it, nothing runs in a circle, and no module is long.

Read from the source, so that imports inside functions and for annotations alone count like any other.
"""

import ast
from functools import cache

from tests.conftest import ROOT

PACKAGE = "smallbatch"
# The list of rooms, from the top: a room imports only what stands above it. Modules in one line share a room.
ROOMS = (
    ("errors", "parameters", "paths", "statistics", "backend"),
    ("batchnorm",),
    ("diagnosis", "__main__"),  # the command is that of the diagnosis
    ("training",),
    ("measurements",),
    ("study",),
    ("claims",),
    ("figures",),
)
# What is known to break the rules and shall go, each with what it is. The lists are strict: whoever mends one of these
# takes it out here, or its test fails.
KNOWN_UPWARD = {}
KNOWN_BACKWARD = {}  # imports without which there would be no circle
LONGEST = 300
LONG = {
    "smallbatch.diagnosis.scoring": "one thing: which labels and outputs can be scored, and how",
    "smallbatch.figures.catalogue.stable_learning_rates": "one family of figures: data, drawing, words and entries",
}


def name_of(path) -> str:
    """Return the dotted name of a module; that of a package is its folder's."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict:
    """Return the file of every module by its name."""
    return {name_of(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}


def imported(source: str, known) -> set[str]:
    """Return the modules among `known` that a source imports, at whatever depth; `from a import b` may mean a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports here are absolute"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in inside]
        else:
            continue
        found |= {name for name in names if name in known}
    return found


@cache
def imports() -> dict[str, set[str]]:
    """Return what each module imports of the package."""
    return {name: imported(path.read_text(), modules()) - {name} for name, path in modules().items()}


def rank(module: str) -> int:
    """Return the place of a module's room in the list, from 0; the package itself, checked apart, stands above it."""
    if module == PACKAGE:
        return -1
    room = module.split(".")[1]
    return next(place for place, names in enumerate(ROOMS) if room in names)


def upward(imports: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the imports, from and to, of rooms that stand lower in the list."""
    return {(one, other) for one, others in imports.items() for other in others if rank(other) > rank(one)}


def circular(imports: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the imports, from and to, whose target leads back to where they start."""
    reached = {name: _reached(name, imports) for name in imports}
    return {(one, other) for one, others in imports.items() for other in others if one in reached[other]}


def _reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    found, waiting = set(), [start]
    while waiting:
        new = imports[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_every_module_has_a_room():
    assert {name.split(".")[1] for name in modules() if name != PACKAGE} == {room for line in ROOMS for room in line}


def test_no_room_imports_a_lower_one():
    assert upward(imports()) == KNOWN_UPWARD.keys()


def test_the_package_itself_imports_no_room():
    assert imports()[PACKAGE] == set()


def test_no_imports_run_in_a_circle():
    assert KNOWN_BACKWARD.keys() <= circular(imports())
    others = {one: {other for other in found if (one, other) not in KNOWN_BACKWARD} for one, found in imports().items()}
    assert circular(others) == set()


def test_every_room_says_what_it_holds():
    for name, path in modules().items():
        if path.name == "__init__.py" or name.count(".") == 1:
            said = ast.get_docstring(ast.parse(path.read_text()))
            assert said and len(said) > 20, name


def test_no_module_is_long():
    lines = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert {name for name, number in lines.items() if number > LONGEST} == LONG.keys()


def test_the_reader_of_imports_sees_what_is_hidden():
    source = """
import json, lower.deep
from lower import deep, missing
def later():
    if True:
        from lower.deep import function
if TYPE_CHECKING:
    from other import Name
"""
    assert imported(source, {"lower", "lower.deep", "other"}) == {"lower", "lower.deep", "other"}
    assert imported("from lower import deep", {"lower", "lower.deep"}) == {"lower.deep"}


def test_arrows_and_circles_are_found():
    made = {"smallbatch.claims.a": {"smallbatch.figures.b", "smallbatch.study.c"}, "smallbatch.figures.b": set(),
            "smallbatch.study.c": {"smallbatch.errors"}, "smallbatch.errors": set()}  # fmt: skip
    assert upward(made) == {("smallbatch.claims.a", "smallbatch.figures.b")}
    assert circular(made) == set()
    made["smallbatch.errors"] = {"smallbatch.claims.a"}
    assert circular(made) == {
        ("smallbatch.claims.a", "smallbatch.study.c"),
        ("smallbatch.study.c", "smallbatch.errors"),
        ("smallbatch.errors", "smallbatch.claims.a"),
    }
