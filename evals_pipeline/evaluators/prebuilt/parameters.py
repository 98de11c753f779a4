"""What a check's parameters must look like: patterns that compile, keywords that say something."""

from __future__ import annotations

from collections.abc import Mapping

import regex

from evals_pipeline.core.errors import ParameterError
from evals_pipeline.core.evaluator import ParameterType
from evals_pipeline.evaluators.parameters import Reader, boolean, text, texts
from evals_pipeline.evaluators.prebuilt.definitions import REGEX_FLAGS


def _keywords(value: object, field: str) -> tuple[str, ...]:
    words = texts(value, field)
    if not words:
        raise ParameterError("the list is empty", field=field, hint="name at least one")
    if "" in words:
        raise ParameterError("an empty text is in every text", field=f"{field}.{words.index('')}", hint="leave it out")
    return words


def _pattern(value: object, field: str) -> str:
    pattern = text(value, field)
    if not pattern:
        raise ParameterError("an empty pattern matches every text", field=field, hint="write what to look for")
    try:
        regex.compile(pattern, REGEX_FLAGS)
    except regex.error as error:
        position = getattr(error, "pos", None)
        place = "" if position is None else f" at position {position}: {pattern[position : position + 20]!r}"
        raise ParameterError(
            f"{pattern!r} is no regular expression: {getattr(error, 'msg', error)}{place}",
            field=field,
            hint="a backslash before a special character makes it plain; in YAML write patterns in single quotes",
        ) from error
    except (ValueError, OverflowError, RecursionError, IndexError, KeyError) as error:
        raise ParameterError(f"{pattern!r} is no regular expression: {error}", field=field) from error
    return pattern


READERS: Mapping[ParameterType | None, Reader] = {
    "boolean": boolean,
    "regex": _pattern,
    "string": text,
    "string_array": _keywords,
}
"""Type of a check's parameter -> who reads it."""
