"""One call to one endpoint: what is sent, and what comes of each kind of reply."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evals_pipeline.core.calls import Question, Usage
from evals_pipeline.core.errors import ConfigError, ProviderError
from evals_pipeline.llm.endpoint import Endpoint
from evals_pipeline.llm.replies import Again, Good, Malformed, Never
from evals_pipeline_tests.llm import provider as acts
from evals_pipeline_tests.llm.endpoints import KEY, answer, board, model, question, replies, reply
from evals_pipeline_tests.llm.provider import Act, Provider


def test_a_question_is_answered_with_a_label_why_and_what_it_took(provider: Provider) -> None:
    provider.usage = {
        "prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140,
        "prompt_tokens_details": {"cached_tokens": 60}, "completion_tokens_details": {"reasoning_tokens": 10},
    }  # fmt: skip
    provider.headers = {"x-request-id": "req-7"}
    provider.answer = "hallucinated"

    found = answer(model(provider, price={"input": 1, "cached_input": 0.5, "output": 2}))

    assert (found.label, found.explanation) == ("hallucinated", "Because the text says so.")
    assert found.usage == Usage(100, 40, 60, 10)
    assert found.cost_nano_usd == 40 * 1000 + 60 * 500 + 40 * 2000
    assert (found.model, found.request_id, found.calls) == ("gpt-4o-mini", "req-7", 1)
    assert found.latency_ms is not None and found.latency_ms > 0


def test_what_is_sent_is_the_question_the_parameters_and_the_schema_with_the_explanation_first(
    provider: Provider,
) -> None:
    answer(model(provider, seed=7, extra_body={"guided": {"a": 1}}), question("One?"))

    [sent] = provider.asked
    assert sent.path == "/v1/chat/completions"
    assert sent.body["messages"] == [{"role": "user", "content": "One?"}]
    assert {name: sent.body[name] for name in ("model", "temperature", "max_tokens", "seed", "guided")} == {
        "model": "gpt-4o-mini", "temperature": 0, "max_tokens": 300, "seed": 7, "guided": {"a": 1},
    }  # fmt: skip
    schema = sent.body["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["explanation", "label"]
    assert schema["properties"]["label"]["enum"] == ["factual", "hallucinated"]


def test_the_key_comes_from_the_environment_by_name(provider: Provider) -> None:
    provider.key = "secret-of-mine"

    found = answer(model(provider, api_key_env="MY_KEY"), environment={"MY_KEY": "secret-of-mine"})

    assert found.label == "factual"
    assert provider.asked[0].headers["Authorization"] == "Bearer secret-of-mine"


def test_a_missing_key_is_refused_by_the_name_of_its_variable() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY.*not set"):
        reply(model("", base_url=None), environment={})


def test_a_key_that_is_named_must_be_there_even_for_a_server_of_ones_own(provider: Provider) -> None:
    with pytest.raises(ConfigError, match="MY_KEY.*not set"):
        reply(model(provider, api_key_env="MY_KEY"), environment={})


def test_a_server_of_ones_own_needs_no_key(provider: Provider) -> None:
    answer(model(provider), environment={})

    assert "Authorization" not in provider.asked[0].headers


def test_text_that_is_no_unicode_is_still_asked(provider: Provider) -> None:
    answer(model(provider), question("broken \ud83d here"))

    assert "broken ? here" in provider.prompts[0]


def test_a_prompt_of_megabytes_is_sent(provider: Provider) -> None:
    answer(model(provider), question("word " * 400_000))

    assert len(provider.prompts[0]) >= 2_000_000


def test_a_repair_shows_the_model_its_answer_and_what_is_wrong(provider: Provider) -> None:
    provider.next(acts.says('{"explanation": "hm", "label": "perhaps"}'))
    first = reply(model(provider))
    assert isinstance(first, Malformed)

    again = reply(model(provider), repair=first)

    assert isinstance(again, Good)
    roles = [(each["role"], each["content"]) for each in provider.asked[-1].body["messages"]]
    assert roles[1] == ("assistant", '{"explanation": "hm", "label": "perhaps"}')
    assert roles[2][0] == "user" and "outside the choices" in roles[2][1] and "'factual'" in roles[2][1]


@pytest.mark.parametrize(
    ("said", "finish_reason", "problem"),
    [
        ('{"explanation": "x", "label": "perhaps"}', "stop", "outside the choices"),
        ('{"explanation": "x", "lab', "length", "cut off"),
        ('{"explanation": "x", "label"', "stop", "not JSON"),
        ('{"label": 3, "explanation": "x"}', "stop", "must be a string"),
        ('{"label": "factual", "explanation": ["x"]}', "stop", "`explanation`"),
        ('["factual"]', "stop", "JSON"),
        ('{"explanation": "x", "label": "factual"} I hope this helps', "stop", "not JSON"),
        ("", "stop", "empty"),
        (None, "stop", "empty"),
    ],
)
def test_an_answer_that_is_no_label_is_malformed_and_paid_for(
    provider: Provider, said: str | None, finish_reason: str, problem: str
) -> None:
    provider.next(acts.says(said, finish_reason=finish_reason))

    found = reply(model(provider, answers="json_schema", price={"input": 1, "output": 1}))

    assert isinstance(found, Malformed)
    assert problem in found.problem
    assert (found.usage.prompt_tokens, found.cost_nano_usd) == (120, 150_000)


def test_a_label_without_the_explanation_is_still_an_answer(provider: Provider) -> None:
    provider.next(acts.says('{"label": "factual"}'))

    found = answer(model(provider))

    assert (found.label, found.explanation) == ("factual", None)


def test_a_refusal_is_malformed(provider: Provider) -> None:
    provider.next(acts.says(None, refusal="I cannot help with that."))

    found = reply(model(provider))

    assert isinstance(found, Malformed)
    assert found.said == "I cannot help with that." and "refusal" in found.problem


@pytest.mark.parametrize("label", ["factual", " Factual ", "FACTUAL\n"])
def test_case_and_white_space_around_a_label_do_not_count(provider: Provider, label: str) -> None:
    provider.answer = label

    assert answer(model(provider)).label == "factual"


@pytest.mark.parametrize("label", ["factual.", "fact", "factual, hallucinated", "not factual"])
def test_a_label_is_never_guessed(provider: Provider, label: str) -> None:
    provider.answer = label

    assert isinstance(reply(model(provider)), Malformed)


@pytest.mark.parametrize(
    ("act", "error_type", "is_refusal", "may_be_charged"),
    [
        (acts.refuse(2), "RateLimitError", True, False),
        (acts.break_down(500), "InternalServerError", False, False),
        (acts.break_down(503), "InternalServerError", False, False),
        (acts.break_down(504), "InternalServerError", False, True),
        (acts.error(409, "busy"), "ConflictError", False, False),
        (acts.reset, "APIConnectionError", False, True),
        (acts.half, "APIConnectionError", False, True),
        (acts.reply("<html>a login page</html>"), "APIResponseValidationError", False, True),
        (acts.reply('{"id": "x", "choi'), "APIResponseValidationError", False, True),
        (acts.reply('{"choices": []}'), "APIResponseValidationError", False, True),
    ],
    ids=["429", "500", "503", "504", "409", "reset", "half", "html", "broken json", "no choices"],
)
def test_what_may_pass_is_worth_another_try(
    provider: Provider, act: Act, error_type: str, is_refusal: bool, may_be_charged: bool
) -> None:
    provider.next(act)

    found = reply(model(provider, answers="json_schema"))

    assert isinstance(found, Again), found
    assert (found.error_type, found.is_refusal, found.may_be_charged) == (error_type, is_refusal, may_be_charged)


def test_an_error_that_comes_with_status_200_is_one(provider: Provider) -> None:
    provider.next(acts.reply('{"error": {"message": "slow down", "code": 429}}'))

    found = reply(model(provider))

    assert isinstance(found, Again)
    assert (found.error_type, found.is_refusal) == ("RateLimitError", True)


@pytest.mark.parametrize("act", [acts.hang, acts.trickle(0.02)], ids=["hang", "trickle"])
def test_a_reply_that_takes_too_long_is_ended_whether_or_not_bytes_arrive(provider: Provider, act: Act) -> None:
    provider.next(act)

    found = reply(model(provider, timeout_seconds=0.5))

    assert isinstance(found, Again)
    assert (found.error_type, found.may_be_charged) == ("APITimeoutError", True)


def test_where_nobody_listens_nothing_can_be_charged() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = reply(model(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))

    assert isinstance(found, Again)
    assert (found.error_type, found.may_be_charged) == ("APIConnectionError", False)


def test_a_reply_without_end_is_not_read(provider: Provider) -> None:
    provider.next(acts.reply(b" " * (9 * 2**20)))

    found = reply(model(provider))

    assert isinstance(found, Never)
    assert "8 MB" in found.failure.message


@pytest.mark.parametrize(
    ("act", "error_type"),
    [
        (acts.filtered(), "BadRequestError"),
        (acts.error(422, "messages: field required"), "UnprocessableEntityError"),
        (acts.error(413, "too large"), "APIStatusError"),
        (acts.error(400, "This model's maximum context length is 10 tokens", code="context_length_exceeded"), "BadRequestError"),  # noqa: E501
        (acts.error(403, "Your input was flagged by moderation"), "PermissionDeniedError"),
        (acts.says(None, finish_reason="content_filter"), "ContentFilterFinishReasonError"),
    ],
    ids=["filter", "422", "413", "too long", "moderation", "filtered answer"],
)  # fmt: skip
def test_what_would_fail_again_is_not_tried_again(provider: Provider, act: Act, error_type: str) -> None:
    provider.next(act)

    found = reply(model(provider, answers="text"))

    assert isinstance(found, Never)
    assert found.failure.error_type == error_type
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (acts.wrong_key(), ["AuthenticationError", "check the key in OPENAI_API_KEY"]),
        (acts.error(403, "no access"), ["PermissionDeniedError"]),
        (acts.unknown_model(), ["NotFoundError", "does not exist", "check `name`"]),
        (acts.reply("Not Found", status=404, content_type="text/plain"), ["NotFoundError", "check `base_url`"]),
        (acts.exhausted(), ["RateLimitError", "exceeded your current quota", "no money"]),
        (acts.error(402, "Insufficient Balance"), ["Insufficient Balance", "no money"]),
        (acts.error(400, "Your credit balance is too low to access the API"), ["no money"]),
        (acts.error(307, "moved", headers={"location": "http://127.0.0.1:1/"}), ["check `base_url`"]),
    ],
)
def test_what_every_call_would_meet_ends_the_run_with_the_providers_words(
    provider: Provider, act: Act, words: list[str]
) -> None:
    provider.next(act)

    with pytest.raises(ProviderError) as refused:
        reply(model(provider))

    assert "gpt-4o-mini" in str(refused.value) and "127.0.0.1" in str(refused.value)
    assert [word for word in words if word not in str(refused.value)] == []
    assert "\n" not in str(refused.value)
    assert len(provider.asked) == 1


def test_a_key_is_in_no_message_log_or_picture(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider.next(acts.error(401, f"Incorrect API key provided: {KEY}. Or {KEY[:8]}*****{KEY[-4:]}, {KEY[-6:]}."))

    with pytest.raises(ProviderError) as refused:
        reply(model(provider))

    assert "Incorrect API key provided" in str(refused.value)
    for part in (KEY, KEY[:8], KEY[-4:], KEY[4:14]):
        assert part not in str(refused.value) + repr(refused.value) + caplog.text


@pytest.mark.parametrize(
    ("act", "seconds"),
    [
        (acts.refuse(1.5), 1.5),
        (acts.refuse(None), None),
        (acts.error(429, "slow", headers={"retry-after-ms": "250", "retry-after": "9"}), 0.25),
        (acts.error(429, "Please try again in 1m2s."), 62),
        (acts.error(503, "busy", headers={"retry-after": "3"}), 3),
    ],
)
def test_how_long_to_wait_is_as_the_provider_says(provider: Provider, act: Act, seconds: float | None) -> None:
    provider.next(act)

    found = reply(model(provider))

    assert isinstance(found, Again)
    assert found.retry_after == seconds


def test_the_limits_that_a_reply_tells_are_passed_on(provider: Provider) -> None:
    provider.rate, provider.burst, provider.announces = 50, 10, True

    found = reply(model(provider))

    assert isinstance(found, Good)
    assert found.quota is not None and found.quota.requests is not None
    assert (found.quota.requests.limit, found.quota.tokens) == (3000, None)
    assert found.quota.requests.remaining is not None and 0 <= found.quota.requests.remaining <= 10


@pytest.mark.parametrize(
    "usage",
    [{}, {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": "12"}, {"prompt_tokens": 1e30}],
    ids=["empty", "null", "text", "huge"],
)
def test_usage_that_says_nothing_is_an_unknown_cost_and_not_none(provider: Provider, usage: dict[str, Any]) -> None:
    provider.usage = usage

    found = answer(model(provider, price={"input": 1, "output": 1}))

    assert (found.usage, found.cost_nano_usd) == (Usage(), None)


def test_a_reply_that_does_not_say_its_length_is_read_and_bounded_all_the_same(provider: Provider) -> None:
    answered = {"choices": [{"message": {"content": '{"explanation": "x", "label": "factual"}'}}], "model": "m-2"}
    provider.next(acts.in_chunks(json.dumps(answered).encode()), acts.in_chunks(b" " * (9 * 2**20)))

    short, endless = replies(model(provider, price={"input": 1, "output": 1}), question(), question())

    assert isinstance(short, Good) and isinstance(endless, Never)
    assert (short.answer.model, short.answer.usage, short.answer.cost_nano_usd) == ("m-2", Usage(), None)
    assert "8 MB" in endless.failure.message


def test_a_certificate_that_cannot_be_trusted_ends_the_run(tmp_path: Path) -> None:
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("a certificate is made with openssl")
    made = [str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*command, "-keyout", made[0], "-out", made[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made[1], made[0])

    with Provider(certificate=context) as provider, pytest.raises(ProviderError, match="no secure connection"):
        reply(model(provider))


def test_equal_questions_have_equal_keys_and_any_difference_another_one(provider: Provider) -> None:
    def key(asked: Question | None = None, **details: Any) -> str:
        return Endpoint(model(provider, **details), board(), owner="o", environment={}).key(asked or question())

    same = key()

    assert len(same) == 64
    assert key(timeout_seconds=3, max_in_flight=1, price={"input": 1, "output": 1}) == same
    assert key(question(truncated=True)) == same
    others = [
        key(question("Else?")), key(question(labels=("factual", "other"))), key(question(explanation=False)),
        key(question(logprobs=True)), key(temperature=1), key(name="gpt-4o"), key(extra_body={"a": 1}),
    ]  # fmt: skip
    assert len({same, *others}) == 8


def test_two_hundred_at_once_are_all_under_way_together(provider: Provider) -> None:
    provider.latency_seconds = 0.5

    found = replies(model(provider, answers="json_schema"), *(question(f"{n}?") for n in range(200)), at_once=True)

    assert all(isinstance(each, Good) for each in found)
    assert provider.peak_in_flight > 100
