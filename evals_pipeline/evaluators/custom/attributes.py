"""What the class does with the attributes of its objects: reads, assignments, and typed attributes of the class."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from evals_pipeline.core.evaluator import ParameterType
from evals_pipeline.evaluators.custom.classes import FoundClass, Function, decorator_name
from evals_pipeline.evaluators.custom.findings import SourceText
from evals_pipeline.evaluators.custom.tree import SourceTree, statements

Literal = str | float | bool | tuple[str, ...] | None

_INHERITED = frozenset({*dir(object), "__dict__", "name", "kind", "evaluate", "async_evaluate", "_name", "_kind"})
_TYPES: dict[str, ParameterType] = {
    "bool": "boolean",
    "float": "number",
    "int": "number",
    "int|float": "number",
    "float|int": "number",
    "str": "string",
    "list[str]": "string_array",
    "List[str]": "string_array",
    "Sequence[str]": "string_array",
    "tuple[str,...]": "string_array",
    "Tuple[str,...]": "string_array",
}
"""Annotation, without blanks -> type of parameter."""

_OF_CLASSES = ("__new__", "__init_subclass__", "__class_getitem__")
"""Methods whose first parameter is a class, without a decorator that says so."""


_FIRST = ("__init__", "__post_init__")
"""Methods that run before a task's values are set for good; they have them as well."""


@dataclass(frozen=True, slots=True)
class TypedAttribute:
    """`name: type = value` in the body of the class, which makes a parameter of what methods read.

    Attributes:
        has_value: Whether a value stands there; without one every task must give it.
    """

    node: ast.AnnAssign
    type: ParameterType
    has_value: bool
    value: Literal


@dataclass(slots=True)
class Attributes:
    """Attributes of the evaluator's objects, as far as the file shows them.

    Attributes:
        read: Name -> where it is read first.
        called: Names that are called.
        optional: Name -> the value that `getattr(self, name, value)` has for it.
        set_by_class: Names that the bodies of the classes bind, with the node that does.
        set_by_methods: Names that methods assign.
        set_later: Those of them that others than `__init__` assign, which a task's value would not outlive.
        typed: Name -> the typed attribute of the class.
        are_all_known: False where others may be set in a way that the file does not show.
    """

    read: dict[str, ast.AST] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    optional: dict[str, Literal] = field(default_factory=dict)
    set_by_class: dict[str, ast.AST] = field(default_factory=dict)
    set_by_methods: set[str] = field(default_factory=set)
    set_later: set[str] = field(default_factory=set)
    typed: dict[str, TypedAttribute] = field(default_factory=dict)
    are_all_known: bool = True

    @property
    def set(self) -> frozenset[str]:
        """Names that need no task to give them."""
        return _INHERITED.union(self.set_by_class, self.set_by_methods)

    def has_read(self, name: str, node: ast.AST) -> None:
        """Take note of a read."""
        known = self.read.get(name)
        if known is None or _position(node) < _position(known):
            self.read[name] = node


def find_attributes(text: SourceText, tree: SourceTree, evaluator: FoundClass) -> Attributes:
    """What the evaluator and the classes of the file that it inherits from do with attributes."""
    found = Attributes(are_all_known=not evaluator.has_unknown_bases)
    for each in evaluator.in_file:
        _read_body(found, text, each)
    for each in evaluator.in_file:
        found.are_all_known &= not {"__getattr__", "__getattribute__"} & set(each.members)
        for statement in statements(each.node.body, into_functions=False):
            if isinstance(statement.node, Function):
                _read_method(found, tree, statement.node)
    return found


