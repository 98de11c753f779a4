"""Error replies of many providers, as they spell them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals_pipeline.llm.faults import blames_form, is_about_everything, parameter_at_fault, refused, reply_to
from evals_pipeline.llm.replies import Again, Never

SENT = ("temperature", "max_tokens", "logprobs", "strict")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "code", "type", "param", "detail"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.integers(200, 599), values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_no_error_reply_breaks_the_reading(status: int, body: bytes) -> None:
    fault = refused(status, body, ["sk-secret-key"])

    assert isinstance(reply_to(fault, "APIStatusError", {}), Again | Never)
    assert fault.message and "\n" not in fault.message
    assert parameter_at_fault(fault, SENT) in (None, *SENT)
    assert is_about_everything(fault) is None or len(fault.message) <= 500


@pytest.mark.parametrize(
    ("status", "body", "form"),
    [
        (500, {"error": {"message": "[{'loc': ('response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]"}}, "json_schema"),  # noqa: E501
        (422, {"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be 'text'"}]}, "json_schema"),  # noqa: E501
        (400, {"error": {"message": "'tool_choice' is not supported"}}, "tool"),
        (404, {"error": {"message": "No endpoints found that support tool use", "code": 404}}, "tool"),
        (404, {"error": {"message": "No endpoints found that can handle the requested parameters."}}, "json_schema"),
        (400, {"error": {"message": "This response_format type is unavailable now", "param": None}}, "json_schema"),
    ],
    ids=["llama_cpp", "pydantic", "tool_choice", "openrouter tools", "openrouter parameters", "deepseek"],
)  # fmt: skip
def test_an_endpoint_that_cannot_give_a_form_says_so_in_many_ways(status: int, body: object, form: str) -> None:
    fault = refused(status, json.dumps(body).encode(), [])

    assert blames_form(fault, form)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "maximum context length is 10 tokens, you requested 20 (5 in the functions)"}),
        (400, {"message": "filtered", "code": "content_filter"}),
        (404, {"message": "The model `tool-schema` does not exist", "code": "model_not_found"}),
        (429, {"message": "too many function calls"}),
    ],
    ids=["too long", "filter", "model", "limit"],
)
@pytest.mark.parametrize("form", ["json_schema", "tool"])
def test_what_only_mentions_a_form_is_no_objection_to_it(status: int, error: dict[str, str], form: str) -> None:
    fault = refused(status, json.dumps({"error": error}).encode(), [])

    assert not blames_form(fault, form)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "parameter"),
    [
        ({"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "param": "max_tokens"}, "max_tokens"),  # noqa: E501
        ({"message": "Extra inputs are not permitted: strict"}, "strict"),
        ({"message": "Unrecognized request argument supplied: temperature"}, "temperature"),
        ({"message": "temperature must be at most 1", "param": "temperature"}, None),
        ({"message": "max_tokens is too large: 9. This model supports at most 5", "param": "max_tokens"}, None),
        ({"message": "logprobs is limited to 5"}, "logprobs"),
        ({"message": "my_temperature.x is unknown"}, None),
    ],
)  # fmt: skip
def test_the_parameter_at_fault_is_the_one_that_is_not_supported(error: dict[str, str], parameter: str | None) -> None:
    assert parameter_at_fault(refused(400, json.dumps({"error": error}).encode(), []), SENT) == parameter


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (
            400,
            [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}],
            "check the key",
        ),
        (404, {"error": {"code": "DeploymentNotFound", "message": "no deployment"}}, "check `name`"),
        (400, {"error": {"code": "billing_hard_limit_reached", "message": "limit"}}, "no money"),
        (429, [{"error": {"status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota"}}], None),
        (400, {"error": {"message": "bad request"}}, None),
        (500, {"error": {"message": "oops"}}, None),
    ],
    ids=["google key", "azure deployment", "billing", "google limit", "400", "500"],
)
def test_what_every_call_would_meet_is_told_from_what_passes(status: int, body: object, hint: str | None) -> None:
    found = is_about_everything(refused(status, json.dumps(body).encode(), []))

    assert (found is None) == (hint is None)
    assert hint is None or hint in (found or "")
