"""The airline's handbook and the search over it."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# The usual BM25 constants: how fast repeated words stop counting, how much a long section is held back.
SATURATION, LENGTH_PENALTY = 1.2, 0.75
# Words of at least three letters that say nothing about the subject.
COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        "and any are but can did does for from get has have how its let much not now off one our she the then "
        "they this too was what when where who why will with you your",
    )
)


@dataclass(frozen=True, slots=True)
class Section:
    """One page of the handbook; `name` is its file name without the ending."""

    name: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that a search found, with its BM25 score: higher is nearer, 0 shares no word."""

    section: Section
    score: float


class Handbook:
    """Sections that can be searched by their words."""

    def __init__(self, sections: list[Section]) -> None:
        self._sections = sections
        self._counts = [Counter(_words(f"{section.title} {section.text}")) for section in sections]
        self._mean_length = sum(counts.total() for counts in self._counts) / len(sections)

    @classmethod
    def load(cls, folder: Path) -> Handbook:
        """Read every `*.md` file of a folder: the first line is the title, the rest the text."""
        return cls([_section(path) for path in sorted(folder.glob("*.md"))])

    def search(self, question: str, limit: int = 3) -> list[Hit]:
        """The sections nearest to a question, best first; empty when no word is shared."""
        words = set(_words(question))
        hits = [Hit(section, self._score(words, counts)) for section, counts in self._indexed()]
        found = [hit for hit in hits if hit.score > 0]
        return sorted(found, key=lambda hit: hit.score, reverse=True)[:limit]

    def _indexed(self) -> list[tuple[Section, Counter[str]]]:
        return list(zip(self._sections, self._counts, strict=True))

    def _score(self, words: set[str], counts: Counter[str]) -> float:
        length = 1 - LENGTH_PENALTY + LENGTH_PENALTY * counts.total() / self._mean_length
        return sum(
            self._rarity(word) * counts[word] * (SATURATION + 1) / (counts[word] + SATURATION * length)
            for word in sorted(words)
            if word in counts
        )

    def _rarity(self, word: str) -> float:
        holders = sum(word in counts for counts in self._counts)
        return math.log(1 + (len(self._counts) - holders + 0.5) / (holders + 0.5))


def _section(path: Path) -> Section:
    title, _, text = path.read_text(encoding="utf-8").partition("\n")
    return Section(path.stem, title.lstrip("# "), " ".join(text.split()))


def _words(text: str) -> list[str]:
    return [_stem(word) for word in re.findall(r"[a-z]{3,}", text.lower()) if word not in COMMON_WORDS]


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
