"""A running service for tests, and a small plain client that shows frames as they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect

from api.identity.auth import LocalAuth
from api.serve import in_process
from coordinator.settings import RATES, Settings

PROMPT = "A lighthouse keeper finds that the light has been signalling something back."
FINISHED = {"completed", "failed", "cancelled", "expired"}
# Shorter than the server keeps one: what is just being closed is not used again.
KEPT = httpx.Limits(keepalive_expiry=2)
WAIT_S = 30
"""How long a test waits for something that ought to come at once."""


@dataclass
class Service:
    url: str
    settings: Settings
    auth: LocalAuth
    http: httpx.AsyncClient
    token: str

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/stories"

    async def new_token(self) -> str:
        answer = await self.http.post("/api/auth/anonymous")
        return str(answer.json()["access_token"])

    def admin_token(self) -> str:
        return str(self.auth.issue(self.auth.local_user("admin"), admin=True)["access_token"])

    async def get(self, path: str, token: str | None = None, **params: Any) -> httpx.Response:
        return await self.http.get(path, headers=bearer(token or self.token), params=params)

    async def post(self, path: str, token: str | None = None, **body: Any) -> httpx.Response:
        # Of a chat the whole answer is asked for: it would else be streamed.
        headers = {**bearer(token or self.token), "Accept": "application/json"}
        return await self.http.post(path, headers=headers, json=body)

    async def story(self, token: str | None = None, prompt: str = PROMPT, **config: Any) -> str:
        """A finished story's session id."""
        async with self.socket(token) as socket:
            session_id = await socket.start(prompt, **config)
            await socket.until_finished(session_id)
        return session_id

    @asynccontextmanager
    async def socket(self, token: str | None = None) -> AsyncIterator[Socket]:
        # Frames that no test asks for would else keep it from hearing that the connection is closed.
        async with connect(self.ws_url, max_size=None, max_queue=None) as connection:
            socket = Socket(connection)
            await socket.send(type="auth", token=token or self.token)
            assert (await socket.receive())["type"] == "ready"
            yield socket


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []

    async def send(self, **frame: Any) -> None:
        await self.connection.send(json.dumps(frame))

    async def receive(self) -> dict[str, Any]:
        try:
            frame: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), WAIT_S))
        except TimeoutError:
            raise AssertionError(f"nothing more came in {WAIT_S} s, after {self.frames[-8:]}") from None
        self.frames.append(frame)
        return frame

    async def until(self, *types: str, **fields: Any) -> dict[str, Any]:
        """The next frame of one of these types with these fields; frames before it are kept in `frames`."""
        while True:
            frame = await self.receive()
            if frame["type"] in types and all(frame.get(key) == value for key, value in fields.items()):
                return frame

    async def start(self, prompt: str = PROMPT, request_id: str | None = None, **rest: Any) -> str:
        template = rest.pop("template", None)
        frame = {"type": "story.start", "request_id": request_id or str(uuid4()), "prompt": prompt, "config": rest}
        await self.send(**frame, **({"template": template} if template else {}))
        return str((await self.until("session.created"))["session_id"])

    async def until_finished(self, session_id: str | UUID) -> dict[str, Any]:
        while True:
            frame = await self.until("session.status", "session.snapshot", session_id=str(session_id))
            status = frame.get("status") or frame["session"]["status"]
            if status in FINISHED:
                return frame


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


LIMITS: dict[str, Any] = {
    **dict.fromkeys(RATES, "off"),
    "connections_per_user": 100_000,
    "connections_per_address": 100_000,
    "pages_at_work": 1_000_000,
}


@asynccontextmanager
async def serving(settings: Settings, **options: Any) -> AsyncIterator[Service]:
    """With no limits but those that the settings were given: a test is faster than a person."""
    not_told = {name: value for name, value in LIMITS.items() if name not in settings.model_fields_set}
    settings = settings.model_copy(update=not_told)
    async with in_process(settings, **options) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=WAIT_S, limits=KEPT) as http:
            yield Service(running.url, settings, LocalAuth.from_settings(settings), http, running.token)
