"""Going through the tree of a source, without recursion: sources may be deep."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

_MISSING_MODULE = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_MISSING_NAME = frozenset({"NameError", "Exception", "BaseException"})
_WITHOUT_CHILDREN = frozenset({"ctx", "op", "ops", "type_comment", "kind", "lineno", "level"})
_COMPOUND = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match),
    *(ast.AsyncFor, ast.AsyncWith, ast.TryStar),
)
_BLOCKS = ("body", "orelse", "finalbody")
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Name: (),
    ast.Constant: (),
    ast.alias: (),
    ast.Attribute: ("value",),
}
"""Kind of node -> fields with nodes; added to as kinds are met."""

NodeT = TypeVar("NodeT", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and what surrounds it.

    Attributes:
        may_lack_module: Whether a missing module is caught around it.
    """

    node: ast.stmt
    may_lack_module: bool = False


class SourceTree:
    """The tree of a source, gone through once.

    Attributes:
        module: Its root.
        nodes: Every node, each before those below it.
    """

    def __init__(self, module: ast.Module) -> None:
        self.module = module
        self.nodes: list[ast.AST] = []
        self._parts: dict[int, tuple[int, int]] = {}
        self._kinds: dict[type[ast.AST], list[Any]] = {}
        for statement in module.body:
            if isinstance(statement, ast.ClassDef):
                outside = (*statement.decorator_list, *statement.bases, *statement.keywords)
                self.nodes += [statement, *nodes_of(*outside, *getattr(statement, "type_params", ()))]
                for part in statement.body:
                    self._add(part)
            else:
                self._add(statement)
        for node in self.nodes:
            self._kinds.setdefault(type(node), []).append(node)

    def of(self, *kinds: type[NodeT]) -> list[NodeT]:
        """The nodes of these kinds."""
        return [node for kind in kinds for node in self._kinds.get(kind, ())]

    def below(self, node: ast.AST) -> list[ast.AST]:
        """The node and all below it."""
        start, end = self._parts.get(id(node), (0, 0))
        return self.nodes[start:end] or nodes_of(node)

    def _add(self, part: ast.AST) -> None:
        start = len(self.nodes)
        self.nodes += nodes_of(part)
        self._parts[id(part)] = (start, len(self.nodes))


def nodes_of(*roots: ast.AST) -> list[ast.AST]:
    """The roots and every node below them, each level before the next."""
    found = list(roots)
    for node in found:  # it grows meanwhile
        names = _FIELDS.get(type(node))
        if names is None:
            names = _FIELDS[type(node)] = tuple(name for name in node._fields if name not in _WITHOUT_CHILDREN)
        for name in names:
            value = getattr(node, name, None)
            if value.__class__ is list:
                found += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def within(root: ast.AST) -> Iterator[ast.AST]:
    """Every node below `root` that belongs to it: not those of functions and classes inside it."""
    waiting = list(ast.iter_child_nodes(root))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def statements(body: Iterable[ast.stmt], *, into_functions: bool = True) -> Iterator[Statement]:
    """Every statement that is run when the body is, in the order of the text.

    What is meant for type checkers or for running the file as a program is left out.

    Args:
        body: Where to begin.
        into_functions: Go into functions and classes as well.
    """
    waiting = [Statement(node) for node in reversed(list(body))]
    while waiting:
        statement = waiting.pop()
        yield statement
        node = statement.node
        if into_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += reversed([Statement(*each) for each in _inside(node, statement.may_lack_module)])


def catches_missing_name(node: ast.AST) -> bool:
    """Whether it is a `try` for a name that may not be there."""
    return _catches(node, _MISSING_NAME)


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` as a name in dots, `a[b]` as `a`; empty for anything else."""
    parts: list[str] = []
    while True:
        match node:
            case ast.Subscript(value=value):
                node = value
            case ast.Attribute(value=value, attr=name):
                parts.append(name)
                node = value
            case ast.Name(id=name):
                return ".".join(reversed([*parts, name]))
            case _:
                return ""


def _inside(node: ast.stmt, may_lack_module: bool) -> Iterator[tuple[ast.stmt, bool]]:
    if not isinstance(node, _COMPOUND):
        return
    is_tried = may_lack_module or _catches(node, _MISSING_MODULE)
    for block in _BLOCKS:
        if block != "body" or not _is_for_others(node):
            yield from ((each, is_tried) for each in getattr(node, block, ()))
        if block == "body":
            for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                yield from ((each, may_lack_module) for each in part.body)


def _catches(node: ast.AST, names: frozenset[str]) -> bool:
    if not isinstance(node, ast.Try | ast.TryStar):
        return False
    for handler in node.handlers:
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if handler.type is None or any(dotted(each).rpartition(".")[2] in names for each in caught):
            return True
    return False


def _is_for_others(node: ast.stmt) -> bool:
    """Whether its body is run by type checkers only, or where the file is a program."""
    if not isinstance(node, ast.If):
        return False
    match node.test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()]):
            return True
        case test:
            return dotted(test).rpartition(".")[2] == "TYPE_CHECKING"
