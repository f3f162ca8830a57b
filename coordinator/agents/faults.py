"""Why a model gave no usable answer, in words for a writer. Never a key, a header or the body of a request."""

from __future__ import annotations

import re
from typing import Literal

from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    OutputTokenLimitExceeded,
    UserError,
)

from coordinator.errors import ModelFailed
from coordinator.llm import measure
from coordinator.llm.http import is_quota
from coordinator.llm.learned import Mode
from coordinator.storable import storable
from coordinator.story.brief import BriefKind

CallKind = BriefKind | Literal["talk", "minutes"]
"""Of a story's steps, and of a chat: an answer, and what is put down of it."""

LATER = "Resume the story in a while."
OTHER = "Choose another model, then resume the story."
OWNER = "The owner of this server must mend that, or choose another model; then resume the story."

THINGS: dict[CallKind, str] = {
    "brainstorm": "the first ideas",
    "outline": "the outline",
    "outline-review": "the review of the outline",
    "draft": "this section",
    "record": "the notes for the story bible",
    "notes": "the reader's notes",
    "lore-review": "the lore review",
    "review": "the verdict",
    "revise": "this section",
    "polish": "this section",
    "rewrite": "this passage",
    "talk": "an answer",
    "minutes": "the notes of the talk",
}
"""What a step of this kind was to bring forth, as a writer calls it."""

LONGEST_SAID = 200
"""Characters of a provider's own words that are told on."""
_SECRET = re.compile(r"(?=[A-Za-z]{0,200}[\d*_+/=-])[\w*+/=.-]{12,}")
"""What could be a key, or a part of one: many letters with something else among them."""

LONGEST_READ = 4000
"""Characters of a refusal that are looked at."""

REFUSING_STATUSES = frozenset({400, 404, 405, 413, 415, 422, 500, 501})
"""Of a request that a server can't do anything with; some say it as a failure of their own."""
_NO_TOOLS = re.compile(
    r"\b(?:tools?|functions?)(?:[ _](?:output|calls?|calling|use|choice))?\W{1,3}(?:is |are )?"
    r"(?:not supported|unsupported|not allowed)"
    r"|(?:not|n't) (?:currently )?support (?:the )?(?:use of )?(?:[`'\"]?tools?\b|functions?\b|tool_choice\b)"
    r"|\bsupport tool use\b|enable-auto-tool-choice|unsupported\W{1,3}(?:parameter|value)\W{1,5}tools?\b"
    r"|(?:unrecognized|unknown|unexpected)[^.]{0,40}\W(?:tools|tool_choice)\b",
    re.IGNORECASE,
)
_NO_SCHEMA = re.compile(
    r"response_?format|json_?schema|structured[ _]outputs?|guided[ _](?:json|decoding)|\bgrammar\b", re.IGNORECASE
)
_NO_MODE = {"tool": _NO_TOOLS, "schema": _NO_SCHEMA}
_CODE = re.compile(r"[A-Za-z][A-Za-z_.]{0,59}|\d{1,6}")
"""A provider's own fixed word. Anything else may repeat what was sent, or a key."""


