"""The answer to a turn of a talk: what it is answered as, and in what order things are said. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from coordinator.chat.talk import Talk
from coordinator.llm.storyteller.muse import (
    developing,
    errands,
    hearing,
    judging,
    offering,
    recalling,
    social,
    story,
    words,
)
from coordinator.llm.storyteller.muse.answer import Reply
from coordinator.llm.storyteller.muse.memory import STORY
from coordinator.llm.storyteller.muse.turn import Turn

LONG = 1_500
"""Characters from which a message is long."""
OFTEN = 3
"""Times that one message was said from which it is remarked upon."""


def reply(talk: Talk) -> Reply:
    """The whole of the answer, or what comes after `talk.written`. Follows from the talk alone, so that an answer
    that was cut off is made again in the same words; fails for no talk."""
    turn = Turn(talk)
    if talk.answered:
        told = errands.after(turn)
        return told if told.call else _last(turn, told.text)
    made = _made(turn)
    if news := _news(turn):
        made = replace(made, text=_joined(news, made.text, "\n\n"))
    if made.call:
        return replace(made, text=_after(turn, made.text.rstrip() + ("\n\n" if made.text else "")))
    return _last(turn, made.text)


def _news(turn: Turn) -> str:
    """What is said to news of a story that the service has put in just before the newest message."""
    before = turn.talk.said[-2:-1]
    told = hearing.service(before[0].text) if before and before[0].speaker == "assistant" else None
    return turn.voice.line(told[1], title=words.bare(told[0], 80)) if told and turn.main.kind != "despair" else ""


def _last(turn: Turn, text: str) -> Reply:
    """The end of an answer: nothing that was said before, word for word."""
    quiet = turn.main.kind in _QUIET or bool(turn.talk.answered) or "?" in text[-200:]
    return Reply(_after(turn, turn.voice.whole(text, turn.talk.written, quiet)))


_QUIET = (
    recalling.KINDS
    | errands.KINDS
    | offering.KINDS
    | frozenset(("despair", "bye", "forget", "forget-all", "forget-name", "help", "service"))
)
"""After these a `what if` would be out of place."""


def _after(turn: Turn, text: str) -> str:
    written = turn.talk.written
    if not written or not text or written[-1:].isspace():
        return text
    return f"\n\n{text}"


def _made(turn: Turn) -> Reply:
    kind = turn.main.kind
    if kind == "service":
        return Reply(_service(turn))
    if kind == "despair":
        return Reply(turn.voice.line("despair"))
    if told := _forgotten(turn):
        return Reply(told)
    if kept := turn.changed("kept"):
        return errands.note(turn, kept)
    if passage := _passage(turn):
        return Reply(passage)
    if kind in errands.KINDS and (made := errands.answer(turn)) is not None:
        return _with_lead(turn, made)
    lead = _lead(turn)
    if kind in recalling.KINDS:
        return Reply(_joined(lead, recalling.answer(turn)))
    if kind in offering.KINDS and not (kind == "surprise" and turn.had("asked")):
        return Reply(_joined(lead, offering.answer(turn), "\n\n" if lead else ""))
    return _talked(turn, lead)


def _joined(first: str, then: str, between: str = " ") -> str:
    return f"{first}{between}{then}" if first and then else first or then


def _lead(turn: Turn) -> str:
    """What goes before the answer to a question in a message that told something as well."""
    return developing.acknowledged(turn) if turn.changes else ""


def _with_lead(turn: Turn, made: Reply) -> Reply:
    lead = _lead(turn) if turn.main.kind != "propose" else ""
    return replace(made, text=_joined(lead, made.text)) if lead else made


def _service(turn: Turn) -> str:
    title = words.bare(turn.main.sentence, 80)
    told = turn.voice.line(turn.main.about, title=title)
    return f"{told} {turn.voice.line('onward')}" if turn.main.about == "begun" and turn.memory.has_story else told


def _forgotten(turn: Turn) -> str:
    kinds = turn.kinds()
    if "forget-all" in kinds:
        return turn.voice.line("forgotten-all")
    if "forget-name" in kinds or (turn.main.kind == "forget" and turn.main.about.lower() in ("my name", "name")):
        return turn.voice.line("forgotten-name")
    if turn.main.kind == "forget":
        gone = turn.memory.known != turn.before
        return _joined(turn.voice.line("forgotten" if gone else "nothing-to-forget"), developing.onward(turn))
    return ""


def _passage(turn: Turn) -> str:
    """What is said to a long text, or to pages that are given to be judged."""
    if turn.main.kind == "judge" or (turn.length < LONG and not turn.is_critic):
        return ""
    passage = judging.pasted(turn)
    if not passage or (turn.length < LONG and turn.main.kind):
        return ""
    lead = turn.voice.line("long") if turn.length > words.HEAD + words.TAIL else turn.voice.line("judged-own")
    name = developing.named(turn)
    return " ".join(part for part in (name, lead, judging.text(turn, passage)) if part)


def _talked(turn: Turn, lead: str) -> Reply:
    kind = turn.main.kind
    if kind == "dunno" and turn.had("asked") and not lead:
        return Reply(_helped(turn, turn.had("asked")))
    if kind in ("surprise", "dunno") and not lead:
        told = developing.decided(turn) if kind == "surprise" else turn.voice.line("let-it-be")
        return _maybe_propose(turn, told)
    if lead and kind == "foreign":
        return Reply(_joined(lead, social.answer(turn)))
    if lead:
        return _told(turn, lead)
    if kind in ("accept", "refuse", "pick"):
        return _maybe_propose(turn, _agreed(turn, kind))
    if kind == "do-with":
        return Reply(
            _joined(turn.voice.line("do-with", about=words.bare(turn.main.about, 60)), developing.onward(turn))
        )
    if told := social.answer(turn):
        return Reply(_repeated(turn, _joined(told, _back(turn, kind))))
    if developing.same_name(turn):
        return Reply(_joined(turn.voice.line("same-name"), developing.onward(turn)))
    return Reply(_unclear(turn))


def _told(turn: Turn, lead: str) -> Reply:
    """The answer to what told something: said back, and then the card, or the next question."""
    if turn.is_critic:
        return Reply(_joined(lead, turn.voice.line("critic-onward")))
    if turn.changed("not name") and not turn.changed("name"):
        return Reply(lead)
    return _maybe_propose(turn, lead)


def _maybe_propose(turn: Turn, told: str) -> Reply:
    """With the card where there is enough for the first time; else with what brings the talk on."""
    if story.is_enough(turn.memory) and not turn.memory.first("proposed") and not turn.is_critic:
        made = errands.propose(turn)
        return replace(made, text=_joined(told, made.text))
    if turn.memory.first("proposed") and not developing.question(turn) and any(key in STORY for key, _ in turn.changes):
        return Reply(_joined(told, turn.voice.line("later-card")))
    return Reply(_joined(told, developing.onward(turn)))


def _helped(turn: Turn, slot: str) -> str:
    """To `I don't know` an example that can be taken; at the second time another question."""
    if developing.asked_lately(turn)[-2:].count(slot) < developing.TWICE:
        return developing.helped(turn, slot)
    return _joined(turn.voice.line("let-it-be"), developing.onward(turn))


def _agreed(turn: Turn, kind: str) -> str:
    if kind == "refuse":
        return turn.voice.line("refused" if turn.had("offered") else "let-it-be")
    return turn.voice.line("agreed")


def _back(turn: Turn, kind: str) -> str:
    """The way back to the story after small talk."""
    if kind in (
        "bye",
        "despair",
        "help",
        "ai",
        "model",
        "who",
        "language",
        "private",
        "foreign",
        "test",
        "empty",
        "code",
        "link",
    ):
        return ""
    if kind == "hello":
        first = not any(one.speaker == "assistant" for one in turn.talk.said)
        return "" if first else developing.onward(turn)
    return developing.onward(turn) if kind in social.GO_ON and (turn.memory.has_story or turn.talk.turn > 1) else ""


def _repeated(turn: Turn, told: str) -> str:
    times = turn.times_said()
    if times >= OFTEN and times % 4 == OFTEN:
        return turn.voice.line("repeated", count=words.number(times), quote=words.shown(turn.text, 40)) or told
    return told


def _unclear(turn: Turn) -> str:
    quote = words.bare(turn.text, 80)
    if turn.main.kind == "ask":
        choice = re.match(
            r"(?:so |and |but )?(?:should|could|would|will|can|may|must|shall|does|is) ", turn.text.lower()
        )
        told = turn.voice.line("unknown-choice" if choice and turn.memory.has_story else "unknown")
    else:
        told = turn.voice.line("unclear", quote=quote) or turn.voice.line("empty")
    return _repeated(
        turn, told if turn.talk.turn <= 1 else _joined(told, "" if "?" in told else developing.onward(turn))
    )
