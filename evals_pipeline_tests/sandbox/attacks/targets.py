"""What attacks aim at: files, a process, sockets and shared memory, all open to whoever is not held back.

Each target holds the secret, tells the attack where it is (`aims`) and says what harm came to it.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
SECRET = f"sk-{uuid.uuid4().hex}"
"""Held by every target, and by the environment of the pipeline while it is attacked; it must not come back."""

PRECIOUS = "the only copy\n" * 100


class Files:
    """A folder that anybody may read and write, and the places where an installation keeps things."""

    name = "files"

    def __init__(self, owner: int | None, *, is_control: bool) -> None:
        self.mark = f"evals-attack-{uuid.uuid4().hex[:12]}"
        self.folder = Path(tempfile.mkdtemp(prefix="evals-target-"))
        self.home = self.folder / "home"
        self.secret = self.folder / "secret.txt"
        self.precious = self.folder / "precious.txt"
        for path in (self.secret, self.home / ".ssh/id_ed25519", self.home / ".aws/credentials", self.folder / ".env"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"API_KEY={SECRET}\n")
        self.precious.write_text(PRECIOUS)
        (self.folder / f"of-{SECRET}").mkdir()
        (self.folder / "empty").mkdir()
        (self.folder / "empty.py").touch()
        self.link = self.folder / "link to somewhere"
        for path in (self.folder, *self.folder.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
            if owner is not None:
                os.chown(path, owner, owner)
        self.link.symlink_to(f"/nowhere/{SECRET}")
        self._leak = os.open(self.secret, os.O_RDWR)
        os.set_inheritable(self._leak, True)  # whoever starts a process without closing descriptors hands it over
        self.places = [self.folder, Path(tempfile.gettempdir()), Path("/dev/shm")]
        if not is_control:
            libraries = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))]
            self.places += [
                Path("/"),
                Path("/etc"),
                Path("/run"),
                Path("/var/tmp"),
                Path(os.environ.get("HOME", "/")),
                REPOSITORY,
                *libraries,
            ]
        self._before = dict(self._state())

    def aims(self) -> dict[str, object]:
        names = ("folder", "home", "secret", "precious", "link", "mark")
        aims: dict[str, object] = {name: str(getattr(self, name)) for name in names}
        return aims | {
            "places": [str(place) for place in self.places],
            "repository": str(REPOSITORY),
            "prefix": sys.prefix,
            "leak": self._leak,
        }

    def harm(self) -> Iterator[str]:
        after = dict(self._state())
        for path in sorted(self._before.keys() | after.keys()):
            if self._before.get(path) != after.get(path):
                yield f"{path}: {'changed' if path in self._before else 'made'}"
        for place in self.places[1:]:
            with suppress(PermissionError):
                yield from (f"{path}: made" for path in place.glob(f"{self.mark}*"))

    def _state(self) -> Iterator[tuple[str, object]]:
        for path in self.folder.rglob("*"):
            found = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            yield str(path.relative_to(self.folder)), (found.st_mode, found.st_uid, found.st_mtime_ns, content)

    def close(self) -> None:
        os.close(self._leak)
        shutil.rmtree(self.folder)
        for place in self.places[1:]:
            with suppress(PermissionError):
                for path in place.glob(f"{self.mark}*"):
                    path.unlink()


VICTIM = """
import ctypes, os, signal, sys
kept = ctypes.create_string_buffer(os.environ["API_KEY"].encode())
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # may be traced by anyone, where Yama rules
held = os.memfd_create("held")
os.write(held, kept.value)
print(ctypes.addressof(kept), len(kept.value), held, flush=True)
sys.stdin.read()
"""


class Victim:
    """A process of the very user that the attack runs as."""

    name = "victim"

    def __init__(self, owner: int | None, *, is_control: bool) -> None:
        del is_control
        self._process = subprocess.Popen(
            [python_for(owner), "-I", "-S", "-c", VICTIM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"API_KEY": SECRET},
            cwd="/",
            user=owner,
            group=owner,
            extra_groups=None if owner is None else [],
        )
        assert self._process.stdout is not None
        self._address, self._length, self._held = map(int, self._process.stdout.readline().split())
        self._before = self._state()

    def aims(self) -> dict[str, object]:
        pid = self._process.pid
        return {"pid": pid, "address": self._address, "length": self._length, "held": self._held}

    def _state(self) -> tuple[object, ...]:
        pid = self._process.pid
        limits = Path(f"/proc/{pid}/limits").read_text()
        return (
            limits,
            os.getpriority(os.PRIO_PROCESS, pid),
            sorted(os.sched_getaffinity(pid)),
            os.sched_getscheduler(pid),
        )

    def harm(self) -> Iterator[str]:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.02)  # a signal may be under way
        if self._process.returncode is not None:
            yield f"the victim ended with {self._process.returncode}"
        elif self._state() != self._before:
            yield f"the victim was changed from {self._before} to {self._state()}"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Listeners:
    """A server of each family on this machine, and who has knocked."""

    name = "listeners"

    def __init__(self, owner: int | None, *, is_control: bool) -> None:
        del owner, is_control
        self._folder = Path(tempfile.mkdtemp(prefix="evals-target-"))
        self._folder.chmod(0o755)
        self._path = self._folder / "socket"
        self._abstract = f"evals-{uuid.uuid4().hex[:12]}"
        stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
        self._sockets = {
            "tcp": listener(socket.AF_INET, stream, ("127.0.0.1", 0)),
            "udp": listener(socket.AF_INET, datagram, ("127.0.0.1", 0)),
            "unix": listener(socket.AF_UNIX, stream, str(self._path)),
            "abstract": listener(socket.AF_UNIX, stream, "\0" + self._abstract),
        }
        self._path.chmod(0o777)
        with suppress(OSError):  # a machine without IPv6
            self._sockets["tcp6"] = listener(socket.AF_INET6, stream, ("::1", 0))

    def aims(self) -> dict[str, object]:
        ports = {name: self._sockets[name].getsockname()[1] for name in ("tcp", "udp")}
        tcp6 = self._sockets["tcp6"].getsockname()[1] if "tcp6" in self._sockets else ports["tcp"]
        return {**ports, "tcp6": tcp6, "unix": str(self._path), "abstract": self._abstract}

    def harm(self) -> Iterator[str]:
        for name, each in self._sockets.items():
            with suppress(BlockingIOError):
                if each.type == socket.SOCK_DGRAM:
                    each.recv(100)
                else:
                    each.accept()[0].close()
                yield f"the {name} listener was reached"

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()
        shutil.rmtree(self._folder)


def listener(family: int, kind: int, address: object) -> socket.socket:
    made = socket.socket(family, kind)
    made.bind(address)  # type: ignore[arg-type]
    if kind == socket.SOCK_STREAM:
        made.listen(8)
    made.setblocking(False)
    return made


class SharedMemory:
    """A System V and a POSIX segment with the secret in them."""

    name = "memory"

    def __init__(self, owner: int | None, *, is_control: bool) -> None:
        del owner, is_control
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.shmat.restype = ctypes.c_void_p
        self._id = self._libc.shmget(0, 4096, 0o1000 | 0o666)
        address = self._libc.shmat(self._id, None, 0)
        ctypes.memmove(address, SECRET.encode(), len(SECRET))
        self._libc.shmdt(ctypes.c_void_p(address))
        self._path = Path("/dev/shm") / f"evals-{uuid.uuid4().hex[:12]}"
        self._path.write_text(SECRET)
        self._path.chmod(0o666)

    def aims(self) -> dict[str, object]:
        return {"id": self._id, "name": self._path.name}

    def harm(self) -> Iterator[str]:
        if not self._path.exists() or self._path.read_text() != SECRET:
            yield "the POSIX segment was changed"
        if self._libc.shmctl(self._id, 2, ctypes.create_string_buffer(512)) == -1:  # IPC_STAT
            yield "the System V segment was removed"

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        self._libc.shmctl(self._id, 0, None)  # IPC_RMID


Target = Files | Victim | Listeners | SharedMemory


def python_for(owner: int | None) -> str:
    """An interpreter that `owner` may execute; this one's, or the system's where a home is in the way."""
    if owner is None or is_open_to_others(Path(sys.executable)):
        return sys.executable
    return shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable


def is_open_to_others(path: Path) -> bool:
    """Whether any user may walk to `path` and read it."""
    real = path.resolve()
    return bool(real.stat().st_mode & 0o4) and all(parent.stat().st_mode & 0o1 for parent in real.parents)


def as_text(targets: list[Target]) -> str:
    """Where the targets are, as the attack is told."""
    return json.dumps({target.name: target.aims() for target in targets})
