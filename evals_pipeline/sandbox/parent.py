"""The pipeline's side of a sandbox: starts the fork server, has workers made and ended."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox import control, policy
from evals_pipeline.sandbox.channel import Channel, Ending
from evals_pipeline.sandbox.pipes import Log, Pipes
from evals_pipeline.sandbox.program import Limits, Program
from evals_pipeline.sandbox.report import SandboxReport
from evals_pipeline.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from evals_pipeline.sandbox.session import Session

START_SECONDS = 120.0
"""Wall time for imports and probing; a sealed sandbox on a busy machine takes ten seconds and more."""

_ANSWER_SECONDS = 30.0
_CLOSE_SECONDS = 10.0
_STDERR_CHARACTERS = 2_000
_FIRST_AFTER_STANDARD = 3

_BOOT = """
import sys
descriptor, *paths = sys.argv[1:]
sys.path += [path for path in paths if path not in sys.path]
from evals_pipeline.sandbox import forkserver
forkserver.main(int(descriptor))
"""


@dataclass(frozen=True, slots=True)
class Host:
    """What executes the fork server.

    Attributes:
        python: The interpreter.
        paths: Folders where it finds this package and those of the settings, besides its own.
        user: User id that it gets; that of this process where None.
        group: The same for the group.
    """

    python: str
    paths: tuple[str, ...]
    user: int | None = None
    group: int | None = None

    @classmethod
    def of_this_process(cls, packages: Collection[str] = ()) -> Host:
        """This interpreter, and the folders where it finds what a sandbox imports."""
        names = ("evals_pipeline", "pyarrow", "orjson", *packages)
        return cls(sys.executable, tuple(dict.fromkeys(folder for name in names for folder in _folders(name))))


def _folders(package: str) -> list[str]:
    found = importlib.util.find_spec(package.partition(".")[0])
    if found is None:
        return []
    places = found.submodule_search_locations or [found.origin or ""]
    return [str(Path(place).parent) for place in places if Path(place).is_absolute()]


class Sandbox:
    """A fork server and what it says of itself; may be used from several threads."""

    def __init__(self, process: subprocess.Popen[bytes], socket_to_it: socket.socket, stderr: IO[bytes]) -> None:
        self._process = process
        self._control = socket_to_it
        self._stderr = stderr
        self._is_asking = threading.Lock()
        self._is_closed = False
        self.report: SandboxReport

    @classmethod
    def start(
        cls,
        settings: SandboxSettings,
        *,
        preload: Collection[str] = (),
        tier: int | None = None,
        host: Host | None = None,
    ) -> Self:
        """Execute a fork server and wait until it is confined.

        Args:
            settings: The operator's decisions.
            preload: Modules that the evaluators import; those of the standard library and of the settings' packages
                are imported before the first worker is made, others when an evaluator asks for them.
            tier: Confine exactly so well; as well as it works here where None.
            host: What executes it; this interpreter where None.

        Raises:
            SandboxError: It does not start, or cannot be confined as the settings demand; with causes and ways out.
        """
        host = host or Host.of_this_process(settings.packages)
        order = {
            "tier": tier,
            "min_tier": settings.min_tier,
            "is_unsafe": settings.is_unsafe,
            "packages": list(settings.packages),
            "preload": _allowed(preload, settings.packages),
        }
        try:
            sandbox = cls(*_executed(host))
        except OSError as error:
            raise SandboxError(f"The sandbox's interpreter {host.python!r} does not start: {error}") from error
        try:
            sandbox.report = SandboxReport.from_dict(sandbox._ask(order, seconds=START_SECONDS)["report"])
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    def session(self, program: Program, limits: Limits | None = None) -> Session:
        """A session for one evaluator version in one run; its first worker is made when the first rows come."""
        from evals_pipeline.sandbox.session import Session

        return Session(self, program, limits or Limits())

    def worker(self, memory_mb: int, log: Log) -> Channel:
        """A new worker, which is not locked yet.

        Args:
            memory_mb: Address space in MiB in addition to what is loaded.
            log: Takes what it prints.

        Raises:
            SandboxError: The fork server is gone, or cannot fork.
        """
        try:
            pipes = Pipes()
        except OSError as error:
            raise SandboxError(f"No pipes can be made to another worker: {error}") from error
        try:
            number = self._ask({"memory_mb": memory_mb}, pipes.for_worker)["worker"]
        except BaseException:
            pipes.close()
            raise
        pipes.give_away()
        return Channel(pipes, lambda grace: Ending(**self._ask({"end": number, "grace": grace})), log)

    def close(self) -> None:
        """End the fork server and with it all workers; sessions that go on fail."""
        if self._is_closed:
            return
        self._is_closed = True
        self._hang_up()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._is_asking:
            self._control.close()
            self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(
        self, request: dict[str, Any], descriptors: Sequence[int] = (), seconds: float = _ANSWER_SECONDS
    ) -> dict[str, Any]:
        with self._is_asking:
            if self._is_closed:
                raise SandboxError("The sandbox is closed.")
            try:
                self._control.settimeout(seconds)
                control.send(self._control, request, descriptors)
                answer, _ = control.receive(self._control)
            except (EOFError, OSError) as error:
                self._hang_up()
                raise SandboxError(self._obituary(seconds, error)) from error
            except BaseException:  # or the next one to ask would get this answer
                self._hang_up()
                raise
        if "refusal" in answer:
            raise SandboxError(answer["refusal"])
        return answer

    def _hang_up(self) -> None:
        """End the conversation, which ends the fork server and wakes a thread that waits for its answer."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def _obituary(self, seconds: float, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"The fork server of the sandbox did not answer within {seconds:g} s: is this machine overloaded?"
        if self._is_closed:
            return "The sandbox was closed while it was in use."
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._stderr.seek(0)
        said = self._stderr.read().decode("utf-8", "replace").strip()[-_STDERR_CHARACTERS:] or "nothing"
        status = self._process.returncode
        if status is not None and -status == signal.SIGKILL:
            return (
                "The fork server of the sandbox was killed (SIGKILL): by hand, or by the system for want of memory."
                "\nHint: run again; what was judged until then is kept"
            )
        return f"The fork server of the sandbox ended, exit status {status}. It said: {said}"


