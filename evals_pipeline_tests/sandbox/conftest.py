from collections.abc import Iterator

import pytest

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.settings import SandboxSettings


@pytest.fixture(scope="session")
def unsafe() -> Iterator[Sandbox]:
    """The processes without the lock: starts everywhere."""
    with Sandbox.start(SandboxSettings(is_unsafe=True)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def confined() -> Iterator[Sandbox]:
    """As well confined as it works here."""
    try:
        sandbox = Sandbox.start(SandboxSettings())
    except SandboxError as error:
        pytest.skip(f"nothing can be confined here: {error}")
    with sandbox:
        yield sandbox


@pytest.fixture(params=["unsafe", "confined"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Both, one after the other."""
    found: Sandbox = request.getfixturevalue(request.param)
    return found
