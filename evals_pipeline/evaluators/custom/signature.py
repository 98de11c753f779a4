"""Rules for `evaluate`: what it takes. Those of `core/code_evaluator.py` are errors here as they are there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals_pipeline.core.code_evaluator import RESERVED
from evals_pipeline.evaluators.custom.classes import FoundClass, Function, decorator_name
from evals_pipeline.evaluators.custom.findings import Findings
from evals_pipeline.evaluators.custom.tree import within

ROW = "dataset_row"
_TEXT_LENGTH = 200
_NOT_OF_OBJECTS = {"staticmethod": "a static method", "classmethod": "a class method", "property": "a property"}
_HARMLESS = ("override", "final", "no_type_check", "abstractmethod", "overload")


@dataclass(frozen=True, slots=True)
class FoundVariable:
    """A parameter of `evaluate` that a task maps.

    Attributes:
        is_required: Whether it has no default.
        default: The default as it is written; None where there is none.
        annotation: The type as it is written; empty where there is none.
        line: From 1.
        column: In characters, from 1.
        end_column: The place after the name's last character.
    """

    name: str
    is_required: bool
    default: str | None
    annotation: str
    line: int
    column: int
    end_column: int


def check_contract(findings: Findings, classes: Sequence[FoundClass]) -> None:
    """Report what Python will refuse when it defines the classes that inherit from CodeEvaluator."""
    checked: set[int] = set()
    for each in classes:
        if not each.is_evaluator or each.is_abstract:
            continue
        found = each.find("evaluate", "async_evaluate")
        if found is None and each.has_unknown_bases:
            continue
        if found is None:
            message = (
                f"class {each.name} has no evaluate() method; a class for others to build on says is_abstract=True"
            )
            findings.add("no-evaluate", each.node, message)
        elif isinstance(found[1], Function) and id(found[1]) not in checked:
            checked.add(id(found[1]))
            _check_parameters(findings, found[1])


def check_evaluate(findings: Findings, evaluator: FoundClass) -> Function | None:
    """The method that the worker calls; None where there is none that can be read."""
    found = evaluator.find("evaluate")
    if found is None:
        _report_missing(findings, evaluator)
        return None
    method = found[1]
    if not isinstance(method, Function):
        findings.add("no-method", method, "evaluate must be a method: def evaluate(self, *, …, **kwargs)")
        return None
    _check_kind(findings, method)
    _check_parameters(findings, method)
    _check_order(findings, method)
    return method


def find_variables(findings: Findings, method: Function) -> tuple[tuple[FoundVariable, ...], bool]:
    """The variables in the order of the signature, and whether `dataset_row` is among the parameters."""
    parameters = list(_parameters(method))
    found = [_variable(findings, *each) for each in parameters if each[0].arg != ROW]
    takes_row = len(found) < len(parameters)
    if not parameters:
        message = f"evaluate() has no variable and no {ROW}, so that every unit gets the same: add output=None"
        findings.add("no-variables", method, message)
    return tuple(found), takes_row


def _report_missing(findings: Findings, evaluator: FoundClass) -> None:
    """Report it unless `check_contract` has."""
    other = evaluator.find("async_evaluate")
    if other is not None:
        findings.add("async", other[1], "only async_evaluate() is there; name it evaluate, a plain def without await")
    elif evaluator.has_unknown_bases:
        message = f"class {evaluator.name} has no evaluate() method in this file, where its variables are looked for"
        findings.add("no-evaluate", evaluator.node, message)


def _check_kind(findings: Findings, method: Function) -> None:
    if isinstance(method, ast.AsyncFunctionDef):
        findings.add("async", method, "evaluate() must be a plain def, not async def")
    first = next((each for each in within(method) if isinstance(each, ast.Yield | ast.YieldFrom)), None)
    if first is not None:
        findings.add("generator", first, "evaluate() must return a result, not yield")
    for decorator in method.decorator_list:
        name = decorator_name(decorator)
        if name in _NOT_OF_OBJECTS:
            message = f"evaluate() must be a method of objects, not {_NOT_OF_OBJECTS[name]}"
            findings.add("not-of-objects", decorator, message)
        elif name not in _HARMLESS:
            message = (
                f"the decorator {name or 'here'!r} may change what evaluate() takes; variables are read from the def"
            )
            findings.add("decorated", decorator, message)


def _check_parameters(findings: Findings, method: Function) -> None:
    """What a class of `core/code_evaluator.py` is refused for when it is defined."""
    arguments = method.args
    if not (arguments.posonlyargs or arguments.args):
        findings.add("no-self", method, f"the first parameter of {method.name}() must be self")
    if arguments.vararg is not None:
        message = f"{method.name}() is given values by name only: remove *{arguments.vararg.arg}"
        findings.add("var-positional", arguments.vararg, message)
    if arguments.kwarg is None:
        message = f"{method.name}() must accept **kwargs, so that later versions can pass more"
        findings.add("no-kwargs", method, message)
    for argument, default in _parameters(method):
        if default is None and argument.arg not in RESERVED:
            findings.add("no-default", argument, f"{argument.arg!r} needs a default: {argument.arg}=None")


def _check_order(findings: Findings, method: Function) -> None:
    arguments = method.args
    positional = [*arguments.posonlyargs, *arguments.args]
    is_instance = not any(decorator_name(each) in _NOT_OF_OBJECTS for each in method.decorator_list)
    if positional and positional[0].arg != "self" and is_instance:
        message = f"the first parameter of evaluate() must be self, not {positional[0].arg}"
        findings.add("no-self", positional[0], message)
    for each in positional[1:]:
        if each in arguments.posonlyargs:
            findings.add("positional-only", each, f"{each.arg!r} is passed by name: remove the slash after it")
        else:
            findings.add("not-keyword-only", each, f"write `*, ` before {each.arg!r}: variables are passed by name")
    for each, _ in _parameters(method):
        if each.arg.startswith("__") and not each.arg.endswith("__"):
            message = f"Python renames {each.arg!r} within a class, so that it cannot be passed by name"
            findings.add("private-variable", each, message)


def _parameters(method: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """All named parameters but the first, with their defaults."""
    arguments = method.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * missing, *arguments.defaults]
    yield from list(zip(positional, defaults, strict=True))[1:]
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _variable(findings: Findings, argument: ast.arg, default: ast.expr | None) -> FoundVariable:
    text = findings.text
    place = text.place(argument)
    return FoundVariable(
        name=argument.arg,
        is_required=default is None,
        default=None if default is None else text.text_of(default)[:_TEXT_LENGTH],
        annotation="" if argument.annotation is None else text.text_of(argument.annotation)[:_TEXT_LENGTH],
        line=place.line,
        column=place.column,
        end_column=place.column + len(argument.arg),
    )
