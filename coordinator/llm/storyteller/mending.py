"""Revising a section after the reader's notes, and the editor's light pass."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from coordinator.llm.storyteller import banks, heeding, seedwork
from coordinator.llm.storyteller import wishes as asked_of
from coordinator.llm.storyteller.plot import Tale
from coordinator.llm.storyteller.weaver import Deck, Slots, Weaver, plain, sentences
from coordinator.llm.storyteller.wishes import Wish

_OWN_NOTES = re.compile(
    r"earns its length|vary the openings|sharpen it with|under the hand|own height|occurs twice|repeat"
    # What code finds said twice, as coordinator.agents.repetition words it.
    r"|say it another way|open this one differently|keep it once",
    re.IGNORECASE,
)
_CUT = 0.82
"""What is left of a section, at least, where it is asked to be shorter."""
_SENSED = re.compile(
    r"\b(smell|taste|cold|warm|light|dark|sound|hum|damp|rough|smooth|dust|smoke|colou?r|air|grain)", re.IGNORECASE
)


def wishes(notes: list[str], tale: Tale) -> list[seedwork.Thing]:
    """What notes ask to be brought in: their nouns, less those of criticism, those the story has anyway, and what is
    asked of the telling."""
    names = {m.short.lower() for m in (tale.cast.protagonist, *tale.cast.others.values())}
    known = {thing.head.lower() for thing in tale.seed.things} | names
    known |= {word.lower() for place in tale.outline.places for word in place.name.split()}
    found = [thing for note in notes if not _OWN_NOTES.search(note) for thing in heeding.things(note)]
    fresh = [thing for thing in found if thing.head.lower() not in known]
    return list({thing.phrase: thing for thing in fresh}.values())[:3]


def steer(text: str, notes: list[str], tale: Tale, section: int, words: int, asides: tuple[str, ...]) -> str:
    """`text` as the notes ask: with their things worked in, in their tone, and about as long as before, or shorter
    where they ask for that."""
    asked = heeding.of_notes(notes)
    missing = [thing for thing in wishes(notes, tale) if thing.head.lower() not in text.lower()]
    added: list[str] = []
    for number, thing in enumerate(missing):
        lines = banks.shared()[f"weave-{thing.kind}"]
        line = sorted(lines, key=len)[(section + number) % min(5, len(lines))]
        added.append(woven(line, thing, tale, section * 7 + number))
    added += _in_tone(tale, asked, section, text)
    if added:
        text = _insert(text, added, words, tale.rng(f"steer{section}"), _kept(tale), asides)
    text = _with_a_word(text, [t for t in missing if t.head.lower() not in text.lower()], tale, section)
    return _shortened(text, asked, words, _kept(tale), asides)


def _with_a_word(text: str, missing: list[seedwork.Thing], tale: Tale, section: int) -> str:
    """`text` with a few words on each thing that there was no room for: what a person asks for comes in at any rate."""
    filed = "_filed" if tale.genre.name == "scp" else ""
    paragraphs = text.split("\n\n")
    for number, thing in enumerate(missing):
        lines = banks.mend()[("brief" if thing.kind in ("thing", "animal") else "told") + filed]
        said = woven(lines[(section + number) % len(lines)], thing, tale, section * 13 + number)
        open_ = [i for i, part in enumerate(paragraphs[:-1]) if '"' not in part and not part.startswith("**")]
        at = open_[(section + number) % len(open_)] if open_ else 0
        paragraphs[at] = f"{paragraphs[at]} {said}"
    return "\n\n".join(paragraphs)


def _in_tone(tale: Tale, asked: tuple[Wish, ...], section: int, text: str) -> list[str]:
    """A unit for each tone and manner that notes ask for, another in each section as long as there are some."""
    kinds = {wish.kind for wish in asked}
    shared, bank = banks.shared(), banks.mend()
    found: list[tuple[str, ...]] = []
    tone = asked_of.tone(asked)
    if tone and tone != tale.tone:
        found.append(shared[f"tone-{tone}"])
    filed = tale.genre.name == "scp"
    if kinds & {"vivid", "more-description"}:
        found.append(bank["filed" if filed else "vivid"])
    if "more-dialogue" in kinds and not filed:
        found.append(bank["tongue"])
    added: list[str] = []
    for number, lines in enumerate(found):
        weaver = Weaver(tale.rng(f"manner{section}.{number}"))
        weaver.used.update(plain(part) for part in sentences(text))
        line = lines[(section - 1) % len(lines)]
        unit = weaver.fill(line, slots_for(tale, 500 + 10 * section + number, text))
        if unit and (section <= len(lines) or "{object}" in line):
            added.append(unit.named)
    return added


def _shortened(text: str, asked: tuple[Wish, ...], words: int, keep: tuple[str, ...], asides: tuple[str, ...]) -> str:
    """`text` without asides, down to `_CUT` of its budget where notes ask for a shorter one; where they ask for less
    talk or less description, without such."""
    kinds = {wish.kind for wish in asked}
    spare: list[str] = []
    if kinds & {"shorter", "faster"}:
        spare = list(asides)
    elif kinds & {"no-dialogue", "less-dialogue"}:
        spare = [aside for aside in asides if '"' in aside]
    elif "less-description" in kinds:
        spare = [aside for aside in asides if _SENSED.search(aside)]
    if not spare:
        return text
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    _thin(paragraphs, round((words or len(text.split())) * _CUT), keep, tuple(spare))
    return "\n\n".join(paragraphs)


def woven(line: str, thing: seedwork.Thing, tale: Tale, salt: int) -> str:
    named = thing.phrase[0].isupper()
    the = thing.phrase if named else f"the {thing.phrase}"
    line = line.replace("{wishit}", "them" if thing.plural else "it").replace("{wish}", the)
    line = line.replace("{awish}", thing.phrase if named else seedwork.article(thing.phrase)).replace(
        "{name}", f"*{thing.phrase}*"
    )
    line = line.replace("There was always talk; what", "What")
    unit = Weaver(tale.rng(f"weave{salt}")).fill(line, slots_for(tale, salt, ""), force=True)
    return unit.named if unit else ""


def slots_for(tale: Tale, salt: int, text: str) -> Slots:
    """Slots for what is added to `text`: only details of places that it shows."""
    rng = tale.rng(f"mend{salt}")
    every = [detail for place in (*tale.genre.places, tale.home, tale.far) for detail in place.details]
    details = Deck(rng, [detail for detail in every if detail in text] or list(tale.home.details))
    objects = Deck(rng, tale.genre.words["objects"])
    drawn: dict[str, str | Callable[[], str]] = {
        "detail": details.draw,
        "object": lambda: seedwork.article(objects.draw()),
    }
    return {**tale.slots, **drawn, "when": "that day", "time": "that day", "minor": tale.genre.words["minor"][0]}


def revise(
    tale: Tale, section: int, round_: int, text: str, notes: list[str], words: int, asides: tuple[str, ...]
) -> str:
    """The section with its weakest sentences gone and concrete ones in their place; about `words` long."""
    rng = tale.rng(f"revise{section}.{round_}")
    weaver = Weaver(rng)
    weaver.used.update(plain(part) for part in sentences(text))
    bank = banks.mend()
    asked = heeding.of_notes(notes)
    quiet = any(wish.kind in ("no-dialogue", "less-dialogue") for wish in asked)
    talk = not quiet and any(re.search(r"dialogue|talk|speak|voice|exchange", note, re.IGNORECASE) for note in notes)
    added: list[str] = []
    for number in range(2 if len(text.split()) > 160 else 1):
        kind = "filed" if tale.genre.name == "scp" else "tongue" if talk and number == 0 else "sense"
        lines = bank[kind]
        offset = (section * 5 + round_ * 3 + number * 7) % len(lines)
        slots = slots_for(tale, section * 100 + round_ * 10 + number, text)
        usable = lines[offset:] + lines[:offset]
        unit = next((u for u in (weaver.fill(line, slots) for line in usable) if u), None)
        if unit:
            added.append(unit.named)
    things = [thing for thing in wishes(notes, tale) if thing.head.lower() not in text.lower()]
    added += [woven(banks.shared()[f"weave-{t.kind}"][(section + 3) % 4], t, tale, section + 900) for t in things[:2]]
    added += _in_tone(tale, asked, section, text)
    mended = _insert(text, added, words, rng, _kept(tale), asides)
    mended = _shortened(mended, asked, words, _kept(tale), asides)
    if mended == text:
        line = bank["little"][(section * 5 + round_) % len(bank["little"])]
        unit = weaver.fill(line, slots_for(tale, section * 100 + round_, text), force=True)
        mended = _insert(text, [unit.named if unit else ""], words, rng, _kept(tale), asides)
    return mended if mended != text else polish(text)


def _kept(tale: Tale) -> tuple[str, ...]:
    """Words that a section must not lose: the prompt's things and who the people are."""
    others = (member.role.lower() for member in tale.cast.others.values())
    return (*(thing.head.lower() for thing in tale.seed.things), *others, tale.cast.protagonist.name.lower())


