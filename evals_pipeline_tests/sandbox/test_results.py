import random
import struct
from typing import Any

import pyarrow as pa
import pytest

from evals_pipeline.core.evaluator import EXPLANATION_LENGTH
from evals_pipeline.sandbox.frames import ViolationError
from evals_pipeline.sandbox.program import result_schema
from evals_pipeline.sandbox.results import NOTHING, Failure, Row, failed, pack, unpack

COUNTS = 8 * 4


def unpacked(rows: list[Row], failures: list[Failure] | None = None, most: int | None = None) -> pa.Table:
    return unpack(bytearray(pack(rows, failures or [])), len(rows) if most is None else most)


def test_what_is_packed_comes_out_as_it_was() -> None:
    rows: list[Row] = [
        ("good", 1.0, "because", '{"n": 1}', False),
        ("naïve ✓", None, None, None, False),
        (None, -0.5, "cut", None, True),
        NOTHING,
        (None, 0.0, None, None, False),
    ]

    table = unpacked(rows, [Failure(3, "ValueError", "no (evaluators/sample.py, line 3)")])

    table.validate(full=True)
    assert table.schema == result_schema()
    assert table["label"].to_pylist() == ["good", "naïve ✓", None, None, None]
    assert table["score"].to_pylist() == [1.0, None, -0.5, None, 0.0]
    assert table["explanation"].to_pylist() == ["because", None, "cut", None, None]
    assert table["metadata"].to_pylist() == ['{"n": 1}', None, None, None, None]
    assert table["error_type"].to_pylist() == [None, None, None, "ValueError", None]
    assert table["error_message"][3].as_py() == "no (evaluators/sample.py, line 3)"
    assert table["truncated"].to_pylist() == [False, False, True, False, False]


def test_lone_surrogates_become_question_marks() -> None:
    table = unpacked([("a\ud800b", None, "\udcff", None, False)])

    assert table["label"].to_pylist() == ["a?b"]
    assert table["explanation"].to_pylist() == ["?"]


def test_control_characters_are_kept() -> None:
    table = unpacked([("a\x00\x1b[31m\n", None, None, None, False)])

    assert table["label"].to_pylist() == ["a\x00\x1b[31m\n"]


def test_texts_of_the_greatest_length_are_taken_whatever_their_bytes() -> None:
    table = unpacked([("€" * 100, None, "€" * EXPLANATION_LENGTH, None, False)])

    assert len(table["explanation"][0].as_py()) == EXPLANATION_LENGTH


def test_rows_that_failed_alike_have_the_same_error() -> None:
    table = failed(3, "TimeoutError", "the row took longer than 5 s – é")

    table.validate(full=True)
    assert table.schema == result_schema()
    assert table["error_message"].to_pylist() == ["the row took longer than 5 s – é"] * 3
    assert table["label"].null_count == table["score"].null_count == 3


GOOD: Row = ("good", 1.0, "because", '{"n": 1}', False)


@pytest.mark.parametrize(
    ("rows", "failures"),
    [
        pytest.param([("x" * 101, None, None, None, False)], [], id="long-label"),
        pytest.param([("€" * 101, None, None, None, False)], [], id="long-label-of-many-bytes"),
        pytest.param([("", None, None, None, False)], [], id="empty-label"),
        pytest.param([(None, float("inf"), None, None, False)], [], id="infinite-score"),
        pytest.param([(None, float("nan"), None, None, False)], [], id="no-number-and-nothing-else"),
        pytest.param([("a", 1.0, "x" * (EXPLANATION_LENGTH + 1), None, False)], [], id="long-explanation"),
        pytest.param([(None, None, "because", None, False)], [], id="explanation-alone"),
        pytest.param([NOTHING], [], id="nothing"),
        pytest.param([GOOD], [Failure(0, "E", "m")], id="result-and-error"),
        pytest.param([(None, None, "x", None, False)], [Failure(0, "E", "m")], id="explanation-and-error"),
        pytest.param([(None, None, None, "{}", False)], [Failure(0, "E", "m")], id="metadata-and-error"),
        pytest.param([(None, None, None, None, True)], [Failure(0, "E", "m")], id="cut-and-error"),
        pytest.param([("a", None, None, None, True)], [], id="cut-without-explanation"),
        pytest.param([NOTHING], [Failure(1, "E", "m")], id="error-of-no-row"),
        pytest.param([NOTHING], [Failure(-1, "E", "m")], id="error-of-a-negative-row"),
        pytest.param([NOTHING, NOTHING], [Failure(1, "E", "m"), Failure(0, "E", "m")], id="errors-out-of-order"),
        pytest.param([NOTHING, NOTHING], [Failure(0, "E", "m"), Failure(0, "E", "m")], id="two-errors-of-a-row"),
        pytest.param([NOTHING], [Failure(0, "", "m")], id="error-without-type"),
        pytest.param([NOTHING], [Failure(0, "E" * 101, "m")], id="long-type"),
        pytest.param([NOTHING], [Failure(0, "E", "m" * 4097)], id="long-message"),
        pytest.param([("a", None, None, "[1]", False)], [], id="metadata-list"),
        pytest.param([("a", None, None, "{1}", False)], [], id="metadata-no-json"),
        pytest.param([("a", None, None, "NaN", False)], [], id="metadata-nan"),
        pytest.param([("a", None, None, '{"a":' * 1_500 + "1" + "}" * 1_500, False)], [], id="metadata-deep"),
        pytest.param([("a", None, None, '{"a": ' + "9" * 10_000 + "}", False)], [], id="metadata-long"),
    ],
)
def test_what_breaks_a_rule_is_a_violation(rows: list[Row], failures: list[Failure]) -> None:
    with pytest.raises(ViolationError):
        unpacked(rows, failures)


