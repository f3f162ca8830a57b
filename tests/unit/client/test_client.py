"""The client against a small WebSocket server that plays one scene a connection."""

from __future__ import annotations

import asyncio

import pytest
import respx

from storyloom.client import Client
from storyloom.client.backoff import Reconnect
from storyloom.client.events import SessionSnapshot
from storyloom.errors import ClientError
from tests.unit.client.stage import AT_ONCE, SESSION, WRITER, Actor, collect, numbers, session, theatre


async def test_a_story_is_written_from_start_to_end() -> None:
    async def scene(actor: Actor) -> None:
        start = await actor.ready()
        await actor.event(1, "session.created", session=session(), request_id=start["request_id"])
        await actor.event(2, percent=50)
        await actor.finish(3)
        await actor.linger()

    async with theatre(scene) as stage, Client(stage.url, "secret") as client:
        events = await collect(client.write("A door in the sea", template="classic", config={"pages": 2}))
    assert [event.type for event in events] == ["session.created", "progress", "session.status"]
    start = stage.of("story.start")[0]
    assert (start["prompt"], start["template"], start["config"]) == ("A door in the sea", "classic", {"pages": 2})
    assert "title" not in start


async def test_the_token_goes_in_the_first_frame_and_never_in_the_address() -> None:
    async def scene(actor: Actor) -> None:
        assert "Authorization" not in actor.connection.request.headers  # type: ignore[union-attr]
        assert actor.connection.subprotocol in (None, "storyloom.v1")
        await actor.ready()
        await actor.snapshot(1, status="completed")

    async with theatre(scene) as stage, Client(stage.url, "secret") as client:
        await collect(client.watch(SESSION))
    assert stage.heard[0] == {"type": "auth", "token": "secret"}
    assert stage.paths == ["/ws/stories"]


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013, None])
async def test_a_lost_connection_goes_on_after_the_last_event(code: int | None) -> None:
    async def breaks(actor: Actor) -> None:
        await actor.ready()
        await actor.snapshot(4, epoch=2)
        await actor.event(5, epoch=2)
        # The client has taken both when it has answered this.
        await (await actor.connection.ping())
        if code is None:
            await actor.drop()
        else:
            await actor.connection.close(code)

    async def goes_on(actor: Actor) -> None:
        assert await actor.ready() == {"type": "session.attach", "session_id": SESSION, "epoch": 2, "after_seq": 5}
        await actor.event(6, epoch=2)
        await actor.finish(7, epoch=2)
        await actor.linger()

    async with theatre(breaks, goes_on) as stage, Client(stage.url, "t", reconnect=AT_ONCE) as client:
        events = await collect(client.watch(SESSION))
    assert stage.of("session.attach")[0] == {"type": "session.attach", "session_id": SESSION}
    assert numbers(events) == [(2, 4), (2, 5), (2, 6), (2, 7)]


async def test_a_start_without_an_answer_is_repeated_as_the_same_request() -> None:
    async def breaks(actor: Actor) -> None:
        await actor.ready()
        await actor.drop()

    async def answers(actor: Actor) -> None:
        await actor.ready()
        await actor.snapshot(9)
        await actor.finish(10)
        await actor.linger()

    async with theatre(breaks, breaks, answers) as stage, Client(stage.url, "t", reconnect=AT_ONCE) as client:
        await collect(client.write("A door in the sea"))
    starts = stage.of("story.start")
    assert len(starts) == 3
    assert len({start["request_id"] for start in starts}) == 1


async def test_a_start_with_an_answer_is_attached_and_never_repeated() -> None:
    async def breaks(actor: Actor) -> None:
        start = await actor.ready()
        await actor.event(1, "session.created", session=session(), request_id=start["request_id"])
        await (await actor.connection.ping())
        await actor.drop()

    async def answers(actor: Actor) -> None:
        assert (await actor.ready())["after_seq"] == 1
        await actor.finish(2)
        await actor.linger()

    async with theatre(breaks, answers) as stage, Client(stage.url, "t", reconnect=AT_ONCE) as client:
        events = await collect(client.write("A door", request_id="mine"))
    assert [start["request_id"] for start in stage.of("story.start")] == ["mine"]
    assert numbers(events) == [(1, 1), (1, 2)]


async def test_each_event_comes_once_and_in_order() -> None:
    async def scene(actor: Actor) -> None:
        await actor.ready()
        await actor.snapshot(2, epoch=2)
        for seq in (1, 2, 3, 3, 4, 3):
            await actor.event(seq, epoch=2)
        await actor.event(9, epoch=1)  # of a run that another has replaced
        await actor.say("progress", session_id=WRITER, epoch=2, seq=5)  # another session's
        await actor.finish(6, epoch=2)
        await actor.linger()

    async with theatre(scene) as stage, Client(stage.url, "t") as client:
        events = await collect(client.watch(SESSION))
    assert numbers(events) == [(2, 2), (2, 3), (2, 4), (2, 6)]


