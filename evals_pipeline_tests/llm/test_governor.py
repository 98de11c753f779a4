from __future__ import annotations

import json
import random
from dataclasses import asdict

import pytest

from evals_pipeline.llm.governor import Governor
from evals_pipeline.llm.refusals import Seen
from evals_pipeline_tests.llm.provider_simulation import Bucket, Simulation


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [50, 200, 1_000])
def test_a_limit_is_used_to_95_percent_with_less_than_half_a_percent_refused(limit: int, seed: int) -> None:
    simulation = Simulation(Bucket(limit), in_flight=limit // 2, seed=seed).until(80)

    assert simulation.rate(20, 80) >= 0.95 * limit
    assert simulation.share_refused(20, 80) < 0.005


def test_a_small_limit_is_used_too() -> None:
    simulation = Simulation(Bucket(5)).until(120)

    assert simulation.rate(20, 120) >= 4.5
    assert simulation.share_refused(20, 120) < 0.02


@pytest.mark.parametrize("runs", [2, 4])
def test_runs_that_share_a_limit_use_it_together(runs: int) -> None:
    simulation = Simulation(Bucket(200), runs=runs, in_flight=100).until(90)

    assert simulation.rate(30, 90) >= 190
    assert simulation.share_refused(30, 90) < 0.01


@pytest.mark.parametrize("moment", [25.0, 27.0, 29.0, 31.0])
@pytest.mark.parametrize(("before", "after"), [(200, 50), (50, 200), (1_000, 100), (100, 200), (50, 500)])
def test_a_quota_that_is_cut_or_raised_is_found_within_ten_seconds(before: int, after: int, moment: float) -> None:
    simulation = Simulation(Bucket(before), in_flight=200)
    simulation.at(moment, lambda now: (setattr(simulation.bucket, "rate", after), None)[1])

    simulation.until(moment + 15)

    assert simulation.rate(moment + 10, moment + 15) >= 0.9 * after
    assert simulation.share_refused(moment + 10, moment + 15) < 0.05


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_random_refusals_do_not_slow_anything_down_for_long(noise: float) -> None:
    simulation = Simulation(Bucket(None, noise=noise)).until(60)

    assert simulation.rate(10, 60) >= 0.85 * 400 * (1 - noise)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("limit", "noise"), [(50, 0.1), (200, 0.05), (500, 0.1), (50, 0.02)])
def test_a_limit_is_used_to_80_percent_though_refusals_come_at_random_too(limit: int, noise: float, seed: int) -> None:
    simulation = Simulation(Bucket(limit, noise=noise), in_flight=max(20, limit // 2), seed=seed).until(120)

    assert simulation.rate(20, 120) >= 0.8 * limit
    assert simulation.share_refused(20, 120) < 0.35


def test_random_refusals_that_end_are_forgotten() -> None:
    simulation = Simulation(Bucket(200, noise=0.1), in_flight=100)
    simulation.at(40.0, lambda now: (setattr(simulation.bucket, "noise", 0.0), None)[1])

    simulation.until(120)

    assert simulation.rate(80, 120) >= 190
    assert simulation.share_refused(80, 120) < 0.05


def test_a_run_with_little_to_ask_is_not_slowed_down_to_what_it_asks() -> None:
    governor = Governor(mode="open", noise=0.1, at=1_000.0, since=900.0, checked=900.0)
    for second in range(60):
        governor = governor.after(Seen(1, second % 10 == 0), 1_001.0 + second)

    assert governor.noise > 0
    assert governor.pace is None


def test_a_few_refusals_and_nothing_else_do_not_stop_it_for_ever() -> None:
    governor = Governor().after(Seen(), 1.0)
    for second in range(600):
        governor = governor.after(Seen(1, 1), 2.0 + second)

    assert governor.pace is not None and governor.pace > 0
    assert governor.limit is None or governor.limit > 0


def test_without_refusals_nothing_is_held_back() -> None:
    simulation = Simulation(Bucket(None)).until(5)

    assert simulation.governor.pace is None
    assert simulation.refused == []


def test_when_everything_is_refused_hardly_anything_is_sent_until_the_provider_opens_again() -> None:
    governor = Governor().after(Seen(), 1.0).after(Seen(100, 100), 1.3)
    for number in range(12):
        governor = governor.after(Seen(10, 10, retry_after=20), 1.6 + number * 0.3)

    opens = governor.began
    while governor.at < opens - 0.3:
        governor = governor.after(Seen(1, 1), governor.at + 0.3)
    assert (governor.mode, governor.pace) == ("shut", 1.0)
    assert governor.after(Seen(), opens + 0.1).mode == "settle"


def test_what_headers_tell_is_where_it_begins_and_what_changes_it() -> None:
    began = Governor().after(Seen(), 1.0).after(Seen(5, 0, told=50.0), 1.3)
    running_low = began.after(Seen(20, 0, told=50.0, refill=50.0), 1.6)
    cut = running_low.after(Seen(15, 0, told=10.0), 1.9)

    assert (began.mode, began.pace) == ("climb", 50.0)
    assert running_low.pace == pytest.approx(0.99 * 50, rel=0.3)
    assert cut.pace == pytest.approx(running_low.pace / 5)


def test_a_pause_without_anybody_says_nothing_about_a_rate() -> None:
    simulation = Simulation(Bucket(50)).until(20)

    after = simulation.governor.after(Seen(3, 0), 3_600.0)

    assert after.pace == simulation.governor.pace
    assert after.empty_at is None


def test_the_state_survives_the_database() -> None:
    governor = Simulation(Bucket(50)).until(20).governor

    assert Governor(**json.loads(json.dumps(asdict(governor)))) == governor


def test_a_provider_that_refuses_everything_again_and_again_is_asked_now_and_then() -> None:
    governor = Governor().after(Seen(), 1.0)
    for step in range(1_000):
        governor = governor.after(Seen(5, 5, retry_after=20.0), 1.3 + 0.3 * step)

    assert governor.mode in ("shut", "settle")
    assert governor.pace in (1.0, 5.0)


def test_whatever_is_seen_something_may_be_sent() -> None:
    chance = random.Random(3)
    for _ in range(300):
        governor, now = Governor(), 100.0
        for _ in range(100):
            now += chance.choice([0.0, 0.26, 0.3, 0.3, 0.3, 1.0, 5.0, 12.0])
            sent = chance.choice([0, 0, 1, 2, 5, 20, 200])
            refused = chance.choice([0, 0, 0, sent, sent // 2, min(1, sent), sent // 10])
            told, refill = (chance.choice([None] * 9 + [chance.uniform(0.01, 100.0)]) for _ in range(2))
            governor = governor.after(Seen(sent, refused, chance.choice([0.0, 1.0, 100.0]), told, refill), now)

            assert governor.pace is None or governor.pace > 0
            assert governor.limit is None or governor.limit > 0


def test_a_run_that_ends_in_the_middle_of_a_measurement_does_not_slow_down_the_next() -> None:
    simulation = Simulation(Bucket(None, noise=0.1)).until(0.7)
    governor, now = simulation.governor, simulation.governor.at
    assert governor.mode == "settle"

    for refused in (0, 1, 0, 1, 0, 1, 1):
        now += 0.3
        governor = governor.after(Seen(2, refused), now)

    assert governor.pace is None or governor.pace > 100
