import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox import policy
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.program import Limits
from evals_pipeline.sandbox.settings import SandboxSettings
from evals_pipeline_tests.sandbox.processes import comes_true, marked, processes_of
from evals_pipeline_tests.sandbox.programs import batch, judging, labels
from evals_pipeline_tests.test_architecture import REPOSITORY

PIPELINE = """
import sys, threading
from pathlib import Path
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.program import Limits
from evals_pipeline.sandbox.settings import SandboxSettings
from evals_pipeline_tests.sandbox.processes import marked
from evals_pipeline_tests.sandbox.programs import batch, judging

folder, mode = Path(sys.argv[1]), sys.argv[2]
settings, tier = SandboxSettings(is_unsafe=mode == "unsafe"), int(mode) if mode.isdigit() else None
sandbox = Sandbox.start(settings, tier=tier, host=marked(folder))
program = judging("while True: pass")
for _ in range(2):
    session = sandbox.session(program, Limits(row_seconds=600))
    threading.Thread(target=session.evaluate, args=(batch("a"),)).start()
    while not (session._channel and session._channel.begun()):
        pass
print("spinning", flush=True)
"""


@pytest.fixture(scope="module")
def scientific() -> Iterator[Sandbox]:
    try:
        sandbox = Sandbox.start(SandboxSettings(), preload=("scipy.fft",))
    except SandboxError as error:
        pytest.skip(f"nothing can be confined here: {error}")
    with sandbox:
        yield sandbox


def test_libraries_that_start_threads_late_find_that_they_may_not(scientific: Sandbox) -> None:
    program = judging("import numpy, scipy.fft; return EvaluationResult(score=len(scipy.fft.fft(numpy.ones(2**16))))")

    with scientific.session(program) as session:
        table = session.evaluate(batch("a"))

    assert table["score"].to_pylist() == [2**16]


def test_the_memory_of_a_worker_is_counted_without_the_packages(scientific: Sandbox) -> None:
    program = judging("return EvaluationResult(score=len(bytes(int(output) * 2**20)))")

    with scientific.session(program, Limits(memory_mb=64)) as session:
        table = session.evaluate(batch("32", "128", "1"))

    assert table["score"].to_pylist() == [32 * 2**20, None, 2**20]
    assert labels(table)[1] == "MemoryError"


@pytest.mark.parametrize(
    "mode", ["unsafe", "best", *(pytest.param(tier, marks=pytest.mark.slow) for tier in ("1", "2", "3"))]
)
def test_nothing_outlives_a_pipeline_that_is_killed(tmp_path: Path, mode: str) -> None:
    command = [sys.executable, "-c", PIPELINE, str(tmp_path), mode]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as pipeline:
        assert pipeline.stdout is not None
        assert pipeline.stdout.readline() == "spinning\n"
        alive = set(processes_of(tmp_path)) - {pipeline.pid}

        pipeline.kill()

        assert len(alive) >= 3
        assert comes_true(5, lambda: not processes_of(tmp_path))


INTERRUPTED = """
import sys
from pathlib import Path
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.pool import evaluate_all
from evals_pipeline.sandbox.program import Limits
from evals_pipeline.sandbox.settings import SandboxSettings
from evals_pipeline_tests.sandbox.processes import marked
from evals_pipeline_tests.sandbox.programs import batch, judging

program = judging("while output == 'slow': pass\\nreturn EvaluationResult(label=output)")
batches = ((number, batch("fast" if number == 0 else "slow")) for number in range(9))
with Sandbox.start(SandboxSettings(is_unsafe=True), host=marked(Path(sys.argv[1]))) as sandbox:
    for _ in evaluate_all(sandbox, program, batches, Limits(row_seconds=600), workers=2):
        print("at work", flush=True)
"""


def test_ctrl_c_ends_a_pipeline_and_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, text=True, start_new_session=True, **streams) as pipeline:
        assert pipeline.stdout is not None
        assert pipeline.stdout.readline() == "at work\n"

        os.killpg(pipeline.pid, signal.SIGINT)
        _, said = pipeline.communicate(timeout=60)

    assert said.endswith("KeyboardInterrupt\n")
    assert pipeline.returncode == -signal.SIGINT
    assert processes_of(tmp_path) == []


def test_a_pipeline_without_standard_streams_has_a_sandbox(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
os.closerange(0, 3)
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.settings import SandboxSettings
with Sandbox.start(SandboxSettings(is_unsafe=True)) as sandbox:
    Path(sys.argv[1]).write_text(sandbox.report.summary)
"""

    subprocess.run([sys.executable, "-c", script, str(tmp_path / "report")], cwd=REPOSITORY, check=True, timeout=60)

    assert "EVALS_SANDBOX=unsafe" in (tmp_path / "report").read_text("utf-8")


def test_workers_die_with_their_fork_server(tmp_path: Path) -> None:
    with Sandbox.start(SandboxSettings(is_unsafe=True), host=marked(tmp_path)) as sandbox:
        session = sandbox.session(judging("return EvaluationResult(label=output)"))
        session.evaluate(batch("a"))
        alive = len(processes_of(tmp_path))

        os.kill(sandbox._process.pid, signal.SIGKILL)

        assert alive == 2
        assert comes_true(5, lambda: not processes_of(tmp_path))
        with pytest.raises(SandboxError, match=r"fork server of the sandbox was killed \(SIGKILL\)"):
            session.evaluate(batch("b"))
        session.close()


def test_a_fork_server_knows_no_secret_of_the_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with (tmp_path / "open").open("w", encoding="utf-8") as held:
        os.set_inheritable(held.fileno(), True)
        with Sandbox.start(SandboxSettings(is_unsafe=True), host=marked(tmp_path)):
            (server,) = processes_of(tmp_path)
            process = Path(f"/proc/{server}")
            environment = (process / "environ").read_bytes().rstrip(b"\0").split(b"\0")
            descriptors = [str(each.readlink()) for each in (process / "fd").iterdir()]

    assert dict(each.decode().split("=", 1) for each in environment) == dict(policy.ENVIRONMENT)
    assert str(tmp_path / "open") not in descriptors
    assert len(descriptors) == 4  # nothing, nothing, what it says, and the socket


def test_ended_workers_are_no_zombies(unsafe: Sandbox) -> None:
    program = judging("import os; os._exit(1)")
    with unsafe.session(program, Limits(strikes=3)) as session:
        table = session.evaluate(batch(*"abc"))

    children = Path(f"/proc/{unsafe._process.pid}/task/{unsafe._process.pid}/children")
    if not children.exists():
        pytest.skip("this kernel does not list the children of a process")
    assert labels(table) == ["WorkerCrashed"] * 3
    assert children.read_text("utf-8") == ""
