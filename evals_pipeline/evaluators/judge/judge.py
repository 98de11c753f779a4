"""A judge with its model: what the engine, the hub and notebooks see of it. It asks nobody; `llm` does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evals_pipeline.core.calls import Answer, Question
from evals_pipeline.core.errors import ConfigError, EvaluatorError, did_you_mean
from evals_pipeline.core.evaluator import EXPLANATION_LENGTH, AnnotatorKind, EvaluationResult, Variable
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.evaluators.judge.sections import left_out, readable, sections
from evals_pipeline.evaluators.judge.template import Template, read_template
from evals_pipeline.evaluators.judge.wording import FORMAT, case_text, system_text

_VERSION_DIGITS = 12


@dataclass(frozen=True)
class Judge:
    """An LLM judge, ready to put questions and to read answers.

    Raises:
        ConfigError: The spec cannot be a judge; `field` is the dotted place inside its file.
    """

    spec: JudgeSpec
    model: ModelSpec

    def __post_init__(self) -> None:
        _refuse_unknown(self.spec.variables, self._template.variables)
        _refuse_odd_labels(self.spec.choices)
        if self.spec.score == "logprobs":
            _refuse_null_scores(self.spec.choices)

    @property
    def name(self) -> str:
        """Its name in the hub."""
        return self.spec.name

    @cached_property
    def version(self) -> str:
        """Hash of everything that decides its answers and scores: texts, choices, model, and how we word questions."""
        decisive = {
            "format": FORMAT,
            "template": self._template.instructions,
            "choices": list(self.spec.choices.items()),
            "explanation": self.spec.explanation,
            "score": self.spec.score,
            "max_value_tokens": self.spec.max_value_tokens,
            "model": self.model.identity(),
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:_VERSION_DIGITS]

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """What a task must map, in the order of the template; all are text."""
        return tuple(
            Variable(name, self.spec.variables.get(name) or _undescribed(name)) for name in self._template.variables
        )

    @property
    def parameters(self) -> Mapping[str, object]:
        """Nothing: all that can be set is in the judge's file."""
        return {}

    @property
    def annotator_kind(self) -> AnnotatorKind:
        """LLM."""
        return AnnotatorKind.LLM

    @property
    def labels_and_scores(self) -> Mapping[str, float | None]:
        """Label -> score, as in its choices."""
        return self.spec.choices

    @property
    def description(self) -> str:
        """What it says of a unit, in a sentence or a few."""
        return self.spec.description

    @property
    def source(self) -> str:
        """The messages as they are sent, with placeholders for values and codes."""
        names = self._template.variables
        shown = "\n\n".join(f"<{name}-…>\n(the value of {name})\n</{name}-…>" for name in names)
        return f"system:\n\n{self._system['content']}\n\nuser:\n\n{case_text(shown, is_cut=False)}"

    def question(self, values: Mapping[str, str]) -> Question:
        """What to ask about one unit; equal values give equal questions.

        Args:
            values: The text of every variable. A missing value is the caller's to skip: it is never judged.
        """
        shown, is_cut = sections(values, self._template.variables, self.spec.max_value_tokens)
        return Question(
            messages=(self._system, {"role": "user", "content": case_text(shown, is_cut=is_cut)}),
            labels=self._labels,
            explanation=self.spec.explanation,
            logprobs=self.spec.score == "logprobs",
            truncated=is_cut,
        )

    def result(self, answer: Answer) -> EvaluationResult:
        """What `answer` means for its unit; raises EvaluatorError for a label outside the choices.

        With `score: logprobs` the score is the mean of the choices' scores, weighted by the probabilities of their
        labels: sum(p * score) / sum(p). Where the endpoint told no probabilities it is the chosen label's, and
        `metadata["score_from"]` says which of the two it is.
        """
        if answer.label not in self.spec.choices:
            labels = ", ".join(self.spec.choices)
            raise EvaluatorError(f"{answer.label!r} is none of the choices; there is: {labels}")
        expected = self._expected_score(answer.probabilities)
        score = self.spec.choices[answer.label] if expected is None else expected
        return EvaluationResult(score, answer.label, _fitting(answer.explanation), self._metadata(answer, expected))

    def evaluate(self, **values: object) -> EvaluationResult:
        """Ask about one unit now, from a notebook; also inside a running event loop.

        Args:
            values: A value for every variable; what is no text is shown as JSON.

        Returns:
            The result; `metadata` also holds model, tokens, cost in USD (null when the price is unknown), latency in
            milliseconds and whether a value was truncated.

        Raises:
            MappingError: A variable is not given, or something else is.
            EvaluatorError: A value is missing (None), or the model gave no usable answer.
            ProviderError: The provider refuses every call: wrong key, unknown model, exhausted account.
        """
        from evals_pipeline.evaluators.judge.asking import ask_one  # equipment that no definition needs

        return ask_one(self, values)

    @cached_property
    def _template(self) -> Template:
        return read_template(self.spec.template)

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return tuple(self.spec.choices)

    @cached_property
    def _system(self) -> Mapping[str, str]:
        template = self._template
        text = system_text(template.instructions, template.variables, self._labels, explanation=self.spec.explanation)
        return {"role": "system", "content": text}

    def _expected_score(self, probabilities: Mapping[str, float] | None) -> float | None:
        if self.spec.score != "logprobs" or not probabilities:
            return None
        known = [
            (probabilities[label], score or 0.0) for label, score in self.spec.choices.items() if label in probabilities
        ]
        total = sum(probability for probability, _ in known)
        return sum(probability * score for probability, score in known) / total if total > 0 else None

    def _metadata(self, answer: Answer, expected: float | None) -> dict[str, Any]:
        told: dict[str, Any] = {
            "calls": answer.calls,
            "cached_tokens": answer.usage.cached_tokens or None,
            "reasoning_tokens": answer.usage.reasoning_tokens or None,
            "request_id": answer.request_id,
            "probabilities": dict(answer.probabilities) if answer.probabilities else None,
        }
        if self.spec.score == "logprobs":
            told["score_from"] = "label" if expected is None else "probabilities"
        return {name: value for name, value in told.items() if value is not None}


