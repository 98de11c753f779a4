"""Every problem that the static check can report: codes are kept, so that editors and scripts can rely on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """How grave it is, and what it means in a sentence; an error keeps the evaluator out of the hub."""

    severity: Severity
    meaning: str


def _error(meaning: str) -> ProblemCode:
    return ProblemCode("error", meaning)


def _warning(meaning: str) -> ProblemCode:
    return ProblemCode("warning", meaning)


PROBLEM_CODES: Mapping[str, ProblemCode] = {
    # the text
    "too-long": _error("The source has more than 65,536 bytes."),
    "encoding": _error("The source holds a character that is no valid Unicode, or is not saved as UTF-8."),
    "null-character": _error("The source holds a null character."),
    "byte-order-mark": _error("The source begins with a byte order mark, which Python does not read in a text."),
    "too-deep": _error("Brackets, signs or statements are nested more deeply than the check and Python can follow."),
    # the syntax
    "syntax": _error("Python cannot compile the source."),
    "syntax-warning": _warning("Python compiles the source and warns of what it will read differently."),
    # imports and names
    "unavailable-module": _error("A module is imported that the sandbox does not have."),
    "optional-module": _warning("A module is imported that the sandbox does not have, and the code expects that."),
    "unavailable-name": _error("A name is imported that its module does not have in the sandbox."),
    "relative-import": _error("An evaluator is one file: there is nothing beside it to import."),
    "no-effect": _warning("A module is imported whose work the sandbox forbids: network, processes, threads, files."),
    "undefined-name": _error("A name is used that is defined nowhere."),
    # the class
    "no-class": _error("The source defines no class."),
    "no-evaluator": _error("No class inherits from CodeEvaluator or has an evaluate() method."),
    "many-evaluators": _error("More than one class could be the evaluator."),
    "no-base": _warning("The class does not inherit from CodeEvaluator."),
    "class-bases": _error("Python cannot put the base classes of a class in order."),
    "class-keyword": _error("A class is given a keyword that its base class does not take."),
    "needs-arguments": _error("An object of the class cannot be made without arguments."),
    "abstract-method": _error("A method is declared abstract and defined nowhere."),
    "frozen-class": _error("The class is frozen, so that its parameters cannot be set."),
    # evaluate()
    "no-evaluate": _error("The class has no evaluate() method."),
    "no-method": _error("evaluate is something else than a method defined in the class."),
    "async": _error("evaluate() is a coroutine, or there is only async_evaluate()."),
    "generator": _error("evaluate() yields."),
    "not-of-objects": _error("evaluate() is a static method, a class method or a property."),
    "decorated": _warning("A decorator may change what evaluate() takes and returns."),
    "no-self": _error("The first parameter of evaluate() is not self."),
    "var-positional": _error("evaluate() has a parameter *args; values come by name only."),
    "positional-only": _error("evaluate() has parameters before a slash; values come by name only."),
    "not-keyword-only": _warning("A variable stands before the star; values come by name only."),
    "no-kwargs": _error("evaluate() takes no **kwargs."),
    "no-default": _error("A variable has no default and is none of the reserved names."),
    "private-variable": _error("A variable begins with two underscores, so that Python renames it within a class."),
    "no-variables": _warning("evaluate() has neither a variable nor dataset_row."),
    # results
    "no-result": _error("evaluate() never returns a value."),
    "may-return-nothing": _warning("evaluate() can end without a result; such a row becomes an error."),
    "not-a-result": _warning(
        "evaluate() returns something else than an EvaluationResult; such a row becomes an error."
    ),
    "wrong-result": _error("An EvaluationResult is made in a way that always fails."),
    # static parameters
    "unknown-method": _error("A method is called that the class does not have."),
    "unset-attribute": _warning("An attribute is read that nothing sets, and no parameter can have its name."),
    "undeclared-parameter": _warning("A parameter is read that the YAML beside the source does not declare."),
    "unread-parameter": _warning("A parameter is declared that the class does not read."),
    "assigned-parameter": _warning("A parameter is declared that a method other than __init__() assigns."),
    "parameter-type": _warning("A parameter is declared with another type than its class attribute has."),
    "parameter-default": _error("The default of a parameter does not fit its type."),
}
"""Code -> severity and meaning."""
