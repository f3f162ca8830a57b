"""What is done in a talk from the command line: all that its lines and commands ask for, shown by a view."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from uuid import UUID

from storyloom.cli.commands import Commands
from storyloom.cli.follow import TICK_S
from storyloom.cli.program import Failed, Wrong
from storyloom.cli.talkview import EARLIER, TalkView
from storyloom.client import Client
from storyloom.client.events import AgentDelta, Event, TurnStarted
from storyloom.client.things import Message
from storyloom.errors import ClientError

LISTED = 20
"""Talks that `/list` shows."""
DEFAULT_AGENT = "muse"


class Conversation:
    """One talk, or one that is to begin. Its methods raise ClientError, Failed where an answer failed, and Wrong for
    what can't be asked for now."""

    def __init__(
        self,
        client: Client,
        view: TalkView,
        commands: Commands,
        *,
        session_id: UUID | None = None,
        project_id: UUID | None = None,
        agent: str | None = None,
        model: str | None = None,
    ) -> None:
        self._client = client
        self._view = view
        self._commands = commands
        self._talk = client.talk(session_id, project_id=project_id, agent=agent, model=model)
        self._agent = agent or DEFAULT_AGENT
        self.is_open = False
        """Whether it was found, or may begin."""
        self._stopping = self._stopped = False
        self._begun: set[str] = set()
        self._shown = 0
        """Messages that there were before what is yet to be shown."""

    @property
    def session_id(self) -> UUID | None:
        return self._talk.session_id

    async def open(self, *, attended: bool) -> None:
        """Finds the talk, or greets in a new one; what was said last is shown where somebody is there."""
        if self.session_id is None:
            await self._greet(attended=attended)
            self.is_open = True
            return
        session_id = self.session_id
        try:
            session = await self._talk.session()
        except ClientError as error:
            raise self._no_talk(error, session_id) from error
        self._agent = session.template or self._agent
        self._shown = session.message_count
        self.is_open = True
        if not attended:
            return
        page = await self._client.said(session_id, limit=EARLIER)
        more = f" {page.total - len(page.messages)} messages before these." if page.total > len(page.messages) else ""
        self._view.show(page.messages, f"{session.title or 'A talk'}.{more}")
        if session.status == "active":
            await self._hear(self._talk.follow())
        elif session.error is not None:
            self._view.note(f"The last answer failed: {session.error.message} /again tries once more.")

    async def _greet(self, *, attended: bool) -> None:
        agents = await self._client.agents()
        found = next((one for one in agents if one.get("name") == self._agent), None)
        if found is None and agents:
            names = ", ".join(str(one.get("name")) for one in agents)
            raise Wrong(f"There is no agent {self._agent!r}: there are {names}.")
        if attended:
            self._view.greet(self._agent, found.get("greeting") if found else None)

    def _no_talk(self, error: ClientError, session_id: UUID) -> ClientError:
        if error.code == "not_found":
            said = "You have no such talk: /list in a new one lists yours. Begin one with:\n"
            return ClientError("not_found", f"{said}  {self._commands.line('chat', '').rstrip()}", status=error.status)
        if error.code == "conflict":
            said = f"{error.message} Watch it with:\n  {self._commands.line('attach', session_id)}"
            return ClientError("conflict", said, status=error.status)
        return error

    # What is said

    async def say(self, text: str) -> None:
        await self._hear(self._talk.say(text))

    async def again(self) -> None:
        """Another answer beside the last; what failed is tried again."""
        self._said_something()
        await self._hear(self._talk.regenerate())

    async def last_said(self) -> Message:
        """The newest message of a person on the branch that is shown."""
        await self._known()
        found = next((one for one in reversed(self._talk.state.messages) if one.role == "user"), None)
        if found is None:
            raise Wrong("Nothing has been said yet.")
        return found

    async def edit(self, seq: int, text: str) -> None:
        await self._hear(self._talk.edit(seq, text))

    async def stop(self) -> bool:
        """The answer under way ends, as soon as the service hears of it. Whether there was one."""
        self._stopping = True
        if self.session_id is not None and not self._stopped:
            self._stopped = (await self._talk.stop()).status == "active"
        return self._stopped

    async def _hear(self, events: AsyncGenerator[Event, None]) -> None:
        """Shows what comes, to the end of the answer. Raises Failed where it failed."""
        self._stopping = self._stopped = False
        state, before = self._talk.state, max(self._talk.state.message_count, self._shown)
        with self._view.turn(self._agent):
            ticking = asyncio.create_task(self._tick())
            try:
                async with contextlib.aclosing(events):
                    async for event in events:
                        state = state.apply(event)
                        self._view.tell(event, state)
                        if self._stopping and not self._stopped and isinstance(event, TurnStarted | AgentDelta):
                            # It was asked for before there was anything to be stopped.
                            await self.stop()
            finally:
                ticking.cancel()
        self._shown = state.message_count
        self._view.settled([message for message in state.messages if message.seq > before])
        if state.error is not None and state.status == "waiting":
            raise Failed(f"{state.error.message} What you said is kept; /again tries once more.", state.error.code)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._view.tick()

    # What else is asked for

    async def walk(self, step: int) -> None:
        """Shows what stands beside the newest message that has something beside it."""
        await self._known()
        messages = self._talk.state.messages
        fork = next((place for place, one in reversed(list(enumerate(messages))) if one.siblings), None)
        if fork is None:
            raise Wrong("Nothing here stands beside anything else: /again or /edit makes something that does.")
        here = messages[fork]
        beside = here.siblings or ()
        place = beside.index(here.seq) + step
        if not 0 <= place < len(beside):
            where = "last" if step > 0 else "first"
            raise Wrong(f"That is the {where} of {len(beside)} already.")
        await self._talk.branch(beside[place])
        async with contextlib.aclosing(self._talk.follow()) as events:
            async for _ in events:
                pass
        self._view.show(self._talk.state.messages[fork:], f"{place + 1} of {len(beside)}:")

    async def story(self) -> None:
        """What was proposed last is written, as a story by itself; once, however often it is asked for."""
        session_id = self._said_something()
        await self._known()
        proposed = [
            (use.call_id, use.proposal) for one in self._talk.state.messages for use in one.tools if use.proposal
        ]
        if not proposed:
            raise Wrong("No story has been proposed yet: ask for one.")
        call_id, proposal = proposed[-1]
        assert proposal is not None
        session = await self._talk.session()
        story = await self._client.create_session(
            proposal.prompt,
            template=proposal.template,
            project_id=session.project_id,
            config=proposal.config,
            asked_in=session_id,
            asked_call=call_id,
            request_id=f"{session_id} {call_id}",
        )
        again = call_id in self._begun or any(asked.call_id == call_id for asked in self._talk.state.asked)
        self._begun.add(call_id)
        self._view.begun(story, again=again)

    async def title(self, text: str) -> None:
        self._view.titled(await self._client.rename(self._said_something(), text))

    async def talks(self) -> None:
        self._view.listed(await self._client.talks(kind="chat", limit=LISTED))

    def _said_something(self) -> UUID:
        if self.session_id is None:
            raise Wrong("Nothing has been said yet.")
        return self.session_id

    async def _known(self) -> None:
        """What was said in a talk that is gone on with, where nothing was said in it from here yet."""
        self._said_something()
        if not self._talk.state.messages:
            async with contextlib.aclosing(self._talk.follow()) as events:
                async for _ in events:
                    pass
