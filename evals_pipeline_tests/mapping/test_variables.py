from __future__ import annotations

import pytest

from evals_pipeline.core.errors import MappingError
from evals_pipeline.core.evaluator import Variable
from evals_pipeline.core.paths import Path
from evals_pipeline.mapping.variables import bind

TEXT = Variable("text", "what is looked at")
EXPECTED = Variable("expected", "what it should be", is_required=False)


def test_a_mapped_variable_is_read_from_its_path() -> None:
    paths = bind([TEXT, EXPECTED], {"text": "attributes.output.value", "expected": "metadata.answers.0"})

    assert paths == {"text": Path("attributes.output.value"), "expected": Path("attributes.metadata", ("answers", "0"))}


def test_the_order_is_that_of_the_variables() -> None:
    paths = bind([TEXT, EXPECTED], {"expected": "name", "text": "name"})

    assert list(paths) == ["text", "expected"]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        pytest.param("name", "name", id="column"),
        pytest.param("attributes.input.value", "attributes.input.value", id="column with dots"),
        pytest.param("latency_ms", "latency_ms", id="derived column"),
        pytest.param("session_id", "attributes.session.id", id="alias"),
        pytest.param("metadata", "attributes.metadata", id="alias of JSON"),
        pytest.param("input.value", "attributes.input.value", id="without attributes."),
        pytest.param("llm.model_name", "attributes.llm.model_name", id="without attributes., deeper"),
    ],
)
def test_an_unmapped_variable_is_read_from_the_column_of_its_name(name: str, column: str) -> None:
    paths = bind([Variable(name, "")], {})

    assert paths == {name: Path(column)}


def test_a_mapping_wins_over_the_column_of_the_same_name() -> None:
    paths = bind([Variable("name", "")], {"name": "attributes.tool.name"})

    assert paths == {"name": Path("attributes.tool.name")}


@pytest.mark.parametrize("name", ["expected", "span_kind"])
def test_an_unmapped_optional_variable_is_left_out(name: str) -> None:
    paths = bind([TEXT, Variable(name, "", is_required=False)], {"text": "attributes.output.value"})

    assert list(paths) == ["text"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("text", "text: attributes.output.value", id="text"),
        pytest.param("question", "question: attributes.input.value", id="question"),
        pytest.param("context", "context: attributes.retrieval.documents", id="context"),
        pytest.param("colour", "colour: attributes.<the column that holds it>", id="a name of its own"),
    ],
)
def test_an_unmapped_required_variable_is_refused_with_a_column_that_may_fit(name: str, hint: str) -> None:
    variables = [Variable(name, "what is judged"), EXPECTED]

    with pytest.raises(MappingError) as refused:
        bind(variables, {"expected": "name"}, field="evaluators.0.mapping")

    assert f"variable {name!r} (what is judged) is not mapped" in refused.value.message
    assert "mapped is: expected: name" in refused.value.message
    assert hint in refused.value.hint
    assert refused.value.field == "evaluators.0.mapping"


def test_a_mapping_for_an_unknown_variable_is_refused_with_the_nearest() -> None:
    with pytest.raises(MappingError) as refused:
        bind([TEXT, EXPECTED], {"txt": "name"}, field="evaluators.0.mapping")

    assert "no such variable; there is: text, expected" in refused.value.message
    assert refused.value.hint == "did you mean 'text'?"
    assert refused.value.field == "evaluators.0.mapping.txt"


def test_a_path_that_cannot_exist_is_refused_at_its_variable() -> None:
    with pytest.raises(MappingError, match="no span has a column 'attributes.output.valu'") as refused:
        bind([TEXT], {"text": "attributes.output.valu"}, field="evaluators.0.mapping")

    assert refused.value.field == "evaluators.0.mapping.text"
    assert refused.value.hint == "did you mean 'attributes.output.value'?"
