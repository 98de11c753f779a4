"""The inverse of `definitions.fold` and `is_word_character`, as RE2 patterns.

The tables are made from Python's own Unicode data, so they agree with the definitions on every Python version.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from evals_pipeline.evaluators.prebuilt.definitions import fold, is_word_character
from evals_pipeline.evaluators.prebuilt.re2_text import LAST_CODE_POINT, Ranges, bracket, escaped, merged


@cache
def _cased() -> dict[str, str]:
    """Folded character -> all characters that fold to it, where that is more than itself."""
    variants: dict[str, set[str]] = defaultdict(set)
    for start in range(0, LAST_CODE_POINT, 256):
        block = "".join(map(chr, range(start, start + 256)))
        if fold(block) != block:
            for char in block:
                if fold(char) != char:
                    variants[fold(char)] |= {char, fold(char)}
    return {folded: "".join(sorted(chars)) for folded, chars in variants.items()}


def variants(char: str) -> str:
    """All characters that `fold` makes equal to `char`, in ascending order."""
    return _cased().get(fold(char), char)


def folded_pattern(text: str, *, is_ascii: bool = False) -> str:
    """An RE2 pattern for every spelling of `text` in upper and lower case; `is_ascii` leaves out all others."""
    spellings = (tuple(map(ord, variants(char))) for char in text)
    if is_ascii:
        spellings = (tuple(code for code in codes if code < 128) for codes in spellings)
    return "".join(escaped(c[0]) if len(c) == 1 else bracket((code, code) for code in c) for c in spellings)


@cache
def word_characters() -> Ranges:
    """What a whole word must not be surrounded by."""
    return merged((code, code) for code in range(LAST_CODE_POINT + 1) if is_word_character(chr(code)))
