"""Files that are wrong: refused with the place, what there is and a hint, and never in the way of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals_pipeline.core.errors import ConfigError, UnknownNameError
from evals_pipeline.engine.catalog import BrokenFile, read_catalog
from evals_pipeline_tests.builders import JSON_TASK, ORDER_TASK, TASK, project_folder, write_task

CHECK = "  - {evaluator: json_parseable, mapping: {text: attributes.output.value}}\n"


def task(evaluator: str = CHECK, **settings: str) -> str:
    lines = "".join(f"{name}: {value}\n" for name, value in settings.items())
    return f"project: shop\n{lines}evaluators:\n{evaluator}"


def one(evaluator: str, rest: str = "") -> str:
    return task(f"  - {{evaluator: {evaluator}{', ' + rest if rest else ''}}}\n")


TEXT = "mapping: {text: attributes.output.value}"

BROKEN = {
    "typo": (task(filtr="x"), "filtr", "there is no setting 'filtr'", "did you mean 'filter'?"),
    "typo in an evaluator": (
        one("json_parseable", "mappin: {text: name}"),
        "evaluators.0.mappin",
        "no setting 'mappin'",
        "did you mean 'mapping'?",
    ),
    "typo in a schedule": (
        task(continuous="{every_minute: 5}"),
        "continuous.every_minutes",
        "missing",
        "every_minutes",
    ),
    "unknown column in the filter": (
        task(filter="spankind = 'LLM'"),
        "filter",
        "spankind",
        "did you mean 'span_kind'?",
    ),
    "near miss of a column in the filter": (
        task(filter="attributes.llm.modelname = 'x'"),
        "filter",
        "attributes.llm.modelname",
        "attributes.llm.model_name",
    ),
    "syntax of the filter": (task(filter='"span_kind = = 1"'), "filter", "", ""),
    "unknown column in a mapping": (
        one("json_parseable", "mapping: {text: outputvalue}"),
        "evaluators.0.mapping.text",
        "outputvalue",
        "",
    ),
    "missing variable": (
        one("json_parseable"),
        "evaluators.0.mapping",
        "variable 'text'",
        "text: attributes.output.value",
    ),
    "unknown variable": (
        one("json_parseable", "mapping: {txt: name}"),
        "evaluators.0.mapping.txt",
        "there is: text",
        "did you mean 'text'?",
    ),
    "bad regex": (
        one("matches_regex", "parameters: {pattern: '('}, " + TEXT),
        "evaluators.0.parameters.pattern",
        "",
        "",
    ),
    "missing parameter": (one("matches_regex", TEXT), "evaluators.0.parameters.pattern", "pattern", ""),
    "unknown parameter": (
        one("json_parseable", "parameters: {strict: true}, " + TEXT),
        "evaluators.0.parameters.strict",
        "strict",
        "",
    ),
    "wrong type of a parameter": (
        one("matches_regex", "parameters: {pattern: [a]}, " + TEXT),
        "evaluators.0.parameters.pattern",
        "",
        "",
    ),
    "filter of an evaluator": (
        one("json_parseable", "filter: nme = 'x', " + TEXT),
        "evaluators.0.filter",
        "nme",
        "did you mean 'name'?",
    ),
    "the same result twice": (task(CHECK + CHECK), "evaluators.1.as", "'json_parseable'", "as:"),
    "the result of another task": (JSON_TASK, "evaluators.0.as", "already given by task 'aaa'", "as:"),
    "unknown evaluator": (
        one("json_parsable", TEXT),
        "evaluators.0.evaluator",
        "json_parsable",
        "did you mean 'json_parseable'?",
    ),
    "unknown project": ("project: shpo\nevaluators:\n" + CHECK, "project", "there is: shop", "did you mean 'shop'?"),
    "no evaluators": ("project: shop\nevaluators: []\n", "evaluators", "at least 1", ""),
    "evaluators missing": ("project: shop\n", "evaluators", "'evaluators' is missing", "evaluators:"),
    "a rate above one": (task(sampling_rate="1.5"), "sampling_rate", "not 1.5", ""),
    "a rate of nothing": (task(sampling_rate="0"), "sampling_rate", "not 0", ""),
    "a rate that is no number": (task(sampling_rate=".nan"), "sampling_rate", "", ""),
    "a limit that is a word": (task(max_units="many"), "max_units", "'many'", ""),
    "a result name": (one("json_parseable", f"as: Has-JSON, {TEXT}"), "evaluators.0.as", "Has-JSON", ""),
    "its own name": (task(name="other"), "name", "file name", "'broken'"),
    "YAML syntax": ("project: [shop\n", "", "no YAML", ""),
    "an unknown tag": ("project: !!python/object:os.system {}\n", "", "no YAML", ""),
    "a date that is none": (task(description="2024-13-45"), "", "no YAML", ""),
    "deep nesting": ("project: " + "[" * 5_000 + "\n", "", "no YAML", ""),
    "a control character": ("project: \x00\n", "", "no YAML", ""),
    "empty": ("", "", "no settings", "project"),
    "a list": ("- project: shop\n", "", "no settings", "evaluators"),
    "a word": ("shop\n", "", "no settings", ""),
    "a key that is a number": (task() + "1: x\n", "1", "Keys should be strings", ""),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with two good tasks around the broken one: `aaa` before and `zzz` after it."""
    return project_folder(tmp_path, aaa=JSON_TASK, zzz=ORDER_TASK)