def literal(node: ast.expr) -> tuple[bool, Literal]:
    """Whether a value is written out that a parameter can have, and the value; a list of texts as a tuple."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False, None
    if isinstance(value, list | tuple):
        return all(isinstance(each, str) for each in value), tuple(value)
    return value is None or isinstance(value, str | int | float | bool), value


def annotated_type(text: SourceText, annotation: ast.expr) -> ParameterType | None:
    """The type of parameter that an annotation means; None for all others."""
    written = "".join(text.text_of(annotation).split()).strip("'\"").replace("typing.", "")
    if written.startswith("Optional[") and written.endswith("]"):
        written = written.removeprefix("Optional[").removesuffix("]")
    return _TYPES.get(written.removesuffix("|None").removeprefix("None|"))


def is_parameter_name(name: str) -> bool:
    """Whether a parameter can be called so; upper-case and underscored names are the class's own affair."""
    return not name.startswith("_") and not name.isupper()


def _read_body(found: Attributes, text: SourceText, each: FoundClass) -> None:
    """What the body binds; the first class in the order of inheritance counts."""
    typed: dict[str, TypedAttribute] = {}
    for statement in statements(each.node.body, into_functions=False):
        node = statement.node
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and is_parameter_name(node.target.id):
            attribute = _typed_attribute(text, node)
            if attribute is not None:
                typed[node.target.id] = attribute
    for name, attribute in typed.items():
        if name not in found.set_by_class:
            found.typed.setdefault(name, attribute)
    for name, binding in each.members.items():
        if name not in found.typed:
            found.set_by_class.setdefault(name, binding)


def _typed_attribute(text: SourceText, node: ast.AnnAssign) -> TypedAttribute | None:
    kind = annotated_type(text, node.annotation)
    if kind is None:
        return None
    if node.value is None:
        return TypedAttribute(node, kind, False, None)
    is_literal, value = literal(node.value)
    return TypedAttribute(node, kind, True, value) if is_literal else None


def _read_method(found: Attributes, tree: SourceTree, method: Function) -> None:
    receiver = _receiver(method)
    if receiver is None:
        return
    reader = _MethodReader(found, receiver, is_first=method.name in _FIRST)
    for node in tree.below(method):
        if isinstance(node, ast.Attribute):
            reader.read_attribute(node)
        elif isinstance(node, ast.Call):
            reader.read_call(node)


@dataclass(frozen=True, slots=True)
class _MethodReader:
    """Takes note of what a method does with the attributes of its object, which it calls `receiver`."""

    found: Attributes
    receiver: str
    is_first: bool

    def read_attribute(self, node: ast.Attribute) -> None:
        if not self._is_object(node.value):
            return
        if isinstance(node.ctx, ast.Load):
            self.found.has_read(node.attr, node)
            self.found.are_all_known &= node.attr != "__dict__"
        else:
            self._has_set(node.attr)

    def read_call(self, call: ast.Call) -> None:
        function = call.func
        if isinstance(function, ast.Attribute) and self._is_object(function.value):
            self.found.called.add(function.attr)
        elif isinstance(function, ast.Name) and call.args and self._is_object(call.args[0]):
            if function.id == "vars":
                self.found.are_all_known = False
            elif function.id in ("setattr", "getattr"):
                self._read_by_name(function.id, call.args[1:])

    def _read_by_name(self, function: str, arguments: list[ast.expr]) -> None:
        match arguments:
            case [ast.Constant(value=str(attribute)), *_] if function == "setattr":
                self._has_set(attribute)
            case [ast.Constant(value=str(attribute)) as node, default]:
                is_literal, value = literal(default)
                if is_literal:
                    self.found.optional.setdefault(attribute, value)
                    self.found.has_read(attribute, node)
            case [ast.Constant(value=str(attribute)) as node]:
                self.found.has_read(attribute, node)
            case _:
                self.found.are_all_known = False

    def _has_set(self, name: str) -> None:
        self.found.set_by_methods.add(name)
        if not self.is_first:
            self.found.set_later.add(name)

    def _is_object(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.receiver


def _receiver(method: Function) -> str | None:
    """What the method calls its object; None where it has none."""
    if method.name in _OF_CLASSES or any(
        decorator_name(each) in ("staticmethod", "classmethod") for each in method.decorator_list
    ):
        return None
    first = next(iter([*method.args.posonlyargs, *method.args.args]), None)
    return None if first is None else first.arg


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
