"""demo, dev and doctor."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evals_pipeline.cli.demo_traces import BUNDLED_TRACES, move_traces
from evals_pipeline.cli.main import app
from evals_pipeline.orchestration.partitions import DAYS_BEFORE_FIRST_DEPLOY
from evals_pipeline_tests.builders import write_task
from evals_pipeline_tests.cli.conftest import BROKEN_TASK, Evals, answers, document, free_port

SECOND = 1_000_000_000
FIRST = int(datetime(2026, 3, 1, 23, 59, tzinfo=UTC).timestamp()) * SECOND
LAST = int(datetime(2026, 3, 4, 0, 1, tzinfo=UTC).timestamp()) * SECOND


def otlp(*starts: int, name: str = "support_turn", kind: str = "AGENT") -> dict[str, Any]:
    attributes = {"openinference.span.kind": kind, "input.value": "hi", "output.value": '{"intent": "ORD-123456"}'}
    listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    found = [
        {
            "traceId": f"{start:032x}",
            "spanId": f"{start % 2**64:016x}",
            "name": name,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + SECOND),
            "events": [{"name": "e", "timeUnixNano": str(start + 1)}],
            "attributes": listed,
        }
        for start in starts
    ]
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": found}]}]}


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    folder = tmp_path / "recorded"
    folder.mkdir()
    with gzip.open(folder / "day_1.jsonl.gz", "wt") as file:
        file.write(json.dumps(otlp(FIRST)) + "\n")
    (folder / "day_2.jsonl").write_text(json.dumps(otlp(LAST, name="triage", kind="CHAIN")) + "\n")
    return folder


def spans_in(path: Path) -> list[dict[str, Any]]:
    documents = [json.loads(line) for line in path.read_text().splitlines()]
    return [span for each in documents for span in each["resourceSpans"][0]["scopeSpans"][0]["spans"]]


def test_traces_move_by_whole_days_until_the_newest_starts_yesterday(traces: Path, tmp_path: Path) -> None:
    move_traces(traces, tmp_path / "moved", today=date(2026, 5, 1))

    (first,), (last,) = spans_in(tmp_path / "moved" / "day_1.jsonl"), spans_in(tmp_path / "moved" / "day_2.jsonl")
    moved_by = int(last["startTimeUnixNano"]) - LAST
    assert datetime.fromtimestamp(int(last["startTimeUnixNano"]) / SECOND, UTC).date() == date(2026, 4, 30)
    assert moved_by % (86_400 * SECOND) == 0
    assert int(first["startTimeUnixNano"]) == FIRST + moved_by
    assert int(first["endTimeUnixNano"]) == FIRST + SECOND + moved_by
    assert int(first["events"][0]["timeUnixNano"]) == FIRST + 1 + moved_by


def test_missing_traces_are_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--dir", str(tmp_path / "demo"), "--traces", str(tmp_path / "nosuch")])

    assert result.exit_code == 2
    assert "no example traces" in result.stderr
    assert "checkout" in result.stderr
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path, traces: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("mine")

    result = CliRunner().invoke(app, ["demo", "--dir", str(tmp_path / "demo"), "--traces", str(traces)])

    assert result.exit_code == 2
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["mine.txt"]


@pytest.mark.skipif(not BUNDLED_TRACES.is_dir(), reason="the traces come with the repository")
def test_the_demo_finds_something_in_the_bundled_traces_and_a_second_one_reuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVALS_FIRST_DAY")
    monkeypatch.setattr("evals_pipeline.cli.demo.DAYS", 2)  # all of them are run by the README's test
    place = str(tmp_path / "demo")

    first, second = (CliRunner().invoke(app, ["demo", "--dir", place]) for _ in range(2))

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert "explain answer_format" in first.stdout
    assert "bookkeeping for 2 days" in first.stdout
    assert "which was there" in second.stderr
    assert not list(tmp_path.glob("*.tmp"))
    for task in ("answer_format", "answer_content"):
        assert f"{task} on support_bot" in first.stdout
        found = document(CliRunner().invoke(app, ["results", task, "--json", "--project-dir", place]))
        labels = {(row["evaluator"], row["label"]) for row in found}
        evaluators = {evaluator for evaluator, _ in labels}
        assert len(evaluators) >= 3
        assert len(labels) > len(evaluators), "at least one evaluator tells spans apart"


def test_dev_serves_the_ui_until_it_is_interrupted(shop: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "evals_pipeline", "dev", "--port", str(port)]
    with subprocess.Popen(command, cwd=shop, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        answered = answers(f"http://127.0.0.1:{port}/server_info", lambda: process.poll() is None)
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        process.send_signal(signal.SIGINT)  # does not wait for Dagster's own end, which takes five seconds
        _, said = process.communicate(timeout=60)

    assert answered, said.decode()
    assert f"http://127.0.0.1:{port}".encode() in said
    assert process.returncode == 0


def test_dev_refuses_a_port_that_is_taken(evals: Evals) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = evals("dev", "--port", str(port))

    assert (result.exit_code, f"port {port} cannot be used" in result.stderr) == (2, True)


def test_a_run_that_is_interrupted_says_so(shop: Path) -> None:
    endless = shop / "traces" / "endless.jsonl"
    os.mkfifo(endless)
    command = [sys.executable, "-m", "evals_pipeline", "run", "format"]
    with (
        subprocess.Popen(command, cwd=shop, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process,
        writer_for(endless, process),
    ):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 130, said.decode()
    assert b"interrupted" in said
    assert b"Traceback" not in said


@contextmanager
def writer_for(fifo: Path, reader: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Wait until `reader` has opened the FIFO, and keep it waiting for bytes that never come."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and reader.poll() is None:
        try:
            end = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.1)
            continue
        try:
            yield
        finally:
            os.close(end)
        return
    raise AssertionError("nobody has opened the FIFO")


def test_doctor_finds_everything_in_order(evaluated: Evals) -> None:
    found = {entry["what"]: entry for entry in document(evaluated("doctor", "--json"))}

    assert found["dagster"]["status"] == "ok"
    assert found["table spans"]["detail"] == "9 rows in 1 file"
    assert found["files"]["detail"] == "1 project and 2 tasks can be used"
    assert found["first day"]["detail"] == "2026-01-01"
    assert found["ledger"]["detail"].startswith("sqlite:///")
    assert evaluated("doctor").exit_code == 0


def test_doctor_names_broken_files_and_what_a_database_needs(
    evals: Evals, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_task(shop, "bad", BROKEN_TASK)
    monkeypatch.setenv("EVALS_DATABASE", "postgresql+psycopg://me:secret@127.0.0.1:1/evals")

    result = evals("doctor")

    assert result.exit_code == 1
    assert "tasks/bad.yaml" in result.stderr
    assert "secret" not in result.output


def test_doctor_tells_the_first_day_without_settling_it(evals: Evals, monkeypatch: pytest.MonkeyPatch) -> None:
    from_setting = evals("doctor", "--json")
    monkeypatch.delenv("EVALS_FIRST_DAY")
    by_itself = evals("doctor", "--json")

    days = [{each["what"]: each["detail"] for each in document(of)}["first day"] for of in (from_setting, by_itself)]
    ago = datetime.now(UTC).date() - timedelta(days=DAYS_BEFORE_FIRST_DEPLOY)
    assert [day.split(";")[0] for day in days] == ["2026-01-01", str(ago)]
    assert all("EVALS_FIRST_DAY chooses another" in day for day in days)


def test_doctor_refuses_another_first_day(evaluated: Evals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALS_FIRST_DAY", "2026-01-02")

    result = evaluated("doctor")

    assert result.exit_code == 1
    assert "2026-01-01 for good" in result.stderr


def test_doctor_works_without_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 0, result.stderr
    assert "evals init DIR" in result.stderr


def test_doctor_names_lines_that_could_not_be_read(evals: Evals, shop: Path) -> None:
    (shop / "traces" / "second.jsonl").write_text("{broken\n")
    evals("preview", "format")

    result = evals("doctor")

    assert result.exit_code == 0
    assert "second.jsonl, line 1" in result.stdout.replace("\n", "")