@pytest.mark.parametrize("case", BROKEN, ids=list(BROKEN))
def test_a_broken_task_is_told_with_place_and_hint_and_the_others_load(folder: Path, case: str) -> None:
    text, field, message, hint = BROKEN[case]
    write_task(folder, "broken", text)

    catalog = read_catalog(folder)

    (broken,) = catalog.broken
    assert (broken.path.name, broken.kind, broken.name, broken.field) == ("broken.yaml", "task", "broken", field)
    assert message in broken.message
    assert hint in broken.hint
    assert set(catalog.tasks) == {"aaa", "zzz"}


def broken_file(folder: Path) -> BrokenFile:
    (broken,) = read_catalog(folder).broken
    return broken


def test_a_file_that_is_not_utf8_is_broken(folder: Path) -> None:
    (folder / "tasks" / "broken.yaml").write_bytes(task(description="Gr\u00fc\u00dfe").encode("latin-1"))

    assert "cannot be read" in broken_file(folder).message


def test_a_folder_and_a_broken_link_named_like_tasks_are_broken(folder: Path) -> None:
    (folder / "tasks" / "folder.yaml").mkdir()
    (folder / "tasks" / "link.yaml").symlink_to("nowhere")

    broken = read_catalog(folder).broken

    assert [(file.name, "cannot be read" in file.message) for file in broken] == [("folder", True), ("link", True)]


def test_a_file_name_that_is_no_name_is_broken(folder: Path) -> None:
    write_task(folder, "Answer-Format", JSON_TASK)

    assert broken_file(folder).field == "name"


def test_two_files_of_one_name_are_told(folder: Path) -> None:
    (folder / "tasks" / "aaa.yml").write_text(ORDER_TASK.replace("has_order", "another"))

    broken = broken_file(folder)

    assert broken.path.name == "aaa.yml"
    assert "aaa.yaml" in broken.message


def test_other_files_beside_the_tasks_are_left_alone(folder: Path) -> None:
    (folder / "tasks" / "notes.txt").write_text("not a task")
    (folder / "tasks" / "old.yaml~").write_text("not a task")

    assert read_catalog(folder).broken == ()


def test_tasks_of_a_broken_project_are_broken_and_say_so(folder: Path) -> None:
    (folder / "projects" / "shop.yaml").write_text("source: {type: filez, path: x}\n")
    (folder / "projects" / "other.yaml").write_text("source: {type: files, path: x}\n")

    catalog = read_catalog(folder)

    assert [(file.kind, file.name) for file in catalog.broken] == [
        ("project", "shop"),
        ("task", "aaa"),
        ("task", "zzz"),
    ]
    assert catalog.broken[0].field.startswith("source")
    assert "projects/shop.yaml, source" in catalog.broken[1].message
    assert set(catalog.projects) == {"other"}


def test_a_broken_task_that_is_asked_for_says_what_is_wrong_with_it(folder: Path) -> None:
    write_task(folder, "broken", task(filtr="x"))

    with pytest.raises(ConfigError, match=r"tasks/broken\.yaml, filtr: .*\nHint: did you mean 'filter'\?"):
        read_catalog(folder).task("broken")


def test_an_unknown_task_names_the_nearest(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'zzz'"):
        read_catalog(folder).task("zzzz")


def test_the_same_result_name_in_another_project_is_no_clash(folder: Path) -> None:
    (folder / "projects" / "other.yaml").write_text("source: {type: files, path: x}\n")
    write_task(folder, "second", JSON_TASK.replace("shop", "other"))

    catalog = read_catalog(folder)

    assert catalog.broken == ()
    assert [plan.task.name for plan in catalog.tasks_of("other")] == ["second"]


def test_a_folder_without_projects_is_an_empty_catalog(tmp_path: Path) -> None:
    catalog = read_catalog(tmp_path)

    assert (catalog.projects, catalog.tasks, catalog.broken) == ({}, {}, ())


def test_the_ordinary_folder_is_whole(tmp_path: Path) -> None:
    catalog = read_catalog(project_folder(tmp_path))

    assert (set(catalog.projects), set(catalog.tasks), catalog.broken) == ({"shop"}, {TASK}, ())


def test_a_setting_written_twice_is_refused(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, format=JSON_TASK + "sampling_rate: 0.5\nsampling_rate: 0.9\n")

    (broken,) = read_catalog(folder).broken

    assert "'sampling_rate' is there twice" in broken.message
