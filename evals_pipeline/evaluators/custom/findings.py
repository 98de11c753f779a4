"""What the static check collects: problems, each with its place in the text."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from evals_pipeline.evaluators.custom.problem_codes import PROBLEM_CODES, Severity

# What Python takes for the end of a line; `str.splitlines` knows more of them, such as the form feed.
_LINE_END = re.compile(r"\r\n|\r|\n")
_HEAD = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of the text: lines and columns count from 1, in characters; the end is the place after the last one."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong or doubtful, and where; the place is meant as `Place` has it."""

    line: int
    column: int
    end_line: int
    end_column: int
    severity: Severity
    code: str
    message: str


class SourceText:
    """The source by lines, and places in it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines = _LINE_END.split(source)

    def place(self, node: ast.AST) -> Place:
        """Where a node of the tree stands; of a class or a function, its name."""
        line, start = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            head = _HEAD.match(self.line(line), self.column(line, start) - 1)
            if head:
                return Place(line, head.start(1) + 1, line, head.end(1) + 1)
        end_line, end = getattr(node, "end_lineno", None) or line, getattr(node, "end_col_offset", None)
        end_column = self.column(line, start) if end is None else self.column(end_line, end)
        return self.within(line, self.column(line, start), end_line, end_column)

    def within(self, line: int, column: int, end_line: int, end_column: int) -> Place:
        """The place, moved into the text where it is not in it; the end is not before the start."""
        line, column = self._clamped(line, column)
        end_line, end_column = self._clamped(end_line, end_column)
        if (end_line, end_column) < (line, column):
            end_line, end_column = line, column
        return Place(line, column, end_line, end_column)

    def at(self, index: int, length: int = 1) -> Place:
        """The place of the character with that index, and of those after it."""
        line, column = self._position(index)
        return self.within(line, column, line, column + length)

    def column(self, line: int, offset: int) -> int:
        """The column of a place that is given in bytes of UTF-8, as trees of Python have it."""
        text = self.line(line)
        if text.isascii():
            return offset + 1
        return len(text.encode()[:offset].decode(errors="ignore")) + 1

    def line(self, number: int) -> str:
        """A line without its end; empty where there is none."""
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else ""

    def text_of(self, node: ast.AST) -> str:
        """What is written there, on one line."""
        line, end_line = getattr(node, "lineno", 1), getattr(node, "end_lineno", None) or 1
        start = self.column(line, getattr(node, "col_offset", 0)) - 1
        end = self.column(end_line, getattr(node, "end_col_offset", None) or 0) - 1
        if line == end_line:
            return self.line(line)[start:end]
        between = self.lines[line : end_line - 1]
        return " ".join(" ".join([self.line(line)[start:], *between, self.line(end_line)[:end]]).split())

    def _position(self, index: int) -> tuple[int, int]:
        before = _LINE_END.split(self.source[:index])
        return len(before), len(before[-1]) + 1

    def _clamped(self, line: int, column: int) -> tuple[int, int]:
        if line > len(self.lines):
            return len(self.lines), len(self.lines[-1]) + 1
        line = max(line, 1)
        return line, min(max(column, 1), len(self.lines[line - 1]) + 1)


@dataclass(slots=True)
class Findings:
    """Where rules report to."""

    text: SourceText
    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, where: ast.AST | Place, message: str) -> None:
        """A problem of that code."""
        place = where if isinstance(where, Place) else self.text.place(where)
        severity = PROBLEM_CODES[code].severity
        made = Problem(place.line, place.column, place.end_line, place.end_column, severity, code, message)
        if made not in self.problems:
            self.problems.append(made)

    @property
    def has_errors(self) -> bool:
        """Whether anything is wrong for certain."""
        return any(problem.severity == "error" for problem in self.problems)
