"""What has been read of the sources, and what could not be read there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from evals_pipeline.ledger import schema as s
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.values import storable, without_zone
from evals_pipeline.ledger.writing import upsert


@dataclass(frozen=True, slots=True)
class FileRead:
    """A source file that has been read to its end."""

    uri: str
    version: str
    spans: int
    problems: int


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """A line (1-based) or, without a line, a whole file that could not be read."""

    uri: str
    line: int | None
    message: str


class Files:
    """The part of the ledger about source files."""

    database: Database

    def files_read(self, project: str) -> dict[str, str]:
        """URI -> version of every file of the project that has been read."""
        query = sa.select(s.source_files.c.uri, s.source_files.c.version).where(s.source_files.c.project == project)
        with self.database.begin() as connection:
            return {row.uri: row.version for row in connection.execute(query)}

    def record_file(self, project: str, file: FileRead, problems: Iterable[SourceProblem], *, now: datetime) -> None:
        """Remember that `file` has been read, and what was wrong with it."""
        with self.database.begin() as connection:
            row = {"project": project, **asdict(file), "read_at": without_zone(now)}
            upsert(connection, s.source_files, [row])
            mine = (s.source_problems.c.project == project) & (s.source_problems.c.uri == file.uri)
            connection.execute(s.source_problems.delete().where(mine))
            rows = [_problem_row(project, problem) for problem in problems]
            if rows:
                connection.execute(s.source_problems.insert(), rows)

    def problems(self, project: str, *, limit: int = 100) -> list[SourceProblem]:
        """Lines and files of the project that could not be read."""
        table = s.source_problems
        query = sa.select(table).where(table.c.project == project).order_by(table.c.uri, table.c.line).limit(limit)
        with self.database.begin() as connection:
            return [SourceProblem(row.uri, row.line, row.message) for row in connection.execute(query)]


def _problem_row(project: str, problem: SourceProblem) -> dict[str, Any]:
    return {"project": project, **asdict(problem), "message": storable(problem.message)}
