"""A program and what it started, ended together: real processes, also in the background of a script."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evals_pipeline_tests.builders import project_folder, spans
from evals_pipeline_tests.cli.conftest import answers, free_port

RUNNER = """
import os, sys
from pathlib import Path
from evals_pipeline.cli.children import run_until_stopped

sys.exit(run_until_stopped([sys.executable, *sys.argv[2:]], folder=Path.cwd(), environment=os.environ,
                           seconds_to_stop=float(sys.argv[1])))
"""
PARENT = """
import json, os, signal, subprocess, sys, time
from pathlib import Path

if "deaf" in sys.argv:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path("unfinished").write_text(json.dumps([os.getpid(), child.pid]))
Path("unfinished").rename("pids")
if "dying" in sys.argv:
    sys.exit(7)
try:
    time.sleep(600)
except KeyboardInterrupt:
    child.send_signal(signal.SIGINT)
    child.wait()
    Path("cleaned up").touch()
"""
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def state(pid: int) -> str:
    """What `ps` says of the process: empty when there is none, `Z…` when it has ended."""
    return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def is_alive(pid: int) -> bool:
    return state(pid).strip()[:1] not in ("", "Z")


def group_of(pid: int) -> list[int]:
    """Every process below `pid`."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in pairs if its_parent == parent]
    return found[1:]


def eventually(holds: Callable[[], bool], *, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


class Started:
    """`PARENT` under `run_until_stopped`, in `folder`."""

    def __init__(self, folder: Path, *how: str, seconds: float = 60) -> None:
        self.folder = folder
        command = [sys.executable, "-c", RUNNER, str(seconds), "-c", PARENT, *how]
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
        assert eventually((folder / "pids").exists)
        self.pids: list[int] = json.loads((folder / "pids").read_text())

    @property
    def alive(self) -> list[int]:
        return [pid for pid in self.pids if is_alive(pid)]

    def ask(self, number: signal.Signals) -> int:
        """Its exit code after the signal."""
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_each_signal_ends_the_program_as_ctrl_c_does(tmp_path: Path, number: signal.Signals) -> None:
    started = Started(tmp_path)

    code = started.ask(number)

    assert (code, started.alive) == (0, [])
    assert (tmp_path / "cleaned up").exists()


def test_what_does_not_end_in_time_is_killed_with_all_it_started(tmp_path: Path) -> None:
    started = Started(tmp_path, "deaf", seconds=0.5)

    code = started.ask(signal.SIGTERM)

    assert (code, started.alive) == (0, [])


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    started = Started(tmp_path, "deaf", seconds=600)
    started.process.send_signal(signal.SIGINT)
    time.sleep(0.5)

    code = started.ask(signal.SIGINT)

    assert (code, started.alive) == (0, [])


def test_what_a_program_leaves_behind_ends_and_its_code_is_told(tmp_path: Path) -> None:
    started = Started(tmp_path, "dying")

    code = started.process.wait(60)

    assert (code, started.alive) == (7, [])


@pytest.fixture
def in_background(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts a command as `nohup … &` in a script does, which ignores SIGINT and SIGHUP for it; gives its id."""
    begun: list[int] = []

    def start(*command: str, folder: Path = tmp_path) -> int:
        script = 'nohup "$@" > background.log 2>&1 & echo $!'
        said = subprocess.run(["sh", "-c", script, "sh", *command], cwd=folder, stdout=subprocess.PIPE, check=True)
        begun.append(int(said.stdout))
        return begun[-1]

    yield start
    for pid in begun:
        for each in [*group_of(pid), pid]:
            subprocess.run(["kill", "-KILL", str(each)], capture_output=True, check=False)


@pytest.mark.parametrize("number", SIGNALS[:2], ids=lambda number: number.name)
def test_signals_are_heard_in_the_background_of_a_script(
    tmp_path: Path, in_background: Callable[..., int], number: signal.Signals
) -> None:
    pid = in_background(sys.executable, "-c", RUNNER, "60", "-c", PARENT)
    assert eventually((tmp_path / "pids").exists)
    below = group_of(pid)

    subprocess.run(["kill", f"-{number.name.removeprefix('SIG')}", str(pid)], check=True)

    assert eventually(lambda: not any(map(is_alive, [pid, *below])))
    assert len(below) == 2
    assert (tmp_path / "cleaned up").exists()


def test_nohup_keeps_its_word(tmp_path: Path, in_background: Callable[..., int]) -> None:
    pid = in_background(sys.executable, "-c", RUNNER, "60", "-c", PARENT)
    assert eventually((tmp_path / "pids").exists)

    subprocess.run(["kill", "-HUP", str(pid)], check=True)
    time.sleep(0.5)

    assert is_alive(pid)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS[:2], ids=lambda number: number.name)
def test_nothing_of_dev_is_left_when_it_was_started_in_the_background(
    tmp_path: Path, in_background: Callable[..., int], number: signal.Signals
) -> None:
    folder, port = project_folder(tmp_path / "shop", spans(9)), free_port()
    pid = in_background(sys.executable, "-m", "evals_pipeline", "dev", "--port", str(port), folder=folder)
    assert answers(f"http://127.0.0.1:{port}/server_info", lambda: is_alive(pid))
    below = group_of(pid)

    subprocess.run(["kill", f"-{number.name.removeprefix('SIG')}", str(pid)], check=True)

    assert eventually(lambda: not any(map(is_alive, [pid, *below])))
    assert len(below) >= 4, "dagster dev, a code server, the UI and the daemon"
