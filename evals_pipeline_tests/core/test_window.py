from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from evals_pipeline.core.errors import WindowError
from evals_pipeline.core.window import Window, parse_day, parse_days


def test_a_window_has_its_start_and_not_its_end() -> None:
    window = Window(date(2026, 2, 27), date(2026, 3, 2))

    assert list(window) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert len(window) == 3


def test_the_last_days_include_today() -> None:
    window = Window.last(2, now=datetime(2026, 1, 1, 0, 0, tzinfo=UTC))

    assert list(window) == [date(2025, 12, 31), date(2026, 1, 1)]


def test_today_is_the_day_in_utc() -> None:
    evening_in_new_york = datetime(2026, 1, 1, 20, 0, tzinfo=timezone(timedelta(hours=-5)))

    assert list(Window.last(1, now=evening_in_new_york)) == [date(2026, 1, 2)]


def test_a_day_is_a_window() -> None:
    assert list(Window.of_day(date(2024, 2, 29))) == [date(2024, 2, 29)]


@pytest.mark.parametrize("end", [date(2026, 1, 1), date(2025, 12, 31)])
def test_a_window_without_a_day_is_refused(end: date) -> None:
    with pytest.raises(WindowError, match="holds no day\nHint: the end is exclusive"):
        Window(date(2026, 1, 1), end)


@pytest.mark.parametrize("days", [0, -1])
def test_no_last_days_are_refused(days: int) -> None:
    with pytest.raises(WindowError, match="at least 1d"):
        Window.last(days, now=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_day_is_written_as_iso() -> None:
    assert parse_day("2026-01-31") == date(2026, 1, 31)


@pytest.mark.parametrize("text", ["", "2026-02-30", "31.01.2026", "2026-1-1", "today", "2026-01-31T00:00:00"])
def test_what_is_no_day_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WindowError, match="YYYY-MM-DD, for example 2026-01-31"):
        parse_day(text)


@pytest.mark.parametrize(("text", "days"), [("7d", 7), ("2w", 14), ("14d", 14), ("01d", 1)])
def test_a_length_is_days_or_weeks(text: str, days: int) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "d", "7", "7h", "-7d", "1.5d", "7 d", "²d", "7D", "sevend"])
def test_what_is_no_length_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WindowError, match="days as 7d or weeks as 2w"):
        parse_days(text)
