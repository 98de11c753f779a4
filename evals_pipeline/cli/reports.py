"""How a run is told: its outcomes, the labels of its days, how fast it was, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rich.text import Text

from evals_pipeline.cli import screen
from evals_pipeline.core.calls import NANO
from evals_pipeline.core.outcome import Outcome

if TYPE_CHECKING:
    from evals_pipeline.core.calls import Tally
    from evals_pipeline.engine.history import RunReport
    from evals_pipeline.engine.run_errors import CommonError
    from evals_pipeline.engine.summary import Summary

_BAR = 20
_ERROR_LENGTH = 300


@dataclass(frozen=True, slots=True)
class TaskReport:
    """A run of a task beside the current results of its days."""

    report: RunReport
    summary: Summary
    failures: tuple[str, ...] = ()
    errors: Mapping[str, CommonError] = field(default_factory=dict)

    @property
    def rows_per_second(self) -> float | None:
        """Verdicts a second, None when there are none."""
        seconds = self.report.seconds
        return self.report.judged / seconds if seconds and self.report.judged else None

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        report = self.report
        return {
            **run_document(report),
            "judged": report.judged,
            "rows_per_second": self.rows_per_second and round(self.rows_per_second, 1),
            "labels": {name: _shares(of.labels) for name, of in self.summary.evaluators.items()},
            "errors": {name: asdict(error) for name, error in self.errors.items()},
            "failures": list(self.failures),
        }

    def show(self) -> None:
        """Print it."""
        report = self.report
        screen.say()
        screen.say(f"{report.task} on {report.project}, {days_text(report)}: run {report.run_id[:8]}", style="bold")
        _show_outcomes(report, self.summary)
        _show_labels(self.summary)
        speed = f" ({screen.count(round(self.rows_per_second))} a second)" if self.rows_per_second else ""
        seconds = "" if report.seconds is None else f" in {report.seconds:.1f} s{speed}"
        looked_at, judged = screen.counted(report.candidates, "span"), screen.counted(report.judged, "verdict")
        screen.say(f"{looked_at} looked at, {judged}{seconds}")
        if report.spent is not None:
            screen.say(_spent_text(report.spent))
        if report.sandbox is not None:
            screen.say(f"sandbox: {report.sandbox.summary}", style="" if report.sandbox.is_confined else "bold red")
        for name, error in self.errors.items():
            units, example = screen.counted(error.units, "unit"), ", for example" if error.units > 1 else ""
            said = screen.clean(f"{error.error_type}{example}: {error.example}", limit=_ERROR_LENGTH)
            screen.note(f"{name} failed most often, on {units}, with {said}", style="yellow")


def run_document(report: RunReport) -> dict[str, Any]:
    """A run as JSON."""
    return {
        "run_id": report.run_id,
        "task": report.task,
        "project": report.project,
        "days": list(report.days),
        "started_at": report.started_at,
        "seconds": report.seconds,
        "status": report.status,
        "messages": list(report.messages),
        "options": dict(report.options),
        "candidates": report.candidates,
        "outcomes": {name: {str(met): count for met, count in of.items()} for name, of in report.outcomes.items()},
        "judges": _spent_document(report.spent),
        "sandbox": None if report.sandbox is None else report.sandbox.as_dict(),
    }


def usd_text(spent: Tally | None) -> str:
    """What judges cost; empty without judges."""
    if spent is None:
        return ""
    return "unknown" if spent.unpriced else screen.usd(spent.nano_usd / NANO)


def _spent_document(spent: Tally | None) -> dict[str, Any] | None:
    if spent is None:
        return None
    return {
        "questions": spent.questions,
        "reused": spent.reused,
        "calls": spent.calls,
        "repairs": spent.repairs,
        "retries": spent.retries,
        "refusals": spent.refusals,
        "prompt_tokens": spent.usage.prompt_tokens,
        "cached_tokens": spent.usage.cached_tokens,
        "completion_tokens": spent.usage.completion_tokens,
        "reasoning_tokens": spent.usage.reasoning_tokens,
        "cost_usd": None if spent.unpriced else spent.nano_usd / NANO,
    }


def days_text(report: RunReport) -> str:
    """The days of a run, first to last."""
    first, last = report.days[0], report.days[-1]
    return str(first) if first == last else f"{first} to {last} ({len(report.days)} days)"


def _spent_text(spent: Tally) -> str:
    """What the judges of a run asked and cost, in a line."""
    tokens = f"{screen.count(spent.usage.prompt_tokens)} + {screen.count(spent.usage.completion_tokens)} tokens"
    price = "at an unknown price" if spent.unpriced else f"for {screen.usd(spent.nano_usd / NANO)} USD"
    reused = f", {screen.counted(spent.reused, 'answer')} reused" if spent.reused else ""
    troubles = (("repairs", spent.repairs), ("retries", spent.retries), ("refusals", spent.refusals))
    told = "".join(f", {name} {screen.count(number)}" for name, number in troubles if number)
    return f"judges: {screen.counted(spent.calls, 'call')} with {tokens} {price}{reused}{told}"


def _show_outcomes(report: RunReport, summary: Summary) -> None:
    if not report.outcomes:
        return
    names = sorted(report.outcomes, key=[*summary.evaluators, *report.outcomes].index)  # as the task names them
    met = [outcome for outcome in Outcome if any(of.get(outcome) for of in report.outcomes.values())]
    columns = ["evaluator", "candidates", *(str(outcome) for outcome in met)]
    rows = [
        [name, *map(screen.count, [sum(of.values()), *(of.get(outcome, 0) for outcome in met)])]
        for name, of in ((name, report.outcomes[name]) for name in names)
    ]
    screen.table(columns, rows, title="Outcomes of this run", right=columns[1:])


def _show_labels(summary: Summary) -> None:
    rows = [
        [name, label, screen.count(entry["count"]), screen.percent(entry["share"]), _bar(entry["share"])]
        for name, of in summary.evaluators.items()
        for label, entry in _shares(of.labels).items()
    ]
    rows += [
        [name, f"(no labels; mean score {of.score_mean:.4g})", screen.count(of.score_count), "", ""]
        for name, of in summary.evaluators.items()
        if of.score_mean is not None and not of.labels
    ]
    if rows:
        columns = ("evaluator", "label", "count", "share", "")
        screen.table(columns, rows, title="Current results of these days", right=("count", "share"))


def _bar(share: float) -> Text:
    full = round(share * _BAR)
    return Text.assemble(("█" * full, "cyan"), ("░" * (_BAR - full), "dim"))


def _shares(labels: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    total = sum(labels.values())
    return {label: {"count": count, "share": count / total} for label, count in labels.items()}
