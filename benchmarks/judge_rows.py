"""The judge of the judge benchmarks and the rows that it judges: a question of 30 words, a response of 120."""

from __future__ import annotations

import random
from collections.abc import Iterator

from evals_pipeline.core.calls import Question
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec, Price
from evals_pipeline.evaluators.judge.judge import Judge

TEMPLATE = """You are judging the tone of a response.
[Question]: {input}
[Response]: {output}
Answer "positive" or "negative"."""

CHOICES = {"positive": 1.0, "negative": 0.0}

_TEXTS = 500


def tone_judge(base_url: str, in_flight: int) -> Judge:
    """The judge; its model costs what gpt-4o-mini does and has no limit but `in_flight`."""
    model = ModelSpec(
        name="gpt-4o-mini", base_url=base_url, max_in_flight=in_flight, price=Price(input=0.15, output=0.6)
    )
    return Judge(JudgeSpec(name="tone", kind="judge", template=TEMPLATE, choices=dict(CHOICES), model=model), model)


def rows(count: int, *, first: int = 0) -> Iterator[dict[str, str]]:
    """`count` rows numbered from `first`, of about 150 words each, no two equal and cheap to make."""
    chance = random.Random(7)
    words = [f"w{number:03d}" for number in range(400)] + ["refund", "https://example.com/a", "error", "null"]
    asked, told = ([" ".join(chance.choices(words, k=size)) for _ in range(_TEXTS)] for size in (30, 120))
    for number in range(first, first + count):
        yield {"input": f"{asked[number % _TEXTS]} {number}", "output": told[number % _TEXTS]}


def questions(judge: Judge, count: int, *, first: int = 0, at_once: int = 500) -> Iterator[list[tuple[str, Question]]]:
    """What the judge asks about the rows, rendered as they are wanted, in batches."""
    batch: list[tuple[str, Question]] = []
    for number, row in enumerate(rows(count, first=first), first):
        batch.append((str(number), judge.question(row)))
        if len(batch) == at_once:
            yield batch
            batch = []
    if batch:
        yield batch
