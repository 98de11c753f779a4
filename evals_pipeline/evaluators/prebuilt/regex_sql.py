"""`matches_regex` as a DuckDB expression: never in doubt, or always."""

from __future__ import annotations

from evals_pipeline.core.sql import literal
from evals_pipeline.evaluators.prebuilt.definitions import MatchesRegex
from evals_pipeline.evaluators.prebuilt.re2 import translate
from evals_pipeline.evaluators.prebuilt.re2_text import search


def matches(check: MatchesRegex, text: str) -> str | None:
    """TRUE or FALSE for a non-null `text`; None when RE2 cannot say what the pattern says."""
    found = translate(check.pattern, full_match=check.full_match, case_sensitive=check.case_sensitive)
    if found is None:
        return None
    is_match = search(text, found.pattern)
    if not found.needle:
        return is_match
    return f"CASE WHEN contains({text}, {literal(found.needle)}) THEN {is_match} ELSE FALSE END"
