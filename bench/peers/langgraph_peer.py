"""LangGraph with AsyncPostgresSaver.

After its "Persistence" and "Durable execution" guides and the README of langgraph-checkpoint-postgres: a psycopg pool
with `autocommit=True`, `prepare_threshold=0` and `row_factory=dict_row`, `setup()` once, a graph compiled with the saver.
A message is appended with `aupdate_state`, which is the documented way to write to a thread without running its graph;
running a graph of one node that answers nothing writes more. A thread is read with `aget_state`.
"""

from __future__ import annotations

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
    note = (
        "`aupdate_state` and `aget_state`; the story is a graph of twelve nodes, `ainvoke` with its default durability."
    )

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
        self._stories: dict[int, Any] = {}

    async def new_session(self) -> Any:
        return {"configurable": {"thread_id": str(uuid4())}}

    async def append(self, session: Any, text: str) -> None:
        await self._chat.aupdate_state(session, {"messages": [HumanMessage(text)]}, as_node="chat")

    async def load(self, session: Any) -> Any:
        return await self._chat.aget_state(session)

    def count(self, loaded: Any) -> int:
        return len(loaded.values["messages"])

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
