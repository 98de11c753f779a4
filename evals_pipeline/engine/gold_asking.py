"""From a name and a file to a finished test: which evaluator is meant, who is asked, and what that cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from evals_pipeline.core.calls import NANO, BudgetLimit, Tally
from evals_pipeline.core.errors import ConfigError, ParameterError, UnknownNameError
from evals_pipeline.core.evaluator import ParameterType
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.task import EvaluatorUse, ParameterValue
from evals_pipeline.engine.agreement import require_gold_extra
from evals_pipeline.engine.answers import DefinitionAsker
from evals_pipeline.engine.askers import asker_of
from evals_pipeline.engine.evaluators import Evaluator, Hub
from evals_pipeline.engine.gold import GoldReport, gold_report
from evals_pipeline.engine.gold_rows import GoldFile, chosen_rows, read_gold
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.readiness import refuse_unpriced, unready
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.registry import prebuilt_names, prebuilt_parameters
from evals_pipeline.ledger.ledger import RunKey

TEST_TASK = "hub_test"
"""The task under which the ledger keeps what tests cost."""

_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class GoldRequest:
    """What is to be tested.

    Attributes:
        evaluator: Its name.
        file: Labelled rows.
        parameters: Of a prebuilt check: name -> texts, several for a list.
        model: Of a judge: a name in `models.yaml`; null: the judge's own.
        mapping: Variable -> column or path of the file.
        limit: Rows at most.
        is_balanced: Whether equally many rows of each gold label are taken.
        positive: The label whose precision, recall and F1 are told.
        budget_usd: Most that may be spent.
    """

    evaluator: str
    file: Path
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    model: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    label_column: str = "label"
    limit: int | None = None
    is_balanced: bool = False
    positive: str | None = None
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class GoldTest:
    """A finished test.

    Attributes:
        model: The model that was asked; null for a check.
        file_rows: Labelled rows in the file.
        unlabelled: Rows in the file without a gold label, which are left out.
        tally: What it cost; null for a check.
    """

    evaluator: str
    version: str
    kind: str
    model: str | None
    file_rows: int
    unlabelled: int
    report: GoldReport
    tally: Tally | None


def run_gold_test(request: GoldRequest, hub: Hub, here: Installation | None, *, now: datetime) -> GoldTest:
    """Ask about the rows of a file, and compare; a judge asks through the ledger of `here`, so a repeat costs nothing.

    Args:
        request: What is to be tested.
        hub: The evaluators there are.
        here: Where answers are kept; null where there is no project, which is enough for checks.
        now: The present.

    Raises:
        ConfigError: Something of the request does not fit; nothing has been asked then.
        SourceError: The file cannot be read.
        ProviderError: The model's provider refuses every call; what was answered before is kept in the ledger.
    """
    require_gold_extra()
    evaluator = hub.evaluator(_use(request))
    labels = _labels(evaluator)
    if request.positive is not None and request.positive not in labels:
        raise UnknownNameError.of("label", request.positive, labels)
    found = read_gold(
        request.file, evaluator.variables, mapping=request.mapping, label_column=request.label_column, labels=labels
    )
    rows = chosen_rows(found.rows, request.limit, balanced=request.is_balanced)
    if isinstance(evaluator, PrebuiltCheck):
        return _test(evaluator, found, gold_report(DefinitionAsker(evaluator), rows, labels))
    if here is None:
        raise ConfigError(
            "a judge is tested in a project: its answers are kept there, so that nothing is paid twice",
            hint="make one with: evals init DIR, or name one: --project-dir DIR",
        )
    _refuse_model(evaluator.model, request.budget_usd)
    key = RunKey(f"test-{uuid4()}", request.evaluator, TEST_TASK, now.date())
    report = gold_report(asker_of(here, evaluator.name, evaluator, key, _limits(request, key)), rows, labels)
    return _test(evaluator, found, report, here.ledger.spending(run_id=key.run_id).get(evaluator.name, Tally()))


def _refuse_model(model: ModelSpec, budget_usd: float | None) -> None:
    """Raises ConfigError for a model that cannot be asked, or not within a budget in money."""
    if (missing := unready(model)) is not None:
        raise missing
    if budget_usd is not None and not math.isfinite(budget_usd):
        raise ConfigError(f"a budget is an amount of USD, not {budget_usd}", hint="leave it out for no limit")
    if budget_usd is not None:
        refuse_unpriced(model)


def _limits(request: GoldRequest, key: RunKey) -> tuple[BudgetLimit, ...]:
    if request.budget_usd is None:
        return ()
    return (BudgetLimit("test", key.run_id, round(request.budget_usd * NANO), None),)


def _use(request: GoldRequest) -> EvaluatorUse:
    name = request.evaluator
    types = {each.name: each.type for each in prebuilt_parameters(name)} if name in prebuilt_names() else {}
    parameters = {known: _parameter(known, types.get(known), texts) for known, texts in request.parameters.items()}
    return EvaluatorUse(evaluator=name, parameters=parameters, model=request.model)


def _parameter(name: str, kind: ParameterType | None, texts: Sequence[str]) -> ParameterValue:
    if kind == "string_array":
        return list(texts)
    if len(texts) > 1:
        raise ParameterError(f"the parameter {name!r} is given {len(texts)} times, and is no list")
    if kind == "boolean":
        return _BOOLEANS.get(texts[0].lower(), texts[0])
    return texts[0]


def _labels(evaluator: Evaluator) -> tuple[str, ...]:
    return evaluator.labels if isinstance(evaluator, PrebuiltCheck) else tuple(evaluator.labels_and_scores)


def _test(evaluator: Evaluator, found: GoldFile, report: GoldReport, tally: Tally | None = None) -> GoldTest:
    return GoldTest(
        evaluator=evaluator.name,
        version=evaluator.version,
        kind=str(evaluator.annotator_kind),
        model=None if isinstance(evaluator, PrebuiltCheck) else evaluator.model.name,
        file_rows=len(found.rows),
        unlabelled=found.unlabelled,
        report=report,
        tally=tally,
    )
