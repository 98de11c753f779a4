"""The peers' own virtual environment, made when a benchmark first needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent.parent / ".venv-peers"
PACKAGES = ("arize-phoenix-evals==3.9.4", "pandas==3.1.1", "pyarrow==26.0.1", "openai[aiohttp]==3.54.0")


def peer_python() -> str | None:
    """The interpreter that has the peers' packages; None, with the reason printed, when they cannot be installed."""
    python = FOLDER / "bin" / "python"
    done = FOLDER / ".done"
    if done.is_file() and done.read_text() == " ".join(PACKAGES):
        return str(python)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    except subprocess.CalledProcessError as error:
        print(f"peer not measured: {error}")
        return None
    done.write_text(" ".join(PACKAGES))
    return str(python)
