"""Copying templates into a folder, never over a file that is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evals_pipeline.core.errors import ConfigError

TEMPLATES = Path(__file__).parent / "templates"
_NAMES = {"gitignore": ".gitignore"}
"""Files that would mean something here under the name they get."""


def copy_template(template: str, folder: Path) -> list[Path]:
    """Write the files of `template` into `folder` and return their paths.

    Raises:
        ConfigError: When one of them exists, or the folder cannot be written.
    """
    source = TEMPLATES / template
    targets = {file: folder / _target(file.relative_to(source)) for file in _files(source)}
    existing = [target for target in targets.values() if target.exists()]
    if existing:
        raise ConfigError(
            f"{str(existing[0])!r} exists already, and nothing is overwritten",
            hint="choose another folder: evals init DIR",
        )
    try:
        for file, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    except OSError as cause:
        raise ConfigError(f"{str(folder)!r} cannot be written: {cause.strerror}") from cause
    return list(targets.values())


def _files(source: Path) -> Iterator[Path]:
    return (path for path in sorted(source.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _target(relative: Path) -> Path:
    return relative.with_name(_NAMES.get(relative.name, relative.name))
