"""Every reader gets every event once and in order, wherever it comes in and however often it comes back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from coordinator.sessions.events import EVENT
from storyloom.client.events import parse
from storyloom.client.state import SessionState
from tests.api.support import TEST_MODEL, answers
from tests.model_server import ModelServer, Reply
from tests.service import FINISHED, Service, Socket, bearer

Frame = dict[str, Any]
WORDS = 40
SEED = 20_261_121
SETTINGS = {"offline_words_per_second": 800.0}


@pytest.fixture(autouse=True)
async def paced(model: ModelServer) -> AsyncIterator[None]:
    """The model writes a word in a millisecond or two: a story lasts long enough to come and go."""
    model.pace_s = 0.0015
    yield
    model.pace_s = 0


async def log(service: Service, session_id: str) -> list[Frame]:
    """The session's kept events, all pages."""
    found: list[Frame] = []
    while True:
        answer = await service.get(f"/api/sessions/{session_id}/events", after_seq=found[-1]["seq"] if found else 0)
        found += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return found


def same(events: Iterable[Frame]) -> list[Any]:
    """As models, in which two ways to write a time are one."""
    return [EVENT.validate_python(event) for event in events if event["type"] != "agent.delta"]


def check_course(events: list[Frame], kept: list[Frame]) -> None:
    """What one reader got from the start to the end: each kept event once, in order, and no gap in a message."""
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    assert same(events) == same(kept)
    texts: dict[tuple[str, int], str] = {}
    for event in events:
        EVENT.validate_python(event)
        if event["type"] == "agent.delta":
            message = (event["message_id"], event["attempt"])
            assert event["offset"] == len(texts.get(message, "")), event
            texts[message] = texts.get(message, "") + event["text"]
    settled = [event["message"] for event in events if event["type"] == "agent.message"]
    for message in settled:
        told = [text for (message_id, _), text in sorted(texts.items()) if message_id == message["id"]]
        assert not told or message["content"].startswith(told[-1].strip())


# -- In the middle of a message ----------------------------------------------------------------------------------------


async def stuck(socket: Socket, model: ModelServer, **reply: Any) -> tuple[str, list[Frame]]:
    """A story that has told the first words of its text and tells no more; its events so far."""
    model.script(Reply.hangs(reply.pop("hang_after", WORDS), when="Your task: brainstorm", **reply))
    session_id = await socket.start(pages=1, model=TEST_MODEL)
    text = ""
    while len(text.split()) < WORDS:
        text += (await socket.until("agent.delta"))["text"]
    return session_id, [frame for frame in socket.frames if "seq" in frame]


async def test_attach_after_each_event_gets_those_that_are_missing(shared: Service, model: ModelServer) -> None:
    async with shared.socket() as owner, shared.socket() as socket:
        session_id, told = await stuck(owner, model)
        last = told[-1]["seq"]
        while (await log(shared, session_id))[-1]["seq"] < last:
            await asyncio.sleep(0.005)
        # The words are kept joined, so that most numbers fall within a row.
        assert len([row for row in await log(shared, session_id) if row["type"] == "agent.delta"]) < WORDS / 2
        await check_each_place(socket, session_id, told)
        # What comes after follows live.
        await shared.post(f"/api/sessions/{session_id}/cancel")
        assert (await socket.until("session.status"))["status"] == "cancelled"


