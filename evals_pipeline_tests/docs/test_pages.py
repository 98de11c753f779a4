"""What pages must hold: every command, option, setting, column and evaluator, and links that lead somewhere."""

import re
from collections.abc import Iterator

import click
import pytest
from pydantic import BaseModel
from typer.main import get_command

from evals_pipeline.cli import exits
from evals_pipeline.cli.main import app
from evals_pipeline.core.code import CodeSettings, ParameterSpec
from evals_pipeline.core.columns import ADDED_SPAN_COLUMNS, ALIASES, DERIVED_COLUMNS, RESULT_COLUMNS, SPAN_COLUMNS
from evals_pipeline.core.evaluator import EXPLANATION_LENGTH, AnnotatorKind
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec, Price
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.task import Budget, Continuous, EvaluatorUse, FilesSink, FilesSource, Project, Task
from evals_pipeline.engine.hub.entries import HubEntry, hub_entries
from evals_pipeline.evaluators.custom.problem_codes import PROBLEM_CODES
from evals_pipeline.orchestration.config import RunOptions
from evals_pipeline.sandbox.frames import FRAME_BYTES
from evals_pipeline.sandbox.program import Limits
from evals_pipeline.sandbox.results import ERROR_MESSAGE_LENGTH, LABEL_LENGTH, METADATA_LENGTH
from evals_pipeline.sandbox.settings import PACKAGES
from evals_pipeline_tests.conftest import REPOSITORY
from evals_pipeline_tests.docs.markdown import Page, page, pages

