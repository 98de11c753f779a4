"""Which file is to blame when a table cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals_pipeline.core.errors import LakeError
from evals_pipeline.lake.connection import in_memory
from evals_pipeline.lake.damage import naming_damage
from evals_pipeline.lake.delta import DataFile


def test_a_file_that_does_not_fit_in_memory_is_not_called_damaged(tmp_path: Path) -> None:
    target = tmp_path / "rows.parquet"
    with in_memory(str(tmp_path)) as connection:
        connection.execute(f"COPY (SELECT repeat('x', 30_000_000) || i AS text FROM range(3) AS n(i)) TO '{target}'")
    file = DataFile(str(target), 3, {})

    with (
        pytest.raises(LakeError) as raised,
        in_memory(str(tmp_path), memory_limit="20MB") as connection,
        naming_damage(connection, [file]),
    ):
        raise LakeError("evaluating failed: Out of Memory Error")

    assert "damaged" not in str(raised.value)
