"""Names that are used and defined nowhere: a misspelling that would fail in the first row that gets there.

Only what is certain: a name counts as defined wherever anything in the file binds it.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator

from evals_pipeline.core.errors import did_you_mean
from evals_pipeline.evaluators.custom.findings import Findings
from evals_pipeline.evaluators.custom.imports import PUBLISHED
from evals_pipeline.evaluators.custom.tree import SourceTree, catches_missing_name, nodes_of

_GIVEN = frozenset(dir(builtins)) | {
    "__annotations__",
    "__builtins__",
    "__class__",
    "__file__",
    "__module__",
    "__qualname__",
}
_DYNAMIC = frozenset({"exec", "eval", "globals", "locals", "vars", "__builtins__"})
_USUAL = {"np": "numpy as np", "pd": "pandas as pd", "numpy": "numpy", "pandas": "pandas", "scipy": "scipy"}
_MANY = 20
_TYPE_PARAMETERS = ("TypeVar", "ParamSpec", "TypeVarTuple")  # nodes from Python 3.12 on
_NAMING: tuple[type[ast.AST], ...] = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler),
    *(ast.MatchAs, ast.MatchStar, ast.MatchMapping),
    *(getattr(ast, name) for name in _TYPE_PARAMETERS if hasattr(ast, name)),
)
"""Kinds of nodes that bind a name without a node of its own."""


def check_names(findings: Findings, tree: SourceTree) -> None:
    """Report names that nothing defines; nothing where names may come from elsewhere."""
    used = [node for node in tree.of(ast.Name) if isinstance(node.ctx, ast.Load)]
    bound = _bound(tree)
    if any(module not in PUBLISHED for module in _starred(tree)) or not _DYNAMIC.isdisjoint(node.id for node in used):
        return
    known = bound | _GIVEN
    missing = [node for node in used if node.id not in known]
    passed = {id(node) for each in _passed(tree) for node in nodes_of(each)} if missing else set()
    for node in [node for node in missing if id(node) not in passed][:_MANY]:
        findings.add("undefined-name", node, f"{node.id!r} is not defined{_hint(node.id, known)}")


def _starred(tree: SourceTree) -> list[str]:
    """Modules all of whose names are imported."""
    imports = tree.of(ast.ImportFrom)
    return [node.module or "" for node in imports if any(alias.name == "*" for alias in node.names)]


def _hint(name: str, known: Iterable[str]) -> str:
    module = _USUAL.get(name, name if name in sys.stdlib_module_names else None)
    if module is not None:
        return f"; write at the top: import {module}"
    near = did_you_mean(name, known, cutoff=0.75)
    return f"; {near}" if near else ""


def _passed(tree: SourceTree) -> Iterator[ast.AST]:
    """Where a name may be missing: where that is caught, and in annotations that are not evaluated."""
    yield from (node for node in tree.of(ast.Try, ast.TryStar) if catches_missing_name(node))
    if not any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.module.body):
        return
    for node in tree.nodes:
        for name in ("annotation", "returns"):
            annotation = getattr(node, name, None)
            if annotation is not None:
                yield annotation


def _bound(tree: SourceTree) -> set[str]:
    found = {node.id for node in tree.of(ast.Name) if not isinstance(node.ctx, ast.Load)}
    found.update(node.arg for node in tree.of(ast.arg))
    found.update(node.asname or node.name.partition(".")[0] for node in tree.of(ast.alias) if node.name != "*")
    for module in _starred(tree):
        found.update(PUBLISHED.get(module, ()))
    found.update(name for node in tree.of(ast.Global) for name in node.names)
    for node in tree.of(*_NAMING):
        either = (getattr(node, "name", None), getattr(node, "rest", None))
        found.update(name for name in either if isinstance(name, str))
    return found
