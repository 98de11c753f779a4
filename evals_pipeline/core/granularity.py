"""The three sizes of a unit, and everything that depends on the size."""

from __future__ import annotations

from enum import StrEnum


class Granularity(StrEnum):
    """What is judged: a span, a trace or a session."""

    SPAN = "span"
    TRACE = "trace"
    SESSION = "session"

    @property
    def key_column(self) -> str:
        """The span column that holds the unit's id."""
        return {"span": "context.span_id", "trace": "context.trace_id", "session": "attributes.session.id"}[self.value]

    @property
    def result_prefix(self) -> str:
        """The first word of the write-back columns: `eval`, `trace_eval` or `session_eval`."""
        return "eval" if self is Granularity.SPAN else f"{self.value}_eval"
