from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from evals_pipeline.llm.label_odds import odds
from evals_pipeline_tests.llm import provider as acts
from evals_pipeline_tests.llm.endpoints import answer, model, question
from evals_pipeline_tests.llm.provider import Provider

Token = tuple[str, Mapping[str, float]]


def choice(*tokens: Token) -> dict[str, object]:
    content = [
        {"token": text, "logprob": math.log(shares.get(text, 1.0)),
         "top_logprobs": [{"token": each, "logprob": math.log(share)} for each, share in shares.items()]}
        for text, shares in tokens
    ]  # fmt: skip
    return {"logprobs": {"content": content}}


def plain(text: str) -> Token:
    return text, {text: 1.0}


def said(*tokens: Token) -> str:
    return "".join(text for text, _ in tokens)


def test_probabilities_come_from_the_tokens_that_tell_the_labels_apart() -> None:
    tokens = (plain('{"label": "'), ("fact", {"fact": 0.8, "hall": 0.15, "x": 0.05}), plain("ual"), plain('"}'))

    found = odds(choice(*tokens), "factual", said(*tokens), ("factual", "hallucinated"))

    assert found == pytest.approx({"factual": 0.8, "hallucinated": 0.15})


def test_a_label_that_begins_like_another_is_followed_to_where_they_part() -> None:
    tokens = (
        plain('{"explanation": "so", "label": "'), ("very", {"very": 0.9, "not": 0.1}),
        (" good", {" good": 0.7, " bad": 0.3}), plain('"}'),
    )  # fmt: skip

    found = odds(choice(*tokens), "very good", said(*tokens), ("very good", "very bad", "not good"))

    assert found == pytest.approx({"very good": 0.63, "very bad": 0.27, "not good": 0.1})


def test_where_another_branch_holds_several_labels_nothing_is_said() -> None:
    tokens = (plain('{"label": "'), ("not", {"not": 0.6, "very": 0.4}), plain(' good"}'))

    assert odds(choice(*tokens), "not good", said(*tokens), ("very good", "very bad", "not good")) is None


def test_a_label_inside_another_is_told_apart_by_its_end() -> None:
    tokens = (plain('{"label": "'), plain("yes"), ('"}', {'"}': 0.75, ",": 0.25}))

    found = odds(choice(*tokens), "yes", said(*tokens), ("yes", "yes, but"))

    assert found == pytest.approx({"yes": 0.75, "yes, but": 0.25})


def test_quotes_that_share_a_token_with_the_label_do_not_hide_it() -> None:
    tokens = (plain('{"label":'), (' "fact', {' "fact': 0.9, ' "hall': 0.1}), plain('ual"}'))

    found = odds(choice(*tokens), "factual", said(*tokens), ("factual", "hallucinated"))

    assert found == pytest.approx({"factual": 0.9, "hallucinated": 0.1})


def test_a_label_that_the_explanation_mentions_is_not_taken_for_the_answer() -> None:
    tokens = (
        plain('{"explanation": "not '), ("factual", {"factual": 0.5, "x": 0.5}), plain('", "label": "'),
        ("factual", {"factual": 0.99, "hallucinated": 0.01}), plain('"}'),
    )  # fmt: skip

    found = odds(choice(*tokens), "factual", said(*tokens), ("factual", "hallucinated"))

    assert found == pytest.approx({"factual": 0.99, "hallucinated": 0.01})


def test_plain_words_are_understood_too() -> None:
    tokens = (plain("Explanation: so\nLabel:"), (" factual", {" factual": 0.6, " hallucinated": 0.4}))

    found = odds(choice(*tokens), "factual", said(*tokens), ("factual", "hallucinated"))

    assert found == pytest.approx({"factual": 0.6, "hallucinated": 0.4})


@pytest.mark.parametrize(
    "told", [{}, {"logprobs": None}, {"logprobs": {"content": []}}, {"logprobs": {"content": ["x"]}}]
)
def test_without_log_probabilities_nothing_is_said(told: dict[str, object]) -> None:
    assert odds(told, "a", json.dumps({"label": "a"}), ("a", "b")) is None


@pytest.mark.parametrize("form", ["json_schema", "text"])
def test_they_are_asked_for_and_read_where_the_endpoint_gives_them(provider: Provider, form: str) -> None:
    provider.probabilities = {"factual": 0.7, "hallucinated": 0.2}

    found = answer(model(provider, answers=form), question(logprobs=True))

    assert found.probabilities == pytest.approx({"factual": 0.7, "hallucinated": 0.2})
    assert (provider.asked[0].body["logprobs"], provider.asked[0].body["top_logprobs"]) == (True, 20)


def test_an_endpoint_without_them_gives_labels_all_the_same(provider: Provider) -> None:
    found = answer(model(provider), question(logprobs=True))

    assert (found.label, found.probabilities) == ("factual", None)


def test_an_endpoint_that_refuses_them_is_asked_without(provider: Provider) -> None:
    provider.next(acts.error(400, "top_logprobs must be at most 5", param="top_logprobs"))

    found = answer(model(provider), question(logprobs=True))

    assert (found.label, found.probabilities) == ("factual", None)
    assert "top_logprobs" not in provider.asked[-1].body and "logprobs" not in provider.asked[-1].body
