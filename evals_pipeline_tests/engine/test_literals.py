"""Values written as Python: what is read back is what was written."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from evals_pipeline.engine.trying.literals import IMPORTS, written

ESCAPES = "\x1b[31m \u202e \ud83d \"\"\" ''' \\ {x} \r\n \u2028 \x00 ü 漢"


def read(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(IMPORTS, names)
    return eval(text, names)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -3.5,
        10**30,
        float("inf"),
        "",
        ESCAPES,
        [],
        {},
        [[], {}, [None, False]],
        {"a.b": {"c": [1, "2", {"d": ESCAPES}]}, "": "empty"},
        {f"key {n}": ["long" * 9, {"n": n}] for n in range(9)},
        datetime(2026, 1, 10, 12, 0, 0, 5, tzinfo=UTC),
    ],
    ids=repr,
)
def test_what_is_read_back_is_what_was_written(value: Any) -> None:
    text = written(value, indent=4)

    assert read(text) == value
    assert text.isprintable() or "\n" in text


def test_no_line_holds_a_control_character() -> None:
    assert all(line.isprintable() for line in written({"text": [ESCAPES] * 9}).split("\n"))


def test_nan_stays_nan() -> None:
    assert read(written([float("nan")]))[0] != read(written([float("nan")]))[0]


def test_a_time_without_a_zone_is_utc_and_other_things_are_text() -> None:
    assert read(written(datetime(2026, 1, 10))) == datetime(2026, 1, 10, tzinfo=UTC)  # noqa: DTZ001
    assert read(written([date(2026, 1, 10)])) == ["2026-01-10"]


def test_deep_nesting_goes_as_json_because_python_reads_few_brackets() -> None:
    value = json.loads("[" * 300 + "]" * 300)

    assert read(written(value)) == value
