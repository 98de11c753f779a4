"""Texts, JSON and patterns for the agreement tests."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable

from hypothesis import strategies as st

CASED = [
    chr(code)
    for code in range(sys.maxunicode + 1)
    if chr(code).casefold() != chr(code) or chr(code).lower() != chr(code)
]
"""Every character that changes with its case."""

characters = st.characters(exclude_categories=["Cs"])
letters = st.sampled_from("aAbBkKsSiI019_- .,\n\t\r\v\f\x00\x1c\x85éÉßẞſ\u212aİıΣσς\u0301\u2028\ufeff\ufffe😀")
text = st.text(letters | characters, max_size=30)
short = st.text(letters, max_size=6)
huge = st.builds(lambda part, times: part * times, short, st.integers(1, 400))
texts = st.lists(text | short | huge, min_size=1, max_size=40)
seeds = st.integers(0, 2**32)

# Soup for volume: hypothesis chooses the seed and the ingredients, `random` cooks. A hundred thousand texts in seconds.


def soup(seed: int, count: int, ingredients: str | list[str], most: int = 8) -> list[str]:
    cook = random.Random(seed)
    return ["".join(cook.choices(ingredients, k=cook.randint(0, most))) for _ in range(count)]


LETTERS = list("aAbBkKsSiI019_- .,\n\t\r\v\f\x00\x1c\x85éÉßẞſ\u212aİıΣσς\u0301\u2028\ufeff\ufffe😀")
WORDS = ["foo", "FOO", "bar", "ask", "aſk", "as\u212a", "größe", "GRÖẞE", "istanbul", "İstanbul", "Ὀδυσσεύς", "42"]

JSON_PARTS = [
    *"[]{},:\" \n\t\r\\-+0123.eE/'",
    "[]", "{}", '""', '"a":', '"a"', "null", "true", "false", "nan", "NaN", "-inf", "Infinity", "1.5e3", "1e999", "01",
    '"\\ud800"', '"\\ud83d\\ude00"', '"\\uDC00\\u0041"', '"\\u00e9"', '"\\x41"', '"nan,"', '", inf]"', "//", "/**/",
    "\x00", "\x0b", "\x0c", "\xa0", "\u2028", "\ufeff", "é", '"e\u0301"', "😀", "9" * 60,
]  # fmt: skip


def json_soup(seed: int, count: int) -> list[str]:
    return soup(seed, count, JSON_PARTS, most=9)


def mutated_json(seed: int, count: int) -> list[str]:
    """JSON documents with up to two small wounds each."""
    cook = random.Random(seed)
    return [_wounded(cook, json.dumps(_document(cook, 4), ensure_ascii=cook.random() < 0.5)) for _ in range(count)]


def _wounded(cook: random.Random, document: str) -> str:
    for _ in range(cook.randint(0, 2)):
        at = cook.randint(0, len(document))
        document = document[:at] + cook.choice(["", *JSON_PARTS]) + document[at + cook.randint(0, 2) :]
    return document


def _document(cook: random.Random, depth: int) -> object:
    leaves: list[Callable[[], object]] = [
        lambda: cook.choice([None, True, False, float("nan"), float("inf"), -0.0, 1e300]),
        lambda: cook.randint(-(10**30), 10**30),
        lambda: "".join(cook.choices(LETTERS, k=cook.randint(0, 5))),
    ]
    branches: list[Callable[[], object]] = [
        lambda: [_document(cook, depth - 1) for _ in range(cook.randint(0, 3))],
        lambda: {cook.choice('ab"é'): _document(cook, depth - 1) for _ in range(cook.randint(0, 3))},
    ]
    return cook.choice(leaves + branches if depth else leaves)()


PATTERN_PARTS = [
    *"aAbBkKsS 019_-.\n{}[]()|*+?^$\\,:<=éſ\u212aİ",
    r"\d", r"\w", r"\s", r"\S", r"\W", r"\D", r"\b", r"\B", r"\Z", r"\A", r"\n", r"\x00", r"\1",
    "(?:", "(?i)", "(?m)", "(?s)", "(?x)", "(?i:", "(?-i:", "(?m:", "(?s:", "(?P<x>", "(?=", "(?!", "(?<", "(?>", "(?#",
    "[^", "[a-z]", "[Z-a]", "[^\\w", "[[:", "]*", "]+", ")", "{2}", "{1,3}", "{,2}", "{2,}", "{e", "--", "&&", "*?",
    "+?", "*+", ".*", "|",
]  # fmt: skip


def patterns(seed: int, count: int) -> list[str]:
    """Patterns from any pieces of syntax: most are refused, which is part of the test."""
    return soup(seed, count, PATTERN_PARTS, most=9)


_atoms = st.sampled_from(
    [
        "a",
        "b",
        "k",
        "s",
        "é",
        "ſ",
        ".",
        r"\d",
        r"\w",
        r"\s",
        r"\S",
        r"\W",
        "[a-k]",
        "[^a]",
        r"[\s\d_]",
        "[^ks]",
        r"\.",
        "-",
    ]
)
_assertions = st.sampled_from(["^", "$", r"\b", r"\A", r"\Z"])
_quantifiers = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{,2}", "*?", "+?", "??"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    groups = st.builds("({}{}){}".format, st.sampled_from(["", "?:", "?i:", "?-i:", "?m:", "?s:"]), inner, _quantifiers)
    alternatives = st.lists(inner, min_size=2, max_size=3).map("|".join)
    sequences = st.lists(inner, min_size=1, max_size=4).map("".join)
    return groups | alternatives | sequences


well_formed_patterns = st.recursive(st.builds("{}{}".format, _atoms, _quantifiers) | _assertions, _grown, max_leaves=8)
