"""Which path each variable of an evaluator is read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals_pipeline.core.columns import (
    DERIVED_COLUMNS,
    DOCUMENTS,
    INPUT_MESSAGES,
    INPUT_VALUE,
    MODEL_NAME,
    OUTPUT_MESSAGES,
    OUTPUT_VALUE,
    SPAN_COLUMNS,
    TOOL_NAME,
    canonical,
)
from evals_pipeline.core.errors import MappingError, did_you_mean
from evals_pipeline.core.evaluator import Variable
from evals_pipeline.core.paths import Path, parse_path

_USUAL_COLUMNS = {
    **dict.fromkeys(("text", "output", "response", "answer", "completion", "actual"), OUTPUT_VALUE),
    **dict.fromkeys(("input", "question", "query", "prompt"), INPUT_VALUE),
    **dict.fromkeys(("context", "contexts", "documents", "reference"), DOCUMENTS),
    **dict.fromkeys(("messages", "input_messages"), INPUT_MESSAGES),
    "output_messages": OUTPUT_MESSAGES,
    "model": MODEL_NAME,
    "tool": TOOL_NAME,
}
"""What variables with these names are usually mapped to; a hint, never a choice."""


def bind(variables: Sequence[Variable], mapping: Mapping[str, str], *, field: str = "") -> dict[str, Path]:
    """The path of every variable that has one, in the order of `variables`.

    A required variable that is not mapped is read from the column of its own name (`name`, `session_id`,
    `input.value`); an optional one is left out and keeps its default.

    Raises:
        MappingError: A required variable has no path, a path cannot exist, or a mapped variable is unknown.
    """
    for name in mapping:
        _check_known(name, variables, field)
    paths: dict[str, Path] = {}
    for variable in variables:
        if variable.name in mapping:
            paths[variable.name] = parse_path(mapping[variable.name], field=_inside(field, variable.name))
        elif path := _path_of_name(variable.name) if variable.is_required else None:
            paths[variable.name] = path
        elif variable.is_required:
            raise _unmapped(variable, mapping, field)
    return paths


def _path_of_name(name: str) -> Path | None:
    columns = (canonical(name), f"attributes.{name}")
    return next((Path(column) for column in columns if column in SPAN_COLUMNS or column in DERIVED_COLUMNS), None)


def _check_known(name: str, variables: Sequence[Variable], field: str) -> None:
    names = [variable.name for variable in variables]
    if name not in names:
        there_is = ", ".join(names) or "none"
        message = f"{name!r} is mapped, but the evaluator has no such variable; there is: {there_is}"
        raise MappingError(message, field=_inside(field, name), hint=did_you_mean(name, names))


def _unmapped(variable: Variable, mapping: Mapping[str, str], field: str) -> MappingError:
    mapped = ", ".join(f"{name}: {path}" for name, path in mapping.items()) or "nothing"
    message = f"variable {variable.name!r} ({variable.description}) is not mapped; mapped is: {mapped}"
    column = _USUAL_COLUMNS.get(variable.name, "attributes.<the column that holds it>")
    return MappingError(message, field=field, hint=f"add to the mapping, for example {variable.name}: {column}")


def _inside(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
