"""Builders for tests of asking many questions: stores whose parts can be looked into, and the run that asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evals_pipeline.core.calls import BudgetLimit, Question, Said
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm.asking import AskingRun, ask_all
from evals_pipeline.llm.memory import MemoryAnswers, MemoryBoard, MemoryBudgets
from evals_pipeline.llm.stores import Stores
from evals_pipeline_tests.llm.endpoints import question


def stores(
    answers: MemoryAnswers | None = None, budgets: MemoryBudgets | None = None, board: MemoryBoard | None = None
) -> Stores:
    return Stores(answers or MemoryAnswers(), budgets or MemoryBudgets(), board or MemoryBoard())


def run(owner: str = "run1", task: str = "quality", *budgets: BudgetLimit) -> AskingRun:
    return AskingRun(owner, task, budgets)


def batches(count: int, size: int = 50, text: str = "Is it right?") -> Iterator[list[tuple[str, Question]]]:
    """`count` different questions, drawn lazily; unit `u7` asks the seventh."""
    for start in range(0, count, size):
        yield [(f"u{number}", question(f"{text} #{number}")) for number in range(start, min(start + size, count))]


def said(
    model: ModelSpec,
    questions: Iterable[list[tuple[str, Question]]],
    into: Stores | None = None,
    *,
    by: AskingRun | None = None,
) -> dict[str, Said]:
    """Unit -> what was said to it; a unit that hears twice fails the test."""
    heard: dict[str, Said] = {}
    for delivery in ask_all(model, questions, into or stores(), run=by or run()):
        for unit, what in delivery:
            assert unit not in heard, unit
            heard[unit] = what
    return heard
