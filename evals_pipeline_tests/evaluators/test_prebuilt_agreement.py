"""The promise: wherever DuckDB gives a verdict, it is the verdict of the plain Python definition."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evals_pipeline.core.errors import ParameterError
from evals_pipeline.evaluators.prebuilt.definitions import fold, is_word_character
from evals_pipeline.evaluators.prebuilt.folding import variants
from evals_pipeline.evaluators.prebuilt.registry import build
from evals_pipeline_tests.evaluators import strategies as s
from evals_pipeline_tests.evaluators.agreement import DATABASE, Comparison, compare, in_duckdb, texts

A_FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
IN_BULK = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
BATCH = 10_000  # ten examples of IN_BULK: 10^5 texts


def agree(found: Comparison) -> bool:
    assert found.differences[:3] == []
    return True


NASTY_PATTERNS = [
    r"ORD-[0-9]{6}", r"https?://\S+", r"[\w.+-]+@[\w-]+\.\w+", r"\b\d{3}-\d{4}\b", r"^\s*\{[\s\S]*\}\s*$",
    r"(?i)\bsorry\b", r"^yes$", r"^$", r"$", r"\Z", r"a$", r"a$|b$", r"(a$|b)", r"a$b", r"a$\n", r"(?m)^b$",
    r"(?m)$\n^", r"(?m)^\Z", r"\A\Z", r".", r"(?s).", r"a.b", r"(?s)a.b", r"[^\n]", r"\s", r"\S", r"\w+\s\w+",
    r"\W", r"[\s\S]", r"[^\s]", r"[^\w\W]", r"\D+", r"\x00", r"a\x00b", r"\0", "\x00", r"[\x00-\x1f]",
    r"[^\x00-\x7f]", r"\u00e9", r"é", r"(?i)é", r"[à-ö]", r"😀", r"\U0001F600", r"(?i)k", r"(?i)[ks]", r"(?i)s|=",
    r"[sS]|=", r"a[kK]|a=", r"(?i)[^k]", r"(?i)[Z-a]", r"(?i:a)b", r"(?-i:a)b", r"(?i)\w", r"a(?:)", r"()\Z",
    r"\A()", r"(?:a|)", r"(|a)+", r"(a*)*", r"(a?){3}", r"(a|b*)*c", r"(?:^a|b)+", r"(\ba\b ?)+", r"a{0}b",
    r"a{,2}$", r"a{2}", r"a{1000}", r"a{1001}", r"(a{100}){20}", r"(?:é{500}){2}", r"x{e<=1}", r"a{e}", r"{a}",
    r"a{", r'{"a"', r"a{}", r"[[:alpha:]]", r"[a[b]", r"[a&&b]", r"[]a]", r"[^]a]", r"[\]a]", r"[\\[:a]", r"(?#c)a",
    r"(?x) a b", r"(?=a)b|a", r"(?!a)b", r"(?<=a)b", r"(a)\1", r"(?P<n>a)(?P=n)", r"(?>a+)b", r"a++b", r"a*+a",
    r"\Ba", r"\B", r"\bé", r"\p{L}", r"\X", r"\R", r"\N{DIGIT ONE}", r"a(?i)b", r"(?V0)a", r"%_", r"a%b", r"_",
    r"'", r"\\", r"\/", r"\ ", r"\_", r"\é", r"[\b]", r"\t\r\v\f\a", r"a|", r"|a", r"a||b",
]  # fmt: skip
FIXED_TEXTS = [
    "", "\n", "\n\n", "a", "A", "b", "ab", "a\n", "a\nb", "a\n\n", "b\na\n", "yes", "yes\n", "Yes", "k", "K",
    "\u212a", "ſ", "s", "S", "aſ", "a\u212a", "=", "a=", "é", "É", "e\u0301", "ö", "İ", "ı", "i", "I", "😀", "a😀b",
    "\x00", "a\x00b", "a\x00", "\x1c", "\x85", "\x0b", "\x0c", "\u2028", "\xa0", "\ufeff", "\ufffe", "\U0010ffff",
    "[", "]", "[a]", "{a}", "{e}", "a{e}", "a{", '{"a": 1}', "a{}", "x", "xx", "aa", "aaa", "a" * 1000, "a" * 2100,
    "é" * 1000, "é" * 999, "abc", "bbb", "baaac", "a a a", "a1", "1", "12", "Call 555-1234 now", "x555-1234",
    "me@example.com", "see https://a.b/c d", "order ORD-123456.", "ORD-12345", "I'm sorry, no", "unsorry", "%", "_",
    "a%b", "axb", "\\", "/", "'", "''", " ", "\t", "\r\n", "a\r\n", "\x08", "\x07", "--",
]  # fmt: skip


@pytest.mark.parametrize("case_sensitive", [True, False], ids=["case", "no-case"])
@pytest.mark.parametrize("full_match", [False, True], ids=["search", "full"])
def test_realistic_and_nasty_patterns_match_the_same_texts_in_both(full_match: bool, case_sensitive: bool) -> None:
    options = {"full_match": full_match, "case_sensitive": case_sensitive}

    for pattern in NASTY_PATTERNS:
        check = build("matches_regex", {"pattern": pattern, **options})

        assert agree(compare(check, texts(*FIXED_TEXTS))), pattern


@pytest.mark.parametrize(
    "pattern", [r"ORD-[0-9]{6}", r"https?://\S+", r"^yes$", r"(?i)\bsorry\b", r"(a|b)+?c{2,}", r"(?m)^#"]
)
def test_ordinary_patterns_run_in_duckdb(pattern: str) -> None:
    check = build("matches_regex", {"pattern": pattern})

    assert check.is_sql


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", r"(?=a)b", r"(?<=a)b", r"a++", r"\p{L}", r"x{e<=1}", r"a$b", r"a{1001}", r"\B"]
)
def test_patterns_that_re2_lacks_or_reads_differently_run_in_python(pattern: str) -> None:
    check = build("matches_regex", {"pattern": pattern})

    assert not check.is_sql
    assert in_duckdb(check, texts("a", "aa")) == [None, None]


@A_FEW
@given(s.well_formed_patterns, s.texts, st.booleans(), st.booleans())
def test_generated_patterns_match_the_same_texts_in_both(
    pattern: str, values: list[str], full_match: bool, case_sensitive: bool
) -> None:
    check = build("matches_regex", {"pattern": pattern, "full_match": full_match, "case_sensitive": case_sensitive})

    assert agree(compare(check, texts(*values)))


@IN_BULK
@given(s.seeds)
def test_any_soup_of_syntax_is_refused_or_matches_the_same_texts_in_both(seed: int) -> None:
    batch = texts(*FIXED_TEXTS[:60])
    for number, pattern in enumerate(s.patterns(seed, 400)):
        options = {"full_match": number % 3 == 0, "case_sensitive": number % 2 == 0}
        try:
            check = build("matches_regex", {"pattern": pattern, **options})
        except ParameterError:
            continue
        if check.is_sql:
            assert agree(compare(check, batch)), pattern


@IN_BULK
@given(s.seeds, st.sampled_from(NASTY_PATTERNS[:12] + [r"(?i)[ks]a|b", r"^\W*\w+\s?$", r"(?m)^\S+$", r"[^a-z]{2}k"]))
def test_patterns_match_the_same_among_a_hundred_thousand_texts(seed: int, pattern: str) -> None:
    check = build("matches_regex", {"pattern": pattern})

    assert agree(compare(check, texts(*s.soup(seed, BATCH, s.LETTERS + ["ORD-123456", "sorry", "yes", "a@b.c"]))))


@IN_BULK
@given(s.seeds)
def test_json_is_parseable_alike_among_a_hundred_thousand_texts(seed: int) -> None:
    check = build("json_parseable", {})

    assert agree(compare(check, texts(*s.json_soup(seed, BATCH // 2))))
    assert agree(compare(check, texts(*s.mutated_json(seed, BATCH // 2))))


@A_FEW
@given(s.texts)
@example(
    ["[1,]", "[1 ,\n]", "NaN", "[-inf ]", '{"a":nan}', '"\\ud800"', '{"a":1,"a":2}', "9" * 5000, "1e999", "\ufeff1", ""]
)
@example(["[" * depth + "]" * depth for depth in (1, 129, 499, 500, 501, 700, 5000)])
@example(
    [
        "[" * 499 + '"' + "[" * 300 + '"' + "]" * 499,
        '{"a":' * 501 + "1" + "}" * 501,
        "[" * 100_000,
        '"' + "[" * 2000 + '"',
    ]
)
def test_json_is_parseable_alike(values: list[str]) -> None:
    assert agree(compare(build("json_parseable", {}), texts(*values)))


@A_FEW
@given(
    st.sampled_from(["any", "all"]),
    st.lists(s.short.filter(bool), min_size=1, max_size=11),
    s.texts,
    st.booleans(),
    st.booleans(),
)
def test_keywords_are_found_alike(
    which: str, keywords: list[str], values: list[str], case_sensitive: bool, whole_words: bool
) -> None:
    name = {"any": "contains_any_keyword", "all": "contains_all_keywords"}[which]
    check = build(name, {"keywords": keywords, "case_sensitive": case_sensitive, "whole_words": whole_words})

    found = compare(check, texts(*values, *("x".join(keywords), " ".join(keywords).upper())))

    assert agree(found)
    assert found.doubts == 0


@IN_BULK
@given(s.seeds, st.lists(st.sampled_from(s.WORDS), min_size=1, max_size=10), st.booleans(), st.booleans())
def test_keywords_are_found_alike_among_a_hundred_thousand_texts(
    seed: int, keywords: list[str], case_sensitive: bool, whole_words: bool
) -> None:
    rows = texts(*s.soup(seed, BATCH, s.LETTERS + s.WORDS * 3))
    for name in ("contains_any_keyword", "contains_all_keywords"):
        check = build(name, {"keywords": keywords, "case_sensitive": case_sensitive, "whole_words": whole_words})

        assert agree(compare(check, rows))


def test_every_character_that_has_a_case_is_found_in_every_other_spelling() -> None:
    folded = sorted({fold(char) for char in s.CASED})
    for start in range(0, len(folded), 200):
        keywords = folded[start : start + 200]
        check = build("contains_any_keyword", {"keywords": keywords})
        spellings = [spelling for keyword in keywords for spelling in variants(keyword)]

        assert in_duckdb(check, texts(*spellings)) == [True] * len(spellings)
    assert all(fold(spelling) == folded_char for folded_char in folded for spelling in variants(folded_char))


def test_no_character_is_found_in_a_spelling_that_the_definition_does_not_know() -> None:
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    letter = build("contains_all_keywords", {"keywords": ["k"]})
    whole = build("contains_any_keyword", {"keywords": ["x"], "whole_words": True})

    found_letters = in_duckdb(letter, texts(*everything))
    found_wholes = in_duckdb(whole, texts(*(f"{char}x" for char in everything)))

    assert found_letters == [fold(char) == "k" for char in everything]
    assert found_wholes == [not is_word_character(char) for char in everything]


@A_FEW
@given(st.lists(st.tuples(s.text | s.short, s.text | s.short), min_size=1), st.booleans(), st.booleans())
def test_mapped_expectations_are_met_alike(pairs: list[tuple[str, str]], case_sensitive: bool, strip: bool) -> None:
    check = build("exact_match", {"case_sensitive": case_sensitive, "strip_whitespace": strip})
    rows = [{"text": a, "expected": b} for a, b in pairs]
    rows += [{"text": f" \n{a}\t", "expected": a.swapcase()} for a, _ in pairs]

    assert agree(compare(check, rows))


@IN_BULK
@given(s.seeds, st.sampled_from(["a", "As", " a\n", "é", "Ks", ""]), st.booleans(), st.booleans())
def test_static_expectations_are_met_alike_among_a_hundred_thousand_texts(
    seed: int, expected: str, case_sensitive: bool, strip: bool
) -> None:
    options = {"expected": expected, "case_sensitive": case_sensitive, "strip_whitespace": strip}
    check = build("exact_match", options)

    assert agree(compare(check, texts(*s.soup(seed, BATCH, s.LETTERS, most=4))))


ENGLISH = [
    f"Thanks for order {n}, information: the café's nan, or inf] and Hannan, Fernando's (sorry) reply {n % 7}.\nBye "
    for n in range(2000)
]
JSON = [
    json.dumps({"id": n, "text": line, "tags": ["a", "b"], "p": n / 7}, indent=n % 3 or None)
    for n, line in enumerate(ENGLISH)
]


@pytest.mark.parametrize("values", [ENGLISH, JSON], ids=["english", "json"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("matches_regex", {"pattern": r"\breply [0-6]\b"}),
        ("json_parseable", {}),
        ("contains_any_keyword", {"keywords": ["sorry", "café"]}),
        ("contains_all_keywords", {"keywords": ["THANKS", "order"], "whole_words": True}),
        ("exact_match", {"expected": "Größe", "case_sensitive": False, "strip_whitespace": True}),
    ],
)
def test_ordinary_text_is_hardly_ever_in_doubt(name: str, parameters: dict[str, object], values: list[str]) -> None:
    found = compare(build(name, parameters), texts(*values))

    assert agree(found)
    assert found.doubts / found.rows < 0.01


def test_a_null_text_has_no_verdict() -> None:
    check = build("contains_any_keyword", {"keywords": ["a"]})

    found = DATABASE.execute(f"SELECT {check.sql({'text': 'NULL::VARCHAR'})}").fetchone()

    assert found == (None,)
