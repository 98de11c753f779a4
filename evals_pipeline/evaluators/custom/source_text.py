"""Rules for the text itself, before Python's parser sees it."""

from __future__ import annotations

import re

from evals_pipeline.core.code import SOURCE_BYTES
from evals_pipeline.evaluators.custom.findings import Findings

_DEPTH = 80
"""Brackets within brackets, or signs in a row; the parser's own limits lie higher and depend on the stack there is."""

# Comments and texts are passed over, to the end of the line or the source where they are not closed; what is written
# possessively (`*+`) is never tried again, so that no source takes more than one pass.
_TOKEN = re.compile(
    r"""
    \#[^\r\n]*+
    | \"{3}(?:[^"\\]|\\.|"(?!""))*+(?:\"{3}|\Z)?
    | '{3}(?:[^'\\]|\\.|'(?!''))*+(?:'{3}|\Z)?
    | "(?:[^"\\\r\n]|\\(?:\r\n|.))*+"?
    | '(?:[^'\\\r\n]|\\(?:\r\n|.))*+'?
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<run>(?:(?:[-+~]|\bnot\b)[ \t\f\\\r\n]*+){81})
    """,
    re.VERBOSE | re.DOTALL,
)


def check_text(findings: Findings) -> bool:
    """Whether the parser may see it."""
    return _is_unicode(findings) and _has_size(findings) and _is_plain(findings) and _is_shallow(findings)


def _is_unicode(findings: Findings) -> bool:
    try:
        findings.text.source.encode()
    except UnicodeEncodeError as error:
        findings.add("encoding", findings.text.at(error.start), "the source holds a character that is no valid Unicode")
        return False
    return True


def _has_size(findings: Findings) -> bool:
    size = len(findings.text.source.encode())
    if size > SOURCE_BYTES:
        message = f"the source has {size:,} bytes; the most is {SOURCE_BYTES:,}. Load data by a variable instead"
        findings.add("too-long", findings.text.at(0), message)
    return size <= SOURCE_BYTES


def _is_plain(findings: Findings) -> bool:
    source = findings.text.source
    if "\0" in source:
        findings.add("null-character", findings.text.at(source.index("\0")), "the source holds a null character")
        return False
    if source.startswith("\ufeff"):
        message = "the source begins with a byte order mark; save the file as UTF-8 without it"
        findings.add("byte-order-mark", findings.text.at(0), message)
        return False
    return True


def _is_shallow(findings: Findings) -> bool:
    depth = 0
    for token in _TOKEN.finditer(findings.text.source):
        kind = token.lastgroup
        if kind is None:
            continue
        depth = depth + 1 if kind == "open" else max(depth - 1, 0) if kind == "close" else _DEPTH + 1
        if depth > _DEPTH:
            message = f"this is nested more than {_DEPTH} levels deep; give parts of it a name of their own"
            findings.add("too-deep", findings.text.at(token.start()), message)
            return False
    return True
