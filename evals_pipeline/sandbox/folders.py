"""Which folders confined code may read on this machine: installed libraries, nothing of anybody's own."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from evals_pipeline.sandbox import policy


def readable(search_path: Iterable[str] = ()) -> tuple[str, ...]:
    """The standard library, installed packages and shared libraries; `search_path` is a `sys.path` to look through.

    Of the search path only folders that are named as packages' count: others may be a project with its secrets.
    """
    paths = sysconfig.get_paths()
    base = {"base": sys.base_prefix, "installed_base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    found = [
        *(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        sysconfig.get_path("stdlib", vars=base),
        sysconfig.get_path("platstdlib", vars={**base, "installed_platbase": sys.base_exec_prefix}),
        *(folder for folder in search_path if Path(folder).name in policy.CODE_FOLDERS),
        *(str(path) for path in _own_shared_libraries()),
        *policy.SHARED_FILES,
    ]
    return tuple(dict.fromkeys(folder for folder in found if folder.startswith("/") and Path(folder).exists()))


def _own_shared_libraries() -> list[Path]:
    """Of an interpreter that brings its own, such as conda's; the system's are in the policy."""
    return [] if sys.base_prefix in ("/usr", "/usr/local") else [Path(sys.base_prefix, "lib")]