class Fault(Exception):
    """One call that failed: what happened, what a person can do, and whether the same model may be asked again."""

    def __init__(
        self,
        what: str,
        remedy: str,
        *,
        again: bool = False,
        pause: bool = False,
        last: bool = False,
        spoilt: bool = False,
        weak: bool = False,
        refusal: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        """`again` where asking once more may help; `pause` where a moment should pass before that; `last` where no
        other model may take over; `spoilt` where what was written so far is nothing to go on from; `weak` where the
        model could be reached and did not do what it was asked; `refusal` where it said that it would not."""
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.again = again
        self.pause = pause
        self.last = last
        self.spoilt = spoilt
        self.weak = weak
        self.refusal = refusal
        self.retry_after_s = retry_after_s


def refused(model: str, kind: CallKind) -> Fault:
    return Fault(
        f"The model {model} refused to write {THINGS[kind]}.",
        "Change the prompt or choose another model, then resume the story.",
        again=True,
        spoilt=True,
        weak=True,
        refusal=True,
    )


def asked_back(model: str, kind: CallKind) -> Fault:
    return Fault(
        f"The model {model} asked questions back instead of writing {THINGS[kind]}.",
        "Say more in the prompt or choose another model, then resume the story.",
        again=True,
        spoilt=True,
        weak=True,
    )


def foreign(model: str, kind: CallKind, language: str) -> Fault:
    what = f"The model {model} wrote {THINGS[kind]} in {language}, which is not the language of the story."
    return Fault(what, OTHER, again=True, spoilt=True, weak=True)


def _to(kind: CallKind) -> str:
    return "" if kind == "talk" else f" for {THINGS[kind]}"


def empty(model: str, kind: CallKind) -> Fault:
    return Fault(f"The model {model} sent an empty answer{_to(kind)}.", OTHER, again=True, spoilt=True, weak=True)


def cut_off(model: str, kind: CallKind) -> Fault:
    return Fault(
        f"The model {model} reached its limit of length before it had finished {THINGS[kind]}.",
        "Choose a model that may write longer answers, then resume the story.",
        again=True,
        weak=True,
    )


def looped(model: str, kind: CallKind) -> Fault:
    what = f"The model {model} went round in circles while it was writing {THINGS[kind]}."
    return Fault(what, OTHER, again=True, spoilt=True, weak=True)


def ran_on(model: str, kind: CallKind) -> Fault:
    what = f"The model {model} did not come to an end with {THINGS[kind]}."
    return Fault(what, OTHER, again=True, spoilt=True, weak=True)


def overflowed(model: str, kind: CallKind) -> Fault:
    """The request was longer than the model's context: it is cut, and asked again."""
    return Fault(
        f"What the model {model} was given to read for {THINGS[kind]} is longer than it can take in.",
        "Choose a model with a larger context, then resume the story.",
        weak=True,
    )


def too_small(what: str) -> Fault:
    """`what` says so of the model, and what to do."""
    return Fault(what, "Then resume the story.")


def too_long_a_text(model: str, kind: CallKind) -> Fault:
    what = f"The model {model} can't hold {THINGS[kind]} and write it anew."
    return Fault(what, "Choose a model with a larger context.", weak=True)


def astray(model: str, kind: CallKind) -> Fault:
    what = f"The model {model} did not go on from where {THINGS[kind]} was cut off."
    return Fault(what, OTHER, again=True, spoilt=True, weak=True)


def broken(model: str) -> Fault:
    return Fault(f"The connection to the model {model} broke while it was writing.", LATER, again=True, pause=True)


def stopped(model: str, kind: CallKind) -> Fault:
    what = f"The model {model} stopped in the middle of {THINGS[kind]}."
    return Fault(what, LATER, again=True, pause=True)


def silent(model: str, seconds: float) -> Fault:
    return Fault(f"The model {model} fell silent for {seconds:g} s.", LATER, again=True, pause=True)


def nonsense(model: str, kind: CallKind) -> Fault:
    return Fault(
        f"The model {model} did not give {THINGS[kind]} in the form that was asked for, even when told what was wrong.",
        "Choose a more capable model, then resume the story.",
        weak=True,
    )


def is_without(mode: Mode, error: AgentRunError | UserError) -> bool:
    """Whether the error says that the model, or its server as it was started, can't be asked for a typed answer so."""
    if isinstance(error, ModelHTTPError):
        said = str(error.body)[:LONGEST_READ] if error.status_code in REFUSING_STATUSES else ""
    else:
        said = str(error) if isinstance(error, UserError) else ""
    return mode != "prompt" and _NO_MODE[mode].search(said) is not None


def is_overflow(error: AgentRunError | UserError) -> bool:
    """Whether the error says that the request is longer than the context."""
    if isinstance(error, ModelContextWindowExceededError):
        return True
    return (
        isinstance(error, ModelHTTPError) and error.status_code in REFUSING_STATUSES and measure.is_overflow(error.body)
    )


def fault_of(
    error: AgentRunError | UserError,
    model: str,
    kind: CallKind,
    *,
    tries: int,
    begun: bool,
    own_key: str | None = None,
) -> Fault:
    """What a library's error means. `tries` is how often the HTTP client asked; `begun`, whether an answer had begun:
    only then was nothing tried again yet; `own_key` the provider, where the call was made with the writer's own key."""
    if own_key is not None and (fault := _own_key_fault(error, model, own_key)) is not None:
        return fault
    if isinstance(error, ContentFilterError):
        return refused(model, kind)
    if isinstance(error, OutputTokenLimitExceeded):
        return cut_off(model, kind)
    if isinstance(error, ModelAPIError):
        return _api_fault(error, model, tries=tries, begun=begun or error.in_stream)
    if isinstance(error, UserError):
        return Fault(f"The model {model} can't be used for {THINGS[kind]}.", OTHER)
    return nonsense(model, kind)


def _own_key_fault(error: AgentRunError | UserError, model: str, provider: str) -> Fault | None:
    """What only the writer can mend. No fallback hides it: that would go on at the server's cost."""
    status = f" ({error.status_code})" if isinstance(error, ModelHTTPError) else ""
    if _is_key_refused(error):
        return Fault(
            f"Your own key for {provider} was refused{status}.",
            "Store a key that works or delete this one, then resume the story.",
            last=True,
        )
    if _is_account_empty(error):
        return Fault(
            f"The account of your own key for {provider} has no credit left{status}.",
            f"Mend that at {provider}, store another key or delete this one; then resume the story.",
            last=True,
        )
    if isinstance(error, ModelNotFoundError):
        what = f"The model {model} is not known to {provider}, or your own key may not use it{status}."
        return Fault(what, "Write a new story with another model.", last=True)
    return None


def _is_key_refused(error: Exception) -> bool:
    # Google says it as a bad request.
    return isinstance(error, ModelAuthenticationError) or (
        isinstance(error, ModelHTTPError) and "API_KEY_INVALID" in str(error.body)
    )


def _is_account_empty(error: Exception) -> bool:
    return isinstance(error, ModelQuotaExceededError) or (
        isinstance(error, ModelAPIError) and is_quota(error.provider_error_code or "")
    )


def _api_fault(error: ModelAPIError, model: str, *, tries: int, begun: bool) -> Fault:
    status = f" ({error.status_code})" if isinstance(error, ModelHTTPError) else ""
    often = "" if begun else f" and did not recover after {tries} tries" if tries > 1 else ""
    if _is_account_empty(error):
        return Fault(f"The account that pays for {model} has no credit left{status}.", OWNER)
    if isinstance(error, ModelRateLimitError):
        what = f"The model {model} is asking for fewer requests{status}{often}."
        return Fault(what, LATER, again=begun, pause=True, retry_after_s=error.retry_after)
    if isinstance(error, ModelOverloadedError | ModelUnavailableError):
        what = f"The model {model} is overloaded or down{status}{often}."
        return Fault(what, LATER, again=begun, pause=True, retry_after_s=error.retry_after)
    if isinstance(error, ModelServerError):
        return Fault(f"The server of the model {model} failed{status}{often}.", LATER, again=begun, pause=True)
    if isinstance(error, ModelRequestRejectedError):
        return _rejected(error, model, status)
    if isinstance(error, ModelTimeoutError | ModelRequestTimeout) and not begun:
        return Fault(f"The model {model} did not answer in time{often}.", LATER)
    if isinstance(error, ModelConnectionError):
        if begun or error.phase == "read":
            return broken(model)
        return Fault(f"The model {model} can't be reached{often}.", f"Check that its server runs. {LATER}")
    if error.in_stream:
        what = f"The model {model} reported an error while it was writing{status}."
        return Fault(what, LATER, again=True, pause=True)
    if isinstance(error, ModelHTTPError):
        return Fault(f"The server of the model {model} failed{status}.", LATER)
    return Fault(f"The model {model} sent an answer that can't be read.", OTHER, again=True, pause=True)


def _rejected(error: ModelRequestRejectedError, model: str, status: str) -> Fault:
    if _is_key_refused(error):
        return Fault(f"The key for the model {model} was rejected{status}.", OWNER)
    if isinstance(error, ModelNotFoundError):
        return Fault(f"The model {model} is not known to its provider{status}.", OWNER)
    code = error.provider_error_code or ""
    named = f" {code}" if _CODE.fullmatch(code) and not code.isdigit() else ""
    said = own_words(error.body) if isinstance(error, ModelHTTPError) else ""
    why = f": “{said}”" if said else f":{named}" if named else ""
    return Fault(f"The provider of the model {model} did not accept the request{status}{why}.", OTHER)


def own_words(body: object) -> str:
    """What a provider itself says of a refusal, in one short line: nothing in it could be a key, and nothing of what it
    was sent is repeated at length."""
    error = body.get("error", body) if isinstance(body, dict) else body
    said = error.get("message", "") if isinstance(error, dict) else error
    if not isinstance(said, str):
        return ""
    line = _SECRET.sub("…", " ".join(storable(said[:LONGEST_READ]).split())).rstrip(".")
    return line if len(line) <= LONGEST_SAID else line[:LONGEST_SAID].rsplit(" ", 1)[0] + " …"


def model_failed(faults: list[Fault]) -> ModelFailed:
    """The error for the writer: what each model of the chain did, and the remedy for the chosen one, or for the one
    that ended the chain."""
    what = " ".join(dict.fromkeys(fault.what for fault in faults))
    waits = [fault.retry_after_s for fault in faults if fault.retry_after_s is not None]
    remedy = next((fault.remedy for fault in faults if fault.last), faults[0].remedy)
    return ModelFailed(f"{what} {remedy}", retry_after_s=min(waits, default=None))


def of_a_talk(failed: ModelFailed) -> ModelFailed:
    """The same for who talks with an agent: there is no story to resume."""
    said = failed.message.replace("Resume the story in a while", "Try again in a while")
    said = said.replace("then resume the story", "then try again")
    return ModelFailed(said, retry_after_s=failed.retry_after_s)
