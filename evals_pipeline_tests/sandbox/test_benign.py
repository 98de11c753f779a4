"""Ordinary evaluators say the same in the sandbox as without it."""

from __future__ import annotations

import ast
import datetime
import inspect
import json
import os
from contextlib import closing
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from evals_pipeline.core.code_evaluator import CodeEvaluator
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.program import Limits, Program
from evals_pipeline_tests.sandbox.benign import dates, numbers, science, structures, text
from evals_pipeline_tests.sandbox.hosts import ORDINARY, ROOT, Setup, sandbox_on

# An ordinary user's tier 2 lets libraries be read; root's may be sealed, as tier 3 is.
SETUPS = [Setup(ROOT if os.getuid() == 0 and tier != 2 else ORDINARY, tier, tier) for tier in (1, 2, 3)]
HABITS = [
    each
    for module in (dates, numbers, science, structures, text)
    for each in vars(module).values()
    if inspect.isclass(each) and issubclass(each, CodeEvaluator) and each.__module__ == module.__name__
]
OURS = "from evals_pipeline import CodeEvaluator, EvaluationResult"
PASTED = "from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator, EvaluationResult"

BERLIN_SUMMER = datetime.datetime(2024, 7, 1, 12, 30, 15, 250_000, tzinfo=datetime.UTC)
ROWS: dict[str, list[Any]] = {
    "output": [
        "Your order ABC-12345 ships on 2024-02-29, at 10:45!",
        "",
        '{"price": 3.5, "name": "tea", "more": [1, null, true]}',
        "Grüße aus Köln, naïve café ☕ \U0001f600 e\u0301",
        "<b>bold</b> & <i>italic</i> https://example.com/a?b=c&b=d 10.1.2.3 ::1",
        "word " * 40,
    ],
    "reference": ["Your order has shipped", "", "tea for two", "Gruesse aus Koeln", "bold and italic\nsecond", "word"],
    "number": [1.5, -3.0, 42.0, 1e6, 0.1, 7.0],
    "when": [BERLIN_SUMMER + datetime.timedelta(days=61.3 * each) for each in range(6)],
    "items": [{"order": [{"price": 2.0 + each}, {"price": 1.5 * each + 1}], "id": each} for each in range(6)],
}


def outside(habit: type[CodeEvaluator]) -> list[tuple[Any, ...]]:
    return [said(habit(), dict(zip(ROWS, values, strict=True))) for values in zip(*ROWS.values(), strict=True)]


def said(evaluator: CodeEvaluator, row: dict[str, Any]) -> tuple[Any, ...]:
    names = [name for name in inspect.signature(evaluator.evaluate).parameters if name in ROWS]
    given = {name: row[name] for name in names}
    if "dataset_row" in inspect.signature(evaluator.evaluate).parameters:
        given["dataset_row"] = row
    try:
        result = evaluator.evaluate(**given)
    except Exception as error:  # noqa: BLE001  # it belongs to the row, whatever it is
        return None, None, None, None, type(error).__name__
    score = None if result.score is None else float(result.score)
    return result.label, score, result.explanation, dict(result.metadata) or None, None


def inside(habit: type[CodeEvaluator], sandbox: Sandbox, *, class_path: str = OURS) -> list[tuple[Any, ...]]:
    parameters = inspect.signature(habit.evaluate).parameters
    program = Program(
        source=pasted(habit).replace(OURS, class_path),
        file=f"evaluators/{habit.__name__.lower()}.py",
        class_name=habit.__name__,
        variables={name: name for name in parameters if name in ROWS},
        row_columns=tuple(ROWS) if "dataset_row" in parameters else None,
        json_columns=frozenset({"items"}),
    )
    batch = pa.RecordBatch.from_pydict({**ROWS, "items": [json.dumps(each) for each in ROWS["items"]]})
    with closing(sandbox.session(program, Limits(row_seconds=30.0, load_seconds=60.0))) as session:
        rows = session.evaluate(batch).to_pylist()
    return [
        (row["label"], row["score"], row["explanation"], json.loads(row["metadata"] or "null"), row["error_type"])
        for row in rows
    ]


def pasted(habit: type[CodeEvaluator]) -> str:
    """The source of a class with the imports of its module, as one file."""
    module = inspect.getmodule(habit)
    assert isinstance(module, ModuleType)
    imports = [
        each for each in ast.parse(inspect.getsource(module)).body if isinstance(each, ast.Import | ast.ImportFrom)
    ]
    return "\n".join([*map(ast.unparse, imports), "", inspect.getsource(habit)])


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_ordinary_evaluators_say_the_same_in_the_sandbox(setup: Setup, subtests: pytest.Subtests) -> None:
    with sandbox_on(setup, preload=("numpy", "pandas", "scipy", "pydantic", "jellyfish")) as sandbox:
        for number, habit in enumerate(HABITS):
            with subtests.test(habit.__name__):
                assert inside(habit, sandbox, class_path=(OURS, PASTED)[number % 2]) == outside(habit)


def test_there_are_ordinary_evaluators_of_many_habits() -> None:
    assert len(HABITS) >= 28
