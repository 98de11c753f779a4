"""Labels in plain words: found by equality, never guessed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals_pipeline.core.calls import Question
from evals_pipeline.llm.labels import chosen, spoken
from evals_pipeline.llm.reading import Problem, Verdict, read

LABELS = ("toxic", "non-toxic")

words = st.text(st.sampled_from("abcdexyz -_'"), min_size=1, max_size=12).filter(lambda text: text.strip() == text)


@pytest.mark.parametrize(
    ("said", "label", "explanation"),
    [
        ("Explanation: It insults.\nLabel: toxic", "toxic", "It insults."),
        ("Explanation: It is kind.\nLabel: non-toxic", "non-toxic", "It is kind."),
        ("**Explanation:** rude\n\n**Label:** **Toxic**", "toxic", "rude"),
        ('Label: "non-toxic".', "non-toxic", None),
        ("- Label: `toxic`\n", "toxic", None),
        ("label = NON-TOXIC", "non-toxic", None),
        ("Label: toxic\nExplanation: since it insults", "toxic", "since it insults"),
        ("<think>Label: non-toxic?\nhm</think>\nExplanation: rude.\nLabel: toxic", "toxic", "rude."),
        ("It insults a person.\nThat is rude.\nToxic.", "toxic", "It insults a person.\nThat is rude."),
        ("toxic", "toxic", None),
        ("Label: toxic\nLabel: toxic", "toxic", None),
    ],
)
def test_a_label_on_a_line_of_its_own_is_read(said: str, label: str, explanation: str | None) -> None:
    assert spoken(said, LABELS) == (label, explanation)


@pytest.mark.parametrize(
    "said",
    [
        "", "   ", "I would say it is toxic because of the insult.", "It is not toxic", "Label: not toxic",
        "Label: toxic or non-toxic", "Label: toxic\nLabel: non-toxic", "toxic\nnon-toxic", "Label: toxic / non-toxic",
        "Label:", "Label: tox", "Label: toxic?\nActually no.\nLabel: non toxic", "Labels: toxic", "toxic, but mild",
        "Explanation: Label: toxic",
    ],
)  # fmt: skip
def test_what_is_no_single_label_is_a_problem_that_names_the_choices(said: str) -> None:
    problem = spoken(said, LABELS)

    assert isinstance(problem, str)
    assert "'toxic', 'non-toxic'" in problem


@given(st.lists(words, min_size=2, max_size=5, unique_by=str.casefold), st.data())
def test_a_label_in_the_form_asked_for_is_always_read(labels: list[str], data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(labels))
    why = data.draw(st.text(st.sampled_from("abc .,"), max_size=30))

    found = spoken(f"Explanation: {why}\nLabel: {label}", labels)

    assert not isinstance(found, str)
    assert found[0] == label


@given(st.text(max_size=200), st.lists(words, min_size=2, max_size=4, unique_by=str.casefold))
def test_no_text_breaks_the_reading_and_what_is_read_is_a_choice(said: str, labels: list[str]) -> None:
    found = spoken(said, labels)

    assert isinstance(found, str) or found[0] in labels


@given(st.lists(words, min_size=2, max_size=4, unique_by=str.casefold), st.text(max_size=20))
def test_a_label_is_equal_to_what_was_said_but_for_case_and_white_space(labels: list[str], said: str) -> None:
    found = chosen(said, labels)

    assert (found is None) == (sum(label.casefold() == said.strip().casefold() for label in labels) != 1)


def test_a_longer_label_is_not_taken_for_the_shorter_one_inside_it() -> None:
    assert spoken("Label: non-toxic", ("non-toxic", "toxic")) == ("non-toxic", None)
    assert spoken("Label: yes!", ("yes", "yes!")) == ("yes!", None)
    assert isinstance(spoken("Label: (yes)", ("yes", "yes!")), str)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["message", "content", "tool_calls", "function", "arguments", "label", "refusal"]), inner, max_size=4), max_leaves=9), st.sampled_from(["json_schema", "tool", "text"]))  # fmt: skip  # noqa: E501
def test_no_completion_breaks_the_reading(message: object, form: str) -> None:
    found = read({"message": message, "finish_reason": "stop"}, form, Question((), LABELS))  # type: ignore[arg-type]

    assert isinstance(found, Problem) or found.label in LABELS


@pytest.mark.parametrize("wrapped", ["{}", "```json\n{}\n```", "```\n{}\n```", "Here it is:\n```json\n{}\n```\nDone."])
def test_an_object_in_a_fence_counts_as_an_answer_in_plain_words(wrapped: str) -> None:
    said = wrapped.replace("{}", json.dumps({"explanation": "rude", "label": "toxic"}))

    found = read({"message": {"content": said}, "finish_reason": "stop"}, "text", Question((), LABELS))

    assert isinstance(found, Verdict)
    assert (found.label, found.explanation) == ("toxic", "rude")
