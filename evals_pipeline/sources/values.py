"""Single values of foreign spans, made into what a column holds: text, JSON text, whole numbers, ids.

Each function gives None for a value it cannot read and raises nothing else than RecursionError, for values nested too
deeply to walk.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any

import orjson

_SURROGATES = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}(\.0*)?")
_MAX_INTEGER = 2**63 - 1
_ID_BYTES = {12: 8, 24: 16}
"""Length of a base64 text -> length of the span or trace id inside; hex ids have 16 and 32 characters."""
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_SERIALIZE_NUMPY


def clean(text: str) -> str:
    """`text` with lone surrogates, which no UTF-8 file can hold, replaced by U+FFFD."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def text(value: Any) -> str | None:
    """Text as it stands, anything else as compact JSON, nothing (and NaN) as None."""
    if isinstance(value, str):
        return clean(value)
    if is_missing(value):
        return None
    return _decoded(value) if isinstance(value, bytes | bytearray) else json_text(value)


def is_missing(value: Any) -> bool:
    """Whether `value` stands for nothing: None, or the NaN and NaT that pandas writes for it."""
    return value is None or (not isinstance(value, str | list | dict | tuple) and _differs_from_itself(value))


def _differs_from_itself(value: Any) -> bool:
    different = value != value
    return different is True


def json_text(value: Any) -> str:
    """`value` as compact JSON text; NaN and infinities become null, bytes text, unknown types their own text."""
    try:
        return orjson.dumps(value, default=_plain_object, option=_OPTIONS).decode()
    except TypeError:
        # Lone surrogates, integers beyond 64 bits, keys that are no text, more than 254 levels.
        return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def plain(value: Any) -> Any:
    """`value` made of nothing but what JSON knows."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return clean(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {clean(str(key)): plain(member) for key, member in value.items()}
        case list() | tuple():
            return [plain(member) for member in value]
    return plain(_plain_object(value))


def _plain_object(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return _decoded(bytes(value))
    if isinstance(value, set | frozenset):
        return list(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _decoded(value: bytes | bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def from_json(content: bytes | str) -> Any:
    """The value that JSON text holds; raises ValueError for text that is no JSON.

    NaN, infinities and lone surrogates are let through here, as Python and JavaScript write them.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _loads_leniently(content)


def _loads_leniently(content: bytes | str) -> Any:
    try:
        return json.loads(content)
    except RecursionError as cause:
        raise ValueError("nested too deeply") from cause


def count(value: Any) -> int | None:
    """A whole number from a number or its text (`"3817"`, `12.0`)."""
    if isinstance(value, str):
        value = int(value.partition(".")[0]) if _INTEGER.fullmatch(value.strip()) else None
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else None
    elif hasattr(value, "item"):
        value = value.item()
    is_count = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_INTEGER
    return value if is_count else None


def identifier(value: Any) -> str | None:
    """A span or trace id as text: as given, without `0x`; bytes and base64 of 8 or 16 bytes as hex."""
    if isinstance(value, bytes | bytearray):
        return value.hex() or None
    if isinstance(value, str):
        is_base64 = len(value) in _ID_BYTES and value.endswith("=")
        return (_hex_of_base64(value) if is_base64 else None) or clean(value.strip().removeprefix("0x")) or None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    is_uuid = hasattr(value, "hex") and not isinstance(value, int | float)
    return str(value) if is_number or is_uuid else None


def _hex_of_base64(value: str) -> str | None:
    try:
        decoded = base64.b64decode(value, altchars=b"-_" if "-" in value or "_" in value else None, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded.hex() if len(decoded) == _ID_BYTES[len(value)] else None
