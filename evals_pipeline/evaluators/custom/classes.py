"""Rules for the classes of a source: which one is the evaluator, and in which order it inherits.

A class that others in the file inherit from is a helper; the evaluator is the one that nobody inherits from. What
`evaluate` it has is found as Python finds it, so that the check and the worker agree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from evals_pipeline.evaluators.custom.findings import Findings
from evals_pipeline.evaluators.custom.tree import dotted, statements

Function = ast.FunctionDef | ast.AsyncFunctionDef

_ROOTS = ("CodeEvaluator", "Evaluator", "LLMEvaluator")
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "CodeEvaluator": ("CodeEvaluator", "Evaluator", "ABC", "object"),
    "LLMEvaluator": ("LLMEvaluator", "Evaluator", "ABC", "object"),
    "Evaluator": ("Evaluator", "ABC", "object"),
    "ABC": ("ABC", "object"),
    "Protocol": ("Protocol", "Generic", "object"),
    "Generic": ("Generic", "object"),
    "object": ("object",),
}
"""Classes from outside the file whose attributes are known -> the order in which they inherit."""

_MOST_BASES = 50
"""Putting them in order takes their number squared."""


@dataclass(eq=False)
class FoundClass:
    """A class of the file.

    Attributes:
        bases: Where Python looks for its attributes after the class itself: classes of the file, and names of others.
    """

    node: ast.ClassDef
    bases: tuple[FoundClass | str, ...] = ()

    @property
    def order(self) -> tuple[FoundClass | str, ...]:
        """Where Python looks for its attributes."""
        return (self, *self.bases)

    @property
    def name(self) -> str:
        """As the source calls it."""
        return self.node.name

    @property
    def is_evaluator(self) -> bool:
        """Whether it inherits from CodeEvaluator."""
        return "Evaluator" in self.order

    @property
    def is_abstract(self) -> bool:
        """Whether it says that it judges nothing by itself."""
        return any(
            each.arg == "is_abstract" and isinstance(each.value, ast.Constant) and bool(each.value.value)
            for each in self.node.keywords
        )

    @property
    def in_file(self) -> tuple[FoundClass, ...]:
        """The class and what it inherits from, as far as that stands in the file."""
        return tuple(each for each in self.order if isinstance(each, FoundClass))

    @property
    def has_unknown_bases(self) -> bool:
        """Whether it inherits what the file does not show."""
        return any(isinstance(each, str) and each not in _KNOWN for each in self.order)

    @cached_property
    def members(self) -> Mapping[str, ast.AST]:
        """What the body of the class itself binds: name -> the last node that does."""
        found: dict[str, ast.AST] = {}
        for statement in statements(self.node.body, into_functions=False):
            found.update(_bound(statement.node))
        return found

    def find(self, *names: str) -> tuple[str, ast.AST] | None:
        """The first of the names that an object of the class finds in the file, and what it is bound to.

        As Python checks a class that is defined, the order of inheritance counts first, that of the names second, and
        the search ends at the base class from outside.
        """
        for each in self.order:
            if isinstance(each, str):
                if each in _ROOTS:
                    return None
                continue
            for name in names:
                if name in each.members:
                    return name, each.members[name]
        return None

    def is_decorated(self, name: str) -> bool:
        """Whether a decorator of that name stands before it, with or without arguments."""
        return any(decorator_name(each) == name for each in self.node.decorator_list)


def find_classes(findings: Findings, tree: ast.Module) -> list[FoundClass]:
    """The classes of the file, in its order."""
    aliases, imported = _names(tree)
    classes: list[FoundClass] = []
    found: dict[str, FoundClass] = {}
    for statement in statements(tree.body, into_functions=False):
        if isinstance(statement.node, ast.ClassDef):
            orders = [_order_of(base, found, aliases, imported) for base in statement.node.bases]
            made = FoundClass(statement.node, _bases(findings, statement.node, orders))
            found[made.name] = made
            classes.append(made)
    return classes


def find_evaluator(findings: Findings, classes: Sequence[FoundClass]) -> FoundClass | None:
    """The class that is the evaluator, or None where it cannot be told."""
    if not classes:
        place = findings.text.at(0, 0)
        findings.add("no-class", place, "define a class that inherits from CodeEvaluator and has an evaluate() method")
        return None
    evaluators = [each for each in classes if each.is_evaluator]
    suitable = evaluators or [each for each in classes if each.find("evaluate")]
    named = {each.name: each for each in classes}
    last = [each for each in _last(suitable) if named[each.name] is each]
    if not last:
        findings.add("no-evaluator", classes[0].node, _why_none(evaluators))
        return None
    if len(last) > 1:
        names = ", ".join(each.name for each in last)
        message = f"more than one class could be the evaluator ({names}); keep one, in a file of its own"
        findings.add("many-evaluators", last[1].node, message)
        return None
    if not evaluators:
        message = f"class {last[0].name} should inherit from CodeEvaluator: from evals_pipeline import CodeEvaluator"
        findings.add("no-base", last[0].node, message)
    return last[0]


def decorator_name(node: ast.expr) -> str:
    """The last part of a decorator's name; empty where it is no name."""
    return dotted(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]


def _why_none(evaluators: Sequence[FoundClass]) -> str:
    if evaluators:
        return "every class that inherits from CodeEvaluator says is_abstract=True; define one that does not"
    return "no class here inherits from CodeEvaluator or has an evaluate() method"


def _last(suitable: Sequence[FoundClass]) -> list[FoundClass]:
    """Those that no other inherits from; private ones give way to others."""
    helpers = {base for each in suitable for base in each.bases}
    last = [each for each in suitable if each not in helpers and not each.is_abstract]
    return [each for each in last if not each.name.startswith("_")] or last


def _names(tree: ast.Module) -> tuple[dict[str, str], set[str]]:
    """Names that stand for others at the top of the file, and all that are imported there."""
    aliases: dict[str, str] = {}
    imported: set[str] = set()
    for statement in statements(tree.body, into_functions=False):
        match statement.node:
            case ast.ImportFrom(names=names):
                aliases |= {each.asname: each.name for each in names if each.asname}
                imported |= {each.asname or each.name for each in names}
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name() | ast.Attribute() as value) if dotted(value):
                aliases[name] = dotted(value)
    return aliases, imported


def _order_of(
    base: ast.expr, found: Mapping[str, FoundClass], aliases: Mapping[str, str], imported: set[str]
) -> tuple[FoundClass | str, ...]:
    written = dotted(base)
    meant = aliases.get(written, written)
    last = meant.rpartition(".")[2]
    # A class of that name may stand in for the import where that fails; in the sandbox it does not fail.
    if meant in found and not (last in _ROOTS and last in imported):
        return found[meant].order
    return _KNOWN.get(last) or (meant or f"? {base.lineno}:{base.col_offset}", "object")


def _bases(
    findings: Findings, node: ast.ClassDef, orders: Sequence[Sequence[FoundClass | str]]
) -> tuple[FoundClass | str, ...]:
    """Where Python looks for attributes after the class; in the order written where it would find none."""
    all_of_them = list(dict.fromkeys(each for order in orders for each in order))
    if len(all_of_them) > _MOST_BASES:
        message = f"class {node.name} inherits from more than {_MOST_BASES} classes, directly and through others"
        findings.add("too-deep", node, message)
        return ("object",)
    merged = _merged([*orders, [order[0] for order in orders]])
    if merged is None:
        bases = ", ".join(dotted(base) for base in node.bases)
        message = f"Python cannot put the base classes in order ({bases}); the more special come first"
        findings.add("class-bases", node, message)
    return tuple(merged or all_of_them)


def _merged(orders: Sequence[Sequence[FoundClass | str]]) -> list[FoundClass | str] | None:
    """The order in which a class inherits, by Python's rule (C3); None where there is none."""
    waiting = [list(order) for order in orders if order] or [["object"]]
    merged: list[FoundClass | str] = []
    while waiting:
        later = {each for order in waiting for each in order[1:]}
        head = next((order[0] for order in waiting if order[0] not in later), None)
        if head is None:
            return None
        merged.append(head)
        waiting = [rest for order in waiting if (rest := order[1:] if order[0] == head else order)]
    return merged


def _bound(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, node
        case ast.AnnAssign(value=None):
            return
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.For() | ast.With():
            targets = (
                each for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            )
            yield from ((each.id, node) for each in targets)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from ((each.asname or each.name.partition(".")[0], node) for each in names)
