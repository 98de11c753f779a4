"""Labelled rows from a CSV, JSON lines or Parquet file, with the values that an evaluator is shown."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals_pipeline.core.errors import ConfigError, MappingError, SourceError, did_you_mean
from evals_pipeline.core.evaluator import Variable
from evals_pipeline.core.paths import as_text, walk
from evals_pipeline.selection.sampling import sampling_key

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GoldRow:
    """One labelled row.

    Attributes:
        number: Its place in the file, from 1; the head of a CSV file is not counted.
        label: What a person said.
        values: Variable -> value as the file has it, for code; its text for others. Null where the row has none.
        record: The whole row, but for the label.
    """

    number: int
    label: str
    values: Mapping[str, Any]
    record: Record = field(default_factory=dict, compare=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """Variables without a value."""
        return tuple(name for name, value in self.values.items() if value is None)


@dataclass(frozen=True, slots=True)
class GoldFile:
    """What a file holds; `unlabelled` counts rows without a gold label, which are left out."""

    rows: tuple[GoldRow, ...]
    unlabelled: int


def read_gold(
    path: Path,
    variables: Sequence[Variable],
    *,
    mapping: Mapping[str, str],
    label_column: str,
    labels: Sequence[str] | None,
) -> GoldFile:
    """Read labelled rows.

    Args:
        path: A file that ends in .csv, .jsonl, .ndjson or .parquet. An empty cell of a CSV file is no value.
        variables: What the evaluator is shown.
        mapping: Variable -> column or path; a variable that is not mapped is read from the column of its own name, and
            left out where it is optional and there is none.
        label_column: Column or path of the gold label.
        labels: What the evaluator can say; None for custom code, which says what it likes and is shown values in their
            own types. Those of a CSV file are text.

    Raises:
        ConfigError: The file is of another kind, holds no labelled row, or has gold labels that the evaluator lacks.
        MappingError: A column does not exist, or the mapping names a variable that the evaluator lacks.
        SourceError: The file cannot be read.
    """
    records = _records(path)
    columns = list(dict.fromkeys(name for record in records for name in record))
    if not columns:
        raise ConfigError(f"{path.name} holds no rows", hint="it needs the evaluator's variables and a gold label")
    _refuse_unknown(mapping, [variable.name for variable in variables])
    places = {
        each.name: _place(mapping.get(each.name, each.name), columns, each.name)
        for each in variables
        if each.is_required or each.name in mapping or each.name in columns
    }
    label_place = _place(label_column, columns, None)
    found = [(number, _text(record, label_place), record) for number, record in enumerate(records, start=1)]
    value_of = _natural if labels is None else _text
    rows = tuple(
        GoldRow(
            number,
            label.strip(),
            {name: value_of(record, place) for name, place in places.items()},
            {name: _natural(record, (name, ())) for name in columns if name != label_place[0]},
        )
        for number, label, record in found
        if label and label.strip()
    )
    _refuse_unlabelled(rows, label_column)
    if labels is not None:
        _refuse_strangers(rows, labels)
    return GoldFile(rows, len(records) - len(rows))


def chosen_rows(rows: Sequence[GoldRow], limit: int | None, *, balanced: bool) -> list[GoldRow]:
    """At most `limit` of `rows`, with `balanced` equally many of each gold label, in the order of the file.

    A row is taken or left by the hash of its number: a repeat takes the same, and a higher limit takes them again.

    Raises:
        ConfigError: The limit is below one row of each label.
    """
    hashed = sorted(rows, key=lambda row: sampling_key(str(row.number)))
    if balanced:
        of = {label: [row for row in hashed if row.label == label] for label in dict.fromkeys(r.label for r in hashed)}
        most = min(map(len, of.values()), default=0)
        each = most if limit is None else min(most, limit // len(of))
        if of and not each:
            raise ConfigError(
                f"a limit of {limit} cannot hold equally many of {len(of)} gold labels", hint=f"ask for {len(of)}"
            )
        hashed = [row for mine in of.values() for row in mine[:each]]
    return sorted(hashed[:limit], key=lambda row: row.number)


def _records(path: Path) -> list[Record]:
    readers = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"{path.name!r} is no gold file", hint=f"its name must end in {', '.join(readers)}")
    try:
        return list(reader(path))
    except (OSError, UnicodeDecodeError) as cause:
        raise SourceError(f"{path.name} cannot be read: {cause}") from cause


def _csv(path: Path) -> Iterator[Record]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # its own limit, 131,072 characters, is below what spans hold
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise SourceError(f"{path.name}, line {reader.line_num}: not as many cells as the head has columns")
                yield {name: value or None for name, value in row.items()}
        except csv.Error as cause:
            raise SourceError(f"{path.name}, line {reader.reader.line_num}: {cause}") from cause


def _jsonl(path: Path) -> Iterator[Record]:
    import orjson

    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as cause:
                raise SourceError(f"{path.name}, line {number}: no JSON: {cause}") from cause
            if not isinstance(record, dict):
                raise SourceError(f"{path.name}, line {number}: not an object\nHint: write one object a line")
            yield record


def _parquet(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        yield from pq.read_table(path).to_pylist(maps_as_pydicts="lossy")
    except pa.ArrowException as cause:
        raise SourceError(f"{path.name} cannot be read: {cause}") from cause


def _refuse_unknown(mapping: Mapping[str, str], variables: Sequence[str]) -> None:
    for name in mapping:
        if name not in variables:
            there_is = ", ".join(variables)
            message = f"{name!r} is mapped, but the evaluator has no such variable; there is: {there_is}"
            raise MappingError(message, hint=did_you_mean(name, variables))


def _place(path: str, columns: Sequence[str], variable: str | None) -> tuple[str, tuple[str, ...]]:
    """The longest dotted prefix of `path` that is a column, and what is to be walked inside it."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        column = ".".join(parts[:length])
        if column in columns:
            return column, tuple(parts[length:])
    raise MappingError(
        f"the gold file has no column {path!r}; there is: {', '.join(columns)}",
        hint=did_you_mean(path, columns) or _remedy(variable),
    )


def _remedy(variable: str | None) -> str:
    if variable is None:
        return "name the column of the gold labels: --label-column COLUMN"
    return f"say where the variable is: --map {variable}=COLUMN"


def _text(record: Record, place: tuple[str, tuple[str, ...]]) -> str | None:
    return as_text(_natural(record, place))


def _natural(record: Record, place: tuple[str, tuple[str, ...]]) -> Any:
    column, parts = place
    found = walk(record.get(column), parts)
    return None if found != found else found  # NaN, pandas' word for nothing, is unlike itself


def _refuse_unlabelled(rows: Sequence[GoldRow], label_column: str) -> None:
    if not rows:
        raise ConfigError(f"no row has a gold label in column {label_column!r}", hint=_remedy(None))


def _refuse_strangers(rows: Iterable[GoldRow], labels: Sequence[str]) -> None:
    counts = Counter(row.label for row in rows)
    strangers = {label: count for label, count in counts.items() if label not in labels}
    if strangers:
        listed = ", ".join(f"{label!r} ({count})" for label, count in list(strangers.items())[:10])
        raise ConfigError(
            f"gold labels that the evaluator cannot give: {listed}; it gives: {', '.join(map(repr, labels))}",
            hint=did_you_mean(next(iter(strangers)), labels) or "take these rows out, or spell their labels as it does",
        )
