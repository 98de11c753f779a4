"""SmolLM2-135M judges real spans through Dagster. It is no judge: held here is that nothing is lost or made up."""

import json
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from evals_pipeline.core.calls import Tally
from evals_pipeline.engine.installation import opened
from evals_pipeline.ledger import schema
from evals_pipeline.ledger.ledger import conserved
from evals_pipeline_tests.judges.conftest import (
    CUT_OFF,
    EXPLAINED,
    GROUNDED,
    HALUEVAL,
    MODEL,
    ROWS,
    Judged,
    Set,
    gold_file,
)

pytestmark = [pytest.mark.llm, pytest.mark.timeout(900)]

both = pytest.mark.parametrize("chosen", [HALUEVAL, GROUNDED], ids=lambda chosen: chosen.name)


def run_id_of(judged: Judged, task: str) -> str:
    return str(judged.printed[task]["run_id"])


def spending(judged: Judged, run_id: str) -> Tally:
    with opened(judged.folder) as here:
        (found,) = here.ledger.spending(run_id=run_id).values()
        return found


@both
def test_every_span_has_one_outcome(judged: Judged, chosen: Set) -> None:
    with opened(judged.folder) as here:
        (run,) = here.ledger.runs(task=chosen.name, limit=1)

    assert run.status == "finished"
    assert conserved(run.candidates or 0, run.outcomes) == {}
    found = judged.results(chosen.name)
    assert len({row["unit_id"] for row in found}) == len(found) == ROWS
    assert {row["outcome"] for row in found} <= {"evaluated", "errored"}


@both
def test_labels_come_from_the_choices_and_failures_have_none(judged: Judged, chosen: Set) -> None:
    scores = dict(zip(chosen.labels, (1.0, 0.0), strict=True))

    for row in judged.results(chosen.name):
        if row["outcome"] == "evaluated":
            assert row["score"] == scores[row["label"]]
            assert row["explanation"] is None
        else:
            assert (row["label"], row["score"]) == (None, None)
            assert row["error_type"] == "MalformedAnswer"


@both
def test_most_spans_are_judged(judged: Judged, chosen: Set) -> None:
    outcomes = Counter(row["outcome"] for row in judged.results(chosen.name))

    assert outcomes["evaluated"] >= ROWS * 0.7


@both
def test_results_tell_tokens_and_latency_and_no_made_up_price(judged: Judged, chosen: Set) -> None:
    evaluated = [row for row in judged.results(chosen.name) if row["outcome"] == "evaluated"]

    assert all(row["prompt_tokens"] > 100 and row["completion_tokens"] > 0 for row in evaluated)
    assert all(row["latency_ms"] > 0 for row in evaluated if not row["reused"])
    assert {row["cost_usd"] for row in evaluated} == {None}
    assert {row["model"] for row in evaluated} == {MODEL}


@both
def test_the_run_counts_its_calls(judged: Judged, chosen: Set) -> None:
    spent = spending(judged, run_id_of(judged, chosen.name))

    assert spent.questions == ROWS
    assert spent.unpriced == spent.calls >= ROWS - spent.reused
    assert spent.nano_usd == 0
    assert spent.usage.prompt_tokens > 100 * spent.calls


def test_what_the_endpoint_can_do_was_found_out_and_is_remembered(judged: Judged) -> None:
    with opened(judged.folder) as here, here.ledger.database.begin() as connection:
        query = sa.select(schema.topics).where(schema.topics.c.topic.startswith("abilities/"))
        (topic,) = connection.execute(query).all()

    assert topic.state["form"] == "json_schema"


def test_a_judge_that_explains_gives_an_explanation_or_no_label(judged: Judged) -> None:
    found = [row for row in judged.results(EXPLAINED) if row["outcome"] != "over_limit"]

    assert len(found) == 4
    assert {(row["outcome"], bool(row["explanation"])) for row in found} <= {("evaluated", True), ("errored", False)}


def test_an_answer_cut_off_by_its_limit_is_errored_after_one_repair(judged: Judged) -> None:
    found = judged.results(CUT_OFF)
    spent = spending(judged, run_id_of(judged, CUT_OFF))

    assert [row["outcome"] for row in found] == ["errored", "errored"]
    assert all(row["error_type"] == "MalformedAnswer" for row in found)
    assert (spent.questions, spent.repairs, spent.calls) == (2, 2, 4)


@both
def test_judging_again_asks_nothing_that_was_answered(judged: Judged, chosen: Set) -> None:
    before = {row["unit_id"]: row for row in judged.results(chosen.name)}
    answered = {unit: row["label"] for unit, row in before.items() if row["outcome"] == "evaluated"}

    again = judged.run(chosen.name, chosen.day, "--override")

    spent = spending(judged, again["run_id"])
    after = {row["unit_id"]: row for row in judged.results(chosen.name)}
    assert {unit: after[unit]["label"] for unit in answered} == answered
    assert all(after[unit]["reused"] for unit in answered)
    assert spent.reused >= len(answered)
    assert spent.calls <= 2 * (ROWS - len(answered))


@both
def test_agreement_with_people_is_reported_as_it_is(
    judged: Judged, chosen: Set, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = ("--map", "input=attributes.input.value", "--map", "output=attributes.output.value")
    command = ("hub", "test", chosen.judge, "--gold", str(gold_file(judged.folder, chosen)), *mapping)

    told = judged.evals(*command, "--output", str(tmp_path / "rows.jsonl"))
    document = json.loads(judged.evals(*command, "--json").stdout)

    with capsys.disabled():
        print(
            f"\n{chosen.name}: SmolLM2-135M is no judge, and these figures are no quality of anything.\n{told.stdout}"
        )
    assert told.exit_code == 0, told.output
    assert len((tmp_path / "rows.jsonl").read_text("utf-8").splitlines()) == ROWS
    assert sum(document["outcomes"].values()) == ROWS
    assert document["reused"] >= document["outcomes"]["evaluated"]
    assert document["kappa"] is None or document["kappa"]["low"] < 0.6
    assert document["warnings"]
