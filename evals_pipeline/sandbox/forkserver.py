"""The process that makes workers: it imports what they share, confines itself, and forks one on request.

It is executed fresh, so that nothing of the pipeline is in it: no secret, no thread, no open file. No code that
somebody brought ever runs here, and neither sources nor rows pass through it: its memory is what all workers inherit.
It lives as long as the socket to the pipeline is open, and no worker outlives it.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import mmap
import os
import signal
import socket
import sys
import time
import traceback
from typing import Any, NoReturn

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox import control, frames, lock, probe, syscalls

_FAILED_TO_START, _FAILED = 73, 74
_FIRST_FREE = 4


def main(descriptor: int) -> NoReturn:
    """Serve the pipeline at the other end of this socket until it goes."""
    pipeline = socket.socket(fileno=descriptor)
    try:
        cage = _start(pipeline)
    except SandboxError as error:
        control.send(pipeline, {"refusal": str(error)})
        os._exit(_FAILED_TO_START)
    _serve(pipeline, cage)


def _start(pipeline: socket.socket) -> lock.Cage:
    order, _ = control.receive(pipeline)
    # Before the imports: it forks often, which is cheap as long as the process is small.
    probed = probe.best(
        tier=order["tier"], min_tier=order["min_tier"], is_unsafe=order["is_unsafe"], search_path=sys.path
    )
    from evals_pipeline.sandbox import preloading  # pyarrow comes with it

    preloading.preload(order["preload"], order["packages"], is_sealed=probed.layers.is_sealed)
    gc.collect()
    gc.freeze()  # what is here now is never garbage; not looking at it keeps its pages shared
    cage = lock.enter(probed.layers)
    control.send(pipeline, {"report": probed.report(order["packages"]).as_dict()})
    return cage


def _serve(pipeline: socket.socket, cage: lock.Cage) -> NoReturn:
    workers: set[int] = set()
    with contextlib.suppress(EOFError, OSError):
        while True:
            request, descriptors = control.receive(pipeline)
            try:
                answer = _answer(request, descriptors, cage, workers)
            except OSError as error:  # no memory for another process
                answer = {"refusal": f"The fork server of the sandbox cannot do what it is asked: {error}"}
            for descriptor in descriptors:
                os.close(descriptor)
            control.send(pipeline, answer)
    # Not every system ends them with this process; and who waits for its end wants all of them gone.
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    for worker in workers:
        os.waitpid(worker, 0)
    os._exit(0)


def _answer(request: dict[str, Any], descriptors: list[int], cage: lock.Cage, workers: set[int]) -> dict[str, Any]:
    if "end" in request:
        workers.remove(request["end"])
        return _end(request["end"], request["grace"])
    worker = _fork(cage, request["memory_mb"], descriptors)
    workers.add(worker)
    return {"worker": worker}


def _end(worker: int, grace: float) -> dict[str, Any]:
    """See how a worker ends within `grace` seconds, else kill it.

    Nobody but this process waits for it, so that its number means no other process before.
    """
    deadline = time.monotonic() + grace
    while not (ended := os.waitpid(worker, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.001)
    was_killed = not ended[0]
    if was_killed:
        os.kill(worker, signal.SIGKILL)
        ended = os.waitpid(worker, 0)
    return {"status": os.waitstatus_to_exitcode(ended[1]), "was_killed": was_killed}


def _fork(cage: lock.Cage, memory_mb: int, descriptors: list[int]) -> int:
    server = os.getpid()
    worker = os.fork()
    if not worker:
        _become_worker(cage, server, memory_mb, descriptors)
    return worker


def _become_worker(cage: lock.Cage, server: int, memory_mb: int, descriptors: list[int]) -> NoReturn:
    """Keep rows (0), log (1 and 2) and results (3) and nothing else, lock, and only then listen."""
    status = _FAILED
    try:
        progress = memoryview(mmap.mmap(descriptors[3], mmap.PAGESIZE))
        _arrange(*descriptors[:3])
        lock.lock_worker(cage, parent=server, memory_mb=memory_mb)
        from evals_pipeline.sandbox import worker  # is loaded already

        try:
            worker.serve(progress)
            status = 0
        except MemoryError:
            status = frames.OUT_OF_MEMORY
    except BaseException:  # noqa: BLE001  # nothing may get from here into the fork server's loop
        traceback.print_exc()
    finally:
        os._exit(status)


def _arrange(rows: int, log: int, results: int) -> None:
    # First out of the way of each other: what came in may have any number.
    above = [fcntl.fcntl(each, fcntl.F_DUPFD, _FIRST_FREE) for each in (rows, log, log, results)]
    for place, each in enumerate(above):
        os.dup2(each, place)
    syscalls.close_from(_FIRST_FREE)
