"""Is what a run left whole? A record says what its table must hold and carries a checksum of itself.

Records of version 2 are checked to the byte. Older ones carry no checksums: `runs.sha256` beside their folder, in the
format of `sha256sum`, has those of the published ones, and of the rest is checked what can be, such as the number of
epochs. Nothing here knows how a record is used.
"""

import csv
import functools
import hashlib
import json
import math
from pathlib import Path
from typing import Any

from smallbatch.errors import ParameterError, RecordError
from smallbatch.study.files import shown
from smallbatch.study.notebooks import RETRAIN, config_class, notebook_of, table_name

RECORD = "record.json"
# What runs may leave beside their table, and an older record does not name.
FURTHER = ("snapshots.csv",)
VERSION = 2
SEAL = ',\n "sha256": "'
# What only records with a version have. One that has lost some of them is damaged, not old.
MARKS = {"version", "tables", "sha256"}
OUTCOMES = ("finished", "diverged")
# A value in a record is a number unless it could not be told, for instance after divergence.
NUMBER = (int, float, type(None))
TEXT_OR_NONE = (str, type(None))
OF_ALL = {"run": str, "parameters": dict, "seconds": dict, "memory_peak_mib": int, "environment": dict, "code": dict,
          "finished": str}  # fmt: skip
OF_TRAINING = {"used": dict, "outcome": str, "metrics": dict, "images": dict, "epochs": int, "kept_epoch": int,
               "steps": int}  # fmt: skip
OF_MEASUREMENT = {"notebook": str, "summary": dict}
OF_ENVIRONMENT = {"python": str, "system": str, "processor": str, "cores": int, "accelerators": list,
                  "backend": TEXT_OR_NONE, "packages": dict}  # fmt: skip
WORDS = {str: "text", int: "a whole number", dict: "a mapping", list: "a list", NUMBER: "a number",
         TEXT_OR_NONE: "text"}  # fmt: skip


class _Damage(Exception):
    """What does not fit; becomes a `RecordError` that names the file."""


def sealed(record: dict[str, Any], tables: dict[str, bytes], rows: dict[str, int]) -> bytes:
    """Return what `record.json` holds: the record, its version, what the tables beside it must hold, and a checksum."""
    facts = {file: {"rows": rows[file], "sha256": _digest(table)} for file, table in tables.items()}
    text = json.dumps({"version": VERSION, **record, "tables": facts}, indent=1, allow_nan=False)
    body = text.removesuffix("\n}")
    return f'{body}{SEAL}{_digest(body.encode())}"\n}}\n'.encode()


