"""Scores LLM traces: checks and judges over OpenInference spans, exactly once, every decision explained.

For notebooks::

    from evals_pipeline import evaluate_frame, evaluator

    orders = evaluator("matches_regex", pattern="ORD-[0-9]{6}")
    evaluate_frame(spans, orders, mapping={"text": "attributes.output.value"})

with a class of your own, which runs in the sandbox::

    from evals_pipeline import code_evaluator

    evaluate_frame(spans, code_evaluator("evaluators/polite.py"), mapping={"output": "attributes.output.value"})

and with a model as the judge::

    from evals_pipeline import LLM, create_classifier

    polite = create_classifier(
        name="polite",
        llm=LLM(model="gpt-5-mini"),
        prompt_template="Is this answer polite? {output}",
        choices={"polite": 1, "rude": 0},
    )
    polite.evaluate(output="Go away.")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evals_pipeline.core.code_evaluator import CodeEvaluator, use_arize_paths
    from evals_pipeline.core.evaluator import EvaluationResult
    from evals_pipeline.engine.trying.frames import evaluate_frame
    from evals_pipeline.engine.trying.notebooks import code_evaluator
    from evals_pipeline.evaluators.judge.classifier import LLM, create_classifier
    from evals_pipeline.evaluators.prebuilt.registry import evaluator

__version__ = "0.1.0"

__all__ = [
    "LLM",
    "CodeEvaluator",
    "EvaluationResult",
    "__version__",
    "code_evaluator",
    "create_classifier",
    "evaluate_frame",
    "evaluator",
    "use_arize_paths",
]

_HOMES = {
    "CodeEvaluator": "evals_pipeline.core.code_evaluator",
    "EvaluationResult": "evals_pipeline.core.evaluator",
    "LLM": "evals_pipeline.evaluators.judge.classifier",
    "code_evaluator": "evals_pipeline.engine.trying.notebooks",
    "create_classifier": "evals_pipeline.evaluators.judge.classifier",
    "evaluate_frame": "evals_pipeline.engine.trying.frames",
    "evaluator": "evals_pipeline.evaluators.prebuilt.registry",
    "use_arize_paths": "evals_pipeline.core.code_evaluator",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import evals_pipeline` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
