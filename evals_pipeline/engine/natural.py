"""Values of any origin as columns that custom code is shown in their own types."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from evals_pipeline.core.paths import storable

if TYPE_CHECKING:
    import pyarrow as pa

Form: TypeAlias = Literal["text", "time", "json"]
"""How a column goes to a worker: texts and times as they are, anything else as JSON, to be parsed there."""


def form_of(values: Iterable[Any]) -> Form:
    """The form of a column that holds `values`, None for nothing."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, str) for value in known):
        return "text"
    return "time" if all(isinstance(value, datetime) for value in known) else "json"


def column_of(values: Sequence[Any], form: Form) -> pa.Array:
    """The column; `form` is that of these values, or of all that the column has elsewhere."""
    import pyarrow as pa

    if form == "time":
        return pa.array([None if value is None else utc(value) for value in values], pa.timestamp("us", tz="UTC"))
    spelled = storable if form == "text" else _json
    return pa.array([None if value is None else spelled(value) for value in values], pa.string())


def utc(moment: datetime) -> datetime:
    """The moment in UTC, which is taken for granted where no zone is said."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _json(value: Any) -> str:
    return storable(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    """What frames hold inside of their cells: arrays and numbers of numpy as lists and numbers."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
