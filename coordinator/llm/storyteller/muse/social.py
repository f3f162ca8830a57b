"""Answers to what is no story: greetings, thanks, questions about the muse itself, moods, nonsense. Pure."""

from __future__ import annotations

import re
import unicodedata

from coordinator.llm.storyteller import banks, seedwork
from coordinator.llm.storyteller.muse import banks as banks_of_muse
from coordinator.llm.storyteller.muse import words
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.llm.storyteller.muse.turn import Turn

PLAIN = words_of(
    "ai model who help language hijack despair how-are-you bye thanks sorry praise love insult joke laugh clock "
    "test private "
    "moved code link foreign empty why sure"
)
GO_ON = words_of(
    "moved define why sure how-are-you praise love insult joke laugh thanks sorry clock sum hijack test code link mood "
    "marks mash pictures"
)
"""After these the talk goes back to the story."""
_LOW = words_of(
    "sad lonely angry stressed depressed anxious worried exhausted unhappy ill sick upset nervous afraid scared "
    "heartbroken frustrated blue down tired bad"
)
_HIGH = words_of("happy excited glad fine good great well ok okay")


def answer(turn: Turn) -> str:
    """The answer to the main kind of a message; empty where it is none of these."""
    kind = turn.main.kind
    if turn.is_critic and kind in ("who", "help"):
        return turn.voice.line(f"critic-{kind}")
    if kind == "foreign":
        return _foreign(turn)
    if kind in PLAIN:
        return turn.voice.line(kind)
    special = {
        "hello": _hello,
        "mood": _mood,
        "define": _define,
        "sum": _sum,
        "mash": _mash,
        "marks": _marks,
        "pictures": _pictures,
    }.get(kind)
    return special(turn) if special else ""


def _hello(turn: Turn) -> str:
    first = not any(one.speaker == "assistant" for one in turn.talk.said) and turn.talk.turn <= len(turn.talk.said)
    if first:
        return turn.voice.line("critic-hello" if turn.is_critic else "hello")
    told = turn.voice.line("hello-again")
    more = turn.voice.line("hello-story") if turn.memory.has_story and turn.times_said() == 1 else ""
    return f"{told} {more}".strip()


def _mood(turn: Turn) -> str:
    about = turn.main.about.lower()
    if "bored" in turn.main.sentence.lower():
        return turn.voice.line("mood-bored")
    if about in _LOW or about.startswith("not ") or "nobody" in turn.main.sentence.lower():
        return turn.voice.line("mood-low")
    if about in _HIGH:
        return turn.voice.line("mood-high")
    return turn.voice.line("mood", about=words.bare(about, 40) or "that")


def _sum(turn: Turn) -> str:
    told = re.match(r"(\d{1,6}) ?(\+|-|\*|x|×|/|÷|plus|minus|times|divided by) ?(\d{1,6})", turn.main.about)
    if told is None:
        return turn.voice.line("clock")
    one, other = int(told[1]), int(told[3])
    match told[2]:
        case "+" | "plus":
            result = f"{one + other}"
        case "-" | "minus":
            result = f"{one - other}"
        case "*" | "x" | "×" | "times":
            result = f"{one * other}"
        case _:
            result = f"{one / other:.4g}" if other else "nothing that anybody has ever seen"
    return turn.voice.line("sum", about=result)


def _mash(turn: Turn) -> str:
    return turn.voice.line("mash", quote=words.shown(turn.main.about, 30))


def _marks(turn: Turn) -> str:
    return turn.voice.line("question-mark" if turn.main.about == "?" else "marks")


def _pictures(turn: Turn) -> str:
    if all(_FACE.search(unicodedata.name(char, "")) for char in turn.main.about if unicodedata.category(char) == "So"):
        return turn.voice.line("face")
    seed = seedwork.read(turn.main.about)
    seen = [
        seedwork.article(one)
        for one in dict.fromkeys([*seed.people, *(thing.phrase for thing in seed.things), *seed.places])
    ]
    return turn.voice.line("pictures", seen=words.series(seen[:4])) if seen else turn.voice.line("face")


_FACE = re.compile(
    r"\b(?:FACE|FACES|HAND|HANDS|THUMBS|HEART|HEARTS|SMILE|SIGN|PERSON|EYES|FIST|FINGER|GESTURE|CLAPPING|BICEPS)\b"
)


def _define(turn: Turn) -> str:
    about = re.sub(r"[ -]", "", turn.main.about.lower())
    for line in banks_of_muse.sayings()["define"]:
        word, _, told = line.partition(": ")
        if about.rstrip("s") == word or about == word:
            return f"{told} {turn.voice.line('define-tail')}"
    return turn.voice.line("unknown")


def _foreign(turn: Turn) -> str:
    """In English, after one sentence in their language where the storyteller has one and has not said it."""
    own = banks.english_only().get(turn.main.about, "") if turn.main.about != "en" else ""
    first = re.split(r"(?<=[.!?。।])\s*", own)[0] if own else ""
    told = turn.voice.line("foreign")
    return f"{first} {told}" if first and first not in turn.voice.recent else told
