"""Reading what a task gives for an evaluator's parameters: strict, with the place of every mistake."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evals_pipeline.core.errors import ParameterError, did_you_mean
from evals_pipeline.core.evaluator import Parameter, ParameterType

Reader = Callable[[object, str], object]
"""Takes a value as written and its place; returns it as the evaluator has it, or raises ParameterError."""


def read(
    name: str,
    known: Sequence[Parameter],
    given: Mapping[str, object],
    readers: Mapping[ParameterType | None, Reader],
    *,
    field: str,
) -> dict[str, Any]:
    """Every known parameter with its given or default value.

    Args:
        name: The evaluator's.
        known: What it has.
        given: As written in a task file; types are not converted.
        readers: Who reads which type.
        field: Where in the file the parameters stand.

    Raises:
        ParameterError: One is missing, unknown or of the wrong form; `field` and the parameter's name say where.
    """
    by_name = {parameter.name: parameter for parameter in known}
    for word in given:
        if word not in by_name:
            message = f"{name} has no parameter {word!r}; it has: {', '.join(by_name) or 'none'}"
            raise ParameterError(message, field=f"{field}.{word}", hint=did_you_mean(str(word), by_name))
    return {each.name: _value(name, each, given, readers, f"{field}.{each.name}") for each in known}


def _value(
    name: str,
    parameter: Parameter,
    given: Mapping[str, object],
    readers: Mapping[ParameterType | None, Reader],
    field: str,
) -> object:
    if parameter.name in given:
        return readers[parameter.type](given[parameter.name], field)
    if parameter.is_required:
        message = f"{name} needs the parameter {parameter.name!r}"
        hint = parameter.description or f"write `{parameter.name}: …` under `parameters`"
        raise ParameterError(message, field=field, hint=hint)
    return parameter.default


def boolean(value: object, field: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ParameterError(f"{value!r} is neither true nor false", field=field)
    return value


def number(value: object, field: str) -> int | float:
    """A finite number; a whole one stays whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterError(f"{value!r} is no number", field=field)
    if not math.isfinite(value):
        raise ParameterError(f"{value!r} is no finite number", field=field)
    return value


def text(value: object, field: str) -> str:
    """A text that tables can hold."""
    if not isinstance(value, str):
        raise ParameterError(f"{value!r} is no text", field=field, hint=f'write "{value}" for the text {value}')
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ParameterError("half of a surrogate pair is no text", field=field) from error
    return value


def texts(value: object, field: str) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list | tuple):
        raise ParameterError(f"{value!r} is no list", field=field, hint=f"write [{value}]")
    return tuple(text(item, f"{field}.{index}") for index, item in enumerate(value))
