"""Which models there are, who may choose them, and how they are reached.

Imports no model library until a model is wanted: a node that only serves the studio starts without them.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import math
import os
import random
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from coordinator.chat.talk import Talk
from coordinator.errors import InvalidMessage, Misconfigured
from coordinator.llm.learned import MODES, Learned, Memory, Mode
from coordinator.llm.measure import LEAST_CONTEXT, Measure, count_tokens, of_ollama, of_server, of_table
from coordinator.llm.prices import price_of
from coordinator.llm.tokens import tokens_of

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider
    from pydantic_ai.settings import ModelSettings

    from coordinator.settings import Settings
    from coordinator.story.brief import Brief

OFFLINE = "offline:storyteller"
MEASURED_S = 300.0
"""How long a measure holds: a server of one's own may be started anew with another context."""
ASSUMED_S = 20.0
"""How long one holds that nobody has said: by the next step a model may be loaded."""
OLLAMA_URL = "http://localhost:11434/v1"
"""Where Ollama is, unless OLLAMA_BASE_URL says otherwise."""
OWN_SILENCE = 5
"""A server of one's own may take so many times as long to read a request before it writes: nothing is paid for it."""
NO_KEY = "no-key-was-set"
"""Sent to a server of one's own that asks for none. The OpenAI key of the environment is never sent there."""

MOST_MEASURED = 1_000
"""Models whose measure is remembered; writers with keys of their own may name any number."""
_NO_SLOT = nullcontext()

KEY_PROVIDERS = frozenset(
    {"anthropic", "cerebras", "deepseek", "fireworks", "google", "moonshotai", "openai", "openrouter", "together"}
)
"""Providers that a writer may bring a key of their own for: one key is all they need, and the client is the shared one.

Where each is reached is fixed, or set by the server's owner: a writer's key is never sent to an address of theirs."""

_OWN_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][\w.:/@+-]{0,150}", re.ASCII)
"""What a writer may put after the provider: some providers make it a part of an address."""
_OWNERS_ACCOUNT = frozenset({"authorization", "x-api-key", "openai-organization", "openai-project"})
"""Headers that the environment may have set for the owner's account."""
_SHOWN = 60
WARMER = 0.1
"""By which the temperature rises from attempt to attempt."""
_TEMPERATURE_TO_ONE = frozenset({"anthropic", "bedrock", "bedrock-mantle", "mistral", "cohere"})
"""Providers that refuse a temperature above 1."""


class ModelInfo(BaseModel):
    """A model that a writer may choose."""

    model_config = ConfigDict(frozen=True)

    name: str
    default: bool = Field(description="whether it writes when nothing is chosen")
    offline: bool = Field(description="whether it is the built-in storyteller")
    description: str


