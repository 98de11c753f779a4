"""What came of an attack, as the host sees it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals_pipeline_tests.sandbox.attacks.attack import ATTACK_ROW, ROWS, Attack
from evals_pipeline_tests.sandbox.attacks.targets import SECRET, Target

LOG_LENGTH = 64 * 1024 + 1_000
LABEL_LENGTH = 100
EXPLANATION_LENGTH = 10_000


@dataclass(frozen=True)
class Row:
    """What came back for a row."""

    label: str | None
    score: float | None
    explanation: str | None
    error_type: str | None
    error_message: str | None


@dataclass(frozen=True)
class Aftermath:
    """What came back from an attacker, from the evaluator after it, and from the pipeline itself.

    Attributes:
        rows: One per row of the attacker, when all is well.
        next_rows: The same of the evaluator after it.
        log: What the attacker printed, as far as it was kept.
        next_log: The same of the evaluator after it.
        trouble: What happened to the pipeline.
    """

    rows: Sequence[Row]
    next_rows: Sequence[Row]
    log: str
    next_log: str = ""
    trouble: Sequence[str] = ()

    @property
    def attack_row(self) -> Row | None:
        return self.rows[ROWS.index(ATTACK_ROW)] if len(self.rows) == len(ROWS) else None

    def steps(self) -> list[list[str]]:
        """What the attacker noted: in its result, or in its log when it gave none."""
        return _noted(self.attack_row, self.log)

    def next_steps(self) -> list[list[str]]:
        row = self.next_rows[ROWS.index(ATTACK_ROW)] if len(self.next_rows) == len(ROWS) else None
        return _noted(row, self.next_log)


def _noted(row: Row | None, log: str) -> list[list[str]]:
    try:
        steps = json.loads((row and row.explanation) or "")
    except ValueError:
        lines = [line[6:] for line in log.splitlines() if line.startswith("@step ")]
        return [step for line in lines if (step := _step(line))]
    return list(steps)


def _step(line: str) -> list[str] | None:
    try:
        return list(json.loads(line))
    except ValueError:  # the log was cut there
        return None


def harm(attack: Attack, after: Aftermath, targets: Sequence[Target], *, is_confined: bool) -> list[str]:
    """All that the attack achieved, a line each. To have reached the kernel is too much for a confined one."""
    steps = [("", step) for step in after.steps()] + [("the next evaluator: ", step) for step in after.next_steps()]
    return [
        *(
            f"{who}{what} {verdict}: {evidence}"
            for who, (what, verdict, evidence) in steps
            if verdict == "worked" or (verdict == "reached" and is_confined)
        ),
        *(line for target in targets for line in target.harm()),
        *_leaks(after),
        *_bad_rows(attack, after),
        *after.trouble,
    ]


def _leaks(after: Aftermath) -> Iterator[str]:
    if SECRET in after.log or SECRET in after.next_log or SECRET in str([*after.rows, *after.next_rows]):
        yield "the secret came back"
    if len(after.log) > LOG_LENGTH:
        yield f"{len(after.log):,} characters of its output were kept"


def _bad_rows(attack: Attack, after: Aftermath) -> Iterator[str]:
    if len(after.rows) != len(ROWS):
        yield f"{len(after.rows)} results for {len(ROWS)} rows"
    for text, row in zip(ROWS, after.rows, strict=False):
        yield from _impossible(text, row)
        if attack.others and text != ATTACK_ROW and (row.label, row.score) != ("honest", float(len(text))):
            yield f"the row {text!r} is {str(row)[:200]}"


def _impossible(text: str, row: Row) -> Iterator[str]:
    if row.label is not None and not 1 <= len(row.label) <= LABEL_LENGTH:
        yield f"a label of {len(row.label):,} characters for {text!r}"
    if row.explanation is not None and len(row.explanation) > EXPLANATION_LENGTH:
        yield f"an explanation of {len(row.explanation):,} characters for {text!r}"
    for value in (row.label, row.explanation, row.error_message):
        if isinstance(value, str) and not _is_unicode(value):
            yield f"half a character for {text!r}"
    if row.score is not None and not (isinstance(row.score, float) and math.isfinite(row.score)):
        yield f"a score that is no number for {text!r}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def doubts(attack: Attack, after: Aftermath, *, is_confined: bool) -> list[str]:
    """Why the attack proves nothing, whatever it achieved: it did not do what it set out to."""
    steps = after.steps()
    found = [f"{what} is broken: {evidence}" for what, verdict, evidence in steps if verdict == "broken"]
    if all(step[1] != "end" for step in steps) and not after.trouble:
        found.append(f"it did not come to its end; steps: {steps[-3:]}, rows: {str(list(after.rows))[:600]}")
    if is_confined and after.attack_row and (after.attack_row.error_type or "") not in (attack.ends or ("",)):
        found.append(f"its row ended as {str(after.attack_row)[:300]}, not as one of {attack.ends or ('a result',)}")
    return found
