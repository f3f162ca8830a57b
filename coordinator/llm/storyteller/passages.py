"""A passage of the story in other words: each version has another sentence in it, or lacks one."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import banks, mending
from coordinator.llm.storyteller.plot import Tale
from coordinator.llm.storyteller.weaver import Weaver, plain, sentences

_ASIDES = ("or so it seemed", "not for the first time", "for once", "as if by agreement")
"""For a passage that is no whole sentence."""
_ENDS = re.compile(r"[.!?…][\"”’')*]*\Z")
_SHORTER = re.compile(r"\b(short|shorter|brief|briefer|cut|trim|tight|tighten|tighter|less|fewer)\b", re.IGNORECASE)
_TALK = re.compile(r"\b(dialogue|talk|speak|voice|say|said|exchange)", re.IGNORECASE)


def rewrite(tale: Tale, number: int, text: str, notes: list[str]) -> str:
    """Version `number` of `text`, from 1: what the notes name is brought in, and a shorter one is made where they ask
    for that. Another text than every other number gives."""
    if not _ENDS.search(text):
        aside = _ASIDES[(number - 1) % len(_ASIDES)]
        return f"{text.rstrip(' ,;:—')}, {aside}," if text.rstrip()[-1:] not in ",;:—" else f"{text.rstrip()} {aside},"
    asked = " ".join(notes)
    spare = [part for part in sentences(text) if _is_spare(text, part)]
    if _SHORTER.search(asked) and number <= len(spare) > 1:
        return _without(text, spare[-number])
    added = [_sentence(tale, number, text, talk=_TALK.search(asked) is not None)]
    for place, thing in enumerate(mending.wishes(notes, tale)[:2]):
        if thing.head.lower() not in text.lower():
            lines = banks.shared()[f"weave-{thing.kind}"]
            added.append(mending.woven(lines[(number + place) % len(lines)], thing, tale, 70 * number + place))
    return _with(text, " ".join(part for part in added if part), number)


def _sentence(tale: Tale, number: int, text: str, *, talk: bool) -> str:
    """One that stands nowhere in `text`, with details of the place that it shows."""
    weaver = Weaver(tale.rng(f"passage{number}"))
    weaver.used.update(plain(part) for part in sentences(text))
    lines = banks.mend()["filed" if tale.genre.name == "scp" else "tongue" if talk else "sense"]
    first = number * 3 % len(lines)
    slots = mending.slots_for(tale, 700 + number, text)
    for line in lines[first:] + lines[:first]:
        if unit := weaver.fill(line, slots):
            return unit.named
    little = banks.mend()["little"]
    unit = weaver.fill(little[number % len(little)], slots, force=True)
    return unit.named if unit else ""


def _is_spare(text: str, sentence: str) -> bool:
    """Whether it can go without tearing what somebody says."""
    after = text[text.find(sentence) + len(sentence) :]
    return not re.search(r"[\"“”]", sentence) and not re.match(r"[\"”’')*]", after)


def _with(text: str, added: str, number: int) -> str:
    paragraphs = text.split("\n\n")
    if len(paragraphs) == 1:
        return f"{text} {added}" if number % 2 else f"{added} {text}"
    paragraphs.insert(1 + number % (len(paragraphs) - 1), added)
    return "\n\n".join(paragraphs)


def _without(text: str, sentence: str) -> str:
    left = text.replace(sentence, "", 1)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]{2,}", " ", left)).strip()
