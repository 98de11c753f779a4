"""What makes figures of agreement worth little, said by the program itself."""

from __future__ import annotations

from collections.abc import Iterator

from evals_pipeline.engine.gold.agreement import Agreement, Estimate

FEW_ROWS = 30
"""Below this many rows in all the figures are called rough."""
FEW_OF_A_LABEL = 10
"""Below this many rows of one gold label its recall is called rough."""
NEAR_CONSTANT = 0.95
"""Share of the rows with one label from which labels are called nearly constant."""
ONE_SIDED = 0.4
"""Difference between the best and the worst recall from which an evaluator is called one-sided."""


def misgivings(found: Agreement) -> tuple[str, ...]:
    """A sentence for each reason to distrust the figures or the evaluator; none is a good sign."""
    if not found.rows:
        return ("No row was given a label: there is nothing to compare.",)
    return (*_few(found), *_constant(found), *_chance(found), *_never_given(found), *_one_sided(found))


def _few(found: Agreement) -> Iterator[str]:
    if found.rows < FEW_ROWS:
        yield f"Only {_rows(found.rows)}: the figures are rough, look at their intervals."
        return
    scarce = {label: count for label, count in found.gold.items() if 0 < count < FEW_OF_A_LABEL}
    for label, count in scarce.items():
        yield f"Only {_rows(count)} of gold label {label!r}: its recall is rough."


def _constant(found: Agreement) -> Iterator[str]:
    given, gold = _commonest(found.given), _commonest(found.gold)
    if gold[1] >= NEAR_CONSTANT:
        yield f"{gold[1]:.0%} of the gold labels are {gold[0]!r}: a gold set needs enough of each label to tell."
    if given[1] >= NEAR_CONSTANT and found.gold[given[0]] / found.rows < NEAR_CONSTANT:
        share = found.gold[given[0]] / found.rows
        yield f"It answers {given[0]!r} to {given[1]:.0%} of the rows; in gold {share:.0%} have that label."


def _chance(found: Agreement) -> Iterator[str]:
    kappa = found.kappa
    if kappa is None:
        yield "Gold and evaluator have one and the same label throughout: kappa is undefined."
    elif kappa.high < 0:
        yield f"It is worse than chance: kappa lies between {kappa.low:.2f} and {kappa.high:.2f}."
    elif kappa.low <= 0:
        yield f"It may be no better than chance: kappa's interval, {kappa.low:.2f} to {kappa.high:.2f}, contains 0."


def _never_given(found: Agreement) -> Iterator[str]:
    missed = [label for label, count in found.given.items() if not count and found.gold[label]]
    for label in missed:
        yield f"It never answers {label!r}, which {_rows(found.gold[label])} of the gold have."


def _one_sided(found: Agreement) -> Iterator[str]:
    known = {label: share.value for label, share in found.recall.items() if isinstance(share, Estimate)}
    best, worst = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    if known[best] - known[worst] >= ONE_SIDED:
        yield f"It is one-sided: it finds {known[best]:.0%} of {best!r}, but {known[worst]:.0%} of {worst!r}."


def _commonest(counts: dict[str, int]) -> tuple[str, float]:
    label = max(counts, key=counts.__getitem__)
    return label, counts[label] / sum(counts.values())


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"
