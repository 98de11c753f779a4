"""What the prebuilt checks mean: one plain class each. Whatever else computes a verdict must agree with these."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import ClassVar

import regex

from evals_pipeline.core.errors import EvaluatorError
from evals_pipeline.core.evaluator import EvaluationResult

REGEX_FLAGS = regex.VERSION0 | regex.ASCII
"""`regex` in the mode that follows Python's `re`; `\\d \\w \\s \\b` and ignoring case know ASCII only."""


def fold(text: str) -> str:
    """`text` without upper and lower case: every character on its own becomes exactly one character.

    That is Unicode's simple case folding, except that a dotted capital I becomes a plain i. A sharp s stays one
    character and equals only its own capital.
    """
    if text.isascii():
        return text.lower()
    return "".join(folded if len(folded := char.casefold()) == 1 else char.lower()[0] for char in text)


def is_word_character(char: str) -> bool:
    """Whether `char` is a letter, mark or number of any script, or an underscore."""
    return char == "_" or unicodedata.category(char)[0] in "LMN"


@dataclass(frozen=True)
class MatchesRegex:
    r"""Whether the text matches a regular expression.

    The pattern is read by the `regex` package, whose syntax is that of Python's `re` with additions. It is searched for
    anywhere in the text unless `full_match` is set. `\d`, `\w`, `\s` and `\b` mean ASCII characters, and
    `case_sensitive: false` ignores the case of A to Z only. A search that takes longer than a second is an error.
    """

    pattern: str
    full_match: bool = False
    case_sensitive: bool = True

    TRUE: ClassVar = EvaluationResult(1.0, "matches", "The text matches the pattern.")
    FALSE: ClassVar = EvaluationResult(0.0, "no_match", "The text does not match the pattern.")
    TIMEOUT_SECONDS: ClassVar = 1.0
    TIMED_OUT: ClassVar = f"timed out: the pattern was searched for longer than {TIMEOUT_SECONDS:g} s"

    def evaluate(self, text: str) -> EvaluationResult:
        """The verdict on `text`; raises EvaluatorError when the search takes too long."""
        compiled = regex.compile(self.pattern, REGEX_FLAGS | (0 if self.case_sensitive else regex.IGNORECASE))
        find = compiled.fullmatch if self.full_match else compiled.search
        try:
            found = find(text, timeout=self.TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise EvaluatorError(self.TIMED_OUT) from error
        return self.TRUE if found else self.FALSE


@dataclass(frozen=True)
class JsonParseable:
    """Whether the whole text is one JSON value, as RFC 8259 defines it.

    `NaN` and `Infinity` are not JSON, nor are trailing commas, comments or a byte order mark. A key may occur twice, a
    number may have any size, and a string may escape half of a surrogate pair. Text that nests deeper than 500 levels
    is not parseable: the RFC leaves the limit to the parser.
    """

    TRUE: ClassVar = EvaluationResult(1.0, "parseable", "The text is valid JSON.")
    FALSE: ClassVar = EvaluationResult(0.0, "not_parseable", "The text is not valid JSON.")
    MAX_NESTING: ClassVar = 500

    def evaluate(self, text: str) -> EvaluationResult:
        """The verdict on `text`."""
        if self._nesting(text) > self.MAX_NESTING:
            return self.FALSE
        try:
            json.loads(text, parse_constant=self._refuse, parse_int=str, parse_float=str)
        except ValueError:
            return self.FALSE
        return self.TRUE

    @staticmethod
    def _nesting(text: str) -> int:
        deepest = depth = 0
        for bracket in re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL)):
            depth += 1 if bracket in "[{" else -1
            deepest = max(deepest, depth)
        return deepest

    @staticmethod
    def _refuse(constant: str) -> str:
        raise ValueError(f"{constant} is not JSON")


@dataclass(frozen=True)
class Keywords:
    """What the two keyword checks share: what it means that a text contains a keyword."""

    keywords: tuple[str, ...]
    case_sensitive: bool = False
    whole_words: bool = False

    def contains(self, text: str, keyword: str) -> bool:
        """Whether `keyword` stands in `text`; as a whole word: with no word character directly beside it."""
        if not self.case_sensitive:
            text, keyword = fold(text), fold(keyword)
        start = text.find(keyword)
        while self.whole_words and start >= 0:
            beside = text[max(start - 1, 0) : start] + text[start + len(keyword) :][:1]
            if not any(map(is_word_character, beside)):
                break
            start = text.find(keyword, start + 1)
        return start >= 0


@dataclass(frozen=True)
class ContainsAnyKeyword(Keywords):
    """Whether the text contains at least one of the keywords.

    Upper and lower case are the same unless `case_sensitive` is set, in every script. With `whole_words` a keyword
    counts only where no letter, mark, number or underscore stands directly before or after it.
    """

    TRUE: ClassVar = EvaluationResult(1.0, "contains", "The text contains at least one of the keywords.")
    FALSE: ClassVar = EvaluationResult(0.0, "missing", "The text contains none of the keywords.")

    def evaluate(self, text: str) -> EvaluationResult:
        """The verdict on `text`."""
        return self.TRUE if any(self.contains(text, keyword) for keyword in self.keywords) else self.FALSE


@dataclass(frozen=True)
class ContainsAllKeywords(Keywords):
    """Whether the text contains every one of the keywords.

    Upper and lower case are the same unless `case_sensitive` is set, in every script. With `whole_words` a keyword
    counts only where no letter, mark, number or underscore stands directly before or after it.
    """

    TRUE: ClassVar = EvaluationResult(1.0, "contains", "The text contains all of the keywords.")
    FALSE: ClassVar = EvaluationResult(0.0, "missing", "The text lacks at least one of the keywords.")

    def evaluate(self, text: str) -> EvaluationResult:
        """The verdict on `text`."""
        return self.TRUE if all(self.contains(text, keyword) for keyword in self.keywords) else self.FALSE


@dataclass(frozen=True)
class ExactMatch:
    r"""Whether the text equals the expected text, character by character.

    What is expected is the parameter `expected`, or a variable of that name where the parameter is not given. With
    `strip_whitespace` blanks, `\t`, `\n`, `\r`, `\v` and `\f` at both ends of both texts do not count. Composed and
    decomposed accents are different characters.
    """

    expected: str | None = None
    case_sensitive: bool = True
    strip_whitespace: bool = False

    TRUE: ClassVar = EvaluationResult(1.0, "match", "The text equals the expected text.")
    FALSE: ClassVar = EvaluationResult(0.0, "mismatch", "The text differs from the expected text.")
    WHITESPACE: ClassVar = " \t\n\r\v\f"

    def evaluate(self, text: str, expected: str | None = None) -> EvaluationResult:
        """The verdict on `text`."""
        wanted = self.expected if self.expected is not None else expected
        if wanted is None:
            raise EvaluatorError("there is no expected text to compare with")
        return self.TRUE if self._plain(text) == self._plain(wanted) else self.FALSE

    def _plain(self, text: str) -> str:
        text = text.strip(self.WHITESPACE) if self.strip_whitespace else text
        return text if self.case_sensitive else fold(text)
