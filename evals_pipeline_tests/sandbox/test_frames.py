import os
from collections.abc import Iterator

import pytest

from evals_pipeline.sandbox import frames
from evals_pipeline.sandbox.frames import FRAME_BYTES, Frame, Incoming, Kind, ViolationError


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_a_frame_is_read_as_it_was_written(pipe: tuple[int, int]) -> None:
    reader, writer = pipe

    frames.write(writer, Kind.ROWS, 7, b"rows")
    frame = frames.read(reader)

    assert frame == Frame(Kind.ROWS, 7, bytearray(b"rows"))


def test_a_frame_that_comes_in_pieces_is_put_together(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    incoming = Incoming(reader)
    sent = frames.header(Kind.RESULTS, 3, 1) + b"abc" + frames.header(Kind.DONE, 0, 1)

    found = []
    for place in range(len(sent)):
        os.write(writer, sent[place : place + 1])
        found.append(incoming.read())

    assert [frame for frame in found if frame] == [
        Frame(Kind.RESULTS, 1, bytearray(b"abc")),
        Frame(Kind.DONE, 1, bytearray()),
    ]


def test_an_empty_pipe_has_no_frame_and_a_closed_one_ends() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    incoming = Incoming(reader)
    os.write(writer, b"half a he")

    first = incoming.read()
    os.close(writer)

    assert first is None
    with pytest.raises(EOFError):
        incoming.read()
    os.close(reader)


@pytest.mark.parametrize("kind", [0, Kind.PROGRAM, Kind.ROWS, 7, 255])
def test_a_kind_that_no_worker_sends_is_a_violation(pipe: tuple[int, int], kind: int) -> None:
    reader, writer = pipe
    os.write(writer, frames._HEADER.pack(kind, 0, 0))

    with pytest.raises(ViolationError, match=f"kind {kind}"):
        Incoming(reader).read()


def test_a_frame_that_is_too_large_is_a_violation_before_it_is_read(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.write(writer, frames.header(Kind.RESULTS, FRAME_BYTES + 1, 1))

    with pytest.raises(ViolationError, match="33,554,433 bytes"):
        Incoming(reader).read()
