"""Which room may import which, held as a table. A new arrow is an edit of `ROOMS`, in the commit that draws it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "evals_pipeline"
TEMPLATES = PACKAGE / "cli" / "templates"  # files for users to copy, not modules of ours

BELOW_EVALUATORS = {"core", "sources", "selection", "mapping", "sinks", "hub", "lake", "ledger", "llm", "sandbox"}
ROOMS: dict[str, set[str]] = {
    "core": set(),
    "sources": {"core"},
    "selection": {"core"},
    "mapping": {"core"},
    "sinks": {"core"},
    "hub": {"core"},
    "lake": {"core"},
    "ledger": {"core"},
    "llm": {"core"},
    "sandbox": {"core"},
    "evaluators": {"core", "llm", "sandbox"},
    "engine": BELOW_EVALUATORS | {"evaluators"},
    "orchestration": BELOW_EVALUATORS | {"evaluators", "engine"},
    "cli": {"core", "engine", "orchestration"},
    # The modules at the root are rooms of one.
    "__init__": {"core", "evaluators", "engine"},
    "__main__": {"cli"},
    "definitions": {"core", "orchestration"},
}
WITH_DAGSTER = {"orchestration", "definitions"}
HEAVY = {"dagster", "deltalake", "duckdb", "openai", "pandas", "pyarrow", "pydantic", "sqlalchemy"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if TEMPLATES not in path.parents)


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, wherever it stands; `from a import b` is also `a.b`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module="evals_pipeline", names=names):
                yield from ((node.lineno, f"evals_pipeline.{alias.name}") for alias in names)
            case ast.ImportFrom(module=str(name)):
                yield node.lineno, name
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def complaint(room: str, name: str) -> str | None:
    """Why `room` may not import `name`; None where it may."""
    top, *rest = name.split(".")
    if top == "dagster" or top.startswith("dagster_"):
        return None if room in WITH_DAGSTER else f"Dagster belongs to {sorted(WITH_DAGSTER)}"
    if top != "evals_pipeline":
        return None
    target = rest[0] if rest else ""
    if target == room or target in ROOMS[room]:
        return None
    if target not in ROOMS:
        return "name the room; the package root is for those who use the package"
    return f"{room} may import {sorted(ROOMS[room]) or 'no other room'}"


def violations(source: str, room: str) -> list[str]:
    found = ((line, name, complaint(room, name)) for line, name in imported(source))
    return [f"{line}: imports {name}, but {reason}" for line, name, reason in found if reason]


def test_every_room_is_in_the_table() -> None:
    unknown = {room_of(module) for module in modules()} - set(ROOMS)

    assert not unknown, f"no row in ROOMS for {sorted(unknown)}: say there what each may import"


def test_no_room_imports_what_the_table_does_not_allow() -> None:
    found = [
        f"{module.relative_to(REPOSITORY)}:{violation}"
        for module in modules()
        if room_of(module) in ROOMS
        for violation in violations(module.read_text("utf-8"), room_of(module))
    ]

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        pytest.param("core", "from evals_pipeline.lake.tables import SPANS", id="core imports a room"),
        pytest.param("sources", "import evals_pipeline.selection.filters", id="one corridor room another"),
        pytest.param("mapping", "from evals_pipeline import hub", id="a room by way of the package root"),
        pytest.param("mapping", "from evals_pipeline import evaluate", id="the package root itself"),
        pytest.param("engine", "def run():\n    from evals_pipeline.cli import main", id="inside a function"),
        pytest.param("evaluators", "import_module('evals_pipeline.lake.tables')", id="by a string"),
        pytest.param("engine", "import dagster as dg", id="Dagster in the engine"),
        pytest.param("cli", "from dagster_duckdb import DuckDBResource", id="a Dagster library in the CLI"),
    ],
)
def test_an_arrow_the_table_lacks_is_found(room: str, source: str) -> None:
    assert len(violations(source, room)) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("core", "import json\nfrom evals_pipeline.core.errors import ConfigError"),
        ("evaluators", "from evals_pipeline.llm.client import Judge"),
        ("definitions", "import dagster as dg\nfrom evals_pipeline.orchestration.build import build_definitions"),
    ],
)
def test_an_arrow_of_the_table_passes(room: str, source: str) -> None:
    assert violations(source, room) == []


def test_every_door_has_a_sign_and_nothing_else() -> None:
    doors = [module for module in modules() if module.name == "__init__.py" and module.parent != PACKAGE]

    unsigned = [str(door.relative_to(REPOSITORY)) for door in doors if not is_sign(door.read_text("utf-8"))]

    assert not unsigned, f"want one docstring, and no code: {unsigned}"


def is_sign(source: str) -> bool:
    tree = ast.parse(source)
    return len(tree.body) == 1 and bool(ast.get_docstring(tree))


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, evals_pipeline; print(*{name.partition('.')[0] for name in sys.modules})"

    loaded = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert HEAVY.isdisjoint(loaded.stdout.split())
