"""Chats to measure with: made by plain SQL, answered by a model that answers at once, each with its reader."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel

from bench.ground import MESSAGE, Database, manager_of, new_user
from coordinator.agents.library import load_library
from coordinator.chat.talk import Talk
from coordinator.llm.models import Models
from coordinator.models import Identity
from coordinator.people.vault import Seal, Vault
from coordinator.running.answering import Answering
from coordinator.running.chats import ChatCoordinator, Sending
from coordinator.running.stories import NoRuns, StoryCoordinator
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.streams import Reader
from coordinator.settings import Settings
from coordinator.store import Store
from coordinator.store.limits import limits_of
from coordinator.story.brief import Brief
from coordinator.workers.workers import Workers

MODEL = "openai:instant"
"""By name a provider's, which is what most writers' models are: its calls are prepared and counted as theirs are."""
QUEUE = 1000
_DELTA = re.compile(r'"type":\s*"agent\.delta"')

CHAT = """
insert into {schema}.{sessions}
  (id, user_id, kind, title, titled, prompt, template, status, model, ttl_s, expires_at, message_count, head_seq)
values (%(id)s, %(user_id)s, 'chat', 'The light', true, 'A light that answers.', 'muse', 'waiting', %(model)s, null, null,
  %(messages)s, %(messages)s)
"""
MESSAGES = """
insert into {schema}.{messages} (id, session_id, user_id, seq, role, agent, content, model, parent_seq, place, created_at)
select gen_random_uuid(), %(id)s, %(user_id)s, n, case when role = 'user' then 'user' else 'assistant' end,
  case when role = 'user' then null else 'muse' end, %(content)s, case when role = 'user' then null else %(model)s end,
  case when role = 'again' then n - 2 end,
  case when role = 'again' then n - n / (2 * %(every)s + 1) end, now() - (%(messages)s - n) * interval '1 second'
from (
  -- Every so many messages one is another answer to what the last answer was to.
  select n, case when %(every)s > 0 and n %% (2 * %(every)s + 1) = 0 then 'again'
    when (n - case when %(every)s > 0 then n / (2 * %(every)s + 1) else 0 end) %% 2 = 1 then 'user' else 'answer' end as role
  from generate_series(1, %(messages)s) n) numbered
"""
EVENTS = """
insert into public.session_events (session_id, user_id, seq, epoch, type, message_seq, payload)
select %(id)s, %(user_id)s, n + 1, 1 + n / 7,
  (array['agent.message', 'session.status', 'turn.started', 'agent.state', 'agent.message', 'usage', 'session.status'])[1 + n %% 7],
  case n %% 7 when 0 then 1 + 2 * (n / 7) when 4 then 2 + 2 * (n / 7) end,
  case when n %% 7 in (0, 4) then '{}'::jsonb else '{"status": "waiting", "reason": "answered"}'::jsonb end
from generate_series(0, %(messages)s * 7 / 2 - 1) n
"""
OURS = {"schema": "public", "sessions": "story_sessions", "messages": "session_messages"}
BARE = {"schema": "bare", "sessions": "chats", "messages": "chat_messages"}


@dataclass
class Chat:
    """A chat with its owner, and the moments of its answer under way, in seconds of `perf_counter`."""

    id: UUID
    owner: Identity
    written: float = 0
    """When the model gave its first piece."""
    told: float = 0
    """When the frame with it was at the reader."""


async def made(database: Database, store: Store, chats: int, messages: int, *, again_every: int = 0) -> list[Chat]:
    """So many chats, each of a user of its own, with so many messages, of which one in `2 * again_every + 1` is another
    answer beside the one before it; and for the floor as many in the schema `bare`, under the same ids."""
    found = [Chat(uuid4(), await new_user(store)) for _ in range(chats)]
    async with database.connection() as connection:
        for chat in found:
            values = {
                "id": chat.id,
                "user_id": chat.owner.user_id,
                "model": MODEL,
                "messages": messages,
                "content": MESSAGE,
                "every": again_every,
            }
            for schema in (OURS, BARE):
                await connection.execute(CHAT.format(**schema), values)
                await connection.execute(MESSAGES.format(**schema), values)
            await connection.execute(EVENTS, values)
            await connection.execute(
                "update public.story_sessions set epoch = message_count / 2 where id = %s", [chat.id]
            )
        await connection.execute("vacuum analyze")
    return found


class Instant(Models):
    """A node's models, where every one is a function that gives its answer in two pieces: the first is timed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.asked: dict[UUID, Chat] = {}

    def resolve(self, name: str, asked: Brief | Talk | None = None, so_far: str = "") -> Model:
        assert isinstance(asked, Talk)
        chat = self.asked.get(UUID(asked.session_id))

        async def streamed(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
            if chat is not None:
                chat.written = time.perf_counter()
            yield MESSAGE[:10]
            yield MESSAGE[10:]

        return FunctionModel(stream_function=streamed, model_name="instant")


@dataclass
class Talking:
    """What a service has for chats, without its doors: coordinator, answers, and a reader of each chat."""

    manager: StorySessionManager
    chats: ChatCoordinator
    answers: Answering
    models: Instant
    _readers: list[asyncio.Task[None]] = field(default_factory=list)

    async def turn(self, chat: Chat) -> None:
        """One turn: said, answered, kept."""
        chat.told = 0
        await self.chats.send(chat.owner, Sending(MESSAGE, session_id=chat.id))
        await self.answers.wait(chat.id)

    async def watch(self, chats: list[Chat]) -> None:
        """Each has a reader, as of now, which notes when the first word of an answer is with it."""
        for chat in chats:
            self.models.asked[chat.id] = chat
            snapshot = await self.manager.record.snapshot(chat.owner, chat.id)
            reader = Reader(QUEUE)
            attachment = self.manager.streams.attach(reader, chat.id, QUEUE)
            attachment.start_after(snapshot["epoch"], snapshot["seq"])
            attachment.go_live()
            self._readers.append(asyncio.create_task(_read(reader, chat)))

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)


@asynccontextmanager
async def talking(store: Store) -> AsyncIterator[Talking]:
    """As `api.app` puts it together, with the limits that a service has when nothing is set."""
    with tempfile.TemporaryDirectory(prefix="storyloom-bench-node-") as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), model=MODEL, model_concurrency=200)
        await store.limits.set(limits_of(settings))
        manager = manager_of(store)
        models, library = Instant(settings), load_library(None)
        vault = Vault(store.keys, Seal(["a secret of the bench, of no other use"]))
        workers = Workers(settings.worker_processes, settings.worker_time_s, manager.metrics)
        answers = Answering(manager, models, library, vault, turns=settings.turns_per_node)
        stories = StoryCoordinator(manager, library, models, NoRuns(), workers)
        talk = Talking(manager, ChatCoordinator(manager, library, stories, answers), answers, models)
        try:
            yield talk
        finally:
            await talk.close()
            await talk.chats.close()
            await answers.close()
            await workers.close()
            await models.close()


async def _read(reader: Reader, chat: Chat) -> None:
    with suppress(asyncio.CancelledError):
        while True:
            frame = await reader.next()
            if not chat.told and _DELTA.search(frame, 0, 200):
                chat.told = time.perf_counter()
