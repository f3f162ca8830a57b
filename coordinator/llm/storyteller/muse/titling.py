"""A title for a talk, from its first exchange. Pure."""

from __future__ import annotations

import hashlib
import re

from coordinator.chat.talk import Said
from coordinator.llm.storyteller.muse import hearing, story, telling, words
from coordinator.llm.storyteller.muse.memory import Memory
from coordinator.llm.storyteller.muse.sets import words_of

MOST = 80
"""Characters, and MOST_WORDS words."""
MOST_WORDS = 8
READ = 4
"""Messages that are looked at."""
_PLAIN = ("A talk begins", "The first words of something", "A talk about nothing yet", "Something is about to begin")
_KINDS = {
    "name": "Looking for a name",
    "title": "Looking for a title",
    "idea": "Looking for an idea",
    "opening": "How it might begin",
    "ending": "How it might end",
    "twist": "In need of a twist",
    "villain": "Somebody to stand in the way",
    "surprise": "A surprise was asked for",
    "help": "How the muse works",
    "ai": "What the muse is",
    "model": "What the muse is",
    "who": "Who the muse is",
    "stories": "What is on the shelf",
    "judge": "A second opinion",
    "joke": "Something to laugh at",
    "person": "Looking for somebody",
    "setting": "Looking for a place",
}


def title(said: tuple[Said, ...]) -> str:
    """2 to 8 words and at most MOST characters, in one line, whatever was said."""
    memory = Memory()
    found = ""
    for one in said[:READ]:
        if one.speaker != "user":
            continue
        asked = memory.hear(one)
        found = _of_story(memory) or found or _of_question(asked)
        if _of_story(memory):
            break
    found = found or _of_words(said) or _plain(said)
    return _fitted(found)


def _of_story(memory: Memory) -> str:
    hero, role = words.bare(memory.first("hero"), 40), words.bare(memory.first("role"), 40)
    if memory.first("title"):
        return memory.first("title")
    kind = {
        "fairy-tale": "fairy tale",
        "noir": "noir",
        "horror": "horror story",
        "science-fiction": "story",
        "scp": "report",
    }.get(memory.first("kind"), "tale")
    premise = memory.first("premise")
    if hero and len(hero.split()) <= 4:
        return f"{hero}'s {kind}" if kind != "noir" else f"A noir about {hero}"
    if role and len(role.split()) <= 4:
        bare = re.sub(r"^(?:an?|the|my|our) ", "", role, flags=re.IGNORECASE)
        return f"A {bare}'s {kind}" if bare[:1].lower() not in "aeiou" else f"An {bare}'s {kind}"
    if premise:
        thing = story.thing_of(memory)
        short = words.lowered(_cut(premise, 6))
        return f"About {thing}" if thing and len(premise.split()) > 7 else f"About {short}"
    if memory.first("kind"):
        return f"Planning {story.KINDS[memory.first('kind')]}" if memory.first("kind") in story.KINDS else ""
    return ""


def _of_question(asked: tuple[hearing.Heard, ...]) -> str:
    for one in asked:
        about = words.bare(one.about, 50)
        if one.kind in ("look-up", "read", "judge") and about and about.lower() not in ("it", "this", "that"):
            return f"Talking about {_cut(about, 5)}"
        if one.kind == "foreign":
            return "A talk in another language"
        if one.kind in _KINDS:
            return _KINDS[one.kind]
    return ""


def _of_words(said: tuple[Said, ...]) -> str:
    """The first words of a message that has some, as they stand."""
    for one in said[:READ]:
        if one.speaker != "user":
            continue
        glimpsed = words.glimpse(one.text)
        if hearing.heard(glimpsed)[0].kind not in ("", "ask", "fact"):
            continue
        facts = telling.facts(glimpsed)
        if name := next((fact.value for fact in facts if fact.key == "name"), ""):
            return f"A talk with {name}"
        told = [word for word in words.shown(glimpsed, 70).split() if re.search(r"[^\W_]", word)]
        if len(told) >= 2:
            return words.lifted(_cut(" ".join(told), MOST_WORDS))
        if told:
            return f"Talking about {told[0]}"
    return ""


def _plain(said: tuple[Said, ...]) -> str:
    text = "|".join(one.text[:200] for one in said[:READ])
    return _PLAIN[hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] % len(_PLAIN)]


def _cut(phrase: str, most: int) -> str:
    """The first words of a phrase, without what hangs loose at their end."""
    kept = re.split(r"[,.;:!?]", phrase, maxsplit=1)[0].split()[:most] or phrase.split()[:most]
    while len(kept) > 1 and kept[-1].lower() in _LOOSE:
        kept.pop()
    return " ".join(kept)


_LOOSE = words_of(
    "a an the of in on at to for with and or but who that which is are was were has have my your her his by from as it"
)


def _fitted(found: str) -> str:
    line = words.shown(found, 200).strip(" .")
    kept = line.split()[:MOST_WORDS]
    while kept and len(" ".join(kept)) > MOST:
        kept.pop()
    while len(kept) > 2 and kept[-1].lower() in _LOOSE:
        kept.pop()
    if len(kept) >= 2:
        return " ".join(kept)
    return f"About “{kept[0]}”"[:MOST] if kept else _PLAIN[0]
