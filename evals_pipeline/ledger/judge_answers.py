"""What models answered, kept so that nothing is paid twice, and who is asking what at the moment."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from evals_pipeline.core.calls import Answer, Claims, Tally, Usage
from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.runs import RunKey
from evals_pipeline.ledger.spending import spending_row
from evals_pipeline.ledger.values import storable
from evals_pipeline.ledger.writing import add, insert_missing, upsert

_SILENCE = timedelta(seconds=30)
"""After which claims lapse."""

_LOCK = "judge answers"


class JudgeAnswers:
    """The answers that one attempt of a run's evaluator finds, claims and pays for; an `AnswerStore`.

    Make one for each attempt. An answer that an earlier attempt of the same run, project, task, day and evaluator paid
    for comes back as it was paid, since no result carries that cost yet: once, to the first question of this attempt
    that has its key. All others come back `reused`, at no cost.
    """

    def __init__(self, database: Database, key: RunKey, evaluator: str) -> None:
        self._database = database
        self._key = key
        self._evaluator = evaluator
        self._payer = sha256(json.dumps([*asdict(key).values(), evaluator], default=str).encode()).hexdigest()
        self._attempt = uuid4().hex

    def claim(self, keys: Collection[str], owner: str) -> Claims:
        """Look `keys` up and, of those without an answer, take the ones that no live owner has taken.

        A key that this owner holds already is its own still. An owner's claims lapse when it has not called any method
        for 30 s.
        """
        with self._database.begin() as connection:
            # Claims keep out everybody who changes answers or claims: between looking a key up and taking it, nobody
            # may keep its answer, and of two who find a claim lapsed, only the first may have it.
            self._database.lock(connection, [_LOCK])
            now = self._renew(connection, owner)
            _drop_lapsed(connection, silent_since=now - _SILENCE)
            answers = self._answers(connection, keys)
            mine = self._take(connection, set(keys) - answers.keys(), owner, now)
        return Claims(answers, mine)

    def keep(self, answers: Mapping[str, Answer], spent: Tally, owner: str) -> None:
        """Make `answers` durable, end their claims and add `spent` to the run's account, in one transaction.

        An answer that is there already stays: it was asked twice because a claim had lapsed.
        """
        with self._database.begin() as connection:
            self._database.lock(connection, [_LOCK], is_shared=True)
            now = self._renew(connection, owner)
            paid = {"run_id": self._key.run_id, "payer": self._payer, "attempt": self._attempt, "kept_at": now}
            rows = [{**_row(key, answers[key]), **paid} for key in sorted(answers)]
            insert_missing(connection, s.judge_answers, rows)
            self._end(connection, answers, owner)
            if spent != Tally():
                add(connection, s.spending, [spending_row(self._key, self._evaluator, spent)])

    def release(self, keys: Collection[str], owner: str) -> None:
        """End claims that brought no answer; with no keys, renew the owner's other claims."""
        with self._database.begin() as connection:
            self._database.lock(connection, [_LOCK], is_shared=True)
            self._renew(connection, owner)
            self._end(connection, keys, owner)

    def _holder(self, owner: str) -> str:
        """Who claims are written under: not the owner alone, whose killed attempt may have left claims behind."""
        return f"{owner} {self._attempt}"

    def _renew(self, connection: sa.Connection, owner: str) -> datetime:
        now = self._database.moment(connection)
        upsert(connection, s.claim_owners, [{"owner": self._holder(owner), "renewed_at": now}])
        return now

    def _answers(self, connection: sa.Connection, keys: Collection[str]) -> dict[str, Answer]:
        table = s.judge_answers
        found = connection.execute(table.select().where(self._database.among(table.c.key, keys))).all()
        paid = {row.key for row in found if row.payer == self._payer and row.attempt != self._attempt}
        if paid:
            adopted = table.update().where(self._database.among(table.c.key, paid)).values(attempt=self._attempt)
            connection.execute(adopted)
        return {row.key: _paid(row) if row.key in paid else _reused(row) for row in found}

    def _take(self, connection: sa.Connection, keys: Collection[str], owner: str, now: datetime) -> frozenset[str]:
        if not keys:
            return frozenset()
        rows = [{"key": key, "owner": self._holder(owner), "claimed_at": now} for key in keys]
        insert_missing(connection, s.claims, rows)
        mine = sa.select(s.claims.c.key).where(self._held(keys, owner))
        return frozenset(connection.execute(mine).scalars())

    def _end(self, connection: sa.Connection, keys: Collection[str], owner: str) -> None:
        if keys:
            connection.execute(s.claims.delete().where(self._held(keys, owner)))

    def _held(self, keys: Collection[str], owner: str) -> sa.ColumnElement[bool]:
        return self._database.among(s.claims.c.key, keys) & (s.claims.c.owner == self._holder(owner))


def _drop_lapsed(connection: sa.Connection, *, silent_since: datetime) -> None:
    owners = s.claim_owners
    gone = connection.execute(sa.select(owners.c.owner).where(owners.c.renewed_at < silent_since)).scalars().all()
    if gone:
        connection.execute(s.claims.delete().where(s.claims.c.owner.in_(gone)))
        connection.execute(owners.delete().where(owners.c.owner.in_(gone)))


def _row(key: str, answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "key": key,
        "label": storable(answer.label),
        "explanation": None if answer.explanation is None else storable(answer.explanation),
        "model": storable(answer.model),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cost_nano_usd": answer.cost_nano_usd,
        "latency_ms": answer.latency_ms,
        "calls": answer.calls,
        "probabilities": None if answer.probabilities is None else dict(answer.probabilities),
        "request_id": None if answer.request_id is None else storable(answer.request_id),
    }


def _paid(row: Any) -> Answer:
    usage = Usage(row.prompt_tokens, row.completion_tokens, row.cached_tokens, row.reasoning_tokens)
    return Answer(
        row.label,
        row.explanation,
        row.model,
        usage,
        row.cost_nano_usd,
        row.latency_ms,
        row.calls,
        row.probabilities,
        row.request_id,
    )


def _reused(row: Any) -> Answer:
    return Answer(
        row.label, row.explanation, row.model, Usage(), 0, None, 0, row.probabilities, row.request_id, reused=True
    )
