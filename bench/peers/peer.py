"""What is asked of a peer. This package's adapters run in the peers' own environment and import nothing of Storyloom."""

from __future__ import annotations

from typing import Any, Protocol


class Peer(Protocol):
    """`note` says which documented calls are used, and with which options."""

    name: str
    note: str

    async def open(self, url: str) -> None:
        """On a database of its own, with ten connections; makes the tables that the peer needs."""

    async def close(self) -> None: ...


class SessionPeer(Peer, Protocol):
    """One that keeps messages."""

    async def new_session(self) -> Any: ...

    async def append(self, session: Any, text: str) -> None:
        """One message, durable on return."""

    async def load(self, session: Any) -> Any:
        """A session's messages, as if the process had just started; what is returned is held to see what it takes."""

    def count(self, loaded: Any) -> int:
        """Messages in what was loaded."""


class StoryPeer(Peer, Protocol):
    """One that runs durable steps."""

    async def story(self, steps: int, text: str) -> None:
        """So many steps one after another, each giving the text at once and kept durably before the next."""


class ChatPeer(Peer, Protocol):
    """One that keeps the turns of a chat. A session is JSON."""

    async def new_session(self) -> Any: ...

    async def turn(self, session: Any, text: str) -> None:
        """A person says the text and an agent answers it at once; both are durable on return."""

    async def half(self, session: Any, text: str) -> None:
        """A turn whose agent has given half of its answer on return, and no more."""

    async def again(self, session: Any, whole: int) -> tuple[int, str]:
        """In another process, after that one was killed: characters that are kept of answers beside the `whole` ones of
        an earlier turn, and what is there, for people to read."""
