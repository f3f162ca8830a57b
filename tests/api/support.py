"""What the tests of the doors share: tokens made by hand, raw frames, and the shape of a refusal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import jwt
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.errors import STATUS, Problem
from api.live.protocol import CONNECTION_FRAME
from tests.model_server import ModelServer
from tests.service import WAIT_S, Service, Socket

JWT_SECRET = "a secret of the tests that is long enough for every algorithm they try to sign with"
TEST_MODEL = "openai:test"
MUSE = "You are the muse of a writers' room"
"""In what a model is asked for an answer of a chat, and not in what it is asked for a title."""
BUFFER_BYTES = 8192
"""Of a socket, where the kernel is to hold little of what nobody reads."""


def signed(*, secret: str = JWT_SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    """A good token but for what is changed; None leaves a claim out."""
    now = int(time.time())
    claims = {
        "iss": "storyloom",
        "sub": str(uuid4()),
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": now + 600,
        **changed,
    }
    return jwt.encode({key: value for key, value in claims.items() if value is not None}, secret, algorithm)


@asynccontextmanager
async def raw(service: Service, **options: Any) -> AsyncIterator[Socket]:
    """A connection on which nothing has been said yet."""
    async with connect(service.ws_url, max_size=None, max_queue=None, **options) as connection:
        yield Socket(connection)


async def answers(socket: Socket, *frames: str | bytes) -> list[dict[str, Any]]:
    """What the server says to these frames. A pong to our own ping shows that socket and server live on."""
    t = str(uuid4())
    for frame in frames:
        await socket.connection.send(frame)
    await socket.send(type="ping", t=t)
    told = []
    while (frame := await socket.receive()) != {"type": "pong", "t": t}:
        told.append(frame)
    return told


async def refusal(socket: Socket, frame: dict[str, Any] | str | bytes) -> dict[str, Any]:
    """The one `error` that a frame gets, on a socket that lives on."""
    told = await answers(socket, json.dumps(frame) if isinstance(frame, dict) else frame)
    assert [answer["type"] for answer in told] == ["error"], told
    return checked_error(told[0])


def checked_error(frame: dict[str, Any]) -> dict[str, Any]:
    CONNECTION_FRAME.validate_python(frame)
    assert frame["code"] in STATUS and frame["message"].strip() and isinstance(frame["retryable"], bool)
    return frame


async def closed(connection: ClientConnection) -> tuple[int, list[dict[str, Any]]]:
    """The close code, and the frames before it."""
    told: list[dict[str, Any]] = []
    try:
        while True:
            told.append(json.loads(await asyncio.wait_for(connection.recv(), WAIT_S)))
    except ConnectionClosed as close:
        return (close.rcvd.code if close.rcvd else 1006), told


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The one envelope of every refusal over REST."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    Problem.model_validate(told, extra="forbid")
    assert told["code"] == code and told["status"] == status
    assert told["title"] and told["detail"].strip() and told["type"] == "about:blank"
    if status == 401:
        assert response.headers["www-authenticate"] == "Bearer"
    return told


@asynccontextmanager
async def held_story(service: Service, model: ModelServer, token: str | None = None) -> AsyncIterator[str]:
    """A story that runs for as long as the block: its model has been asked and does not answer."""
    model.open.clear()
    before = len(model.requests)
    try:
        async with service.socket(token) as socket:
            session_id = await socket.start(pages=1, model=TEST_MODEL)
            await socket.until("step.started")
            while len(model.requests) == before:
                await asyncio.sleep(0.005)
        yield session_id
    finally:
        model.open.set()
