import os
from time import sleep

import pytest

from evals_pipeline.sandbox import frames
from evals_pipeline.sandbox.channel import GRACE_SECONDS, Channel, Ending, LostWorkerError
from evals_pipeline.sandbox.frames import Kind
from evals_pipeline.sandbox.pipes import Log, Pipes


def test_what_came_in_time_counts_although_the_pipeline_looks_late() -> None:
    pipes = Pipes()
    _, log, results, _ = pipes.for_worker
    channel = Channel(pipes, lambda grace: Ending(0, was_killed=True), Log())
    coming = channel.frames(0, "the row", number=1, rows=2)

    frames.write(results, Kind.RESULTS, 1, b"first")
    first = next(coming)
    frames.write(results, Kind.RESULTS, 1, b"second")
    sleep(GRACE_SECONDS + 0.1)  # Ctrl-Z, or a machine that is busy with something else
    second = next(coming)
    os.write(log, b"still alive")
    with pytest.raises(LostWorkerError, match="the row took longer"):
        next(coming)
    channel.close()

    assert (first.payload, second.payload) == (b"first", b"second")
