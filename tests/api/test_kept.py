"""What was written stays: however a story comes to an end or a pause, its text so far is a version, with the section that
was under way as far as it was told; and what goes on goes on from there."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from coordinator.settings import Settings
from coordinator.store import Store
from coordinator.story.words import count_words
from tests.api.support import TEST_MODEL, held_story, problem
from tests.api.test_model_story import with_model
from tests.api.texts import MINE, current, ended, getter, put
from tests.chaos.record import check_whole, everything
from tests.conftest import Database
from tests.model_server import ModelServer, Reply
from tests.service import Service, Socket, serving
from tests.unit.cli.test_cli_versions import command

PAGES = 8
SECTIONS = 8
"""Drafts are saved after the third, the sixth and the last."""
SECTION = 5
TOLD = 60
"""Pieces of that section that the model sends before it falls silent."""


@pytest.fixture(autouse=True)
def _healthy(model: ModelServer) -> None:
    model.heal()
    model.pace_s = 0


async def call(service: Service, session_id: str, verb: str, token: str | None = None, **body: Any) -> dict[str, Any]:
    answer = await service.post(f"/api/sessions/{session_id}/{verb}", token, **body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def drafts(service: Service, session_id: str, token: str | None = None) -> list[dict[str, Any]]:
    return await everything(getter(service, token or service.token), f"/api/sessions/{session_id}/drafts")


async def messages(service: Service, session_id: str, token: str | None = None) -> dict[str, str]:
    found = await everything(getter(service, token or service.token), f"/api/sessions/{session_id}/messages")
    return {message["step"]: message["content"] for message in found if message["step"]}


def joined(*texts: str) -> str:
    return "\n\n".join(text.strip() for text in texts)


async def section_told(socket: Socket, section: int = SECTION) -> str:
    return await told_of(socket, f"draft-{section}")


async def told_of(socket: Socket, step: str, pieces: int = TOLD) -> str:
    """What is told of that step, once it is so many words."""
    await socket.until("step.started", step=step)
    told: list[str] = []
    while sum(len(text.split()) for text in told) < pieces:
        frame = await socket.until("agent.delta")
        told.append(frame["text"])
    return "".join(told)


@asynccontextmanager
async def stuck(
    service: Service, model: ModelServer, token: str | None = None, **config: Any
) -> AsyncIterator[tuple[str, str, Socket]]:
    """A story whose fifth section has begun and does not go on: its id, what is told of that section, who watches."""
    model.script(Reply.hangs(TOLD, when=f"This is section {SECTION} of"))
    async with service.socket(token) as socket:
        session_id = await socket.start(pages=PAGES, model=TEST_MODEL, max_revisions=0, **config)
        yield session_id, await section_told(socket), socket


async def check_kept(
    service: Service, session_id: str, told: str, status: str, token: str | None = None, version: int = 2
) -> dict[str, Any]:
    """The text so far is the current version, by every door that shows it; answers it."""
    said = await messages(service, session_id, token)
    content = joined(*[said[f"draft-{number}"] for number in range(1, SECTION)], told)
    story = await current(service, session_id, token)
    assert story["content"] == content
    assert (story["status"], story["version"], story["word_count"]) == (status, version, count_words(content))
    versions = await drafts(service, session_id, token)
    assert [draft["version"] for draft in versions] == list(range(1, version + 1))
    assert [draft["current"] for draft in versions] == [False] * (version - 1) + [True]
    newest = versions[-1]
    assert (newest["author"], newest["step"], newest["content"]) == ("writer", f"so-far-{version - 1}", content)
    exported = await service.get(f"/api/sessions/{session_id}/export", token, format="txt")
    assert exported.status_code == 200
    assert "".join(told.split()) in "".join(exported.text.split())
    link = await call(service, session_id, "shares", token)
    assert (await service.http.get(f"/api/shared/{link['token']}")).json()["content"] == content
    session = (await service.get(f"/api/sessions/{session_id}", token)).json()
    assert (session["status"], session["draft_version"]) == (status, version)
    return story


def sentences(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^.!?]+[.!?]", text))


async def check_goes_on(
    service: Service, session_id: str, token: str | None = None, *, fork: bool = False
) -> dict[str, Any]:
    """Resumed it comes to its end: nothing lost, nothing doubled, every score on the version that was read."""
    token = token or service.token
    await call(service, session_id, "resume", token)
    assert await ended(service, session_id, token) == "completed"
    if not fork:
        # A fork has not seen all of its past happen.
        await check_whole(getter(service, token), session_id, pages=PAGES)
    story = await current(service, session_id, token)
    said = await messages(service, session_id, token)
    assert story["content"] == joined(*[said[f"polish-{number}"] for number in range(1, SECTIONS + 1)])
    versions = await drafts(service, session_id, token)
    drafted = joined(*[said[f"draft-{number}"] for number in range(1, SECTIONS + 1)])
    assert max(sentences(drafted).values()) == 1
    scored = [draft for draft in versions if draft["scores"]]
    assert [draft["content"] for draft in scored] == [drafted]
    assert scored[0]["step"] == "draft-8"
    return story


# -- Each end ----------------------------------------------------------------------------------------------------------

End = Callable[[Service, Socket, str], Awaitable[Any]]


async def _by_rest(service: Service, _: Socket, session_id: str) -> Any:
    return await call(service, session_id, "cancel", service.token)


async def _by_socket(_: Service, socket: Socket, session_id: str) -> Any:
    await socket.send(type="session.cancel", session_id=session_id)


async def _as_admin(service: Service, session_id: str, verb: str) -> None:
    path = f"/api/admin/sessions/{session_id}/{verb}"
    assert (await service.post(path, service.admin_token(), reason="The model is needed.")).is_success


ENDS: dict[str, tuple[str, End]] = {
    "cancelled over REST": ("cancelled", _by_rest),
    "cancelled over the WebSocket": ("cancelled", _by_socket),
    "cancelled by an admin": ("cancelled", lambda service, _, session_id: _as_admin(service, session_id, "cancel")),
    "expired by an admin": ("expired", lambda service, _, session_id: _as_admin(service, session_id, "expire")),
}


@pytest.mark.parametrize("how", ENDS)
async def test_the_text_so_far_is_a_version(shared: Service, model: ModelServer, how: str) -> None:
    status, end = ENDS[how]
    async with stuck(shared, model) as (session_id, told, socket):
        await end(shared, socket, session_id)
        await socket.until_finished(session_id)
    await check_kept(shared, session_id, told, status)
    events = await everything(getter(shared, shared.token), f"/api/sessions/{session_id}/events")
    saved, over = events[-2:]
    assert (saved["type"], saved["step"], saved["version"], saved["current"]) == ("draft.saved", "so-far-1", 2, True)
    assert (over["type"], over["status"], over["seq"]) == ("session.status", status, saved["seq"] + 1)
    steps = await everything(getter(shared, shared.token), f"/api/sessions/{session_id}/steps")
    assert [step["step"] for step in steps][-2:] == ["so-far-1", "draft-5"]
    # Again it changes nothing.
    if status == "cancelled":
        await call(shared, session_id, "cancel")
    assert len(await drafts(shared, session_id)) == 2


async def test_what_an_admin_expired_goes_on(shared: Service, model: ModelServer) -> None:
    async with stuck(shared, model) as (session_id, told, socket):
        await _as_admin(shared, session_id, "expire")
        await socket.until_finished(session_id)
    await check_kept(shared, session_id, told, "expired")
    story = await check_goes_on(shared, session_id)
    said = await messages(shared, session_id)
    assert said["draft-5"].startswith(told.strip()), "it went on from what was told"
    made = [draft["step"] for draft in await drafts(shared, session_id)]
    assert made == ["draft-3", "so-far-1", "draft-5", "draft-6", "draft-8", "polish-8"]
    assert story["version"] == 6


async def partial_of(socket: Socket, session_id: str) -> str:
    await socket.send(type="session.attach", session_id=session_id)
    partial = (await socket.until("session.snapshot"))["partial"]
    return partial["text"] if partial else ""


async def test_it_is_kept_from_another_node(settings: Settings, model: ModelServer) -> None:
    configured = with_model(settings, model, models=[TEST_MODEL])
    async with serving(configured) as first, stuck(first, model) as (session_id, told, socket):
        async with serving(configured) as second, second.socket(first.token) as there:
            # What is told is stored within a moment, and only that is seen there.
            while await partial_of(there, session_id) != told:
                await asyncio.sleep(0.01)
            await call(second, session_id, "cancel", first.token)
            for one in (there, socket):
                assert (await one.until_finished(session_id)).get("status", "cancelled") == "cancelled"
            await check_kept(second, session_id, told, "cancelled", first.token)


async def test_a_failure_keeps_what_the_model_sent_until_then(shared: Service, model: ModelServer) -> None:
    model.script(
        Reply.breaks(TOLD, when=f"This is section {SECTION} of"),
        *[Reply.fails(500, when=f"This is section {SECTION} of")] * 20,
    )
    async with shared.socket() as socket:
        session_id = await socket.start(pages=PAGES, model=TEST_MODEL, max_revisions=0)
        told = await section_told(socket)
        assert (await socket.until_finished(session_id))["status"] == "failed"
    model.heal()
    await check_kept(shared, session_id, told, "failed")
    await check_goes_on(shared, session_id)
    assert (await messages(shared, session_id))["draft-5"].startswith(told.strip())


async def test_a_refusal_is_no_part_of_the_text(shared: Service, model: ModelServer) -> None:
    model.script(*[Reply.refuses(when=f"This is section {SECTION} of")] * 20)
    async with shared.socket() as socket:
        session_id = await socket.start(pages=PAGES, model=TEST_MODEL, max_revisions=0)
        await told_of(socket, f"draft-{SECTION}", 4)
        assert (await socket.until_finished(session_id))["status"] == "failed"
    model.heal()
    said = await messages(shared, session_id)
    story = await current(shared, session_id)
    assert story["content"] == joined(*[said[f"draft-{number}"] for number in range(1, SECTION)])
    assert (story["status"], story["version"]) == ("failed", 2)
    await check_goes_on(shared, session_id)


async def test_a_budget_that_is_reached_keeps_the_section_so_far(shared: Service, model: ModelServer) -> None:
    async with stuck(shared, model) as (session_id, told, _):
        used = (await shared.get(f"/api/sessions/{session_id}")).json()["tokens"]
        await call(shared, session_id, "cancel")
    asked = len(model.requests[-1].text) // 4
    model.script(Reply.prose(" ".join(f"Lamp {n} burned." for n in range(400)), when=f"This is section {SECTION} of"))
    async with shared.socket() as socket:
        session_id = await socket.start(
            pages=PAGES, model=TEST_MODEL, max_revisions=0, budget={"tokens": used + asked + 200}
        )
        paused = await socket.until("session.status", status="paused")
        assert paused["error"]["code"] == "budget_exceeded"
        told = await partial_of(socket, session_id)
    assert len(told) > 200
    await check_kept(shared, session_id, told, "paused")
    # Paused again with nothing new there is no new version.
    assert (await shared.post(f"/api/sessions/{session_id}/resume")).status_code == 402
    async with shared.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        await call(shared, session_id, "resume", budget={"tokens": used + asked + 210})
        await socket.until("session.status", status="paused")
    await check_kept(shared, session_id, told, "paused")


async def test_what_expires_is_kept(service: Service, model: ModelServer, store: Store, database: Database) -> None:
    configured = with_model(service.settings, model, models=[TEST_MODEL])
    async with serving(configured) as node, stuck(node, model) as (session_id, told, socket):
        while await partial_of(socket, session_id) != told:
            await asyncio.sleep(0.01)
        async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
            await connection.execute("update public.story_sessions set expires_at = now()")
        swept = await store.sessions.expire(10)
        assert [change.session.status for change in swept] == ["expired"]
        assert [event["type"] for event in swept[0].events] == ["draft.saved", "session.status"]
        await socket.until_finished(session_id)
        await check_kept(node, session_id, told, "expired")


# -- A pause -----------------------------------------------------------------------------------------------------------


async def test_a_pause_keeps_the_sections_there_are(shared: Service, model: ModelServer) -> None:
    model.pace_s = 0.002
    async with shared.socket() as socket:
        session_id = await socket.start(pages=PAGES, model=TEST_MODEL, max_revisions=0)
        await socket.until("step.started", step="draft-2")
        await call(shared, session_id, "pause")
        await socket.until("session.status", status="paused")
        seqs = [frame["seq"] for frame in socket.frames if "seq" in frame]
        assert seqs == list(range(1, len(seqs) + 1)), "every event was told, in its order"
    model.pace_s = 0
    said = await messages(shared, session_id)
    story = await current(shared, session_id)
    assert (story["status"], story["version"]) == ("paused", 1)
    assert story["content"] == joined(said["draft-1"], said["draft-2"])
    # Neither a second pause nor one with nothing written between makes another.
    await call(shared, session_id, "pause")
    model.open.clear()
    async with shared.socket() as socket:
        await call(shared, session_id, "resume")
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        await call(shared, session_id, "cancel")
    model.open.set()
    assert [draft["step"] for draft in await drafts(shared, session_id)] == ["so-far-1"]


async def test_a_pause_after_each_section_shifts_no_version(shared: Service) -> None:
    """Versions that were kept stand among those that the story makes: scores and acceptance are of the right ones."""
    told = {"pages": 6, "seed": 3, "max_revisions": 2}
    async with serving(shared.settings.model_copy(update={"offline_words_per_second": 3_000})) as slow:
        token = await slow.new_token()
        async with slow.socket(token) as socket:
            session_id = await socket.start(**told)
            while True:
                frame = await socket.until("step.started", "story.completed")
                if frame["type"] == "story.completed":
                    break
                if frame["step"].startswith("draft-"):
                    await call(slow, session_id, "pause", token)
                    await socket.until("session.status", status="paused")
                    await call(slow, session_id, "resume", token)
        whole = await check_whole(getter(slow, token), session_id, pages=6)
        same = await slow.story(token, **told)
        assert whole["content"] == (await current(slow, same, token))["content"]
        made, theirs = await drafts(slow, session_id, token), await drafts(slow, same, token)
    mine = [draft for draft in made if not draft["step"].startswith("so-far-")]
    assert [(d["step"], d["content"], d["scores"], d["current"]) for d in mine] == [
        (d["step"], d["content"], d["scores"], d["current"]) for d in theirs
    ]
    kept = [draft["version"] for draft in made if draft["step"].startswith("so-far-")]
    assert kept, "a version for each section between those that make one"


# -- Edited, and gone on with --------------------------------------------------------------------------------------------


async def expired(service: Service, model: ModelServer) -> tuple[str, str]:
    """A story that ended in the middle of its fifth section: its id, and what it has of that section."""
    async with stuck(service, model) as (session_id, told, socket):
        await _as_admin(service, session_id, "expire")
        await socket.until_finished(session_id)
    model.requests.clear()
    return session_id, told.strip()


async def edited(service: Service, session_id: str, content: str) -> dict[str, Any]:
    """The writer's text, in the place of the current one."""
    answer = await put(service, session_id, content, (await current(service, session_id))["version"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def check_edited(service: Service, session_id: str, *, fork: bool = False) -> str:
    """Resumed it comes to its end, and no sentence was drafted twice; answers the whole draft."""
    await call(service, session_id, "resume")
    assert await ended(service, session_id, service.token) == "completed"
    if not fork:
        await check_whole(getter(service, service.token), session_id, pages=PAGES)
    versions = await drafts(service, session_id)
    scored = [draft for draft in versions if draft["scores"]]
    assert len(scored) == 1 and scored[0]["step"] == "draft-8"
    drafted = str(scored[0]["content"])
    assert max(sentences(drafted).values()) == 1
    return drafted


async def test_what_was_told_of_a_section_is_gone_on_with_where_another_was_edited(
    shared: Service, model: ModelServer
) -> None:
    session_id, told = await expired(shared, model)
    text = (await current(shared, session_id))["content"]
    await edited(shared, session_id, f"{MINE}\n\n{text.partition(chr(10) * 2)[2]}")
    drafted = await check_edited(shared, session_id)
    assert drafted.startswith(MINE) and drafted.count(told) == 1
    assert (await messages(shared, session_id))["draft-5"].startswith(told)


async def test_a_section_that_its_writer_changed_goes_on_from_their_words(shared: Service, model: ModelServer) -> None:
    session_id, told = await expired(shared, model)
    text = (await current(shared, session_id))["content"]
    first, last = sentences(told), told.rpartition(".")[2]
    mine = told.removesuffix(last).replace(next(iter(first)), MINE)
    await edited(shared, session_id, text.removesuffix(told) + mine)
    # A first try tells the section anew, which is no way on from there.
    model.script(Reply.prose(told.split(". ")[1] + ". And so on, and on.", when=f"This is section {SECTION} of"))
    async with shared.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("session.snapshot")
        drafted = await check_edited(shared, session_id)
        while (await socket.receive())["type"] != "story.completed":
            pass
    said = (await messages(shared, session_id))["draft-5"]
    assert said.startswith(mine) and len(said.split()) > len(mine.split()) + 100
    assert drafted.count(mine) == 1 and next(iter(first)) not in drafted
    asked = [request.text for request in model.requests if f"This is section {SECTION} of" in request.text]
    assert asked and all("written so far" in one and MINE in one for one in asked)
    # Who watches is told the writer's words as the beginning of the message.
    begun = [f for f in socket.frames if f["type"] == "agent.delta" and f["offset"] == 0 and f["text"].startswith(mine)]
    assert {frame["attempt"] for frame in begun} == {2, 3}
    assert [draft["step"] for draft in await drafts(shared, session_id)] == [
        "draft-3",
        "so-far-1",
        "edit-1",
        "draft-5",
        "draft-6",
        "draft-8",
        "polish-8",
    ]


async def test_a_section_taken_away_is_written_from_its_beginning(shared: Service, model: ModelServer) -> None:
    session_id, told = await expired(shared, model)
    text = (await current(shared, session_id))["content"]
    await edited(shared, session_id, text.removesuffix(told))
    drafted = await check_edited(shared, session_id)
    assert told not in drafted and drafted.startswith(text.removesuffix(told).strip())


async def test_a_section_told_by_its_writer_is_told(shared: Service, model: ModelServer) -> None:
    session_id, told = await expired(shared, model)
    text = (await current(shared, session_id))["content"]
    mine = " ".join(f"The {n}th gull came in from the harbour." for n in range(60))
    await edited(shared, session_id, text.removesuffix(told) + mine)
    drafted = await check_edited(shared, session_id)
    assert f"\n\n{mine}\n\n" in drafted
    steps = [
        step["step"] for step in await everything(getter(shared, shared.token), f"/api/sessions/{session_id}/steps")
    ]
    assert "record-5" in steps and not [request for request in model.requests if "This is section 5 of" in request.text]


async def test_what_is_ended_again_keeps_the_writers_words_and_what_came_since(
    shared: Service, model: ModelServer
) -> None:
    session_id, told = await expired(shared, model)
    text = (await current(shared, session_id))["content"]
    mine = told.replace(next(iter(sentences(told))), MINE)
    await edited(shared, session_id, text.removesuffix(told) + mine)
    for number in (2, 3):
        model.script(Reply.hangs(TOLD, when=f"This is section {SECTION} of"))
        async with shared.socket() as socket:
            await socket.send(type="session.attach", session_id=session_id)
            await socket.until("session.snapshot")
            await call(shared, session_id, "resume")
            await told_of(socket, "draft-5", TOLD // 2 + (len(mine.split()) if number == 2 else 0))
            await _as_admin(shared, session_id, "expire")
            await socket.until_finished(session_id)
            more = await partial_of(socket, session_id)
        assert more.startswith(mine.rstrip()) and len(more.split()) > len(mine.split()) + TOLD // 3
        mine = more
        so_far = (await current(shared, session_id))["content"]
        assert (await drafts(shared, session_id))[-1]["step"] == f"so-far-{number}"
        assert MINE in mine and so_far == text.removesuffix(told) + mine.strip()
    rest = " ".join(f"Lamp {n} of the harbour burned low." for n in range(25))
    model.script(Reply.prose(rest, when=f"This is section {SECTION} of"))
    drafted = await check_edited(shared, session_id)
    assert f"{so_far} {rest}\n\n" in drafted


# -- Nothing, or nothing new -------------------------------------------------------------------------------------------


async def test_where_nothing_was_written_there_is_no_version(shared: Service, model: ModelServer) -> None:
    async with held_story(shared, model) as session_id:
        await call(shared, session_id, "cancel")
    told = problem(await shared.get(f"/api/sessions/{session_id}/story"), 409, "conflict")
    assert told["detail"] == "The story has no text: it was cancelled before any was written."
    problem(await shared.get(f"/api/sessions/{session_id}/export", format="md"), 409, "conflict")
    told = problem(await shared.post(f"/api/sessions/{session_id}/shares"), 409, "conflict")
    assert "cancelled before any was written" in told["detail"]
    assert await drafts(shared, session_id) == []
    steps = await everything(getter(shared, shared.token), f"/api/sessions/{session_id}/steps")
    assert not [step for step in steps if step["step"].startswith("so-far")]


async def test_a_whole_draft_stays_current_where_a_revision_breaks_off(shared: Service, model: ModelServer) -> None:
    model.script(Reply.hangs(TOLD, when="Your task: polish section 2"))
    async with shared.socket() as socket:
        session_id = await socket.start(pages=PAGES, model=TEST_MODEL, max_revisions=0)
        await told_of(socket, "polish-2")
        await call(shared, session_id, "cancel")
    made = await drafts(shared, session_id)
    assert [draft["step"] for draft in made] == ["draft-3", "draft-6", "draft-8"] and made[-1]["current"]
    assert (await current(shared, session_id))["status"] == "cancelled"


# -- Forks -------------------------------------------------------------------------------------------------------------


async def test_a_fork_of_a_version_that_was_kept_goes_on_by_itself(shared: Service, model: ModelServer) -> None:
    session_id, told = await expired(shared, model)
    text = (await current(shared, session_id))["content"]
    whole = await call(shared, session_id, "fork", from_version=2, start=False)
    assert (await current(shared, whole["id"]))["content"] == text
    assert [draft["step"] for draft in await drafts(shared, whole["id"])] == ["draft-3", "so-far-1"]
    await edited(shared, whole["id"], text.replace(next(iter(sentences(told))), MINE))
    drafted = await check_edited(shared, whole["id"], fork=True)
    assert MINE in drafted
    # The story that it came from is as it was.
    assert [draft["step"] for draft in await drafts(shared, session_id)] == ["draft-3", "so-far-1"]


async def test_a_fork_that_waits_to_be_edited_has_the_sections_up_to_its_step(
    shared: Service, model: ModelServer
) -> None:
    session_id, _ = await expired(shared, model)
    said = await messages(shared, session_id)
    async with shared.socket() as socket:
        made = await call(shared, session_id, "fork", from_step="draft-4", start=False)
        await socket.send(type="session.attach", session_id=made["id"])
        snapshot = await socket.until("session.snapshot")
    content = joined(*[said[f"draft-{number}"] for number in range(1, 5)])
    assert snapshot["draft"]["content"] == content == (await current(shared, made["id"]))["content"]
    assert made["draft_version"] == 2 and made["status"] == "paused"
    events = await everything(getter(shared, shared.token), f"/api/sessions/{made['id']}/events")
    assert [event["version"] for event in events if event["type"] == "draft.saved"] == [1, 2]
    await check_goes_on(shared, made["id"], fork=True)


# -- The built-in storyteller ------------------------------------------------------------------------------------------


async def test_the_storyteller_goes_on_from_its_writers_words(shared: Service) -> None:
    token = await shared.new_token()
    whole = await shared.story(token, pages=4, seed=11, max_revisions=0)
    steps = await everything(getter(shared, token), f"/api/sessions/{whole}/steps")
    names = [step["step"] for step in steps]
    used = sum(step["tokens"] for step in steps[: names.index("draft-3")])
    async with serving(shared.settings.model_copy(update={"offline_words_per_second": 400})) as slow:
        async with slow.socket(token) as socket:
            budget = {"tokens": used + 120}
            session_id = await socket.start(pages=4, seed=11, max_revisions=0, budget=budget)
            await socket.until("session.status", session_id=session_id, status="paused")
        story = await current(slow, session_id, token)
        assert story["version"] > 1
        told = story["content"].removeprefix(joined(*await drafted_until(slow, session_id, token, 2))).strip()
        assert 100 < count_words(told) < 140
        mine = told.replace(next(iter(sentences(told))), MINE)
        content = story["content"].removesuffix(told) + mine
        assert (await put(slow, session_id, content, story["version"], token)).status_code == 200
        await call(slow, session_id, "resume", token, budget={"tokens": 1_000_000})
        assert await ended(slow, session_id, token) == "completed"
        await check_whole(getter(slow, token), session_id, pages=4)
        said = await messages(slow, session_id, token)
    assert said["draft-3"].startswith(mine) and count_words(said["draft-3"]) > 200
    assert max(sentences(said["draft-3"]).values()) == 1


async def drafted_until(service: Service, session_id: str, token: str, section: int) -> list[str]:
    said = await messages(service, session_id, token)
    return [said[f"draft-{number}"] for number in range(1, section + 1)]


# -- The command line --------------------------------------------------------------------------------------------------


async def test_the_command_line_shows_it(shared: Service, model: ModelServer) -> None:
    async with stuck(shared, model) as (session_id, told, socket):
        await call(shared, session_id, "cancel")
        await socket.until_finished(session_id)
    code, shown, _ = await command(shared, "show", session_id)
    assert code == 0 and "".join(told.split()) in "".join(shown.split())
    code, listed, _ = await command(shared, "versions", session_id)
    assert code == 0 and "so-far-1 current" in listed
    code, record, _ = await command(shared, "diff", session_id, "1", "2")
    assert code == 0 and "".join(told.split()[:5]) in "".join(record.split())
