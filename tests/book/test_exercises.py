"""Exercises in code: each solution runs as it stands, and prints the numbers that the sentence below it names.

The numbers come from the page's own file, which computes them in another way (claims' estimators, tables of figures).
"""

import re

import pytest

from tests.book.test_inverted import BOOK
from workflow.page_numbers import SOURCES, numbers_of

PAGES = (
    "index",
    "is-it-overfitting",
    "claim",
    "source",
    "sweep",
    "channels",
    "learning-rates",
    "full-size",
    "cost",
    "remedies",
)
LINES = 15
SOLUTION = re.compile(r"^````\{dropdown\} Solution of exercise (\d+)\n```python\n(.*?)^```\n(.*?)^````$", re.M | re.S)
# Numbers in a text, with a sign of either kind; digits inside of a word are none.
NUMBER = re.compile(r"(?<![\w.])[-\N{MINUS SIGN}]?\d+(?:\.\d+)?")


def exercises(page: str) -> str:
    """Return the source of a page from its exercises on."""
    return (BOOK / f"{page}.md").read_text().partition("\n## Exercises\n")[2]


def solutions(page: str) -> list[tuple[str, str, str]]:
    """Return number, code and answer of each exercise in code."""
    return SOLUTION.findall(exercises(page))


def named(text: str) -> list[str]:
    """Return the names of numbers in a text."""
    return re.findall(r"\{n\}`(exercise_\w+)`", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_exercise_says_how_hard_it_is_and_one_at_least_is_in_code_to_be_guessed_first(page):
    questions = re.findall(r"^(\d+)\. (.*)$", exercises(page).partition("{dropdown}")[0], re.M)
    assert [int(number) for number, _ in questions] == list(range(1, len(questions) + 1))
    assert all(re.match(r"\{level\}`[123]` ", text) for _, text in questions)
    in_code = [number for number, text in questions if "**In code; predict first.**" in text]
    assert in_code and in_code == [number for number, _, _ in solutions(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_solution_runs_in_a_few_lines_and_prints_the_numbers_of_its_answer(page, capsys):
    numbers = numbers_of(SOURCES / f"{page}.py")("laptop")
    for number, code, answer in solutions(page):
        assert len(code.strip().splitlines()) <= LINES
        exec(compile(code, f"{page}, exercise {number}", "exec"), {})
        printed = [text.replace("-", "\N{MINUS SIGN}") for text in NUMBER.findall(capsys.readouterr().out)]
        assert printed, "the solution prints no number"
        told = [str(numbers[name]) for name in named(answer)]
        # What the question gives away need not be printed again.
        assert printed == told
        # No result is typed into the sentence.
        assert not set(NUMBER.findall(re.sub(r"\{n\}`\w+`", "", answer))) & set(told)


# What the answers say in words, from their numbers.
WORDS = {
    "index": lambda of: abs(of["train"] - of["test"]) < 5 and of["train"] < 50,
    "is-it-overfitting": lambda of: 0 < of["train"] < of["test"],
    "claim": lambda of: of["ahead"] > 0 and of["mean"] > 0,
    "source": lambda of: of["ratio"] == of["images"],
    "sweep": lambda of: of["all"] < 0 < of["without_one"],
    "channels": lambda of: of["recalibrated"] > 0.5 > abs(of["moving"]),
    "learning-rates": lambda of: of["fixed"] < 4 < of["per_batch"],
    "full-size": lambda of: of["gpu"] > of["cpu"],
    "cost": lambda of: of["one"] > of["many"] and of["off"] > 10,
    "remedies": lambda of: 0 <= of["kept"] < of["promised"],
}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_words_of_an_answer_fit_its_numbers(page):
    found = numbers_of(SOURCES / f"{page}.py")("laptop")
    of = {
        name.removeprefix("exercise_"): float(str(value).replace("\N{MINUS SIGN}", "-"))
        for name, value in found.items()
        if name.startswith("exercise_")
    }
    assert set(named(exercises(page))) == {f"exercise_{name}" for name in of}
    assert WORDS[page](of), of
