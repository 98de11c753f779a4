"""How sure a model was of its label, from the log-probabilities of the tokens it was written with.

The idea is G-Eval's (Liu et al. 2023, arXiv 2303.16634: scores weighted by the probabilities of their tokens); OpenAI's
cookbook ("Using logprobs") does the same for classification. It is an approximation: of each token only the likeliest
alternatives are told (OpenAI: 20), a label that is not among them counts as 0, and what was said before the label, such
as the explanation, is taken as given.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

TOP = 20
"""Alternatives asked for at each token; the most that OpenAI tells."""

_UNCLEAR = 0.01
"""More probability than this on an alternative that several labels begin with, and nothing is said."""

_KEY = re.compile(r'"label"\s*:\s*"|^[^\n\w]{0,9}label[^\n\w]{0,9}?[:=][ \t"\'`*]*', re.I | re.M)


def odds(choice: Mapping[str, Any], label: str, said: str, labels: Sequence[str]) -> dict[str, float] | None:
    """Label -> probability, summing to at most 1; None where the endpoint does not tell or labels cannot be told apart.

    Args:
        choice: The completion's choice, with `logprobs`.
        label: The label that was read from it.
        said: The text that it was read from.
        labels: All that might have been answered.
    """
    told = choice.get("logprobs")
    tokens = told.get("content") if isinstance(told, dict) else None
    if not isinstance(tokens, list) or not tokens or not all(isinstance(each, dict) for each in tokens):
        return None
    text = "".join(str(each.get("token", "")) for each in tokens)
    start = _start(text if said not in text else said, label)
    if start is None:
        return None
    return _followed(tokens, start + max(0, text.find(said)), label, labels)


def _start(text: str, label: str) -> int | None:
    """Where the label begins; the last place counts, since an explanation may mention it."""
    places = [key.end() for key in _KEY.finditer(text)]
    if places:
        return places[-1]
    found = text.casefold().rfind(label.casefold())
    return found if found >= 0 else None


def _followed(tokens: list[Any], start: int, label: str, labels: Sequence[str]) -> dict[str, float] | None:
    """Walk along the label's tokens until only one label can follow, and give each branch its probability.

    At every token the alternatives that lead to one other label only get their share of what is left.
    """
    spelled = {each: _spelled(each) for each in labels}
    shares = dict.fromkeys(labels, 0.0)
    left, at, done = 1.0, 0, ""
    for token in tokens:
        text = str(token.get("token", ""))
        at += len(text)
        if at <= start:
            continue
        lead = text[: len(text) - (at - start)] if not done else ""
        taken = done + _folded(text.removeprefix(lead), done)
        others = [(said.removeprefix(lead), share * left) for said, share in _others(token, lead)]
        branches = [(_ways(done + _folded(said, done), spelled), share) for said, share in others]
        if any(len(ways) > 1 and share > _UNCLEAR for ways, share in branches):
            return None
        for ways, share in branches:
            if len(ways) == 1:
                shares[ways[0]] += share
        left *= _probability(token)
        if len(_ways(taken, spelled)) <= 1:
            shares[label] += left
            return {each: min(1.0, share) for each, share in shares.items()}
        done = taken
    return None


def _ways(said: str, spelled: Mapping[str, str]) -> list[str]:
    """Labels that a text which begins with `said` may still be."""
    if not said:
        return list(spelled)
    ended = said.rstrip('"}*`. \n')
    return [label for label, text in spelled.items() if text.startswith(said) or text == ended]


def _others(token: Mapping[str, Any], lead: str) -> list[tuple[str, float]]:
    """What might have stood in the token's place, and how likely."""
    told = token.get("top_logprobs")
    alternatives = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    said = [(str(each.get("token", "")), _probability(each)) for each in alternatives]
    return [each for each in said if each[0] != token.get("token") and each[0].startswith(lead)]


def _probability(token: Mapping[str, Any]) -> float:
    told = token.get("logprob")
    return math.exp(min(0.0, told)) if isinstance(told, int | float) else 0.0


def _spelled(label: str) -> str:
    """As JSON writes it, which is as plain text does unless it holds quotes or backslashes."""
    return json.dumps(label.strip(), ensure_ascii=False)[1:-1].casefold()


def _folded(text: str, done: str) -> str:
    return text.casefold() if done else text.lstrip(" \t\n\"'`*").casefold()
