"""The store's contract, over each transport: what every operation answers, refuses and keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from coordinator.errors import Conflict, Fenced, Forbidden, InvalidMessage, NotFound, Unavailable
from coordinator.models import SERVICE, Failure, Identity, StoryConfig
from coordinator.store import Store
from coordinator.store.messages import NewMessage
from coordinator.store.runs import Failing
from coordinator.store.sessions import Changed, NewSession, Search
from coordinator.store.transport import Transport
from coordinator.store.versions import NewDraft
from tests.conftest import Database, identity_of
from tests.store.conftest import BOTH


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


NEW = NewSession("A bell under water.", "noir", "offline:storyteller", StoryConfig(pages=2))


async def create(
    store: Store, owner: Identity, *, prompt: str = NEW.prompt, ttl_s: int = 60, **options: Any
) -> Changed:
    assert owner.user_id
    return await store.sessions.create(owner.user_id, replace(NEW, prompt=prompt, **options), ttl_s)


def step(session_id: UUID, name: str, after_seq: int, **more: Any) -> dict[str, Any]:
    return {
        "step": name,
        "stage": "drafting",
        "agent": "writer",
        "attempt": 1,
        "started_at": "2026-01-01T00:00:00Z",
        "duration_ms": 5,
        "tokens": 3,
        "cost_usd": 0.01,
        "message_id": str(uuid4()),
        "content": f"Text of {name}.",
        "model": "m",
        "output": None,
        "progress": {"percent": 10},
        "after_seq": after_seq,
        "delta_from": after_seq + 1,
        **more,
    }


def delta(seq: int, text: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "agent.delta",
        "seq": seq,
        "at": "2026-01-01T00:00:00Z",
        "message_id": "m",
        "agent": "writer",
        "attempt": 1,
        "offset": 0,
        "text": text,
        "parts": [len(text)],
        **more,
    }


async def test_the_same_request_is_the_same_session(store: Store, user: Any) -> None:
    writer, other = await user(), await user()
    made = await asyncio.gather(*(create(store, writer, request_id="one") for _ in range(8)))
    assert len({change.session.id for change in made}) == 1
    assert sum(change.changed for change in made) == 1
    assert (await create(store, other, request_id="one")).session.id != made[0].session.id
    assert (await create(store, writer)).session.id != (await create(store, writer)).session.id


async def test_what_is_kept_is_what_was_given(store: Store, user: Any) -> None:
    writer = await user()
    prompt = "<b>\"'; drop table stories; -- 100% %s {x} \\ 🌧️ قصة 一个 \u2028"
    made = await create(store, writer, prompt=prompt, title="T'\\%", config=StoryConfig(protagonist="林小雨", seed=7))
    session = await store.sessions.get(writer, made.session.id)
    assert (session.title, session.config.protagonist, session.config.seed) == ("T'\\%", "林小雨", 7)
    messages = await store.record.messages(writer, session.id, 10, None)
    assert [message.content for message in messages.items] == [prompt]
    # PostgreSQL can't keep NUL; the rest of the text is not lost for it.
    assert (await create(store, writer, prompt="a\x00b\ud800")).session.status == "active"


async def test_text_that_can_not_be_kept_is_mended_wherever_it_stands(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    # NUL and half a surrogate pair go; the six characters of an escape, typed by somebody, stay.
    await store.runs.append_events(session_id, 1, [delta(seq + 1, "a\x00b\ud800c \\u0000 \\\\u0000")])
    kept = (await store.record.events(writer, session_id, seq, 10)).items
    assert [event["text"] for event in kept] == ["ab�c \\u0000 \\\\u0000"]


async def test_an_absent_user_is_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict):
        await create(store, identity_of(uuid4()))


async def test_only_the_owner_changes_a_session(store: Store, user: Any) -> None:
    writer, other = await user(), await user()
    session_id = (await create(store, writer)).session.id
    for refused in (
        store.sessions.rename(session_id, other.user_id, "mine", None),
        store.sessions.delete(session_id, other.user_id),
        store.sessions.change_status(session_id, other.user_id, to="cancelled", allowed=("active",)),
        store.messages.append(session_id, other.user_id, NewMessage(id=uuid4(), role="user", content="x")),
        store.versions.append(session_id, other.user_id, NewDraft(version=1, author="writer", content="x")),
        store.sessions.get(other, session_id),
    ):
        with pytest.raises(NotFound):
            await refused
    assert (await store.sessions.get(writer, session_id)).status == "active"


async def test_concurrent_messages_are_numbered_without_gap(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    ids = [uuid4() for _ in range(40)]
    await asyncio.gather(
        *(
            store.messages.append(session_id, writer.user_id, NewMessage(id=one, role="user", content="hello"))
            # Every third is sent twice, as after a lost answer.
            for place, one in enumerate(ids)
            for one in ([one, one] if place % 3 == 0 else [one])
        )
    )
    first = await store.record.messages(writer, session_id, 30, None)
    rest = await store.record.messages(writer, session_id, 30, first.next_cursor)
    assert [message.seq for message in (*first.items, *rest.items)] == list(range(1, 42))
    assert rest.next_cursor is None
    assert {message.id for message in (*first.items, *rest.items)} >= set(ids)


async def test_drafts_have_no_gap_and_one_is_current(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id

    async def save(version: int, content: str, current: bool = True) -> None:
        await store.versions.append(
            session_id, writer.user_id, NewDraft(version=version, author="writer", content=content, current=current)
        )

    assert await store.record.current_draft(writer, session_id) is None
    await save(1, "one")
    await save(1, "one")
    with pytest.raises(Conflict):
        await save(1, "another one")
    with pytest.raises(Conflict):
        await save(3, "three")
    await save(2, "two", current=False)
    current = await store.record.current_draft(writer, session_id)
    assert current is not None and current.version == 1
    await save(3, "three")
    drafts = (await store.record.drafts(writer, session_id, 10, None)).items
    assert [(draft.version, draft.current) for draft in drafts] == [(1, False), (2, False), (3, True)]
    with pytest.raises(NotFound):
        await store.record.draft(writer, session_id, 9)
    assert (await store.record.story(writer, session_id)).content == "three"


async def test_a_story_before_its_first_draft_is_a_conflict(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    with pytest.raises(Conflict):
        await store.record.story(writer, session_id)
    with pytest.raises(Conflict):
        await store.runs.complete(session_id, None, None)


async def test_an_older_run_writes_nothing(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    first = await store.runs.begin(session_id, "node-1")
    await store.runs.begin(session_id, "node-2")
    seq = first.events[-1]["seq"]
    for refused in (
        store.runs.append_events(session_id, 1, [delta(seq + 1, "late")]),
        store.runs.finish_step(session_id, 1, [], step(session_id, "draft-1", seq)),
        store.runs.fail(session_id, None, Failing(Failure(code="internal", message="x")), epoch=1),
        store.runs.complete(session_id, None, 1),
        store.messages.append(session_id, None, NewMessage(id=uuid4(), role="user", content="x"), epoch=1),
    ):
        with pytest.raises(Fenced):
            await refused
    session = await store.sessions.get(writer, session_id)
    assert (session.message_count, session.epoch, session.status) == (1, 2, "active")


async def test_a_step_is_kept_once_however_often_it_is_sent(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    pending = [
        {
            "type": "step.started",
            "seq": seq + 1,
            "at": "2026-01-01T00:00:00Z",
            "step": "draft-1",
            "stage": "drafting",
            "agent": "writer",
            "attempt": 1,
        },
        delta(seq + 2, "Text of"),
        delta(seq + 3, " draft-1.", offset=7),
    ]
    result = step(
        session_id,
        "draft-1",
        seq + 3,
        delta_from=seq + 2,
        draft={"content": "Text of draft-1.", "word_count": 3, "current": True},
        title="The Bell",
    )
    first = await store.runs.finish_step(session_id, 1, pending, result)
    again = await store.runs.finish_step(session_id, 1, pending, result)
    assert first.events == again.events
    assert [event["type"] for event in first.events] == [
        "agent.message",
        "draft.saved",
        "session.status",
        "usage",
        "progress",
        "step.finished",
    ]
    session = await store.sessions.get(writer, session_id)
    assert (session.title, session.message_count, session.draft_version, session.tokens) == ("The Bell", 2, 1, 3)
    assert session.usage_by_agent["writer"].tokens == 3
    steps = (await store.record.steps(writer, session_id, 10, None)).items
    assert [(one.step, one.status) for one in steps] == [("draft-1", "done")]
    kept = (await store.record.events(writer, session_id, 0, 100)).items
    assert "agent.delta" not in {event["type"] for event in kept}
    assert [event["seq"] for event in kept] == [1, 2, seq, seq + 1, *range(seq + 4, seq + 10)]


async def test_a_step_that_begins_again_within_a_batch_is_kept_as_it_last_began(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    begun = [
        {
            "type": "step.started",
            "seq": seq + attempt,
            "at": "2026-01-01T00:00:00Z",
            "step": "outline",
            "stage": "foundation",
            "agent": "writer",
            "attempt": attempt,
        }
        for attempt in (1, 2, 3)
    ]
    await store.runs.append_events(session_id, 1, begun)
    await store.runs.append_events(session_id, 1, begun)
    steps = (await store.record.steps(writer, session_id, 10, None)).items
    assert [(one.step, one.attempt, one.status) for one in steps] == [("outline", 3, "running")]


async def test_a_title_that_a_person_gave_stays(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer, title="Mine")).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    await store.runs.finish_step(session_id, 1, [], step(session_id, "outline", seq, title="Theirs"))
    assert (await store.sessions.get(writer, session_id)).title == "Mine"


async def test_claiming_answers_what_a_run_goes_on_from(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    change = await store.runs.finish_step(session_id, 1, [], step(session_id, "brainstorm", seq))
    seq = change.events[-1]["seq"]
    change = await store.runs.finish_step(session_id, 1, [], step(session_id, "outline", seq, output={"title": "x"}))
    seq = change.events[-1]["seq"]
    started = {
        "type": "step.started",
        "seq": seq + 1,
        "at": "2026-01-01T00:00:00Z",
        "step": "draft-1",
        "stage": "drafting",
        "agent": "writer",
        "attempt": 2,
    }
    await store.runs.append_events(session_id, 1, [started, delta(seq + 2, "half a sen")])
    begun = await store.runs.begin(session_id, "node")
    claim = await store.runs.load(session_id, begun.epoch)
    told = [(one["step"], one["status"], one["attempt"], one["output"], one["text"]) for one in claim["steps"]]
    assert told == [
        ("brainstorm", "done", 1, None, "Text of brainstorm."),
        ("outline", "done", 1, {"title": "x"}, None),
        ("draft-1", "running", 2, None, None),
    ]
    assert claim["delta_from"] == seq + 2
    assert begun.events[0]["reason"] == "recovered"
    snapshot = await store.record.snapshot(writer, session_id)
    assert snapshot["partial"] == {"message_id": "m", "agent": "writer", "attempt": 1, "text": "half a sen"}


async def test_status_moves_only_where_it_may(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    change = await store.sessions.change_status(
        session_id, writer.user_id, to="cancelled", allowed=("active",), reason="r"
    )
    assert change.changed and [event["type"] for event in change.events] == ["session.status"]
    again = await store.sessions.change_status(session_id, writer.user_id, to="cancelled", allowed=("active",))
    assert not again.changed and again.events == []
    with pytest.raises(Conflict):
        await store.sessions.change_status(session_id, writer.user_id, to="active", allowed=("failed",))
    with pytest.raises(Conflict):
        await store.runs.begin(session_id, "node")


async def test_a_failed_step_can_be_taken_up_again(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    started = {
        "type": "step.started",
        "seq": seq + 1,
        "at": "2026-01-01T00:00:00Z",
        "step": "outline",
        "stage": "foundation",
        "agent": "writer",
        "attempt": 1,
    }
    failure = Failure(code="unavailable", message="The model is away.")
    change = await store.runs.fail(session_id, None, Failing(failure, step="outline"), epoch=1, events=[started])
    assert change.session.status == "failed" and change.session.error == failure
    steps = (await store.record.steps(writer, session_id, 10, None)).items
    assert [(one.status, one.error) for one in steps] == [("failed", failure)]
    resumed = await store.sessions.change_status(session_id, writer.user_id, to="active", allowed=("failed",))
    assert resumed.session.error is None
    begun = await store.runs.begin(session_id, "node")
    claim = await store.runs.load(session_id, begun.epoch)
    assert begun.events[0]["reason"] == "resumed" and claim["steps"][0]["attempt"] == 1


async def test_sessions_expire_after_their_time_and_not_before(store: Store, user: Any, database: Database) -> None:
    writer = await user()
    due = (await create(store, writer)).session.id
    fresh = (await create(store, writer)).session.id
    await _age(database, due)
    ended = await store.sessions.expire(10)
    assert [change.session.id for change in ended] == [due]
    assert ended[0].events[-1]["status"] == "expired"
    assert (await store.sessions.get(writer, fresh)).status == "active"
    assert await store.sessions.expire(10) == []


async def _age(database: Database, session_id: UUID) -> None:
    import psycopg

    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(
            "update public.story_sessions set expires_at = now() - interval '1 s' where id = %s", [session_id]
        )


async def test_lists_page_through_everything_once(store: Store, user: Any) -> None:
    writer, other = await user(), await user()
    made = [(await create(store, writer, prompt=f"Story number {number}")).session.id for number in range(7)]
    await create(store, other)
    seen: list[UUID] = []
    cursor = None
    while True:
        page = await store.sessions.search(writer, Search(owner=writer.user_id, limit=3, cursor=cursor))
        seen += [session.id for session in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == made[::-1]
    found = await store.sessions.search(writer, Search(owner=writer.user_id, q="number 3"))
    assert [session.id for session in found.items] == [made[3]]
    assert (await store.sessions.search(writer, Search(owner=writer.user_id, q="%"))).items == []
    for cursor in ("nonsense", "~", "2026-01-01~x"):
        with pytest.raises(InvalidMessage):
            await store.sessions.search(writer, Search(owner=writer.user_id, cursor=cursor))
        with pytest.raises(InvalidMessage):
            await store.record.messages(writer, made[0], 10, cursor)


async def test_a_deleted_session_leaves_nothing(store: Store, user: Any, database: Database) -> None:
    import psycopg

    writer = await user()
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    draft = {"content": "x", "word_count": 1, "current": True}
    await store.runs.finish_step(session_id, 1, [], step(session_id, "draft-1", seq, draft=draft))
    await store.runs.complete(session_id, None, 1)
    await store.sessions.delete(session_id, writer.user_id)
    with pytest.raises(NotFound):
        await store.sessions.get(writer, session_id)
    async with await psycopg.AsyncConnection.connect(database.admin_url) as connection:
        for table in ("session_messages", "session_drafts", "session_steps", "session_events", "stories"):
            cursor = await connection.execute(f"select count(*) from public.{table}")  # type: ignore[call-overload]
            assert await cursor.fetchone() == (0,)
    with pytest.raises(NotFound):
        await store.runs.append_events(session_id, 1, [])


async def test_replay_tells_whether_the_past_is_the_same(store: Store, user: Any) -> None:
    writer = await user()
    session_id = (await create(store, writer)).session.id
    seq = (await store.runs.begin(session_id, "node")).events[-1]["seq"]
    await store.runs.append_events(session_id, 1, [delta(seq + 1, "a"), delta(seq + 2, "b")])
    await store.runs.begin(session_id, "node")
    # The second epoch begins at seq + 3; whoever saw more of the first than was stored has another past.
    for epoch, after, same in (
        (1, seq, True),
        (1, seq + 2, True),
        (1, seq + 3, False),
        (2, seq + 3, True),
        (3, seq, False),
    ):
        replay = await store.record.replay(writer, session_id, epoch, after, 100)
        assert replay.same_past is same, (epoch, after)
        assert [item["seq"] for item in replay.items] == list(range(after + 1, seq + 4))
    first = await store.record.replay(writer, session_id, 2, 0, 2)
    assert first.more and len(first.items) == 2 and first.last_seq == seq + 3


async def test_calls_run_as_their_caller_when_they_share_connections(store: Store, user: Any) -> None:
    writers = [await user() for _ in range(20)]
    sessions = {writer.user_id: (await create(store, writer)).session.id for writer in writers}

    async def look(writer: Identity, number: int) -> None:
        whose = writers[number % len(writers)]
        if whose is writer:
            assert (await store.sessions.get(writer, sessions[writer.user_id])).user_id == writer.user_id
        else:
            with pytest.raises(NotFound):
                await store.sessions.get(writer, sessions[whose.user_id])
        page = await store.sessions.search(writer, Search(owner=None, limit=100))
        assert {session.user_id for session in page.items} == {writer.user_id}

    await asyncio.gather(*(look(writer, number) for number in range(10) for writer in writers))


async def test_the_anonymous_role_is_refused(store: Store, user: Any) -> None:
    session_id = (await create(store, await user())).session.id
    with pytest.raises(Forbidden):
        await store.sessions.get(Identity(user_id=None, role="anon"), session_id)


# Not over rpc: @supabase/lite ends when its database connections are cut, and that we get over a cut connection to the
# API is shown in test_rpc.py.
@pytest.mark.parametrize("transport", ["direct"])
async def test_a_cut_connection_is_made_again(store: Store, user: Any, database: Database) -> None:
    import psycopg

    writer = await user()
    session_id = (await create(store, writer)).session.id
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
            [database.name],
        )
    message_id = uuid4()
    message, _ = await store.messages.append(
        session_id, writer.user_id, NewMessage(id=message_id, role="user", content="still here")
    )
    assert (message.id, message.seq) == (message_id, 2)


async def test_a_database_that_stays_away_is_unavailable(connect: Callable[[], Awaitable[Transport]]) -> None:
    store = Store(await connect(), wait_s=0.3)
    await store.close()
    with pytest.raises(Unavailable):
        await store.gateway.read("events_after", SERVICE, wanted={})
