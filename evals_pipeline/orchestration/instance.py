"""The Dagster instance of a project folder: where runs and events are kept.

`DAGSTER_HOME` wins where it is set. What an instance is told to do is `dagster.yaml` beside this module.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.settings import STATE_FOLDER

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
    """Make a whole instance beside `home` and move it there, so that two processes may do it at once.

    Dagster's own first opening of a SQLite instance is no place to meet: both write their mark of the newest tables,
    and an instance with two marks can never be opened again.
    """
    if home.exists():
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".dagster-", dir=home.parent))
    try:
        (unfinished / CONFIG_FILE).write_bytes((Path(__file__).parent / CONFIG_FILE).read_bytes())
        dg.DagsterInstance.from_config(str(unfinished)).dispose()
        unfinished.chmod(0o755)  # made for its owner alone, like everything temporary
        unfinished.rename(home)
    except OSError:
        if not home.exists():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
