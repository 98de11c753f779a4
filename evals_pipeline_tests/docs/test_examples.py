"""What the pages show is run: consoles, files, Python, queries, filters and paths."""

import ast
import contextlib
import io
import json
import re
from pathlib import Path

import click
import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline.cli.scaffold import TEMPLATES
from evals_pipeline.core.errors import FilterError, MappingError
from evals_pipeline.core.paths import parse_path, resolve
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.queries import lake_views, query_lake
from evals_pipeline.evaluators.custom.checking import check_source
from evals_pipeline.orchestration.build import build_definitions
from evals_pipeline.orchestration.component import EvaluationTasks
from evals_pipeline.orchestration.config import RunOptions
from evals_pipeline.selection.filters import parse_filter
from evals_pipeline.sources.normalise import span_row
from evals_pipeline_tests.conftest import REPOSITORY
from evals_pipeline_tests.docs.consoles import Console, difference, shell_commands, steps
from evals_pipeline_tests.docs.markdown import Block, Page, page, pages

_LANGUAGES = {"console", "sh", "yaml", "python", "text", "json", "sql", "sql filter", "csv gold.csv"}
_OTHER_PROGRAMS = {"pip", "export", "python"}
BROKEN = "broken: "
"""What the first line of a file begins with that cannot be used."""
FILES = ("tasks/", "projects/", "evaluators/", "models.yaml")
FOLLOWED = {"docs/judges.md", "docs/custom_evaluators.md", "docs/hub.md"}
"""Pages whose files belong to the project in which their commands are run."""


def pages_with(info: str) -> list[Page]:
    return [each for each in pages() if each.blocks_of(info)]


def blocks(info: str) -> list[pytest.param]:
    return [pytest.param(block, id=block.place) for each in pages() for block in each.blocks_of(info)]


def titled(block: Block) -> tuple[str, str]:
    """The first line of a block without its `# `, and the rest."""
    first, _, rest = block.text.partition("\n")
    return first.removeprefix("# "), rest


def yaml_blocks(*starts: str) -> list[pytest.param]:
    return [given for given in blocks("yaml") if titled(given.values[0])[0].startswith(starts)]


def rows_of(page_name: str, heading: str) -> list[pytest.param]:
    return [pytest.param(*(cell.strip("`") for cell in row[:2]), id=row[0]) for row in page(page_name).table(heading)]


def test_every_block_says_what_it_is() -> None:
    unknown = [block.place for each in pages() for block in each.blocks if block.info not in _LANGUAGES]

    assert unknown == []