class Models:
    """The models of one node. Providers and their one HTTP client are made when first used and shared by all calls."""

    def __init__(self, settings: Settings, *, backoff_s: float = 1.0) -> None:
        """`backoff_s` is the first wait before a request is tried again; it doubles from try to try."""
        self.timeout_s = settings.model_timeout_s
        self.attempts = settings.model_attempts
        self.continues = settings.model_continues
        self._settings = settings
        self._backoff_s = backoff_s
        self._turns = asyncio.Semaphore(settings.model_concurrency)
        self._client: httpx2.AsyncClient | None = None
        self._asking: httpx2.AsyncClient | None = None
        self._providers: dict[str, Provider[Any]] = {}
        self._models: dict[str, Model] = {}
        self._keys: Mapping[str, SecretStr] = {}
        self._shared: Models | None = None
        self._memory = Memory()
        self._measures: dict[tuple[str, bool], tuple[float, Measure]] = {}
        """By name and whether it is called with a writer's own key, with the time at which each is to be asked for
        again."""
        self._slots: dict[str, asyncio.Semaphore] = {}

    def available(self) -> list[ModelInfo]:
        """What writers may choose, the default first. offline:storyteller is always among them."""
        return [
            ModelInfo(
                name=name,
                default=name == self._settings.default_model,
                offline=name == OFFLINE,
                description=self._description(name),
            )
            for name in self._names()
        ]

    def check(self, name: str | None, own: Collection[str] = ()) -> str:
        """The model to use for what was chosen; nothing chosen is the default. `own` are the providers that the writer
        has keys of their own for: any model of theirs may be chosen.

        Raises InvalidMessage, naming the choices, for any other model: a writer must not make the server call
        providers, or spend money on models, that its owner did not name.
        """
        if name is None:
            return self._settings.default_model
        if self.listed(name):
            return name
        provider = key_provider(name)
        if provider in own and _OWN_NAME.fullmatch(name.partition(":")[2]):
            return name
        shown = name if len(name) <= _SHOWN else name[:_SHOWN] + "…"
        with_key = f" With a key of your own for {provider} you may choose any of its models." if provider else ""
        raise InvalidMessage(
            f"The model {shown!r} can't be chosen here. Choose one of: {', '.join(self._names())}.{with_key}"
        )

    def listed(self, name: str) -> bool:
        """Whether it is among those that the server's owner named."""
        return name in self._names()

    def key_providers(self, name: str) -> set[str]:
        """Which keys of their own a writer's story with this model might use."""
        chain = [] if name == OFFLINE else [name, *self._settings.fallback_models]
        return {provider for each in chain if (provider := key_provider(each))}

    async def with_keys(self, name: str, keys: Mapping[str, SecretStr]) -> Models:
        """These models for one run of a writer's with that model: calls to a provider in `keys` are made with the key
        there, all others as ever. Nothing of it needs closing, and nothing else ever uses the keys.

        Raises Misconfigured as `verify`.
        """
        if not keys:
            return self
        self._http_client()
        theirs = copy.copy(self)
        theirs._shared, theirs._keys, theirs._providers, theirs._models = self, dict(keys), {}, {}
        # Now and in a thread: it may have to import the provider's library.
        await asyncio.to_thread(theirs._prepare, name)
        return theirs

    def check_priced(self, name: str) -> None:
        """Raises InvalidMessage where that model, or one to fall back on, has no known price: money spent on it could
        not be counted."""
        for each in [name] if name == OFFLINE else [name, *self._settings.fallback_models]:
            if each != OFFLINE and price_of(each) is None:
                raise InvalidMessage(f"The model {each} has no known price: set a budget of tokens.")

    def own_key(self, name: str) -> str | None:
        """The provider, where calls to this model are made with the writer's own key for it."""
        provider = key_provider(name)
        return provider if provider in self._keys else None

    def chain(self, name: str) -> list[str]:
        """The chosen model and then those to fall back on, in order. The built-in one falls back on nothing.

        Raises InvalidMessage as `check` does: a story may be resumed after its model was taken from the settings.
        """
        name = self.check(name, self._keys)
        if name == OFFLINE:
            return [name]
        return list(dict.fromkeys([name, *self._settings.fallback_models]))

    def resolve(self, name: str, asked: Brief | Talk | None = None, so_far: str = "") -> Model:
        """The pydantic-ai model of that one name, which `chain` has named. Raises Misconfigured, as `verify`.

        `asked` is what the built-in one answers, which can't do without it, and `so_far` what of a brief it need not
        write again; others are told in the request.
        """
        if name == OFFLINE and asked is not None:
            from coordinator.llm.offline import offline_model, offline_partner

            pace = self._settings.offline_words_per_second
            if isinstance(asked, Talk):
                return offline_partner(name, asked, pace)
            return offline_model(name, asked, pace, so_far)
        if self._shared is not None and self.own_key(name) is None:
            return self._shared.resolve(name, asked)
        if name not in self._models:
            self._models[name] = self._build(name)
        return self._models[name]

    def model_settings(
        self,
        name: str,
        attempt: int,
        temperature: float,
        *,
        seed: int | None = None,
        max_tokens: int | None = None,
        own: bool = False,
    ) -> ModelSettings:
        """How a model is to write. A seed is varied by attempt, or a refused answer would come again; `max_tokens` is
        what its answer may come to, `own` whether it is on a server of one's own."""
        if name == OFFLINE:
            return {}
        # What a first attempt has run aground on, a second is to come to by another way.
        temperature += WARMER * (attempt - 1)
        if name.partition(":")[0] in _TEMPERATURE_TO_ONE:
            temperature = min(temperature, 1.0)
        silence = self.timeout_s * (OWN_SILENCE if own else 1)
        chosen: ModelSettings = {
            "temperature": min(temperature, 2.0),
            "timeout": silence,
            # A server may send signs of life for ever and no answer: the longest that all tries can take.
            "first_event_timeout": self.attempts * (silence + 60),
        }
        if max_tokens is not None:
            chosen["max_tokens"] = max_tokens
        if seed is not None:
            chosen["seed"] = (seed + attempt) % 2**31
        return chosen

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """One of the node's places for model calls, and one of the server's where it has said how many it has. The
        built-in model needs none: no provider has to bear it."""
        if name == OFFLINE:
            yield
            return
        # Who waits for a server with few places keeps none of the node's from calls to others.
        async with self._slots.get(name, _NO_SLOT), self._turns:
            yield

    def crowded(self, name: str) -> bool:
        """Whether a call to this model would now have to wait for its turn."""
        slots = self._slots.get(name)
        return name != OFFLINE and (self._turns.locked() or (slots is not None and slots.locked()))

    def learned(self, name: str) -> Learned:
        """What this node has learned of a model by using it. Shared by all its users: nothing of it is anybody's."""
        return self._memory.of(name)

    def modes(self, name: str, own: bool) -> list[Mode]:
        """How to ask this model for a typed answer, in the order in which to try.

        As it is set; else as it worked last; else a server of one's own is held to a schema, which small models need,
        and a provider is asked for the call of a tool, which all of them know.
        """
        if name == OFFLINE:
            return ["tool"]
        chosen = self._settings.model_output
        if chosen != "auto":
            return [chosen]
        known = self.learned(name)
        order = [known.mode, *(("schema", "tool") if own else ("tool", "schema")), "prompt"]
        return [mode for mode in dict.fromkeys(order) if mode is not None and mode not in known.without] or [MODES[-1]]

    async def measure(self, name: str) -> Measure:
        """What this model holds, as far as can be told: set, said by its server, known of it, or learned.

        Remembered for MEASURED_S. A server that does not answer in time delays it by a few seconds at the most.
        """
        if name == OFFLINE:
            return Measure()
        now = asyncio.get_running_loop().time()
        key = name, self.own_key(name) is not None
        until, found = self._measures.get(key, (0.0, Measure()))
        if until <= now:
            before, found = found, await self._asked(name)
            if found != before and found.own and found.sure:
                # Started anew with another, perhaps: what a refusal of the old one said is history. Where nobody says
                # it, a refusal is all there is to go by.
                self.learned(name).context = None
            if len(self._measures) >= MOST_MEASURED:
                self._measures.clear()
            self._measures[key] = (now + (MEASURED_S if found.sure else ASSUMED_S), found)
            if found.slots is not None and (found.slots != before.slots or name not in self._slots):
                self._slots[name] = asyncio.Semaphore(found.slots)
        if self._settings.model_context is not None:
            return replace(found, context=self._settings.model_context, sure=True)
        learned = self.learned(name).context
        if learned is not None and (found.context is None or learned < found.context):
            return replace(found, context=learned)
        return found

    async def count(self, name: str, text: str, measure: Measure) -> int:
        """How many tokens a text has: by its server's tokenizer where there is one, else estimated, and corrected by
        what earlier requests really had."""
        if measure.tokenizer is not None:
            counted = await count_tokens(self._asking_client(), measure.tokenizer, text, self._server_key())
            if counted is not None:
                return counted
        return math.ceil(tokens_of(text) * self.learned(name).ratio)

    def seconds(self, name: str, tokens_in: int, tokens_out: int) -> float | None:
        """How long calls may take that read and write so much, by how fast this node has seen the model; None where it
        has not."""
        if name == OFFLINE:
            pace = self._settings.offline_words_per_second
            return tokens_out / pace if pace else 0.0
        return self.learned(name).seconds(tokens_in, tokens_out)

    async def check_room(self, name: str) -> None:
        """Raises InvalidMessage where the model's server says that it holds too little for any story."""
        measure = await self.measure(name)
        if measure.sure and measure.context is not None and measure.context < LEAST_CONTEXT:
            raise InvalidMessage(too_small(name, measure.context))

    def overflowed(self, name: str, told: int | None, asked: int) -> None:
        """That a request of about so many tokens was too long: for one of `told` tokens, where it was said."""
        known = self.learned(name)
        known.context = told if told is not None else max(asked * 3 // 4, LEAST_CONTEXT)
        self._measures.pop((name, self.own_key(name) is not None), None)

    async def _asked(self, name: str) -> Measure:
        provider, _, model = name.partition(":")
        key = self._server_key()
        if provider == "openai" and self._settings.model_base_url and self.own_key(name) is None:
            return await of_server(self._asking_client(), self._settings.model_base_url, model, key)
        if provider == "ollama":
            return await of_ollama(self._asking_client(), _ollama_url(), model, os.environ.get("OLLAMA_API_KEY"))
        return await asyncio.to_thread(of_table, provider, model)

    def _server_key(self) -> str | None:
        key = self._settings.model_api_key
        return key.get_secret_value() if key is not None else None

    def _asking_client(self) -> httpx2.AsyncClient:
        """For questions that are asked once: who does not answer has not answered."""
        home = self._shared or self
        if home._asking is None:
            from coordinator.llm.http import plain_client

            home._asking = plain_client()
        return home._asking

    def pause_s(self, tries: int) -> float:
        """How long to wait before a call that broke in the middle is made again, after so many tries."""
        jitter = random.uniform(0, self._backoff_s)  # noqa: S311 nothing is kept secret by it
        return float(min(self._backoff_s * 2 ** (tries - 1) + jitter, 30.0))

    def verify(self) -> None:
        """Builds every configured model, without a call to the network. Raises Misconfigured telling all faults found.

        It imports the providers' libraries, which takes up to a second or two: at start-up, best in a thread.
        """
        faults = []
        for name in self._names():
            if name == OFFLINE:
                continue
            try:
                self._models[name] = self._build(name)
            except Misconfigured as fault:
                faults.append(fault.message)
        if faults:
            raise Misconfigured(" ".join(faults))

    async def close(self) -> None:
        """Closes the connections to all providers."""
        client, self._client = self._client, None
        self._models.clear()
        self._providers.clear()
        asking, self._asking = self._asking, None
        for each in (client, asking):
            if each is not None:
                await each.aclose()

    def _prepare(self, name: str) -> None:
        for each in (name, *self._settings.fallback_models):
            if self.own_key(each):
                self._models[each] = self._build(each)

    def _names(self) -> list[str]:
        settings = self._settings
        return list(dict.fromkeys([settings.default_model, *settings.models, *settings.fallback_models, OFFLINE]))

    def _description(self, name: str) -> str:
        if name == OFFLINE:
            return "built in, no key needed; its tales come from a fixed set of forms and words"
        provider = name.partition(":")[0]
        if provider == "openai" and self._settings.model_base_url:
            return "on an OpenAI-compatible server that this service's owner chose"
        return f"by {provider}"

    def _build(self, name: str) -> Model:
        provider, _, model = name.partition(":")
        if not provider or not model:
            raise Misconfigured(f"The model {name!r} is not a provider:name, as openai:gpt-5 or ollama:llama3.")

        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model

        from coordinator.llm.door import Door

        # Plain `openai` would be OpenAI's Responses API, which compatible servers do not speak.
        kind = "openai-chat" if provider == "openai" else provider
        try:
            return Door(infer_model(f"{kind}:{model}", provider_factory=self._provider), own=self._is_own(name))
        except ImportError as error:
            raise Misconfigured(
                f"The model {name} needs a library that is not installed: pip install 'pydantic-ai-slim[{provider}]'."
            ) from error
        except (UserError, ValueError) as error:
            raise Misconfigured(_told(name, str(error))) from error

    def _is_own(self, name: str) -> bool:
        provider = name.partition(":")[0]
        at_address = provider == "openai" and self._settings.model_base_url is not None and self.own_key(name) is None
        return at_address or provider == "ollama"

    def _provider(self, kind: str) -> Provider[Any]:
        if kind not in self._providers:
            provider = self._new_provider(kind)
            # The HTTP client already tries again; the SDK's own retries would multiply its tries.
            if hasattr(provider.client, "max_retries"):
                provider.client.max_retries = 0
            if self._shared is not None:
                _forget_account(provider.client)
            self._providers[kind] = provider
        return self._providers[kind]

    def _new_provider(self, kind: str) -> Provider[Any]:
        from pydantic_ai.providers import infer_provider_class

        make = infer_provider_class(kind)
        parameters = inspect.signature(make).parameters
        options: dict[str, Any] = {}
        # A few SDKs still take the older httpx client only; those keep a client, and retries, of their own.
        if "http_client" in parameters and "httpx.AsyncClient" not in str(parameters["http_client"].annotation):
            options["http_client"] = self._http_client()
        own = self._keys.get(_key_provider_of(kind))
        if kind == "ollama":
            options["base_url"] = _ollama_url()
        if kind in ("openai-chat", "openai-responses"):
            key, address = self._settings.model_api_key, self._settings.model_base_url
            if address:
                _check_address(address)
                options["base_url"] = address
            if key is not None or address:
                options["api_key"] = key.get_secret_value() if key is not None else NO_KEY
        if own is not None:
            options["api_key"] = own.get_secret_value()
        return make(**options)

    def _http_client(self) -> httpx2.AsyncClient:
        if self._client is None:
            from coordinator.llm.http import retrying_client

            self._client = retrying_client(attempts=self.attempts, timeout_s=self.timeout_s, backoff_s=self._backoff_s)
        return self._client


def too_small(name: str, context: int) -> str:
    """What a person is told of a model that holds too little."""
    return (
        f"The model {name} has a context of {context} tokens, and a story needs {LEAST_CONTEXT}: start its server "
        "with a larger one (llama-server: -c 8192; Ollama: OLLAMA_CONTEXT_LENGTH=8192), or choose another model."
    )


def _ollama_url() -> str:
    return os.environ.get("OLLAMA_BASE_URL") or OLLAMA_URL


def key_provider(name: str) -> str | None:
    """The provider of a `provider:name`, where a writer may bring a key of their own for it."""
    provider = _key_provider_of(name.partition(":")[0])
    return provider if provider in KEY_PROVIDERS else None


def _key_provider_of(kind: str) -> str:
    return "openai" if kind in ("openai-chat", "openai-responses") else kind


def _forget_account(client: Any) -> None:
    """A writer's key goes without what the environment says of the owner's account, which a provider would refuse,
    or even take in the key's stead."""
    for name in ("organization", "project", "admin_api_key"):
        if hasattr(client, name):
            setattr(client, name, None)
    # The SDKs of OpenAI and Anthropic have no public way to drop a header that they took from the environment.
    if headers := getattr(client, "_custom_headers", None):
        client._custom_headers = {name: value for name, value in headers.items() if name.lower() not in _OWNERS_ACCOUNT}


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misconfigured("STORYLOOM_MODEL_BASE_URL must be an address as http://localhost:8080/v1.")


def _told(name: str, reason: str) -> str:
    """A library's complaint about a model, as a sentence that says what to set."""
    if wanted := re.search(r"`([A-Z][A-Z0-9_]*(?:KEY|TOKEN|URL))`", reason):
        other = " (or STORYLOOM_MODEL_API_KEY)" if wanted[1] == "OPENAI_API_KEY" else ""
        return f"The model {name} needs {wanted[1]}{other} to be set in the environment."
    if "nknown provider" in reason or "nknown model" in reason:
        return f"The model {name} names a provider that is not known: write it as openai:gpt-5 or ollama:llama3."
    return f"The model {name} can't be used: {reason.partition(chr(10))[0].rstrip('.')}."
