"""Finding the label in what a model said: by equality, never by a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import orjson

_WRAPPING = " \t\r\n\"'`*_.,;:!?()[]{}<>“”‘’«»#-–—"
_THINKING = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.I)
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?```", re.DOTALL | re.I)
_LABEL_LINE = re.compile(r"^[^\n\w]{0,9}_{0,2}label[^\n\w]{0,9}?_{0,2}[:=]([^\n]*)$", re.I | re.M)
_EXPLANATION = re.compile(r"\A[^\n\w]{0,9}_{0,2}explanation[^\n\w]{0,9}?_{0,2}[:=][*_]*", re.I)


def chosen(said: str, labels: Sequence[str]) -> str | None:
    """The one label that `said` is, as the choices spell it; None when it is none or could be several.

    White space around it and case do not count.
    """
    for same in (str.strip, _folded):
        found = [label for label in labels if same(label) == same(said)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def spoken(text: str, labels: Sequence[str]) -> tuple[str, str | None] | str:
    """Read an answer in plain words: label and explanation, or what is wrong with it.

    A line `Label: …` decides; without one, an answer that is nothing but a label, or ends in a line that is. Quotes,
    punctuation and Markdown around the label do not count. Two different labels are as good as none: a label inside a
    sentence ("not toxic") says nothing for certain.
    """
    text = _THINKING.sub("", text).strip()
    named = [(_bare(line[1], labels), line) for line in _LABEL_LINE.finditer(text)]
    if not named:
        return _ending(text, labels)
    found = {label for label, _ in named}
    if len(found) != 1 or (label := found.pop()) is None:
        said = ", ".join(repr(line[1][:60]) for _, line in named[:3])
        return f"the line `Label:` must hold exactly one of {listed(labels)} and nothing else, unlike {said}"
    return label, _explained(text[: named[0][1].start()], text[named[-1][1].end() :])


def fenced_object(text: str) -> dict[str, object] | None:
    """The JSON object that a plain answer consists of or holds in its only code fence; None without one."""
    text = _THINKING.sub("", text).strip()
    fences = _FENCED.findall(text)
    candidate = fences[0] if len(fences) == 1 else text
    if not candidate.lstrip().startswith("{"):
        return None
    try:
        value = orjson.loads(candidate)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def listed(labels: Iterable[str]) -> str:
    """The labels for a message."""
    return ", ".join(repr(label) for label in labels)


def _ending(text: str, labels: Sequence[str]) -> tuple[str, str | None] | str:
    lines = [line for line in text.splitlines() if line.strip()]
    alone = [label for line in lines if (label := _bare(line, labels)) is not None]
    last = _bare(lines[-1], labels) if lines else None
    if last is None or len(set(alone)) != 1:
        return f"it has no line `Label:` with exactly one of {listed(labels)}"
    return last, _explained("\n".join(lines[:-1]), "")


def _bare(said: str, labels: Sequence[str]) -> str | None:
    """As `chosen`, without what is wrapped around it; a label that needs its own wrapping is found first."""
    if (exact := chosen(said, labels)) is not None:
        return exact
    bare = _folded(said).strip(_WRAPPING)
    found = [label for label in labels if bare and bare in (_folded(label), _folded(label).strip(_WRAPPING))]
    return found[0] if len(found) == 1 else None


def _explained(before: str, after: str) -> str | None:
    parts = (_EXPLANATION.sub("", part.strip()) for part in (before, after))
    return "\n".join(part.strip() for part in parts if part.strip()) or None


def _folded(text: str) -> str:
    return text.strip().casefold()
