"""The static check and what really happens when a class is defined and an object is made, as the worker does it."""

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from evals_pipeline.evaluators.custom.checking import CheckReport, check_source
from evals_pipeline_tests.evaluators.test_custom_checking import CASES, GOOD, HEAD, IMPORTS, body, marked, members

# Loads each source in a process of its own, as the sandbox's worker does but for the lock, and shows it a row.
LOADER = """
import json, sys
from evals_pipeline.core.code_evaluator import use_arize_paths
from evals_pipeline.sandbox.loading import load
from evals_pipeline.sandbox.program import Program
use_arize_paths(is_forced=True)
said = []
for source, class_name, parameters, variables in json.load(sys.stdin):
    try:
        evaluate = load(Program(source, "evaluators/x.py", class_name, parameters))
    except BaseException as error:
        said.append([type(error).__name__, str(error)])
        continue
    try:
        said.append(["", type(evaluate(**variables)).__name__])
    except BaseException as error:
        said.append(["", f"{type(error).__name__}: {error}"])
print(json.dumps(said))
"""

REFUSED_AT_DEFINITION = {
    *("abstract-method", "byte-order-mark", "class-bases", "class-keyword", "needs-arguments", "no-default"),
    *("no-evaluate", "no-kwargs", "syntax", "var-positional"),
}
"""Codes of problems because of which the class cannot be defined, or no object of it be made."""

HELPERS = [
    f"class Base(CodeEvaluator):\n    {HEAD}\n        {GOOD}\nclass X(Base):\n    pass\n",
    f"class X(CodeEvaluator, is_abstract=True):\n    pass\nclass Y(X):\n    {HEAD}\n        {GOOD}\n",
    f"class Mixin:\n    {HEAD}\n        {GOOD}\nclass X(Mixin, CodeEvaluator):\n    pass\n",
    f"class Mixin:\n    {HEAD}\n        {GOOD}\nclass X(CodeEvaluator, Mixin):\n    pass\n",
    f"class Base(CodeEvaluator):\n    pass\nclass X(Base):\n    {HEAD}\n        {GOOD}\n",
    f"class Base(CodeEvaluator):\n    def evaluate(self, *, a, **k): ...\nclass X(Base):\n    {HEAD}\n        {GOOD}\n",
    f"class Base(CodeEvaluator):\n    def evaluate(self, *, a=1): ...\nclass X(Base):\n    {HEAD}\n        {GOOD}\n",
    f"class A(CodeEvaluator, is_abstract=True): ...\nclass B(CodeEvaluator, is_abstract=True): ...\n"
    f"class X(A, B):\n    {HEAD}\n        {GOOD}\n",
    f"class A(CodeEvaluator, is_abstract=True): ...\nclass X(CodeEvaluator, A):\n    {HEAD}\n        {GOOD}\n",
    f"class X(CodeEvaluator):\n    {HEAD}\n        {GOOD}\nclass X(X):\n    def evaluate(self, *, other=1, **kwargs):\n"
    f"        {GOOD}\n",
    f"class X(CodeEvaluator):\n    def evaluate(self, *, a, **k): ...\nclass X(X):\n    {HEAD}\n        {GOOD}\n",
    f"class Part(strict=True): ...\nclass X(CodeEvaluator):\n    {HEAD}\n        {GOOD}\n",
    f"Base = CodeEvaluator\nclass X(Base):\n    {HEAD}\n        {GOOD}\n",
    f"class X(CodeEvaluator):\n    if True:\n        {HEAD}\n            {GOOD}\n",
    f"if True:\n    class X(CodeEvaluator):\n        {HEAD}\n            {GOOD}\n",
    f"class X(CodeEvaluator):\n    async def async_evaluate(self, *, a, **kwargs): ...\n    {HEAD}\n        {GOOD}\n",
    f"class Base(CodeEvaluator):\n    {HEAD}\n        {GOOD}\nclass X(Base):\n"
    "    async def async_evaluate(self, *, a, **kwargs): ...\n",
    f"class X(CodeEvaluator):\n    {HEAD}\n        {GOOD}\n    def __init_subclass__(cls, **options): ...\n"
    "class Y(X, strict=True):\n    pass\n",
]  # fmt: skip

