"""The rpc transport to a real server: whose rights a call has, and what is stored when an answer is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from coordinator.errors import (
    Forbidden,
    InvalidMessage,
    Misconfigured,
    NotFound,
    Unauthorized,
)
from coordinator.models import SERVICE, Identity, StoryConfig
from coordinator.store import Store
from coordinator.store.messages import NewMessage
from coordinator.store.rpc import RpcTransport
from coordinator.store.sessions import NewSession, Search
from coordinator.store.versions import NewDraft
from tests.store.conftest import Project
from tests.store.test_rpc import jwt_of

pytestmark = pytest.mark.xdist_group("lite")


class Cutting(httpx.AsyncBaseTransport):
    """Between us and the server: takes the whole answer, and lets none through of those that `cut` names."""

    def __init__(self, cut: Callable[[int], bool]) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._cut = cut
        self.done: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        await response.aclose()
        self.done.append(response.status_code)
        if self._cut(len(self.done)):
            raise httpx.ReadError("the answer was lost", request=request)
        headers = [
            pair for pair in response.headers.raw if pair[0].lower() not in (b"content-encoding", b"content-length")
        ]
        return httpx.Response(response.status_code, headers=headers, content=body)

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.fixture
def transport() -> str:
    return "rpc"


async def test_a_write_whose_answer_was_lost_is_stored_once(project: Project, database: Any) -> None:
    (writer,) = await project.new_users(1)
    assert writer.user_id
    lite = project.lite
    # Of each call the first two answers are lost.
    cutting = Cutting(lambda number: number % 3 != 0)
    store = Store(
        RpcTransport(lite.url, SecretStr(lite.service_key), SecretStr(lite.public_key), http_transport=cutting),
        wait_s=10,
    )
    created = await store.sessions.create(
        writer.user_id,
        NewSession(
            kind="story",
            prompt="A bell under water.",
            template="noir",
            config=StoryConfig(),
            model="m",
            request_id="once",
        ),
        ttl_s=60,
    )
    session_id = created.session.id
    message_id = uuid4()
    message, _ = await store.messages.append(
        session_id, writer.user_id, NewMessage(id=message_id, role="user", content="hello")
    )
    assert (message.id, message.seq) == (message_id, 2)
    draft, _ = await store.versions.append(
        session_id, writer.user_id, NewDraft(version=1, author="writer", content="It rang.")
    )
    assert draft.version == 1
    begun = await store.runs.begin(session_id, "node")
    # A claim is not the same again: each is a run of its own, and only the last of them may write.
    epoch, seq = begun.epoch, begun.events[-1]["seq"]
    delta = {
        "type": "agent.delta",
        "seq": seq + 1,
        "at": "2026-01-01T00:00:00Z",
        "message_id": "m",
        "agent": "writer",
        "attempt": 1,
        "offset": 0,
        "text": "It",
        "parts": [2],
    }
    await store.runs.append_events(session_id, epoch, [delta])
    finished = await store.runs.finish_step(
        session_id,
        epoch,
        [],
        {
            "step": "draft-1",
            "stage": "drafting",
            "agent": "writer",
            "attempt": 1,
            "started_at": "2026-01-01T00:00:00Z",
            "duration_ms": 5,
            "tokens": 3,
            "cost_usd": 0.01,
            "message_id": str(uuid4()),
            "content": "It rang twice.",
            "model": "m",
            "output": None,
            "progress": {},
            "after_seq": seq + 1,
            "delta_from": seq + 1,
            "draft": {"content": "It rang twice.", "word_count": 3, "current": True},
        },
    )
    assert finished.session.tokens == 3
    await store.runs.complete(session_id, None, epoch)
    assert cutting.done == [200] * 21, "each of the seven calls was answered three times"
    await store.close()
    counts = {"story_sessions": 1, "session_messages": 3, "session_drafts": 2, "session_steps": 1, "stories": 1}
    async with await project.connect() as connection:
        for table, count in counts.items():
            row = await (await connection.execute(f"select count(*) from public.{table}")).fetchone()  # type: ignore[call-overload]
            assert row == (count,), table
        row = await (
            await connection.execute(
                "select count(*), count(distinct seq), min(seq), count(*) filter (where type = 'story.completed'),"
                " count(*) filter (where type = 'draft.saved') from public.session_events"
            )
        ).fetchone()
        assert row is not None and row[0] == row[1] and row[2:] == (1, 1, 2)


async def test_two_hundred_users_none_ever_runs_as_another(project: Project, store: Store) -> None:
    users = await project.new_users(200)
    ids = [user.user_id for user in users]
    async with await project.connect() as connection:
        cursor = await connection.execute(
            "insert into public.story_sessions (user_id, prompt, template, model, expires_at)"
            " select unnest(%s::uuid[]), 'p', 't', 'm', now() + interval '1 h' returning user_id, id",
            [ids],
        )
        theirs: dict[UUID, UUID] = dict(await cursor.fetchall())

    async def look(place: int) -> None:
        me, other = users[place], users[(place + 1) % len(users)]
        assert me.user_id and other.user_id
        seen = await store.sessions.search(me, Search(owner=None, limit=100))
        assert [(session.id, session.user_id) for session in seen.items] == [(theirs[me.user_id], me.user_id)]
        with pytest.raises(NotFound):
            await store.sessions.get(me, theirs[other.user_id])

    async def serve() -> None:
        assert (await store.nodes.claim("n", room=0, per_user=1, held=[], dead_s=None)).waiting == 200

    # The service's own calls in between: what they leave behind would show a user everything.
    places = random.sample(range(200), 200)
    await asyncio.gather(*(look(place) for place in places), *(serve() for _ in range(3)))


async def test_users_who_signed_up_by_themselves(project: Project, store: Store) -> None:
    from supabase import AsyncClient, AsyncClientOptions

    lite = project.lite
    identities = []
    for name in ("ada", "ben"):
        async with httpx.AsyncClient() as http:
            # A client for one sign-up: it becomes that user, and is thrown away with them.
            options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False, persist_session=False)
            signed = await AsyncClient(lite.url, lite.public_key, options).auth.sign_up(
                {"email": f"{name}@example.com", "password": "correct horse battery"}
            )
        assert signed.user and signed.session
        identities.append(
            Identity(user_id=UUID(signed.user.id), role="authenticated", token=SecretStr(signed.session.access_token))
        )
    ada, ben = identities
    assert ada.user_id
    made = await store.sessions.create(
        ada.user_id,
        NewSession(kind="story", prompt="A bell.", template="noir", config=StoryConfig(), model="m"),
        ttl_s=60,
    )
    assert (await store.sessions.get(ada, made.session.id)).user_id == ada.user_id
    with pytest.raises(NotFound):
        await store.sessions.get(ben, made.session.id)
    async with await project.connect() as connection:
        rows = await (await connection.execute("select id from public.profiles")).fetchall()
    assert {row[0] for row in rows} == {ada.user_id, ben.user_id}


async def test_users_can_call_no_writing_function(project: Project, store: Store) -> None:
    writer, other = await project.new_users(2)
    assert other.user_id
    for identity in (writer, project.identity(uuid4(), admin=True), Identity(user_id=None, role="anon")):
        for function, args in (
            ("delete_session", {"session_id": uuid4(), "owner": None}),
            ("begin_run", {"session_id": uuid4(), "node": "n"}),
            ("expire_sessions", {"limit": 1}),
        ):
            with pytest.raises(Forbidden):
                await store.gateway.write(function, identity, **args)


async def test_what_a_real_server_says_to_a_bad_token_key_and_name(project: Project, store: Store) -> None:
    lite = project.lite
    (writer,) = await project.new_users(1)
    assert writer.user_id
    expired = project.identity(writer.user_id, ttl_s=-60)
    forged = writer.model_copy(update={"token": SecretStr(jwt_of("service_role"))})
    for identity in (expired, forged):
        with pytest.raises(Unauthorized):
            await store.sessions.search(identity, Search(owner=None))
    with pytest.raises(Misconfigured, match=r"no_such_function.*storyloom migrate"):
        await store.gateway.read("no_such_function", SERVICE)
    with pytest.raises(InvalidMessage):
        await store.gateway.read("get_session", writer, session_id="no uuid")
    with pytest.raises(Misconfigured, match="refuses the key in SUPABASE_SECRET_KEY"):
        await RpcTransport.open(lite.url, SecretStr("sb_secret_of_another_project"), SecretStr(lite.public_key))
