"""The columns of the lake, as data: names, types, and what users may call them.

Names are those of Arize and Phoenix exports (OpenInference, https://github.com/Arize-ai/openinference/tree/main/spec).
Types are spelled as DuckDB spells them. `JSON_TEXT` is VARCHAR that holds JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SPAN_ID = "context.span_id"
TRACE_ID = "context.trace_id"
PARENT_ID = "parent_id"
NAME = "name"
SPAN_KIND = "span_kind"
START_TIME = "start_time"
END_TIME = "end_time"
STATUS_CODE = "status_code"
STATUS_MESSAGE = "status_message"
EVENTS = "events"
INPUT_VALUE = "attributes.input.value"
INPUT_MIME_TYPE = "attributes.input.mime_type"
OUTPUT_VALUE = "attributes.output.value"
OUTPUT_MIME_TYPE = "attributes.output.mime_type"
MODEL_NAME = "attributes.llm.model_name"
INPUT_MESSAGES = "attributes.llm.input_messages"
OUTPUT_MESSAGES = "attributes.llm.output_messages"
TOKENS_PROMPT = "attributes.llm.token_count.prompt"
TOKENS_COMPLETION = "attributes.llm.token_count.completion"
TOKENS_TOTAL = "attributes.llm.token_count.total"
DOCUMENTS = "attributes.retrieval.documents"
TOOL_NAME = "attributes.tool.name"
SESSION_ID = "attributes.session.id"
USER_ID = "attributes.user.id"
METADATA = "attributes.metadata"
OTHER_ATTRIBUTES = "attributes"
INGESTED_AT = "ingested_at"
PROJECT = "project"
DAY = "day"

TEXT = "VARCHAR"
JSON_TEXT = "JSON"
INTEGER = "BIGINT"
REAL = "DOUBLE"
TIMESTAMP = "TIMESTAMP WITH TIME ZONE"
DATE = "DATE"
BOOLEAN = "BOOLEAN"
TEXT_LIST = "VARCHAR[]"
TEXT_MAP = "MAP(VARCHAR, VARCHAR)"

SPAN_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        SPAN_ID: TEXT,
        TRACE_ID: TEXT,
        PARENT_ID: TEXT,
        NAME: TEXT,
        SPAN_KIND: TEXT,
        START_TIME: TIMESTAMP,
        END_TIME: TIMESTAMP,
        STATUS_CODE: TEXT,
        STATUS_MESSAGE: TEXT,
        EVENTS: JSON_TEXT,
        INPUT_VALUE: TEXT,
        INPUT_MIME_TYPE: TEXT,
        OUTPUT_VALUE: TEXT,
        OUTPUT_MIME_TYPE: TEXT,
        MODEL_NAME: TEXT,
        INPUT_MESSAGES: JSON_TEXT,
        OUTPUT_MESSAGES: JSON_TEXT,
        TOKENS_PROMPT: INTEGER,
        TOKENS_COMPLETION: INTEGER,
        TOKENS_TOTAL: INTEGER,
        DOCUMENTS: JSON_TEXT,
        TOOL_NAME: TEXT,
        SESSION_ID: TEXT,
        USER_ID: TEXT,
        METADATA: JSON_TEXT,
        OTHER_ATTRIBUTES: JSON_TEXT,
    }
)
"""What a source delivers: one row per span. `attributes` is a JSON object of every attribute without a column."""

ADDED_SPAN_COLUMNS: Mapping[str, str] = MappingProxyType({INGESTED_AT: TIMESTAMP, PROJECT: TEXT, DAY: DATE})
"""What the lake adds: when the span arrived, where it is filed and the UTC day of its start."""

DERIVED_COLUMNS: Mapping[str, str] = MappingProxyType(
    {"latency_ms": 'date_diff(\'microsecond\', "start_time", "end_time") / 1000.0'}
)
"""Columns that filters and mappings may use and that are computed when read (DuckDB expressions)."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "attributes.openinference.span.kind": SPAN_KIND,
        "span.status_code": STATUS_CODE,
        "span_id": SPAN_ID,
        "trace_id": TRACE_ID,
        "session_id": SESSION_ID,
        "metadata": METADATA,
    }
)
"""Other spellings that Arize, Phoenix and their users have for a column."""

RESULT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "project": TEXT,
        "task": TEXT,
        "evaluator": TEXT,
        "evaluator_version": TEXT,
        "granularity": TEXT,
        "unit_id": TEXT,
        "trace_id": TEXT,
        "span_id": TEXT,
        "session_id": TEXT,
        "label": TEXT,
        "score": REAL,
        "explanation": TEXT,
        "metadata": JSON_TEXT,
        "outcome": TEXT,
        "error_type": TEXT,
        "error_message": TEXT,
        "truncated": BOOLEAN,
        "input_fingerprint": TEXT,
        "annotator_kind": TEXT,
        "model": TEXT,
        "prompt_tokens": INTEGER,
        "completion_tokens": INTEGER,
        "cost_usd": REAL,
        "latency_ms": REAL,
        "reused": BOOLEAN,
        "run_id": TEXT,
        "unit_start": TIMESTAMP,
        "evaluated_at": TIMESTAMP,
        "day": DATE,
    }
)
"""One row per decision that leaves a trace: evaluated, skipped, errored. Scores of the last two are null."""

INPUT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "project": TEXT,
        "task": TEXT,
        "granularity": TEXT,
        "unit_id": TEXT,
        "trace_id": TEXT,
        "span_id": TEXT,
        "session_id": TEXT,
        "evaluators": TEXT_LIST,
        "values": TEXT_MAP,
        "part": INTEGER,
        "unit_start": TIMESTAMP,
        "run_id": TEXT,
        "selected_at": TIMESTAMP,
        "day": DATE,
    }
)
"""One row per unit that a run shows its evaluators.

`evaluators` names those that do not have its result yet, null means all of the task's. `values` maps the mapped paths
that are no columns to their text, or, where a custom evaluator is shown the value, `json ` and the path to its JSON; a
path that is a column is not copied but read from the span. `part` says which group of span files the unit lies in, so
that a partition larger than memory is joined with its spans group by group.
"""


def canonical(name: str) -> str:
    """The column's own name for a name or alias; names without an alias come back as they are."""
    return ALIASES.get(name, name)
