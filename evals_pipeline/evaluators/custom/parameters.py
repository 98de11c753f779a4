"""What a custom evaluator's parameters must look like: what its file says of their types, and no more."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping

from evals_pipeline.core.errors import ParameterError
from evals_pipeline.core.evaluator import ParameterType
from evals_pipeline.evaluators.parameters import Reader, boolean, number, text, texts


def _pattern(value: object, field: str) -> str:
    """A pattern of `re`, which evaluators compile themselves; an empty one is one."""
    pattern = text(value, field)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notes on what later versions of Python will read differently
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ParameterError(
            f"{pattern!r} is no regular expression: {error}",
            field=field,
            hint="a backslash before a special character makes it plain; in YAML write patterns in single quotes",
        ) from error
    return pattern


def _anything(value: object, field: str) -> object:
    """What one of the types takes."""
    for kind, reader in ((bool, boolean), (str, text), (int | float, number)):
        if isinstance(value, kind):
            return reader(value, field)
    return texts(value, field)


READERS: Mapping[ParameterType | None, Reader] = {
    "boolean": boolean,
    "number": number,
    "regex": _pattern,
    "string": text,
    "string_array": texts,
    None: _anything,
}
"""Type of a custom evaluator's parameter -> who reads it."""