def checked(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    """Return the record in a run's folder and, by file, the tables beside it; None where record or table is not there.

    Raises `RecordError`, one line with the file and what does not fit, unless both are whole.
    """
    try:
        return _checked(folder)
    except RecordError:
        # Another process may have put a new folder in place of this one between the reads of two of its files.
        return _checked(folder)


def _checked(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    file = RECORD
    try:
        if (content := _content(folder / file)) is None:
            return None
        seal_fits = _seal_fits(content)
        record = _parsed(content, seal_fits)
        is_old = _is_old(record, seal_fits)
        if is_old:
            _is_listed(folder, file, content)
        _check_shape(record)
        _check_name(record, folder.name)
        file = table_name(notebook_of(record))
        if (table := _content(folder / file)) is None:
            return None
        tables = {file: table}
        for file in FURTHER if is_old else record["tables"].keys() - tables.keys():
            if (table := _content(folder / file)) is not None:
                tables[file] = table
            elif not is_old:
                raise _Damage("it is not there")
        for file, table in tables.items():
            if not is_old:
                _check_sealed_table(record["tables"].get(file), table)
            elif not _is_listed(folder, file, table):
                _check_old_table(record, file, table)
        file = RECORD
        if is_old and notebook_of(record) == RETRAIN:
            _check_counts(record)
    except _Damage as damage:
        raise RecordError(f"{shown(folder / file)} is damaged: {damage}") from None
    return record, tables


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _Damage(f"it cannot be read ({error.strerror})") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _seal_fits(content: bytes) -> bool:
    """Return whether a record ends in a checksum, and in that of what stands before it."""
    body, _, end = content.rpartition(SEAL.encode())
    return end == f'{_digest(body)}"\n}}\n'.encode()


def _parsed(content: bytes, seal_fits: bool) -> dict[str, Any]:
    if not content.strip():
        raise _Damage("it is empty")
    try:
        # What this program sealed holds no name twice and no infinite number. To look for them takes half of the time.
        closer = {} if seal_fits else {"object_pairs_hook": _once, "parse_float": _finite}
        record = json.loads(content.decode(), parse_constant=_refuse, **closer)
    except (ValueError, RecursionError) as error:
        raise _Damage(f"it is not JSON ({str(error).splitlines()[0][:100]})") from None
    if not isinstance(record, dict):
        raise _Damage("it holds no record")
    return record


def _refuse(constant: str):
    raise _Damage(f"it holds {constant}")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Damage("it holds a name twice")
    return found


def _is_old(record: dict[str, Any], seal_fits: bool) -> bool:
    """Return whether a record is from before versions; raise `_Damage` where its checksum does not fit."""
    marks = MARKS & record.keys()
    if not marks:
        return True
    _need(record, {"version": int, "tables": dict, "sha256": str})
    if record["version"] > VERSION:
        raise _Damage(f"it has version {record['version']}, and this program reads up to {VERSION}; use a newer one")
    if not seal_fits:
        raise _Damage("it was changed after it was written: its checksum does not fit")
    return False


def _check_shape(record: dict[str, Any]) -> None:
    """Raise `_Damage` where something is missing, or is not what whoever reads a record relies on."""
    trained = notebook_of(record) == RETRAIN
    _need(record, OF_ALL | (OF_TRAINING if trained else OF_MEASUREMENT))
    _need(record["environment"], OF_ENVIRONMENT, "environment: ")
    for name in record["environment"]["accelerators"]:
        _require(isinstance(name, str), "environment: an accelerator is not text")
    _need(record["seconds"], dict.fromkeys(record["seconds"], NUMBER), "seconds: ")
    if not trained:
        return
    correct = record.get("test_correct", {})
    _need({"test_correct": correct}, {"test_correct": dict})
    _need(correct, dict.fromkeys(correct, str), "test_correct: ")
    for name in ("used", "images"):
        _need(record[name], dict.fromkeys(record[name], NUMBER if name == "used" else int), f"{name}: ")
    _require(record["outcome"] in OUTCOMES, f"outcome is {record['outcome']!r}, not {' or '.join(OUTCOMES)}")
    _require(
        1 <= record["kept_epoch"] <= record["epochs"] <= record["steps"],
        "kept_epoch, epochs and steps do not fit together",
    )
    _need(record["metrics"], dict.fromkeys(record["metrics"], dict), "metrics: ")
    for evaluation, splits in record["metrics"].items():
        _need(splits, dict.fromkeys(record["images"], dict), f"metrics, {evaluation}: ")
        for split, values in splits.items():
            _check_values(values, f"metrics, {evaluation}, {split}: ")


def _check_values(values: dict[str, Any], place: str) -> None:
    _need(values, {"accuracy": NUMBER} | dict.fromkeys(values, NUMBER), place)
    for name, value in values.items():
        if value is not None and name.startswith("accuracy") and not 0 <= value <= 1:
            raise _Damage(f"{place}{name} is {value}, not from 0 to 1")


def _need(part: dict[str, Any], kinds: dict[str, Any], place: str = "") -> None:
    for name, kind in kinds.items():
        if name not in part:
            raise _Damage(f"{place}{name} is missing")
        value = part[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, NUMBER)):
            raise _Damage(f"{place}{name} is {str(value)[:40]!r}, not {WORDS[kind]}")


def _require(fits: bool, otherwise: str) -> None:
    if not fits:
        raise _Damage(otherwise)


def _check_name(record: dict[str, Any], folder: str) -> None:
    """Raise `_Damage` unless run, folder and parameters belong together: the name ends in a hash of the parameters."""
    _require(record["run"] == folder, f"it is of run {record['run'][:80]!r} and lies in folder {folder!r}")
    try:
        kind = config_class(notebook_of(record))
    except ParameterError as error:
        raise _Damage(str(error)) from None
    # A parameter of a later version, or one that has gone, enters the hash in a way that is not known here.
    if record["parameters"].keys() <= kind.model_fields.keys():
        _require(folder.endswith(f"-{kind.hash_of(record['parameters'])}"), "its parameters are not those of its run")


def _check_sealed_table(facts: Any, table: bytes) -> None:
    if not isinstance(facts, dict) or facts.get("sha256") != _digest(table):
        rows = f", a table of {facts.get('rows')} rows" if isinstance(facts, dict) else ""
        raise _Damage(f"it is not what the run wrote{rows}: its checksum does not fit")


def _is_listed(folder: Path, file: str, content: bytes) -> bool:
    """Return whether `runs.sha256` lists a file of a run; raise `_Damage` where it does and the file is another."""
    path = folder.parent.parent / "runs.sha256"
    listed = _checksums(path, path.stat().st_mtime_ns) if path.is_file() else {}
    name = f"{folder.parent.name}/{folder.name}/{file}"
    if name in listed and listed[name] != _digest(content):
        raise _Damage("it is not the published one, whose checksum is in runs.sha256")
    return name in listed


@functools.lru_cache(maxsize=8)
def _checksums(path: Path, changed: int) -> dict[str, str]:
    lines = [line.split("  ", 1) for line in path.read_text().splitlines() if line]
    if not all(len(line) == 2 for line in lines):
        raise RecordError(f"{shown(path)} is damaged: a line is not a checksum and a file")
    return {name: digest for digest, name in lines}


def _check_old_table(record: dict[str, Any], file: str, table: bytes) -> None:
    """Check of a table what a record without checksums allows to be checked."""
    head, rows = _rows(table)
    if file != table_name(RETRAIN):
        return
    _require(len(rows) == record["epochs"], f"it has {len(rows)} rows, and its record {record['epochs']} epochs")
    for number, row in enumerate(rows, start=1):
        values = dict(zip(head, (_number(value) for value in row), strict=True))
        _require(values.get("epoch", number) == number, f"row {number} is of epoch {values.get('epoch')}")
    _require(values.get("steps") == record["steps"], "its last row has not the steps of its record")


def _check_counts(record: dict[str, Any]) -> None:
    """An accuracy is a number of images, of which `test_correct` has a bit each, in hexadecimal digits."""
    for evaluation, splits in record["metrics"].items():
        correct = record.get("test_correct", {}).get(evaluation)
        for split, n in record["images"].items():
            _check_count(splits[split]["accuracy"], n, correct if split == "test" else None)


def _rows(table: bytes) -> tuple[list[str], list[list[str]]]:
    try:
        text = table.decode()
        head, *rows = csv.reader(text.splitlines(), strict=True)
    except (ValueError, csv.Error) as error:
        raise _Damage(f"it is not a table ({error})") from None
    _require(bool(rows) and text.endswith("\n"), "it breaks off" if rows else "it has no rows")
    _require(len(set(head)) == len(head) and all(len(row) == len(head) for row in rows), "its rows differ in length")
    return head, rows


def _number(text: str) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        raise _Damage(f"{text[:40]!r} is not a number") from None


def _check_count(accuracy: float | None, n: int, correct: str | None) -> None:
    if accuracy is None:
        return
    count = round(accuracy * n)
    _require(abs(accuracy * n - count) < 1e-6, f"an accuracy of {accuracy} is no number of {n} images")
    if correct is not None:
        try:
            bits = bytes.fromhex(correct)
        except (TypeError, ValueError):
            raise _Damage("test_correct holds no hexadecimal digits") from None
        fits = len(bits) == math.ceil(n / 8) and int.from_bytes(bits).bit_count() == count
        _require(fits, "test_correct and accuracy do not fit together")
