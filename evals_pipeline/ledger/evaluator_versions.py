"""The hub's versions: added, never changed. What makes two contents the same is decided by who pushes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from evals_pipeline.core.errors import LedgerError
from evals_pipeline.core.evaluator import Parameter, Variable
from evals_pipeline.core.version import Content, Draft, EvaluatorKind, Pin, Version
from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.values import storable
from evals_pipeline.ledger.writing import insert_missing


@dataclass(frozen=True, slots=True)
class Deletion:
    """A name was deleted when `number` was its newest version; `deleted_at` is UTC."""

    name: str
    number: int
    author: str
    deleted_at: datetime


class EvaluatorVersions:
    """All versions of all evaluators of the installation.

    Raises:
        LedgerError: From every method, when the database cannot be read or written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def push(self, draft: Draft) -> tuple[Version, bool]:
        """The newest version of that content, and whether it is a new one: pushing the same again changes nothing.

        Processes that push the same name at once wait for each other, so that numbers have no gaps.
        """
        for text in (draft.content.source, draft.content.settings, draft.message, draft.author):
            if text != storable(text):
                raise LedgerError(f"what is pushed of {draft.name!r} holds a NUL or half a character")
        with self._database.begin() as connection:
            self._lock(connection, draft.name)
            latest = _latest(connection, draft.name)
            is_same = latest is not None and latest.draft.content_hash == draft.content_hash
            if latest is not None and is_same and not _is_deleted(connection, latest.name, latest.number):
                return latest, False
            number = 1 if latest is None else latest.number + 1
            moment = self._database.moment(connection)
            connection.execute(s.evaluator_versions.insert(), [_row(draft, number, moment)])
        return Version(draft, number, moment.replace(tzinfo=UTC)), True

    def chosen(self, pins: Collection[Pin] = ()) -> tuple[Mapping[str, Version], Mapping[Pin, Version]]:
        """The newest version of each name that is not deleted, and of those names the versions in `pins`."""
        table, gone = s.evaluator_versions, s.evaluator_deletions
        newest = sa.select(table.c.name, sa.func.max(table.c.number).label("number")).group_by(table.c.name).subquery()
        is_gone = sa.exists().where(gone.c.name == newest.c.name, gone.c.number == newest.c.number)
        is_wanted = table.c.number == newest.c.number
        if pins:
            is_wanted |= sa.tuple_(table.c.name, table.c.number).in_(list(pins))
        query = (
            sa.select(table, (table.c.number == newest.c.number).label("is_newest"))
            .join(newest, table.c.name == newest.c.name)
            .where(~is_gone, is_wanted)
        )
        with self._database.begin() as connection:
            found = [(row.is_newest, _version(row)) for row in connection.execute(query)]
        latest = {version.name: version for is_newest, version in found if is_newest}
        wanted = set(pins)
        return latest, {pin: version for _, version in found if (pin := (version.name, version.number)) in wanted}

    def log(self, name: str) -> Sequence[Version | Deletion]:
        """Everything that happened to a name, newest first."""
        table, gone = s.evaluator_versions, s.evaluator_deletions
        with self._database.begin() as connection:
            versions = [_version(row) for row in connection.execute(sa.select(table).where(table.c.name == name))]
            deletions = [
                Deletion(row.name, row.number, row.author, row.deleted_at.replace(tzinfo=UTC))
                for row in connection.execute(sa.select(gone).where(gone.c.name == name))
            ]
        # A deletion comes after the version that it names, whatever the clocks said.
        return sorted([*versions, *deletions], key=lambda each: (each.number, isinstance(each, Deletion)), reverse=True)

    def delete(self, name: str, author: str) -> Version | None:
        """Hide a name until it is pushed again; returns its newest version, None where there was none to hide."""
        with self._database.begin() as connection:
            self._lock(connection, name)
            latest = _latest(connection, name)
            if latest is None or _is_deleted(connection, name, latest.number):
                return None
            row = {"name": name, "number": latest.number, "author": author}
            moment = self._database.moment(connection)
            insert_missing(connection, s.evaluator_deletions, [{**row, "deleted_at": moment}])
        return latest

    def _lock(self, connection: sa.Connection, name: str) -> None:
        self._database.lock(connection, [f"evaluator {name}"])


def _latest(connection: sa.Connection, name: str) -> Version | None:
    table = s.evaluator_versions
    query = sa.select(table).where(table.c.name == name).order_by(table.c.number.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else _version(row)


def _is_deleted(connection: sa.Connection, name: str, number: int) -> bool:
    gone = s.evaluator_deletions
    query = sa.select(gone.c.number).where(gone.c.name == name, gone.c.number == number)
    return connection.execute(query).first() is not None


def _row(draft: Draft, number: int, moment: datetime) -> dict[str, Any]:
    return {
        "name": draft.name,
        "number": number,
        "kind": str(draft.content.kind),
        "source": draft.content.source,
        "settings": draft.content.settings,
        "content_hash": draft.content_hash,
        "message": draft.message,
        "author": draft.author,
        "pushed_at": moment,
        "variables": [asdict(each) for each in draft.variables],
        "parameters": [asdict(each) for each in draft.parameters],
        "granularity": draft.granularity,
        "filter": draft.filter,
    }


def _version(row: Any) -> Version:
    draft = Draft(
        name=row.name,
        content=Content(EvaluatorKind(row.kind), row.source, row.settings),
        content_hash=row.content_hash,
        message=row.message,
        author=row.author,
        variables=tuple(Variable(**each) for each in row.variables),
        parameters=tuple(Parameter(**{**each, "default": _default(each["default"])}) for each in row.parameters),
        granularity=row.granularity,
        filter=row.filter,
    )
    return Version(draft, row.number, row.pushed_at.replace(tzinfo=UTC))


def _default(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
