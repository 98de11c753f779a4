"""When two contents are the same."""

from __future__ import annotations

import hashlib

from evals_pipeline.core.version import Content

SHOWN_DIGITS = 12
"""Digits of a hash that stand for a version without a number."""


def content_hash(content: Content) -> str:
    """SHA-256 in hex of what counts: kind, source and settings, comments included.

    How lines end and how many ends of line there are at the end of a text does not count: editors and git change those
    without anybody having meant it.
    """
    digest = hashlib.sha256()
    for part in (content.kind, settled(content.source), settled(content.settings)):
        text = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(text)}:".encode() + text)  # the length tells where a part ends and the next begins
    return digest.hexdigest()


def settled(text: str) -> str:
    """`text` with line feeds between its lines and one at its end; nothing for nothing."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return lines + "\n" if lines else ""
