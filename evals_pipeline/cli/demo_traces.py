"""Recorded traces made recent: all times moved by the same whole days, so that the newest span starts yesterday."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from evals_pipeline.core.errors import ConfigError

BUNDLED_TRACES = Path(__file__).parents[2] / "examples" / "support_bot" / "traces"
"""Where the traces lie in a checkout; an installed package does not carry them."""

_NANOSECONDS = 1_000_000_000
_NANOSECONDS_A_DAY = 86_400 * _NANOSECONDS
_TIMES = ("startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano")


def move_traces(source: Path, target: Path, *, today: date) -> list[Path]:
    """Copy the OTLP/JSON lines of `source` to `target`, moved so that the newest span starts on the day before `today`.

    Returns:
        The files written, uncompressed.

    Raises:
        ConfigError: When `source` has no traces.
    """
    files = sorted(path for path in source.glob("*.jsonl*") if path.is_file()) if source.is_dir() else []
    if not files:
        raise ConfigError(
            f"there are no example traces in {str(source)!r}",
            hint="they come with the repository, not with the installed package: run this from a checkout of it",
        )
    documents = {file: [orjson.loads(line) for line in _read(file).splitlines() if line.strip()] for file in files}
    moved_by = _whole_days([each for lines in documents.values() for each in lines], today) * _NANOSECONDS_A_DAY
    target.mkdir(parents=True, exist_ok=True)
    return [_write(target / file.name.removesuffix(".gz"), lines, moved_by) for file, lines in documents.items()]


def _read(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def _write(path: Path, lines: list[Any], moved_by: int) -> Path:
    path.write_bytes(b"".join(orjson.dumps(_moved(line, moved_by)) + b"\n" for line in lines))
    return path


def _whole_days(documents: list[Any], today: date) -> int:
    newest = max(_starts(documents))
    day = datetime.fromtimestamp(newest // _NANOSECONDS, UTC).date()
    return (today - timedelta(days=1) - day).days


def _starts(node: Any) -> Iterator[int]:
    if isinstance(node, dict):
        if "startTimeUnixNano" in node:
            yield int(node["startTimeUnixNano"])
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _starts(item)


def _moved(node: Any, moved_by: int) -> Any:
    if isinstance(node, list):
        return [_moved(item, moved_by) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: str(int(value) + moved_by) if key in _TIMES else _moved(value, moved_by) for key, value in node.items()
    }
