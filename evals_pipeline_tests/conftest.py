"""What every test may need. Fixtures of one room belong into that room's own conftest."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).parent.parent

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the developer's own lake, ledger and Dagster instance out of reach."""
    for name in ("EVALS_LAKE", "EVALS_DATABASE", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real traces that lies beside the repository and is never copied into it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the repository: the tests on real traces need it")
    return folder


@pytest.fixture(scope="session")
def fault_rounds() -> int:
    """How often a fault test repeats its kill; `make test-faults ROUNDS=500` asks for more."""
    return int(os.environ.get("FAULT_ROUNDS", "50"))
