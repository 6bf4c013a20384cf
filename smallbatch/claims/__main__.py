"""Print the verdicts of a study: `python -m smallbatch.claims laptop`; with `--answer`, the answer to the question.

Without a study: those of the published one. Beside them stand those of the second round of studies.
"""

import argparse
import sys
import textwrap

import numpy as np

from smallbatch.claims import (
    AMENDED_CLAIMS,
    NotMeasured,
    Tables,
    Verdict,
    Verdicts,
    judge,
    noise_floor,
    policies,
    read,
)
from smallbatch.claims.answer import answer, gathered, second_round, tables_or_none
from smallbatch.claims.catalogue import claims_of, find_claim
from smallbatch.claims.conditions import EVALUATIONS
from smallbatch.claims.remedies import best_together
from smallbatch.claims.searched import rates_to_run
from smallbatch.claims.tables import require_study_name
from smallbatch.errors import UserError

WIDTH = 110
# The study whose records are committed, and beside which those of the second round stand.
PUBLISHED = "laptop"


def main(arguments: list[str] | None = None) -> int:
    """Print a verdict for each claim that a study decides, and with `--all` every other analysis beside it."""
    parser = argparse.ArgumentParser(prog="python -m smallbatch.claims", description=main.__doc__)
    parser.add_argument(
        "study", nargs="?", default=PUBLISHED, help="name of a study with gathered tables, as in results/<study>"
    )
    parser.add_argument("--all", action="store_true", help="print the other analyses beside the verdicts too")
    parser.add_argument("--csv", metavar="FILE", help="also write the whole table to this file")
    parser.add_argument("--classes", type=int, default=10, help="classes of the data set (default: 10)")
    parser.add_argument("--policies", action="store_true", help="print errors by policy, evaluation and batch size too")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--tuned",
        nargs="?",
        const="recalibrated",
        choices=["each", *EVALUATIONS],
        help="print the experiment `tuned` instead, at the rates that `search` chooses in an evaluation (default: "
        "recalibrated), or in each of them",
    )
    instead.add_argument(
        "--together", action="store_true", help="print the best remedies together instead, as a row of `remedies`"
    )
    instead.add_argument("--answer", action="store_true", help="print the answer to the question in eight sentences")
    given = parser.parse_args(arguments)
    try:
        require_study_name(given.study)
        tables = read(f"results/{given.study}", given.classes)
        if given.tuned:
            print(tuned_experiment(tables, given.tuned), end="")
            return 0
        if given.together:
            print(remedies_together(tables), end="")
            return 0
    except (UserError, NotMeasured) as error:
        print(error, file=sys.stderr)
        return 2
    if given.answer:
        _print_answer(tables)
        return 0
    repeats = tables_or_none(noise_floor.STUDY)
    registered = judge(tables, claims_of(given.study))
    print(f"Verdicts of the study {given.study} as registered, before the runs; nothing adjusts over the claims")
    _print_verdicts(registered, given.all, repeats)
    amended = judge(tables, claims_of(given.study, "amended"), "amended")
    if len(amended):
        print("\nAmended verdicts, after the runs were seen")
        _print_verdicts(amended, given.all, repeats)
    if given.policies:
        print(f"\n{policies.table(tables).to_string(index=False)}")
    if given.study == PUBLISHED:
        for study, verdicts in second_round().items():
            print(f"\nVerdicts of the study {study}, as registered before its runs")
            _print_verdicts(verdicts, given.all, repeats)
    if given.csv:
        registered.table.to_csv(given.csv, index=False)
    return 0


def _print_answer(tables: Tables) -> None:
    known = gathered(tables, judge(tables, AMENDED_CLAIMS, "amended"))
    for number, sentence in enumerate(answer(known), start=1):
        print(f"{number}. {sentence.asks}")
        _print_text(sentence.says)


def tuned_experiment(tables: Tables, within: str = "recalibrated") -> str:
    """Return the experiment `tuned` for a study file: each batch size at the rate that validation images choose.

    `within`: the evaluation of the validation images; with "each", all rates that one of the evaluations chooses.
    Raises `NotMeasured` where `search` offers no choice.
    """
    rates = rates_to_run(tables, EVALUATIONS if within == "each" else (within,))
    head = ["tuned:", "  title: Each batch size at its own best learning rate", "  grid:", "    setting:"]
    rows = [
        f"      - {{batch_size: {size:g}, learning_rate: {rate:g}}}"
        for size in sorted(rates, reverse=True)
        for rate in rates[size]
    ]
    return "\n".join([*head, *rows, "    seed: [0, 1, 2, 3, 4, 5]"]) + "\n"


def remedies_together(tables: Tables) -> str:
    """Return the best remedies together as a row of experiment `remedies` in a study file.

    Raises `NotMeasured` where fewer than two are worth combining.
    """
    changed = ", ".join(f"{name}: {value}" for name, value in best_together(tables).items())
    return f"- {{{changed}}}\n"


def _print_verdicts(verdicts: Verdicts, all_of_them: bool, repeats: Tables) -> None:
    for name in dict.fromkeys(verdict.claim for verdict in verdicts):
        verdict, *others = verdicts.of(name)
        claim = find_claim(name)
        print(f"\n{name}: {verdict.word.upper()}   {_number(verdict, repeats)}")
        described = (f"Claim: {verdict.statement}.", f"Rule: {verdict.rule}.", f"Notes: {verdict.notes}.")
        for text in (claim.question, *described):
            _print_text(text)
        if verdicts.plan == "amended":
            _print_text(f"Amended on {claim.amended.dated}: {claim.amended.reason}.")
        for other in others if all_of_them else ():
            print(f"    - {other.analysis}: {other.word}   {_number(other, repeats)}")


def _print_text(text: str) -> None:
    print(textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="      "))


def _number(verdict: Verdict, repeats: Tables) -> str:
    """Return the number, interval, seeds and evaluation, and how far the number scatters over repeated trainings."""
    result = verdict.result
    if np.isnan(result.number):
        return ""
    interval = "" if np.isnan(result.low) else f" [{result.low:.3g}, {result.high:.3g}]"
    evaluation = f", {verdict.evaluation}" if verdict.evaluation else ""
    noise = noise_floor.noise_of(result, repeats)
    floor = "" if np.isnan(noise) else f", noise floor {noise:.2g}"
    return f"{result.number:.3g}{interval} {verdict.unit}, {result.n_seeds} seeds{evaluation}{floor}"


if __name__ == "__main__":
    sys.exit(main())
