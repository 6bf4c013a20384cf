"""Verdicts kept beside the tables that they were judged from, so that a book judges once and not on every page.

`results/<study>/verdicts.csv` is the table for readers. `verdicts.json` has every field of the verdicts and a digest of
all that they follow from: the gathered tables, the families of experiments, the code and the versions of what it
computes with. Kept verdicts whose digest is another one are never used; they are judged anew. Since any change of code
makes them so, `verdicts.json` is no part of the repository.
"""

import dataclasses
import hashlib
import json
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

import smallbatch
from smallbatch.claims.catalogue import AMENDED_CLAIMS, CLAIMS, claims_of
from smallbatch.claims.claim import Claim
from smallbatch.claims.results import Result
from smallbatch.claims.rules import Decision
from smallbatch.claims.tables import FILES, Tables, read
from smallbatch.claims.verdicts import Verdict, Verdicts, judge
from smallbatch.paths import in_project
from smallbatch.study.file import read_families
from smallbatch.study.files import write_if_changed

KEPT = "verdicts.json"
# The table of each plan's verdicts.
TABLES = {"registered": "verdicts.csv", "amended": "verdicts-amended.csv"}
# Two processors that add in another order differ by less.
ROUNDING = 1e-9


def read_verdicts(folder: str | Path, plan: str = "registered") -> Verdicts | None:
    """Return the kept verdicts of a study's folder; None where there are none, or not of what is there now."""
    folder = in_project(folder)
    try:
        kept = json.loads((folder / KEPT).read_text())
        if kept["digest"] != digest(folder):
            return None
        return Verdicts((_verdict(fields) for fields in kept[plan]), plan)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None  # of another version, or damaged


def keep_verdicts(folder: str | Path) -> None:
    """Judge a study's tables by all plans and keep the verdicts, unless those kept are of what is there now.

    A table in which nothing was measured is no file. One that differs from that in the folder by rounding alone leaves
    it as it is, so that published tables stay those of the machine that made them.
    """
    folder = in_project(folder)
    found = digest(folder)
    if all((verdicts := read_verdicts(folder, plan)) is not None and _is_written(folder / file, verdicts)
           for plan, file in TABLES.items()):  # fmt: skip
        return
    tables: Tables = read(folder)
    by_plan = {plan: judge(tables, _claims(folder.name, plan), plan) for plan in TABLES}
    for plan, verdicts in by_plan.items():
        if not _is_written(folder / TABLES[plan], verdicts):
            _write(folder / TABLES[plan], verdicts)
    kept = {plan: [dataclasses.asdict(verdict) for verdict in verdicts] for plan, verdicts in by_plan.items()}
    write_if_changed(folder / KEPT, json.dumps({"digest": found} | kept, indent=1, default=_plain) + "\n")


def _claims(study: str, plan: str) -> tuple[Claim, ...]:
    """Return a study's own claims, and those of every study, which a book that is built from it shows too."""
    everywhere = CLAIMS if plan == "registered" else AMENDED_CLAIMS
    return tuple({claim.id: claim for claim in (*claims_of(study, plan), *everywhere)}.values())


def digest(folder: Path) -> str:
    """Return a hash of all that the verdicts on a study's folder follow from."""
    found = hashlib.sha256(_code().encode())
    found.update(json.dumps(read_families(folder.name), sort_keys=True).encode())
    for name in FILES.values():
        if (folder / name).is_file():
            found.update(f"{name} {(folder / name).stat().st_size} ".encode() + (folder / name).read_bytes())
    return found.hexdigest()


@cache
def _code() -> str:
    """Return a hash of the code that judges, which is this package without its figures, and of what it stands on."""
    package = Path(smallbatch.__file__).parent
    found = hashlib.sha256(" ".join((np.__version__, pd.__version__, scipy.__version__)).encode())
    for file in sorted(package.rglob("*.py")):
        place = file.relative_to(package)
        if place.parts[0] != "figures":
            found.update(place.as_posix().encode() + file.read_bytes())
    return found.hexdigest()


def _plain(number: np.generic) -> float | int:
    """Return a NumPy number as JSON can hold it."""
    return number.item()


def _verdict(fields: dict) -> Verdict:
    fields = {name: _frozen(value) for name, value in fields.items()}
    decision, result = (
        kind(**{name: _frozen(value) for name, value in fields[key].items()})
        for key, kind in (("decision", Decision), ("result", Result))
    )
    return Verdict(**fields | {"decision": decision, "result": result})


def _frozen(value):
    """Return lists, which JSON makes of tuples, as tuples again."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _write(path: Path, verdicts: Verdicts) -> None:
    if _has_any(verdicts):
        write_if_changed(path, verdicts.table.to_csv(index=False))
    else:
        path.unlink(missing_ok=True)


def _has_any(verdicts: Verdicts) -> bool:
    """Return whether anything was measured; else the table is no file."""
    return any(verdict.measured for verdict in verdicts)


def _is_written(path: Path, verdicts: Verdicts) -> bool:
    """Return whether a file has the table of these verdicts, up to rounding."""
    if not path.is_file():
        return not _has_any(verdicts)
    there, table = (
        pd.read_csv(source, keep_default_na=False, na_values=[""])
        for source in (path, StringIO(verdicts.table.to_csv(index=False)))
    )
    if list(there) != list(table) or len(there) != len(table):
        return False
    numbers = table.select_dtypes("number").columns
    texts = table.columns.difference(numbers)
    return there[texts].equals(table[texts]) and np.allclose(
        there[numbers].to_numpy(float), table[numbers].to_numpy(float), ROUNDING, ROUNDING, equal_nan=True
    )
