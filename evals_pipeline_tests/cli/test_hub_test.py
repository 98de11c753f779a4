"""`evals hub test`: checks and judges against labelled rows, with a provider on the loopback."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline_tests.builders import project_folder
from evals_pipeline_tests.cli.conftest import document
from evals_pipeline_tests.llm.provider import Provider, filtered, says, wrong_key

JUDGE = """
kind: judge
template: "Is it right?\\nQuestion: {input}\\nAnswer: {output}"
choices: {right: 1, wrong: 0}
"""
CHECK = ("matches_regex", "--parameter", "pattern=ORD-[0-9]{6}", "--map", "text=answer")


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Says `right` to every answer that holds an A."""
    with Provider(answer=lambda prompt: "right" if "answer A" in prompt else "wrong") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, provider: Provider) -> Path:
    folder = project_folder(tmp_path / "shop")
    (folder / "evaluators").mkdir()
    (folder / "evaluators" / "is_right.yaml").write_text(JUDGE, "utf-8")
    priced = f"{{name: gpt-5-mini, base_url: '{provider.base_url}', price: {{input: 1, output: 10}}}}"
    unpriced = f"{{name: own-model, base_url: '{provider.base_url}'}}"
    (folder / "models.yaml").write_text(f"default: {priced}\nown: {unpriced}\n", "utf-8")
    return folder


def hub_test(*arguments: str, folder: Path | None = None) -> Result:
    where = () if folder is None else ("--project-dir", str(folder))
    return CliRunner().invoke(app, ["hub", "test", *arguments, *where], prog_name="evals")


