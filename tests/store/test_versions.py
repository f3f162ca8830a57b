"""More than one run at a text, over each transport: edits, alternatives and forks, kept once and for their owner."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from coordinator.errors import Conflict, NotFound, StoryloomError
from coordinator.models import Alternative, Draft, Failure, Identity, Progress, StoryConfig
from coordinator.store import Store
from coordinator.store.runs import Failing
from coordinator.store.sessions import Changed, Json
from coordinator.store.versions import Edit, Made, NewFork, Rewritten
from tests.store.conftest import BOTH
from tests.store.test_store import create, step


@pytest.fixture(params=BOTH)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def begun(store: Store, owner: Identity, *names: str) -> UUID:
    """A story that has done these steps, each with a version, and is still run."""
    session_id = (await create(store, owner)).session.id
    seq = int((await store.runs.begin(session_id, "node")).events[-1]["seq"])
    for name in names:
        draft = {"content": f"A bell.\n\nText of {name}.", "word_count": 5, "current": True}
        answer = await store.runs.finish_step(session_id, 1, [], step(session_id, name, seq, draft=draft))
        seq = int(answer.events[-1]["seq"])
    return session_id


async def taken_up(store: Store, session_id: UUID) -> tuple[Json, list[Json]]:
    """What a run on another node goes on from, and the events of its beginning."""
    begun = await store.runs.begin(session_id, "node")
    return await store.runs.load(session_id, begun.epoch), begun.events


async def paused(store: Store, owner: Identity, *names: str) -> UUID:
    session_id = await begun(store, owner, *names)
    assert owner.user_id
    await store.sessions.change_status(session_id, owner.user_id, to="paused", allowed=("active",))
    return session_id


async def edit(store: Store, session_id: UUID, owner: Identity, base: int, content: str, of: Any = None) -> Draft:
    assert owner.user_id
    draft, _ = await store.versions.edit(
        session_id, owner.user_id, Edit(base_version=base, content=content, word_count=2, alternative_id=of)
    )
    return draft


async def add(store: Store, session_id: UUID, owner: Identity, *texts: str | None, **more: Any) -> list[Alternative]:
    assert owner.user_id
    made = [Made(uuid4(), text, "m", 5, 0.02) for text in texts]
    found, _ = await store.versions.add_alternatives(
        session_id, owner.user_id, replace(Rewritten(1, 2, 6, "bell", "Louder.", made), **more)
    )
    return found


async def fork(store: Store, session_id: UUID, owner: Identity, *steps: str, **more: Any) -> Changed:
    assert owner.user_id
    until = steps[-1] if steps else None
    new = NewFork(steps, until, StoryConfig(pages=2), {}, Progress(percent=40), {}, len(steps), "m")
    return await store.versions.fork(session_id, owner.user_id, replace(new, **more), ttl_s=60)


# -- Edits -------------------------------------------------------------------------------------------------------------


async def test_an_edit_is_the_next_version_and_a_step(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await paused(store, writer, "draft-1")
    draft = await edit(store, session_id, writer, 1, "Mine.\n\nText.")
    assert (draft.version, draft.current, draft.author, draft.step) == (2, True, "writer", "edit-1")
    session = await store.sessions.get(writer, session_id)
    assert (session.draft_version, session.status) == (2, "paused")
    so_far = await store.versions.so_far(writer, session_id)
    assert [one["step"] for one in so_far.steps] == ["draft-1", "edit-1"]
    assert so_far.steps[1]["output"]["content"] == "Mine.\n\nText." and so_far.versions == {1: "draft-1", 2: "edit-1"}
    steps = (await store.record.steps(writer, session_id, 10, None)).items
    assert [(one.step, one.stage, one.agent, one.tokens) for one in steps][1] == ("edit-1", "drafting", "writer", 0)
    told = (await store.record.events(writer, session_id, 0, 100)).items[-1]
    assert (told["type"], told["version"], told["current"], told["author"]) == ("draft.saved", 2, True, "writer")
    # The run that goes on is handed it in its order.
    await store.sessions.change_status(session_id, writer.user_id, to="active", allowed=("paused",))
    claim, _ = await taken_up(store, session_id)
    assert [one["step"] for one in claim["steps"]] == ["draft-1", "edit-1"]


async def test_of_edits_of_the_same_version_one_wins(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await paused(store, writer, "draft-1")
    asked = [edit(store, session_id, writer, 1, f"Mine {number}.") for number in range(6)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    won = [one for one in told if isinstance(one, Draft)]
    assert len(won) == 1 and sum(isinstance(one, Conflict) for one in told) == 5
    assert all("version 2 is the current one, not 1" in str(one) for one in told if isinstance(one, Conflict))
    drafts = (await store.record.drafts(writer, session_id, 10, None)).items
    assert [one.version for one in drafts] == [1, 2] and drafts[1].content == won[0].content


async def test_the_same_edit_again_is_the_same_version(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await paused(store, writer, "draft-1")
    told = await asyncio.gather(*(edit(store, session_id, writer, 1, "Mine.") for _ in range(4)))
    assert {one.version for one in told} == {2}
    assert (await edit(store, session_id, writer, 2, "Mine.")).version == 2, "nothing was changed"
    assert (await edit(store, session_id, writer, 2, "Mine again.")).step == "edit-2"


async def test_no_edit_while_a_run_may_hold_the_text(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await begun(store, writer, "draft-1")
    with pytest.raises(Conflict, match="pause it first"):
        await edit(store, session_id, writer, 1, "Mine.")
    empty = (await create(store, writer)).session.id
    await store.sessions.change_status(empty, writer.user_id, to="paused", allowed=("active",))
    with pytest.raises(Conflict, match="no draft yet"):
        await edit(store, empty, writer, 1, "Mine.")


async def test_a_finished_story_is_changed_with_its_text(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await begun(store, writer, "draft-1")
    await store.runs.complete(session_id, None, 1)
    await edit(store, session_id, writer, 1, "Mine.")
    story = await store.record.story(writer, session_id)
    assert (story.content, story.version, story.status) == ("Mine.", 2, "completed")
    rows = [row async for page in store.users.pages(writer, _stories(), session_id) for row in page]
    assert [(row["content"], row["version"], row["word_count"]) for row in rows] == [("Mine.", 2, 2)]
    events = [event["type"] for event in (await store.record.events(writer, session_id, 0, 100)).items]
    assert events[-2:] == ["draft.saved", "progress"] and events.count("story.completed") == 1


def _stories() -> Any:
    from coordinator.store.users import OF_A_SESSION

    return OF_A_SESSION["stories"]


async def test_a_step_that_failed_comes_after_the_edit(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await begun(store, writer, "draft-1")
    seq = (await store.record.events(writer, session_id, 0, 100)).items[-1]["seq"]
    started = {
        "type": "step.started",
        "seq": seq + 1,
        "at": "2026-01-01T00:00:00Z",
        "step": "draft-2",
        "stage": "drafting",
        "agent": "writer",
        "attempt": 1,
    }
    await store.runs.append_events(session_id, 1, [started])
    await store.runs.fail(
        session_id, None, Failing(Failure(code="unavailable", message="Away."), step="draft-2"), epoch=1
    )
    await edit(store, session_id, writer, 1, "Mine.")
    await store.sessions.change_status(session_id, writer.user_id, to="active", allowed=("failed",))
    claim, events = await taken_up(store, session_id)
    seq = events[-1]["seq"]
    assert [one["step"] for one in claim["steps"]] == ["draft-1", "edit-1", "draft-2"]
    await store.runs.finish_step(session_id, claim["session"]["epoch"], [], step(session_id, "draft-2", seq))
    assert [one["step"] for one in (await store.versions.so_far(writer, session_id)).steps] == [
        "draft-1",
        "edit-1",
        "draft-2",
    ]


# -- Alternatives ------------------------------------------------------------------------------------------------------


async def test_alternatives_are_kept_and_counted_once(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await paused(store, writer, "draft-1")
    before = await store.sessions.get(writer, session_id)
    made = [Made(uuid4(), "gong", "m", 5, 0.02), Made(uuid4(), None, "m", 3, 0.01), Made(uuid4(), "horn", "m", 5, 0.02)]
    told = [await add(store, session_id, writer, made=made) for _ in range(2)]
    assert told[0] == told[1] and [one.content for one in told[0]] == ["gong", "horn"]
    after = await store.sessions.get(writer, session_id)
    assert (after.tokens - before.tokens, round(after.cost_usd - before.cost_usd, 6)) == (13, 0.05)
    assert after.usage_by_agent["writer"].tokens == before.usage_by_agent["writer"].tokens + 13
    events = (await store.record.events(writer, session_id, 0, 100)).items
    assert (events[-1]["type"], events[-1]["tokens"]) == ("usage", after.tokens)
    assert [event["type"] for event in events].count("usage") == 2
    more = await add(store, session_id, writer, "drum")
    listed = await store.record.alternatives(writer, session_id, 2, None)
    assert [one.content for one in listed.items] == ["gong", "horn"] and listed.next_cursor
    rest = await store.record.alternatives(writer, session_id, 2, listed.next_cursor)
    assert rest.items == more and rest.next_cursor is None
    with pytest.raises(NotFound):
        await store.versions.alternative(writer, session_id, made[1].id)


async def test_what_is_used_while_a_run_holds_the_session_is_told_by_the_run(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await begun(store, writer, "draft-1")
    seq = (await store.record.events(writer, session_id, 0, 100)).items[-1]["seq"]
    await add(store, session_id, writer, "gong")
    assert (await store.record.events(writer, session_id, seq, 100)).items == []
    told = await store.runs.number_changes(session_id, 1, [])
    assert [(event["type"], event["seq"]) for event in told] == [("usage", seq + 1)]


async def test_one_alternative_is_accepted_and_the_others_are_of_the_past(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await paused(store, writer, "draft-1")
    gong, horn = await add(store, session_id, writer, "gong", "horn")
    for _ in range(2):
        draft = await edit(store, session_id, writer, 1, "A gong.\n\nText.", of=gong.id)
        assert (draft.version, draft.author) == (2, "writer")
    assert (await store.versions.alternative(writer, session_id, gong.id)).accepted_version == 2
    with pytest.raises(Conflict, match="has changed since"):
        await edit(store, session_id, writer, 1, "A horn.\n\nText.", of=horn.id)
    await edit(store, session_id, writer, 2, "Later.")
    again = await edit(store, session_id, writer, 1, "A gong.\n\nText.", of=gong.id)
    assert again.version == 2, "accepted is accepted"
    with pytest.raises(NotFound):
        await edit(store, session_id, writer, 3, "x", of=uuid4())
    elsewhere = await paused(store, writer, "draft-1")
    with pytest.raises(NotFound):
        await edit(store, elsewhere, writer, 1, "x", of=horn.id)


# -- Forks -------------------------------------------------------------------------------------------------------------


async def test_a_fork_has_the_past_and_the_parent_is_not_touched(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await begun(store, writer, "draft-1", "draft-2", "draft-3")
    assert writer.user_id
    await store.messages.steer(session_id, writer.user_id, uuid4(), "After it all.")
    before = await _whole(store, writer, session_id)
    made = await fork(store, session_id, writer, "draft-1", "draft-2", scores={2: {"plot": 7}})
    child = await store.sessions.get(writer, made.session.id)
    assert made.changed and child.parent_session_id == session_id and child.status == "active"
    assert (child.tokens, child.cost_usd, child.usage_by_agent) == (0, 0, {})
    assert (child.epoch, child.draft_version, child.progress.percent, child.message_count) == (0, 2, 40, 3)
    messages, drafts, steps, events = await _whole(store, writer, child.id)
    assert [(one["seq"], one["step"], one["tokens"]) for one in messages] == [
        (1, None, 0),
        (2, "draft-1", 0),
        (3, "draft-2", 0),
    ]
    assert not {one["id"] for one in messages} & {one["id"] for one in before[0]}
    assert [(one["version"], one["current"], one["scores"]) for one in drafts] == [
        (1, False, None),
        (2, True, {"plot": 7}),
    ]
    assert [one["content"] for one in drafts] == [one["content"] for one in before[1][:2]]
    assert [(one["step"], one["status"]) for one in steps] == [("draft-1", "done"), ("draft-2", "done")]
    assert [one["type"] for one in events] == ["session.created", *["agent.message"] * 3, *["draft.saved"] * 2]
    assert [one["seq"] for one in events] == list(range(1, 7)) == [one["seq"] for one in made.events]
    assert await _whole(store, writer, session_id) == before
    # Both go on; the fork's run is handed its texts.
    claim, events = await taken_up(store, child.id)
    assert [one["text"] for one in claim["steps"]] == ["Text of draft-1.", "Text of draft-2."]
    await store.sessions.delete(session_id, writer.user_id)
    assert (await store.sessions.get(writer, child.id)).parent_session_id is None


async def _whole(store: Store, who: Identity, session_id: UUID) -> list[list[Any]]:
    pages = [
        (await store.record.messages(who, session_id, 100, None)).items,
        (await store.record.drafts(who, session_id, 100, None)).items,
        (await store.record.steps(who, session_id, 100, None)).items,
    ]
    return [
        *([item.model_dump(mode="json") for item in items] for items in pages),
        (await store.record.events(who, session_id, 0, 100)).items,
    ]


async def test_all_that_was_said_is_shared_where_no_step_is_named(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await paused(store, writer, "draft-1")
    await store.messages.steer(session_id, writer.user_id, uuid4(), "More rain.")
    whole = (await fork(store, session_id, writer, "draft-1", until=None)).session
    assert (whole.message_count, whole.draft_version) == (3, 1)
    claim, _ = await taken_up(store, whole.id)
    assert claim["notes"] == ["More rain."] and claim["session"]["epoch"] == 1
    empty = (await fork(store, session_id, writer, until=None, draft_version=0)).session
    assert (empty.message_count, empty.draft_version) == (2, 0)


async def test_the_same_fork_again_is_the_same_session(store: Store, user: Any) -> None:
    writer, other = await user(), await user()
    session_id = await begun(store, writer, "draft-1")
    made = await asyncio.gather(*(fork(store, session_id, writer, "draft-1", request_id="one") for _ in range(6)))
    assert len({change.session.id for change in made}) == 1 and sum(change.changed for change in made) == 1
    drafts = (await store.record.drafts(writer, made[0].session.id, 10, None)).items
    assert [draft.version for draft in drafts] == [1]
    theirs = await begun(store, other, "draft-1")
    assert (await fork(store, theirs, other, "draft-1", request_id="one")).changed


async def test_a_fork_of_a_fork_and_of_an_edit(store: Store, user: Any) -> None:
    writer = await user()
    session_id = await paused(store, writer, "draft-1")
    await edit(store, session_id, writer, 1, "Mine.")
    made = await fork(store, session_id, writer, "draft-1", "edit-1", status="paused", title="Other")
    child = made.session
    assert (child.status, child.title, child.draft_version) == ("paused", "Other", 2)
    assert (await edit(store, child.id, writer, 2, "Mine, changed.")).step == "edit-2"
    grandchild = (await fork(store, child.id, writer, "draft-1", "edit-1")).session
    assert grandchild.parent_session_id == child.id
    story = await store.record.story(writer, grandchild.id)
    assert story.content == "Mine." and (await store.record.story(writer, session_id)).content == "Mine."


# -- Whose it is -------------------------------------------------------------------------------------------------------


async def test_nobody_elses_text_is_changed_read_or_shared(store: Store, user: Any) -> None:
    writer, other, admin = await user(), await user(), await user(admin=True)
    session_id = await paused(store, writer, "draft-1")
    (gong,) = await add(store, session_id, writer, "gong")
    before = await _whole(store, writer, session_id)
    for who in (other, admin):
        for refused in (
            edit(store, session_id, who, 1, "x"),
            edit(store, session_id, who, 1, "x", of=gong.id),
            add(store, session_id, who, "x"),
            fork(store, session_id, who, "draft-1"),
        ):
            with pytest.raises(NotFound):
                await refused
    for refused_read in (
        store.versions.so_far(other, session_id),
        store.record.alternatives(other, session_id, 10, None),
        store.versions.alternative(other, session_id, gong.id),
    ):
        with pytest.raises(NotFound):
            await refused_read
    assert (await store.record.alternatives(admin, session_id, 10, None)).items == [gong]
    assert await _whole(store, writer, session_id) == before
    anonymous = Identity(user_id=writer.user_id, role="anon", token=writer.token)
    with pytest.raises(StoryloomError):
        await store.versions.so_far(anonymous, session_id)
