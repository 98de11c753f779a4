"""All printing: data to stdout, notes and errors to stderr.

Text from users and models is printed as it reads, never as markup and never as control codes.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from evals_pipeline.cli import exits

if TYPE_CHECKING:
    from rich.progress import Progress

_WIDTH_WITHOUT_TERMINAL = 160
_ESCAPE_SEQUENCES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?|\x9b[0-?]*[ -/]*[@-~]"
)
_KEPT_CONTROLS = "\n\t"


def clean(value: object, *, one_line: bool = True, limit: int | None = None) -> str:
    """`value` as text that a terminal shows and does not obey: no escape sequences, control or direction characters."""
    text = _ESCAPE_SEQUENCES.sub("", "" if value is None else str(value))
    text = "".join(char for char in text if char in _KEPT_CONTROLS or not _is_control(char))
    if one_line:
        text = " ".join(text.split())
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def say(*parts: object, style: str = "") -> None:
    """A line on stdout."""
    with _pipe():
        _console().print(_line(parts, style), soft_wrap=True)


def note(*parts: object, style: str = "") -> None:
    """A line on stderr: what is no data."""
    _console(stderr=True).print(_line(parts, style), soft_wrap=True)


def complain(message: str) -> None:
    """An error and what to do about it, on stderr; a hint stands on lines of its own in `message`."""
    said, *hints = message.split("\nHint: ")
    console = _console(stderr=True)
    console.print(Text.assemble(("error: ", "bold red"), clean(said, one_line=False)), soft_wrap=True)
    for hint in hints:
        console.print(Text.assemble(("Hint: ", "bold"), clean(hint, one_line=False)), soft_wrap=True)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", right: Iterable[str] = ()
) -> list[str]:
    """A table on stdout; the columns in `right` are set flush right, cells that are `Text` keep their style.

    Lines break between words only, so that names and ids can be copied: where these need more room than there is, the
    table is wider than the terminal.

    Returns:
        The columns that were left out because they are empty in all rows.
    """
    cells = [[cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row] for row in rows]
    kept = [at for at in range(len(columns)) if not cells or any(row[at].plain for row in cells)]
    shown = [[row[at] for at in kept] for row in cells]
    _print_grid([columns[at] for at in kept], shown, title=title, right=right)
    return [name for at, name in enumerate(columns) if at not in kept]


def print_json(document: object) -> None:
    """One JSON document on stdout and nothing else."""
    write(json.dumps(document, indent=2, default=plain, allow_nan=False) + "\n")


def write(text: str) -> None:
    """Text on stdout as it stands."""
    with _pipe():
        sys.stdout.write(text)
        sys.stdout.flush()


def plain(value: object) -> Any:
    """What JSON has no form for, in one that it has."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case Mapping():
            return dict(value)
        case set() | frozenset() | tuple():
            return list(value)
        case _:
            return str(value)


@contextmanager
def progress(*, hidden: bool = False) -> Iterator[Progress]:
    """Progress bars on stderr while the block lasts; drawn only on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = _console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=hidden or not console.is_terminal) as bars:
        yield bars


def percent(share: float | None) -> str:
    """A share of 0 to 1 as people read it."""
    return "" if share is None else f"{share:.1%}"


def count(number: int) -> str:
    """A whole number with thousands set apart."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """How many there are: 1 file, 2 files."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def usd(amount: float) -> str:
    """Money to the cent, small sums to three digits that count."""
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:.3g}"


def moment(value: datetime | None) -> str:
    """A time to the second, UTC."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def command() -> str:
    """How the person called this program, for commands to copy."""
    called = Path(sys.argv[0])
    if called.name != "evals":
        return "evals"
    return str(called) if not called.is_absolute() else _shortest(called)


def _shortest(path: Path) -> str:
    import shutil

    if shutil.which("evals") == str(path):
        return "evals"
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _print_grid(columns: list[str], rows: list[list[Text]], *, title: str, right: Iterable[str]) -> None:
    from rich import box
    from rich.table import Table

    console, heads = _console(), [Text(clean(column)) for column in columns]
    cells = [[head, *(row[at] for row in rows)] for at, head in enumerate(heads)]
    least = [max((cell_len(word) for cell in of for word in cell.plain.split()), default=0) for of in cells]
    roomy, dense = 3 * (len(columns) - 1) + 2, len(columns) - 1  # what stands between and beside the cells
    is_roomy = sum(least) + roomy <= console.width
    between = roomy if is_roomy else dense
    widths = _widths([max(cell.cell_len for cell in of) for of in cells], least, console.width - between)
    made = Table(title=Text(clean(title)) if title else None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    made.padding, made.show_edge = (0, int(is_roomy)), is_roomy
    for head, width in zip(heads, widths, strict=True):
        made.add_column(head, justify="right" if head.plain in right else "left", width=width)
    for row in rows:
        made.add_row(*row)
    console.width = max(console.width, sum(widths) + between)
    with _pipe():
        console.print(made)


def _widths(longest: list[int], least: list[int], available: int) -> list[int]:
    """As wide as the longest cell; where that is too much the widest column yields first, down to its longest word."""
    widths = longest
    while sum(widths) > available and widths != least:
        widest = max((at for at, width in enumerate(widths) if width > least[at]), key=widths.__getitem__)
        widths = [width - (at == widest) for at, width in enumerate(widths)]
    return widths


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _line(parts: Sequence[object], style: str) -> Text:
    made = Text(style=style)
    for part in parts:
        made.append_text(part if isinstance(part, Text) else Text(clean(part, one_line=False)))
    return made


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    console.height = console.height  # where TERM is dumb Rich heeds no width unless a height is set too
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns):
        console.width = int(columns)
    elif not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


@contextmanager
def _pipe() -> Iterator[None]:
    """End quietly when the reader of stdout, such as `head`, has gone."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(exits.OK) from None
