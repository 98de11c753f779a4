"""Hosts to run a sandbox on: as root and as an ordinary user, with all that this kernel has and with less."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox.parent import Host, Sandbox
from evals_pipeline.sandbox.settings import SandboxSettings
from evals_pipeline_tests.sandbox import poorer
from evals_pipeline_tests.sandbox.attacks.targets import is_open_to_others, python_for

USER = 54_321
"""Nobody's number: the tests of an ordinary user run as it when they are started by root."""

NOBODY = 65_534
"""What a worker is on the host when root started it."""

ROOT, ORDINARY = "root", "user"


@dataclass(frozen=True)
class Setup:
    """Who starts the fork server, and on what host.

    Attributes:
        who: `root` or `user`.
        tier: The one asked for; the best that there is where None.
        finds: The tier that such a host gives.
        lacks: What the host denies, of `poorer.DENIALS`.
    """

    who: str
    finds: int
    tier: int | None = None
    lacks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.who}, tier {self.finds}" + (f", without {' and '.join(self.lacks)}" if self.lacks else "")

    @property
    def owner(self) -> int | None:
        """Whose rights a worker has on the host, as a user id; None for those of this process."""
        if os.getuid():
            return None
        return NOBODY if self.who == ROOT else USER


NATIVE = [Setup(who, tier, tier) for tier in (1, 2, 3) for who in (ROOT, ORDINARY)]
POORER = [
    Setup(ROOT, 2, lacks=("capabilities", "namespaces")),  # a container, by default
    Setup(ORDINARY, 2, lacks=("namespaces",)),
    Setup(ORDINARY, 2, lacks=("mounts",)),
    Setup(ORDINARY, 1, lacks=("landlock",)),
    Setup(ORDINARY, 3, lacks=("namespaces", "landlock")),
]


@contextmanager
def sandbox_on(setup: Setup, *, preload: Collection[str] = ()) -> Iterator[Sandbox]:
    """A sandbox on such a host; skips the test where this machine cannot be one."""
    settings = SandboxSettings()
    with tempfile.TemporaryDirectory() as folder:
        host = _host(setup, settings, Path(folder))
        try:
            sandbox = Sandbox.start(settings, preload=preload, tier=setup.tier, host=host)
        except SandboxError as error:
            if setup.tier is None or setup.tier == 3:  # tier 3 needs no more than the sandbox itself does
                raise
            pytest.skip(f"no {setup} on this machine: {error}")
        with sandbox:
            yield sandbox


def _host(setup: Setup, settings: SandboxSettings, folder: Path) -> Host:
    is_root = os.getuid() == 0
    if setup.who == ROOT and not is_root:
        pytest.skip("these tests run as an ordinary user; run them as root for what root's sandbox holds")
    here = Host.of_this_process(settings.packages)
    user = USER if setup.who == ORDINARY and is_root else None
    python = here.python if user is None else _python_for_user(here.paths)
    if setup.lacks:
        python = _poorer(python, setup.lacks, folder)
    return Host(python, here.paths, user, user)


def _python_for_user(paths: tuple[str, ...]) -> str:
    """An interpreter like this one that another user can execute, or a skip that says what is in the way."""
    closed = [path for path in paths if not is_open_to_others(Path(path))]
    if closed:
        pytest.skip(
            f"an ordinary user cannot read {closed[0]}: its sandbox cannot be tried by root; run the tests as one"
        )
    python = python_for(USER)
    like_this = [python, "-c", "import sysconfig; print(sysconfig.get_config_var('SOABI'))"]
    found = subprocess.run(like_this, capture_output=True, text=True, check=False).stdout.strip()
    if not is_open_to_others(Path(python)) or found != sysconfig.get_config_var("SOABI"):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        pytest.skip(f"no Python {version} here that an ordinary user can execute: its sandbox cannot be tried by root")
    return python


def _poorer(python: str, lacks: tuple[str, ...], folder: Path) -> str:
    """An executable that starts `python` as such a host would."""
    folder.chmod(0o755)
    launcher = folder / "python"
    script = folder / "poorer.py"
    script.write_text(Path(poorer.__file__).read_text("utf-8"), "utf-8")
    line = shlex.join([python, "-I", str(script), ",".join(lacks), python])
    launcher.write_text(f'#!/bin/sh\nexec {line} "$@"\n')
    launcher.chmod(0o755)
    return str(launcher)
