import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.orchestration.build import build_definitions
from evals_pipeline.orchestration.component import EvaluationTasks
from evals_pipeline_tests.builders import JSON_TASK, PROJECT, now, project_folder, task_of, write_task
from evals_pipeline_tests.conftest import REPOSITORY
from evals_pipeline_tests.orchestration.conftest import FIRST_DAY, folder_with

FULL_TASK = f"""
project: {PROJECT}
description: Are answers well-formed?
owners: [ann@example.com, quality squad]
continuous: {{every_minutes: 5}}
filter: "span_kind = 'LLM'"
sampling_rate: 0.5
evaluators:
  - evaluator: json_parseable
    mapping: {{text: attributes.output.value}}
"""


def keys(folder: Path) -> set[str]:
    return {key.to_user_string() for key in build_definitions(folder).resolve_asset_graph().get_all_asset_keys()}


def test_a_task_is_four_assets_one_after_the_other(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, format=FULL_TASK)

    graph = build_definitions(folder).resolve_asset_graph()

    parents = {
        node.key.to_user_string(): [key.to_user_string() for key in node.parent_keys] for node in graph.asset_nodes
    }
    assert parents == {
        "shop/spans": [],
        "shop/format_inputs": ["shop/spans"],
        "shop/format_results": ["shop/format_inputs"],
        "shop/format_annotations": ["shop/format_results"],
    }


def test_an_asset_says_whose_it_is_and_what_it_does(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, format=FULL_TASK)

    node = build_definitions(folder).resolve_asset_graph().get(dg.AssetKey(["shop", "format_results"]))

    assert node.group_name == "shop"
    assert dict(node.tags) | {"evals/task": "format", "evals/cadence": "every_5_minutes"} == dict(node.tags)
    assert node.owners == ["ann@example.com", "team:quality_squad"]
    assert node.kinds == {"duckdb", "span"}
    assert node.code_version == task_of(folder).fingerprint
    assert node.pools == {"shop/format"}
    assert "json_parseable" in (node.description or "") and "span_kind = 'LLM'" in (node.description or "")


def test_a_backfill_of_many_days_is_one_run(tmp_path: Path) -> None:
    graph = build_definitions(folder_with(tmp_path)).resolve_asset_graph()

    assert {node.backfill_policy for node in graph.asset_nodes} == {dg.BackfillPolicy.single_run()}


def test_partitions_are_utc_days_up_to_today(tmp_path: Path) -> None:
    graph = build_definitions(folder_with(tmp_path)).resolve_asset_graph()

    partitions = graph.get(dg.AssetKey(["shop", "spans"])).partitions_def

    assert partitions is not None
    found = partitions.get_partition_keys()
    assert (found[0], found[-1]) == (FIRST_DAY.isoformat(), now().date().isoformat())


def test_the_first_partition_is_two_weeks_before_the_first_deploy_and_stays(tmp_path: Path) -> None:
    folder = project_folder(tmp_path)

    first, later = (
        build_definitions(folder, now=lambda moment=moment: now().replace(2026, 3, moment))  # type: ignore[misc]
        .resolve_asset_graph()
        .get(dg.AssetKey(["shop", "spans"]))
        .partitions_def
        for moment in (20, 28)
    )

    assert first == later
    assert isinstance(first, dg.DailyPartitionsDefinition)
    assert first.start.date() == date(2026, 3, 6)


def test_another_first_partition_is_refused_once_one_is_written(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)

    with pytest.raises(ConfigError, match="for good") as refused:
        build_definitions(folder, environment={"EVALS_FIRST_DAY": "2025-12-01"})

    assert "EVALS_FIRST_DAY" in refused.value.hint


def test_a_broken_file_is_shown_with_its_reason_and_the_others_load(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, good=JSON_TASK, bad="project: shop\nfiltr: x\nevaluators: []\n")

    graph = build_definitions(folder).resolve_asset_graph()

    shown = graph.get(dg.AssetKey(["broken_files", "task_bad"]))
    assert not shown.is_executable
    assert "tasks/bad.yaml" in (shown.description or "")
    assert shown.tags["evals/broken"] == "task"
    assert graph.has(dg.AssetKey(["shop", "good_results"]))


def test_a_project_may_have_any_name(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    (folder / "projects" / "Kundendienst – Zürich.yaml").write_text("source: {type: files, path: traces}\n")
    (folder / "projects" / "客服.yaml").write_text("source: {type: files, path: traces}\n")

    found = {key.rpartition("/")[0] for key in keys(folder)}

    assert {"shop", "Kundendienst_Z_rich"} < found
    assert any(key.startswith("project_") for key in found)


def test_projects_that_dagster_could_not_tell_apart_are_refused_and_so_are_their_tasks(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path, mine=JSON_TASK.replace("shop", "shop one"), theirs=JSON_TASK.replace("shop", "shop-one")
    )
    for name in ("shop one", "shop-one"):
        (folder / "projects" / f"{name}.yaml").write_text("source: {type: files, path: traces}\n")

    found = keys(folder)

    assert {"shop_one/mine_results", "broken_files/project_shop_one", "broken_files/task_theirs"} < found
    assert "shop_one/theirs_results" not in found


def test_a_folder_without_projects_has_no_definitions_and_gets_no_ledger(tmp_path: Path) -> None:
    found = keys(tmp_path)

    assert found == set()
    assert list(tmp_path.iterdir()) == []


def test_five_hundred_tasks_build_in_seconds(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    for number in range(500):
        write_task(
            folder,
            f"task_{number}",
            JSON_TASK.replace("evaluators:\n  -", f"evaluators:\n  - as: result_{number}\n   "),
        )

    began = time.monotonic()
    graph = build_definitions(folder).resolve_asset_graph()
    seconds = time.monotonic() - began

    assert len(list(graph.asset_nodes)) == 1 + 501 * 3
    assert seconds < 15  # about 2 on an idle machine; the bound only catches what grows with the square


def test_loading_definitions_brings_no_lake_with_it() -> None:
    script = "import sys, evals_pipeline.orchestration.build; print(*{name.partition('.')[0] for name in sys.modules})"

    brought = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert {"pandas", "pyarrow", "deltalake", "openai", "fsspec"}.isdisjoint(brought.stdout.split())


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = folder_with(tmp_path_factory.mktemp("cli"))
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(folder), "EVALS_PROJECT_DIR": str(folder), "DAGSTER_DISABLE_TELEMETRY": "yes"}


def test_a_workspace_file_loads_the_front_door(environment: dict[str, str]) -> None:
    command = ["dagster", "definitions", "validate", "--workspace", "workspace.yaml"]

    validated = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)

    assert validated.returncode == 0, validated.stdout + validated.stderr


def test_dg_lists_the_assets(environment: dict[str, str]) -> None:
    listed = subprocess.run(
        ["dg", "list", "defs"], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )

    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "shop/format_results" in listed.stdout


def test_the_component_loads_a_folder_inside_another_dagster_project(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "evals")

    definitions = EvaluationTasks(folder=str(folder)).build_defs(dg.ComponentTree.for_test().load_context)

    assert dg.AssetKey(["shop", "spans"]) in definitions.resolve_asset_graph().get_all_asset_keys()
