"""Chainlit with its PostgreSQL data layer, driven without a browser.

After its "Data Persistence" page: `ChainlitDataLayer` on asyncpg, whose pool has ten connections. A turn is what Chainlit
keeps of one: the person's message, the step of its `on_message` handler, the answer sent when it is whole, the step ended.
Each is made by Chainlit's own classes and kept by `create_step` and `update_step`. Here each is awaited, so that a turn is
kept when it is over; Chainlit itself starts them as tasks and waits for none. The tables have the columns that its queries
name, with keys and an index on each reference.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from chainlit.context import init_http_context
from chainlit.data.chainlit_data_layer import ChainlitDataLayer
from chainlit.message import Message
from chainlit.step import Step
from chainlit.utils import utc_now

TABLES = """
create table "User" (
  id text primary key, identifier text not null unique, metadata jsonb not null,
  "createdAt" timestamp not null default now(), "updatedAt" timestamp not null default now()
);
create table "Thread" (
  id text primary key, name text, metadata jsonb, tags text[], "userId" text references "User" (id),
  "createdAt" timestamp not null default now(), "updatedAt" timestamp not null default now(), "deletedAt" timestamp
);
create table "Step" (
  id text primary key, "threadId" text references "Thread" (id) on delete cascade,
  "parentId" text references "Step" (id) on delete cascade, input text, output text, metadata jsonb not null, name text,
  type text not null, "showInput" text, "isError" boolean default false,
  "startTime" timestamp not null, "endTime" timestamp not null, "createdAt" timestamp not null default now()
);
create index on "Step" ("threadId");
create index on "Step" ("parentId");
create table "Feedback" (id text primary key, "stepId" text references "Step" (id), name text, value float, comment text);
create table "Element" (
  id text primary key, "threadId" text references "Thread" (id) on delete cascade, "stepId" text references "Step" (id),
  metadata jsonb, mime text, name text, "objectKey" text, url text, "chainlitKey" text, display text, size text,
  language text, page int, props jsonb
);
"""


class Chainlit:
    name = "Chainlit ChainlitDataLayer"
    note = "Four steps kept a turn, each awaited: Chainlit waits for none. asyncpg's pool of ten."

    async def open(self, url: str) -> None:
        self._layer = ChainlitDataLayer(url)
        await self._layer.connect()
        assert self._layer.pool is not None
        if not await self._layer.execute_query("select 1 from pg_tables where tablename = 'Thread'"):
            await self._layer.pool.execute(TABLES)

    async def new_session(self) -> Any:
        thread_id = str(uuid4())
        await self._layer.update_thread(thread_id, name="The light")
        return thread_id

    async def turn(self, session: Any, text: str) -> None:
        run = await self._said(session, text)
        answer = Message(content="", author="Assistant", parent_id=run.id)
        answer.created_at = utc_now()
        answer.content = text
        await self._layer.create_step(answer.to_dict())
        run.end = utc_now()
        await self._layer.update_step(run.to_dict())

    async def half(self, session: Any, text: str) -> None:
        """A turn as far as the middle of its answer: a message that is streamed is kept when it is sent."""
        await self._said(session, text)
        answer = Message(content="", author="Assistant")
        answer.content += text[: len(text) // 2]

    async def again(self, session: Any, whole: int) -> tuple[int, str]:
        """Chainlit shows what is there when the thread is opened, and goes on with nothing."""
        rows = await self._layer.execute_query(
            'select type, output from "Step" where "threadId" = $1 order by "startTime"', {"thread_id": session}
        )
        said = [(row["type"], len(row["output"] or "")) for row in rows if row["type"] != "run"]
        kept = sum(size for kind, size in said if kind == "assistant_message") - whole
        return kept, ", ".join(f"{kind}: {size} characters" for kind, size in said)

    async def _said(self, session: Any, text: str) -> Step:
        init_http_context(thread_id=session)
        said = Message(content=text, author="writer", type="user_message")
        said.created_at = utc_now()
        await self._layer.create_step(said.to_dict())
        run = Step(name="on_message", type="run", parent_id=said.id)
        run.start = utc_now()
        run.input = text
        await self._layer.create_step(run.to_dict())
        return run

    async def close(self) -> None:
        await self._layer.close()
