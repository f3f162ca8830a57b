"""A message that a killed node was writing, as its reader has it."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.chaos.node import Node
from tests.chaos.record import Keeper, everything, next_frame
from tests.service import PROMPT, Socket


class Message(Keeper):
    """A reader of a session that keeps a message of it apart: what is told of it since it last attached."""

    def __init__(self, session_id: str, step: str) -> None:
        super().__init__(session_id)
        self.step = step
        self.id = ""
        self.deltas: list[dict[str, Any]] = []

    def take(self, frame: dict[str, Any]) -> None:
        super().take(frame)
        if frame["type"] == "agent.delta" and frame["message_id"] == self.id:
            self.deltas.append(frame)

    async def until(self, socket: Socket, words: int) -> None:
        """The message of this step has so many words."""
        while True:
            try:
                self.take(await _next(socket))
            except TimeoutError:
                raise AssertionError(f"no word for a minute: {self.state!r}") from None
            step, partial = self.state.step, self.state.partial
            if partial is None:
                continue
            # Who comes back after its step began is told of the message, and no more of the step.
            if step is not None and step.step == self.step and partial.agent == step.agent:
                self.id = str(partial.message_id)
            if str(partial.message_id) == self.id and len(partial.text.split()) >= words:
                return

    async def killed_at(self, node: Node, words: int) -> None:
        """Watch until then, kill the node, and read what it had sent."""
        async with node.socket() as socket:
            await self.attach(socket)
            await self.until(socket, words)
            await node.kill()
            await self.read(socket)

    async def goes_on(self, socket: Socket) -> str:
        """What the reader has of the message when the restarted service first tells more of it."""
        self.deltas.clear()
        await self.attach(socket)
        kept = ""
        while not self.deltas:
            if self.state.partial is not None:
                kept = self.state.partial.text
            self.take(await _next(socket))
        return kept

    async def content(self, node: Node) -> str:
        messages = await everything(node.get, f"/api/sessions/{self.session_id}/messages")
        return str(next(message["content"] for message in messages if message["id"] == self.id))


async def _next(socket: Socket) -> dict[str, Any]:
    frame: dict[str, Any] = await asyncio.wait_for(next_frame(socket), 60)
    return frame


async def begun(node: Node, step: str, **config: Any) -> Message:
    async with node.socket() as socket:
        return Message(await socket.start(PROMPT, **config), step)
