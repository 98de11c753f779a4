"""From source to an object that judges, and from whatever goes wrong in it to a sentence with a line number.

Runs inside a worker, after the lock.
"""

from __future__ import annotations

import io
import json
import linecache
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from evals_pipeline.sandbox.program import Program
from evals_pipeline.sandbox.results import ERROR_MESSAGE_LENGTH, ERROR_TYPE_LENGTH

MODULE = "evaluator"
"""What the source is imported as."""


def packed(program: Program) -> bytes:
    """The program as it is sent to a worker."""
    return json.dumps({**asdict(program), "json_columns": sorted(program.json_columns)}).encode()


def unpacked(text: bytes | bytearray) -> Program:
    """The program that `packed` was given."""
    values = json.loads(text)
    row_columns = values.pop("row_columns")
    json_columns = frozenset(values.pop("json_columns"))
    return Program(**values, row_columns=None if row_columns is None else tuple(row_columns), json_columns=json_columns)


def load(program: Program) -> Callable[..., Any]:
    """The `evaluate` of a new object of the program's class; raises whatever its source raises."""
    module = types.ModuleType(MODULE)
    module.__file__ = program.file
    sys.modules[MODULE] = module  # dataclasses and pydantic look the module of a class up
    lines = io.StringIO(program.source, newline=None).readlines()  # as the parser counts: a form feed ends none
    linecache.cache[program.file] = (len(program.source), None, lines, program.file)  # there is no file to read
    exec(compile(program.source, program.file, "exec", dont_inherit=True), vars(module))
    if program.class_name not in vars(module):
        raise NameError(f"the source defines no class {program.class_name!r}")
    evaluate: Callable[..., Any] = _made(vars(module)[program.class_name], program.parameters).evaluate
    return evaluate


def _made(evaluator: Any, parameters: Mapping[str, Any]) -> Any:
    """An object of the class, with its parameters both for `__init__` to use and whatever it sets in their place."""
    made: Any = evaluator.__new__(evaluator)
    vars(made).update(parameters)
    made.__init__()
    for name, value in parameters.items():
        setattr(made, name, value)
    return made


def described(error: BaseException, file: str, most: int = ERROR_MESSAGE_LENGTH) -> tuple[str, str]:
    """Class and message of `error`, with the line of `file` where it arose, in at most so many characters.

    Never raises.
    """
    try:
        kind = _text(type(error).__name__)[:ERROR_TYPE_LENGTH] or "Exception"
        line = _line(error, file)
        place = f"({file}, line {line})" if line else ""
        return kind, f"{_message(error)[: most - len(place) - 1]} {place}".strip()
    except BaseException:  # noqa: BLE001  # a class is code that somebody brought, its name and traceback included
        return "Exception", "an error that cannot be read"


def _message(error: BaseException) -> str:
    try:
        text = _text(error.msg if isinstance(error, SyntaxError) else error)
        if isinstance(error, BaseExceptionGroup):
            text += ": " + "; ".join(f"{type(each).__name__}: {_text(each)}" for each in error.exceptions)
        return text
    except BaseException:  # noqa: BLE001  # as above
        return "its text cannot be read"


def _text(value: object) -> str:
    return "".join(("", str(value)))  # of `str` itself, not of a subclass with ideas of its own


def _line(error: BaseException, file: str) -> int | None:
    """Where in `file` it arose: the innermost frame that is the evaluator's own."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == file:
            line = step.tb_lineno
        step = step.tb_next
    return line
