"""Pages as blocks, links, headings and tables: as much Markdown as the documentation uses."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from evals_pipeline_tests.conftest import REPOSITORY

_FENCE = re.compile(r"```([^\n`]*)\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: the words behind the fence, and what it holds."""

    page: str
    line: int
    info: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(REPOSITORY).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(
            Block(self.name, self.text.count("\n", 0, found.start()) + 1, found[1].strip(), found[2])
            for found in _FENCE.finditer(self.text)
        )

    def blocks_of(self, info: str) -> list[Block]:
        return [block for block in self.blocks if block.info == info]

    @cached_property
    def prose(self) -> str:
        """The page without its blocks."""
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What links may name behind `#`, as GitHub spells it."""
        titles = [re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(self.prose)]
        return {title.replace(" ", "-") for title in titles}

    def table(self, heading: str) -> list[list[str]]:
        """The rows of the first table below `heading`, without its head."""
        _, _, below = self.prose.partition(f" {heading}\n")
        rows: list[list[str]] = []
        for line in below.splitlines():
            if line.startswith("|"):
                rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
            elif rows:
                break
        return rows[2:]


def pages() -> list[Page]:
    """README, changelog and everything in `docs/`."""
    return [Page(path) for path in (REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *_docs())]


def page(name: str) -> Page:
    return Page(REPOSITORY / name)


def _docs() -> list[Path]:
    return sorted((REPOSITORY / "docs").rglob("*.md"))
