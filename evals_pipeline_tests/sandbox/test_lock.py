import os
import signal
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from evals_pipeline_tests.sandbox import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement is Linux's")

WHO = [pytest.param(False, id="as this user"), pytest.param(True, id="as an ordinary user")]
TIERS = [1, 2, 3]

TRIES = """
import ctypes, mmap, resource, signal, socket, threading
libc = ctypes.CDLL(None, use_errno=True)
KINDS = (socket.AF_INET, socket.AF_UNIX, socket.AF_NETLINK)
def lines(path):
    with open(path, "rb") as file:
        return len(file.read()) > 0
def list_root():
    return sorted(os.listdir("/"))
def thread():
    threading.Thread(target=print).start()
def write():
    with open(os.path.join(os.path.dirname(os.__file__), "written"), "w") as file:
        file.write("x")
def code():
    return len(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))
def core():
    return resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
"""
FACTS = """
tell(
    passwd=attempt(lambda: lines("/etc/passwd")),
    own_project=attempt(lambda: lines({project!r})),
    library=attempt(lambda: lines(os.__file__)),
    root=attempt(list_root),
    sockets=[attempt(lambda: socket.socket(kind).close()) for kind in KINDS],
    fork=attempt(os.fork) if probed.tier else None,
    thread=attempt(thread),
    write=attempt(write),
    pipe=attempt(os.pipe),
    code=attempt(code),
    limits=attempt(core),
    parent=attempt(lambda: os.kill(os.getppid(), 0)),
    itself=attempt(lambda: os.kill(os.getpid(), 0)),
    memory=attempt(lambda: len(bytearray(2**30))),
    some_memory=attempt(lambda: len(bytearray(2**27))),
    environment=sorted(os.environ),
    c_environment=[libc.getenv(b"SECRET"), libc.getenv(b"LC_ALL")],
    is_root=os.getuid() == 0,
    open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    cores=resource.getrlimit(resource.RLIMIT_CORE)[1],
    tier=probed.tier,
    landlock=probed.landlock,
    sealed=probed.layers.is_sealed,
)
"""


@cache
def locked(tier: int, as_user: bool) -> dict[str, Any]:
    facts = FACTS.format(project=str(children.REPOSITORY / "pyproject.toml"))
    return children.in_a_worker(facts, before=TRIES, tier=tier, as_user=as_user)


@pytest.fixture(params=TIERS, ids=lambda tier: f"tier {tier}")
def tier(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=WHO)
def facts(request: pytest.FixtureRequest, tier: int) -> dict[str, Any]:
    return locked(tier, request.param)


def test_it_is_the_tier_that_was_asked_for(facts: dict[str, Any], tier: int) -> None:
    assert facts["tier"] == tier


def test_files_of_the_host_cannot_be_read(facts: dict[str, Any]) -> None:
    refused = {"PermissionError", "FileNotFoundError"}

    assert {facts["passwd"], facts["own_project"]} <= refused
    assert facts["root"] == "PermissionError" or not facts["landlock"]


def test_libraries_can_be_read_unless_sealed(facts: dict[str, Any]) -> None:
    assert facts["library"] == ("PermissionError" if facts["sealed"] else True)


def test_tier_3_is_sealed_and_an_ordinary_users_other_tiers_are_not() -> None:
    assert [locked(tier, True)["sealed"] for tier in TIERS] == [False, False, True]


def test_no_socket_no_process_no_thread_no_file_comes_out_of_it(facts: dict[str, Any]) -> None:
    assert facts["sockets"] == ["PermissionError"] * 3
    assert facts["fork"] == facts["write"] == facts["pipe"] == "PermissionError"
    assert facts["thread"] == "RuntimeError"


def test_no_machine_code_is_made(facts: dict[str, Any]) -> None:
    assert facts["code"] == "PermissionError"


def test_it_signals_itself_only(facts: dict[str, Any]) -> None:
    assert facts["parent"] == "PermissionError"
    assert facts["itself"] is None


def test_memory_ends_in_an_exception_at_the_limit_beyond_what_was_inherited(facts: dict[str, Any]) -> None:
    assert facts["memory"] == "MemoryError"
    assert facts["some_memory"] == 2**27


def test_limits_stand_and_cannot_be_changed(facts: dict[str, Any]) -> None:
    assert (facts["open_files"], facts["cores"]) == (64, 0)
    assert facts["limits"] == "ValueError"  # Python's word for not being allowed to


def test_only_settings_of_libraries_stay_in_its_environment(facts: dict[str, Any]) -> None:
    assert {name for name in facts["environment"] if not name.endswith("_NUM_THREADS")} == {"TZ"}
    assert "OMP_NUM_THREADS" in facts["environment"]
    assert facts["c_environment"] == [0, 0]


