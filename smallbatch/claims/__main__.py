"""Print the verdicts of a study: `python -m smallbatch.claims laptop`."""

import argparse
import sys
import textwrap

import numpy as np

from smallbatch.claims import AMENDED_CLAIMS, CLAIMS, NotMeasured, Tables, Verdict, chosen_learning_rates, judge, read
from smallbatch.claims.remedies import best_together
from smallbatch.claims.tables import require_study_name
from smallbatch.errors import UserError

WIDTH = 110


def main(arguments: list[str] | None = None) -> int:
    """Read `results/<study>` and print a verdict for each claim, and with `--all` every other analysis beside it."""
    parser = argparse.ArgumentParser(prog="python -m smallbatch.claims", description=main.__doc__)
    parser.add_argument("study", help="name of a study with gathered tables, as in results/<study>")
    parser.add_argument("--all", action="store_true", help="print the other analyses beside the verdicts too")
    parser.add_argument("--csv", metavar="FILE", help="also write the whole table to this file")
    parser.add_argument("--classes", type=int, default=10, help="classes of the data set (default: 10)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--tuned", action="store_true", help="print the experiment `tuned` instead, at the rates that `search` chooses"
    )
    instead.add_argument(
        "--together", action="store_true", help="print the best remedies together instead, as a row of `remedies`"
    )
    given = parser.parse_args(arguments)
    try:
        require_study_name(given.study)
        tables = read(f"results/{given.study}", given.classes)
        if given.tuned:
            print(tuned_experiment(tables), end="")
            return 0
        if given.together:
            print(remedies_together(tables), end="")
            return 0
    except (UserError, NotMeasured) as error:
        print(error, file=sys.stderr)
        return 2
    registered, amended = judge(tables), judge(tables, AMENDED_CLAIMS, "amended")
    print("Verdicts as registered, before the runs")
    for claim in CLAIMS:
        _print_claim(claim.question, registered.of(claim.id), given.all)
    print("\nAmended verdicts, after the runs were seen; nothing adjusts over the claims")
    for claim in AMENDED_CLAIMS:
        if claim.amended:
            _print_claim(claim.question, amended.of(claim.id), given.all)
            _print_text(f"Amended on {claim.amended.dated}: {claim.amended.reason}.")
    if given.csv:
        registered.table.to_csv(given.csv, index=False)
    return 0


def tuned_experiment(tables: Tables) -> str:
    """Return the experiment `tuned` for a study file: each batch size at the rate that validation images choose.

    Raises `NotMeasured` where `search` offers no choice.
    """
    chosen = chosen_learning_rates(tables).sort_values("batch_size", ascending=False)
    if (chosen["n_rates"] < 2).any():
        sizes = ", ".join(f"{size:g}" for size in chosen.loc[chosen["n_rates"] < 2, "batch_size"])
        raise NotMeasured(f"search offers no choice yet: fewer than two learning rates at batch size {sizes}")
    head = ["tuned:", "  title: Each batch size at its own best learning rate", "  grid:", "    setting:"]
    rows = [
        f"      - {{batch_size: {row.batch_size:g}, learning_rate: {row.learning_rate:g}}}"
        for row in chosen.itertuples()
    ]
    return "\n".join([*head, *rows, "    seed: [0, 1, 2, 3, 4, 5]"]) + "\n"


def remedies_together(tables: Tables) -> str:
    """Return the best remedies together as a row of experiment `remedies` in a study file.

    Raises `NotMeasured` where fewer than two are worth combining.
    """
    changed = ", ".join(f"{name}: {value}" for name, value in best_together(tables).items())
    return f"- {{{changed}}}\n"


def _print_claim(question: str, verdicts: list[Verdict], all_of_them: bool) -> None:
    verdict, *others = verdicts
    print(f"\n{verdict.claim}: {verdict.word.upper()}   {_number(verdict)}")
    for text in (question, f"Claim: {verdict.statement}.", f"Rule: {verdict.rule}.", f"Notes: {verdict.notes}."):
        _print_text(text)
    for other in others if all_of_them else ():
        print(f"    - {other.analysis}: {other.word}   {_number(other)}")


def _print_text(text: str) -> None:
    print(textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="      "))


def _number(verdict: Verdict) -> str:
    result = verdict.result
    if np.isnan(result.number):
        return ""
    interval = "" if np.isnan(result.low) else f" [{result.low:.3g}, {result.high:.3g}]"
    evaluation = f", {verdict.evaluation}" if verdict.evaluation else ""
    return f"{result.number:.3g}{interval} {verdict.unit}, {result.n_seeds} seeds{evaluation}"


if __name__ == "__main__":
    sys.exit(main())
