"""What the parameters of every notebook have in common: types, bounds, units and meanings, checks, stable run names.

A notebook's parameters are one class, an heir of `Parameters`. This module knows nothing of Keras, so that a mistake
is reported at once, before a framework is loaded.
"""

import difflib
import functools
import hashlib
import json
import os
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from smallbatch.errors import ParameterError, require
from smallbatch.paths import in_project

PLAIN = (bool, int, float, str, NoneType)
KINDS = {int: "whole number", float: "number", str: "text", bool: "True or False", NoneType: "None"}


def parameter(default, text: str, unit: str = "", allowed: str = "", **bounds) -> Any:
    """Return the field of a parameter: its default, meaning, unit and bounds (`ge`, `gt`, `le`, `lt`).

    `allowed` says in words what its type and bounds do not show.
    """
    return Field(default, description=text, json_schema_extra={"unit": unit, "allowed": allowed}, **bounds)


def one_of(allowed: tuple) -> AfterValidator:
    """Return the check that a value is one of those allowed, for numbers, where `Literal` would not do."""

    def check(value):
        if value not in allowed:
            raise ValueError("allowed: " + ", ".join(str(a) for a in allowed))
        return value

    return AfterValidator(check)


def _check_record_folder(folder: str) -> str:
    """Refuse what leads out of the project by accident, or nowhere; an absolute path is meant."""
    try:
        path = Path(folder).expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError(str(error)) from None
    leads_out = not path.is_absolute() and os.path.normpath(path).split(os.sep)[0] == os.pardir
    if not folder.strip() or leads_out:
        raise ValueError("allowed: a folder inside the project, or an absolute path")
    return folder


@functools.cache
def _defaults(kind: type["Parameters"]) -> dict[str, Any]:
    """Return the default of each parameter; pydantic's own way there is too long for every one of 10,000 runs."""
    return {name: field.default for name, field in kind.model_fields.items()}


