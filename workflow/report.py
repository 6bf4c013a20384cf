"""A study of your own on one page that needs no other file: `python -m workflow.report mine`, `make report STUDY=mine`.

What was run, what it came to in each evaluation, learning curves, and the verdicts on the book's claims where the study
has what they need. It trains nothing, shows what is recorded so far and leaves out what the study did not measure.
"""

import html
import os
import sys
import time

import pandas as pd

from smallbatch import statistics
from smallbatch.claims import words
from smallbatch.errors import UserError
from smallbatch.figures.evidence import Evidence
from smallbatch.study.files import disk_errors, write_if_changed
from smallbatch.study.overview import Overview
from smallbatch.study.tables import read_tables
from smallbatch.training.config import RunConfig
from workflow import report_pictures, stages

FOLDER = stages.ROOT / "_build" / "report"
EVALUATIONS = {"moving": "moving-average", "batch": "per-batch", "recalibrated": "recalibrated"}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff; }
.scroll { overflow-x: auto; } .scroll:focus-visible { outline: 3px solid #0173b2; }
table { border-collapse: collapse; font-size: 0.9rem; } caption { text-align: left; margin-bottom: 0.4rem; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid #ccc; text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; } svg { max-width: 100%; height: auto; }
.missing { color: #555; } h2 { margin-top: 2.2rem; }
"""


def conditions(runs: pd.DataFrame) -> pd.Series:
    """Return what tells each run from the others of its study, but for its seed: "batch_size 4, dropout 0.2"."""
    names = [name for name in RunConfig.model_fields if name in runs and name not in ("seed", "threads")]
    varied, codes = [], []
    for name in names:
        code = tuple(pd.factorize(runs[name].map(_plain))[0])
        # A parameter that always changes together with another one tells nothing more.
        if any(code) and code not in codes:
            varied.append(name)
            codes.append(code)
    if not varied:
        return pd.Series("all runs", index=runs.index)
    return runs[varied].apply(lambda row: ", ".join(f"{name} {_plain(value)}" for name, value in row.items()), axis=1)


def _plain(value) -> str:
    if pd.isna(value):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def errors(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per condition: seeds, and the mean error (percent) on training and test images by evaluation."""
    rows = []
    for condition, part in runs.groupby("condition", sort=False):
        row = {
            "condition": condition,
            "seeds": part["seed"].nunique(),
            "diverged": (part["outcome"] == "diverged").sum(),
        }
        for evaluation in EVALUATIONS:
            for split in ("train", "test"):
                row[f"{evaluation}_{split}"] = 100 * (1 - part[f"{evaluation}_{split}_accuracy"].mean())
        rows.append(row)
    return pd.DataFrame(rows)


def evaluation_costs(runs: pd.DataFrame) -> list[str]:
    """Return a sentence per condition: what moving-average statistics cost beside recalibrated ones."""
    found = []
    for condition, part in runs.groupby("condition", sort=False):
        difference = 100 * (part["recalibrated_test_accuracy"] - part["moving_test_accuracy"]).dropna()
        n = len(difference)
        if n < statistics.FEWEST_SEEDS:
            seeds = "1 seed" if n == 1 else f"{n} seeds"
            found.append(f"{condition}: {seeds}, too few to say anything about other seeds.")
            continue
        mean = statistics.mean_over_seeds(difference)
        found.append(
            f"{condition}: the test error is {abs(mean.number):.1f} percentage points "
            f"{'higher' if mean.number >= 0 else 'lower'} with moving-average than with recalibrated statistics "
            f"(95% CI of the difference {mean.low:.1f} to {mean.high:.1f}, {n} seeds)."
        )
    return found


def page(name: str) -> str:
    """Return the report on a study as HTML. Raises `UserError` where nothing is recorded yet."""
    overview = Overview(name)
    study = overview.study
    if not overview.n_done:
        raise UserError(f"study {name} has no record yet. Train it first: make study STUDY={name}")
    parts = [
        f"<h1>{html.escape(study.title or name)}</h1>",
        f"<p>Study <code>{html.escape(name)}</code>: {overview.n_done} of {overview.n_planned} runs are done.</p>",
        "<h2>What was run</h2>",
        _table(overview.experiments(), "Experiments: what each varies, and how far it is."),
        _table(overview.environments(), "Machines and versions."),
    ]
    if (study.folder / "runs.csv").is_file():
        parts += _trained(study)
    parts += ["<h2>Every run</h2>", _table(overview.runs().drop(columns="experiments"), "Errors in percent.")]
    return _document(study.title or name, parts)


def _trained(study) -> list[str]:
    runs, history = read_tables(f"results/{study.name}")
    runs = runs.assign(condition=conditions(runs))
    sentences = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in evaluation_costs(runs))
    named = errors(runs).rename(columns={f"{key}_{split}": f"{words_}, {split}" for key, words_ in EVALUATIONS.items()
                                         for split in ("train", "test")})  # fmt: skip
    return [
        "<h2>Errors in the evaluations</h2>",
        "<p>The same trained networks; only the statistics that batch norm normalizes with differ. Where training "
        "images are as bad as test images with moving-average statistics and good with recalibrated ones, it is no "
        "overfitting.</p>",
        report_pictures.errors_by_condition(runs),
        _table(named, "Mean error (percent) by condition, statistics and images."),
        f"<ul>{sentences}</ul>",
        "<h2>Learning curves</h2>",
        report_pictures.curves(runs, history),
        "<h2>Verdicts</h2>",
        *_verdicts(study.name),
    ]


def _verdicts(name: str) -> list[str]:
    verdicts = Evidence(name).verdicts
    measured = [verdict for verdict in verdicts if verdict.measured]
    if not measured:
        return ["<p>This study does not have the runs that the book's claims need.</p>"]
    table = pd.DataFrame(
        [{"statement": v.shown_statement, "verdict": v.word, "number": words.number(v), "caveat": words.caveat(v)}
         for v in measured]
    )  # fmt: skip
    missing = len(list(verdicts)) - len(measured)
    left = f'<p class="missing">{missing} of the book\'s claims need runs that this study does not have.</p>'
    return [_table(table, "The book's claims, judged by this study's runs."), left if missing else ""]


def _table(table: pd.DataFrame, caption: str) -> str:
    """Return a table that a keyboard can scroll, with headers that say what they head."""
    head = "".join(f'<th scope="col">{html.escape(str(name).replace("_", " "))}</th>' for name in table.columns)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.itertuples(index=False))
    label = html.escape(caption, quote=True)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table><caption>{html.escape(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(value) -> str:
    if isinstance(value, float):
        return f'<td class="number">{"" if pd.isna(value) else f"{value:.1f}"}</td>'
    return f"<td>{'' if value is None else html.escape(str(value))}</td>"


def _document(title: str, parts: list[str]) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def main(name: str) -> int:
    """Gather what is recorded and write the report; return the exit status."""
    os.chdir(stages.ROOT)
    start = time.perf_counter()
    try:
        with disk_errors():
            overview = Overview(name)
            if overview.n_done:
                stages.gather(overview.study)
            path = FOLDER / f"{name}.html"
            write_if_changed(path, page(name))
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"report {time.perf_counter() - start:.0f} s\nOpen {path}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m workflow.report STUDY")
    sys.exit(main(sys.argv[1]))
