"""What judges asked and cost, as asset pages show it: numbers that become charts, and a table by evaluator."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from evals_pipeline.core.calls import NANO, Tally
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.orchestration.tables import Cell, Metadata, table_if

_COLUMNS = ("evaluator", "USD", "calls", "reused", "repairs", "retries", "refusals", "prompt tokens", "answer tokens")
"""Few and short, the money first: a wider table is cut off at the right."""


def judges_metadata(spent: Mapping[str, Tally], counts: Mapping[str, Mapping[Outcome, int]]) -> Metadata:
    """What the judges of one run and day asked and cost; nothing where there are no judges.

    A sum of money is shown only when the price of every call is known.
    """
    if not spent:
        return {}
    whole = sum(spent.values(), Tally())
    numbers = {
        "judge_calls": whole.calls,
        "judge_reused": whole.reused,
        "judge_prompt_tokens": whole.usage.prompt_tokens,
        "judge_completion_tokens": whole.usage.completion_tokens,
        str(Outcome.OVER_BUDGET): sum(of.get(Outcome.OVER_BUDGET, 0) for of in counts.values()),
    }
    shown: Metadata = {name: dg.MetadataValue.int(number) for name, number in numbers.items()}
    if not whole.unpriced:
        shown["judge_cost_usd"] = dg.MetadataValue.float(whole.nano_usd / NANO)
    return shown | table_if("judges", _COLUMNS, [_row(name, of) for name, of in spent.items()])


def _row(name: str, of: Tally) -> tuple[Cell, ...]:
    usd: Cell = "unknown price" if of.unpriced else of.nano_usd / NANO
    prompt = _tokens(of.usage.prompt_tokens, of.usage.cached_tokens, "cached")
    answer = _tokens(of.usage.completion_tokens, of.usage.reasoning_tokens, "reasoning")
    return (name, usd, of.calls, of.reused, of.repairs, of.retries, of.refusals, prompt, answer)


def _tokens(whole: int, part: int, kind: str) -> str:
    return f"{whole:,} ({part:,} {kind})" if part else f"{whole:,}"
