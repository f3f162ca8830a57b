"""A model's own measure: how many tokens it holds, and how many calls its server does at once.

Asked of a server of one's own, which says it in one of several ways; of the models of providers it is known from a
table. What nobody says is found out by the first refusal, and kept in `learned`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    import httpx2

ASK_S = 3.0
"""For a server to say it. One that is busy with somebody's text may need longer, and is asked again later."""
MOST_READ = 1_000_000
"""Bytes of what it says: a chat template is among it."""
LEAST_CONTEXT = 3_500
"""Tokens. With fewer, the rules of a step, what it is about and a section of the story have no room together."""
OWN_CONTEXT = 8_192
"""Tokens taken for granted of a server of one's own that does not say: what most people have."""
OLLAMA_CONTEXT = 4_096
"""Tokens that Ollama gives a model that is not loaded and names none: what is over it, it cuts off without a word."""
MOST_CONTEXT = 100_000_000

_LIMITS = ("loaded_context_length", "max_model_len", "context_length", "max_context_length", "context_window", "n_ctx")
_TOLD = re.compile(
    r"(?:maximum context length (?:is|of)|context (?:size|window|length)(?: is| of)?|n_ctx['\"]?[:= ]{1,3})"
    r"[^\d]{0,20}(\d{3,9})",
    re.IGNORECASE,
)
_NUM_CTX = re.compile(r"^num_ctx\s{1,40}(\d{3,9})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measure:
    """`context` is what request and answer may come to together, in tokens; None where nobody knows. `slots` are the
    calls that are done at once; None where it is not for us to say. `own` is a server of one's own, `sure` whether that
    was said and not assumed; `tokenizer` the address at which llama.cpp counts tokens."""

    context: int | None = None
    slots: int | None = None
    own: bool = False
    sure: bool = False
    tokenizer: str | None = None


def of_table(provider: str, model: str) -> Measure:
    """What is known of a provider's model. The table takes a third of a second to load, once."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, known = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return Measure()
    return Measure(context=known.context_window, sure=known.context_window is not None)


async def of_server(client: httpx2.AsyncClient, base_url: str, model: str, key: str | None) -> Measure:
    """What an OpenAI-compatible server of one's own says: llama.cpp at `/props`, vLLM, LM Studio and others among
    their models."""
    base, root = base_url.rstrip("/"), _root(base_url)
    props = await _asked(client, "GET", f"{root}/props", key)
    settings = props.get("default_generation_settings")
    context = _count(settings.get("n_ctx") if isinstance(settings, dict) else None) or _count(props.get("n_ctx"))
    if context:
        slots = _count(props.get("total_slots"))
        return Measure(context, slots, own=True, sure=True, tokenizer=f"{root}/tokenize")
    for address in (f"{base}/models", f"{root}/api/v0/models"):
        found = _listed(await _asked(client, "GET", address, key), model)
        if found:
            return Measure(found, own=True, sure=True)
    return Measure(OWN_CONTEXT, own=True)


async def of_ollama(client: httpx2.AsyncClient, base_url: str, model: str, key: str | None) -> Measure:
    """What Ollama has loaded the model with, or will load it with."""
    root = _root(base_url)
    running = (await _asked(client, "GET", f"{root}/api/ps", key)).get("models")
    for each in running if isinstance(running, list) else ():
        names = (each.get("name"), each.get("model")) if isinstance(each, dict) else ()
        known = model in names or f"{model}:latest" in names
        if known and (context := _count(each.get("context_length"))):
            return Measure(context, own=True, sure=True)
    shown = await _asked(client, "POST", f"{root}/api/show", key, {"model": model})
    found = _NUM_CTX.search(str(shown.get("parameters", "")))
    if found and (set_to := _count(int(found[1]))):
        return Measure(set_to, own=True, sure=True)
    info = shown.get("model_info")
    told = info.items() if isinstance(info, dict) else ()
    most = [_count(value) for name, value in told if name.endswith(".context_length")]
    return Measure(min([OLLAMA_CONTEXT, *filter(None, most)]), own=True)


async def count_tokens(client: httpx2.AsyncClient, address: str, text: str, key: str | None) -> int | None:
    """By llama.cpp's own tokenizer; None where it does not answer."""
    found = (await _asked(client, "POST", address, key, {"content": text})).get("tokens")
    return len(found) if isinstance(found, list) else None


def told_in(body: object) -> int | None:
    """The number of tokens that a refusal names as the most that fits; None where it names none."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping) and (named := _count(error.get("n_ctx"))):
        return named
    said = str(error.get("message", "")) if isinstance(error, Mapping) else str(body)
    found = _TOLD.search(said[:4_000])
    return _count(int(found[1])) if found else None


def is_overflow(body: object) -> bool:
    """Whether a refusal says that the request is longer than the context: in the words of those servers of which the
    models' library does not know it."""
    said = json.dumps(body, default=str)[:4_000].lower()
    return "exceed_context_size" in said or ("context" in said and ("exceed" in said or "too long" in said))


def _root(base_url: str) -> str:
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/").removesuffix("/v1")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _listed(answer: dict[str, Any], model: str) -> int | None:
    models = answer.get("data")
    entries = [each for each in models if isinstance(each, dict)] if isinstance(models, list) else []
    named = [each for each in entries if each.get("id") == model]
    return _limit(named or (entries if len(entries) == 1 else []))


def _limit(entries: Iterable[dict[str, Any]]) -> int | None:
    for entry in entries:
        meta = entry.get("meta")
        for name in _LIMITS:
            if found := _count(entry.get(name)) or (_count(meta.get(name)) if isinstance(meta, dict) else None):
                return found
    return None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 < value <= MOST_CONTEXT else None


async def _asked(
    client: httpx2.AsyncClient, method: str, address: str, key: str | None, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The JSON object that is answered; an empty one where there is none, for whatever reason, or not in time."""
    import httpx2

    # Not packed: what a small answer unfolds to is then no question.
    headers = {"accept-encoding": "identity"} | ({"authorization": f"Bearer {key}"} if key else {})
    try:
        # The client's own timeout is for each piece.
        async with (
            asyncio.timeout(ASK_S),
            client.stream(method, address, headers=headers, json=body, timeout=ASK_S) as response,
        ):
            if not response.is_success:
                return {}
            read = bytearray()
            async for piece in response.aiter_bytes():
                read += piece
                if len(read) > MOST_READ:
                    return {}
        found = json.loads(read)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
