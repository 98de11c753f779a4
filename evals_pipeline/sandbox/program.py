"""What is run in a sandbox, within which limits, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

Value = str | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Program:
    """An evaluator and what it is shown; it is sent to a worker through a pipe, never through the fork server.

    Attributes:
        source: Python that defines the class.
        file: What tracebacks call the source, such as `evaluators/polite.py`.
        class_name: The class in it; an object of it is made without arguments.
        parameters: Set on the object as attributes before the first row.
        variables: Argument of `evaluate` -> column of the batches.
        row_columns: Columns of the batches that `dataset_row` has, by full path; None where `evaluate` takes none.
        json_columns: Columns whose text is JSON and is parsed before it is shown.
    """

    source: str
    file: str
    class_name: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    row_columns: tuple[str, ...] | None = None
    json_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """What an evaluator may use.

    Attributes:
        row_seconds: Wall time of one row.
        load_seconds: Wall time until the class is loaded.
        memory_mb: Address space of a worker in MiB, in addition to the packages.
        strikes: Kills and crashes after which the remaining rows of the session are errors.
    """

    row_seconds: float = 5.0
    load_seconds: float = 10.0
    memory_mb: int = 512
    strikes: int = 20


@cache
def result_schema() -> pa.Schema:
    """Columns of what a session returns, one row per row shown, in their order.

    A row has an error (`error_type`, `error_message`) or a label, a score or both. `metadata` is a JSON object as text,
    null where there is none; `truncated` says that the explanation was cut.
    """
    import pyarrow as pa

    texts = {name: pa.string() for name in ("label", "explanation", "metadata", "error_type", "error_message")}
    return pa.schema({"label": texts["label"], "score": pa.float64(), **texts, "truncated": pa.bool_()})
