"""The picture on a task's page: how the labels are shared out, as a small SVG inside Markdown.

Drawn by hand, because it is a dozen rectangles and lands in the event log with every run: a few KB. Numbers that
Dagster plots by itself, over partitions, are plain metadata.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from evals_pipeline.engine.summary import REST

if TYPE_CHECKING:
    from evals_pipeline.engine.summary import EvaluatorSummary, Summary

MOST_EVALUATORS = 12
MOST_LABELS = 6

_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#9d755d", "#8a8a8a")
_WIDTH, _BAR_START, _BAR_WIDTH, _ROW = 640, 270, 260, 24


def label_shares(summary: Summary) -> str:
    """Markdown of one bar per evaluator and label; empty when nothing has a label."""
    labelled = {name: of for name, of in summary.evaluators.items() if of.labels}
    colours = _Colours()
    rows = [row for name, of in islice(labelled.items(), MOST_EVALUATORS) for row in _rows(name, of, colours)]
    if not rows:
        return ""
    height = len(rows) * _ROW + 12
    drawn = "".join(_bar(number, *row) for number, row in enumerate(rows))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="12">'
        f'<rect width="{_WIDTH}" height="{height}" rx="4" fill="#ffffff"/>{drawn}</svg>'
    )
    return f"![label shares](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def most_frequent(labels: Mapping[str, int]) -> dict[str, int]:
    """The most frequent labels, and the others together."""
    shown = {label: count for label, count in islice(labels.items(), MOST_LABELS) if label != REST}
    rest = sum(labels.values()) - sum(shown.values())
    return {**shown, REST: rest} if rest else shown


class _Colours:
    """One colour for each label, the same for all evaluators."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def of(self, label: str) -> str:
        """The label's colour."""
        return _COLOURS[self.places.setdefault(label, len(self.places)) % len(_COLOURS)]


def _rows(name: str, of: EvaluatorSummary, colours: _Colours) -> list[tuple[str, str, int, int, str]]:
    """Evaluator (on its first row only), label, count, all labels of the evaluator, colour."""
    total = sum(of.labels.values())
    shown = most_frequent(of.labels)
    return [
        ("" if number else name, label, count, total, colours.of(label))
        for number, (label, count) in enumerate(shown.items())
    ]


def _bar(number: int, name: str, label: str, count: int, total: int, colour: str) -> str:
    top, share = number * _ROW + 8, count / total
    text = top + 13
    return (
        f'<text x="8" y="{text}" font-weight="bold" fill="#222">{_short(name, 22)}</text>'
        f'<text x="{_BAR_START - 8}" y="{text}" text-anchor="end" fill="#222">{_short(label, 14)}</text>'
        f'<rect x="{_BAR_START}" y="{top}" width="{max(share * _BAR_WIDTH, 1):.1f}" height="16" fill="{colour}"/>'
        f'<text x="{_BAR_START + share * _BAR_WIDTH + 6:.1f}" y="{text}" fill="#555">{share:.1%} ({count:,})</text>'
    )


def _short(text: str, length: int) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return escape(printable if len(printable) <= length else printable[: length - 1] + "…")
