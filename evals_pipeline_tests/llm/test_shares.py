from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals_pipeline.llm.shares import Wish, counted, divided, filled

wishes = st.dictionaries(
    st.sampled_from([f"run{number}" for number in range(8)]),
    st.builds(Wish, st.sampled_from(["day", "night", "week"]), st.floats(0, 1e9)),
    min_size=1,
)


def test_what_one_does_not_need_goes_to_the_others() -> None:
    assert filled(90, {"a": 10, "b": 1_000, "c": 1_000}) == {"a": 10, "b": 40, "c": 40}


def test_tasks_are_equal_whatever_the_number_of_their_runs() -> None:
    shares = divided(60, {"a1": Wish("a", 1e9), "b1": Wish("b", 1e9), "b2": Wish("b", 1e9), "b3": Wish("b", 1e9)})

    assert shares == {"a1": 30, "b1": 10, "b2": 10, "b3": 10}


def test_what_nobody_wishes_for_is_room_to_grow() -> None:
    assert divided(20, {"a": Wish("day", 3), "b": Wish("night", 2)}) == {"a": 10.5, "b": 9.5}


@given(st.floats(0.1, 1e6), wishes)
def test_all_of_a_limit_is_given_and_no_more(limit: float, asked: dict[str, Wish]) -> None:
    shares = divided(limit, asked)

    assert sum(shares.values()) == pytest.approx(limit)
    assert min(shares.values()) >= 0


@given(st.floats(0.1, 1e6), wishes)
def test_nobody_gets_less_than_another_of_the_task_who_wished_for_no_more(limit: float, asked: dict[str, Wish]) -> None:
    shares = divided(limit, asked)

    for one, wish in asked.items():
        for other, more in asked.items():
            if wish.task == more.task and wish.amount >= more.amount:
                assert shares[one] >= shares[other] - 1e-6 * limit


@given(st.integers(1, 2_000), wishes, st.integers(0, 100))
def test_whole_calls_add_up_to_the_limit(limit: int, asked: dict[str, Wish], turn: int) -> None:
    shares = counted(limit, asked, turn)

    assert sum(shares.values()) == limit
    assert all(abs(shares[run] - share) <= 1 for run, share in divided(limit, asked).items())


def test_one_call_at_a_time_goes_round_among_runs() -> None:
    asked = {run: Wish(run, 5) for run in ("a", "b", "c")}

    served = {run for turn in range(40) for run, calls in counted(1, asked, turn).items() if calls}

    assert served == {"a", "b", "c"}
