"""Behaviours of the classes that `arize` 7.25.7 and 8.61 publish, which pasted code may rely on."""

import asyncio
import dataclasses
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest

import evals_pipeline
from evals_pipeline.core.code_evaluator import ARIZE_MODULES, ARIZE_PATHS, CodeEvaluator, Evaluator, LLMEvaluator
from evals_pipeline.core.evaluator import AnnotatorKind, EvaluationResult


def defined(source: str) -> type[Evaluator]:
    """The class X that the source defines."""
    names: dict[str, Any] = {
        "CodeEvaluator": CodeEvaluator,
        "Evaluator": Evaluator,
        "LLMEvaluator": LLMEvaluator,
        "EvaluationResult": EvaluationResult,
    }
    exec(source, names)
    found: type[Evaluator] = names["X"]
    return found


def class_with(method: str, base: str = "CodeEvaluator") -> str:
    return f"class X({base}):\n    {method}\n        return EvaluationResult(score=1)\n"


@pytest.mark.parametrize(
    "source",
    [
        class_with("def evaluate(self, *, output=None, **kwargs):"),
        class_with("def evaluate(self, output=None, **kwargs):"),
        class_with("def evaluate(self, **kwargs):"),
        class_with("def evaluate(self, *, dataset_row, input, output, metadata, **kwargs):"),
        class_with("def evaluate(self, *, experiment_output, dataset_output, **others):"),
        class_with("def evaluate(this, *, output=None, **kwargs):"),
        class_with("async def async_evaluate(self, *, output=None, **kwargs):"),
        class_with("def evaluate(self, *, output=None, **kwargs):", base="Evaluator"),
        class_with("def evaluate(self, *, output=None, **kwargs):", base="LLMEvaluator"),
        "class Base(CodeEvaluator, is_abstract=True):\n    pass\n"
        "class X(Base):\n    def evaluate(self, **kwargs):\n        return EvaluationResult(1)",
        "class Mixin:\n    def evaluate(self, **kwargs):\n        return EvaluationResult(1)\n"
        "class X(Mixin, CodeEvaluator):\n    pass",
        "class Base(CodeEvaluator):\n    def evaluate(self, **kwargs):\n        return EvaluationResult(1)\n"
        "class X(Base):\n    pass",
    ],
)
def test_a_class_within_the_contract_is_defined_and_made(source: str) -> None:
    assert isinstance(defined(source)(), Evaluator)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (class_with("def evaluate(self, *, output=None):"), "kwargs"),
        (class_with("def evaluate(self, output):"), "kwargs"),
        (class_with("def evaluate(self, *, text, **kwargs):"), "'text'"),
        (class_with("def evaluate(self, text, /, **kwargs):"), "'text'"),
        (class_with("def evaluate(self, *args, **kwargs):"), r"\*args"),
        (class_with("def evaluate(*, output=None, **kwargs):"), "self"),
        (class_with("def evaluate(**kwargs):"), "self"),
        (class_with("def evaluate():"), "self"),
        (class_with("async def async_evaluate(self, *, text, **kwargs):"), "'text'"),
        ("class X(CodeEvaluator):\n    pass", "needs a method evaluate"),
        ("class X(CodeEvaluator):\n    def judge(self): ...", "needs a method evaluate"),
        (
            "class Mixin:\n    def evaluate(self, **kwargs): ...\nclass X(CodeEvaluator, Mixin):\n    pass",
            "needs a method evaluate",
        ),
    ],
)
def test_a_class_outside_the_contract_is_refused_when_it_is_defined(source: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        defined(source)


@pytest.mark.parametrize("base", [Evaluator, CodeEvaluator, LLMEvaluator])
def test_the_base_classes_judge_nothing_themselves(base: type[Evaluator]) -> None:
    with pytest.raises(TypeError, match="define a subclass"):
        base()


def test_an_evaluator_has_a_name_and_a_kind_that_it_may_set_itself() -> None:
    plain = defined(class_with("def evaluate(self, **kwargs):"))()
    named = defined(class_with("_name = 'polite'\n    def evaluate(self, **kwargs):"))()
    renamed = defined(class_with("def __init__(self): self.name = 'p'\n    def evaluate(self, **kwargs):"))()
    of_model = defined(class_with("def evaluate(self, **kwargs):", base="LLMEvaluator"))()

    assert (plain.name, named.name, renamed.name) == ("X", "polite", "p")
    assert (plain.kind, of_model.kind) == (AnnotatorKind.CODE, AnnotatorKind.LLM)
    assert plain.kind.value == "CODE"


def test_a_constructor_may_take_what_it_likes() -> None:
    made: Any = defined(
        class_with("def __init__(self, limit=3): self.limit = limit\n    def evaluate(self, **kwargs):")
    )

    assert made(limit=7).limit == 7


def test_the_asynchronous_twin_passes_everything_on() -> None:
    source = (
        "class X(CodeEvaluator):\n"
        "    def evaluate(self, *, output=None, dataset_row=None, **kwargs):\n"
        "        return EvaluationResult(label=f'{output} {dataset_row} {sorted(kwargs)}')\n"
    )

    said = asyncio.run(defined(source)().async_evaluate(output="a", dataset_row={"b": 1}, extra=2))

    assert said.label == "a {'b': 1} ['dataset_output', 'experiment_output', 'extra', 'input', 'metadata']"


def test_what_has_only_the_asynchronous_one_does_not_evaluate() -> None:
    evaluator = defined(class_with("async def async_evaluate(self, **kwargs):"))()

    with pytest.raises(NotImplementedError):
        evaluator.evaluate(output="a")


@pytest.mark.parametrize(
    ("made", "seen"),
    [
        (EvaluationResult(1.0, "good", "why", {"a": 1}), (1.0, "good", "why", {"a": 1})),
        (EvaluationResult(score=0), (0, None, None, {})),
        (EvaluationResult(score=True), (True, None, None, {})),
        (EvaluationResult(label="x"), (None, "x", None, {})),
        (EvaluationResult(score=1, label=""), (1, None, None, {})),
        (EvaluationResult(score=1, explanation=""), (1, None, None, {})),
        (EvaluationResult(label=7), (None, "7", None, {})),  # type: ignore[arg-type]
        (EvaluationResult(score=1, explanation=["a"]), (1, None, "['a']", {})),  # type: ignore[arg-type]
    ],
)
def test_a_result_has_four_fields_in_order_and_its_words_as_text(made: EvaluationResult, seen: tuple[Any, ...]) -> None:
    assert dataclasses.astuple(made) == seen


@pytest.mark.parametrize(
    "given", [{}, {"explanation": "why"}, {"label": ""}, {"label": None}, {"label": 0}, {"label": False}]
)
def test_a_result_with_neither_score_nor_label_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="score or a label"):
        EvaluationResult(**given)


