"""An unmodified `useChat` of the AI SDK on two nodes: it sends, has answers written anew, edits, stops, is loaded anew in
the middle of an answer, and has it to its end from another node when the first was killed."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.node import Node
from tests.chaos.test_storm import Size, machines
from tests.npm import fetched
from tests.service import WAIT_S, bearer

FILES = Path(__file__).parents[1] / "clients" / "chat"
SIZE = Size(nodes=2, stories=0, kills=0, writers=1, at_once=1, words_per_second=6)
TEXT = "A lighthouse keeper named Mara finds that the light has been signalling something back to her every night."
TAKEN_UP_S = 60

State = dict[str, Any]


class Page:
    """A process with `useChat` in it, and what each of its chats has, as it was told last."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._moved = asyncio.Condition()
        self.chats: dict[str, State] = {}

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._moved:
                state = json.loads(line)
                self.chats[state["name"]] = self.chats.get(state["name"], {}) | state
                self._moved.notify_all()

    async def do(self, what: str, name: str, **more: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, "name": name, **more}).encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, name: str, seen: Callable[[State], bool], within_s: float = WAIT_S) -> State:
        """The chat's state as soon as it is so."""
        try:
            async with asyncio.timeout(within_s), self._moved:
                await self._moved.wait_for(lambda: name in self.chats and seen(self.chats[name]))
                return self.chats[name]
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s, but {self.chats.get(name)}") from None

    async def writing(self, name: str, words: int) -> State:
        """Some words of an answer are there, and it is not whole."""
        return await self.until(
            name, lambda state: state["status"] == "streaming" and len(text(state).split()) >= words
        )

    async def ready(self, name: str, messages: int) -> State:
        """So many messages are there, the last an answer that is whole."""
        return await self.until(name, lambda state: state["status"] == "ready" and len(state["messages"]) == messages)


def text(state: State) -> str:
    """Of the answer that is written, or was last."""
    last = state["messages"][-1]
    return (
        "".join(part["text"] for part in last["parts"] if part["type"] == "text") if last["role"] == "assistant" else ""
    )


@asynccontextmanager
async def page(folder: Path) -> AsyncIterator[Page]:
    files = await asyncio.to_thread(fetched, FILES, "no useChat was run")
    shutil.copy(FILES / "talk.mjs", folder / "talk.mjs")
    shutil.copy(FILES / "package.json", folder / "package.json")
    (folder / "node_modules").symlink_to(files / "node_modules")
    process = await asyncio.create_subprocess_exec(
        "node", "talk.mjs", cwd=folder, stdin=-1, stdout=-1, limit=2**24, start_new_session=True
    )
    made = Page(process)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