async def test_what_was_seen_but_not_kept_is_replaced_by_a_snapshot() -> None:
    async def scene(actor: Actor) -> None:
        await actor.ready()
        await actor.snapshot(3)
        await actor.event(4)
        await actor.event(5)
        await actor.event(4, epoch=2)  # the next run counts on from what was kept
        assert await actor.hear() == {"type": "session.attach", "session_id": SESSION}
        await actor.event(5, epoch=2)  # was under way before the request
        await actor.snapshot(5, epoch=2)
        await actor.finish(6, epoch=2)
        await actor.linger()

    async with theatre(scene) as stage, Client(stage.url, "t") as client:
        events = await collect(client.watch(SESSION))
    assert numbers(events) == [(1, 3), (1, 4), (1, 5), (2, 5), (2, 6)]
    assert isinstance(events[3], SessionSnapshot)


async def test_silence_for_two_heartbeats_is_a_lost_connection() -> None:
    async def falls_silent(actor: Actor) -> None:
        await actor.ready(heartbeat_s=0.05)
        await actor.snapshot(1)
        await actor.linger()

    async def speaks(actor: Actor) -> None:
        await actor.ready()
        await actor.finish(2)
        await actor.linger()

    told: list[str] = []
    client_options = {"reconnect": AT_ONCE, "on_lost": lambda error, wait_s: told.append(error.message)}
    async with theatre(falls_silent, speaks) as stage, Client(stage.url, "t", **client_options) as client:  # type: ignore[arg-type]
        assert numbers(await collect(client.watch(SESSION))) == [(1, 1), (1, 2)]
    assert told == ["Nothing was heard from the server for 0.1 s."]


async def test_the_server_s_pings_are_signs_of_life() -> None:
    async def pings(actor: Actor) -> None:
        await actor.ready(heartbeat_s=0.3)
        await actor.snapshot(1)
        for _ in range(8):
            await (await actor.connection.ping())
            await asyncio.sleep(0.1)
        await actor.finish(2)
        await actor.linger()

    async with theatre(pings) as stage, Client(stage.url, "t") as client:
        assert numbers(await collect(client.watch(SESSION))) == [(1, 1), (1, 2)]


async def test_a_refused_token_is_renewed_once() -> None:
    async def refuses(actor: Actor) -> None:
        await actor.hear()
        await actor.connection.close(4401)

    async def accepts(actor: Actor) -> None:
        await actor.ready()
        await actor.snapshot(1, status="completed")

    asked: list[bool] = []

    async def provider(renew: bool) -> str:
        asked.append(renew)
        return f"token-{len(asked)}"

    async with theatre(refuses, accepts) as stage, Client(stage.url, token_provider=provider) as client:
        await collect(client.watch(SESSION))
    assert asked == [False, True]
    assert [frame["token"] for frame in stage.of("auth")] == ["token-1", "token-2"]

    async with theatre(refuses, refuses) as stage, Client(stage.url, token_provider=provider) as client:
        with pytest.raises(ClientError) as caught:
            await collect(client.watch(SESSION))
    assert caught.value.code == "unauthorized"


async def test_a_token_that_expires_on_the_way_is_renewed_and_the_watch_goes_on() -> None:
    async def expires(actor: Actor) -> None:
        await actor.ready()
        await actor.snapshot(1)
        await actor.say("error", code="unauthorized", message="The token has expired.", retryable=False)
        await actor.connection.close(4401)

    async def goes_on(actor: Actor) -> None:
        assert (await actor.ready())["after_seq"] == 1
        await actor.finish(2)
        await actor.linger()

    async def provider(renew: bool) -> str:
        return "new" if renew else "old"

    async with theatre(expires, goes_on) as stage, Client(stage.url, token_provider=provider) as client:
        assert numbers(await collect(client.watch(SESSION))) == [(1, 1), (1, 2)]
    assert [frame["token"] for frame in stage.of("auth")] == ["old", "new"]


async def test_a_fixed_token_that_is_refused_is_the_end() -> None:
    async def refuses(actor: Actor) -> None:
        await actor.hear()
        await actor.say("error", code="unauthorized", message="The token has expired.", retryable=False)
        await actor.connection.close(4401)

    async with theatre(refuses) as stage, Client(stage.url, "t", reconnect=AT_ONCE) as client:
        with pytest.raises(ClientError, match="expired") as caught:
            await collect(client.watch(SESSION))
    assert (caught.value.code, caught.value.status) == ("unauthorized", 4401)