@pytest.mark.parametrize(("score", "error"), [(float("nan"), ValueError), (float("inf"), ValueError), ("a", TypeError)])
def test_a_score_that_is_no_finite_number_is_refused_at_once_unlike_in_arize(
    score: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="score must be"):
        EvaluationResult(score=score)


def test_a_result_is_frozen_and_otherwise_an_ordinary_dataclass() -> None:
    made = EvaluationResult(1.0, "good")

    with pytest.raises(dataclasses.FrozenInstanceError):
        made.score = 2.0  # type: ignore[misc]

    assert dataclasses.replace(made, score=0.5) == EvaluationResult(0.5, "good")
    assert repr(made) == "EvaluationResult(score=1.0, label='good', explanation=None, metadata={})"
    assert json.loads(json.dumps(vars(made)))["label"] == "good"
    assert pickle.loads(pickle.dumps(made)) == made
    assert [field.name for field in dataclasses.fields(made)] == ["score", "label", "explanation", "metadata"]


def test_a_result_is_read_from_a_dictionary_that_may_hold_more() -> None:
    made = EvaluationResult.from_dict({"score": 1, "label": "a", "metadata": None, "trace_id": "x"})

    assert made == EvaluationResult(1, "a")
    assert EvaluationResult.from_dict(None) is EvaluationResult.from_dict({}) is None


def test_every_published_path_resolves_to_our_classes() -> None:
    names = {path: sorted(found) for path, found in ARIZE_MODULES.items()}
    script = f"""
import importlib, importlib.util
from evals_pipeline.core import code_evaluator
code_evaluator.use_arize_paths(is_forced=True)
for path, names in {names!r}.items():
    module = importlib.import_module(path)
    for name in names:
        getattr(module, name)
for path in {ARIZE_PATHS!r}:
    scope = {{}}
    exec(f"from {{path}} import *", scope)
    assert scope["CodeEvaluator"] is code_evaluator.CodeEvaluator
import arize.experimental.datasets.experiments.evaluators.base as old
from arize.experiments.evaluators import base as new
assert old.EvaluationResult is new.EvaluationResult
assert importlib.util.find_spec("arize.experiments") is not None
try:
    import arize.pandas
except ModuleNotFoundError as error:
    print(error)
"""

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (0, "No module named 'arize.pandas'\n"), ran.stderr


def test_an_installed_arize_is_left_alone_unless_it_is_to_be_replaced(tmp_path: Any) -> None:
    (tmp_path / "arize").mkdir()
    (tmp_path / "arize" / "__init__.py").write_text("here = True")
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from evals_pipeline.core.code_evaluator import use_arize_paths
use_arize_paths()
import arize
print(hasattr(arize, "here"), "arize.experiments" in sys.modules)
use_arize_paths(is_forced=True)
from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator
print(CodeEvaluator.__module__)
"""

    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)

    assert ran.stdout == "True False\nevals_pipeline.core.code_evaluator\n"


def test_the_package_offers_both_classes() -> None:
    assert evals_pipeline.CodeEvaluator is CodeEvaluator
    assert evals_pipeline.EvaluationResult is EvaluationResult
