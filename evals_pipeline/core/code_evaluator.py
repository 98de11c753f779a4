"""The base class of custom code evaluators, as `arize` publishes it, and the paths under which pasted code finds it.

The contract is that of `arize.experimental.datasets.experiments.evaluators.base` (7.x), which 8.x keeps as
`arize.experiments.evaluators.base`: a class is checked when it is defined, values come by name, the result is frozen.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import types
from abc import ABC, abstractmethod
from typing import Any

from evals_pipeline.core.evaluator import AnnotatorKind, EvaluationResult

RESERVED = ("dataset_row", "input", "output", "experiment_output", "dataset_output", "metadata")
"""Parameters of `evaluate` that need no default."""

ARIZE_PATHS = ("arize.experimental.datasets.experiments.evaluators.base", "arize.experiments.evaluators.base")
"""Where pasted code imports `CodeEvaluator` and `EvaluationResult` from."""


class Evaluator(ABC):
    """Whatever judges; define a subclass of `CodeEvaluator` instead."""

    _name: str | None = None
    kind = AnnotatorKind.CODE

    @property
    def name(self) -> str:
        """The name of the class, unless `_name` says another."""
        return self._name or type(self).__name__

    @abstractmethod
    def evaluate(self, *, dataset_row: Any = None, **kwargs: Any) -> EvaluationResult:
        """The verdict on one unit."""

    async def async_evaluate(self, **values: Any) -> EvaluationResult:
        """What `evaluate` says."""
        return self.evaluate(**values)


class CodeEvaluator(Evaluator):
    """Base of evaluators in plain Python.

    A subclass defines `evaluate(self, *, <variables>=None, **kwargs)` and returns an `EvaluationResult`. Each variable
    is mapped by the task; `dataset_row`, where it is a parameter, is a dictionary of all mapped columns.

    Raises:
        ValueError: When a subclass is defined whose `evaluate` takes no `**kwargs`, or has a parameter without default
            that is none of `RESERVED`.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "evaluate" in vars(cls):
            _check(cls.__name__, vars(cls)["evaluate"])


def _check(name: str, evaluate: Any) -> None:
    parameters = list(inspect.signature(evaluate).parameters.values())[1:]
    if all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in parameters):
        raise ValueError(f"{name}.evaluate() must accept **kwargs, so that later versions can pass more")
    for each in parameters:
        if each.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            continue
        if each.default is inspect.Parameter.empty and each.name not in RESERVED:
            raise ValueError(f"{name}.evaluate() needs a default for {each.name!r}, such as {each.name}=None")


def use_arize_paths() -> None:
    """Let `from arize.….evaluators.base import CodeEvaluator, EvaluationResult` find the classes of this module.

    Where the `arize` package is installed, its own are left alone.
    """
    if "arize" in sys.modules or importlib.util.find_spec("arize") is not None:
        return
    for path in ARIZE_PATHS:
        parts = path.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            module = sys.modules.setdefault(name, types.ModuleType(name))
            module.__path__ = []
            if length > 1:
                setattr(sys.modules[".".join(parts[: length - 1])], parts[length - 1], module)
        for each in (Evaluator, CodeEvaluator, EvaluationResult):
            setattr(sys.modules[path], each.__name__, each)