def _insert(
    text: str, added: list[str], words: int, rng: random.Random, keep: tuple[str, ...], asides: tuple[str, ...]
) -> str:
    """Puts paragraphs in, and takes out asides if the text would grow past its budget.

    The last paragraph that has a word of `keep` is not taken out, nor any that has a sentence which is no aside: what
    the story needs, and whatever a person wrote, stays.
    """
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    limit = round((words or len(text.split())) * 1.06)
    room = limit - sum(len(part.split()) for part in added)
    _thin(paragraphs, room, keep, asides)
    for paragraph in added:
        spots = [i for i in range(1, len(paragraphs)) if not paragraphs[i].startswith(('"', "“", "**"))]
        at = rng.choice(spots) if spots else len(paragraphs)
        total = sum(len(part.split()) for part in paragraphs) + len(paragraph.split())
        if total <= (words or len(text.split())) * 1.09:
            paragraphs.insert(at, paragraph)
    return "\n\n".join(paragraphs)


def _thin(paragraphs: list[str], room: int, keep: tuple[str, ...], asides: tuple[str, ...]) -> None:
    """Takes asides out of `paragraphs`, the shortest first, until they have at most `room` words or no more asides."""
    for aside in sorted(set(asides), key=len):
        if sum(len(part.split()) for part in paragraphs) <= room:
            return
        lost = any(word in aside.lower() and sum(word in p.lower() for p in paragraphs) == 1 for word in keep)
        for index in range(1, len(paragraphs)):
            if not lost and aside in paragraphs[index] and not aside.startswith('"'):
                paragraphs[index] = re.sub(r" {2,}", " ", paragraphs[index].replace(aside, "", 1)).strip()
                break
        paragraphs[:] = [part for part in paragraphs if part]


def _tightened(text: str) -> str:
    for old, new in banks.tightenings():
        text = re.sub(rf"(?<![\w'’]){re.escape(old)}(?![\w'’])", new, text)
    return text


def polish(text: str) -> str:
    """Small true edits: phrases tightened, typographic quotes and dashes. The story and nearly every word stay."""
    before, text = text, _tightened(text)
    text = re.sub(r"(?<=\w)'(?=\w)|(?<=s)'(?=\s)", "’", text)
    text = re.sub(r"(^|[\s(—]|(?<!\S)\*)'", r"\1‘", text).replace("'", "’")
    text = re.sub(r'(^|[\s(—‘]|(?<!\S)\*)"', r"\1“", text, flags=re.MULTILINE).replace('"', "”")
    text = re.sub(r"\s?--\s?|(?<=\w) - (?=\w)", "—", text).replace("...", "…")
    text = re.sub(r"[ \t]{2,}", " ", text)
    if text == before:
        text = text.replace("; and ", ", and ", 1) if "; and " in text else text.replace(", and ", " and ", 1)
    return text