def _allowed(preload: Collection[str], packages: Collection[str]) -> list[str]:
    """What may be imported before confinement; the rest is imported, or not, in a worker."""
    known = {*(name.partition(".")[0] for name in packages), *sys.stdlib_module_names} - policy.SKIPPED_STDLIB
    return sorted({name for name in preload if name.partition(".")[0] in known})


def _executed(host: Host) -> tuple[subprocess.Popen[bytes], socket.socket, IO[bytes]]:
    """A new process with one socket to it; it inherits nothing else, neither descriptors nor environment."""
    if not hasattr(os, "fork"):
        raise SandboxError("Custom evaluators are off: this system cannot fork.\nHint: run the pipeline on Linux")
    from fcntl import F_DUPFD_CLOEXEC, fcntl

    with contextlib.ExitStack() as opened:  # is closed where nothing starts
        ours, other = socket.socketpair()
        opened.callback(ours.close)
        with other:  # a daemon may have closed its standard streams: their numbers are taken in the new process
            its = fcntl(other, F_DUPFD_CLOEXEC, _FIRST_AFTER_STANDARD)
        opened.callback(os.close, its)
        stderr = opened.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(
            [host.python, *policy.INTERPRETER_OPTIONS, "-c", _BOOT, str(its), *host.paths],
            env=dict(policy.ENVIRONMENT),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=[its],
            start_new_session=True,
            user=host.user,
            group=host.group,
            extra_groups=None if host.user is None else [],
        )
        opened.pop_all()
    os.close(its)
    return process, ours, stderr
