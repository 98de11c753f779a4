"""A disk that can be filled."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

DISK_BYTES = 4 * 2**20


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system of a few megabytes."""

    root: Path

    def fill(self, *, leaving: int = 0) -> None:
        """Take all space but about `leaving` bytes."""
        self.free()
        size = max(shutil.disk_usage(self.root).free - leaving, 0)
        with (self.root / "ballast").open("wb") as file:
            file.write(b"x" * size)

    def free(self) -> None:
        (self.root / "ballast").unlink(missing_ok=True)


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    root = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(root)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no `mount` on this machine: a full disk cannot be made")
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here ({mounted.stderr.strip()}): run as root to test a full disk")
    yield SmallDisk(root)
    subprocess.run(["umount", "--lazy", str(root)], check=True)
