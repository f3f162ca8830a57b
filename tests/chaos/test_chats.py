"""Chats whose node is killed, frozen, stopped or cut off from the database in the middle of an answer: another goes on
with it, in its middle."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from coordinator.agents.library import load_library
from coordinator.chat.agent import ChatAgent
from coordinator.chat.talk import Said, Talk
from coordinator.llm.storyteller.muse import reply
from tests.chaos.node import Node
from tests.chaos.record import everything, next_frame
from tests.chaos.test_storm import Size, machines
from tests.service import WAIT_S, bearer

SIZE = Size(nodes=2, stories=0, kills=0, writers=1, at_once=1, words_per_second=6)
TEXT = "A lighthouse keeper named Mara finds that the light has been signalling something back to her every night."


def as_it_should_be(session_id: str, agent: ChatAgent, text: str) -> str:
    """The answer of the built-in muse to a first message, as nobody disturbed it."""
    talk = Talk(session_id, agent.name, (Said("user", text),), 1, tools=tuple(agent.tools))
    part = reply(talk)
    assert part.call is None, "this is to be an answer without tools"
    return part.text


class Reader:
    """Reads one chat on one node for as long as that lives, and knows the text that it was told."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.text = ""
        self.answer: dict[str, Any] | None = None
        self.epochs: set[int] = set()

    async def read(self, node: Node, token: str, words: int | None = None) -> None:
        """Until the answer is there, or so many words of it."""
        async with node.socket(token) as socket:
            await socket.send(type="session.attach", session_id=self.session_id)
            while self.answer is None and (words is None or len(self.text.split()) < words):
                self._take(await next_frame(socket))

    def _take(self, frame: dict[str, Any]) -> None:
        self.epochs.add(frame["epoch"])
        match frame["type"]:
            case "session.snapshot":
                self.text = (frame.get("partial") or {}).get("text", "")
                self.answer = next((one for one in frame["messages"] if one["role"] == "assistant"), None)
            case "agent.delta":
                assert frame["offset"] <= len(self.text), "a gap in the text"
                self.text = self.text[: frame["offset"]] + frame["text"]
            case "agent.message" if frame["message"]["role"] == "assistant":
                self.answer = frame["message"]


async def begun(node: Node, token: str) -> str:
    async with node.socket(token) as socket:
        await socket.send(type="chat.send", request_id=str(uuid4()), text=TEXT)
        return str((await socket.until("session.created"))["session_id"])


@pytest.mark.timeout(600)
async def test_a_chat_goes_on_in_the_middle_of_its_answer(folder: Path, long: bool, chance: random.Random) -> None:
    agent = load_library().agent("muse")
    ways = ["kill", "freeze", "cut", "stop"] * (6 if long else 1)
    async with machines(SIZE, folder) as (made, _, _url):
        async with httpx.AsyncClient(base_url=made[0].node.url, timeout=WAIT_S) as http:
            token = (await http.post("/api/auth/anonymous")).json()["access_token"]
        for way in ways:
            chance.shuffle(made)
            dying, living = (machine.node for machine in made)
            proxy = made[0].proxy
            session_id = await begun(dying, token)
            before, after = Reader(session_id), Reader(session_id)
            await before.read(dying, token, words=chance.randrange(2, 12))
            elsewhere = asyncio.create_task(after.read(living, token))
            if way == "freeze":
                os.kill(dying.process_id, signal.SIGSTOP)
            elif way == "cut":
                await proxy.refuse()
            else:
                await dying.end(signal.SIGKILL if way == "kill" else signal.SIGTERM)
            await asyncio.wait_for(elsewhere, 60)
            if way == "freeze":
                os.kill(dying.process_id, signal.SIGCONT)
            elif way == "cut":
                await proxy.restore()
            else:
                await dying.start()
            assert after.answer is not None
            assert after.answer["content"] == as_it_should_be(session_id, agent, TEXT), way
            async with httpx.AsyncClient(base_url=living.url, timeout=WAIT_S) as http:

                async def get(path: str, **params: Any) -> Any:
                    answer = await http.get(path, headers=bearer(token), params=params)
                    assert answer.status_code == 200, answer.text
                    return answer.json()

                session = await get(f"/api/sessions/{session_id}")
                assert session["status"] == "waiting" and session["message_count"] == 2
                events = await everything(get, f"/api/sessions/{session_id}/events")
            kinds = [event["type"] for event in events]
            assert kinds.count("agent.delta") == 0 and kinds.count("agent.message") == 2
            assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
            assert UUID(after.answer["id"])
