"""Errors that a user can cause, and so has to understand: one clear message instead of a stack trace."""

import re


class UserError(ValueError):
    """A parameter, study file or data folder that cannot be used; says what is wrong and what is allowed."""

    def _render_traceback_(self):
        # IPython asks an exception for this: notebooks then show (and papermill reports) the message alone.
        return [f"{type(self).__name__}: {self}"]


class ParameterError(UserError):
    """A parameter is misspelt, of the wrong type or out of range."""


class StudyError(UserError):
    """A study file cannot be read or does not describe runs."""


class DataError(UserError):
    """A data set is missing, incomplete or damaged."""


class RecordError(UserError):
    """What a run left is damaged; says in which file and what does not fit."""


class StorageError(UserError):
    """A file cannot be read or written: a full disk, no permission, a file system without what is needed."""


WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def require(name: str, value, is_allowed: bool, allowed: str) -> None:
    """Raise `ParameterError`, naming the parameter, its value and what is allowed, unless it is allowed."""
    if not is_allowed:
        raise ParameterError(f"{name} = {value!r} is not allowed. Allowed: {allowed}")


def require_word(name: str, value, there: str = "") -> None:
    """Raise `ParameterError` unless a name is one plain word; `there` says which ones there are."""
    fits = isinstance(value, str) and WORD.fullmatch(value) is not None
    require(name, value, fits, f"one word of letters, digits, - and _, at most 100{there}")
