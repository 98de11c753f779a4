"""How a test against gold labels is told, on a screen and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from evals_pipeline.cli import screen
from evals_pipeline.core.calls import NANO, Tally
from evals_pipeline.core.outcome import Outcome

if TYPE_CHECKING:
    from evals_pipeline.engine.gold.agreement import Agreement, Estimate
    from evals_pipeline.engine.gold.asking import GoldRequest, GoldTest
    from evals_pipeline.engine.gold.testing import GoldReport, Latency

_REASON_LENGTH = 300


def show(request: GoldRequest, found: GoldTest) -> None:
    """Print it."""
    report = found.report
    by = f" by {found.model}" if found.model else ""
    screen.say(f"{found.evaluator}{by}, {found.ran}, on {request.file.name}", style="bold")
    screen.say(_rows_told(request, found))
    _show_matrix(report.agreement)
    screen.table(("figure", "value", "95% interval", "rows"), list(_figures(report.agreement)), right=("value", "rows"))
    if request.positive is not None:
        _show_positive(request.positive, report.agreement)
    for line in _notes(found):
        screen.say(line)
    for warning in report.warnings:
        screen.say(f"warning: {warning}", style="yellow")
    if found.log:
        screen.say("what it printed:", style="bold")
        screen.say(found.log.rstrip("\n"))


def document(request: GoldRequest, found: GoldTest) -> dict[str, Any]:
    """The same as JSON: shares are 0 to 1, latency is in milliseconds, `cost_usd` null where a price is unknown."""
    report, compared = found.report, found.report.agreement
    return {
        "evaluator": found.evaluator,
        "version": found.version,
        "ran": found.ran,
        "kind": found.kind,
        "model": found.model,
        "file": str(request.file),
        "rows": {"in_file": found.file_rows, "asked": report.verdicts.num_rows, "unlabelled": found.unlabelled},
        "balanced": request.is_balanced,
        "outcomes": {str(outcome): count for outcome, count in report.outcomes.items()},
        "truncated": report.truncated,
        "labels": list(compared.labels),
        "matrix": [list(row) for row in compared.matrix],
        "accuracy": _estimate(compared.accuracy),
        "balanced_accuracy": _estimate(compared.balanced_accuracy),
        "kappa": _estimate(compared.kappa),
        "recall": {label: _estimate(share) for label, share in compared.recall.items()},
        "precision": {label: _estimate(share) for label, share in compared.precision.items()},
        "f1": {label: compared.f1(label) for label in compared.labels},
        "accuracy_with_failures": report.accuracy_with_failures,
        "positive": request.positive,
        "warnings": list(report.warnings),
        "latency_ms": None if report.latency is None else asdict(report.latency),
        "log": found.log,
        **cost(found.tally),
    }


def cost(tally: Tally | None) -> dict[str, Any]:
    """Calls, tokens and money as JSON; `cost_usd` is null where a price is unknown, 0 for code."""
    if tally is None:
        return {"calls": 0, "reused": 0, "repairs": 0, "cost_usd": 0.0, "unpriced_calls": 0, "tokens": None}
    return {
        "calls": tally.calls,
        "reused": tally.reused,
        "repairs": tally.repairs,
        "cost_usd": None if tally.unpriced else tally.nano_usd / NANO,
        "unpriced_calls": tally.unpriced,
        "tokens": asdict(tally.usage),
    }


def _estimate(figure: Estimate | None) -> dict[str, float] | None:
    return None if figure is None else asdict(figure)


def _rows_told(request: GoldRequest, found: GoldTest) -> str:
    asked = found.report.verdicts.num_rows
    told = f"{screen.counted(asked, 'row')} of {screen.count(found.file_rows)}"
    if request.is_balanced:
        told += ", equally many of each gold label: not the shares they have in the file"
    elif asked < found.file_rows:
        told += ", chosen by hash: the same each time"
    if found.unlabelled:
        told += f"; {screen.counted(found.unlabelled, 'row')} without a gold label left out"
    return told


def _show_matrix(compared: Agreement) -> None:
    columns = ("gold \\ given", *compared.labels)
    rows = [[label, *map(screen.count, row)] for label, row in zip(compared.labels, compared.matrix, strict=True)]
    screen.table(columns, rows, right=compared.labels)


def _figures(compared: Agreement) -> Iterator[list[str]]:
    yield ["accuracy", *_share(compared.accuracy), screen.count(compared.rows)]
    yield ["balanced accuracy", *_share(compared.balanced_accuracy), screen.count(compared.rows)]
    yield ["Cohen's kappa", *_number(compared.kappa), screen.count(compared.rows)]
    for label, share in compared.recall.items():
        yield [f"recall of {label}", *_share(share), screen.count(compared.gold[label])]


def _share(figure: Estimate | None) -> tuple[str, str]:
    if figure is None:
        return "none", ""
    return screen.percent(figure.value), f"{screen.percent(figure.low)} to {screen.percent(figure.high)}"


def _number(figure: Estimate | None) -> tuple[str, str]:
    return ("none", "") if figure is None else (f"{figure.value:.2f}", f"{figure.low:.2f} to {figure.high:.2f}")


def _show_positive(label: str, compared: Agreement) -> None:
    f1 = compared.f1(label)
    rows = [
        [f"precision of {label}", *_share(compared.precision[label])],
        [f"recall of {label}", *_share(compared.recall[label])],
        [f"F1 of {label}", "none" if f1 is None else f"{f1:.2f}", ""],
    ]
    screen.table(("positive label", "value", "95% interval"), rows, right=("value",))


def _notes(found: GoldTest) -> Iterator[str]:
    report = found.report
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(report.outcomes.items()))
    yield f"outcomes: {counts}"
    if report.unanswered and report.accuracy_with_failures is not None:
        without = screen.counted(report.unanswered, "row")
        yield (
            f"{without} got no label and {'is' if report.unanswered == 1 else 'are'} in no figure above; "
            f"counted as wrong, accuracy would be {screen.percent(report.accuracy_with_failures)}"
        )
    yield from _errors(report)
    if report.truncated:
        yield f"{screen.counted(report.truncated, 'row')} had a value that was cut to fit"
    if found.report.unlabelled:
        yield f"{screen.counted(found.report.unlabelled, 'row')} got a score and no label: nothing to compare"
    if found.tally is not None:
        yield spent(found.tally)
        yield _latency(report.latency)


def _errors(report: GoldReport) -> Iterator[str]:
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for verdict in report.verdicts.select(["row", "outcome", "error_type", "error_message"]).to_pylist():
        if verdict["outcome"] in (Outcome.ERRORED, Outcome.SKIPPED):
            kinds.setdefault((verdict["outcome"], verdict["error_type"]), []).append(verdict)
    for (outcome, kind), verdicts in kinds.items():
        shown = ", ".join(str(verdict["row"]) for verdict in verdicts[:5]) + (", …" if len(verdicts) > 5 else "")
        yield f"  {outcome}: {kind} in {screen.counted(len(verdicts), 'row')}: {shown}"
        yield f"    row {verdicts[0]['row']}: {screen.clean(verdicts[0]['error_message'], limit=_REASON_LENGTH)}"


def spent(tally: Tally) -> str:
    """Calls, tokens and money in a line."""
    calls = f"{screen.counted(tally.calls, 'call')}, {screen.counted(tally.reused, 'answer')} reused"
    if tally.repairs:
        calls += f", {screen.counted(tally.repairs, 'repair')}"
    usage = tally.usage
    tokens = f"{screen.count(usage.prompt_tokens)} prompt ({screen.count(usage.cached_tokens)} cached)"
    tokens += f" and {screen.count(usage.completion_tokens)} completion tokens"
    return f"{calls}; {tokens}; {_money(tally)}"


def _money(tally: Tally) -> str:
    usd = f"{screen.usd(tally.nano_usd / NANO)} USD"
    if not tally.unpriced:
        return usd
    return "price unknown" if tally.unpriced >= tally.calls else f"{usd} and {tally.unpriced:,} calls of unknown price"


def _latency(latency: Latency | None) -> str:
    if latency is None:
        return "latency: no call was made"
    return f"latency: median {latency.median:,.0f} ms, 95th percentile {latency.p95:,.0f} ms"