async def test_what_is_not_kept_of_a_text_shifts_no_place_in_it(shared: Service, model: ModelServer) -> None:
    # Each time round another number: a model that goes round in circles is stopped.
    words = [
        "A\x00 ",
        "lamp\r",
        "\n",
        "\x07went ",
        "\ud83d",
        "\ude00 ",
        "o\ud83d",
        "ut ",
        "\ufffe and ",
        "on{}\x00\x00 ",
    ]
    told_on = [word.format(n) for n in range(WORDS // 7) for word in words]
    async with shared.socket() as owner, shared.socket() as socket:
        pieces = ["<think>", "Hm. ", "</think>", *told_on, *["\x00more "] * (WORDS % 7)]
        session_id, told = await stuck(owner, model, pieces=pieces, hang_after=len(pieces))
        last = told[-1]["seq"]
        while (await log(shared, session_id))[-1]["seq"] < last:
            await asyncio.sleep(0.005)
        text = "".join(event["text"] for event in told if event["type"] == "agent.delta")
        assert text.startswith("A lamp\nwent 😀 o\ufffdut  and on0 A lamp")
        await check_each_place(socket, session_id, told)
        await shared.post(f"/api/sessions/{session_id}/cancel")


async def check_each_place(socket: Socket, session_id: str, told: list[Frame]) -> None:
    last = told[-1]["seq"]
    for place, seen in [(-1, 0), *((place, event["seq"]) for place, event in enumerate(told)), (-1, 0)]:
        epoch = told[max(place, 0)]["epoch"]
        await socket.send(type="session.attach", session_id=session_id, epoch=epoch, after_seq=seen)
        got: list[Frame] = []
        while seen < last and (not got or got[-1]["seq"] < last):
            got.append(await socket.receive())
        missing = told[place + 1 :]
        assert same(got) == same(missing), (seen, last, got)
        assert got == [] or got[0]["seq"] > seen
        texts = [[event for event in events if event["type"] == "agent.delta"] for events in (got, missing)]
        joined, words = ["".join(event["text"] for event in deltas) for deltas in texts]
        assert joined == words, seen
        first, expected = [deltas[0]["offset"] if deltas else None for deltas in texts]
        assert first == expected, seen
    assert await answers(socket) == []


# -- Coming and going --------------------------------------------------------------------------------------------------


async def wander(service: Service, session_id: str, chance: random.Random) -> tuple[list[Frame], int]:
    """One who reads a little, leaves and comes back, from the first event to the last; and how often it came."""
    got: list[Frame] = []
    epoch = seq = came = 0
    while True:
        async with service.socket() as socket:
            for _ in range(chance.randint(1, 3)):
                came += 1
                await socket.send(type="session.attach", session_id=session_id, epoch=epoch, after_seq=seq)
                for _ in range(chance.randint(1, 12)):
                    frame = await socket.receive()
                    got.append(frame)
                    epoch, seq = frame["epoch"], frame["seq"]
                    if frame["type"] == "session.status" and frame["status"] in FINISHED:
                        assert await answers(socket) == []
                        return got, came
                await socket.send(type="session.detach", session_id=session_id)
                for frame in await answers(socket):
                    got.append(frame)
                    epoch, seq = frame["epoch"], frame["seq"]
                if got[-1]["type"] == "session.status" and got[-1]["status"] in FINISHED:
                    return got, came


async def test_readers_who_come_and_go_miss_nothing(shared: Service) -> None:
    chance = random.Random(SEED)
    async with shared.socket() as owner:
        session_id = await owner.start(pages=1)
        readers = [wander(shared, session_id, random.Random(chance.random())) for _ in range(4)]
        courses = await asyncio.gather(owner.until_finished(session_id), *readers)
    assert courses[0]["status"] == "completed"
    kept = await log(shared, session_id)
    check_course([frame for frame in owner.frames if "seq" in frame], kept)
    for got, came in courses[1:]:
        assert came > 5
        check_course(got, kept)


async def test_detached_nothing_more_is_told(shared: Service) -> None:
    async with shared.socket() as owner, shared.socket() as socket:
        session_id = await owner.start(pages=1)
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until("agent.delta")
        await socket.send(type="session.detach", session_id=session_id)
        await answers(socket)
        assert (await owner.until_finished(session_id))["status"] == "completed"
        assert await answers(socket) == []


async def test_one_socket_watches_many_stories(shared: Service) -> None:
    async with shared.socket() as socket:
        for number in range(5):
            request = {"type": "story.start", "request_id": str(number), "prompt": f"Lamp {number} goes out."}
            await socket.send(**request, config={"pages": 1})
        ended: set[str] = set()
        while len(ended) < 5:
            frame = await socket.until("session.status")
            ended |= {frame["session_id"]} if frame["status"] in FINISHED else set()
        assert await answers(socket) == []
    for session_id in ended:
        mine = [frame for frame in socket.frames if frame.get("session_id") == session_id]
        check_course(mine, await log(shared, session_id))


# -- Snapshot + events = snapshot --------------------------------------------------------------------------------------


def held(state: SessionState) -> dict[str, Any]:
    """What a snapshot tells; the rest of a state is of the moment."""
    draft = state.draft and state.draft.model_dump(include={"version", "current", "step", "word_count", "scores"})
    kept = {
        "status",
        "error",
        "progress",
        "tokens",
        "cost_usd",
        "usage_by_agent",
        "messages",
        "message_count",
        "partial",
        "title",
        "approval",
        "pausing",
        "queue_place",
    }
    return {**state.model_dump(include=kept), "draft": draft}


class Watcher:
    """Reads a session to its end, and remembers what its state was after each event."""

    def __init__(self) -> None:
        self.states: dict[int, SessionState] = {}
        self.snapshots = 0

    async def watch(self, socket: Socket, session_id: str, **place: Any) -> None:
        await socket.send(type="session.attach", session_id=session_id, **place)
        state = SessionState()
        while state.status != "completed":
            frame = await socket.receive()
            self.snapshots += frame["type"] == "session.snapshot"
            state = state.apply(parse(frame))
            self.states[state.seq] = state


async def test_snapshot_and_the_events_after_it_are_a_fresh_snapshot(shared: Service, model: ModelServer) -> None:
    """Through a failure in the middle of a message, its resumption, a title of one's own, and a gate."""
    chance = random.Random(SEED)
    drafting = "Your task: write this section"
    model.script(Reply.breaks(WORDS, when=drafting), Reply.fails(401, when=drafting))
    fresh: list[SessionState] = []

    async def look(session_id: str) -> None:
        async with shared.socket() as socket:
            while not fresh or fresh[-1].status != "completed":
                await socket.send(type="session.attach", session_id=session_id)
                fresh.append(SessionState().apply(parse(await socket.until("session.snapshot"))))
                told: Frame = {"status": fresh[-1].status}
                for _ in range(chance.randint(0, 40)):
                    # Live events of this watch, to come at another moment the next time.
                    if told.get("status") in {*FINISHED, "awaiting_approval"}:
                        break
                    told = await socket.receive()

    async def meddle(session_id: str, socket: Socket) -> None:
        await socket.until("session.status", status="failed")
        renamed = await shared.http.patch(
            f"/api/sessions/{session_id}", headers=bearer(shared.token), json={"title": "Mine"}
        )
        assert renamed.status_code == 200
        await socket.send(type="session.resume", session_id=session_id)
        await socket.until("session.status", status="awaiting_approval")
        while fresh[-1].status != "awaiting_approval":
            await asyncio.sleep(0.002)
        await socket.send(type="session.approve", session_id=session_id, step="approve-final", approved=True)
        await socket.until("session.status", status="completed")

    watchers = [Watcher() for _ in range(4)]
    async with shared.socket() as owner, shared.socket() as first:
        session_id = await owner.start(pages=1, model=TEST_MODEL, approvals=["final"])
        tasks = [
            asyncio.create_task(meddle(session_id, owner)),
            asyncio.create_task(watchers[0].watch(first, session_id, epoch=0, after_seq=0)),
            asyncio.create_task(look(session_id)),
        ]
        later = [_later(shared, watcher, session_id, fresh, chance.randint(1, 12)) for watcher in watchers[1:]]
        tasks += [asyncio.create_task(watching) for watching in later]
        await asyncio.gather(*tasks)

    assert watchers[0].snapshots == 0 and [watcher.snapshots for watcher in watchers[1:]] == [1] * 3
    assert {state.status for state in fresh} >= {"active", "awaiting_approval", "completed"}
    assert any(state.partial is not None for state in fresh) and any(state.draft is not None for state in fresh)
    compared = 0
    for snapshot in fresh:
        for watcher in watchers:
            if snapshot.seq in watcher.states:
                compared += 1
                state = watcher.states[snapshot.seq]
                assert held(state) == held(snapshot), snapshot.seq
                assert state.epoch == snapshot.epoch
    assert compared > len(fresh)
    end = {watcher.states[max(watcher.states)].seq for watcher in watchers}
    assert end == {fresh[-1].seq} and fresh[-1].title == "Mine"


async def _later(service: Service, watcher: Watcher, session_id: str, fresh: list[SessionState], looks: int) -> None:
    """Comes in by a snapshot when so many have been seen, before the story has failed."""
    while len(fresh) < looks:
        await asyncio.sleep(0.002)
    async with service.socket() as socket:
        await watcher.watch(socket, session_id)
