"""The first stage: new and changed source files into the `spans` table, each span once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb
import pyarrow as pa

from evals_pipeline.core.columns import INGESTED_AT, SPAN_COLUMNS, SPAN_ID, START_TIME
from evals_pipeline.core.errors import SourceError
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.core.task import Project
from evals_pipeline.engine.installation import Installation
from evals_pipeline.lake.connection import hashing_second_side, lake_errors
from evals_pipeline.lake.damage import naming_damage
from evals_pipeline.lake.delta import DataFile, OverlapError, Snapshot, WrittenFile
from evals_pipeline.lake.tables import SPANS
from evals_pipeline.ledger.ledger import FileRead, SourceProblem
from evals_pipeline.sources.files import SourceFile, list_files, read_file

logger = logging.getLogger(__name__)

Progressed = Callable[[int, int], None]
"""Called with files done and files to do, for progress bars."""

_FLUSH_ROWS = 200_000
_FLUSH_BYTES = 128 * 2**20
_COMMIT_ATTEMPTS = 20
_UNREAD_FILES = 10
"""Files that may fail before the source is given up: a store that is down would let each of them wait for long."""


@dataclass(slots=True)
class Collected:
    """What one look at a source brought.

    Attributes:
        files: Files that were new or had changed.
        spans: New spans by UTC day of their start.
        duplicates: Spans that had been stored before.
        problems: Lines and files that could not be read.
    """

    files: int = 0
    spans: dict[date, int] = field(default_factory=dict)
    duplicates: int = 0
    problems: int = 0


@dataclass(slots=True)
class _Staged:
    """A file whose spans wait to be committed."""

    file: SourceFile
    received: int = 0
    problems: list[SourceProblem] = field(default_factory=list)


def spans_key(project: str) -> str:
    """The key under which the project's spans are committed."""
    return f"spans/{project}"


def collect_spans(
    here: Installation, project: Project, *, now: Callable[[], datetime], progressed: Progressed | None = None
) -> Collected:
    """Read every file of the project's source that is new or has changed; a span delivered twice is stored once.

    A file is remembered as read after its spans are committed; a run that is killed in between reads it again and
    stores nothing twice. A file that cannot be opened does not keep the others out, and is tried again next time.

    Raises:
        SourceError: When the source or one of its files cannot be read; what the other files hold is stored by then.
        LakeError: When spans cannot be written; what was committed before stays.
    """
    known = here.ledger.files_read(project.name)
    listed = list_files(project.source.path, base=here.folder).files
    files = [file for file in listed if known.get(file.uri) != _version(file)]
    collected = Collected(files=len(files))
    with here.connect() as connection:
        stage = _Stage(here, connection, project.name, now, collected)
        for number, file in enumerate(files):
            stage.read(file)
            if progressed is not None:
                progressed(number + 1, len(files))
        stage.flush()
        if stage.unread:
            raise stage.unread[0]
    if files:
        logger.info(
            "read files=%d spans=%d duplicates=%d problems=%d project=%s",
            len(files),
            sum(collected.spans.values()),
            collected.duplicates,
            collected.problems,
            project.name,
        )
    return collected


