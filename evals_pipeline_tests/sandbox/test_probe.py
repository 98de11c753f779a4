import sys
from functools import cache
from typing import Any

import pytest

from evals_pipeline.sandbox import probe
from evals_pipeline_tests.sandbox import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement is Linux's")

PROBE = """
try:
    tell(**probe.best(search_path=sys.path, **{how}).report(["numpy"]).as_dict())
except SandboxError as error:
    tell(refused=str(error))
"""
MOUNTS = ["mount"]
LANDLOCK = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]


def probed(*missing: str, as_user: bool = True, **how: Any) -> dict[str, Any]:
    return children.on_a_host_without(missing, PROBE.format(how=how), as_user=as_user)


@cache
def this_host() -> dict[str, Any]:
    return probed()


def test_the_tightest_tier_that_works_is_taken() -> None:
    if this_host().get("tier") != 1 or not this_host()["landlock"]:
        pytest.skip(f"this host has less: {this_host()}")

    assert this_host()["namespaces"] == "user"
    assert this_host()["reasons"] == []
    assert (this_host()["seccomp"], this_host()["is_sealed"], this_host()["packages"]) == (True, False, ["numpy"])


@pytest.mark.parametrize("as_user", [True, False], ids=["as an ordinary user", "as this user"])
@pytest.mark.parametrize(
    ("missing", "tier", "landlock", "reason"),
    [
        pytest.param(["unshare"], 2, True, "tier 1: unshare: Operation not permitted", id="namespaces"),
        pytest.param(MOUNTS, 2, True, "tier 1: mount: Operation not permitted", id="mounts in namespaces"),
        pytest.param(["mount_setattr"], 2, True, "tier 1: mount_setattr: Operation", id="mounts of a newer kernel"),
        pytest.param(["pivot_root"], 2, True, "tier 1: pivot_root: Operation not permitted", id="another root"),
        pytest.param(LANDLOCK, 1, False, "Landlock is missing", id="Landlock"),
        pytest.param(["unshare", *LANDLOCK], 3, False, "tier 1: unshare: Operation not permitted", id="both"),
    ],
)
def test_a_poorer_host_gets_what_works_there_and_says_why(
    missing: list[str], tier: int, landlock: bool, reason: str, as_user: bool
) -> None:
    if this_host().get("tier") != 1 or not this_host()["landlock"]:
        pytest.skip(f"this host is poorer already: {this_host()}")

    report = probed(*missing, as_user=as_user)

    assert (report["tier"], report["landlock"] > 0, report["seccomp"]) == (tier, landlock, True)
    assert [found for found in report["reasons"] if found.startswith(reason)] != []
    assert report["is_sealed"] == (tier == 3) or not as_user


def test_without_seccomp_nothing_runs_and_the_error_names_the_ways_out() -> None:
    refused = probed("seccomp")["refused"]

    assert "this host has no seccomp filter (seccomp(2): Operation not permitted)" in refused
    assert "CONFIG_SECCOMP_FILTER" in refused
    assert "EVALS_SANDBOX=unsafe" in refused


def test_without_seccomp_and_landlock_the_error_is_the_same() -> None:
    assert probed("seccomp", *LANDLOCK)["refused"] == probed("seccomp")["refused"]


def test_less_than_the_operator_demands_is_refused() -> None:
    refused = probed("unshare", min_tier=1)["refused"]

    assert "EVALS_SANDBOX_MIN_TIER=1 demands more than works here (tier 1: unshare: Operation not permitted)" in refused


def test_a_host_where_nothing_works_says_what_was_tried() -> None:
    refused = probed("prctl")["refused"]

    assert "no kind of confinement works here" in refused
    assert "tier 3: prctl: Operation not permitted" in refused


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_a_tier_can_be_asked_for(tier: int) -> None:
    report = probed(tier=tier)

    if "refused" in report:
        pytest.skip(report["refused"])
    assert report["tier"] == tier
    assert (report["namespaces"] == "") == (tier != 1)
    assert report["landlock"] == 0 or tier != 3


def test_a_tier_that_was_asked_for_is_not_replaced_by_another() -> None:
    assert "tier 1 was asked for and does not work here" in probed("unshare", tier=1)["refused"]


def test_tier_2_needs_landlock() -> None:
    refused = probed(*LANDLOCK, tier=2)["refused"]

    assert (
        "tier 2 was asked for and does not work here (Landlock is missing, switched off or forbidden here)" in refused
    )


def test_an_unknown_processor_is_refused() -> None:
    as_32_bits = "import ctypes\nctypes.CDLL(None).personality(8)\n"  # what `setarch linux32` does

    refused = children.told(as_32_bits + PROBE.format(how={}))["refused"]

    assert "system calls can be filtered on x86_64, aarch64 (64 bits), and this is Linux on " in refused
    assert "EVALS_SANDBOX=unsafe" in refused


def test_another_system_is_refused() -> None:
    refused = children.told("sys.platform = 'darwin'\n" + PROBE.format(how={}))["refused"]

    assert "they can be confined on Linux only" in refused
    assert "EVALS_SANDBOX=unsafe" in refused


def test_unsafe_tries_nothing() -> None:
    report = probe.best(is_unsafe=True).report()

    assert (report.tier, report.seccomp, report.is_confined) == (None, False, False)
    assert report.reasons == ("EVALS_SANDBOX=unsafe: nothing is confined",)


def test_a_trial_leaves_no_process_and_no_trace() -> None:
    facts = children.told(
        """
before = [os.getuid(), sorted(os.listdir("/")), sorted(os.listdir("/proc/self/fd")), dict(os.environ)]
attempt(lambda: probe.best(search_path=sys.path))
after = [os.getuid(), sorted(os.listdir("/")), sorted(os.listdir("/proc/self/fd")), dict(os.environ)]
tell(unchanged=before == after, children=attempt(os.wait))
"""
    )

    assert facts == {"unchanged": True, "children": "ChildProcessError"}
