"""`exact_match` as a DuckDB expression."""

from __future__ import annotations

from evals_pipeline.core.sql import literal
from evals_pipeline.evaluators.prebuilt.definitions import ExactMatch

_TRAILING = literal(r"[ \t\n\r\v\f]+\z")


def equal(check: ExactMatch, text: str, expected: str) -> str:
    """TRUE, FALSE or NULL for non-null arguments.

    DuckDB compares text by its bytes as long as nobody sets a default collation. Ignoring case, it is in doubt about
    texts of the same length that are not all ASCII: its `lower` is not `fold`.
    """
    if check.strip_whitespace:
        text, expected = _stripped(text), _stripped(expected)
    if check.case_sensitive:
        return f"{text} = {expected}"
    is_ascii = f"strlen({text}) = length({text}) AND strlen({expected}) = length({expected})"
    return (
        f"CASE WHEN {text} = {expected} THEN TRUE WHEN length({text}) <> length({expected}) THEN FALSE "
        f"WHEN {is_ascii} THEN lower({text}) = lower({expected}) ELSE NULL END"
    )


def _stripped(text: str) -> str:
    """DuckDB's `rtrim` reads every character of the text; RE2 starts at its end and costs a seventieth."""
    return f"regexp_replace(ltrim({text}, {literal(ExactMatch.WHITESPACE)}), {_TRAILING}, '')"
