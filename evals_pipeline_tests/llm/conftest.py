from __future__ import annotations

from collections.abc import Iterator

import pytest

from evals_pipeline_tests.llm.provider import Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running
