from __future__ import annotations

import pytest
from pydantic import ValidationError

from evals_pipeline.core.task import Continuous, EvaluatorUse, Task, check_name


@pytest.mark.parametrize("name", ["a", "json_parseable", "a1", "a" * 63])
def test_a_name_can_be_a_key_a_column_and_a_value(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "A", "1a", "_a", "a-b", "a b", "a.b", "é", "a\n", "a" * 64])
def test_what_is_no_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case letters, digits and underscores, a letter first, at most 63"):
        check_name(name)


def test_a_result_is_named_after_its_evaluator_or_as_the_task_says() -> None:
    plain = EvaluatorUse(evaluator="matches_regex@3")
    named = EvaluatorUse.model_validate({"evaluator": "matches_regex", "as": "has_order_number"})

    assert (plain.name, named.name) == ("matches_regex", "has_order_number")


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        pytest.param({"filtr": "x"}, "filtr", id="unknown field"),
        pytest.param({"evaluators": ()}, "evaluators", id="no evaluator"),
        pytest.param({"sampling_rate": 0}, "sampling_rate", id="nothing sampled"),
        pytest.param({"sampling_rate": 1.01}, "sampling_rate", id="more than all sampled"),
        pytest.param({"max_units": 0}, "max_units", id="no units"),
        pytest.param({"name": "Answer Format"}, "name", id="no name"),
        pytest.param({"continuous": {"every_minutes": 0}}, "continuous", id="always"),
    ],
)
def test_a_task_that_cannot_run_is_refused_at_its_field(changed: dict[str, object], place: str) -> None:
    ordinary = {"name": "answer_format", "project": "support bot", "evaluators": ({"evaluator": "json_parseable"},)}

    with pytest.raises(ValidationError) as refused:
        Task.model_validate({**ordinary, **changed})

    assert refused.value.errors()[0]["loc"][0] == place


def test_a_task_takes_every_unit_unless_it_says_otherwise() -> None:
    task = Task(name="answer_format", project="support bot", evaluators=(EvaluatorUse(evaluator="json_parseable"),))

    assert (task.filter, task.sampling_rate, task.max_units, task.continuous) == (None, 1.0, None, None)
    assert Continuous(every_minutes=5).lookback_days == 2
