"""Corrections of what was told: other words for some that were said, another name, a woman for a man. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller.muse import names, places, words

LONGEST = 160
_LEAD = re.compile(
    r"^(?:(?:no|nope|nah|actually|sorry|wait|oops|rather|correction|hm+|ah|oh|well|please|and|but|i meant?|"
    r"on second thought|you know what)[,.;:! –—-]{1,3}){1,4}",
    re.IGNORECASE,
)
_SEX = re.compile(
    r"^(?:(?:please )?(?:make|turn|let) (?:him|her|it|them|the hero|the protagonist|the main character|"
    r"[A-Z][\w'-]{1,20})(?: into| be)?|(?:he|she|it|the hero|[A-Z][\w'-]{1,20})(?:'s| is| should be| must be|"
    r" has to be)(?: actually| rather)?) (?:an? )?((?:[a-z]{3,12} )?(woman|man|girl|boy|female|male|lady|she|he))"
    r"(?:,? (?:not|instead|rather|please|actually)\b.{0,40})?$",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^(?:(?:please )?(?:make|turn) (?:him|her|it|them|the hero)(?: into)?|(?:he|she)(?:'s| is| should be)(?: actually|"
    r" rather)?) (an? [a-z' -]{2,40}?)(?:,? (?:instead|rather|please|actually|not an? [a-z ]{2,30}))?$",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"^(?:(?:please )?(?:change|make|set) (?:his|her|their|the hero's|the) name(?: be| to| into)?|(?:please )?"
    r"(?:rename|re-name) (?:him|her|them|the hero)(?: to| as| into)?|(?:let's )?call (?:him|her|them|the hero)) "
    r"(.{1,60}?)(?: instead| rather| please| then)?$",
    re.IGNORECASE,
)
_NOT_BUT = re.compile(
    r"^not (?:in |on |at )?(.{2,60}?)(?:,| -|;|:)? (?:but |it's |rather |make it )?(.{2,60})$", re.IGNORECASE
)
_COMMA = re.compile(
    r"^not (?:in |on |at )?([^,;]{2,60})[,;] ?(?:but |it's |rather |make it )?(?:in |on |at )?(.{2,60})$", re.IGNORECASE
)
_BUT_NOT = re.compile(
    r"^(?:in |on |make it |it's |it should be )?(.{2,60}?)(?:,? not |,? instead of |,? rather than )"
    r"(?:in |on )?(.{2,60})$",
    re.IGNORECASE,
)
_TO = re.compile(
    r"^(?:please )?(?:change|replace|turn) (?:the )?(.{2,60}?) (?:to|into|with|by) (.{2,60})$", re.IGNORECASE
)
_PLACE = re.compile(
    r"^(?:it's |it is |make it |rather )?((?:in|on|at|under|aboard|inside) .{2,80}?)(?: instead| rather| please)?$",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"^(?:an?|the|his|her) ", re.IGNORECASE)
_SLOTS = re.compile(
    r"^(?:end(?:ing)?|title|place|setting|villain|antagonist|tone|mood|hero(?:ine)?|protagonist|length|name)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Mended:
    """What is to be otherwise."""

    old: str = ""
    new: str = ""
    name: str = ""
    role: str = ""
    place: str = ""
    she: bool | None = None


def of(glimpsed: str, someone: bool) -> Mended | None:
    """The correction that a message is; None where it is none. `someone`: whether a hero is known."""
    line = " ".join(glimpsed.split()).strip(" .!")
    if len(line) > LONGEST or line.endswith("?"):
        return None
    bare = _LEAD.sub("", line)
    denied = bare != line
    if (
        someone
        and (told := _SEX.match(bare))
        and (denied or re.match(r"(?:please |make|turn|let)", bare, re.IGNORECASE) or "not" in bare)
    ):
        word = told[2].lower()
        extra = told[1].split()
        role = told[1] if len(extra) > 1 and word in ("girl", "boy", "woman", "man") else ""
        return Mended(she=word in ("woman", "girl", "female", "lady", "she"), role=role)
    if someone and denied and (told := re.fullmatch(r"(?:an? )?(woman|man|girl|boy)", bare, re.IGNORECASE)):
        return Mended(she=told[1].lower() in ("woman", "girl"))
    if someone and (told := _NAME.match(bare)) and (name := names.name_in(told[1])):
        return Mended(name=name)
    if someone and (told := _ROLE.match(bare)) and (denied or re.match(r"(?:please |make|turn)", bare, re.IGNORECASE)):
        head = told[1].split()[-1]
        if figures.is_person(head) or places.is_being(head):
            return Mended(role=words.bare(_ARTICLE.sub("", told[1]), 60))
    if told := _COMMA.match(bare) or _NOT_BUT.match(bare):
        return Mended(*_both(told[1], told[2]))
    if told := _TO.match(bare):
        return None if _SLOTS.match(told[1]) else Mended(*_both(told[1], told[2]))
    if len(bare) < 80 and (told := _BUT_NOT.match(bare)):
        return Mended(*_both(told[2], told[1]))
    if denied and (told := _PLACE.match(bare)) and places.is_place(told[1]):
        return Mended(place=told[1])
    return None


def _both(old: str, new: str) -> tuple[str, str]:
    """Both without their articles, so that what was said with `the` is found where it was told with `a`."""
    return _ARTICLE.sub("", words.bare(old, 60)), _ARTICLE.sub("", words.bare(new, 60))


def turned(text: str, she: bool) -> str:
    """`text` that speaks of the hero as a he, with `her` for `his`, and the other way round."""
    if she:
        return re.sub(r"\b(he|him|his|himself)\b", lambda found: _HERS[found[1].lower()], text)
    text = re.sub(rf"\bher(?= (?!(?:{_AFTER_HIM})\b)[a-z]{{2,}})", "his", text)
    return re.sub(r"\b(she|her|hers|herself)\b", lambda found: _HIS[found[1].lower()], text)


_AFTER_HIM = (
    "in|to|for|at|on|and|with|but|from|of|by|as|when|that|back|out|up|down|go|off|away|into|who|which|if|or|not"
)
"""After these words `her` is no longer whose something is."""
_HERS = {"he": "she", "him": "her", "his": "her", "himself": "herself"}
_HIS = {"she": "he", "her": "him", "hers": "his", "herself": "himself"}
