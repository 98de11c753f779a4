"""Serve the local model until stdin is closed; run by the interpreter that has it, see `conftest`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "support_bot"))

from recording.model_server import model_server

with model_server("smollm2") as url:
    print(url, flush=True)
    sys.stdin.read()