class _Stage:
    """Spans on their way into the lake: gathered in DuckDB, committed in bounded portions."""

    def __init__(
        self,
        here: Installation,
        connection: duckdb.DuckDBPyConnection,
        project: str,
        now: Callable[[], datetime],
        collected: Collected,
    ) -> None:
        self.here, self.connection, self.project, self.now, self.collected = here, connection, project, now, collected
        self.done: list[_Staged] = []
        self.unread: list[SourceError] = []
        self.rows = self.bytes = 0
        columns = ", ".join(
            f"{identifier(name)} {kind if kind != 'JSON' else 'VARCHAR'}" for name, kind in SPAN_COLUMNS.items()
        )
        connection.execute(f"CREATE TABLE arrived ({columns}, position BIGINT)")

    def read(self, file: SourceFile) -> None:
        """Gather the spans of one file; one that cannot be opened or read to its end is left for the next run."""
        staged = _Staged(file)
        try:
            for batch in read_file(file):
                staged.received += batch.spans.num_rows
                staged.problems += [SourceProblem(p.uri, p.line_number, p.message) for p in batch.problems]
                self._add(batch.spans)
        except SourceError as error:
            self.unread.append(error)
            if len(self.unread) >= _UNREAD_FILES:
                self.flush()
                raise
            return
        self.done.append(staged)

    def flush(self) -> None:
        """Commit what was gathered and remember the files that were read to their end."""
        if not self.rows and not self.done:
            return
        with (
            naming_damage(self.connection, self._stored_files()),
            lake_errors(f"storing spans of project {self.project!r}"),
        ):
            stored = self._commit() if self.rows else {}
            self.connection.execute("DELETE FROM arrived")
        for day, count in stored.items():
            self.collected.spans[day] = self.collected.spans.get(day, 0) + count
        self.collected.duplicates += self.rows - sum(stored.values())
        for staged in self.done:
            self._remember(staged)
        self.done, self.rows, self.bytes = [], 0, 0

    def _stored_files(self) -> Iterator[DataFile]:
        yield from self.here.lake.snapshot(SPANS).files_of(project=self.project)

    def _add(self, spans: pa.Table) -> None:
        position = self.rows
        with lake_errors(f"gathering spans of project {self.project!r}"):
            self.connection.register("batch", spans)
            self.connection.execute(f"INSERT INTO arrived SELECT *, {position} + row_number() OVER () FROM batch")
            self.connection.unregister("batch")
        self.rows += spans.num_rows
        self.bytes += spans.nbytes
        if self.rows >= _FLUSH_ROWS or self.bytes >= _FLUSH_BYTES:
            self.flush()

    def _commit(self) -> Mapping[date, int]:
        for _ in range(_COMMIT_ATTEMPTS):
            snapshot = self.here.lake.snapshot(SPANS)
            stamp = self.here.lake.next_stamp(snapshot, spans_key(self.project), now=self.now())
            written = self._write_days(snapshot, stamp)
            try:
                if written:
                    self.here.lake.commit(snapshot, spans_key(self.project), stamp, list(written.values()))
            except OverlapError:
                continue
            return {day: file.rows for day, file in written.items()}
        raise OverlapError(f"spans of {self.project!r} could not be committed: other runs kept committing first")

    def _write_days(self, snapshot: Snapshot, stamp: int) -> dict[date, WrittenFile]:
        days = self.connection.execute(f"SELECT DISTINCT {_DAY} FROM arrived ORDER BY 1").fetchall()
        written: dict[date, WrittenFile] = {}
        try:
            for (day,) in days:
                partition = {"project": self.project, "day": day}
                self._find_new(snapshot, day)
                with hashing_second_side(self.connection):
                    query, row_bytes = _new_spans(stamp), self.bytes // self.rows
                    file = self.here.lake.write(self.connection, SPANS, partition, query, row_bytes=row_bytes)
                if file is not None:
                    written[day] = file
        except BaseException:
            self.here.lake.discard(SPANS, list(written.values()))
            raise
        return written

    def _find_new(self, snapshot: Snapshot, day: date) -> None:
        """Make table `fresh`: positions of the day's gathered spans that are not stored, the first of each id."""
        stored = snapshot.relation(snapshot.files_of(project=self.project, day=day))
        ids = identifier(SPAN_ID)
        first = f"SELECT {ids}, min(position) AS position, arg_min({_DAY}, position) AS day FROM arrived GROUP BY {ids}"
        self.connection.execute(
            f"CREATE OR REPLACE TABLE fresh AS SELECT position FROM ({first}) WHERE day = {literal(str(day))}::DATE"
            f" AND {ids} NOT IN (SELECT {ids} FROM {stored})"
        )

    def _remember(self, staged: _Staged) -> None:
        self.collected.problems += len(staged.problems)
        read = FileRead(staged.file.uri, _version(staged.file), staged.received, len(staged.problems))
        self.here.ledger.record_file(self.project, read, staged.problems, now=self.now())


def _new_spans(stamp: int) -> str:
    arrived_at = f"make_timestamptz({stamp}) AS {identifier(INGESTED_AT)}"
    return f"SELECT arrived.* EXCLUDE (position), {arrived_at} FROM arrived SEMI JOIN fresh USING (position)"


def _version(file: SourceFile) -> str:
    return f"{file.size}:{file.modified}"


_DAY = f"CAST({identifier(START_TIME)} AT TIME ZONE 'UTC' AS DATE)"
