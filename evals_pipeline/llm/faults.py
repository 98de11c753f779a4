"""What to do about a reply that is no answer: wait and try again, give up on the question, or end the run."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson

from evals_pipeline.core.calls import Failure
from evals_pipeline.llm.forms import Form
from evals_pipeline.llm.headers import quota, retry_after
from evals_pipeline.llm.replies import Again, Never
from evals_pipeline.llm.scrubbing import scrubbed

_NO_MONEY = {
    "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated",
    "access_terminated", "insufficient_user_quota",
}  # fmt: skip
_NO_CREDIT = re.compile(r"credit balance is too low|insufficient (?:account )?(?:balance|credits)", re.I)
_BAD_KEY = re.compile(
    r"(?:api.?key|token) (?:is )?(?:not valid|invalid|expired)|(?:invalid|incorrect|missing) api.?key", re.I
)
"""Google's endpoint says so with a 400."""
_NO_MODEL = {"model_not_found", "deploymentnotfound", "invalid_model", "deployment_not_found"}
_FILTERS = {"content_filter", "content_policy_violation", "responsibleaipolicyviolation"}
_FLAGGED = re.compile(r"moderat|flagged|content[ _](?:filter|polic|management)", re.I)
_UNSUPPORTED = re.compile(
    r"unsupported|not (?:yet )?support|n[o']t support|unrecogni[sz]ed|unknown|unexpected|extra inputs|not permitted|"
    r"not allowed|not available|not implemented|no endpoints found",
    re.I,
)
_FORM_WORDS = {
    "json_schema": re.compile(
        r"response_?format|schema|structured.?output|requested parameters|guided|grammar|input should be 'text'",
        re.I,
    ),
    "tool": re.compile(r"\btool|function|response_?format|requested parameters", re.I),
    "text": re.compile(r"(?!)"),
}
_TOO_LONG = {"context_length_exceeded", "string_above_max_length"}
_ABOUT_QUESTION = re.compile(
    r"context (?:length|window|size)|too (?:long|many tokens|large)|invalid schema for|content management", re.I
)
_READ_LENGTH = 4_000
_MAYBE_WORKED_ON = {408, 502, 504, 520, 522, 524, 598, 599}
"""A gateway gave up on a model that may have been at work."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An error reply.

    Attributes:
        message: The provider's words, on one line and without keys.
        raw: The provider's words as they came.
        code: Lower case, as are `kind` and `param`; empty where the reply does not say.
    """

    status: int
    message: str
    raw: str
    code: str = ""
    kind: str = ""
    param: str = ""
    is_json: bool = True


def refused(status: int, body: bytes, secrets: Collection[str]) -> Refused:
    """Read an error reply, in OpenAI's form or any other."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raw = re.sub(r"<[^>]*>", " ", body[:_READ_LENGTH].decode("utf-8", "replace"))
        return Refused(status, scrubbed(raw, secrets) or _phrase(status), raw, is_json=False)
    told = value.get("error", value) if isinstance(value, dict) else value
    if status < 300 and told is not value:
        status = _disguised(told)
    if isinstance(told, list) and told:
        told = told[0].get("error", told[0]) if isinstance(told[0], dict) else told[0]
    if not isinstance(told, dict):
        told = {"message": told}
    raw = _text(told.get("message") or told.get("detail") or told.get("error") or value)[:_READ_LENGTH]
    code, kind, param = (_text(told.get(name) or "").lower() for name in ("code", "type", "param"))
    return Refused(status, scrubbed(raw, secrets) or _phrase(status), raw, code, kind, param)


def parameter_at_fault(fault: Refused, sent: Collection[str]) -> str | None:
    """The one parameter of those `sent` that the endpoint does not take, as far as the reply says."""
    if fault.status not in (400, 422) or not _UNSUPPORTED.search(f"{fault.code} {fault.raw}"):
        # How many alternatives are told differs; better none than no answer.
        is_odds = fault.status in (400, 422) and "logprobs" in sent and "logprobs" in f"{fault.param} {fault.raw}"
        return "logprobs" if is_odds else None
    if fault.param in sent:
        return fault.param
    named = [name for name in sent if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", fault.raw, re.I)]
    return min(named, key=fault.raw.lower().find) if named else None


def blames_form(fault: Refused, form: Form) -> bool:
    """Whether the endpoint cannot give answers in `form`, by its own words."""
    is_other = fault.code in _NO_MODEL or _is_about_question(fault)
    fits = fault.status in (400, 404, 405, 422, 500, 501) and not is_other
    return fits and _FORM_WORDS[form].search(f"{fault.raw} {fault.param}") is not None


def may_be_form(fault: Refused) -> bool:
    """Whether an endpoint that cannot give an answer in the form asked for might say this."""
    return fault.status in (400, 422, 500, 501) and not _is_about_question(fault)


def is_about_everything(fault: Refused) -> str | None:
    """A hint when every other call would fail alike; else None. `{key_name}` stands for the key's variable."""
    if fault.status == 402 or {fault.code, fault.kind} & _NO_MONEY or _NO_CREDIT.search(fault.raw):
        return "the account has no money left"
    if (
        fault.status == 401
        or (fault.status == 400 and _BAD_KEY.search(fault.raw))
        or (fault.status == 403 and not _FLAGGED.search(fault.raw))
    ):
        return "check the key in {key_name}"
    if fault.code in _NO_MODEL or (fault.status == 404 and fault.is_json):
        return "check `name` and `base_url`"
    if fault.status in (404, 405) or 300 <= fault.status < 400:
        return "check `base_url`: no chat completions there"
    return None


def reply_to(fault: Refused, error_type: str, headers: Mapping[str, str]) -> Again | Never:
    """The reply for one question that failed."""
    if fault.status in (408, 409, 425, 429) or fault.status >= 500:
        is_refusal = fault.status == 429
        wait = retry_after(headers, fault.raw)
        charged = fault.status in _MAYBE_WORKED_ON
        return Again(error_type, told(fault), wait, is_refusal, charged, quota(headers))
    return Never(Failure(error_type, told(fault)), quota(headers))


def told(fault: Refused) -> str:
    """The fault for people."""
    return f"{fault.message} (HTTP {fault.status})"


def no_completion(fault: Refused) -> Again:
    """The reply for a question that was answered with something else than a completion, or only half of one."""
    message = f"the reply is no chat completion: {fault.message[:200]}"
    return Again("APIResponseValidationError", message, may_be_charged=True)


def _is_about_question(fault: Refused) -> bool:
    return bool({fault.code, fault.kind} & (_FILTERS | _TOO_LONG)) or _ABOUT_QUESTION.search(fault.raw) is not None


def _disguised(told: object) -> int:
    """The status of an error that came with 200, as OpenRouter sends them."""
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no message"


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
