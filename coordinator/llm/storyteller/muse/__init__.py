"""The built-in partner of a talk, by rules: no model, no network. Pure: all follows from the arguments alone."""

from __future__ import annotations

from coordinator.chat.talk import Said
from coordinator.llm.storyteller.muse.answer import Reply
from coordinator.llm.storyteller.muse.answering import reply
from coordinator.llm.storyteller.muse.memory import MOST, Memory
from coordinator.llm.storyteller.muse.titling import title

__all__ = ["MOST", "Reply", "reply", "summary", "title"]


def summary(earlier: str, said: tuple[Said, ...]) -> str:
    """What is to be remembered of `earlier`, an older summary, and of messages that came after it: lines for people,
    which `reply` reads back. At most MOST characters; of what is of one kind the newest is kept."""
    memory = Memory.read(earlier)
    memory.hear_all(said)
    return memory.lines()
