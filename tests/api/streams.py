"""A client of streamed answers: server-sent events as they come, a group of lines at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.service import WAIT_S, Service, bearer


class Lines:
    """What comes of a response."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.got: list[dict[str, str]] = []
        self._text = response.aiter_text()
        self._buffer = ""

    async def next(self) -> dict[str, str] | None:
        """The next group, by the names of its fields; None at the end."""
        while "\n\n" not in self._buffer:
            try:
                self._buffer += await asyncio.wait_for(anext(self._text), WAIT_S)
            except StopAsyncIteration:
                assert self._buffer == ""
                return None
        group, self._buffer = self._buffer.split("\n\n", 1)
        told = dict(line.split(": ", 1) if ": " in line else (line, "") for line in group.split("\n"))
        self.got.append(told)
        return told

    async def rest(self) -> list[dict[str, str]]:
        """All of it, what was read before as well."""
        while await self.next() is not None:
            pass
        return self.got


class Streamed(Lines):
    """An answer in the AI SDK's words."""

    @property
    def parts(self) -> list[dict[str, Any]]:
        """What was read so far, but for the end."""
        return [json.loads(group["data"]) for group in self.got if group.get("data", "[DONE]") != "[DONE]"]

    @property
    def types(self) -> list[str]:
        """Of what is part of the message, each once in a row."""
        kept = [part["type"] for part in self.parts if not part.get("transient")]
        return [type for number, type in enumerate(kept) if number == 0 or type != kept[number - 1]]

    @property
    def text(self) -> str:
        return "".join(part["delta"] for part in self.parts if part["type"] == "text-delta")

    @property
    def session_id(self) -> str:
        return str(self.parts[0]["messageMetadata"]["session_id"])

    @property
    def place(self) -> str:
        """Of the last group that has one."""
        return next(group["id"] for group in reversed(self.got) if "id" in group)

    @property
    def whole(self) -> bool:
        return self.got[-1].get("data") == "[DONE]"

    async def until(self, type: str) -> dict[str, Any]:
        """The next part of this type."""
        while (group := await self.next()) is not None:
            part = json.loads(group["data"]) if group.get("data", "[DONE]") != "[DONE]" else {"type": "[DONE]"}
            if part["type"] == type:
                found: dict[str, Any] = part
                return found
        raise AssertionError(f"no {type} came: {self.got[-8:]}")


@asynccontextmanager
async def streamed(
    service: Service,
    method: str,
    path: str,
    token: str | None = None,
    headers: dict[str, str] | None = None,
    **body: Any,
) -> AsyncIterator[Streamed]:
    """An answer that is told as it is written."""
    given = bearer(token or service.token) | (headers or {})
    content = {"json": body} if method == "POST" else {"params": body}
    async with service.http.stream(method, path, headers=given, **content) as response:
        if response.status_code != 200:
            raise AssertionError(f"{response.status_code}: {(await response.aread()).decode()}")
        assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Streamed(response)
