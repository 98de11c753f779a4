"""Values as Python that means them: what rows hold stays data, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from evals_pipeline.engine.natural import utc

IMPORTS = "import json as _json\nfrom datetime import datetime as _datetime\n"
"""What the written text needs; names that nobody else is likely to use."""

_WIDTH = 110
_DEEPEST = 40
"""Levels of nesting beyond which a value is written as the text of its JSON; Python reads 200 brackets at most."""


def written(value: Any, *, indent: int = 0) -> str:
    """Python for a value: None, booleans, numbers, text, times, and lists and mappings of them; other things as text.

    Short ones stand on a line, others have an item a line; the first line is not indented.
    """
    return _lines(value, indent) if _depth_fits(value) else _as_json(value)


def _lines(value: Any, indent: int) -> str:
    short = _short(value)
    if not isinstance(value, Mapping | list | tuple) or not value or len(short) + indent <= _WIDTH:
        return short
    inner = indent + 4
    pad = " " * inner
    if isinstance(value, Mapping):
        items = [f"{pad}{str(key)!r}: {_lines(item, inner)},\n" for key, item in value.items()]
        return "{\n" + "".join(items) + " " * indent + "}"
    return "[\n" + "".join(f"{pad}{_lines(item, inner)},\n" for item in value) + " " * indent + "]"


def _short(value: Any) -> str:
    match value:
        case None | bool() | int() | str():
            return repr(value)
        case float():
            return repr(value) if isfinite(value) else f"float({str(value)!r})"
        case datetime():
            return f"_datetime.fromisoformat({utc(value).isoformat()!r})"
        case Mapping():
            return "{" + ", ".join(f"{str(key)!r}: {_short(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_short, value)) + "]"
        case _:
            return repr(str(value))


def _as_json(value: Any) -> str:
    try:
        return f"_json.loads({json.dumps(value, default=str)!r})"
    except RecursionError:
        return repr("too deep to be written down")


def _depth_fits(value: Any) -> bool:
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        level = [item for each in level for item in _items(each)]
        depth += 1
    return not level


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []
