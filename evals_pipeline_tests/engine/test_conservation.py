"""Whatever the task and the spans: outcomes sum up to candidates, and runs repeat nothing and lose nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals_pipeline.core import columns as c
from evals_pipeline.selection.sampling import is_sampled, sampling_key
from evals_pipeline_tests.builders import TASK, deliver, history, project_folder, span, walk

FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])

KINDS = st.sampled_from(["LLM", "TOOL", None])
OUTPUTS = st.sampled_from(["{}", "no JSON", "", None, "ORD-123456", "NaN", "ÄORD-123456 \u0000"])
SPAN = st.builds(
    lambda id_, kind, output: span(id_, **{c.SPAN_KIND: kind, c.OUTPUT_VALUE: output}),
    st.integers(0, 60).map(lambda number: f"s{number}"),
    KINDS,
    OUTPUTS,
)


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    """A task's settings: task filter, evaluator filter, rate, limit."""
    return {
        "filter": draw(st.sampled_from([None, "span_kind = 'LLM'", "attributes.output.value IS NOT NULL"])),
        "inner": draw(st.sampled_from([None, "span_kind = 'TOOL'", "attributes.output.value LIKE '%ORD%'"])),
        "rate": draw(st.sampled_from([0.05, 0.5, 1.0])),
        "limit": draw(st.sampled_from([None, 1, 7])),
    }


def yaml_of(task: dict[str, Any]) -> str:
    outer = "".join(
        f"{name}: {value if not isinstance(value, str) else chr(34) + value + chr(34)}\n"
        for name, value in (("filter", task["filter"]), ("sampling_rate", task["rate"]), ("max_units", task["limit"]))
        if value is not None
    )
    inner = f'    filter: "{task["inner"]}"\n' if task["inner"] else ""
    return f"""project: shop
{outer}evaluators:
  - evaluator: json_parseable
    mapping: {{text: attributes.output.value}}
  - evaluator: matches_regex
    as: has_order
    parameters: {{pattern: "(?=O)ORD-[0-9]{{6}}"}}
    mapping: {{text: attributes.output.value}}
{inner}"""


def matches(text: str | None, found: dict[str, Any]) -> bool:
    """What the filters of `tasks` mean, said once more in Python."""
    output = found.get(c.OUTPUT_VALUE)
    match text:
        case None:
            return True
        case "attributes.output.value IS NOT NULL":
            return output is not None
        case "attributes.output.value LIKE '%ORD%'":
            return output is not None and "ORD" in output
        case _:
            return found.get(c.SPAN_KIND, "UNKNOWN") == text.split("'")[1]


def chosen_of(found: list[dict[str, Any]], task: dict[str, Any]) -> list[dict[str, Any]]:
    admitted = [item for item in found if matches(task["filter"], item) and is_sampled(item[c.SPAN_ID], task["rate"])]
    return sorted(admitted, key=lambda item: sampling_key(item[c.SPAN_ID]))[: task["limit"]]


@FEW
@given(task=tasks(), first=st.lists(SPAN, max_size=25), second=st.lists(SPAN, max_size=10))
def test_every_candidate_has_one_outcome_and_every_chosen_unit_one_result(
    task: dict[str, Any], first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = project_folder(Path(name), **{TASK: yaml_of(task)})
        deliver(folder, "first", first)
        distinct = list({item[c.SPAN_ID]: item for item in reversed(first)}.values())

        walked = walk(folder, run_id="r1")
        judged = Counter((row["evaluator"], row["unit_id"]) for row in history(folder))
        deliver(folder, "second", second)
        walk(folder, run_id="r2")
        walk(folder, run_id="r3")
        ever = Counter((row["evaluator"], row["unit_id"]) for row in history(folder))

    chosen = chosen_of(distinct, task)
    asked = [("json_parseable", item) for item in chosen] + [
        ("has_order", item) for item in chosen if matches(task["inner"], item)
    ]
    assert walked.evaluated.candidates == len(distinct)
    assert judged == Counter((evaluator, item[c.SPAN_ID]) for evaluator, item in asked)
    assert set(ever.values()) <= {1}
    assert ever >= judged
