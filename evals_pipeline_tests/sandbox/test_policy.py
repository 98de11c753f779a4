import os
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from evals_pipeline.sandbox import folders, policy, syscalls

GROUPS = (*policy.ALWAYS, *policy.READING_FILES)
RULES = (*policy.RULES, *policy.OPENING_FILES)
CALLS = [*(name for group in GROUPS for name in group.names), *(rule.call for rule in RULES), *policy.REFUSALS]


def test_every_call_of_the_policy_has_a_number() -> None:
    assert [name for name in CALLS if name not in syscalls.NUMBERS] == []


def test_no_call_is_decided_twice() -> None:
    assert sorted(CALLS) == sorted(set(CALLS))


def test_every_exception_has_its_reason() -> None:
    reasons = [entry.why for entry in (*GROUPS, *RULES, *policy.LIMITS)]

    assert [reason for reason in reasons if len(reason) < 5] == []


def test_a_number_means_one_call() -> None:
    for architecture in syscalls.AUDIT_ARCHITECTURES:
        numbers = [number for name in syscalls.NUMBERS if (number := syscalls.number(name, architecture)) is not None]

        assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    "call", ["capset", "mount", "pivot_root", "seccomp", "unshare", "landlock_add_rule", "clone", "clone3"]
)
def test_what_locks_a_process_is_not_allowed_inside(call: str) -> None:
    assert call not in set(CALLS) - set(policy.REFUSALS)


def test_what_stays_in_a_workers_environment_is_part_of_the_fork_servers() -> None:
    kept = [name for name in policy.ENVIRONMENT if any(fnmatchcase(name, kept) for kept in policy.KEPT_VARIABLES)]

    assert {"OMP_NUM_THREADS", "DUCC0_NUM_THREADS", "TZ"} <= set(kept)


@pytest.mark.parametrize(
    "private",
    [
        pytest.param(sys.prefix, id="the virtual environment, which can hold a pip.conf"),
        pytest.param(sys.base_prefix, id="the interpreter's prefix"),
        pytest.param(str(Path.home()), id="the home"),
        pytest.param(str(Path.cwd()), id="the working folder"),
        "/etc",
        "/proc",
        "/sys",
        "/tmp",
        "/root",
        "/",
    ],
)
def test_nobodys_own_folder_is_readable(private: str) -> None:
    readable = folders.readable([*sys.path, private, "", "."])

    assert [
        folder for folder in readable if Path(os.path.realpath(private)).is_relative_to(os.path.realpath(folder))
    ] == []


def test_installed_packages_and_the_standard_library_are_readable() -> None:
    readable = folders.readable(sys.path)

    assert {str(Path(module.__file__ or "").parent) for module in (os,)} <= set(readable)
    assert any(Path(pytest.__file__).is_relative_to(folder) for folder in readable)


def test_folders_of_packages_are_known_by_their_names(tmp_path: Path) -> None:
    (packages := tmp_path / "site-packages").mkdir()
    (project := tmp_path / "project").mkdir()

    readable = folders.readable([str(packages), str(project)])

    assert str(packages) in readable
    assert str(project) not in readable
