"""Values as the tables take them."""

from __future__ import annotations

from datetime import UTC, datetime

from evals_pipeline.core.errors import LedgerError


def storable(text: str) -> str:
    """`text` without NUL, which Postgres takes in no text, and without half characters, which UTF-8 cannot spell."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def without_zone(moment: datetime) -> datetime:
    """`moment` in UTC, as the tables hold times; raises LedgerError when it has no zone."""
    if moment.tzinfo is None:
        raise LedgerError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None)
