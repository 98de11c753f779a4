"""What braces mean in a judge's template."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.evaluators.judge.template import read_template

names = st.text(string.ascii_letters + "_", min_size=1, max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(string.ascii_letters + " .,:", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


def test_variables_come_in_the_order_in_which_they_first_appear() -> None:
    template = read_template("Is {output} right for {input}, given {reference}? Again: {input}")

    assert template.variables == ("output", "input", "reference")
    assert template.instructions == "Is [output] right for [input], given [reference]? Again: [input]"


@pytest.mark.parametrize(
    "braces",
    [
        '{"a": 1}',
        '{"a": {"b": {"c": []}}}',
        '{{"a": 1}, {"b": 2}}',
        "{ x }",
        "{}",
        "{{}}",
        "{1}",
        "{0.5}",
        "{a b}",
        "{a: 1}",
        "{items[0]}",
        "{x!r}",
        "{x:.2f}",
        "function () { return a }",
        "}{",
        "{",
        "% {% if x %} {# note #}",
    ],
)
def test_other_braces_stand_as_they_are(braces: str) -> None:
    template = read_template(f"See {braces} and {{input}}")

    assert template.instructions == f"See {braces} and [input]"
    assert template.variables == ("input",)


@given(documents, st.sampled_from([None, 0, 2]))
def test_json_needs_no_escaping(document: object, indent: int | None) -> None:
    text = json.dumps(document, indent=indent)

    assert read_template(f"{text}\n{{input}}").instructions == f"{text}\n[input]".strip()


def test_a_variable_inside_json_is_a_variable() -> None:
    assert read_template('{"json": {x}, "more": {"y": "{z}"}}').instructions == '{"json": [x], "more": {"y": "[z]"}}'


def test_a_variable_may_be_named_in_any_script() -> None:
    assert read_template("{größe} {質問} {_1}").variables == ("größe", "質問", "_1")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\{word}", "{word}"),
        (r"\{user.name}", "{user.name}"),
        (r"{\{word}}", "{{word}}"),
        (r"\\{word}", r"\{word}"),
        (r"\frac{ 1 }{ 2 }", r"\frac{ 1 }{ 2 }"),
    ],
)
def test_a_word_in_braces_can_be_meant_literally(written: str, read: str) -> None:
    template = read_template(f"{written} {{input}}")

    assert (template.instructions, template.variables) == (f"{read} [input]", ("input",))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Judge {{input}}", "write {input}"),
        ("Judge {{ input }}", "write {input}"),
        ("Judge {{{input}}}", "write {input}"),
        ("Judge {{#documents}} x {{/documents}}", "write {documents}"),
        ("Judge {{input.value}}", "write {input}"),
        ("Judge {input.value}", "write {input} and map it in the task, `input: input.value`"),
        ("Judge {attributes.output.value}", "write {value} and map it in the task, `value: attributes.output.value`"),
    ],
)
def test_a_variable_in_another_spelling_is_refused_with_the_right_one(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_template(text, field="template")

    assert refused.value.field == "template"
    assert hint in refused.value.hint


@pytest.mark.parametrize("text", ["Is it good?", '{"a": 1}', "{ input }", r"\{input}"])
def test_a_template_without_a_variable_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no variable, so every unit would get the same question"):
        read_template(text)


def test_variables_that_differ_by_case_only_are_refused() -> None:
    with pytest.raises(ConfigError, match="differ by case only: Input, input"):
        read_template("{Input} and {input}")


def test_a_template_with_half_a_character_is_refused() -> None:
    with pytest.raises(ConfigError, match="surrogate"):
        read_template("{input} \ud800")


@given(st.text(string.printable))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        template = read_template(text)
    except ConfigError as refused:
        assert refused.field == "template"
    else:
        assert all(f"[{name}]" in template.instructions for name in template.variables)