@pytest.mark.parametrize("shown", pages_with("console"), ids=lambda shown: shown.name)
@pytest.mark.usefixtures("asked_model")
def test_consoles_print_what_the_pages_show(shown: Page, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = project.parent / "empty"
    empty.mkdir()

    files: set[str] = set()
    for block in shown.blocks:
        if (title := titled(block)[0]) not in files:  # a file that is shown twice is shown in another way
            write_shown_file(block, project)
        files.add(title)
        if block.info == "console":
            check_console(block, Console(empty if makes_its_own_folder(block) else project, monkeypatch))


def write_shown_file(block: Block, folder: Path) -> None:
    """Put a file that a page shows into the project, if the page's commands are about it."""
    title, _ = titled(block)
    if block.info == "yaml" and title.startswith(BROKEN):
        (folder / title.removeprefix(BROKEN)).write_text(block.text, "utf-8")
    elif block.info == "yaml" and title.startswith(FILES) and block.page in FOLLOWED:
        (folder / title).parent.mkdir(exist_ok=True)
        (folder / title).write_text(block.text, "utf-8")
    elif block.info == "python" and title.startswith("evaluators/") and block.page in FOLLOWED:
        (folder / title).write_text(block.text, "utf-8")
    elif block.info.startswith("csv "):
        (folder / block.info.removeprefix("csv ")).write_text(block.text, "utf-8")


def makes_its_own_folder(block: Block) -> bool:
    return block.text.startswith(("$ evals init", "$ make"))


def check_console(block: Block, console: Console) -> None:
    """Every line that is shown is printed, and commands succeed unless `echo $?` tells their code."""
    parts = steps(block.text)
    for step, after in zip(parts, (*parts[1:], None), strict=True):
        printed = console.run(step.command)

        assert difference(step.shown, printed) == "", f"{block.place}: {step.command}"
        is_told = after is not None and after.command == "echo $?"
        assert console.code == 0 or is_told, f"{block.place}: {step.command} ended with {console.code}:\n{printed}"


@pytest.mark.parametrize("block", blocks("sh"))
def test_commands_that_are_not_run_exist(block: Block) -> None:
    for words in shell_commands(block.text):
        program, *arguments = words
        if program == "evals":
            _check_evals(arguments)
        elif program == "make":
            assert arguments[0] in make_targets()
        else:
            assert program in _OTHER_PROGRAMS, words


def test_the_make_targets_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", page("README.md").text))

    assert named == {"demo", "test", "dev"}
    assert named <= make_targets()


def test_make_demo_is_evals_demo() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")

    assert "\ndemo: .venv/.runtime" in makefile
    assert "\t@$(BIN)/evals demo\n" in makefile


@pytest.mark.parametrize("block", yaml_blocks(*FILES))
def test_files_can_be_used_as_they_are_shown(block: Block, tmp_path: Path) -> None:
    name, text = titled(block)
    for folder in ("projects", "tasks", "evaluators"):
        (tmp_path / folder).mkdir()
    (tmp_path / "projects" / "support_bot.yaml").write_text("source: {type: files, path: ./traces}\n", "utf-8")
    write_evaluators_of(block.page, tmp_path)

    (tmp_path / name).write_text(text, "utf-8")

    assert [str(file) for file in read_catalog(tmp_path).broken] == []


def write_evaluators_of(page_name: str, folder: Path) -> None:
    """What tasks on that page may name: its judges and classes, and a model for judges that name none."""
    (folder / "models.yaml").write_text("default: {name: gpt-5-mini}\n", "utf-8")
    for block in [*page(page_name).blocks_of("yaml"), *page(page_name).blocks_of("python")]:
        name, text = titled(block)
        if name.startswith("evaluators/"):
            (folder / name).write_text(text, "utf-8")


@pytest.mark.parametrize(
    "block", [given for given in blocks("python") if titled(given.values[0])[0].startswith("evaluators/")]
)
def test_classes_have_no_problems(block: Block) -> None:
    report = check_source(block.text)

    assert report.is_ok
    assert report.problems == ()


@pytest.mark.parametrize("name", ["README.md", "docs/custom_evaluators.md"])
def test_the_class_that_is_shown_is_the_one_that_init_makes(name: str) -> None:
    shown = next(block for block in page(name).blocks_of("python") if titled(block)[0] == "evaluators/polite.py")
    made = (TEMPLATES / "init" / "evaluators" / "polite.py").read_text("utf-8")

    assert class_of(shown.text) == class_of(made)


def class_of(source: str) -> str:
    """The syntax of its class, docstrings and explanations of results aside."""
    (found,) = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    for node in ast.walk(found):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.unparse(found)


def test_the_problem_matcher_reads_what_the_check_prints(tmp_path: Path) -> None:
    (block,) = page("docs/custom_evaluators.md").blocks_of("json")
    pattern = json.loads(block.text)["problemMatcher"]["pattern"]
    (tmp_path / "empty.py").write_text("import requests\n", "utf-8")

    printed = CliRunner().invoke(app, ["hub", "check", str(tmp_path / "empty.py")]).stdout.splitlines()

    found = [match for line in printed if (match := re.fullmatch(pattern["regexp"], line))]
    assert {match[pattern["code"]] for match in found} == {"unavailable-module", "no-class"}
    assert {match[pattern["severity"]] for match in found} == {"error"}


@pytest.mark.parametrize("block", yaml_blocks(BROKEN))
def test_files_that_are_shown_as_broken_are(block: Block, project: Path) -> None:
    name, text = titled(block)

    (project / name.removeprefix(BROKEN)).write_text(text, "utf-8")

    assert len(read_catalog(project).broken) == 1


def test_every_yaml_block_names_its_file() -> None:
    known = (*FILES, BROKEN, "launchpad", "dagster.yaml", "workspace.yaml", "defs.yaml")
    others = [given.values[0].place for given in blocks("yaml") if given not in yaml_blocks(*known)]

    assert len(yaml_blocks(*known)) == len(blocks("yaml")), others


def test_the_launchpad_takes_the_options_that_are_shown(project: Path) -> None:
    (given,) = yaml_blocks("launchpad")
    shown = yaml.safe_load(titled(given.values[0])[1])
    job = build_definitions(project).resolve_job_def("evaluate")

    ((op, config),) = shown["ops"].items()

    assert op in job.graph.node_dict
    assert set(config["config"]) == set(RunOptions.model_fields)
    assert RunOptions(**config["config"]).override is True


def test_the_lines_for_dagster_yaml_are_ours() -> None:
    (given,) = yaml_blocks("dagster.yaml")
    shown = yaml.safe_load(titled(given.values[0])[1])
    ours = yaml.safe_load((REPOSITORY / "evals_pipeline" / "orchestration" / "dagster.yaml").read_text("utf-8"))

    assert {key: ours[key] for key in shown if key != "concurrency"} | {"concurrency": shown["concurrency"]} == shown
    assert shown["concurrency"]["pools"] == ours["concurrency"]["pools"]


def test_the_workspace_that_is_shown_is_ours() -> None:
    (given,) = yaml_blocks("workspace.yaml")

    assert yaml.safe_load(given.values[0].text) == yaml.safe_load((REPOSITORY / "workspace.yaml").read_text("utf-8"))


def test_the_component_that_is_shown_exists() -> None:
    (given,) = yaml_blocks("defs.yaml")
    shown = yaml.safe_load(given.values[0].text)

    assert shown["type"] == f"{EvaluationTasks.__module__}.{EvaluationTasks.__name__}"
    assert set(shown["attributes"]) == set(EvaluationTasks.model_fields)


@pytest.mark.parametrize("shown", pages_with("python"), ids=lambda shown: shown.name)
@pytest.mark.usefixtures("asked_model")
def test_python_prints_what_the_pages_show(shown: Page) -> None:
    names: dict[str, object] = {}
    for block, after in zip(shown.blocks, (*shown.blocks[1:], None), strict=True):
        if block.info == "python":
            printed = io.StringIO()

            with contextlib.redirect_stdout(printed):
                exec(compile(block.text, block.place, "exec"), names)

            if after is not None and after.info == "text":
                assert printed.getvalue() == after.text


@pytest.mark.parametrize("block", blocks("sql"))
def test_queries_are_answered(block: Block, evaluated: Path) -> None:
    with opened(evaluated) as here, lake_views(here) as connection:
        rows = query_lake(connection, block.text).fetchall()

    assert rows


@pytest.mark.parametrize("block", blocks("sql filter"))
def test_filters_are_accepted(block: Block) -> None:
    for line in block.text.splitlines():
        parse_filter(line)


@pytest.mark.parametrize(("text", "said"), rows_of("docs/filters.md", "What is refused"))
def test_filters_that_are_shown_as_refused_are(text: str, said: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse_filter(text)

    assert said in str(refused.value)


@pytest.mark.parametrize(("path", "value"), rows_of("docs/mapping.md", "Paths"))
def test_paths_find_what_the_page_says(path: str, value: str) -> None:
    (block,) = page("docs/mapping.md").blocks_of("json")
    row = span_row(json.loads(block.text))

    found = resolve(row, parse_path(path))

    assert found == (None if value == "nothing" else value)


@pytest.mark.parametrize(("path", "said"), rows_of("docs/mapping.md", "Paths that are refused"))
def test_paths_that_are_shown_as_refused_are(path: str, said: str) -> None:
    with pytest.raises(MappingError) as refused:
        parse_path(path)

    assert said in str(refused.value)


def make_targets() -> set[str]:
    lines = (REPOSITORY / "Makefile").read_text("utf-8").splitlines()
    return {line.partition(":")[0] for line in lines if ": " in line and "##" in line and not line.startswith("\t")}


def _check_evals(arguments: list[str]) -> None:
    command: click.Command = get_command(app)
    while isinstance(command, click.Group) and arguments and arguments[0] in command.commands:
        command, arguments = command.commands[arguments[0]], arguments[1:]
    known = {option for parameter in command.params for option in parameter.opts}

    assert not isinstance(command, click.Group), arguments
    assert {word for word in arguments if word.startswith("--")} <= known
