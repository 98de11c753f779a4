"""Parameters as a command line gives them: texts, made what the evaluator's parameters say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evals_pipeline.core.errors import ParameterError
from evals_pipeline.core.evaluator import Parameter, ParameterType
from evals_pipeline.core.task import ParameterValue
from evals_pipeline.engine.hub.resolving import Hub
from evals_pipeline.evaluators.custom.custom import CodeDefinition
from evals_pipeline.evaluators.prebuilt.registry import prebuilt_names, prebuilt_parameters

Texts = Mapping[str, Sequence[str]]
"""Name -> texts, several for a list."""

_BOOLEANS = {"true": True, "false": False}


def typed(hub: Hub, evaluator: str, given: Texts) -> dict[str, ParameterValue]:
    """The values that `given` spells for the evaluator (`polite`, `polite@2`).

    What no type is known of is a number, a boolean or a list where it looks like one, else text.

    Raises:
        ConfigError: The evaluator cannot be used.
        ParameterError: What is no list is given several times.
    """
    if not given:
        return {}
    kinds = {each.name: each.type for each in _parameters(hub, evaluator)}
    return {name: _value(name, kinds.get(name), texts) for name, texts in given.items()}


def parameter_of(error: ParameterError) -> str:
    """Which parameter the error is about."""
    return error.field.rpartition("parameters.")[2].partition(".")[0]


def as_option(error: ParameterError, given: Collection[str]) -> ParameterError:
    """The error for somebody who gives parameters on a command line: one that is missing is an option there."""
    name = parameter_of(error)
    if name not in given:
        return ParameterError(error.message, field=error.field, hint=f"give it: --parameter {name}=VALUE")
    return ParameterError(f"--parameter {name}: {error.message}", field=error.field, hint=error.hint)


def _parameters(hub: Hub, evaluator: str) -> Sequence[Parameter]:
    if evaluator in prebuilt_names():
        return prebuilt_parameters(evaluator)
    definition = hub.found(evaluator).definition
    return definition.parameters if isinstance(definition, CodeDefinition) else ()


def _value(name: str, kind: ParameterType | None, texts: Sequence[str]) -> ParameterValue:
    if kind == "string_array" or (kind is None and len(texts) > 1):
        return list(texts)
    if len(texts) > 1:
        raise ParameterError(f"the parameter {name!r} is given {len(texts)} times, and is no list")
    match kind:
        case "boolean":
            return _BOOLEANS.get(texts[0].lower(), texts[0])
        case "number":
            return _number(texts[0])
        case None:  # as YAML reads it in a task
            return _BOOLEANS.get(texts[0], _number(texts[0]))
        case _:
            return texts[0]


def _number(text: str) -> ParameterValue:
    """The number; where it is none, the text, which whoever reads parameters refuses with a reason."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