class Parameters(BaseModel):
    """The parameters of one run of a notebook. An heir names its notebook and adds its own parameters."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    # The notebook, `notebooks/<NOTEBOOK>.ipynb`, whose parameters these are.
    NOTEBOOK: ClassVar[str]
    # Where things are on this machine; not part of what a run is.
    PLACES: ClassVar[frozenset[str]] = frozenset({"record_folder"})
    # What the notebook's first cell says before a parameter, by its name.
    HEADINGS: ClassVar[dict[str, str]] = {"seed": "This run"}

    seed: int = parameter(0, "Decides all that is random in the run.", ge=0, lt=2**31)
    record_folder: Annotated[str, AfterValidator(_check_record_folder)] = parameter(
        "results/my-runs",
        "Folder that the run's record is written to; relative: from the project's root.",
        allowed="a folder inside the project, or an absolute path",
    )

    @classmethod
    def create(cls, /, **parameters) -> Self:
        """Return the checked parameters; raise `ParameterError` naming each bad one and what is allowed."""
        cls._refuse_unknown_names(parameters)
        for name, value in parameters.items():
            if isinstance(value, str) and not value.isprintable():
                shown = _in_short(value)
                raise ParameterError(f"{name} = {shown} is not allowed. Allowed: text without control characters")
        try:
            return cls(**parameters)
        except ValidationError as error:
            # A parameter that may be of two types is reported once for each of them.
            lines = dict.fromkeys(cls._explain(e) for e in error.errors())
            raise ParameterError("\n".join(lines)) from None

    @classmethod
    def from_notebook(cls, names: dict[str, Any]) -> Self:
        """Return the checked parameters of a notebook, given its `globals()`.

        Every plain value and every list that stands there counts as a parameter, so a misspelt one is an error and
        not ignored.
        """
        not_ours = {"In"}  # IPython's list of the cells
        config = cls.create(
            **{
                name: value
                for name, value in names.items()
                if isinstance(value, (*PLAIN, list)) and not name.startswith("_") and name not in not_ours
            }
        )
        # Found out now, and not when hours of training are to be recorded.
        require(
            "record_folder", config.record_folder, _can_be_written(in_project(config.record_folder)),
            "a folder that can be written, which this one cannot",
        )  # fmt: skip
        return config

    def identity(self) -> dict[str, Any]:
        """Return what makes this run this run: all parameters but the places."""
        return self.model_dump(exclude=set(self.PLACES))

    def label(self) -> str:
        """Return the readable start of the run's name."""
        return f"{self.NOTEBOOK}-s{self.seed}"

    def run_id(self) -> str:
        """Return a stable, readable name: the label and a hash of what differs from the defaults.

        Leaving the defaults out keeps the names of old runs valid when a later version adds a parameter.
        """
        return f"{self.label()}-{self.hash_of(self.identity())}"

    @classmethod
    def hash_of(cls, identity: dict[str, Any]) -> str:
        """Return the end of the name of the run with these parameters, as `identity` returns them."""
        defaults = _defaults(cls)
        changed = {k: v for k, v in identity.items() if v != defaults[k]}
        return hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:8]

    @classmethod
    def notebook_cell(cls) -> str:
        """Return the first code cell of the notebook: each parameter with its default, what is allowed and its unit."""
        lines = []
        for name, field in cls.model_fields.items():
            if name in cls.HEADINGS:
                lines += [*([""] if lines else []), f"# {cls.HEADINGS[name]}"]
            comment = ", ".join(text for text in (_extra(field, "unit"), _allowed(field)) if text)
            lines.append(f"{name} = {field.default!r}  # {comment}")
        return "\n".join(lines)

    def as_table(self) -> pd.DataFrame:
        """Return name, value and unit of each parameter, for display in a notebook."""
        rows = [
            {"parameter": name, "value": str(getattr(self, name)), "unit": _extra(field, "unit")}
            for name, field in type(self).model_fields.items()
            if name not in self.PLACES
        ]
        return pd.DataFrame(rows).set_index("parameter")

    @classmethod
    def reference(cls) -> pd.DataFrame:
        """Return the parameter reference: name, default, what is allowed, unit and meaning."""
        rows = [
            {
                "parameter": name,
                "default": repr(field.default),
                "allowed": _allowed(field),
                "unit": _extra(field, "unit"),
                "meaning": field.description,
            }
            for name, field in cls.model_fields.items()
        ]
        return pd.DataFrame(rows).set_index("parameter")

    @classmethod
    def _refuse_unknown_names(cls, parameters: dict[str, Any]) -> None:
        known = list(cls.model_fields)
        for name, value in parameters.items():
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {close[0]}? " if close else ""
                raise ParameterError(
                    f"{name} = {_in_short(value)}: there is no such parameter. {hint}Allowed: {', '.join(known)}"
                )

    @classmethod
    def _explain(cls, error: dict[str, Any]) -> str:
        """Return one line for one pydantic error: the parameter, its value and what is allowed."""
        if not error["loc"]:
            return error["msg"].removeprefix("Value error, ")
        name, *inside = error["loc"]
        allowed = _allowed(cls.model_fields[name])
        value = error["input"]
        place = "".join(f"[{index}]" for index in inside if isinstance(index, int))
        line = f"{name}{place} = {_in_short(value)} is not allowed. Allowed: {allowed}"
        if isinstance(value, str) and _looks_like_number(value):
            line += " (the value is text, not a number; in YAML write 1.0e-5, since 1e-5 is read as text)"
        return line


def _can_be_written(folder: Path) -> bool:
    """Return whether a folder can be written, or made and written where it is not there."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _in_short(value) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _extra(field: FieldInfo, key: str) -> str:
    return (field.json_schema_extra or {}).get(key, "")


def _allowed(field: FieldInfo) -> str:
    """Return in words what a parameter may be."""
    if _extra(field, "allowed"):
        return _extra(field, "allowed")
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [f"{sign} {getattr(m, key)}" for m in field.metadata for key, sign in signs.items() if hasattr(m, key)]
    return ", ".join([_kind(field.annotation), *bounds])


def _kind(annotation) -> str:
    if annotation in KINDS:
        return KINDS[annotation]
    inside = get_args(annotation)
    if get_origin(annotation) is Literal:
        return ", ".join(map(str, inside))
    if get_origin(annotation) is list:
        return f"list of {_kind(inside[0])}s"
    return " or ".join(_kind(part) for part in inside)


def _looks_like_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
