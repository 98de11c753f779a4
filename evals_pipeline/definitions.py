"""The front door for Dagster: the definitions of the project folder in `EVALS_PROJECT_DIR`, or of the current one.

Nothing is decided here; what Dagster is told is assembled in `orchestration.build`.
"""

from __future__ import annotations

import os
from pathlib import Path

from evals_pipeline.orchestration.build import build_definitions

defs = build_definitions(Path(os.environ.get("EVALS_PROJECT_DIR") or Path.cwd()))
