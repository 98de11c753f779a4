"""The lake: reading a table's current files with DuckDB, and committing new ones exactly once.

A commit belongs to a key, such as the results of one task on one day, and writes the key's stamp (microseconds since
1970) into the Delta log as an application transaction. A writer commits on top of the snapshot it started from; when
somebody else has committed under that key since, delta-rs refuses, `OverlapError` is raised and nothing is written.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

import duckdb
import fsspec
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from evals_pipeline.core.errors import EvalsError
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.parquet import write_parquet
from evals_pipeline.lake.tables import LakeTable

Partition = Mapping[str, str | date]

_COMMIT_ATTEMPTS = 10

_FOLDER_NAME_LENGTH = 150


class OverlapError(EvalsError):
    """Somebody else committed under the same key since the writer looked; look again and try again."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a table, with the values of its partition."""

    uri: str
    rows: int
    partition: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A Parquet file that is on disk and not yet committed."""

    path: str
    size: int
    rows: int
    partition: Mapping[str, str]


class Snapshot:
    """A table at one moment."""

    def __init__(self, table: LakeTable, delta: DeltaTable) -> None:
        self.table = table
        self.delta = delta

    def stamp(self, key: str) -> int:
        """The newest stamp committed under `key`, 0 when there is none."""
        return self.delta.transaction_version(key) or 0

    @cached_property
    def files(self) -> tuple[DataFile, ...]:
        """All current files, in the order of their paths."""
        actions = self.delta.get_add_actions(flatten=True)
        names = ["path", "num_records", *(f"partition.{column}" for column in self.table.partition_by)]
        columns = [actions.column(name).to_pylist() for name in names]
        root = self.delta.table_uri.removeprefix("file://").rstrip("/")
        found = [
            DataFile(_uri(root, path), rows or 0, dict(zip(self.table.partition_by, map(str, values), strict=True)))
            for path, rows, *values in zip(*columns, strict=True)
        ]
        return tuple(sorted(found, key=lambda file: file.uri))

    def files_of(self, **partition: str | date) -> tuple[DataFile, ...]:
        """The files whose partition has these values."""
        wanted = {name: str(value) for name, value in partition.items()}
        return tuple(file for file in self.files if wanted.items() <= file.partition.items())

    def relation(self, files: Sequence[DataFile]) -> str:
        """SQL of a relation with the rows of `files` and all columns of the table, empty when there are none."""
        if not files:
            nothing = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in self.table.columns.items())
            return f"(SELECT {nothing} WHERE FALSE)"
        parts = [self._one_partition(partition, uris) for partition, uris in _by_partition(files)]
        return "(" + " UNION ALL ".join(parts) + ")"

    def _one_partition(self, partition: Mapping[str, str], uris: list[str]) -> str:
        constants = [
            f"{literal(value)}::{self.table.columns[name]} AS {identifier(name)}" for name, value in partition.items()
        ]
        names = [identifier(name) for name in self.table.stored_columns]
        listed = "[" + ", ".join(literal(uri) for uri in uris) + "]"
        source = f"read_parquet({listed}, hive_partitioning = false)"
        return f"SELECT {', '.join([*names, *constants])} FROM {source}"


class Lake:
    """The Delta tables under one root: a folder or a URI.

    Raises:
        LakeError: From every method, when a table cannot be read or written.
        OverlapError: From `commit` only.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._filesystem: Any = fsspec.url_to_fs(self.root)[0]

    def uri(self, table: LakeTable) -> str:
        """Where the table lies."""
        return f"{self.root}/{table.name}"

    def snapshot(self, table: LakeTable, *, version: int | None = None) -> Snapshot:
        """The table as it is now, or as it was at `version`; a missing one is created empty."""
        with lake_errors(f"opening table {table.name!r} in {self.root}"):
            if not DeltaTable.is_deltatable(self.uri(table)):
                self._create(table)
            return Snapshot(table, DeltaTable(self.uri(table), version=version))

    def next_stamp(self, snapshot: Snapshot, key: str | None, *, now: datetime) -> int:
        """A stamp for the next commit under `key`: the present, and later than any before."""
        return max(int(now.timestamp() * 1_000_000), snapshot.stamp(key) + 1 if key else 0)

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: LakeTable,
        partition: Partition,
        query: str,
        *,
        row_bytes: int = 0,
    ) -> WrittenFile | None:
        """Write the rows of `query` (all stored columns, by name) as an uncommitted file; None when there is no row.

        `row_bytes` is about how long a row is, for tables whose rows may be long.
        """
        values = {name: str(partition[name]) for name in table.partition_by}
        folder = "/".join(f"{name}={_folder_name(value)}" for name, value in values.items())
        path = f"{folder}/{uuid.uuid4().hex}.parquet"
        target = f"{self.uri(table)}/{path}"
        rows_sql = f"SELECT {', '.join(identifier(name) for name in table.stored_columns)} FROM ({query})"
        with lake_errors(f"writing {table.name!r} to {self.root}"), self._removed_on_error(target):
            self._filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
            rows = write_parquet(connection, rows_sql, target, self._filesystem, row_bytes=row_bytes)
            if rows == 0:
                self._remove(target)
                return None
            return WrittenFile(path, int(self._filesystem.size(target)), rows, values)

    def commit(self, snapshot: Snapshot, key: str | None, stamp: int, files: Sequence[WrittenFile]) -> None:
        """Make `files` part of the table, once, if nobody committed under `key` since `snapshot` was taken.

        Without a key nobody can be in the way.
        """
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                file.path, file.size, dict(file.partition), stamp // 1000, True, json.dumps({"numRecords": file.rows})
            )
            for file in files
        ]
        properties = CommitProperties(app_transactions=[Transaction(key, stamp)] if key else None)
        table, seen, latest = snapshot.table, snapshot.stamp(key) if key else 0, snapshot
        with lake_errors(f"committing to {table.name!r} in {self.root}"):
            for _ in range(_COMMIT_ATTEMPTS):
                try:
                    latest.delta.create_write_transaction(
                        actions, "append", latest.delta.schema(), list(table.partition_by), commit_properties=properties
                    )
                except CommitFailedError:
                    # Refused for what another key did, such as making the table at the same moment, it may be retried.
                    latest = self.snapshot(table)
                    if key and latest.stamp(key) != seen:
                        break
                else:
                    return
        self.discard(table, files)
        raise OverlapError(f"{key or table.name!r} was committed by another run")

    def discard(self, table: LakeTable, files: Sequence[WrittenFile]) -> None:
        """Remove files that will not be committed."""
        for file in files:
            self._remove(f"{self.uri(table)}/{file.path}")

    def _create(self, table: LakeTable) -> None:
        self._filesystem.makedirs(self.uri(table), exist_ok=True)
        schema = Schema.from_arrow(table.arrow_schema)
        once = CommitProperties(max_commit_retries=0)  # tried again, it would be made a second time
        with suppress(CommitFailedError):  # somebody else made it meanwhile
            DeltaTable.create(
                self.uri(table),
                schema,
                mode="ignore",
                name=table.name,
                partition_by=list(table.partition_by),
                commit_properties=once,
            )

    def _remove(self, target: str) -> None:
        if self._filesystem.exists(target):
            self._filesystem.rm(target)

    @contextmanager
    def _removed_on_error(self, target: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._remove(target)
            raise


def _folder_name(value: str) -> str:
    """What stands for a value in a folder's name: the log has the value itself, and file systems take no long names."""
    quoted = quote(value, safe="")
    return quoted if len(quoted) <= _FOLDER_NAME_LENGTH else hashlib.sha256(value.encode()).hexdigest()


def _uri(root: str, path: str) -> str:
    """A file's place; the Delta log percent-encodes paths once more than the file system does."""
    return f"{root}/{unquote(path)}"


def _by_partition(files: Sequence[DataFile]) -> list[tuple[Mapping[str, str], list[str]]]:
    groups: dict[tuple[str, ...], tuple[Mapping[str, str], list[str]]] = {}
    for file in files:
        groups.setdefault(tuple(file.partition.values()), (file.partition, []))[1].append(file.uri)
    return list(groups.values())