@pytest.mark.parametrize(("code", "said"), [(4403, "origin"), (4429, "too many connections"), (1009, "256 KiB")])
async def test_closes_that_another_connection_would_not_mend_are_raised(code: int, said: str) -> None:
    async def refuses(actor: Actor) -> None:
        await actor.ready()
        await actor.connection.close(code)

    async with theatre(refuses) as stage, Client(stage.url, "t", reconnect=AT_ONCE) as client:
        with pytest.raises(ClientError, match=said) as caught:
            await collect(client.watch(SESSION))
    assert caught.value.status == code


async def test_an_error_about_the_session_is_raised_and_about_another_is_not() -> None:
    async def scene(actor: Actor) -> None:
        await actor.ready()
        await actor.say("error", code="not_found", message="Another's.", session_id=WRITER, retryable=False)
        await actor.say("error", code="not_found", message="There is no such session.", session_id=SESSION)
        await actor.linger()

    async with theatre(scene) as stage, Client(stage.url, "t") as client:
        with pytest.raises(ClientError, match="no such session") as caught:
            await collect(client.watch(SESSION))
    assert caught.value.code == "not_found"


async def test_an_error_that_can_pass_is_tried_again() -> None:
    async def busy(actor: Actor) -> None:
        start = await actor.ready()
        facts = {"request_id": start["request_id"], "retryable": True, "retry_after_s": 0.01}
        await actor.say("error", code="unavailable", message="Busy.", **facts)
        await actor.linger()

    async def answers(actor: Actor) -> None:
        start = await actor.ready()
        await actor.event(1, "session.created", session=session(), request_id=start["request_id"])
        await actor.finish(2)
        await actor.linger()

    waits: list[float] = []
    async with theatre(busy, answers) as stage:

        def notice(error: ClientError, wait_s: float) -> None:
            waits.append(wait_s)

        async with Client(stage.url, "t", reconnect=AT_ONCE, on_lost=notice) as client:
            assert len(await collect(client.write("A door"))) == 2
    assert waits == [0.01]


async def test_tries_without_progress_come_to_an_end() -> None:
    async def restarts(actor: Actor) -> None:
        await actor.ready()
        await actor.connection.close(1012)

    policy = Reconnect(attempts=3, chance=lambda: 0.0)
    async with theatre(*[restarts] * 4) as stage, Client(stage.url, "t", reconnect=policy) as client:
        with pytest.raises(ClientError, match="restarting") as caught:
            await collect(client.watch(SESSION))
    assert caught.value.retryable


async def test_progress_counts_the_tries_anew() -> None:
    seqs = iter(range(1, 7))

    async def one_event(actor: Actor) -> None:
        await actor.ready()
        await actor.event(next(seqs))
        await (await actor.connection.ping())
        await actor.connection.close(1012)

    async def ends(actor: Actor) -> None:
        await actor.ready()
        await actor.finish(9)
        await actor.linger()

    policy = Reconnect(attempts=2, chance=lambda: 0.0)
    async with theatre(*[one_event] * 6, ends) as stage, Client(stage.url, "t", reconnect=policy) as client:
        assert len(await collect(client.watch(SESSION))) == 7


async def test_no_server_at_all_is_told_at_once() -> None:
    async with theatre() as stage:
        url = stage.url
    async with Client(url, "t", reconnect=AT_ONCE) as client:
        with pytest.raises(ClientError, match=r"No Storyloom server answers at http://127\.0\.0\.1") as caught:
            await collect(client.watch(SESSION))
    assert caught.value.code == "unavailable"


async def test_leaving_the_loop_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def scene(actor: Actor) -> None:
        await actor.ready()
        await actor.snapshot(1)
        await actor.linger()
        closed.set()

    async with theatre(scene) as stage, Client(stage.url, "t") as client:
        events = client.watch(SESSION)
        await anext(events)
        await events.aclose()
        await asyncio.wait_for(closed.wait(), 5)


@respx.mock
async def test_a_watch_of_a_finished_session_takes_a_snapshot() -> None:
    async def scene(actor: Actor) -> None:
        assert await actor.ready() == {"type": "session.attach", "session_id": SESSION}
        await actor.snapshot(8, status="completed")

    async with theatre(scene) as stage:
        respx.get(f"{stage.url}/api/sessions/{SESSION}").respond(json=session("completed"))
        async with Client(stage.url, "t") as client:
            assert len(await collect(client.watch(SESSION, epoch=1, after_seq=8))) == 1


def test_waits_grow_to_a_cap_and_are_spread_out() -> None:
    most = Reconnect(base_s=0.5, cap_s=4, chance=lambda: 1.0)
    assert [most.wait_s(tries) for tries in range(5)] == [0.5, 1, 2, 4, 4]
    assert Reconnect(chance=lambda: 0.0).wait_s(3) == 0
    assert most.wait_s(0, at_least_s=30) == 30
    assert most.wait_s(10_000) == 4
