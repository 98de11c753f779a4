"""Whether Python can compile the source; it is parsed and compiled here, and never run."""

from __future__ import annotations

import ast
import gc
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from evals_pipeline.evaluators.custom.findings import Findings, Place, SourceText

# What warns of is set for the whole process: two checks at once would put each other's setting back.
_WARNINGS = threading.Lock()
_TOO_DEEP = (RecursionError, MemoryError, OverflowError, ValueError, SystemError)


def parsed(findings: Findings) -> ast.Module | None:
    """The tree of the source; None where there is none, or none that compiles."""
    with _WARNINGS, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        tree = _tree(findings)
    for warning in said if tree is not None else ():
        place = findings.text.within(warning.lineno, 1, warning.lineno, len(findings.text.line(warning.lineno)) + 1)
        findings.add("syntax-warning", place, str(warning.message))
    return tree


def _tree(findings: Findings) -> ast.Module | None:
    source = findings.text.source
    try:
        tree = ast.parse(source, "<evaluator>")
    except SyntaxError as error:
        findings.add("syntax", _place(error, findings.text), error.msg)
        return None
    except _TOO_DEEP as error:
        _too_deep(findings, error)
        return None
    # What the parser lets pass: `return` outside a function, the same parameter twice, `await` in a plain function.
    try:
        compile(tree, "<evaluator>", "exec", dont_inherit=True)
    except SyntaxError as error:
        findings.add("syntax", _place(error, findings.text, in_bytes=True), error.msg)
        return None
    except _TOO_DEEP as error:
        _too_deep(findings, error)
        return None
    return tree


def _too_deep(findings: Findings, error: BaseException) -> None:
    findings.add(
        "too-deep", findings.text.at(0), f"the source is nested too deeply to compile ({type(error).__name__})"
    )


def _place(error: SyntaxError, text: SourceText, *, in_bytes: bool = False) -> Place:
    """Where it is; the parser counts characters, what comes after it counts bytes, and both may know no end."""
    line, column = error.lineno or 1, max(error.offset or 1, 1)
    end_line, end_column = error.end_lineno or line, error.end_offset or 0
    if in_bytes:
        column = text.column(line, column - 1)
        end_column = text.column(end_line, end_column - 1) if end_column > 0 else 0
    if end_line < line or (end_line == line and end_column <= column):
        end_line, end_column = line, column + 1
    return text.within(line, column, end_line, end_column)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the garbage collector away: it would look through the whole process for the thousands of nodes of a tree."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
