"""Models with a writer's own keys: what goes to the provider, and what of the server's stays out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import (
    ModelAuthenticationError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRequestRejectedError,
)
from pydantic_ai.messages import ModelRequest

from coordinator.agents.faults import fault_of
from coordinator.errors import InvalidMessage
from coordinator.llm.models import KEY_PROVIDERS, OFFLINE, Models
from tests.model_server import ModelServer
from tests.unit.llm.test_llm import brief, settings

OWN = "sk-of-the-writer"
ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-owner",
    "ANTHROPIC_API_KEY": "sk-owner",
    "OPENAI_ORG_ID": "org-owner",
    "OPENAI_PROJECT_ID": "project-owner",
    "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-owner\nX-Gateway: yes",
    "ANTHROPIC_CUSTOM_HEADERS": "Authorization: Bearer sk-owner\nX-Api-Key: sk-owner\nX-Gateway: yes",
    "GOOGLE_API_KEY": "sk-owner",
}


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as made:
        yield made


@pytest.fixture
async def models() -> AsyncIterator[Models]:
    made = Models(settings(model_attempts=1, fallback_models=[OFFLINE]))
    yield made
    await made.close()


async def headers_sent(models: Models, name: str, server: ModelServer) -> dict[str, str]:
    before = len(server.requests)
    try:
        await model_request(models.resolve(name, brief()), [ModelRequest.user_text_prompt("A lamp.")])
    except ModelHTTPError as error:
        assert error.status_code == 404
    assert len(server.requests) == before + 1
    return server.requests[-1].headers


@pytest.mark.parametrize("provider", sorted(KEY_PROVIDERS))
async def test_every_provider_is_built_with_the_writers_key_and_the_shared_client(
    models: Models, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    name = f"{provider}:a-vendor/some-model"
    theirs = await models.with_keys(name, {provider: SecretStr(OWN)})
    client: Any = theirs.resolve(name, brief()).provider.client  # type: ignore[union-attr]
    key = client._api_client.api_key if provider == "google" else client.api_key
    http = client._api_client._async_httpx_client if provider == "google" else client._client
    assert key == OWN and http is models._http_client()
    # Nobody else's models have it, those of another run of the server's included.
    assert models.own_key(name) is None and theirs.own_key(name) == provider
    with pytest.raises(InvalidMessage):
        models.chain(name)


@pytest.mark.parametrize(
    ("name", "variable"), [("openai:x", "OPENAI_BASE_URL"), ("anthropic:claude-x", "ANTHROPIC_BASE_URL")]
)
async def test_nothing_of_the_owners_account_goes_with_a_writers_key(
    models: Models, server: ModelServer, monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    for variable_name, value in {**ENVIRONMENT, variable: server.url}.items():
        monkeypatch.setenv(variable_name, value)
    theirs = await models.with_keys(name, {name.partition(":")[0]: SecretStr(OWN)})
    sent = await headers_sent(theirs, name, server)
    assert OWN in (sent.get("authorization", "") + sent.get("x-api-key", ""))
    assert "owner" not in str(sent)
    # What a way through a gateway of the owner's asks for is kept: the owner chose that the calls go there.
    assert sent["x-gateway"] == "yes"


async def test_calls_to_other_providers_are_the_servers(server: ModelServer) -> None:
    models = Models(
        settings(model="openai:listed", model_base_url=server.url, model_api_key="sk-server", model_attempts=1)
    )
    theirs = await models.with_keys("openai:listed", {"anthropic": SecretStr(OWN)})
    assert theirs.resolve("openai:listed", brief()) is models.resolve("openai:listed", brief())
    assert (await headers_sent(theirs, "openai:listed", server))["authorization"] == "Bearer sk-server"
    await models.close()


async def test_runs_at_once_each_use_their_own(server: ModelServer) -> None:
    models = Models(settings(model="openai:listed", model_base_url=server.url, model_attempts=1))

    async def run(number: int) -> tuple[str, str]:
        theirs = await models.with_keys("openai:listed", {"openai": SecretStr(f"sk-{number}")})
        model = theirs.resolve("openai:listed", brief())
        await model_request(model, [ModelRequest.user_text_prompt(f"Story {number} of many.")])
        return f"Story {number} of many.", f"Bearer sk-{number}"

    told = dict(await asyncio.gather(*(run(number) for number in range(20))))
    seen = {request.text.splitlines()[-1]: request.headers["authorization"] for request in server.requests}
    assert seen == told
    await models.close()


def test_which_keys_a_story_might_use() -> None:
    models = Models(settings(model="openai:a", fallback_models=["anthropic:b", "ollama:c", "openai-responses:d"]))
    assert models.key_providers("google:x") == {"google", "anthropic", "openai"}
    assert models.key_providers(OFFLINE) == set()


@pytest.mark.parametrize(
    ("category", "status", "body", "says"),
    [
        (ModelAuthenticationError, 401, None, "Your own key for google was refused (401)."),
        (ModelAuthenticationError, 403, None, "Your own key for google was refused (403)."),
        (ModelQuotaExceededError, 402, None, "The account of your own key for google has no credit left (402)."),
        (
            ModelNotFoundError,
            404,
            None,
            "The model google:x is not known to google, or your own key may not use it (404).",
        ),
        (
            ModelRequestRejectedError,
            400,
            {"error": {"details": [{"reason": "API_KEY_INVALID"}]}},
            "Your own key for google was refused (400).",
        ),
    ],
)
def test_what_only_the_writer_can_mend_ends_the_chain(category: Any, status: int, body: Any, says: str) -> None:
    error = ModelHTTPError.for_category(category, status_code=status, model_name="x", body=body)
    own = fault_of(error, "google:x", "draft", tries=1, begun=False, own_key="google")
    assert own.what == says and own.last and not own.again
    servers = fault_of(error, "google:x", "draft", tries=1, begun=False)
    assert "own key" not in servers.what and not servers.last
