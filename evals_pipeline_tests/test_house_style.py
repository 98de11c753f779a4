"""The sizes of STYLE that ruff does not count, and what no file of the repository may hold."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

from evals_pipeline_tests.test_architecture import REPOSITORY, modules

MAX_MODULE_LINES = 300  # aim at 250
MAX_STATEMENTS = 30
MEDIAN_BODY_LINES = 6
MOST_BODY_LINES = 20  # for nine functions in ten

# The brackets keep this file from holding what it looks for.
OPEN_ENDS = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
OF_ONE_MACHINE = re.compile(
    rb"/[w]ork/|/[f]arm/|/[r]oot/\.|[p]ypi\.org|[f]iles\.pythonhosted|[r]egistry\.npmjs|[d]eb\.debian\.org"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    """Every function of the package with the place where it stands."""
    for module in modules():
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, Function):
                yield f"{module.relative_to(REPOSITORY)}:{node.lineno} {node.name}", node


def body_of(function: Function) -> list[ast.stmt]:
    return function.body[1:] if ast.get_docstring(function) else function.body


def lines_of(function: Function) -> int:
    body = body_of(function)
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def statements_of(function: Function) -> int:
    return sum(isinstance(node, ast.stmt) for statement in body_of(function) for node in ast.walk(statement))


def repository_files() -> list[Path]:
    """What git tracks and what it would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := REPOSITORY / name).is_file()]


def test_no_module_is_overgrown() -> None:
    sizes = {str(module.relative_to(REPOSITORY)): len(module.read_text("utf-8").splitlines()) for module in modules()}

    assert {name: size for name, size in sizes.items() if size > MAX_MODULE_LINES} == {}


def test_no_function_is_overgrown() -> None:
    sizes = {place: statements_of(function) for place, function in functions()}

    assert {place: size for place, size in sizes.items() if size > MAX_STATEMENTS} == {}


def test_most_functions_are_short() -> None:
    lengths = [lines_of(function) for _, function in functions()]

    assert median(lengths) <= MEDIAN_BODY_LINES
    assert quantiles(lengths, n=10)[-1] <= MOST_BODY_LINES


def test_nothing_is_left_open_in_the_package() -> None:
    found = [
        f"{module.relative_to(REPOSITORY)}:{number}"
        for module in modules()
        for number, line in enumerate(module.read_text("utf-8").splitlines(), start=1)
        if OPEN_ENDS.search(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("start", "end"), [("see /w", "ork/main"), ("https://p", "ypi.org/simple"), ("/r", "oot/.cache")]
)
def test_a_path_or_a_registry_of_one_machine_is_found(start: str, end: str) -> None:
    assert OF_ONE_MACHINE.search((start + end).encode())


def test_no_file_names_a_path_or_a_registry_of_one_machine() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}: {match[0].decode()}"
        for path in repository_files()
        if (match := OF_ONE_MACHINE.search(path.read_bytes()))
    ]

    assert found == []
