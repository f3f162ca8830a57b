"""What a message tells: of its writer and of the story, as facts that a memory keeps. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import heroes, names, shapes, words, writers
from coordinator.llm.storyteller.muse.fact import Fact, pattern

LONGEST = 140
"""Characters of a value."""

MOST = 12
"""Facts of one message."""

_LEAD = pattern("lead")

_SUPPOSED = pattern("supposed")

_SPOKEN = re.compile(r"\"[^\"]{0,300} [^\"]{0,300}(?:\"|$)")

_JOINT = pattern("joint")

_ASKS = pattern("asks")

_MADE_BY = pattern("made-by")

_ABOUT = pattern("about")

_IS_ABOUT = pattern("is-about")

_CHANGED = pattern("changed")

_CHANGES = {
    "end": "ending",
    "setting": "place",
    "villain": "foe",
    "antagonist": "foe",
    "mood": "tone",
    "heroine": "hero",
    "protagonist": "hero",
    "length": "pages",
}

_PREMISE = pattern("premise")

_HERO_IS = pattern("hero-is")

_IS_HERO = pattern("is-hero")

_CALLED = pattern("called")

_NAME_HERO = pattern("name-hero")

_PLACE = pattern("place")

_SET_IN = pattern("set-in")

_SETTING = pattern("setting")

_FOE = pattern("foe")

_AGAINST = pattern("against")

_STANDS = pattern("stands")

_FOR = pattern("for")

_WANT = pattern("want")

_GOAL = pattern("goal")

_TONE = pattern("tone")

_FEEL = pattern("feel")

_ENDING = pattern("ending")

_ENDING_IS = pattern("ending-is")

_END_KIND = pattern("end-kind")

_TITLE = pattern("title")

_WISH = pattern("wish")

_PERSON = re.compile(
    r"^([A-Z][\w'\-]{1,20}(?: [A-Z][\w'\-]{1,20}){0,2})(?: is|'s|, who is|,) ((?:her|his|their|the|an?|"
    r"[A-Z][\w'\-]{1,20}'s) [A-Za-z'\- ]{2,60})$"
)

_KIN = pattern("kin")

_OF_KIN = re.compile(
    r"^([Hh]er|[Hh]is|[Tt]heir|[Tt]he) ([a-z][a-z'\-]{2,16}(?: [a-z][a-z'\-]{2,16})?) ([A-Z][\w'\-]{1,20})(?:,? "
    r"(?:is|was|who is),? ((?:an?|the|her|his|their) .{2,90})|$)"
)

_KEEP = pattern("keep")


@lru_cache(maxsize=1024)
def facts(glimpsed: str) -> tuple[Fact, ...]:
    """What a message tells, in its order, at most MOST facts. Takes what `words.glimpse` gave."""
    found: list[Fact] = []
    for sentence in words.sentences(glimpsed):
        asks = "?" in sentence[-2:]
        requested = _REQUEST.match(_LEAD.sub("", sentence)) if asks else None
        if requested:
            asked = _LEAD.sub("", sentence)[requested.end() :].strip(" ?.!")
            found += _story_of(sentence) or _changed(asked) or _telling_of(asked)
        elif told := _before_question(sentence) if asks else sentence:
            found += _of_sentence(told)
    return tuple(dict.fromkeys(found))[:MOST]


_REQUEST = pattern("request")


def is_said(clause: str) -> bool:
    """Whether a clause only tells what somebody says, or supposes."""
    return _SUPPOSED.match(clause) is not None


def asks(clause: str) -> bool:
    """Whether a clause begins as a question or an order does."""
    return _ASKS.match(clause) is not None


def _before_question(sentence: str) -> str:
    """What is told before the question in one sentence: `my name is Bob, what's yours?`"""
    parts = re.split(r",\s+(?=(?:what|who|where|how|when|why|and you|can|could|do|is|are)\b)", sentence, maxsplit=1)
    return parts[0] if len(parts) > 1 else ""


def kept(sentence: str) -> str:
    """What `remember that …` and `note: …` ask to be kept; empty for other sentences."""
    told = _KEEP.match(
        _LEAD.sub("", " ".join(sentence.split())) if not _KEEP.match(sentence) else " ".join(sentence.split())
    )
    return words.bare(told[1], 200) if told and not sentence.rstrip().endswith("?") else ""


def _of_sentence(sentence: str) -> list[Fact]:
    note = kept(sentence)
    if note:
        return [Fact("kept", note), *_of_clauses(note)]
    line = _LEAD.sub("", " ".join(sentence.split())).strip(" .!")
    if told := re.match(r"(?:the )?title ?: ?(.{2,80})$", line, re.IGNORECASE):
        return [Fact("title", words.bare(told[1], 80))]
    whole = _story_of(sentence)
    return whole or _of_clauses(sentence)


def _of_clauses(sentence: str) -> list[Fact]:
    supposed = _SUPPOSED.match(sentence) is not None
    unspoken = sentence if writers.NAME.match(_LEAD.sub("", sentence)) else _SPOKEN.sub(" ", sentence)
    found: list[Fact] = []
    for part in [] if supposed else _JOINT.split(unspoken)[:8]:
        whole = " ".join(part.split()).strip(" .!?,;:…")
        clause = re.sub(
            r",? (?:really|actually|i think|i guess|maybe|though|please)$",
            "",
            _LEAD.sub("", whole).strip(" ,") or whole,
        )
        if wished := _WISH.match(whole):
            found.append(Fact("wish", words.bare(re.sub(r",? please$", "", wished[0]), 80)))
        elif clause and (refused := writers.refused(clause)):
            found.append(refused)
        elif found and found[-1].key == "not name" and (named := writers.INSTEAD.match(clause)):
            found += [Fact("name", name)] if (name := names.name_in(named[1])) else []
        elif clause and not _ASKS.match(clause):
            found += writers.of_writer(clause) or _story_of(clause) or _of_story(clause)
    return found


_STORYISH = pattern("storyish")
"""Without one of these no sentence asks for a story."""

_ONLY = pattern("only")


def _story_of(sentence: str) -> list[Fact]:
    """What a sentence tells that asks for a story or says what it is about."""
    if not _STORYISH.search(sentence):
        return []
    line = " ".join(sentence.split()).strip(" .!?…")
    if _ONLY.fullmatch(line):
        return [Fact("wanted", "a story")]
    bare = _LEAD.sub("", line).strip() or line
    made = _MADE_BY.match(bare) or _MADE_BY.match(line)
    found: list[Fact] = []
    about = ""
    if made:
        rest = (bare if _MADE_BY.match(bare) else line)[made.end() :]
        told = _ABOUT.match(rest)
        if not _WANTS.search(made[0]):
            return []
        found += shapes.shape(made[0])
        if meant := _FOR.search(made[0]):
            found.append(Fact("wish", meant[1]))
        if told:
            about = f"in {told[2]}" if told[1].lower() == "in" else told[2]
            if told[1].lower() == "in" or (told[1].lower() == "on" and "set" in rest[:6]):
                return [*found, Fact("place", words.bare(f"{told[1].lower()} {told[2]}", LONGEST))]
        elif not found and not re.search(r"\b(?:story|tale|book|novel)\b", made[0], re.IGNORECASE):
            return []
        found = found or [Fact("wanted", "a story")]
    elif told := _IS_ABOUT.match(bare) or _PREMISE.match(bare):
        about = told[1]
    if about:
        return [*found, *heroes.premise(about)]
    return found


_WANTS = pattern("wants")


def _of_story(clause: str) -> list[Fact]:
    for read in (_changed, _people, _setting, _conflict, _telling_of):
        if found := read(clause):
            return found
    return []


def _changed(clause: str) -> list[Fact]:
    """`change the ending to …`."""
    told = _CHANGED.match(clause)
    if told is None:
        return []
    key = _CHANGES.get(told[1].lower(), told[1].lower())
    if key == "hero":
        return heroes.who(told[2])
    value = shapes.pages_of(told[2]) if key == "pages" else words.bare(told[2], LONGEST)
    return [Fact(key, value)] if value else []


def _people(clause: str) -> list[Fact]:
    if told := _CALLED.match(clause):
        word = (told[1] or told[2] or told[3]).lower()
        tail = told[4]
        if word == "its" or tail.lower().startswith("not "):
            return []
        name = names.name_in(tail)
        return [Fact("called", f"{_PRONOUNS.get(word, word)} {name}")] if name else []
    if told := _NAME_HERO.match(clause) or _IS_HERO.match(clause) or _HERO_IS.match(clause):
        if re.match(
            r"(?:not|in|on|at|very|a bit|too|wants?|needs?|must|has|lives?|finds?|dies|goes|called)\b",
            told[1],
            re.IGNORECASE,
        ):
            return []
        if re.search(r"\b(?:called|named) $|'s name (?:is )?$", clause[: told.start(1)], re.IGNORECASE):
            name = names.name_in(told[1])
            if name and len(told[1].split()) <= len(name.split()):
                return [Fact("hero", name)]
        return heroes.who(told[1])
    if told := _OF_KIN.match(clause):
        more = words.bare(told[4] or "", 70)
        what = f"{told[1].lower()} {told[2]}{f', {more}' if more else ''}"
        return (
            [Fact("person", f"{told[3]}: {what}")]
            if told[2].lower() not in writers.OF_STORY and figures.is_person(told[2])
            else []
        )
    if told := _KIN.match(clause):
        name = names.name_in(told[3])
        if told[1].lower() in ("a", "an", "the") and len(name) + 3 < len(told[3].strip(" .!\"'")):
            return []
        role = told[2] if told[1].lower() in ("a", "an") else f"{told[1].lower()} {told[2]}"
        if told[2].lower() in writers.OF_STORY or told[2].lower() in ("name", "story", "ship", "place", "ending"):
            return []
        return [Fact("person", f"{name}: {words.bare(role, 60)}")] if name else []
    if told := _PERSON.match(clause):
        role = words.bare(told[2], 60)
        head = role.split(" who ")[0].split(" in ")[0].split(" of ")[0].split(" with ")[0].split()
        if head and (figures.is_person(head[-1]) or head[-1].lower() in lx.ANIMALS):
            return [Fact("person", f"{names.cleaned(told[1])}: {role}")]
    return []


_PRONOUNS = {"her": "she", "his": "he", "him": "he", "their": "they", "them": "they"}

_NOWHERE = pattern("nowhere")


def _setting(clause: str) -> list[Fact]:
    told = _SET_IN.match(clause) or _PLACE.match(clause) or _SETTING.match(clause)
    if (
        told
        and not _NOWHERE.match(told[1])
        and not re.match(r"(?:not|is|was|called|very|too|a bit)\b", told[1], re.IGNORECASE)
    ):
        return [Fact("place", words.bare(told[1], LONGEST))]
    return []


def _conflict(clause: str) -> list[Fact]:
    told = _FOE.match(clause) or _AGAINST.match(clause) or _STANDS.match(clause)
    if told and not re.match(r"(?:not|in|very|too|a bit|solved|gone)\b", told[1], re.IGNORECASE):
        return [Fact("foe", words.bare(told[1], LONGEST))]
    if told := _WANT.match(clause) or _GOAL.match(clause):
        sought = re.match(r"for (.+)$", told[1])
        looks = sought and re.search(r"\b(?:looking|seeks?|search\w{0,3}) for\b", clause)
        return [Fact("want", words.bare(f"to find {sought[1]}" if sought and looks else told[1], LONGEST))]
    return []


def _telling_of(clause: str) -> list[Fact]:
    if told := _END_KIND.match(clause) or _ENDING.match(clause) or _ENDING_IS.match(clause):
        return [Fact("ending", words.bare(told[1], LONGEST))]
    if told := _TITLE.match(clause):
        title = words.bare(told[1], 80)
        return [Fact("title", title)] if title.lower() not in ("a day", "off", "quits", "it", "what", "me") else []
    found = [Fact("pages", pages)] if (pages := shapes.pages_of(clause)) and len(clause) < 80 else []
    if (kind := shapes.kind_of(clause)) and len(clause) < 70:
        found.append(Fact("kind", kind))
    if (told := _FEEL.match(clause)) and len(told[1].split()) <= 7:
        found.append(Fact("tone", shapes.tone_of(told[1]) or words.bare(told[1], 80)))
    elif (told := _TONE.match(clause)) and (tone := shapes.tone_of(told[1])):
        found.append(Fact("tone", tone))
    return found
