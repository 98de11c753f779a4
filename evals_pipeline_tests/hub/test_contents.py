"""When two contents are the same, how they differ, and what is told of a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evals_pipeline.core.evaluator import Parameter, Variable
from evals_pipeline.core.version import Content, Draft, EvaluatorKind, Version
from evals_pipeline.hub.contents import content_hash
from evals_pipeline.hub.differences import difference
from evals_pipeline.hub.states import FileState, notice_of, state_of
from evals_pipeline.hub.summaries import summary

SOURCE = "class Polite:\n    # strict\n    pass\n"
CODE = Content(EvaluatorKind.CUSTOM, SOURCE)
SETTINGS = "kind: code\nrow_seconds: 1\n"


def version(content: Content = CODE, number: int = 1) -> Version:
    variables, parameters = (Variable("text", "", is_required=False),), (Parameter("limit", "number", "", default=0.5),)
    hashed = content_hash(content)
    draft = Draft("polite", content, hashed, "why", "Ada", variables, parameters, "span", "span_kind = 'LLM'")
    return Version(draft, number, datetime(2026, 1, 10, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(SOURCE.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(SOURCE.replace("\n", "\r"), id="line ends of old Macs"),
        pytest.param(SOURCE.rstrip(), id="no line end at the end"),
        pytest.param(SOURCE + "\n\n", id="empty lines at the end"),
        pytest.param("\ufeff" + SOURCE, id="byte order mark"),
    ],
)
def test_how_lines_end_is_no_change(source: str) -> None:
    assert content_hash(replace(CODE, source=source)) == content_hash(CODE)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(CODE, source=SOURCE.replace("strict", "lenient")), id="a comment"),
        pytest.param(replace(CODE, source="\n" + SOURCE), id="a line more"),
        pytest.param(replace(CODE, source=SOURCE + "  "), id="white space"),
        pytest.param(replace(CODE, settings=SETTINGS), id="settings"),
        pytest.param(replace(CODE, kind=EvaluatorKind.JUDGE), id="another kind"),
        pytest.param(Content(EvaluatorKind.CUSTOM, "", SOURCE), id="the same text as settings"),
    ],
)
def test_everything_else_is_a_change(other: Content) -> None:
    assert content_hash(other) != content_hash(CODE)


def test_a_difference_shows_lines_of_source_and_settings_with_both_names() -> None:
    new = Content(EvaluatorKind.CUSTOM, SOURCE.replace("strict", "lenient"), SETTINGS)

    lines = difference("polite", ("polite@1", CODE), ("polite@2", new)).splitlines()

    assert lines[:2] == ["--- polite.py (polite@1)", "+++ polite.py (polite@2)"]
    assert {"-    # strict", "+    # lenient", "+++ polite.yaml (polite@2)", "+row_seconds: 1"} <= set(lines)


def test_contents_that_count_as_the_same_have_no_difference() -> None:
    windows = replace(CODE, source=SOURCE.replace("\n", "\r\n"))

    assert difference("polite", ("polite@1", CODE), ("the file", windows)) == ""


@pytest.mark.parametrize(
    ("file", "latest", "state", "told"),
    [
        (CODE, version(), FileState.PUSHED, None),
        (replace(CODE, source="x"), version(number=3), FileState.CHANGED, "differs from polite@3, which runs"),
        (CODE, None, FileState.NEVER_PUSHED, "runs as it stands, never pushed"),
        (None, version(), FileState.NO_FILE, None),
    ],
    ids=lambda value: str(value) if isinstance(value, FileState) else "",
)
def test_a_file_is_compared_with_the_newest_version_and_told_of(
    file: Content | None, latest: Version | None, state: FileState, told: str | None
) -> None:
    notice = notice_of("polite", "evaluators/polite.py", state, latest)

    assert state_of(file, latest) is state
    assert (notice and notice.message) == told
    assert notice is None or notice.hint == "push it: evals hub push polite -m '...'"


def test_a_summary_is_plain_and_holds_no_text_of_the_content() -> None:
    told = summary(version())

    assert told == {
        "name": "polite",
        "number": 1,
        "kind": "custom",
        "message": "why",
        "author": "Ada",
        "pushed_at": datetime(2026, 1, 10, 12, tzinfo=UTC),
        "content_hash": content_hash(CODE)[:12],
        "granularity": "span",
        "filter": "span_kind = 'LLM'",
        "variables": [{"name": "text", "is_required": False}],
        "parameters": [{"name": "limit", "type": "number", "is_required": False, "default": 0.5}],
    }
