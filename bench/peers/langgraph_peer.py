"""LangGraph with AsyncPostgresSaver.

After its "Persistence" and "Durable execution" guides and the README of langgraph-checkpoint-postgres: a psycopg pool
with `autocommit=True`, `prepare_threshold=0` and `row_factory=dict_row`, `setup()` once, a graph compiled with the saver.
A message is appended with `aupdate_state`, which is the documented way to write to a thread without running its graph;
running a graph of one node that answers nothing writes more. A thread is read with `aget_state`. A turn of a chat is
`ainvoke` of a graph of one node, which answers at once; after a restart `ainvoke(None)` goes on with what was under way.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool


class Conversation(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


class LangGraph:
    name = "LangGraph + AsyncPostgresSaver"
    note = "`aupdate_state` and `aget_state`; the story is a graph of twelve nodes, the chat of one, `ainvoke` with its default durability."

    _hangs: asyncio.Event | None = None

    async def open(self, url: str) -> None:
        kwargs = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        self._pool: Any = AsyncConnectionPool(url, min_size=10, max_size=10, kwargs=kwargs, open=False)
        await self._pool.open(wait=True)
        self._saver = AsyncPostgresSaver(self._pool)
        await self._saver.setup()
        graph = StateGraph(Conversation)
        graph.add_node("chat", lambda state: {"messages": []})
        graph.add_edge(START, "chat")
        graph.add_edge("chat", END)
        self._chat = graph.compile(checkpointer=self._saver)
        self._talk = self._talking()
        self._stories: dict[int, Any] = {}

    async def new_session(self) -> Any:
        return {"configurable": {"thread_id": str(uuid4())}}

    async def append(self, session: Any, text: str) -> None:
        await self._chat.aupdate_state(session, {"messages": [HumanMessage(text)]}, as_node="chat")

    async def load(self, session: Any) -> Any:
        return await self._chat.aget_state(session)

    def count(self, loaded: Any) -> int:
        return len(loaded.values["messages"])

    async def turn(self, session: Any, text: str) -> None:
        await self._talk.ainvoke({"messages": [HumanMessage(text)]}, session)

    async def half(self, session: Any, text: str) -> None:
        """A turn as far as the middle of its answer, of which a node returns nothing before it is whole."""
        self._hangs = asyncio.Event()
        talking = asyncio.create_task(self.turn(session, text))
        await self._hangs.wait()
        self._held = talking

    async def again(self, session: Any, whole: int) -> tuple[int, str]:
        """At first, and then once the application has gone on with it, which it must do by itself."""
        found = (await self._talk.aget_state(session)).values.get("messages", [])
        kept = sum(len(one.content) for one in found if one.type == "ai") - whole
        await self._talk.ainvoke(None, session)
        after = (await self._talk.aget_state(session)).values["messages"]
        return kept, f"{_shown(found)}; gone on with by `ainvoke(None)`, which runs the node anew: {_shown(after)}"

    def _talking(self) -> Any:
        async def answer(state: Conversation) -> dict[str, list[AnyMessage]]:
            text = str(state["messages"][-1].content)
            if self._hangs is not None:
                self._hangs.set()
                await asyncio.Event().wait()
            return {"messages": [AIMessage(text)]}

        graph = StateGraph(Conversation)
        graph.add_node("answer", answer)
        graph.add_edge(START, "answer")
        graph.add_edge("answer", END)
        return graph.compile(checkpointer=self._saver)

    async def story(self, steps: int, text: str) -> None:
        if steps not in self._stories:
            self._stories[steps] = self._graph(steps, text)
        await self._stories[steps].ainvoke({"messages": []}, {"configurable": {"thread_id": str(uuid4())}})

    def _graph(self, steps: int, text: str) -> Any:
        graph = StateGraph(Conversation)

        async def step(state: Conversation) -> dict[str, list[AnyMessage]]:
            return {"messages": [AIMessage(text)]}

        names = [f"step-{number}" for number in range(steps)]
        for name in names:
            graph.add_node(name, step)
        for before, after in zip([START, *names], [*names, END], strict=True):
            graph.add_edge(before, after)
        return graph.compile(checkpointer=self._saver)

    async def close(self) -> None:
        await self._pool.close()


def _shown(messages: list[Any]) -> str:
    return ", ".join(f"{one.type}: {len(one.content)} characters" for one in messages)
