"""The base class of custom code evaluators, as `arize` publishes it, and the paths under which pasted code finds it.

The contract is that of `arize.experimental.datasets.experiments.evaluators.base` (7.x), which 8.x keeps as
`arize.experiments.evaluators.base`: a class is checked when it is defined, values come by name, the result is frozen.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
import types
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from typing import Any, Union

from evals_pipeline.core.evaluator import AnnotatorKind, EvaluationResult

RESERVED = ("dataset_row", "input", "output", "experiment_output", "dataset_output", "metadata")
"""Parameters of `evaluate` that need no default."""

_METHODS = ("evaluate", "async_evaluate")


class Evaluator(ABC):
    """Whatever judges; define a subclass of `CodeEvaluator` instead.

    A class for others to build on, which judges nothing by itself: `class Base(CodeEvaluator, is_abstract=True)`.

    Raises:
        ValueError: When a subclass is defined that has neither `evaluate` nor `async_evaluate`, or whose method has no
            `**kwargs`, or has a parameter without default that is none of `RESERVED`.
        TypeError: When an object of this class itself is made.
    """

    _name: str
    _kind: AnnotatorKind

    def __init_subclass__(cls, is_abstract: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not is_abstract:
            _check(cls)

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """An object of a subclass; what `__init__` takes is its own affair."""
        if cls in (Evaluator, CodeEvaluator, LLMEvaluator):
            raise TypeError(f"{cls.__name__} judges nothing by itself: define a subclass with an evaluate() method")
        return object.__new__(cls)

    # Evaluators set both on the object, which a plain property would refuse.
    @functools.cached_property
    def name(self) -> str:
        """The name of the class, unless `_name` says another."""
        return getattr(self, "_name", type(self).__name__)

    @functools.cached_property
    def kind(self) -> AnnotatorKind:
        """CODE, unless `_kind` says otherwise."""
        return getattr(self, "_kind", AnnotatorKind.CODE)

    def evaluate(
        self,
        *,
        dataset_row: Any = None,
        input: Any = types.MappingProxyType({}),
        output: Any = None,
        experiment_output: Any = None,
        dataset_output: Any = types.MappingProxyType({}),
        metadata: Any = types.MappingProxyType({}),
        **kwargs: Any,
    ) -> EvaluationResult:
        """The verdict on one unit."""
        raise NotImplementedError(f"{type(self).__name__} has no evaluate()")

    async def async_evaluate(
        self,
        *,
        dataset_row: Any = None,
        input: Any = types.MappingProxyType({}),
        output: Any = None,
        experiment_output: Any = None,
        dataset_output: Any = types.MappingProxyType({}),
        metadata: Any = types.MappingProxyType({}),
        **kwargs: Any,
    ) -> EvaluationResult:
        """What `evaluate` says."""
        return self.evaluate(
            dataset_row=dataset_row,
            input=input,
            output=output,
            experiment_output=experiment_output,
            dataset_output=dataset_output,
            metadata=metadata,
            **kwargs,
        )


class CodeEvaluator(Evaluator, is_abstract=True):
    """Base of evaluators in plain Python.

    A subclass defines `evaluate(self, *, <variables>=None, **kwargs)` and returns an `EvaluationResult`. Each variable
    is mapped by the task; `dataset_row`, where it is a parameter, is a dictionary of all mapped columns.
    """

    _kind = AnnotatorKind.CODE


class LLMEvaluator(Evaluator, is_abstract=True):
    """The same for those that ask a model; pasted code names it, and within the sandbox there is no model to ask."""

    _kind = AnnotatorKind.LLM


def _check(cls: type[Evaluator]) -> None:
    for each in cls.__mro__:
        if each in (Evaluator, LLMEvaluator):
            break
        for name in _METHODS:
            method = vars(each).get(name)
            if method is not None:
                _check_signature(f"{cls.__name__}.{name}()", method)
                return
    raise ValueError(
        f"{cls.__name__} needs a method evaluate(self, *, <variables>=None, **kwargs); "
        f"a class for others to build on says class {cls.__name__}(CodeEvaluator, is_abstract=True)"
    )


def _check_signature(called: str, method: Any) -> None:
    function = method.__func__ if isinstance(method, classmethod | staticmethod) else method
    parameters = list(inspect.signature(function).parameters.values())
    first = parameters.pop(0) if parameters else None
    if first is None or first.kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
        raise ValueError(f"{called} needs self as its first parameter")
    if all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in parameters):
        raise ValueError(f"{called} must accept **kwargs, so that later versions can pass more")
    if first.kind is inspect.Parameter.VAR_POSITIONAL:
        parameters.append(first)
    for each in parameters:
        if each.kind is inspect.Parameter.VAR_KEYWORD or each.name in RESERVED:
            continue
        if each.kind is inspect.Parameter.VAR_POSITIONAL:
            raise ValueError(f"{called} is given values by name only: remove *{each.name}")
        if each.default is inspect.Parameter.empty:
            raise ValueError(f"{called} needs a default for {each.name!r}, such as {each.name}=None")


_Json = dict[str, Any] | list[Any] | str | int | float | bool | None
_Score = bool | int | float | None
_Text = str | None
_Mapping = Mapping[str, _Json]
_Output = EvaluationResult | bool | int | float | str | tuple[_Score, _Text, _Text]
_Function = Evaluator | Callable[..., Any]

_OF_RESULTS: Mapping[str, Any] = {
    "AnnotatorKind": AnnotatorKind,
    "EvaluationResult": EvaluationResult,
    "EvaluatorKind": str,
    "EvaluatorName": str,
    "EvaluatorOutput": _Output,
    "Explanation": _Text,
    "JSONSerializable": _Json,
    "Label": _Text,
    "Score": _Score,
}
_OF_EXAMPLES: Mapping[str, Any] = {
    "ExampleInput": _Mapping,
    "ExampleMetadata": _Mapping,
    "ExampleOutput": _Mapping,
    "TaskOutput": _Json,
}
_OF_BASES: Mapping[str, Any] = {
    **{name: found for name, found in _OF_RESULTS.items() if name not in ("Score", "Label", "Explanation")},
    **_OF_EXAMPLES,
    "CodeEvaluator": CodeEvaluator,
    "Evaluator": Evaluator,
    "Evaluators": Union[_Function, Sequence[_Function], Mapping[str, _Function]],  # noqa: UP007  # `|` with a tuple type
    "ExperimentEvaluator": _Function,
    "LLMEvaluator": LLMEvaluator,
}

_OLD = "arize.experimental.datasets.experiments"
_NEW = "arize.experiments"
ARIZE_MODULES: Mapping[str, Mapping[str, Any]] = {
    f"{_OLD}.evaluators.base": _OF_BASES,
    f"{_OLD}.types": {**_OF_RESULTS, **_OF_EXAMPLES},
    f"{_NEW}.evaluators.base": _OF_BASES,
    f"{_NEW}.evaluators.types": _OF_RESULTS,
    f"{_NEW}.types": {**_OF_EXAMPLES, "EvaluationResult": EvaluationResult, "JSONSerializable": _Json},
    _NEW: {"EvaluationResult": EvaluationResult, "Evaluator": Evaluator},
}
"""Where pasted code imports from, and what it finds there: what an evaluator needs, not the client."""

ARIZE_PATHS = (f"{_OLD}.evaluators.base", f"{_NEW}.evaluators.base")
"""Where pasted code imports `CodeEvaluator` and `EvaluationResult` from, in 7.x and in 8.x."""


def use_arize_paths(*, is_forced: bool = False) -> None:
    """Let `from arize.….evaluators.base import CodeEvaluator, EvaluationResult` find the classes of this module.

    Args:
        is_forced: Take the place of an installed `arize`, whose 8.x lacks the 7.x path; else it is left alone.
    """
    if not is_forced and ("arize" in sys.modules or importlib.util.find_spec("arize") is not None):
        return
    for path, names in ARIZE_MODULES.items():
        vars(_module(path)).update(names)


def _module(path: str) -> types.ModuleType:
    """The made-up module of that name, within those above it."""
    module = sys.modules.get(path)
    if module is None or module.__spec__ is None or module.__spec__.origin != __name__:
        module = types.ModuleType(path)
        module.__spec__ = ModuleSpec(path, None, origin=__name__, is_package=True)
        module.__path__ = []
        sys.modules[path] = module
    above, _, name = path.rpartition(".")
    if above:
        setattr(_module(above), name, module)
    return module
