"""The prebuilt judges: complete, coherent, each its own."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from evals_pipeline.core.errors import UnknownNameError
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.judge.prebuilt import prebuilt_judge, prebuilt_judge_names
from evals_pipeline.evaluators.prebuilt.registry import prebuilt_names

EXPECTED: dict[str, tuple[str, dict[str, float], str]] = {
    "agent_planning": ("input available_tools plan", {"ideal": 1, "valid": 0.5, "invalid": 0}, "maximize"),
    "agent_reflection": ("input trajectory output", {"correct": 1, "incorrect": 0}, "maximize"),
    "citation": ("conversation document_text", {"correct": 1, "incorrect": 0}, "maximize"),
    "code_readability": ("query code", {"readable": 1, "unreadable": 0}, "maximize"),
    "conciseness": ("input output", {"concise": 1, "verbose": 0}, "maximize"),
    "correctness": ("input reference output", {"correct": 1, "incorrect": 0}, "maximize"),
    "faithfulness": ("input context output", {"faithful": 1, "unfaithful": 0}, "maximize"),
    "hallucination": ("input reference output", {"factual": 1, "hallucinated": 0}, "maximize"),
    "human_vs_ai": ("question correct_answer ai_generated_answer", {"correct": 1, "incorrect": 0}, "maximize"),
    "path_convergence": ("input trajectory", {"direct": 1, "detours": 0.5, "lost": 0}, "maximize"),
    "pii_detection": ("text", {"pii_detected": 1, "no_pii_detected": 0}, "minimize"),
    "refusal": ("input output", {"refused": 1, "answered": 0}, "none"),
    "relevance": ("input reference", {"relevant": 1, "unrelated": 0}, "maximize"),
    "sql_generation": ("question query_gen response", {"correct": 1, "incorrect": 0}, "maximize"),
    "summarization": ("input output", {"good": 1, "bad": 0}, "maximize"),
    "tool_invocation": ("input available_tools tool_call", {"correct": 1, "incorrect": 0}, "maximize"),
    "tool_response_handling": ("input tool_call tool_result output", {"correct": 1, "incorrect": 0}, "maximize"),
    "tool_selection": ("input available_tools tool_selection", {"correct": 1, "incorrect": 0}, "maximize"),
    "toxicity": ("text", {"toxic": 1, "non-toxic": 0}, "minimize"),
    "user_frustration": ("conversation", {"frustrated": 1, "ok": 0}, "minimize"),
}
"""Variables in order, choices, direction. A change makes results of tasks that use the judge incomparable."""


def judge(name: str) -> Judge:
    return Judge(prebuilt_judge(name), ModelSpec(name="any"))


def phrases(spec: JudgeSpec) -> set[tuple[str, ...]]:
    """Every five words in a row, variables left out."""
    words = re.findall(r"\w+", re.sub(r"\{\w+\}", "", spec.template.lower()))
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


def test_there_are_twenty_and_none_is_named_like_a_check() -> None:
    assert prebuilt_judge_names() == tuple(sorted(EXPECTED))
    assert set(prebuilt_judge_names()).isdisjoint(prebuilt_names())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_prebuilt_judge_has_its_variables_choices_and_direction(name: str) -> None:
    variables, choices, direction = EXPECTED[name]
    spec = prebuilt_judge(name)

    assert [variable.name for variable in judge(name).variables] == variables.split()
    assert list(spec.choices.items()) == list(choices.items())
    assert spec.direction == direction


@pytest.mark.parametrize("name", EXPECTED)
def test_a_prebuilt_judge_is_described(name: str) -> None:
    spec = prebuilt_judge(name)

    assert spec.description.startswith("Whether ")
    assert spec.source
    assert "\n" not in spec.description.strip() + spec.source.strip()
    assert set(spec.variables) == {variable.name for variable in judge(name).variables}
    assert all(description.endswith(".") for description in (*spec.variables.values(), spec.description, spec.source))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_label_is_defined_once_and_in_the_order_of_the_choices(name: str) -> None:
    spec = prebuilt_judge(name)

    defined = re.findall(r"^- ([\w-]+): \w", spec.template.partition("\nLabels:\n")[2], re.MULTILINE)

    assert defined == list(spec.choices)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_prebuilt_judge_is_thorough_and_short(name: str) -> None:
    template = prebuilt_judge(name).template

    assert 120 <= len(template.split()) <= 300
    assert "\nEdge cases:\n" in template or "\nHow to decide:\n" in template
    assert max(map(len, template.splitlines())) <= 120


@pytest.mark.parametrize("name", EXPECTED)
def test_a_prebuilt_judge_asks(name: str) -> None:
    asks = judge(name)

    question = asks.question({variable.name: f"a value of {variable.name}" for variable in asks.variables})

    instructions, case = (message["content"] for message in question.messages)
    assert "{" not in instructions
    for variable in asks.variables:
        assert f"[{variable.name}]" in instructions
        assert f"\na value of {variable.name}\n" in case


def test_no_prebuilt_judge_is_a_near_copy_of_another() -> None:
    phrased = {name: phrases(prebuilt_judge(name)) for name in EXPECTED}

    shared = {
        (one, other): len(phrased[one] & phrased[other]) / min(len(phrased[one]), len(phrased[other]))
        for one, other in combinations(EXPECTED, 2)
    }

    assert {pair: share for pair, share in shared.items() if share > 0.1} == {}


def test_an_unknown_judge_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'hallucination'"):
        prebuilt_judge("halucination")
