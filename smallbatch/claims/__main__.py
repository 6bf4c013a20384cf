"""Print the verdicts of a study: `python -m smallbatch.claims laptop`."""

import argparse
import sys
import textwrap

import pandas as pd

from smallbatch.claims import CLAIMS, NotMeasured, Tables, chosen_learning_rates, read, verdicts
from smallbatch.claims.remedies import best_together
from smallbatch.errors import UserError

WIDTH = 110


def main(arguments: list[str] | None = None) -> int:
    """Read `results/<study>` and print a verdict for each claim, and with `--all` every check beside it."""
    parser = argparse.ArgumentParser(prog="python -m smallbatch.claims", description=main.__doc__)
    parser.add_argument("study", help="name of a study with gathered tables, as in results/<study>")
    parser.add_argument("--all", action="store_true", help="print the checks beside the verdicts too")
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
    table = verdicts(tables)
    for claim in CLAIMS:
        rows = table[table["claim"] == claim.id]
        _print_claim(claim.question, rows.iloc[0])
        if given.all:
            _print_checks(rows.iloc[1:])
    if given.csv:
        table.to_csv(given.csv, index=False)
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


def _print_claim(question: str, row: pd.Series) -> None:
    print(f"\n{row['claim']}: {row['verdict'].upper()}   {_number(row)}")
    for text in (question, f"Claim: {row['statement']}.", f"Rule: {row['rule']}.", f"Notes: {row['notes']}."):
        print(textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="      "))


def _print_checks(rows: pd.DataFrame) -> None:
    for _, row in rows.iterrows():
        print(f"    - {row['check']}: {row['verdict']}   {_number(row)}")


def _number(row: pd.Series) -> str:
    if pd.isna(row["number"]):
        return ""
    interval = "" if pd.isna(row["low"]) else f" [{row['low']:.3g}, {row['high']:.3g}]"
    evaluation = f", {row['evaluation']}" if row["evaluation"] else ""
    return f"{row['number']:.3g}{interval} {row['unit']}, {row['n_seeds']} seeds{evaluation}"


if __name__ == "__main__":
    sys.exit(main())
