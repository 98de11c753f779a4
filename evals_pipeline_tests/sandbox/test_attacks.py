"""No attack of the catalogue works in the sandbox, and every one does without it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evals_pipeline.core.errors import SandboxError
from evals_pipeline_tests.sandbox.attacks.catalogue import ATTACKS, KINDS
from evals_pipeline_tests.sandbox.attacks.running import Verdict, confined, in_control
from evals_pipeline_tests.sandbox.attacks.targets import REPOSITORY, SECRET
from evals_pipeline_tests.sandbox.hosts import NATIVE, ORDINARY, POORER, ROOT, Setup, sandbox_on

AT_ONCE = 4
"""Attacks under way at the same time: most wait for something, and none may disturb another."""

GROWTH_KIB = 400 * 1024


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gives the pipeline a secret, and sees that controls, which may run as root, leave the machine as it was."""
    monkeypatch.setenv("PIPELINE_API_KEY", SECRET)
    before = machine()
    yield
    assert machine() == before


def machine() -> dict[str, object]:
    names = [Path("/proc/sys/kernel", name).read_text() for name in ("hostname", "domainname")]
    return {"names": names, "repository": sorted(path.name for path in REPOSITORY.glob("evals-attack-*"))}


def marked(setup: Setup) -> object:
    """For root, two of six wait for `make test-faults`: sealed like root's tier 3, they cost most and differ least."""
    is_third_of_its_sort = os.getuid() == 0 and (setup.who, setup.tier) in ((ROOT, 2), (ORDINARY, 3))
    return pytest.param(setup, marks=pytest.mark.slow) if is_third_of_its_sort else setup


def attacked(setup: Setup) -> Iterator[tuple[str, Verdict]]:
    """The whole catalogue, against one sandbox."""
    attacks = [attack for attack in ATTACKS if setup.finds in attack.tiers]
    with sandbox_on(setup) as sandbox, ThreadPoolExecutor(AT_ONCE) as pool:
        assert sandbox.report.tier == setup.finds
        verdicts = pool.map(lambda attack: confined(attack, sandbox, setup.owner), attacks)
        yield from zip((attack.name for attack in attacks), verdicts, strict=True)


def check(setup: Setup, subtests: pytest.Subtests) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for name, verdict in attacked(setup):
        with subtests.test(name):
            assert verdict == Verdict([], [])

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KIB


@pytest.mark.parametrize("setup", [marked(setup) for setup in NATIVE], ids=str)
def test_no_attack_works_in_the_sandbox(setup: Setup, subtests: pytest.Subtests) -> None:
    check(setup, subtests)


@pytest.mark.slow
@pytest.mark.parametrize("setup", POORER, ids=str)
def test_no_attack_works_on_a_poorer_host(setup: Setup, subtests: pytest.Subtests) -> None:
    check(setup, subtests)


@pytest.mark.parametrize("setup", [setup for setup in POORER if setup.who == ORDINARY and setup.finds < 3], ids=str)
def test_a_poorer_host_gets_the_best_that_it_can(setup: Setup) -> None:
    with sandbox_on(setup) as sandbox:
        assert sandbox.report.tier == setup.finds
        assert sandbox.report.reasons


@pytest.mark.parametrize("who", [ROOT, ORDINARY])
def test_a_host_without_seccomp_runs_nothing(who: str) -> None:
    setup = Setup(who, 3, lacks=("seccomp",))

    with pytest.raises(SandboxError, match="seccomp"), sandbox_on(setup):
        pytest.fail("it started")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_attack_works_without_the_sandbox(kind: str, subtests: pytest.Subtests) -> None:
    attacks = [attack for attack in ATTACKS if attack.kind == kind and not attack.control]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = list(pool.map(in_control, attacks))

    for attack, verdict in zip(attacks, verdicts, strict=True):
        with subtests.test(attack.name):
            assert verdict.doubts == []
            assert verdict.harm


def test_the_catalogue_is_whole() -> None:
    names = [attack.name for attack in ATTACKS]

    assert len(set(names)) == len(names) >= 55
    assert {attack.kind for attack in ATTACKS} == KINDS
