"""Offers: what could happen next, twists, endings, names, titles, first lines; each in a paragraph of its own. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller.muse import banks, inventing, words
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.llm.storyteller.muse.turn import Turn

KINDS = words_of("next idea surprise name title opening ending twist villain person setting describe dialogue more")
_PLACES = re.compile(
    r"\b(?:town|city|village|place|island|country|kingdom|world|planet|land|river|house|inn|castle|bar|pub|tavern|caf[eé]|hotel|club|shop|capital|desert|bay|farm|hospital|street|forest|mountain|school|harbour|valley|realm|empire)\b"
)
_SHIPS = re.compile(r"\b(?:ship|boat|vessel|starship|spaceship|train|airship|submarine)\b")
_BEASTS = re.compile(
    r"\b(?:dragon|dog|cat|horse|animal|monster|creature|bear|fox|bird|owl|wolf|pet|rabbit|mouse|beast|pony|hedgehog|parrot|goat)\b"
)
_PEOPLE = re.compile(
    r"\b(?:brother|sister|mother|father|friend|king|queen|witch|wizard|villain|girl|boy|woman|man|son|daughter|aunt|uncle|teacher|captain|doctor|mayor|detective|wife|husband|knight|thief|keeper|people|others?|side|second|enemy|rival|master|boss|prince(?:ss)?|hero(?:ine)?|child|baby|elf|robot|ghost|villains|characters?)\b"
)


def answer(turn: Turn) -> str:
    kind = turn.main.kind
    if kind == "more":
        kind = turn.had("sort").split(" ")[0] or "idea"
    if kind == "next" and turn.main.about:
        return _what_if(turn)
    if kind == "name":
        return _names(turn)
    if kind == "title":
        return _titles(turn)
    made, _, gloss = _made(turn, kind).partition(inventing.ASIDE)
    tail = turn.voice.line("next-tail")
    lead = turn.voice.line(f"{kind}-lead")
    return f"{lead}\n\n{made}\n\n{f'{gloss} {tail}'.strip()}" if made else turn.voice.nudge()


def _made(turn: Turn, kind: str) -> str:
    inventor, voice = turn.inventor, turn.voice
    own = turn.talk.turn // 2 % 2 == 0
    match kind:
        case "next":
            return voice.fresh([*inventor.beats(), *inventor.clues()])
        case "idea" | "surprise":
            if kind == "surprise":
                return voice.fresh([*inventor.clues(), *inventor.ideas()])
            return _unsaid(turn, "ideas") if own else voice.fresh([*inventor.ideas(), *inventor.clues()])
        case "twist":
            return _unsaid(turn, "twists") if own else voice.fresh(inventor.twists())
        case "ending":
            return _unsaid(turn, "endings") if own else voice.fresh(inventor.endings())
        case "opening":
            return voice.fresh(inventor.openings())
        case "villain":
            return voice.fresh(inventor.rivals())
        case "person":
            return voice.fresh(inventor.people())
        case "setting":
            return voice.fresh(inventor.places())
        case "dialogue":
            return _dialogue(turn)
        case _:
            return _described(turn)


def _unsaid(turn: Turn, key: str) -> str:
    his = {"her": "her own", "his": "his own"}.get(turn.voice.slots["his"], "their own")
    told = turn.voice.line(key, his_own=his)
    return (
        told
        if told and told not in turn.voice.recent
        else turn.voice.fresh([*turn.inventor.clues(), *turn.inventor.beats()])
    )


def _dialogue(turn: Turn) -> str:
    about = words.bare(turn.main.about, 50)
    if about:
        slots = turn.voice.slots
        name = (
            slots["hero_or"]
            if about.lower() in ("she", "he", "they", "her", "him", "them", "the hero")
            else words.lifted(about)
        )
        return turn.voice.line(
            "his-line",
            name=words.lifted(re.sub(r"^(?:the hero(?:ine)?)$", slots["hero_or"], name, flags=re.IGNORECASE)),
        )
    return turn.voice.line("lines")


def _described(turn: Turn) -> str:
    about = words.bare(turn.main.about, 60)
    lower = about.lower()
    known = {turn.memory.first("hero").lower(), *(one.split(": ")[0].lower() for one in turn.memory.all("person"))} - {
        ""
    }
    if (
        lower
        in ("her", "him", "them", "she", "he", "they", "the hero", "the heroine", "the protagonist", "my hero", "hero")
        or lower in known
    ):
        name = turn.voice.slots["hero_or"] if lower not in known else about.title() if about.islower() else about
        return turn.voice.fresh(turn.inventor.looks(words.lifted(name)))
    airs = turn.inventor.airs()
    first = turn.voice.fresh(airs)
    second = turn.voice.fresh([air for air in airs if air != first])
    return f"{first} {second}" if turn.talk.turn // 2 % 2 else first


def _what_if(turn: Turn) -> str:
    idea = words.lifted(words.bare(re.sub(r"^.{0,20}?what if ", "", turn.main.sentence, flags=re.IGNORECASE), 200))
    return f"What if, indeed:\n\n{idea}.\n\n{turn.voice.line('what-if')} {turn.voice.line('next-tail')}"


def _names(turn: Turn) -> str:
    of = turn.memory.first("sort").partition(" of ")[2]
    bank = next(
        (
            key
            for key, pattern in (("place-names", _PLACES), ("ship-names", _SHIPS), ("beast-names", _BEASTS))
            if pattern.search(of)
        ),
        "",
    )
    if of and not bank and not _PEOPLE.search(of):
        bank = "thing-names"
    if bank:
        found = [turn.voice.line(bank) for _ in range(3)]
    else:
        taken = {
            word.lower()
            for word in re.findall(
                r"\w+", " ".join([turn.memory.first("hero"), turn.writer, *turn.memory.all("person")])
            )
        }
        taken |= {name.lower() for name in re.findall(r"“(\w+)”", turn.voice.recent)}
        found = turn.voice.names(taken)
    listed = words.series([f"“{name}”" for name in dict.fromkeys(found) if name])
    return f"{turn.voice.line('name-lead')} {listed}. {turn.voice.line('name-tail')}"


def _titles(turn: Turn) -> str:
    titles = [
        title for title in turn.inventor.titles() if f"“{title}”" not in turn.voice.recent
    ] or turn.inventor.titles()
    start = 0 if len(titles) <= 3 else turn.talk.turn % (len(titles) - 2)
    listed = words.series([f"“{title}”" for title in titles[start : start + 3]])
    return f"{turn.voice.line('title-lead')} {listed}. {turn.voice.line('title-tail')}"


def bank_values(key: str) -> list[str]:
    """The values of a bank of examples: `Say: three pages.` gives `three pages`."""
    return [line.split(": ", 1)[1].rstrip(".") for line in banks.sayings()[key] if ": " in line]
