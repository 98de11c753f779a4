"""Evaluators as Python that makes them without a project: source for custom code, a call for judges and checks."""

from __future__ import annotations

import ast
from typing import Any

from evals_pipeline.core.model import ModelSpec
from evals_pipeline.engine.trying.exported_texts import RUN
from evals_pipeline.engine.trying.literals import written
from evals_pipeline.engine.trying.named import Chosen
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck


def evaluator_text(chosen: Chosen) -> str:
    """What is to be changed: the source of custom code, or the call that makes a judge or a check."""
    match chosen.use.evaluator:
        case Custom() as custom:
            return custom.source
        case Judge() as judge:
            return _judge_text(judge)
        case PrebuiltCheck() as check:
            return _check_text(check)


def run_text(use: PlannedUse) -> str:
    """`run_evaluators`, which shows the evaluator the rows."""
    match use.evaluator:
        case Custom() as custom:
            row = "dataset_row=dict(row), " if custom.definition.takes_row else ""
            making = (
                f"    evaluator = {custom.definition.class_name}()\n"
                "    for name, value in TASK_PARAMETERS.items():\n"
                "        setattr(evaluator, name, value)"
            )
            return RUN.format(making=making, called=f"evaluator.evaluate({row}**values)").lstrip("\n")
        case Judge():
            return RUN.format(making="    evaluator = judge", called="evaluator.evaluate(**values)").lstrip("\n")
        case PrebuiltCheck():
            return RUN.format(making="    evaluator = check", called="evaluator.evaluate(**values)").lstrip("\n")


def names_of(source: str) -> frozenset[str]:
    """What a module binds or reads by name, wherever."""
    tree = ast.parse(source)
    defined = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return frozenset({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | defined | imported)


def _judge_text(judge: Judge) -> str:
    spec = judge.spec
    given: dict[str, str] = {
        "name": repr(spec.name),
        "prompt_template": _long_text(spec.template),
        "llm": _model_text(judge.model),
        "choices": written(dict(spec.choices), indent=4),
        "explanation": repr(spec.explanation),
        "direction": repr(spec.direction),
    }
    for name in ("score", "max_value_tokens", "variables", "description"):
        if name in spec.model_fields_set:
            given[name] = written(getattr(spec, name), indent=4)
    lines = "".join(f"    {name}={text},\n" for name, text in given.items())
    return (
        "from evals_pipeline import LLM, create_classifier\n\n"
        "# It asks the model: each run of it may cost something. The key is read from the environment.\n"
        f"judge = create_classifier(\n{lines})\n"
    )


def _model_text(model: ModelSpec) -> str:
    given: dict[str, Any] = model.model_dump(mode="json", exclude_unset=True)
    name = given.pop("name")
    others = "".join(f", {key}={written(value)}" for key, value in given.items())
    return f"LLM(model={name!r}{others})"


def _check_text(check: PrebuiltCheck) -> str:
    given = {name: value for name, value in check.parameters.items() if value is not None}
    lines = "".join(f"    {name}={written(value, indent=4)},\n" for name, value in given.items())
    return f"from evals_pipeline import evaluator\n\ncheck = evaluator(\n    {check.name!r},\n{lines})\n"


def _long_text(text: str) -> str:
    """A text over several lines, one of its lines on each."""
    lines = "".join(f"        {line!r}\n" for line in text.splitlines(keepends=True))
    return f"(\n{lines}    )"
