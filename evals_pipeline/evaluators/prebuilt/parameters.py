"""Reading the parameters of a check: strict, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import regex

from evals_pipeline.core.errors import ParameterError, did_you_mean
from evals_pipeline.core.evaluator import Parameter
from evals_pipeline.evaluators.prebuilt.definitions import REGEX_FLAGS


def read(name: str, known: tuple[Parameter, ...], given: Mapping[str, object], *, field: str) -> dict[str, Any]:
    """Every known parameter with its given or default value; lists become tuples.

    Raises:
        ParameterError: One is missing, unknown or of the wrong form; `field` and the parameter's name say where.
    """
    by_name = {parameter.name: parameter for parameter in known}
    for word in given:
        if word not in by_name:
            message = f"{name} has no parameter {word!r}; it has: {', '.join(by_name)}"
            raise ParameterError(message, field=f"{field}.{word}", hint=did_you_mean(str(word), by_name))
    return {parameter.name: _value(name, parameter, given, f"{field}.{parameter.name}") for parameter in known}


def _value(name: str, parameter: Parameter, given: Mapping[str, object], field: str) -> object:
    if parameter.name in given:
        return _READERS[parameter.type](given[parameter.name], field)
    if parameter.is_required:
        message = f"{name} needs the parameter {parameter.name!r}"
        raise ParameterError(message, field=field, hint=parameter.description)
    return parameter.default


def _boolean(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise ParameterError(f"{value!r} is neither true nor false", field=field)
    return value


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise ParameterError(f"{value!r} is no text", field=field, hint=f'write "{value}" for the text {value}')
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ParameterError("half of a surrogate pair is no text", field=field) from error
    return value


def _texts(value: object, field: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ParameterError(f"{value!r} is no list", field=field, hint=f"write [{value}]")
    if not value:
        raise ParameterError("the list is empty", field=field, hint="name at least one")
    texts = tuple(_text(item, f"{field}.{index}") for index, item in enumerate(value))
    if "" in texts:
        raise ParameterError("an empty text is in every text", field=f"{field}.{texts.index('')}", hint="leave it out")
    return texts


def _regex(value: object, field: str) -> str:
    pattern = _text(value, field)
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


_READERS: Mapping[str, Callable[[object, str], object]] = {
    "boolean": _boolean,
    "regex": _regex,
    "string": _text,
    "string_array": _texts,
}
