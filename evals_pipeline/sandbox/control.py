"""How the pipeline and the fork server talk: JSON with descriptors beside it, over one socket, both sides ours."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

MAX_DESCRIPTORS = 4

_LENGTH_BYTES = 4


def send(control: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send `message` and copies of `descriptors`."""
    body = json.dumps(message).encode()
    # A stream with lengths: sockets that keep messages apart are missing on macOS, and hold only so much elsewhere.
    socket.send_fds(control, [len(body).to_bytes(_LENGTH_BYTES, "little")], descriptors)
    control.sendall(body)


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The next message and its descriptors, which are the caller's to close; raises EOFError at the end."""
    start, descriptors, _, _ = socket.recv_fds(control, _LENGTH_BYTES, MAX_DESCRIPTORS)
    start += _exactly(control, _LENGTH_BYTES - len(start)) if start else b""
    if not start:
        raise EOFError
    message: dict[str, Any] = json.loads(_exactly(control, int.from_bytes(start, "little")))
    return message, list(descriptors)


def _exactly(control: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        parts.append(control.recv(count))
        if not parts[-1]:
            raise EOFError
        count -= len(parts[-1])
    return b"".join(parts)