DECISION_LINES = 40
FIRST_SCREEN_LINES = 25
IMAGE_BYTES = 150_000
_SETTING = re.compile(r"\bEVALS_[A-Z_]*[A-Z]\b")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words that call it."""
    waiting: list[tuple[str, click.Command]] = [("", get_command(app))]
    while waiting:
        name, command = waiting.pop()
        if isinstance(command, click.Group):
            waiting += [(f"{name} {word}".strip(), member) for word, member in command.commands.items()]
        else:
            yield name, command


def prebuilt(kind: AnnotatorKind) -> list[HubEntry]:
    return [entry for entry in hub_entries() if entry.kind == kind]


def options_of(command: click.Command) -> list[str]:
    return [option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts]


@pytest.mark.parametrize("shown", pages(), ids=lambda shown: shown.name)
def test_links_lead_somewhere(shown: Page) -> None:
    lost = [link for link in shown.links if "://" not in link and not leads_somewhere(shown, link)]

    assert lost == []


def leads_somewhere(shown: Page, link: str) -> bool:
    file, _, anchor = link.partition("#")
    target = (shown.path.parent / file).resolve() if file else shown.path
    return target.is_file() and (not anchor or anchor in Page(target).anchors)


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[str] = set()
    waiting = [REPOSITORY / "README.md"]
    while waiting:
        reached = Page(waiting.pop())
        seen.add(reached.name)
        targets = [
            (reached.path.parent / link.partition("#")[0]).resolve() for link in reached.links if "://" not in link
        ]
        waiting += [target for target in targets if target.suffix == ".md" and Page(target).name not in seen]

    assert {shown.name for shown in pages()} - seen <= {"CHANGELOG.md"}


def test_the_first_screen_holds_what_it_must() -> None:
    screen = "\n".join(page("README.md").text.splitlines()[:FIRST_SCREEN_LINES])

    for word in ("Dagster", "make demo", "make test", "evaluators:", "verdicts"):
        assert word in screen


@pytest.mark.parametrize(("name", "command"), [pytest.param(*found, id=found[0]) for found in commands()])
def test_every_command_has_a_page_that_names_its_options(name: str, command: click.Command) -> None:
    text = page(f"docs/commands/{name.split()[0]}.md").text

    assert f"evals {name}" in text
    assert [option for option in options_of(command) if f"`{option}`" not in text] == []


def test_every_page_of_a_command_is_of_a_command_that_exists() -> None:
    there = {path.stem for path in (REPOSITORY / "docs" / "commands").glob("*.md")}

    assert there == {name.split()[0] for name, _ in commands()}


def test_the_table_of_judges_says_what_their_files_say() -> None:
    rows = page("docs/judges.md").table("Prebuilt judges")

    assert rows == [row_of(judge) for judge in prebuilt(AnnotatorKind.LLM)]


def row_of(judge: HubEntry) -> list[str]:
    variables = ", ".join(f"`{each.name}`" for each in judge.variables)
    labels = ", ".join(f"`{label}` ({score:g})" for label, score in judge.labels.items())
    return [f"`{judge.name}`", variables, labels, judge.direction, judge.summary]


@pytest.mark.parametrize("entry", prebuilt(AnnotatorKind.CODE), ids=lambda entry: entry.name)
def test_every_check_is_described(entry: HubEntry) -> None:
    words = [entry.name, *(known.name for known in entry.parameters), *entry.labels]
    for name in ("README.md", "docs/evaluators.md"):
        text = page(name).text

        assert [word for word in words if f"`{word}`" not in text] == []


@pytest.mark.parametrize(
    ("name", "model", "prefix"),
    [
        ("docs/tasks.md", Project, ""),
        ("docs/tasks.md", FilesSource, "source."),
        ("docs/tasks.md", FilesSink, "sink."),
        ("docs/tasks.md", Task, ""),
        ("docs/tasks.md", Continuous, "continuous."),
        ("docs/tasks.md", EvaluatorUse, ""),
        ("docs/tasks.md", Budget, "budget."),
        ("docs/custom_evaluators.md", CodeSettings, ""),
        ("docs/custom_evaluators.md", ParameterSpec, "parameters.<name>."),
        ("docs/judges.md", JudgeSpec, ""),
        ("docs/judges.md", ModelSpec, ""),
        ("docs/judges.md", Price, "price."),
    ],
)
def test_every_setting_of_a_file_is_described(name: str, model: type[BaseModel], prefix: str) -> None:
    text = page(name).text
    given_by_file = {"name"} if model in (Project, Task, JudgeSpec, CodeSettings) else set()
    names = {field.alias or known for known, field in model.model_fields.items()} - given_by_file

    assert sorted(known for known in names if f"| `{prefix}{known}` |" not in text) == []


def test_every_setting_of_the_environment_is_described() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (REPOSITORY / "evals_pipeline").rglob("*.py"))
    text = page("docs/deployment.md").text

    assert {name for name in _SETTING.findall(code) if f"| `{name}` |" not in text} == set()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("docs/concepts.md", [str(outcome) for outcome in Outcome]),
        ("docs/results.md", list(RESULT_COLUMNS)),
        ("docs/mapping.md", [*SPAN_COLUMNS, *ADDED_SPAN_COLUMNS, *DERIVED_COLUMNS, *ALIASES]),
        ("docs/dagster.md", [*RunOptions.model_fields, "conservation", "judged"]),
    ],
)
def test_every_word_is_explained(name: str, words: list[str]) -> None:
    text = page(name).text

    assert [word for word in words if f"`{word}`" not in text] == []


def test_the_table_of_problems_says_what_the_check_says() -> None:
    rows = page("docs/custom_evaluators.md").table("Problem codes")

    assert rows == [[f"`{code}`", each.severity, each.meaning] for code, each in PROBLEM_CODES.items()]


def test_the_limits_of_the_sandbox_are_those_that_hold() -> None:
    text = page("docs/sandbox.md").text
    limits = Limits()

    assert f"| {limits.memory_mb} MiB a worker" in text
    assert f"| {limits.row_seconds:g} s; `row_seconds`" in text
    assert f"| {limits.load_seconds:g} s |" in text
    assert f"| {limits.strikes} for an evaluator on a day |" in text
    assert f"| {FRAME_BYTES // 2**20} MiB |" in text
    assert f"{LABEL_LENGTH}, {EXPLANATION_LENGTH:,}, {METADATA_LENGTH:,} and {ERROR_MESSAGE_LENGTH:,} char" in text
    assert ", ".join(PACKAGES) in text
    assert ", ".join(PACKAGES) in page("docs/custom_evaluators.md").text


def test_every_exit_code_is_explained() -> None:
    rows = page("docs/README.md").table("Exit codes")

    codes = [exits.OK, exits.BROKEN, exits.USAGE, exits.STORAGE, exits.INTERRUPTED]
    assert [int(row[0]) for row in rows] == codes


def test_decisions_are_short_and_say_what_they_cost() -> None:
    decisions = sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))

    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text("utf-8")

        assert len(text.splitlines()) <= DECISION_LINES
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["The problem", "What we chose", "What it costs"]


def test_images_are_small_and_used() -> None:
    used = {link.rpartition("/")[2] for shown in pages() for link in shown.links}
    images = list((REPOSITORY / "docs" / "images").iterdir())

    assert [image.name for image in images if image.stat().st_size > IMAGE_BYTES or image.name not in used] == []


def test_the_changelog_says_one_sentence_an_entry() -> None:
    text = page("CHANGELOG.md").text
    entries = [line for line in text.splitlines() if line.startswith("- ")]

    assert text.startswith("# Changelog\n")
    assert re.findall(r"^## .+$", text, re.MULTILINE)[0] == "## [Unreleased]"
    assert [entry for entry in entries if not re.fullmatch(r"- [A-Z`].*[^.]\.", entry) or ". " in entry] == []
