"""One's part in a chat: what is said, and its answer as it comes.

async with await Client.anonymous("http://127.0.0.1:8000") as client:
    talk = client.talk()
    async for event in talk.say("A keeper finds that the light answers."):
        print(event.type)
    print((await talk.ask("What should happen next?")).content)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

from storyloom.client.events import AgentMessage, Event, SessionSnapshot, SessionStatus, TurnStarted
from storyloom.client.link import Link
from storyloom.client.rest import Http
from storyloom.client.state import SessionState
from storyloom.client.things import Message, Session, read
from storyloom.client.watch import Watch
from storyloom.errors import ClientError

ASKED = ("chat.send", "chat.edit")
Follow = Callable[[Watch], AsyncGenerator[Event, None]]
"""Yields a watch's events, and closes it with the client."""


class Turn(Watch):
    """A chat from one request in it until nothing of it is left to be answered. The request is made again on every
    connection until what became of it was seen: by its `request_id` it counts once."""

    def __init__(
        self, link: Link, request: Mapping[str, Any] | None, state: SessionState, since: Session | None = None
    ) -> None:
        """`since` is the chat as it was before the request, None for a new one. Without a request, what is being
        answered is watched."""
        cursor = (state.epoch, state.seq) if since is not None and state.seq else (None, None)
        super().__init__(
            link,
            start=request,
            session_id=since.id if since else None,
            epoch=cursor[0],
            after_seq=cursor[1],
            state=state,
        )
        self._since = since
        self._seen = request is None

    def _opening(self) -> list[dict[str, Any]]:
        if self._session_id is None:
            return super()._opening()
        again = {**(self._start or {}), "session_id": str(self._session_id)}
        return [self._attach(), *([] if self._seen else [again])]

    def _is_last(self, event: Event) -> bool:
        self._look(event)
        if isinstance(event, SessionSnapshot):
            return self._seen and event.session.status != "active"
        return self._seen and isinstance(event, SessionStatus) and event.status != "active"

    def _look(self, event: Event) -> None:
        """Whether the request has come to something."""
        asked = self._start is not None and self._start["type"] in ASKED
        match event:
            case AgentMessage():
                self._seen |= asked and self._is_mine(event.message)
            case TurnStarted():
                self._seen |= not asked and event.epoch > self._epoch_before
            case SessionSnapshot():
                said = any(self._is_mine(message) for message in event.messages)
                self._seen |= said if asked else event.session.epoch > self._epoch_before

    @property
    def _epoch_before(self) -> int:
        return self._since.epoch if self._since else 0

    def _is_mine(self, message: Message) -> bool:
        owner = self.state.session.user_id if self.state.session else None
        before = self._since.message_count if self._since else 0
        return message.role == "user" and message.seq > before and self._user_id in (None, message.author_id or owner)


class Talk:
    """A chat as one takes part in it. `session_id` is None until something was said in a new one; `state` is what is
    known of it, without what is just being written.

    Each method raises ClientError as the client's own. One thing at a time is said in a talk; `stop` may come in
    between. Leaving a loop over events leaves the answer being written.
    """

    def __init__(
        self,
        link: Link,
        http: Http,
        follow: Follow,
        *,
        session_id: UUID | None = None,
        project_id: UUID | None = None,
        agent: str | None = None,
        model: str | None = None,
    ) -> None:
        self.session_id = session_id
        self.state = SessionState()
        self._link = link
        self._http = http
        self._follow = follow
        self._new = {"project_id": str(project_id) if project_id else None, "agent": agent, "model": model}

    def say(self, text: str, *, request_id: str | None = None) -> AsyncGenerator[Event, None]:
        """Says something, of 1 to 20,000 characters, and yields the events of the chat until it is answered; what was
        said while an answer was written is answered after that. First comes a snapshot, or what happened since the
        last call. The last event tells the end: `session.status` `waiting`, with `reason` `stopped` or an `error` where
        there was one, or a snapshot.

        A connection that is lost repeats it with the same `request_id` (made up where none is given), so that it is
        never said twice.
        """
        new = self._new if self.session_id is None else {}
        return self._turn({"type": "chat.send", "text": text, "request_id": request_id, **new})

    async def ask(self, text: str, *, request_id: str | None = None) -> Message:
        """Says something and waits for the whole answer. Raises ClientError where it failed or was stopped before a
        word."""
        before = self.state.message_count
        async for _ in self.say(text, request_id=request_id):
            pass
        answer = self.state.messages[-1] if self.state.messages else None
        if self.state.error is not None:
            raise ClientError(self.state.error.code, self.state.error.message)
        if answer is None or answer.role != "assistant" or answer.seq <= before:
            raise ClientError("conflict", "The answer was stopped before anything of it was written.")
        return answer

    def regenerate(self, seq: int | None = None, *, request_id: str | None = None) -> AsyncGenerator[Event, None]:
        """Another answer beside the one with the number `seq`, or to the message with it; else beside the last. What
        failed is tried again so. Yields as `say`."""
        return self._turn({"type": "chat.regenerate", "seq": seq, "request_id": request_id})

    def edit(self, seq: int, text: str, *, request_id: str | None = None) -> AsyncGenerator[Event, None]:
        """One's own message otherwise: the talk goes another way from there, and what was said stays. Yields as
        `say`."""
        return self._turn({"type": "chat.edit", "seq": seq, "text": text, "request_id": request_id})

    async def follow(self) -> AsyncGenerator[Event, None]:
        """The answer under way to its end, after what happened since the last call; a snapshot where there is none."""
        session = await self.session()
        state = self.state if session.status == "active" else SessionState(asked=self.state.asked)
        async for event in self._events(Turn(self._link, None, state, session)):
            yield event

    async def stop(self) -> Session:
        """The answer under way ends where it is and keeps its text. Where there is none, nothing changes."""
        return read(Session, await self._http.call("POST", f"{self._path()}/stop", repeatable=True))

    async def branch(self, seq: int) -> Session:
        """Shows the branch that has this message, as far as it was said last. Raises ClientError `conflict` while an
        answer is written."""
        answer = await self._http.call("POST", f"{self._path()}/branch", json={"seq": seq}, repeatable=True)
        return read(Session, answer)

    async def session(self) -> Session:
        """The chat as it is now. Raises ClientError `conflict` for a session that is none."""
        assert self.session_id is not None
        path = f"/api/sessions/{self.session_id}"
        session = read(Session, await self._http.call("GET", path, repeatable=True))
        if session.kind != "chat":
            kind = "a story" if session.kind == "story" else f"of the kind {session.kind}"
            raise ClientError("conflict", f"That session is {kind}, not a chat.", status=409)
        return session

    async def _turn(self, request: dict[str, Any]) -> AsyncGenerator[Event, None]:
        request = {**request, "request_id": request["request_id"] or str(uuid4())}
        since = await self.session() if self.session_id is not None else None
        async for event in self._events(Turn(self._link, request, self.state, since)):
            yield event

    async def _events(self, turn: Turn) -> AsyncGenerator[Event, None]:
        events = self._follow(turn)
        try:
            async for event in events:
                self.session_id, self.state = event.session_id, turn.state
                yield event
        finally:
            await events.aclose()

    def _path(self) -> str:
        if self.session_id is None:
            raise ClientError("conflict", "Nothing has been said in this chat yet.")
        return f"/api/v1/chat/{self.session_id}"