class Kept:
    """What the database has of a chat, read through a node."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.session_id = ""

    async def messages(self, node: Node) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(base_url=node.url, timeout=WAIT_S, headers=bearer(self.token)) as http:
            answer = await http.get(f"/api/v1/sessions/{self.session_id}/messages")
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["messages"]
            return found

    async def check_last(self, node: Node, state: State) -> None:
        """The last answer is as it is kept."""
        last = (await self.messages(node))[-1]
        assert text(state) == last["content"] and last["content"] and not last["metadata"].get("stopped")

    async def check(self, node: Node, state: State) -> None:
        """The client has what is kept: as many messages, in their order, with their texts."""
        kept = await self.messages(node)
        assert [one["role"] for one in state["messages"]] == [one["role"] for one in kept]
        assert [plain(one) for one in state["messages"]] == [one["content"] for one in kept]
        assert [one["id"] for one in state["messages"] if one["role"] == "assistant"] == [
            one["id"] for one in kept if one["role"] == "assistant"
        ]


def plain(message: dict[str, Any]) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def as_read(message: dict[str, Any]) -> dict[str, Any]:
    """A message of the service as a page gives it to the SDK."""
    return {
        "id": message["id"], "role": message["role"], "parts": [{"type": "text", "text": message["content"]}],
    }  # fmt: skip


@pytest.mark.timeout(600)
async def test_use_chat_as_it_is(folder: Path, tmp_path: Path, long: bool, chance: random.Random) -> None:
    async with machines(SIZE, folder) as (made, _, _url), page(tmp_path) as client:
        one, other = (machine.node for machine in made)
        async with httpx.AsyncClient(base_url=one.url, timeout=WAIT_S) as http:
            token = (await http.post("/api/auth/anonymous")).json()["access_token"]
        kept = Kept(token)

        # It sends, and has the answer while it is written.
        await client.do("open", "a", api=f"{one.url}/api/v1/chat", token=token)
        await client.until("a", lambda state: state["status"] == "ready")
        await client.do("send", "a", text=TEXT)
        await client.writing("a", 2)
        state = await client.ready("a", 2)
        kept.session_id = state["messages"][1]["metadata"]["session_id"]
        chat_id, first = state["id"], text(state)
        assert len(chat_id) == 16 and first
        await kept.check(one, state)

        # The answer is written anew, and stands in the first one's place.
        before = state["messages"][1]["id"]
        await client.do("regenerate", "a")
        await client.until("a", lambda state: state["status"] == "streaming")
        state = await client.ready("a", 2)
        assert state["messages"][1]["id"] != before
        await kept.check(one, state)

        # Its message is said otherwise.
        await client.do("send", "a", text=f"{TEXT} She is afraid.", messageId=state["messages"][0]["id"])
        await client.until("a", lambda state: state["status"] == "streaming")
        state = await client.ready("a", 2)
        assert plain(state["messages"][0]).endswith("She is afraid.")
        await kept.check(one, state)

        # It stops: what the client has is the beginning of what is kept.
        await client.do("send", "a", text="What stands against her?")
        await client.writing("a", 3)
        await client.do("stop", "a")
        async with httpx.AsyncClient(base_url=one.url, timeout=WAIT_S, headers=bearer(token)) as http:
            stopped = await http.post(f"/api/v1/chat/{chat_id}/stop")
            assert stopped.status_code == 200, stopped.text
        state = await client.ready("a", 4)
        while (last := (await kept.messages(one))[-1])["role"] != "assistant":
            await asyncio.sleep(0.05)
        assert last["metadata"]["stopped"] and last["content"].startswith(text(state)) and text(state)

        # Loaded anew in the middle of an answer, at the other node: by the messages that are kept, and the stream.
        await client.do("send", "a", text="And what happens next?")
        await client.writing("a", 3)
        messages = [as_read(message) for message in await kept.messages(other)]
        assert len(messages) == 5
        await client.do(
            "open", "b", api=f"{other.url}/api/v1/chat", token=token, id=chat_id, messages=messages, resume=True
        )
        await client.writing("b", 3)
        loaded, whole = await client.ready("b", 6), await client.ready("a", 6)
        assert text(loaded) == text(whole) and text(whole)
        await kept.check(other, loaded)

        # Its node is killed in the middle of an answer. It asks the other one for the stream, and has it to its end.
        for round in range(6 if long else 1):
            messages_before = 6 + 2 * round
            await client.do("send", "a", text=f"Tell me more about what happens on night {round + 1}, please.")
            cut = await client.writing("a", chance.randrange(2, 6))
            await one.kill()
            broken = await client.until("a", lambda state: state["status"] == "error")
            assert broken["error"] == "terminated", "as of any server that is gone"
            await client.do("move", "a", api=f"{other.url}/api/v1/chat", token=token)
            await client.do("resume", "a")
            await client.until("a", lambda state: state["status"] == "streaming", TAKEN_UP_S)
            state = await client.until("a", lambda state: state["status"] == "ready", TAKEN_UP_S)
            assert len(state["messages"]) == messages_before + 2
            assert state["messages"][-1]["id"] == cut["messages"][-1]["id"]
            await kept.check_last(other, state)
            assert state["messages"][-1]["metadata"]["session_id"] == kept.session_id
            await one.start()
            one, other = other, one
