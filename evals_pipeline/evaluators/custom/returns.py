"""Rules for what `evaluate` returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from evals_pipeline.evaluators.custom.classes import Function
from evals_pipeline.evaluators.custom.findings import Findings
from evals_pipeline.evaluators.custom.tree import SourceTree, dotted, nodes_of, within

_FIELDS = ("score", "label", "explanation", "metadata")
_OTHER_VALUES = (
    ast.Constant
    | ast.JoinedStr
    | ast.Dict
    | ast.DictComp
    | ast.List
    | ast.ListComp
    | ast.Set
    | ast.SetComp
    | ast.Tuple
    | ast.GeneratorExp
    | ast.Compare
    | ast.Lambda
)


def check_returns(findings: Findings, method: Function) -> None:
    """Report ends of `evaluate` that give no result, or something else."""
    inside = list(within(method))
    if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in inside):
        return
    returned = [pair for each in inside if isinstance(each, ast.Return) for pair in _returned(each)]
    if all(_is_none(value) for _, value in returned):
        if not any(isinstance(each, ast.Raise) for each in inside):
            findings.add("no-result", method, "evaluate() never returns a value: return EvaluationResult(score=…)")
        return
    if not _ends(method.body):
        message = "evaluate() can end without a result, and such a row becomes an error; return one in every case"
        findings.add("may-return-nothing", method, message)
    for place, value in returned:
        if _is_none(value):
            message = "this returns no result, and such a row becomes an error; return one in every case"
            findings.add("may-return-nothing", place, message)
        elif isinstance(value, _OTHER_VALUES):
            findings.add("not-a-result", place, "evaluate() must return an EvaluationResult")


def check_results(findings: Findings, tree: SourceTree) -> None:
    """Report results whose making always fails."""
    if any(node.name == "EvaluationResult" for node in tree.of(ast.ClassDef)):
        return
    for node in tree.of(ast.Call):
        if dotted(node.func).rpartition(".")[2] == "EvaluationResult":
            _check_result(findings, node)


def _check_result(findings: Findings, call: ast.Call) -> None:
    if any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords):
        return
    given: dict[str, ast.expr] = dict(zip(_FIELDS, call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg not in _FIELDS:
            message = f"EvaluationResult has no {keyword.arg!r}; it has: {', '.join(_FIELDS)}"
            findings.add("wrong-result", keyword, message)
            return
        given[str(keyword.arg)] = keyword.value
    if len(call.args) > len(_FIELDS):
        findings.add("wrong-result", call.args[len(_FIELDS)], f"EvaluationResult takes {', '.join(_FIELDS)}, no more")
    elif _is_absent(given.get("score")) and (_is_absent(given.get("label")) or _is_empty(given["label"])):
        findings.add("wrong-result", call, "a result needs a score or a label")


def _is_absent(value: ast.expr | None) -> bool:
    return value is None or _is_none(value)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and not value.value


def _returned(statement: ast.Return) -> Iterator[tuple[ast.AST, ast.expr | None]]:
    """What may be returned, and where it stands: of `a if c else b` both."""
    waiting = [statement.value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, ast.IfExp):
            waiting += [value.orelse, value.body]
        else:
            yield value or statement, value


def _ends(body: Sequence[ast.stmt]) -> bool:
    """Whether the end of the body is never reached; in doubt it is not said to be."""
    waiting: list[Sequence[ast.stmt]] = [body]
    while waiting:
        block = waiting.pop()
        inner = _last_blocks(block[-1]) if block else None
        if inner is None:
            return False
        waiting += inner
    return True


def _last_blocks(last: ast.stmt) -> Sequence[Sequence[ast.stmt]] | None:
    """The blocks that must all end where this statement comes last; None where it lets the next one be reached."""
    match last:
        case ast.Return() | ast.Raise():
            return ()
        case ast.If(body=then, orelse=other):
            return (then, other)
        case ast.With(body=inner):
            return (inner,)
        case ast.Try():
            return _last_of_try(last)
        case ast.Match(cases=cases) if _is_complete(cases):
            return [case.body for case in cases]
        case ast.While(test=ast.Constant(value=value), body=inner) if value and not _breaks(inner):
            return ()
        case _:
            return None


def _last_of_try(tried: ast.Try) -> list[Sequence[ast.stmt]]:
    if tried.finalbody and isinstance(tried.finalbody[-1], ast.Return | ast.Raise):
        return [tried.finalbody]
    return [tried.orelse or tried.body, *(handler.body for handler in tried.handlers)]


def _is_complete(cases: Sequence[ast.match_case]) -> bool:
    last = cases[-1]
    return isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None


def _breaks(body: Sequence[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Break) for node in nodes_of(*body))