ORDINARY = [
    body(),
    "from __future__ import annotations\n"
    + body(head="def evaluate(self, *, output: Nowhere = None, **kwargs) -> No:"),
    body(before="from dataclasses import dataclass\n@dataclass\n").replace(
        "    def", "    limit: float = 0.5\n    def"
    ),
    body(before="from dataclasses import dataclass\n@dataclass(frozen=True)\n"),
    members("def __init__(self): self.double = 2 * self.limit"),
    members("limit: float = 0.5", "def __init__(self, words=('a',)): self.words = words"),
    body("return EvaluationResult(label=self.pattern)"),
    body("return EvaluationResult(score=self.limit)").replace("    def", "    limit: float = 0.25\n    def"),
    body(head="def evaluate(self, dataset_row, output, **kwargs):"),
    "from arize.experimental.datasets.experiments.evaluators.base import *\n" + body().removeprefix(IMPORTS),
    "from arize.experiments.evaluators.base import CodeEvaluator as CE, JSONSerializable, EvaluatorName\n"
    "from arize.experiments.types import EvaluationResult, TaskOutput\n"
    + body(bases="(CE)", head=HEAD.replace("output=", "output: TaskOutput | JSONSerializable = ")).removeprefix(
        IMPORTS
    ),
    "try:\n    import no_such_module\nexcept ImportError:\n    no_such_module = None\n" + body(),
    "# -*- coding: latin-1 -*-\nname = 'é日😀'\n" + body("return EvaluationResult(label=name)"),
]

SOURCES = [*(IMPORTS + each for each in HELPERS), *ORDINARY, *(marked(source)[0] for _, source in CASES)]


@cache
def checked() -> list[tuple[str, CheckReport, str, str]]:
    """Each source with the report, the class of the error that loading raises or nothing, and what came of a row."""
    reports = [(source, check_source(source)) for source in SOURCES if "\ud800" not in source]
    asked = [(source, _class_of(report), _parameters(report), _values(report)) for source, report in reports]
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(ran.stdout.splitlines()[-1])
    return [(source, report, *each) for (source, report), each in zip(reports, said, strict=True)]


def _class_of(report: CheckReport) -> str:
    return report.class_name or "X"


def _parameters(report: CheckReport) -> dict[str, object]:
    return {each.name: "a" for each in report.parameters if each.is_required}


def _values(report: CheckReport) -> dict[str, object]:
    return {each.name: "text" for each in report.variables} | ({"dataset_row": {}} if report.takes_row else {})


def test_what_passes_the_check_loads() -> None:
    failed = [(source, error, said) for source, report, error, said in checked() if report.is_ok and error]

    assert failed == []


def test_what_passes_without_a_warning_gives_a_result_for_a_row() -> None:
    failed = [
        (source, said)
        for source, report, _, said in checked()
        if not report.problems and said != "EvaluationResult" and "open(" not in source and "rest[first]" not in source
    ]

    assert failed == []


def test_what_python_refuses_is_refused_by_the_check_and_the_other_way_round() -> None:
    wrong = []
    for source, report, error, said in checked():
        found = {problem.code for problem in report.problems}
        if found & REFUSED_AT_DEFINITION and not error:
            wrong.append(("the check alone refuses", source, sorted(found), said))
        if error in ("ValueError", "SyntaxError") and not found:
            wrong.append(("the check alone accepts", source, error, said))

    assert wrong == []


@pytest.mark.parametrize("number", range(3))
def test_the_helper_class_that_has_evaluate_gives_its_variables_to_the_evaluator(number: int) -> None:
    source, report, error, said = checked()[number]

    assert "evaluate" in source
    assert ([each.name for each in report.variables], error, said) == (["output"], "", "EvaluationResult")


def benign_evaluators() -> list[str]:
    """The ordinary evaluators that the sandbox is tried with, each with what stands around the classes of its file."""
    found = []
    for path in sorted((Path(__file__).parent.parent / "sandbox" / "benign").glob("[a-z]*.py")):
        module = ast.parse(path.read_text("utf-8"))
        for one in module.body:
            if isinstance(one, ast.ClassDef) and any(isinstance(base, ast.Name) for base in one.bases):
                others = [each for each in module.body if each is one or not isinstance(each, ast.ClassDef)]
                found.append(ast.unparse(ast.Module(others, [])))
    return found


def test_the_ordinary_evaluators_of_the_sandbox_suite_pass() -> None:
    reports = [check_source(source) for source in benign_evaluators()]

    assert [each for report in reports for each in report.problems if each.code != "not-keyword-only"] == []
    assert len(reports) >= 25
