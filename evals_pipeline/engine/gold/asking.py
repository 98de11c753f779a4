"""From a name and a file to a finished test: which evaluator is meant, who is asked, and what that cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from evals_pipeline.core.calls import Tally
from evals_pipeline.core.errors import ConfigError, ParameterError, UnknownNameError
from evals_pipeline.core.task import EvaluatorUse
from evals_pipeline.engine.answers import DefinitionAsker
from evals_pipeline.engine.askers import judge_asker
from evals_pipeline.engine.gold.agreement import require_gold_extra
from evals_pipeline.engine.gold.code import CodeRows
from evals_pipeline.engine.gold.rows import GoldRow, chosen_rows, read_gold
from evals_pipeline.engine.gold.testing import GoldReport, gold_report
from evals_pipeline.engine.hub.resolving import Evaluator
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.sandboxes import ConfinedCheckAsker, RunSandbox, preloaded
from evals_pipeline.engine.trying.given_parameters import as_option, typed
from evals_pipeline.engine.trying.named import NamedEvaluator
from evals_pipeline.engine.trying.trials import TEST_TASK, Confined, limits_of, refuse_model
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.confined import is_confined
from evals_pipeline.ledger.ledger import RunKey


@dataclass(frozen=True, slots=True)
class GoldRequest:
    """What is to be tested.

    Attributes:
        evaluator: As it was named: `polite`, `polite@2` or `evaluators/polite.py`.
        file: Labelled rows.
        parameters: Of code: name -> texts, several for a list.
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
        ran: Which content of the evaluator ran, such as `version 3`.
        model: The model that was asked; null for code.
        file_rows: Labelled rows in the file.
        unlabelled: Rows in the file without a gold label, which are left out.
        tally: What it cost; null for code.
        log: The head of what custom code printed.
    """

    evaluator: str
    version: str
    ran: str
    kind: str
    model: str | None
    file_rows: int
    unlabelled: int
    report: GoldReport
    tally: Tally | None
    log: str = ""


def run_gold_test(request: GoldRequest, named: NamedEvaluator, here: Installation | None, *, now: datetime) -> GoldTest:
    """Ask about the rows of a file, and compare; a judge asks through the ledger of `here`, so a repeat costs nothing.

    Args:
        request: What is to be tested.
        named: The evaluator that is meant.
        here: Where answers are kept; null where there is no project, which is enough for checks.
        now: The present.

    Raises:
        ConfigError: Something of the request does not fit; nothing has been asked then.
        SourceError: The file cannot be read.
        ProviderError: The model's provider refuses every call; what was answered before is kept in the ledger.
        SandboxError: Custom code cannot be run in confinement here.
    """
    require_gold_extra()
    parameters = typed(named.hub, named.spelled, request.parameters)
    use = EvaluatorUse(evaluator=named.spelled, parameters=parameters, model=request.model)
    try:
        found = named.hub.resolved(use)
    except ParameterError as error:
        raise as_option(error, request.parameters) from error
    evaluator, labels = found.evaluator, _labels(found.evaluator)
    if request.positive is not None and labels is not None and request.positive not in labels:
        raise UnknownNameError.of("label", request.positive, labels)
    file = read_gold(
        request.file, evaluator.variables, mapping=request.mapping, label_column=request.label_column, labels=labels
    )
    rows = chosen_rows(file.rows, request.limit, balanced=request.is_balanced)
    done = _done(request, evaluator, rows, here, now=now)
    return GoldTest(
        evaluator=evaluator.name,
        version=found.version,
        ran=named.ran(found.version),
        kind=str(evaluator.annotator_kind),
        model=evaluator.model.name if isinstance(evaluator, Judge) else None,
        file_rows=len(file.rows),
        unlabelled=file.unlabelled,
        report=done.report,
        tally=done.tally,
        log=done.log,
    )


@dataclass(frozen=True, slots=True)
class _Done:
    report: GoldReport
    tally: Tally | None = None
    log: str = ""


def _done(
    request: GoldRequest, evaluator: Evaluator, rows: Sequence[GoldRow], here: Installation | None, *, now: datetime
) -> _Done:
    match evaluator:
        case PrebuiltCheck():
            return _checked(evaluator, rows)
        case Custom():
            return _confined(request, evaluator, rows)
        case Judge():
            return _judged(request, evaluator, rows, here, now=now)


def _checked(check: PrebuiltCheck, rows: Sequence[GoldRow]) -> _Done:
    with RunSandbox(preloaded(check)) as sandbox:  # started for patterns alone that some text keeps busy for ever
        confined = ConfinedCheckAsker(check, sandbox, lambda _: None) if is_confined(check) else None
        return _Done(gold_report(confined or DefinitionAsker(check), rows, check.labels))


def _confined(request: GoldRequest, custom: Custom, rows: Sequence[GoldRow]) -> _Done:
    shown = CodeRows.of(custom, rows)
    with RunSandbox(preloaded(custom)) as sandbox:
        asker = Confined(shown.program, custom.limits, sandbox)
        report = gold_report(asker, rows, None, batch_of=shown.batch)
    if request.positive is not None and request.positive not in report.agreement.labels:
        raise UnknownNameError.of("label", request.positive, report.agreement.labels)
    return _Done(report, log=asker.log)


def _judged(
    request: GoldRequest, judge: Judge, rows: Sequence[GoldRow], here: Installation | None, *, now: datetime
) -> _Done:
    if here is None:
        raise ConfigError(
            "a judge is tested in a project: its answers are kept there, so that nothing is paid twice",
            hint="make one with: evals init DIR, or name one: --project-dir DIR",
        )
    refuse_model(judge.model, request.budget_usd)
    key = RunKey(f"test-{uuid4()}", request.evaluator, TEST_TASK, now.date())
    asker = judge_asker(here, judge.name, judge, key, limits_of(request.budget_usd, key))
    report = gold_report(asker, rows, tuple(judge.labels_and_scores))
    return _Done(report, here.ledger.spending(run_id=key.run_id).get(judge.name, Tally()))


def _labels(evaluator: Evaluator) -> tuple[str, ...] | None:
    """What it can say; None for custom code, of which nobody knows."""
    match evaluator:
        case PrebuiltCheck():
            return evaluator.labels
        case Judge():
            return tuple(evaluator.labels_and_scores)
        case Custom():
            return None