def test_a_null_type_of_an_error_is_a_violation() -> None:
    payload = bytearray(pack([NOTHING], [Failure(0, "E", "m")]))
    place = COUNTS + 8 + 3 * 4 + 4  # the length of its type
    struct.pack_into("<i", payload, place, -1)

    with pytest.raises(ViolationError):
        unpack(payload, 1)


def test_more_rows_than_were_asked_about_are_a_violation() -> None:
    with pytest.raises(ViolationError, match="3 results"):
        unpacked([GOOD] * 3, most=2)


@pytest.mark.parametrize(
    ("counts", "what"),
    [
        pytest.param((0, 0, 0, 0, 0, 0, 0, 0), "results", id="no-rows"),
        pytest.param((2**32 - 1, 0, 0, 0, 0, 0, 0, 0), "results", id="four-billion-rows"),
        pytest.param((1, 2**32 - 1, 0, 0, 0, 0, 0, 0), "errors", id="four-billion-errors"),
        pytest.param((1, 0, 2**32 - 1, 2**32 - 1, 0, 0, 0, 0), "add up", id="more-text-than-there-is"),
        pytest.param((1, 0, 3, 7, 8, 0, 0, 0), "add up", id="less-text-than-there-is"),
        pytest.param((1, 0, 4, 7, 8, 0, 0, 1), "add up", id="a-count-that-is-not-used"),
        pytest.param((1, 0, 5, 6, 8, 0, 0, 0), "add up", id="text-of-another-column"),
    ],
)
def test_counts_that_lie_are_a_violation(counts: tuple[int, ...], what: str) -> None:
    payload = bytearray(pack([GOOD], []))
    struct.pack_into("<8I", payload, 0, *counts)

    with pytest.raises(ViolationError, match=what):
        unpack(payload, 10)


@pytest.mark.parametrize("length", [-2, -(2**31), 2**31 - 1, 5, 3])
def test_a_length_that_lies_is_a_violation(length: int) -> None:
    payload = bytearray(pack([GOOD], []))
    struct.pack_into("<i", payload, COUNTS + 8, length)

    with pytest.raises(ViolationError, match="add up"):
        unpack(payload, 1)


def test_lengths_that_overflow_to_the_right_sum_are_a_violation() -> None:
    payload = bytearray(pack([GOOD] * 3, []))
    wrapped = [2**31 - 1, 2**31 - 1, 12 + 2]  # 12 modulo 2**32
    struct.pack_into("<3i", payload, COUNTS + 3 * 8, *wrapped)

    with pytest.raises(ViolationError, match="add up"):
        unpack(payload, 3)


def test_a_character_cut_in_two_by_a_length_is_a_violation() -> None:
    payload = bytearray(pack([("é", None, None, None, False), ("é", None, None, None, False)], []))
    struct.pack_into("<2i", payload, COUNTS + 2 * 8, 1, 3)

    with pytest.raises(ViolationError, match="UTF-8"):
        unpack(payload, 2)


@pytest.mark.parametrize("text", [b"\xff\xfe\xfd\xfc", b"\xed\xa0\x80a", b"\xf5\x80\x80\x80"])
def test_bytes_that_are_no_text_are_a_violation(text: bytes) -> None:
    payload = bytearray(pack([("good", None, None, None, False)], []))
    payload[-4:] = text

    with pytest.raises(ViolationError, match="UTF-8"):
        unpack(payload, 1)


def test_no_damage_gets_through_or_harms_who_reads() -> None:
    dice = random.Random(7)
    rows: list[Row] = [GOOD, NOTHING, ("é", None, "x", None, True), (None, 0.5, None, '{"a": [1]}', False)]
    sound = pack(rows, [Failure(1, "ValueError", "no")])
    outcomes = {"taken": 0, "refused": 0}

    for _ in range(2_000):
        damaged = bytearray(sound)
        for _ in range(dice.choice((1, 1, 2, 8))):
            damaged[dice.randrange(len(damaged))] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
        if dice.random() < 0.1:
            damaged = damaged[: dice.randrange(len(damaged))]
        outcomes[taken_or_refused(damaged, len(rows))] += 1

    assert min(outcomes.values()) > 100


def taken_or_refused(payload: bytearray, most: int) -> str:
    try:
        table = unpack(payload, most)
    except ViolationError:
        return "refused"
    table.validate(full=True)
    for row in table.to_pylist():
        assert_sound(row)
    return "taken"


def assert_sound(row: dict[str, Any]) -> None:
    has_result = row["label"] is not None or row["score"] is not None
    assert has_result != (row["error_type"] is not None)
    assert row["label"] is None or 1 <= len(row["label"]) <= 100
    assert row["score"] is None or abs(row["score"]) < float("inf")
    assert has_result or (row["explanation"], row["metadata"], row["truncated"]) == (None, None, False)
