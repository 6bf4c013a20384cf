"""YAML that people wrote or were sent, read with the line at fault in the error and within bounds.

A few lines of YAML can stand for billions of values, where a list of references holds references in turn. No study
needs that, so how much a text stands for is counted before it is unfolded.
"""

from typing import Any

import yaml

from smallbatch.errors import StudyError

MOST_CHARACTERS = 500_000
MOST_VALUES = 200_000
DEEPEST = 20
# Numbers of more characters mean nothing, and to read or show one takes a time that grows with the square of them.
LONGEST_NUMBER = 400
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# The one in C reads a text of this length in a second; where PyYAML was built without it, the other does the same.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str, name: str) -> Any:
    """Return what a YAML text holds; raise `StudyError` of one line naming the file and, where it can, the line."""
    if len(text) > MOST_CHARACTERS:
        raise StudyError(f"{name} has {len(text):,} characters. Allowed: at most {MOST_CHARACTERS:,}")
    try:
        _check_depth(text, name)
        root = yaml.compose(text, LOADER)
        if root is not None:
            _count(root, name, {})
        return yaml.load(text, LOADER)
    except yaml.MarkedYAMLError as error:
        problem = error.problem or error.context or "it cannot be read"
        if error.problem_mark and _indents_with_tab(text, error.problem_mark.line):
            problem = "there is a tab; in YAML, indent with spaces"
        raise StudyError(f"{_place(name, error.problem_mark)} is not YAML: {problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, StudyError):
            raise
        raise StudyError(f"{name} is not YAML: {' '.join(str(error).split())[:200]}") from None


def _indents_with_tab(text: str, line: int) -> bool:
    written = [*text.splitlines(), ""][line]
    return "\t" in written[: len(written) - len(written.lstrip())]


def _place(name: str, mark: yaml.Mark | None) -> str:
    return name if mark is None else f"{name}, line {mark.line + 1}"


def _check_depth(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise StudyError(f"{_place(name, event.start_mark)} is nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _count(node: yaml.Node, name: str, counted: dict[int, int]) -> int:
    """Return how many values a node stands for with its references unfolded; refuse too many and names given twice."""
    if id(node) in counted:
        if not counted[id(node)]:
            raise StudyError(f"{_place(name, node.start_mark)} refers to itself")
        return counted[id(node)]
    counted[id(node)] = 0
    inside = []
    if isinstance(node, yaml.MappingNode):
        _refuse_names_given_twice(node, name)
        inside = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inside = node.value
    elif node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
        raise StudyError(f"{_place(name, node.start_mark)}: a number has more than {LONGEST_NUMBER} characters")
    total = 1 + sum(_count(part, name, counted) for part in inside)
    if total > MOST_VALUES:
        raise StudyError(f"{_place(name, node.start_mark)} stands for more than {MOST_VALUES:,} values")
    counted[id(node)] = total
    return total


def _refuse_names_given_twice(node: yaml.MappingNode, name: str) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise StudyError(f"{_place(name, key.start_mark)}: {key.value[:60]!r} is given twice")
            seen.add(key.value)
