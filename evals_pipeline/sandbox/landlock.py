"""Files closed by Landlock: from here on this process reaches nothing but the readable folders.

Covers opening and changing files, TCP, signals and abstract sockets, as far as the kernel's version of it goes; not
`stat`, `chmod`, UDP or (before version 9) connecting to path sockets. Alone it is not enough: `seccomp` covers those.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from evals_pipeline.sandbox import syscalls

_VERSION = 1  # flag: ask for the version instead of making rules
_PATH_BENEATH = 1

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# Version of the interface -> how many rights over files it knows (linux/landlock.h). An unknown bit is refused by the
# kernel, so that nothing newer than its version may be named.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16, 9: 17}
_TCP_SINCE, _TCP = 4, 0b11  # bind, connect
_SCOPES_SINCE, _SCOPES = 6, 0b11  # abstract sockets, signals


def version() -> int:
    """Version of the kernel's interface; 0 where Landlock is missing, off or forbidden."""
    try:
        return syscalls.call("landlock_create_ruleset", None, 0, _VERSION)
    except OSError:
        return 0


def restrict(folders: Sequence[str]) -> None:
    """Leave this process the right to read `folders`, for good; raises OSError. `no_new_privs` must be set."""
    ruleset = _create(version())
    try:
        for folder in folders:
            _allow_reading(ruleset, folder)
        syscalls.call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def attributes(available: int) -> bytes:
    """`struct landlock_ruleset_attr`: all that this version can refuse; the kernel takes none that is longer."""
    file_bits = max(bits for since, bits in _FILE_RIGHTS.items() if since <= available)
    fields = [(1 << file_bits) - 1]
    if available >= _TCP_SINCE:
        fields.append(_TCP)
    if available >= _SCOPES_SINCE:
        fields.append(_SCOPES)
    return struct.pack(f"<{len(fields)}Q", *fields)


def _create(available: int) -> int:
    refused = attributes(available)
    buffer = ctypes.create_string_buffer(refused, len(refused))
    return syscalls.call("landlock_create_ruleset", buffer, len(refused), 0)


def _allow_reading(ruleset: int, folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # gone, or not for this user: what cannot be opened needs no permission
        return
    try:
        rights = _READ_FILE | (_READ_DIR if Path(folder).is_dir() else 0)
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, descriptor), 12)
        syscalls.call("landlock_add_rule", ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
