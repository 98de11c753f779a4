"""A real model behind a real server on the loopback, and a project folder with real traces that it judges once."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline.core import columns as c
from evals_pipeline_tests.conftest import REPOSITORY

ROWS = 20
"""Judged per set; a judgement takes a few seconds of one core."""
MODEL = "smollm2"


@dataclass(frozen=True)
class Set:
    """One set of spans with human labels, and the judge that is held against them.

    Attributes:
        longest: Longest input and output together in characters: the model's context is small.
    """

    name: str
    day: date
    labels: tuple[str, str]
    longest: int
    judge: str
    instructions: str


HALUEVAL = Set(
    "halueval",
    date(2023, 5, 1),
    ("factual", "hallucinated"),
    500,
    "makes_it_up",
    "Does the answer state something that is false or made up?\nQuestion: {input}\nAnswer: {output}",
)
GROUNDED = Set(
    "grounded",
    date(2022, 5, 1),
    ("grounded", "ungrounded"),
    900,
    "rests_on_knowledge",
    "Is everything that the reply says contained in the knowledge below the message?\n"
    "Message and knowledge: {input}\nReply: {output}",
)
EXPLAINED = "explained"
"""The task whose judge says why. This model rarely comes to an end there."""
CUT_OFF = "cut_off"
"""The task whose model may write too few tokens for an answer."""


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    """Base URL of SmolLM2-135M behind llama.cpp's own server; `make test-llm` installs both."""
    python = REPOSITORY / ".venv-record" / "bin" / "python"
    if not python.exists():
        pytest.skip("no .venv-record here: make test-llm installs the model")
    command = [python, Path(__file__).with_name("serve.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


@dataclass(frozen=True)
class Judged:
    """A project folder whose spans have been judged once, and what each task's run printed."""

    folder: Path
    printed: dict[str, str]

    def evals(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--project-dir", str(self.folder)], prog_name="evals")

    def run(self, task: str, day: date, *options: str) -> Any:
        """Run a task through Dagster; gives what it says of itself."""
        done = self.evals("run", task, "--day", str(day), "--json", *options)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def results(self, task: str) -> list[dict[str, Any]]:
        """The task's current results."""
        found = self.evals("results", task, "--json")
        assert found.exit_code == 0, found.output
        rows: list[dict[str, Any]] = json.loads(found.stdout)
        return rows


@pytest.fixture(scope="session")
def judged(model_url: str, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder = tmp_path_factory.mktemp("judges") / "local"
    for chosen in (HALUEVAL, GROUNDED):
        write_set(folder, chosen, shared_data)
    write(folder, "models.yaml", models(model_url))
    write(folder, f"evaluators/{EXPLAINED}.yaml", {**judge(GROUNDED), "explanation": True})
    write(folder, f"tasks/{EXPLAINED}.yaml", {**task(GROUNDED, judge=EXPLAINED), "max_units": 4})
    write(folder, f"tasks/{CUT_OFF}.yaml", {**task(GROUNDED, model="short", as_name=CUT_OFF), "max_units": 2})
    found = Judged(folder, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALS_FIRST_DAY", "2022-01-01")
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        for name in ("EVALS_LAKE", "EVALS_DATABASE", "DAGSTER_HOME", "OPENAI_API_KEY"):
            patch.delenv(name, raising=False)
        found.printed[HALUEVAL.name] = found.run(HALUEVAL.name, HALUEVAL.day)
        for name in (GROUNDED.name, EXPLAINED, CUT_OFF):
            found.printed[name] = found.run(name, GROUNDED.day)
        yield found


def models(url: str) -> dict[str, Any]:
    settings = {
        "name": MODEL,
        "base_url": url,
        "max_output_tokens": 150,
        "seed": 7,
        "timeout_seconds": 300,
        "max_in_flight": 2,
    }
    return {"default": settings, "short": {**settings, "max_output_tokens": 6}}


def task(
    chosen: Set, *, judge: str | None = None, model: str = "default", as_name: str | None = None
) -> dict[str, Any]:
    return {
        "project": chosen.name,
        "filter": "span_kind = 'LLM'",
        "max_attempts": 1,
        "evaluators": [
            {
                "evaluator": judge or chosen.judge,
                "as": as_name or judge or chosen.judge,
                "model": model,
                "mapping": {"input": c.INPUT_VALUE, "output": c.OUTPUT_VALUE},
            }
        ],
    }


def write_set(folder: Path, chosen: Set, shared_data: Path) -> None:
    """The set's project, task and judge, its spans and, beside them, the same with their gold labels."""
    spans = sample(chosen, shared_data)
    traces = folder / "traces" / chosen.name
    traces.mkdir(parents=True)
    pq.write_table(spans.drop_columns(["label"]), traces / "spans.parquet")
    pq.write_table(spans.select([c.SPAN_ID, c.INPUT_VALUE, c.OUTPUT_VALUE, "label"]), gold_file(folder, chosen))
    write(folder, f"projects/{chosen.name}.yaml", {"source": {"type": "files", "path": f"traces/{chosen.name}"}})
    write(folder, f"tasks/{chosen.name}.yaml", task(chosen))
    write(folder, f"evaluators/{chosen.judge}.yaml", judge(chosen))


def judge(chosen: Set) -> dict[str, Any]:
    return {
        "kind": "judge",
        "template": chosen.instructions,
        "choices": dict(zip(chosen.labels, (1, 0), strict=True)),
        "explanation": False,
        "max_value_tokens": 250,
    }


def gold_file(folder: Path, chosen: Set) -> Path:
    return folder / f"{chosen.name}_gold.parquet"


def write(folder: Path, name: str, document: dict[str, Any]) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")


def sample(chosen: Set, shared_data: Path) -> pa.Table:
    """Equally many short spans of each label, of the set's first day."""
    spans = pq.read_table(shared_data / f"{chosen.name}_spans.parquet")
    labels = {
        row[c.SPAN_ID]: row["label"]
        for row in map(json.loads, (shared_data / f"{chosen.name}_gold.jsonl").read_text("utf-8").splitlines())
    }
    spans = spans.append_column("label", pa.array([labels.get(key) for key in spans[c.SPAN_ID].to_pylist()]))
    length = pc.add(pc.utf8_length(spans[c.INPUT_VALUE]), pc.utf8_length(spans[c.OUTPUT_VALUE]))
    is_short = pc.less(length, chosen.longest)
    is_of_day = pc.equal(pc.strftime(spans[c.START_TIME], "%Y-%m-%d"), str(chosen.day))
    fitting = spans.filter(pc.and_(is_short, is_of_day))
    each = [fitting.filter(pc.equal(fitting["label"], label)).slice(0, ROWS // 2) for label in chosen.labels]
    return pa.concat_tables(each)
