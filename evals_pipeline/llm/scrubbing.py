"""Keeps keys out of what people read: providers echo parts of a wrong key in their messages."""

from __future__ import annotations

import re
from collections.abc import Collection

MESSAGE_LENGTH = 500

_MARK = "[key]"
_WORD = re.compile(r"[^\s'\"`,;:()<>{}\[\]]{4,}")
_MASK = re.compile(r"[*…•]+|\.{2,}|x{4,}|X{4,}")
_LIKE_A_KEY = re.compile(
    r"(?:sk|pk|rk|gsk|xai|nvapi|hf|r8|fw|pplx|csk)[-_][A-Za-z0-9_\-]{6,}|AIza[\w\-]{10,}|ey[JK][\w\-]{10,}\.[\w\-.]+"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def scrubbed(text: str, secrets: Collection[str] = ()) -> str:
    """`text` on one line, at most 500 characters, without the `secrets`, parts of them, and what looks like a key."""
    for secret in secrets:
        text = text.replace(secret, _MARK)
    text = _WORD.sub(lambda word: _MARK if _tells(word[0], secrets) else word[0], text)
    text = _CONTROL.sub(" ", _LIKE_A_KEY.sub(_MARK, text)).strip()
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"


def _tells(word: str, secrets: Collection[str]) -> bool:
    pieces = [piece.strip(".") for piece in _MASK.split(word)]
    if len(pieces) > 1 and ("**" in word or "…" in word or "•" in word):
        return True
    return any(_is_part(piece, secret) for piece in pieces for secret in secrets)


def _is_part(piece: str, secret: str) -> bool:
    if len(piece) < 4:
        return False
    return secret.startswith(piece) or secret.endswith(piece) or (len(piece) >= 8 and piece in secret)