def gold(folder: Path, rows: list[dict[str, Any]], name: str = "gold.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def orders(tmp_path: Path) -> str:
    """Four right verdicts, one wrong one, one row without an answer and one without a label."""
    rows = [
        ("ORD-123456", "matches"),
        ("see ORD-111111", "matches"),
        ("none", "no_match"),
        ("ORD-1", "no_match"),
        ("no idea", "matches"),
        (None, "matches"),
        ("ORD-222222", None),
    ]
    return gold(tmp_path, [{"answer": answer, "label": label} for answer, label in rows])


def questions(tmp_path: Path, count: int = 6) -> str:
    """Every other answer is right; so say gold and provider."""
    rows = [
        {"input": f"question {n}", "output": f"answer {'AB'[n % 2]}{n}", "label": ("right", "wrong")[n % 2]}
        for n in range(count)
    ]
    return gold(tmp_path, rows)


def test_a_check_is_tested_without_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = orders(tmp_path)
    monkeypatch.chdir(tmp_path)

    found = document(hub_test(*CHECK, "--gold", path, "--json"))

    assert (found["evaluator"], found["kind"], found["model"]) == ("matches_regex", "CODE", None)
    assert found["rows"] == {"in_file": 6, "asked": 6, "unlabelled": 1}
    assert found["outcomes"] == {"evaluated": 5, "skipped": 1}
    assert found["matrix"] == [[2, 1], [0, 2]]
    assert found["accuracy"]["value"] == 0.8
    assert found["accuracy_with_failures"] == pytest.approx(4 / 6)
    assert found["precision"]["matches"]["value"] == 1.0
    assert (found["calls"], found["cost_usd"], found["latency_ms"]) == (0, 0.0, None)


def test_a_person_reads_the_matrix_the_figures_and_the_warnings(tmp_path: Path) -> None:
    told = hub_test(*CHECK, "--gold", orders(tmp_path), "--positive", "matches")

    assert told.exit_code == 0, told.output
    for line in (
        "matches_regex, version 1, on gold.jsonl",
        "6 rows of 6; 1 row without a gold label left out",
        "gold \\ given",
        "80.0%   37.6% to 96.4%",
        "precision of matches   100.0%",
        "outcomes: 5 evaluated, 1 skipped",
        "1 row got no label and is in no figure above; counted as wrong, accuracy would be 66.7%",
        "skipped: MissingVariable in 1 row: 6",
        "warning: Only 5 rows",
    ):
        assert line in told.stdout


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_rows_are_written_with_their_verdicts(name: str, tmp_path: Path) -> None:
    output = tmp_path / name

    hub_test(*CHECK, "--gold", orders(tmp_path), "--output", str(output))

    rows = written_rows(output)
    assert [int(row["row"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[4]["value.text"] == "no idea"
    assert (rows[4]["gold"], rows[4]["label"]) == ("matches", "no_match")


def test_only_disagreements_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"

    hub_test(*CHECK, "--gold", orders(tmp_path), "-o", str(output), "--disagreements")

    assert [(row["row"], row["agrees"]) for row in written_rows(output)] == [(5, False), (6, None)]


def written_rows(path: Path) -> list[dict[str, Any]]:
    match path.suffix:
        case ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        case ".jsonl":
            return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        case _:
            rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
            return rows


def test_a_list_is_given_item_by_item(tmp_path: Path) -> None:
    path = gold(tmp_path, [{"text": "so sorry", "label": "contains"}, {"text": "SORRY, oops", "label": "contains"}])
    keywords = ("--parameter", "keywords=oops", "--parameter", "keywords=so", "--parameter", "case_sensitive=true")

    found = document(hub_test("contains_any_keyword", *keywords, "--gold", path, "--json"))

    assert found["matrix"] == [[2, 0], [0, 0]]


def test_a_judge_is_asked_once_and_a_repeat_costs_nothing(tmp_path: Path, project: Path, provider: Provider) -> None:
    arguments = ("is_right", "--gold", questions(tmp_path), "--json")

    first = document(hub_test(*arguments, folder=project))
    again = document(hub_test(*arguments, folder=project))

    assert first["matrix"] == again["matrix"] == [[3, 0], [0, 3]]
    assert first["model"] == "gpt-5-mini"
    assert (first["calls"], again["calls"], again["reused"]) == (6, 0, 6)
    assert len(provider.asked) == 6
    assert first["tokens"]["prompt_tokens"] == 6 * 120
    assert first["cost_usd"] == pytest.approx(6 * (120 * 1 + 30 * 10) / 1e6)
    assert again["cost_usd"] == 0
    assert first["latency_ms"]["median"] > 0
    assert again["latency_ms"] is None


def test_a_person_reads_calls_tokens_money_and_latency(tmp_path: Path, project: Path) -> None:
    told = hub_test("is_right", "--gold", questions(tmp_path), folder=project).stdout

    assert "is_right by gpt-5-mini, version" in told
    assert "6 calls, 0 answers reused; 720 prompt (0 cached) and 180 completion tokens; 0.00252 USD" in told
    assert "latency: median" in told


def test_an_unknown_price_is_said_and_is_not_nothing(tmp_path: Path, project: Path) -> None:
    path = questions(tmp_path)

    told = hub_test("is_right", "--gold", path, "--model", "own", folder=project).stdout
    found = document(hub_test("is_right", "--gold", questions(tmp_path, 8), "--model", "own", "--json", folder=project))

    assert "price unknown" in told
    assert (found["calls"], found["unpriced_calls"], found["cost_usd"]) == (2, 2, None)


def test_a_prebuilt_judge_is_tested_like_any_other(tmp_path: Path, project: Path, provider: Provider) -> None:
    provider.answer = "refused"
    rows = [{"input": "hello", "output": "I cannot help.", "label": "refused"}]

    found = document(hub_test("refusal", "--gold", gold(tmp_path, rows), "--json", folder=project))

    assert found["outcomes"] == {"evaluated": 1}


def test_rows_without_an_answer_count_apart_and_never_as_wrong(
    tmp_path: Path, project: Path, provider: Provider
) -> None:
    provider.next(filtered(), says('{"label": "perhaps"}'), says('{"label": "perhaps"}'))
    path = questions(tmp_path, 6)

    found = document(hub_test("is_right", "--gold", path, "--model", "own", "--json", folder=project))

    assert found["outcomes"]["errored"] >= 1
    assert found["outcomes"]["evaluated"] + found["outcomes"]["errored"] == 6
    assert found["accuracy"]["value"] == 1.0
    assert found["accuracy_with_failures"] == found["outcomes"]["evaluated"] / 6


def test_what_a_budget_does_not_allow_is_not_asked(tmp_path: Path, project: Path, provider: Provider) -> None:
    path = questions(tmp_path, 200)

    found = document(hub_test("is_right", "--gold", path, "--budget-usd", "0.05", "--json", folder=project))

    assert 0 < found["outcomes"]["evaluated"] < 200
    assert found["outcomes"]["evaluated"] + found["outcomes"]["over_budget"] == 200
    assert len(provider.asked) == found["calls"]
    assert found["cost_usd"] <= 0.05


def test_a_refused_key_ends_the_test_with_what_the_provider_said(
    tmp_path: Path, project: Path, provider: Provider
) -> None:
    provider.next(*[wrong_key()] * 20)

    refused = hub_test("is_right", "--gold", questions(tmp_path), folder=project)

    assert refused.exit_code == 1
    assert "Incorrect API key" in refused.stderr


@pytest.mark.parametrize("amount", ["inf", "nan"])
def test_a_budget_that_is_no_amount_is_refused(amount: str, tmp_path: Path, project: Path, provider: Provider) -> None:
    refused = hub_test("is_right", "--gold", questions(tmp_path), "--budget-usd", amount, folder=project)

    assert refused.exit_code == 2
    assert f"an amount of USD, not {amount}" in refused.stderr
    assert provider.asked == []


def test_a_row_without_an_answer_says_why(tmp_path: Path, project: Path, provider: Provider) -> None:
    provider.next(*[filtered()] * 20)

    told = hub_test("is_right", "--gold", questions(tmp_path, 2), folder=project).stdout

    assert "errored: " in told
    assert "content management policy" in told


def test_a_test_without_a_single_label_fails(tmp_path: Path, project: Path, provider: Provider) -> None:
    provider.next(*[filtered()] * 20)

    found = hub_test("is_right", "--gold", questions(tmp_path, 2), folder=project)

    assert found.exit_code == 1
    assert "No row was given a label" in found.stdout


def test_a_balanced_sample_says_that_it_is_one(tmp_path: Path) -> None:
    rows = [{"answer": "ORD-123456", "label": "matches"}] * 8 + [{"answer": "x", "label": "no_match"}] * 3

    told = hub_test(*CHECK, "--gold", gold(tmp_path, rows), "--limit", "4", "--balanced").stdout

    assert "4 rows of 11, equally many of each gold label: not the shares they have in the file" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("nothing",), "there is no evaluator 'nothing'", id="an unknown evaluator"),
        pytest.param((*CHECK, "--positive", "match"), "did you mean 'matches'?", id="an unknown positive label"),
        pytest.param((*CHECK, "--map", "text"), "is no NAME=VALUE", id="a mapping without a column"),
        pytest.param((*CHECK, "--disagreements"), "add --output", id="rows without a file"),
        pytest.param((*CHECK, "-o", "rows.txt"), "let it end in .csv", id="a file of no kind"),
        pytest.param((*CHECK, "--parameter", "full_match=perhaps"), "neither true nor false", id="no boolean"),
        pytest.param((*CHECK, "--parameter", "pattern=x"), "given 2 times", id="a text given twice"),
        pytest.param((*CHECK, "--label-column", "lable"), "did you mean 'label'?", id="no label column"),
        pytest.param((*CHECK, "--model", "own"), "is no judge", id="a model for a check"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_hint(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    refused = hub_test(*arguments, "--gold", orders(tmp_path))

    assert refused.exit_code == 2
    assert said in refused.stderr


def test_a_judge_without_a_project_is_refused_before_it_costs_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = gold(tmp_path, [{"input": "hello", "output": "no", "label": "refused"}])
    monkeypatch.chdir(tmp_path)

    refused = hub_test("refusal", "--gold", path)

    assert refused.exit_code == 2
    assert "models.yaml" in refused.stderr


def test_a_judge_without_its_key_is_refused_before_anything_is_asked(
    tmp_path: Path, project: Path, provider: Provider
) -> None:
    (project / "models.yaml").write_text("default: {name: gpt-5-mini, api_key_env: NO_SUCH_KEY}\n", "utf-8")

    refused = hub_test("is_right", "--gold", questions(tmp_path), folder=project)

    assert refused.exit_code == 2
    assert "NO_SUCH_KEY" in refused.stderr
    assert provider.asked == []


def test_a_budget_in_money_for_a_model_without_a_price_is_refused(
    tmp_path: Path, project: Path, provider: Provider
) -> None:
    path = questions(tmp_path)

    refused = hub_test("is_right", "--gold", path, "--model", "own", "--budget-usd", "1", folder=project)

    assert refused.exit_code == 2
    assert "give the model a `price:" in refused.stderr
    assert provider.asked == []
