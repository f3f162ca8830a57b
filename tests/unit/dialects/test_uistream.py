"""A turn in the words of the AI SDK: however it is cut, joined or come back to, its reader has the same message."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dialects.places import Place, Telling, Told, parsed
from api.dialects.uistream import NOT_ANSWERED, NOT_FINISHED, NOT_KEPT, Translation
from coordinator.sessions.events import Event
from tests.unit.dialects import turn
from tests.unit.dialects.turn import AFTER_SEQ, EPOCH, MESSAGE, OTHER, SESSION, Log, Reader, Tool

CONTENT = "Once there was a 🦊 who kept a light. It asked: what now?"


def begun() -> Translation:
    return Translation(SESSION, MESSAGE)


def read(events: list[Event]) -> Reader:
    reader, translation = Reader(), begun()
    for event in events:
        reader.take(translation.feed(event.fields))
    assert translation.done
    return reader


@st.composite
def turns(draw: st.DrawFn) -> tuple[str, list[Event]]:
    content = draw(st.text(alphabet="ab é🦊\n", min_size=0, max_size=30))
    places = st.integers(0, len(content))
    errors = st.sampled_from([None, "It is not there."])
    tools = [Tool(at, f"call-{at}", draw(errors)) for at in sorted(draw(st.sets(places, max_size=3)))]
    taken_up_at = draw(st.none() | places)
    return content, turn.recorded(content, draw(st.lists(places, max_size=8)), tools, taken_up_at)


def test_a_turn_is_told_in_order_with_its_text_parted_at_its_calls() -> None:
    tools = [Tool(17, "a"), Tool(38, "b", "Nobody knows.")]
    reader = read(turn.recorded(CONTENT, [5, 18, 30], tools))
    assert [part["type"] for part in reader.parts] == ["text", "tool", "text", "tool", "text"]
    assert reader.text == CONTENT and reader.parts[2]["text"] == CONTENT[17:38]
    assert reader.parts[1]["output"] == {"found": "a"} and reader.parts[3]["error"] == "Nobody knows."
    assert reader.id == MESSAGE and reader.ended == ["finish", "done"] and not reader.errors and not reader.open
    assert reader.metadata["session_id"] == SESSION and reader.metadata["seq"] == 8
    assert reader.momentary == ["data-status", "data-usage"]


@given(turns(), st.randoms(use_true_random=False))
def test_however_its_pieces_are_joined_the_message_is_the_same(
    made: tuple[str, list[Event]], chance: random.Random
) -> None:
    content, events = made
    once = read(events)
    assert once.text == content
    for told in (turn.joined(events, chance), turn.settled(events)):
        again = read(told)
        assert again.parts == once.parts and again.ended == once.ended == ["finish", "done"]


@given(turns(), st.data())
def test_begun_with_a_snapshot_it_has_the_same_text_and_the_same_calls(
    made: tuple[str, list[Event]], data: st.DataObject
) -> None:
    """And so it is when a snapshot comes in between."""
    content, events = made
    begin = data.draw(st.integers(0, len(events)))
    taken = data.draw(st.integers(begin, len(events)))
    once = read(events)
    told = [*events[:begin], turn.snapshot(events[:taken]), *events[taken:]]
    again = read(told)
    assert again.text == content and not again.errors
    assert sorted(again.tools, key=str) == sorted(once.tools, key=str)


@given(turns(), st.data(), st.randoms(use_true_random=False))
def test_who_comes_back_with_a_place_gets_what_follows_it(
    made: tuple[str, list[Event]], data: st.DataObject, chance: random.Random
) -> None:
    events = made[1]
    first = told_to(None, turn.joined(events, chance))
    cut = data.draw(st.integers(1, len(first)))
    place = first[cut - 1].place
    assert place is not None and parsed(str(place)) == place
    rest = told_to(place, turn.joined(events, chance))
    reader = Reader()
    reader.take(told.part for told in [*first[:cut], *rest])
    assert reader.parts == read(events).parts and reader.ended == ["finish", "done"]
    assert all(told.part.type != "start" for told in rest)


@given(turns(), st.data(), st.randoms(use_true_random=False))
def test_who_comes_back_for_pieces_that_are_gone_gets_all_of_it(
    made: tuple[str, list[Event]], data: st.DataObject, chance: random.Random
) -> None:
    events = made[1]
    first = told_to(None, turn.joined(events, chance))
    cut = data.draw(st.integers(1, len(first) - 1))
    reader = Reader()
    reader.take(told.part for told in [*first[:cut], *told_to(first[cut - 1].place, turn.settled(events))])
    assert reader.parts == read(events).parts and reader.ended == ["finish", "done"]


def told_to(seen: Place | None, events: list[Event]) -> list[Told[Any]]:
    telling = Telling(begun(), AFTER_SEQ, seen)
    return [told for event in events for told in telling.feed(event)]


def test_who_saw_what_a_dead_node_never_kept_gets_all_of_it() -> None:
    kept = turn.recorded(CONTENT, [10], [], taken_up_at=10)
    seen = Place(EPOCH, AFTER_SEQ + 5)
    (first, *_) = told_to(seen, kept)
    assert first.part.type == "start"
    reader = Reader()
    reader.take(told.part for told in told_to(seen, kept))
    assert reader.text == CONTENT


def test_every_part_has_a_place_but_those_that_nobody_can_go_on_from() -> None:
    events = turn.recorded(CONTENT, [3, 9], [Tool(9, "a")])
    told = told_to(None, events)
    assert [str(one.place) for one in told[:4]] == ["3:41", "3:42", "3:42.1", "3:43"]
    assert len({one.place for one in told}) == len(told)
    (*first, last) = told_to(None, [turn.snapshot(events[:4]), *events[4:]])[:3]
    assert [one.place for one in first] == [None, None] and str(last.place) == "3:44"


def test_a_place_before_the_turn_is_passed_over() -> None:
    events = turn.recorded(CONTENT, [], [])
    assert [told.part for told in told_to(Place(EPOCH, AFTER_SEQ - 7), events)] == [
        told.part for told in told_to(None, events)
    ]


@pytest.mark.parametrize("text", ["", "7", "1:2:3", "a:b", "1:-2", " 1:2", "1:2.", "1:99999999999", "1:2\n", "١:٢"])
def test_what_was_never_sent_as_a_place_is_none(text: str) -> None:
    assert parsed(text) is None


def test_a_gap_ends_the_stream_with_a_word_and_without_its_end() -> None:
    log = Log()
    log.add("turn.started", message_id=MESSAGE, agent="muse", answers=7)
    log.add("agent.delta", message_id=MESSAGE, agent="muse", attempt=1, offset=0, text="Once")
    log.add("agent.delta", message_id=MESSAGE, agent="muse", attempt=1, offset=6, text="there")
    reader = read(log.events)
    assert reader.text == "Once" and reader.errors == [NOT_KEPT] and not reader.ended and not reader.open


def test_what_overlaps_is_cut() -> None:
    log = Log()
    for offset, text in ((0, "Once 🦊"), (2, "ce 🦊 there"), (0, "On"), (12, " was")):
        log.add("agent.delta", message_id=MESSAGE, agent="muse", attempt=1, offset=offset, text=text)
    log.add("agent.message", message=turn.message("Once 🦊 there was"))
    log.add("session.status", status="waiting")
    reader = read(log.events)
    assert reader.text == "Once 🦊 there was" and [part["text"] for part in reader.parts] == [reader.text]


@pytest.mark.parametrize("kept", ["Twice upon a time", "On"])
def test_text_that_was_told_and_not_kept_is_never_told_otherwise(kept: str) -> None:
    log = Log()
    log.add("turn.started", message_id=MESSAGE, agent="muse", answers=7)
    log.add("agent.delta", message_id=MESSAGE, agent="muse", attempt=1, offset=0, text="Once")
    partial = {"message_id": MESSAGE, "agent": "muse", "attempt": 1, "text": kept}
    session = {"status": "active", "error": None}
    log.add("session.snapshot", session=session, messages=[], partial=partial)
    reader = read(log.events)
    assert reader.text == "Once" and reader.errors == [NOT_KEPT] and not reader.ended

    log.events[-1:] = []
    log.add("agent.message", message=turn.message(kept))
    assert read(log.events).errors == [NOT_KEPT]


def test_a_stopped_answer_is_kept_and_told_as_stopped() -> None:
    log = Log(turn.recorded(CONTENT, [], [])[:-3])
    log.add("agent.message", message=turn.message(CONTENT, stopped=True))
    log.add("session.status", status="waiting", reason="stopped")
    reader = read(log.events)
    assert reader.text == CONTENT and reader.ended == ["abort", "done"] and not reader.errors


def test_a_turn_that_fails_is_told_in_our_sentence() -> None:
    log = Log(turn.recorded(CONTENT, [], [])[:2])
    log.add("session.status", status="waiting", error={"code": "unavailable", "message": "The model is away."})
    reader = read(log.events)
    assert reader.errors == ["The model is away."] and reader.ended == ["finish", "done"]


def test_a_call_that_was_never_answered_does_not_wait_for_ever() -> None:
    log = Log()
    log.add("turn.started", message_id=MESSAGE, agent="muse", answers=7)
    log.add("tool.called", message_id=MESSAGE, call_id="a", tool="look_up", args={}, offset=0)
    log.add("session.status", status="waiting", reason="stopped")
    (tool,) = read(log.events).tools
    assert tool["error"]


def test_a_proposed_story_is_a_part_of_its_own() -> None:
    reader = read(turn.recorded(CONTENT, [], [Tool(4, "a", tool="propose_story")]))
    (card,) = [part for part in reader.parts if part["type"] == "data-proposal"]
    assert card["data"] == {"name": "a", "found": "a", "call_id": "a"}


def test_what_another_answer_says_is_no_part_of_it() -> None:
    log = Log()
    log.add("turn.started", message_id=OTHER, agent="muse", answers=5)
    log.add("agent.delta", message_id=OTHER, agent="muse", attempt=1, offset=0, text="No.")
    log.add("agent.message", message={**turn.message("No."), "id": OTHER})
    log.add("usage", **turn.USAGE)
    log.add("branch.changed", head_seq=7, moved=[])
    translation, reader = Translation(SESSION, None, answers=7), Reader()
    for event in log.events:
        assert translation.feed(event.fields) == []
    for event in turn.recorded(CONTENT, [], []):
        reader.take(translation.feed(event.fields))
    assert reader.text == CONTENT and translation.done


@pytest.mark.parametrize("parent_seq", [7, None])
def test_an_answer_that_was_waited_for_is_found_in_a_snapshot(parent_seq: int | None) -> None:
    """And it may answer what was said after the message that waited as well."""
    for answers in (7, 5):
        translation, reader = Translation(SESSION, None, answers), Reader()
        session = {"status": "waiting", "error": None, "turn": None}
        mine = {**turn.message(CONTENT), "parent_seq": parent_seq}
        log = Log()
        log.add("session.snapshot", session=session, messages=[mine], partial=None)
        reader.take(translation.feed(log.events[0].fields))
        assert reader.text == CONTENT and reader.ended == ["finish", "done"]


def test_the_next_answer_in_the_queue_ends_this_one() -> None:
    log = Log(turn.recorded(CONTENT, [], [])[:-1])
    log.add("turn.started", message_id=OTHER, agent="muse", answers=9)
    assert read(log.events).ended == ["finish", "done"]


def test_an_answer_that_never_began_or_never_ended_says_so() -> None:
    log = Log()
    log.add("session.status", status="waiting", reason="stopped")
    assert read(log.events).errors == [NOT_ANSWERED]
    log = Log(turn.recorded(CONTENT, [], [])[:3])
    log.add("session.status", status="expired")
    assert read(log.events).errors == [NOT_FINISHED]


def test_a_session_that_is_gone_ends_it() -> None:
    telling, reader = Telling(begun(), AFTER_SEQ), Reader()
    for event in turn.recorded(CONTENT, [], [])[:3]:
        reader.take(told.part for told in telling.feed(event))
    gone = {"type": "error", "code": "not_found", "message": "The session was deleted.", "session_id": SESSION}
    (end, last) = telling.frame(gone)
    reader.take([end.part, last.part])
    assert reader.errors == ["The session was deleted."] and not reader.ended and last.place is None


def test_a_long_answer_takes_time_by_its_length() -> None:
    """A megabyte in pieces of a few characters, and again when it is settled."""
    content = "ab́🦊" * 250_000
    translation, told = begun(), []
    for event in turn.recorded(content, list(range(0, len(content), 40)), []):
        told += [part.delta for part in translation.feed(event.fields) if part.type == "text-delta"]
    assert len(told) == 25_000 and "".join(told) == content and translation.done
