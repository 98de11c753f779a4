"""What an attack is, and how its function becomes the source of an evaluator."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evals_pipeline.sandbox.program import Limits
from evals_pipeline_tests.sandbox.attacks import kit
from evals_pipeline_tests.sandbox.attacks.targets import Files, Target

ATTACK_ROW = "attack"
ROWS = ("before", ATTACK_ROW, "after")
"""What the variable `text` holds in each row; the attacker behaves until its turn has come, and afterwards."""

EVALUATOR = """
from evals_pipeline import CodeEvaluator, EvaluationResult


class Attacker(CodeEvaluator):
    def evaluate(self, *, text=None, **kwargs):
        if text != "attack":
            return EvaluationResult(label="honest", score=float(len(text)))
        notes = Notes()
        answer = {name}(notes, aims(self.target))
        return answer or EvaluationResult(label="attacked", explanation=notes.report())
"""

AT_LOAD = """
from evals_pipeline import CodeEvaluator, EvaluationResult

{name}()


class Attacker(CodeEvaluator):
    def evaluate(self, *, text=None, **kwargs):
        return EvaluationResult(label="honest", score=float(len(text)))
"""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        kind: The module that holds it.
        source: What its evaluator runs.
        needs: What it aims at; the host asks each for harm.
        ends: What may become of the row of the attack: an error of one of these types; "" or nothing, a result.
        others: Whether its other rows must be scored all the same.
        successor: An evaluator that runs in the next session and whose worked steps count as the attack's.
        control: Why the control need not be harmed; empty when it must.
        tiers: Where the sandbox promises to stop it.
        limits: What it may use.
    """

    name: str
    kind: str
    source: str
    needs: tuple[type[Target], ...]
    ends: tuple[str, ...]
    others: bool
    successor: str
    control: str
    tiers: tuple[int, ...]
    limits: Limits


ATTACKS: list[Attack] = []


def attack(
    *needs: type[Target],
    ends: str | tuple[str, ...] = (),
    others: bool = True,
    successor: Callable[..., Any] | None = None,
    control: str = "",
    tiers: tuple[int, ...] = (1, 2, 3),
    limits: Limits | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a function to the catalogue; see `Attack` for what the options mean. One without parameters runs at load."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        ATTACKS.append(
            Attack(
                name=function.__name__,
                kind=function.__module__.rpartition(".")[2],
                source=source_of(function),
                needs=tuple(dict.fromkeys((Files, *needs))),
                ends=(ends,) if isinstance(ends, str) else ends,
                others=others and bool(inspect.signature(function).parameters),
                successor=source_of(successor) if successor else "",
                control=control,
                tiers=tiers,
                limits=limits or Limits(row_seconds=10.0, load_seconds=20.0, memory_mb=256),
            )
        )
        return function

    return add


def source_of(function: Callable[..., Any]) -> str:
    """The evaluator that runs `function`: the kit, the imports of its module, its text, the class."""
    evaluator = EVALUATOR if inspect.signature(function).parameters else AT_LOAD
    module = ast.parse(inspect.getsource(inspect.getmodule(function) or kit))
    imports = [ast.unparse(node) for node in module.body if isinstance(node, ast.Import)]
    lines = inspect.getsource(function).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("def "))
    return "\n".join([inspect.getsource(kit), *imports, *lines[start:], evaluator.format(name=function.__name__)])
