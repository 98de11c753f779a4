"""`contains_any_keyword` and `contains_all_keywords` as DuckDB expressions. They are never in doubt."""

from __future__ import annotations

from evals_pipeline.core.sql import literal
from evals_pipeline.evaluators.prebuilt.definitions import ContainsAllKeywords, ContainsAnyKeyword, fold
from evals_pipeline.evaluators.prebuilt.folding import folded_pattern, variants, word_characters
from evals_pipeline.evaluators.prebuilt.re2_text import bracket, escaped, search

_MANY = 8
"""From here on one pattern of alternatives is cheaper than one search per keyword (measured: a search that can skip to
its prefix costs a tenth of one that cannot)."""


def contains_any(check: ContainsAnyKeyword, text: str) -> str:
    """TRUE or FALSE for a non-null `text`."""
    if len(check.keywords) > _MANY:
        return search(text, "|".join(_spelled(check, keyword) for keyword in check.keywords))
    cases = " ".join(f"WHEN {_contains(check, text, keyword)} THEN TRUE" for keyword in check.keywords)
    return f"CASE {cases} ELSE FALSE END"


def contains_all(check: ContainsAllKeywords, text: str) -> str:
    """TRUE or FALSE for a non-null `text`."""
    cases = " ".join(f"WHEN NOT ({_contains(check, text, keyword)}) THEN FALSE" for keyword in check.keywords)
    return f"CASE {cases} ELSE TRUE END"


def _contains(check: ContainsAnyKeyword | ContainsAllKeywords, text: str, keyword: str) -> str:
    somewhere = f"contains({text}, {literal(keyword)})" if check.case_sensitive else _contains_folded(text, keyword)
    if not check.whole_words:
        return somewhere
    return f"CASE WHEN {somewhere} THEN {search(text, _spelled(check, keyword))} ELSE FALSE END"


def _contains_folded(text: str, keyword: str) -> str:
    """Look for ASCII spellings first, then for others where the text has a character that they need."""
    everything = search(text, folded_pattern(keyword))
    if not fold(keyword).isascii():
        return everything
    others = {char for folded in keyword for char in variants(folded) if not char.isascii()}
    ascii_only = search(text, folded_pattern(keyword, is_ascii=True))
    if not others:
        return ascii_only
    has_none = " AND ".join(f"NOT contains({text}, {literal(char)})" for char in sorted(others))
    return (
        f"CASE WHEN {ascii_only} THEN TRUE WHEN strlen({text}) = length({text}) THEN FALSE "
        f"WHEN {has_none} THEN FALSE ELSE {everything} END"
    )


def _spelled(check: ContainsAnyKeyword | ContainsAllKeywords, keyword: str) -> str:
    pattern = "".join(escaped(ord(char)) for char in keyword) if check.case_sensitive else folded_pattern(keyword)
    if not check.whole_words:
        return pattern
    beside = bracket(word_characters(), is_negated=True)
    return rf"(?:\A|{beside}){pattern}(?:{beside}|\z)"
