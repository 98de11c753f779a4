"""The Dagster instance of a project folder: where runs and events are kept.

`DAGSTER_HOME` wins where it is set. What an instance is told to do is `dagster.yaml` beside this module.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.installation import STATE_FOLDER

HOME_VARIABLE = "DAGSTER_HOME"
CONFIG_FILE = "dagster.yaml"


def dagster_home(folder: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """The instance's folder; that of a project is made, with our `dagster.yaml`, when it is missing.

    Raises:
        ConfigError: When `DAGSTER_HOME` is not the absolute path of a folder, or the project's own cannot be made.
    """
    chosen = environment.get(HOME_VARIABLE)
    if chosen:
        if not Path(chosen).is_absolute() or not Path(chosen).is_dir():
            raise ConfigError(f"{HOME_VARIABLE} is {chosen!r}, which is not the absolute path of a folder")
        return Path(chosen)
    home = folder.resolve() / STATE_FOLDER / "dagster"
    try:
        _made(home)
    except OSError as cause:
        raise ConfigError(f"the Dagster instance {str(home)!r} cannot be made: {cause.strerror}") from cause
    return home


def project_instance(folder: Path, environment: Mapping[str, str] = os.environ) -> dg.DagsterInstance:
    """The instance itself; use it as a context manager, so that its connections are given back.

    Raises:
        ConfigError: As `dagster_home`.
    """
    return dg.DagsterInstance.from_config(str(dagster_home(folder, environment)))


def _made(home: Path) -> None:
    """Make the folder with our settings; two processes may do it at once, and a reader sees a whole file."""
    config = home / CONFIG_FILE
    if config.exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    unfinished = home / f".{CONFIG_FILE}.{os.getpid()}"
    unfinished.write_text((Path(__file__).parent / CONFIG_FILE).read_text(encoding="utf-8"), encoding="utf-8")
    unfinished.replace(config)
