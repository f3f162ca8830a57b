"""All that one turn of a talk is answered from."""

from __future__ import annotations

from coordinator.chat.talk import Said, Talk
from coordinator.llm.storyteller.muse import story, words
from coordinator.llm.storyteller.muse.hearing import Heard
from coordinator.llm.storyteller.muse.inventing import Inventor
from coordinator.llm.storyteller.muse.memory import Memory
from coordinator.llm.storyteller.muse.sparks import Spark, spark
from coordinator.llm.storyteller.muse.voice import Voice

_NOTHING = Said("user", "")
_SMALL = frozenset(("", "hello", "thanks", "laugh", "sorry", "praise", "marks", "accept", "refuse", "bye", "dunno"))


class Turn:
    """`before` is what was known before the newest message, `memory` what is known with it."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        said = talk.said or (_NOTHING,)
        self.memory = Memory.read(talk.earlier)
        self.memory.hear_all(said[:-1])
        self.before = dict(self.memory.known)
        newest = said[-1]
        self.author = newest.author
        self.text = words.glimpse(newest.text)
        self.length = len(newest.text)
        told = self.memory.hear(newest if newest.speaker == "user" else Said("user", newest.text, newest.author))
        self.asked: tuple[Heard, ...] = told
        self.changes = self.memory.changes
        self.main = _main(told)
        self.writer = self.memory.name_of(self.author)
        genre = story.genre_of(self.memory)
        self.voice = Voice(talk, genre, story.slots(self.memory, words.bare(self.writer, 60)))
        self._inventor: Inventor | None = None

    @property
    def is_critic(self) -> bool:
        return self.talk.agent == "critic"

    @property
    def spark(self) -> Spark:
        return spark(self.talk.session_id, story.genre_of(self.memory), self.talk.turn)

    @property
    def inventor(self) -> Inventor:
        if self._inventor is None:
            first = spark(self.talk.session_id, story.genre_of(self.memory), 0)
            self._inventor = Inventor(self.memory, self.talk.session_id, first)
        return self._inventor

    def had(self, key: str) -> str:
        """What was known under a key before the newest message."""
        return self.before[key][0] if self.before.get(key) else ""

    def changed(self, key: str) -> str:
        """What the newest message told under a key; empty where nothing new."""
        return next((value for name, value in reversed(self.changes) if name == key), "")

    def kinds(self) -> set[str]:
        return {one.kind for one in self.asked}

    def times_said(self) -> int:
        """How often the newest message was said, word for word, in what is seen of the talk."""
        newest = words.squeezed(self.text[:200])
        own = [one.text for one in self.talk.said if one.speaker == "user" and len(one.text) < 400]
        return sum(words.squeezed(text[:200]) == newest for text in own)


def _main(asked: tuple[Heard, ...]) -> Heard:
    """What a message of several sentences is answered as: the gravest, else the last that asks for something."""
    for kind in ("despair", "forget-all"):
        if told := next((one for one in asked if one.kind == kind), None):
            return told
    wanted = [one for one in asked if one.kind not in _SMALL and one.kind != "ask"]
    vague = [one for one in asked if one.kind == "ask"]
    telling = [one for one in asked if not one.kind and len(one.sentence.split()) > 3]
    small = [one for one in asked if one.kind not in ("", "ask")]
    return (wanted or vague or telling or small or list(asked))[-1]
