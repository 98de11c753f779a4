"""The endpoint against servers that we did not write: llmock and stubllm."""

from __future__ import annotations

from typing import Any

import pytest
from llmock.pytest_plugin import LLMock
from stubllm.fixtures.models import Fixture
from stubllm.pytest_plugin._helpers import MockLLMServerFixture

from evals_pipeline.core.errors import ProviderError
from evals_pipeline.llm.replies import Again, Good, Malformed, Never
from evals_pipeline_tests.llm.endpoints import answer, model, question, replies, reply

EXCHANGE = {"provider": "openai", "endpoint": "/v1/chat/completions"}


def stub(name: str, contains: str, **response: Any) -> Fixture:
    messages = [{"role": "user", "content": {"contains": contains}}]
    return Fixture.model_validate({"name": name, "match": {**EXCHANGE, "messages": messages}, **response})


@pytest.mark.parametrize("form", ["auto", "json_schema", "tool"])
def test_llmock_answers_a_schema_and_a_tool(llmock: LLMock, form: str) -> None:
    found = answer(model(llmock.base_url(), answers=form), question(f"with {form}"))

    assert found.label == "factual"
    assert found.explanation
    assert found.usage.prompt_tokens > 0


def test_llmocks_scripted_words_are_read_as_text(llmock: LLMock) -> None:
    llmock.reply("Explanation: it is made up.\nLabel: hallucinated")

    found = answer(model(llmock.base_url(), answers="text"))

    assert (found.label, found.explanation) == ("hallucinated", "it is made up.")


def test_llmocks_refusal_tells_how_long_to_wait(llmock: LLMock) -> None:
    llmock.rate_limit(retry_after=1.5)

    found = reply(model(llmock.base_url()))

    assert isinstance(found, Again)
    assert (found.error_type, found.is_refusal) == ("RateLimitError", True)
    assert found.retry_after is not None and 1 <= found.retry_after <= 2


def test_llmocks_quota_is_told_by_its_headers(llmock: LLMock) -> None:
    llmock.limits(rpm=600)

    found = reply(model(llmock.base_url()))

    assert isinstance(found, Good)
    assert found.quota is not None and found.quota.requests is not None
    assert found.quota.requests.limit == 600


@pytest.mark.parametrize(("status", "error_type"), [(500, "InternalServerError"), (503, "InternalServerError")])
def test_llmocks_outages_are_worth_another_try(llmock: LLMock, status: int, error_type: str) -> None:
    llmock.fail(status)

    found = reply(model(llmock.base_url()))

    assert isinstance(found, Again)
    assert found.error_type == error_type


def test_llmocks_delay_beyond_the_time_out_is_ended(llmock: LLMock) -> None:
    llmock.delay(5)

    found = reply(model(llmock.base_url(), timeout_seconds=0.3))

    assert isinstance(found, Again)
    assert (found.error_type, found.may_be_charged) == ("APITimeoutError", True)


def test_llmocks_overflow_is_not_tried_again(llmock: LLMock) -> None:
    llmock.context_overflow()

    found = reply(model(llmock.base_url()))

    assert isinstance(found, Never)
    assert len(llmock.requests) == 1


def test_llmocks_wrong_key_ends_the_run(llmock: LLMock) -> None:
    llmock.fail(401, message="Incorrect API key provided", code="invalid_api_key")

    with pytest.raises(ProviderError, match="Incorrect API key"):
        reply(model(llmock.base_url()))


@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
def test_llmocks_broken_tool_calls_are_no_answers(llmock: LLMock, kind: str) -> None:
    llmock.break_tool_call(kind)

    found = reply(model(llmock.base_url(), answers="tool"))

    assert isinstance(found, Malformed)


def test_stubllms_answers_depend_on_the_prompt(stubllm_server: MockLLMServerFixture) -> None:
    stubllm_server.replace_fixtures(
        [
            stub("moon", "moon", response={"content": '{"explanation": "no cheese", "label": "hallucinated"}'}),
            stub("rest", "", response={"content": '{"explanation": "so it is", "label": "factual"}'}),
        ]
    )

    found = replies(model(stubllm_server.openai_url), question("the moon is cheese"), question("water is wet"))

    assert [each.answer.label for each in found if isinstance(each, Good)] == ["hallucinated", "factual"]


def test_stubllms_sequence_of_faults_ends_in_an_answer(stubllm_server: MockLLMServerFixture) -> None:
    steps = [
        {"http_status": 429, "error_message": "Rate limit exceeded."},
        {"http_status": 500, "error_message": "Oops"},
        {"content": '{"explanation": "so", "label": "factual"}'},
    ]
    stubllm_server.replace_fixtures([stub("faults", "", sequence=steps)])

    found = replies(model(stubllm_server.openai_url), *[question()] * 3)

    assert [type(each) for each in found] == [Again, Again, Good]
    assert [each.is_refusal for each in found if isinstance(each, Again)] == [True, False]
