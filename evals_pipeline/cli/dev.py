"""`evals dev`: the Dagster UI on a project folder."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.children import run_until_stopped
from evals_pipeline.cli.options import PROJECT_DIR_VARIABLE, ProjectDir, project_folder
from evals_pipeline.core.errors import ConfigError

HOST = "127.0.0.1"

Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the UI on this machine.")]


def dev(port: Port = 3000, project_dir: ProjectDir = None) -> None:
    """Open the Dagster UI on this project, with its schedules running, until Ctrl-C or a signal."""
    serve(project_folder(project_dir), port)


def serve(folder: Path, port: int) -> None:
    """Run `dagster dev` on `folder` until it ends or somebody asks for its end.

    Raises:
        ConfigError: When the port is taken.
    """
    _refuse_taken(port)
    from evals_pipeline.orchestration.instance import dagster_home

    environment = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home(folder)),
        PROJECT_DIR_VARIABLE: str(folder),
        "DAGSTER_DISABLE_TELEMETRY": os.environ.get("DAGSTER_DISABLE_TELEMETRY", "yes"),
    }
    command = [sys.executable, "-m", "dagster", "dev", "-m", "evals_pipeline.definitions", "-h", HOST, "-p", str(port)]
    screen.note(f"Dagster UI of {folder}: http://{HOST}:{port} (ready in some seconds; Ctrl-C ends it)", style="bold")
    code = run_until_stopped(command, folder=folder, environment=environment)
    if code:
        raise typer.Exit(code if code > 0 else exits.KILLED - code)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as cause:
            raise ConfigError(f"port {port} cannot be used: {cause.strerror}", hint=f"add --port {port + 1}") from cause