def test_it_has_no_rights_and_gets_none(facts: dict[str, Any]) -> None:
    assert not facts["is_root"]


@pytest.mark.parametrize("as_user", WHO)
def test_a_fork_server_without_namespaces_has_no_capability_either(as_user: bool) -> None:
    status = children.told(
        """
lock.enter(probe.best(tier=3).layers)
tell(**{line[0]: line[1:] for line in map(str.split, open("/proc/self/status")) if line})
""",
        as_user=as_user,
    )

    assert {int(status[kind][0], 16) for kind in ("CapInh:", "CapPrm:", "CapEff:", "CapAmb:")} == {0}
    assert status["NoNewPrivs:"] == ["1"]


def test_with_namespaces_the_root_is_empty_but_for_libraries() -> None:
    facts = children.told(
        """
layers = probe.best(tier=1, search_path=sys.path).layers
lock.enter(layers)
tell(root=sorted(os.listdir("/")), me=os.getpid(), readable=layers.folders)
"""
    )

    assert facts["me"] == 1
    assert set(facts["root"]) <= {folder.split("/")[1] for folder in facts["readable"]} | {"usr"}


def test_libraries_can_be_read_under_a_strict_mask_of_modes() -> None:
    facts = children.in_a_worker("tell(size=os.stat(os.__file__).st_size > 0)", before="os.umask(0o077)", tier=1)

    assert facts["size"]


def test_unsafe_confines_nothing_but_limits_resources_and_empties_the_environment() -> None:
    facts = children.in_a_worker(FACTS.format(project=children.__file__), before=TRIES, is_unsafe=True)

    assert facts["tier"] is None
    assert facts["own_project"] is True
    assert facts["sockets"][:2] == [None, None]
    assert facts["memory"] == "MemoryError"
    assert "SECRET" not in facts["environment"]


def test_unsafe_needs_no_call_that_only_linux_has() -> None:
    missing = ["prctl", "seccomp", "capset", "unshare", "mount", "landlock_create_ruleset"]

    facts = children.in_a_worker(
        "tell(environment=sorted(os.environ))",
        before=f"refuse(*{missing})\nsys.platform = 'darwin'",
        is_unsafe=True,
    )

    assert "TZ" in facts["environment"]


ENTER = "lock.enter(probe.best(tier={tier}, search_path=sys.path).layers)\n"


def test_a_fork_server_with_threads_is_refused() -> None:
    done = children.run(
        "import threading\nlayers = probe.best(tier=3).layers\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\nlock.enter(layers)"
    )

    assert "SandboxError: The fork server has 2 threads" in done.stderr


@pytest.mark.parametrize(
    ("end", "status"), [("os._exit(7)", 7), ("import ctypes; ctypes.string_at(0)", 128 + signal.SIGSEGV)]
)
def test_outside_its_namespaces_a_fork_server_ends_as_it_ends_inside(end: str, status: int) -> None:
    children.told(ENTER.format(tier=1) + "tell(worked=True)")

    done = children.run(ENTER.format(tier=1) + end)

    assert done.returncode == status


@pytest.mark.parametrize("tier", TIERS)
def test_nothing_is_left_when_a_fork_server_is_killed(tier: int) -> None:
    script = children.PREAMBLE.format(paths=sys.path) + children.WORKER.format(
        before="", body="    tell(ready=True)\n    while True: pass", how={"tier": tier}
    )
    command = [sys.executable, "-I", "-B", "-c", script]
    with subprocess.Popen(
        command, cwd="/", env={}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        ready = server.stdout.read(len('{"ready": true}'))

        server.kill()
        rest, errors = server.communicate(timeout=60)  # ends when nobody holds the pipes any more

    if "does not work here" in errors:
        pytest.skip(errors)
    assert (ready, rest) == ('{"ready": true}', "")


def test_a_worker_whose_fork_server_is_gone_does_not_start() -> None:
    done = children.told(
        """
cage = lock.enter(probe.best(tier=3).layers)
worker = os.fork()
if worker == 0:
    lock.lock_worker(cage, parent=1_000_000_000, memory_mb=256)
    os._exit(0)
tell(status=os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), orphaned=lock.ORPHANED)
"""
    )

    assert done["status"] == done["orphaned"]


def test_a_call_in_a_foreign_convention_ends_the_worker() -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x32 is a convention of x86-64")

    done = children.run(
        TRIES
        + children.WORKER.format(
            before="", body="    libc.syscall(0x40000000 | 39)\n    tell(survived=1)", how={"tier": 3}
        )
    )

    assert done.stdout == ""
    assert done.returncode == -signal.SIGSYS & 0xFF
