"""Static parameters: what the class reads as `self.<name>` and does not set, with the types that the file says."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from evals_pipeline.core.code import CodeSettings, ParameterSpec
from evals_pipeline.core.errors import ParameterError, did_you_mean
from evals_pipeline.core.evaluator import Parameter, ParameterType
from evals_pipeline.evaluators.custom.attributes import Attributes, Literal, find_attributes, is_parameter_name
from evals_pipeline.evaluators.custom.classes import FoundClass
from evals_pipeline.evaluators.custom.findings import Findings, Place
from evals_pipeline.evaluators.custom.parameters import READERS
from evals_pipeline.evaluators.custom.tree import SourceTree


def find_parameters(
    findings: Findings, tree: SourceTree, evaluator: FoundClass, settings: CodeSettings | None
) -> tuple[tuple[Parameter, ...], Mapping[str, Place]]:
    """The parameters, in the order in which they are read first, and where that is."""
    attributes = find_attributes(findings.text, tree, evaluator)
    declared = settings.parameters if settings is not None else {}
    names = _names(attributes, declared)
    places = {name: findings.text.place(attributes.read.get(name, evaluator.node)) for name in names}
    for name in attributes.read:
        if name not in names:
            _check_unset(findings, attributes, name)
    for name in names:
        if name in declared:
            _check_declared(findings, attributes, name, declared[name], places[name])
        elif name not in attributes.typed and name not in attributes.optional:
            _check_undeclared(findings, attributes, name, declared, places[name])
    return tuple(_parameter(findings, attributes, name, declared.get(name), places[name]) for name in names), places


def _names(attributes: Attributes, declared: Mapping[str, ParameterSpec]) -> list[str]:
    """Declared ones are parameters whatever the class does; of the others those that it reads and does not set."""
    found = [name for name in attributes.read if name in declared or _is_parameter(attributes, name)]
    found.sort(
        key=lambda name: (getattr(attributes.read[name], "lineno", 0), getattr(attributes.read[name], "col_offset", 0))
    )
    return [*found, *(name for name in declared if name not in found)]


def _is_parameter(attributes: Attributes, name: str) -> bool:
    if name in attributes.set or not is_parameter_name(name) or name in attributes.called:
        return False
    return attributes.are_all_known or name in attributes.typed or name in attributes.optional


def _check_unset(findings: Findings, attributes: Attributes, name: str) -> None:
    """Report what is read and neither set nor a parameter."""
    if name in attributes.set or name in attributes.typed or not attributes.are_all_known:
        return
    node = attributes.read[name]
    near = did_you_mean(name, [each for each in attributes.set if not each.startswith("__")], cutoff=0.75)
    hint = f"; {near}" if near else ""
    if name in attributes.called and name not in attributes.optional:
        findings.add("unknown-method", node, f"the class has no method {name}(){hint}")
    elif name not in attributes.optional:
        message = f"nothing sets self.{name}, and a parameter is named in lower case, without an underscore before it"
        findings.add("unset-attribute", node, message + hint)


def _check_declared(findings: Findings, attributes: Attributes, name: str, spec: ParameterSpec, place: Place) -> None:
    typed = attributes.typed.get(name)
    if name not in attributes.read:
        near = did_you_mean(name, [each for each in attributes.read if each not in attributes.set])
        message = f"the parameter {name!r} is declared beside the source, and the class never reads self.{name}"
        findings.add("unread-parameter", place, f"{message}; {near}" if near else message)
    elif name in attributes.set_later:
        message = f"the parameter {name!r} is declared beside the source, and the class assigns self.{name} itself"
        findings.add("assigned-parameter", place, message)
    elif typed is not None and typed.type != spec.type and not (typed.type == "string" and spec.type == "regex"):
        message = f"the parameter {name!r} is declared as {spec.type} beside the source and is a {typed.type} here"
        findings.add("parameter-type", typed.node, message)


def _check_undeclared(
    findings: Findings, attributes: Attributes, name: str, declared: Mapping[str, ParameterSpec], place: Place
) -> None:
    known = [each for each in (*attributes.set_by_class, *attributes.set_by_methods, *declared) if each != name]
    near = did_you_mean(name, known, cutoff=0.8)
    if declared or near:
        message = f"self.{name} is set nowhere, so that every task must give a parameter {name!r}"
        findings.add("undeclared-parameter", place, f"{message}; {near}" if near else message)


def _parameter(
    findings: Findings, attributes: Attributes, name: str, spec: ParameterSpec | None, place: Place
) -> Parameter:
    typed = attributes.typed.get(name)
    kind = spec.type if spec is not None else typed.type if typed is not None else None
    has_default, default, where = _default(attributes, name, spec, place)
    if kind is None and has_default:
        kind = _type_of(default)
    problem = _misfit(default, kind) if has_default and default is not None and kind is not None else ""
    if problem:
        findings.add("parameter-default", where, f"the default of the parameter {name!r} does not fit: {problem}")
    description = spec.description if spec is not None else ""
    return Parameter(name, kind, description, default=None if problem else default, is_required=not has_default)


def _default(
    attributes: Attributes, name: str, spec: ParameterSpec | None, place: Place
) -> tuple[bool, Literal, Place | ast.AST]:
    """Whether there is a default, which, and where it stands: beside the source, in the class, in `getattr`."""
    if spec is not None and spec.default is not None:
        return True, tuple(spec.default) if isinstance(spec.default, list) else spec.default, place
    typed = attributes.typed.get(name)
    if typed is not None:
        return typed.has_value, typed.value, typed.node
    if name in attributes.optional:
        return True, attributes.optional[name], place
    return False, None, place


def _type_of(value: Literal) -> ParameterType | None:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case tuple():
            return "string_array"
        case _:
            return None


def _misfit(value: Literal, kind: ParameterType) -> str:
    """Why a task could not give that value for a parameter of that type; empty where it could."""
    try:
        READERS[kind](value, "")
    except ParameterError as error:
        return error.message
    return ""
