"""A program that is run until somebody asks for its end, and of which nothing is left then."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS_TO_STOP = 20.0
"""How long the program and what it started may take to end by themselves."""

_LOOK_SECONDS = 0.1


def run_until_stopped(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    seconds_to_stop: float = SECONDS_TO_STOP,
) -> int:
    """Run `command` until it ends, or until SIGINT, SIGTERM or SIGHUP asks for its end; for the main thread only.

    It is asked to end as Ctrl-C would; a second signal, or the end of `seconds_to_stop`, kills it. What it started and
    left behind in its process group ends with it.

    Returns:
        Its exit code, negative for a signal that killed it; 0 when somebody asked for its end.
    """
    with _asked_to_stop() as asked:
        # A session of its own, so that a terminal's Ctrl-C reaches it once: through this process.
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
        try:
            while process.poll() is None and not asked:
                time.sleep(_LOOK_SECONDS)
            was_asked = bool(asked)
            _stop(process, asked, seconds_to_stop)
        finally:
            if _is_anybody_left(process):
                _signal(process, signal.SIGKILL)
            code = process.wait()
    return 0 if was_asked else code


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """The signals that have asked so far.

    A handler, unlike an ignored signal, is not inherited: what starts meanwhile obeys SIGINT, also where a script has
    put this process into the background and with that ignores it. A SIGHUP that `nohup` ignores stays so.
    """
    asked: list[int] = []
    wanted = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        wanted.remove(signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in wanted}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(process: subprocess.Popen[bytes], asked: list[int], seconds_to_stop: float) -> None:
    """Ask the program, then what it leaves behind, and wait for both until the time is up or somebody asks again."""
    deadline, signals = time.monotonic() + seconds_to_stop, len(asked)

    def wait_while(is_running: Callable[[], bool]) -> None:
        while is_running() and time.monotonic() < deadline and len(asked) <= signals:
            time.sleep(_LOOK_SECONDS)

    _signal(process, signal.SIGINT)
    wait_while(lambda: process.poll() is None)
    _signal(process, signal.SIGTERM)
    wait_while(lambda: _is_anybody_left(process))


def _is_anybody_left(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process of the group is there; those that ended and were left to this process are reaped."""
    if process.poll() is None:
        return True
    with suppress(ChildProcessError):
        while os.waitpid(-process.pid, os.WNOHANG)[0]:
            pass
    return _signal(process, 0)


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send it to the group; False when nobody is left in it."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True
