"""What all runs of an installation know together: a state per topic, and a notice from each run that takes part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.writing import upsert

Json = dict[str, Any]

_SILENCE = timedelta(seconds=15)
"""After which a notice is dropped."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What is known of a topic.

    Attributes:
        owners: Who has posted a notice that has not been taken down; some may have fallen silent.
        updated_at: Of the last exchange, UTC.
    """

    name: str
    state: Json
    owners: tuple[str, ...]
    updated_at: datetime


class Board:
    """All topics of the installation; a `Board` as `llm.stores` words it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exchange(
        self, topic: str, owner: str, notice: Json, fold: Callable[[Json, Mapping[str, Json]], Json]
    ) -> tuple[Json, Mapping[str, Json]]:
        """Post `notice`, drop the notices of owners silent for 15 s, and fold all into the state, in one transaction.

        Returns the new state and the live notices, the caller's included. A topic begins with the state `{}`. Each
        notice that `fold` and the caller see has `age_seconds`, the time since it was posted. What `fold` raises is
        passed on, and nothing has changed then.
        """
        with self._database.begin() as connection:
            self._lock(connection, topic)
            now = self._database.moment(connection)
            row = {"topic": topic, "owner": owner, "notice": notice, "posted_at": now}
            upsert(connection, s.notices, [row])
            notices = _live_notices(connection, topic, now)
            state = fold(_state(connection, topic), notices)
            upsert(connection, s.topics, [{"topic": topic, "state": state, "updated_at": now}])
        return state, notices

    def leave(self, topic: str, owner: str) -> None:
        """Take the owner's notice down."""
        with self._database.begin() as connection:
            self._lock(connection, topic)
            connection.execute(s.notices.delete().where(s.notices.c.topic == topic, s.notices.c.owner == owner))

    def topics(self, prefix: str = "") -> list[Topic]:
        """Topics whose names start so, by name."""
        with self._database.begin() as connection:
            begins = s.topics.c.topic.startswith(prefix, autoescape=True)
            rows = connection.execute(s.topics.select().where(begins).order_by(s.topics.c.topic)).all()
            owners: dict[str, list[str]] = {}
            for notice in connection.execute(
                sa.select(s.notices.c.topic, s.notices.c.owner).order_by(*s.notices.primary_key)
            ):
                owners.setdefault(notice.topic, []).append(notice.owner)
        return [
            Topic(row.topic, row.state, tuple(owners.get(row.topic, ())), row.updated_at.replace(tzinfo=UTC))
            for row in rows
        ]

    def forget(self, topic: str) -> bool:
        """Drop a topic's state, so that it begins anew, and say whether there was one; notices stay."""
        with self._database.begin() as connection:
            self._lock(connection, topic)
            return connection.execute(s.topics.delete().where(s.topics.c.topic == topic)).rowcount > 0

    def _lock(self, connection: sa.Connection, topic: str) -> None:
        self._database.lock(connection, [f"topic {topic}"])


def _state(connection: sa.Connection, topic: str) -> Json:
    found: Json | None = connection.execute(sa.select(s.topics.c.state).where(s.topics.c.topic == topic)).scalar()
    return {} if found is None else found


def _live_notices(connection: sa.Connection, topic: str, now: datetime) -> dict[str, Json]:
    table = s.notices
    connection.execute(table.delete().where(table.c.topic == topic, table.c.posted_at < now - _SILENCE))
    rows = connection.execute(table.select().where(table.c.topic == topic).order_by(table.c.owner))
    return {row.owner: {**row.notice, "age_seconds": max(0.0, (now - row.posted_at).total_seconds())} for row in rows}
