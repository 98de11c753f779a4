"""Rules for making an object of the class, which the worker does without arguments, and for what Python checks then."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from evals_pipeline.evaluators.custom.classes import FoundClass, Function, decorator_name
from evals_pipeline.evaluators.custom.findings import Findings


def check_making(findings: Findings, evaluator: FoundClass) -> None:
    """Report what keeps the worker from making an object."""
    for name in ("__init__", "__new__"):
        found = evaluator.find(name)
        if found and isinstance(found[1], Function) and (required := _required(found[1])):
            message = f"an evaluator is made without arguments: give {required!r} of {name}() a default"
            findings.add("needs-arguments", found[1], message)
    if evaluator.is_decorated("dataclass") and not evaluator.find("__init__"):
        _check_dataclass(findings, evaluator)
    if evaluator.is_evaluator:
        _check_abstract(findings, evaluator)


def check_keywords(findings: Findings, classes: Sequence[FoundClass]) -> None:
    """Report keywords of classes that no base class takes."""
    for each in classes:
        given = {keyword.arg for keyword in each.node.keywords}
        takes_any = any("__init_subclass__" in base.members for base in each.in_file[1:])
        if takes_any or each.has_unknown_bases or "metaclass" in given:
            continue
        for keyword in each.node.keywords:
            if keyword.arg is not None and not (keyword.arg == "is_abstract" and each.is_evaluator):
                message = f"class {each.name} is given {keyword.arg!r}, which its base class does not take"
                findings.add("class-keyword", keyword, message)


def check_frozen(findings: Findings, evaluator: FoundClass) -> None:
    """Report what keeps the worker from setting parameters."""
    for decorator in evaluator.node.decorator_list:
        for each in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if each.arg == "frozen" and isinstance(each.value, ast.Constant) and each.value.value is True:
                findings.add("frozen-class", decorator, "parameters cannot be set on a frozen class; drop frozen=True")


def _required(function: Function) -> str | None:
    """The first parameter that a call must give; None where there is none."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    without = positional[1 : len(positional) - len(arguments.defaults)]
    without += [
        each for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    return without[0].arg if without else None


def _check_dataclass(findings: Findings, evaluator: FoundClass) -> None:
    for each in evaluator.node.body:
        match each:
            case ast.AnnAssign(target=ast.Name(id=name), value=None):
                message = f"an evaluator is made without arguments: give {name!r} a default, or drop @dataclass"
                findings.add("needs-arguments", each, message)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.List() | ast.Dict() | ast.Set()):
                message = f"a dataclass takes no list, dictionary or set as the default of {name!r}; drop @dataclass"
                findings.add("needs-arguments", each, message)


def _check_abstract(findings: Findings, evaluator: FoundClass) -> None:
    seen: set[str] = set()
    for each in evaluator.in_file:
        for name, node in each.members.items():
            is_abstract = isinstance(node, Function) and any(
                decorator_name(decorator) == "abstractmethod" for decorator in node.decorator_list
            )
            if is_abstract and name not in seen:
                message = f"class {evaluator.name} must define {name}(), which {each.name} declares abstract"
                findings.add("abstract-method", evaluator.node, message)
        seen |= set(each.members)
