"""Named time zones from memory, for workers that can open no file."""

from __future__ import annotations

import contextlib
import importlib
import io
import zoneinfo
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO


def preload_zones() -> int:
    """Read all zones, so that `zoneinfo`, pandas, dateutil and Arrow find them in memory; returns how many there are.

    Call it in the fork server, after the imports. Zones come from where `zoneinfo` finds them: the system's folder,
    else the package `tzdata`.
    """
    data = {name: _read(name) for name in zoneinfo.available_timezones()}
    _serve(data)
    _fill_dateutil()
    _fill_arrow(data)
    return len(data)


def _read(name: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        path = Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    package = importlib.import_module("importlib.resources").files("tzdata") / "zoneinfo" / name
    return bytes(package.read_bytes())


def _serve(data: Mapping[str, bytes]) -> None:
    """`ZoneInfo` looks on its path and then calls this loader, by its name, in C and in Python."""

    def load_tzdata(key: str) -> BinaryIO:
        if key not in data:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
        return io.BytesIO(data[key])

    names = frozenset(data)
    common = importlib.import_module("zoneinfo._common")
    vars(common)["load_tzdata"] = load_tzdata
    vars(zoneinfo)["available_timezones"] = lambda: set(names)
    zoneinfo.reset_tzpath(to=())


def _fill_dateutil() -> None:
    """Dateutil falls back to an archive of its own, which it keeps once it is read."""
    try:
        archive = importlib.import_module("dateutil.zoneinfo")
    except ImportError:  # comes with pandas, and is not asked of every installation
        return
    archive.get_zonefile_instance()


def _fill_arrow(names: Iterable[str]) -> None:
    """Arrow's library reads a zone's file when it is first used, and keeps it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in names:
        with contextlib.suppress(pa.ArrowInvalid):  # a name it does not know, or no folder of zones on this system
            pc.hour(pa.array([0], pa.timestamp("s", tz=name)))