def _fitting(explanation: str | None) -> str | None:
    """The explanation as tables and write-backs can hold it; null when there is none."""
    text = readable(explanation or "").strip()
    if len(text) <= EXPLANATION_LENGTH:
        return text or None
    kept = EXPLANATION_LENGTH - len(left_out(len(text))) - 1
    return f"{text[:kept]} {left_out(len(text) - kept)}"


def _undescribed(name: str) -> str:
    return f"what the template means by {{{name}}}; a word that is meant literally is written \\{{{name}}}"


def _refuse_unknown(described: Mapping[str, str], variables: tuple[str, ...]) -> None:
    for name in described:
        if name not in variables:
            there_is = ", ".join(variables)
            raise ConfigError(
                f"{name!r} is described, but the template has no {{{name}}}; it has: {there_is}",
                field=f"variables.{name}",
                hint=did_you_mean(name, variables),
            )


def _refuse_odd_labels(choices: Mapping[str, float | None]) -> None:
    for label in choices:
        if label != label.strip() or not label.isprintable():
            raise ConfigError(
                f"the label {label!r} has white space at an end or a character that cannot be seen",
                field="choices",
                hint=f"write {''.join(filter(str.isprintable, label)).strip()!r}",
            )


def _refuse_null_scores(choices: Mapping[str, float | None]) -> None:
    without = [label for label, score in choices.items() if score is None]
    if without:
        raise ConfigError(
            f"`score: logprobs` weighs scores, but these labels have none: {', '.join(without)}",
            field="score",
            hint="give every choice a score, or remove `score`",
        )
