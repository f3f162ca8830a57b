"""What a writer's idea is made of, however it is begun: whom it is about, where, against whom, to what end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import heroes, names, places, shapes, telling, words
from coordinator.llm.storyteller.muse.fact import Fact, pattern
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.llm.storyteller.tagger import is_plural

MOST = 6
"""Sentences of a message that are read for an idea."""
LONGEST = 240

_LEAD = pattern("lead")
_BEGINS = pattern("begins")
_THERE = pattern("there-is")
_HUNTED = pattern("hunted")
_AFTER = pattern("is-after")
_OPPOSED = pattern("opposed")
_COMING = pattern("coming")
_VERSUS = pattern("versus")
_MUST = pattern("must")
_WHO_MUST = pattern("who-must")
_IS_A = pattern("is-a")
_NO_IDEA = pattern("no-idea")
_UNHAPPY = pattern("unhappy")
_FOR = pattern("for")
_WISH = pattern("wish")
_CALLED = re.compile(r"^(.{2,90}?),? (?:called|named|by the name of) (.{1,80})$", re.IGNORECASE)
_IN_IT = re.compile(r" (?:in it|as (?:the|a) (?:hero|lead|main character))$", re.IGNORECASE)
_JOINTS = re.compile(r"([,;] | - |,? (?:and|but|while|though) )")
_MILD = words_of(
    "play help go come be see learn eat sleep dance visit know talk speak sing paint write live join meet "
    "thank protect save"
)
_NOBODY = words_of(
    "it that this there what who which everything nothing something anything i you we us me here today "
    "tonight tomorrow now then story tale idea plot title ending name time tone"
)
_MANY = re.compile(r"(?:two|three|four|five|six|seven|some|many|several)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Known:
    """What of it was known before."""

    who: bool = False
    place: bool = False
    foe: bool = False
    role: bool = False
    premise: bool = False


@dataclass(frozen=True, slots=True)
class Idea:
    """`firm` facts are told in so many words; `loose` ones are a reading of what may be said of something else."""

    firm: tuple[Fact, ...] = ()
    loose: tuple[Fact, ...] = ()
    begun: bool = False
    """Whether it stands after words such as `I want to write about`."""
    rest: tuple[str, ...] = ()
    """What else it says that is no part of these and that no pattern reads."""


@lru_cache(maxsize=512)
def read(glimpsed: str, known: Known) -> Idea:
    """The idea in a message, as far as one can tell by its words; takes what `words.glimpse` gave."""
    firm: list[Fact] = []
    loose: list[Fact] = []
    rest: list[str] = []
    begun = False
    for sentence in words.sentences(glimpsed)[:MOST]:
        line = " ".join(sentence.split()).strip(" .!?,…")
        bare = _LEAD.sub("", line).strip(" ,") or line
        if _UNHAPPY.match(line):
            firm.append(Fact("ending", "without a happy ending"))
        if _WISH.match(line):
            continue
        bare = _HERO_IS.sub(r"\1 is ", places.cased(bare))
        if told := _SET.match(bare):
            firm.append(Fact("place", words.lowered(words.bare(told[1], 140))))
            begun = True
            bare = (told[2] or "").strip()
            if not bare:
                continue
        elif told := _GOT.match(bare):
            firm += [Fact("hero", told[1])]
            begun, known = True, replace(known, who=True)
            bare = told[2].strip(" ,")
            if not bare:
                continue
        told = _THERE.match(line) or _THERE.match(bare) or _BEGINS.match(bare)
        if told and told.re is _THERE and known.who:
            rest.append(line)
        elif told and (told.re is _THERE or not _NO_IDEA.match(told[1])):
            begun = True
            told = told.re.match(places.cased(line)) or told
            bare = _IN_IT.sub("", re.sub(r"^this ", "a ", told[1], flags=re.IGNORECASE))
            rest += _premise(bare, firm, known)
        elif not telling.asks(bare) and "?" not in sentence[-2:]:
            rest += _parts(bare, firm, loose, known)
        else:
            continue
        if any(fact.key in ("hero", "role") for fact in (*firm, *loose)):
            known = replace(known, who=True)
    return Idea(tuple(dict.fromkeys(firm)), tuple(dict.fromkeys(loose)), begun, tuple(rest))


def _premise(bare: str, found: list[Fact], known: Known) -> list[str]:
    """All of what stands after `I want to write about`; answers what of it is not read."""
    if wished := _FOR.search(bare):
        found.append(Fact("wish", wished[1]))
        bare = bare[: wished.start()]
    parts = _split(bare)
    head = parts[0]
    more: list[Fact] = []
    who = _subject(head) or _company(head)
    found += who
    if place := places.place_in(head):
        found.append(Fact("place", place))
    if want := _WHO_MUST.search(head):
        found.append(Fact("want", words.bare(f"to {want[1]}", 140)))
    rest = [part for part in parts[1:] if not _of_part(part, more, more, Known(who=True, foe=known.foe))]
    told = words.bare(head, LONGEST)
    if not who and places.is_named(head):
        found.append(Fact("place", words.lowered(told)))
    elif not who or says_more(told, _value(who, "hero"), _value(who, "role"), place):
        found.insert(0, Fact("premise", told))
    found += more
    return rest


def _value(found: list[Fact], key: str) -> str:
    return next((fact.value for fact in found if fact.key == key), "")


def says_more(premise: str, hero: str, role: str, place: str) -> bool:
    """Whether a premise tells more than who somebody is and where."""
    left = premise.lower()
    for known in (place, hero, role):
        left = left.replace(known.lower(), " ") if known else left
    rest = re.sub(
        r"\b(?:an?|the|called|named|is|who|lives?|in|on|at|of|my|our|two|three|and|there|story|about)\b|\W", " ", left
    )
    return bool(rest.split())


def _parts(bare: str, firm: list[Fact], loose: list[Fact], known: Known) -> list[str]:
    """The parts of a sentence that is begun by no such words; answers those that are not read."""
    rest = []
    for part in _split(bare):
        if not _of_part(part, firm, loose, known):
            rest.append(part)
        if any(fact.key in ("hero", "role") for fact in (*firm, *loose)):
            known = replace(known, who=True)
    return rest


def _split(bare: str) -> list[str]:
    """The parts of a sentence that stand for themselves: clauses, places, and words for how it is to be."""
    pieces = _JOINTS.split(bare)
    parts = [pieces[0]]
    for joint, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if piece.strip() and (_alone(piece) or (_is_like(piece) and joint.strip() == ",")):
            parts.append(piece.strip())
        else:
            parts[-1] = f"{parts[-1]}{joint}{piece}"
    return [part.strip(" ,;") for part in parts if part.strip(" ,;")][:8]


def _is_like(piece: str) -> bool:
    bare = piece.strip()
    return (
        len(bare) < 60
        and shapes.may_be(bare)
        and bool(shapes.tone_of(bare) or shapes.pages_of(bare) or _UNHAPPY.match(bare))
    )


_WHEN = re.compile(
    r"^(?:(?:every|each|one|that|this) [a-z]{3,9}|at (?:night|dawn|noon|midnight)|now|suddenly|then|tonight|today|"
    r"soon),? ",
    re.IGNORECASE,
)


def _alone(piece: str) -> bool:
    """Whether a piece is a clause of its own, with who does it, or a place."""
    bare = piece.strip()
    if places.bare_name(bare) or (re.match(r"(?:maybe|perhaps) an? ", bare) and places.is_named(bare.split(" ", 1)[1])):
        return True
    if " " not in bare:
        return False
    if re.match(r"(?:set |it plays |it's set )?(?:in|on|at|under|aboard|inside) ", bare, re.IGNORECASE):
        return places.is_place(re.sub(r"^(?:set |it plays |it's set )", "", bare, flags=re.IGNORECASE))
    if re.match(r"(?:set it|make it|call it|no |without )", bare, re.IGNORECASE):
        return True
    tags, told = places.parsed(_WHEN.sub("", bare[:LONGEST]))
    if tags and tags[0].lower in ("she", "he", "they", "it", "someone", "somebody", "everyone", "nobody"):
        return True
    return bool(
        told
        and told[0].start == 0
        and told[0].end < len(tags)
        and (tags[told[0].end].tag in ("V", "M") or tags[told[0].end].lower in ("won't", "can't"))
    )


def _of_part(part: str, firm: list[Fact], loose: list[Fact], known: Known) -> bool:
    """Whether a part tells something, here or by the patterns of `telling`."""
    before = len(firm) + len(loose)
    _take_part(part, firm, loose, known)
    return len(firm) + len(loose) > before or bool(telling.facts(part))


def _take_part(part: str, firm: list[Fact], loose: list[Fact], known: Known) -> None:
    bare = _LEAD.sub("", part).strip(" ,") or part
    if len(bare.split()) <= 9:
        if _UNHAPPY.match(part):
            firm.append(Fact("ending", "without a happy ending"))
            return
        if shapes.may_be(bare) and (tone := shapes.tone_of(bare)) and not _article(bare) and not _DENIED.match(part):
            firm.append(Fact("tone", tone))
            return
    if met := _person(bare):
        firm.append(met)
        return
    if (told := _SHE_IS.match(bare)) and not known.role and (role := _role(told[1])):
        firm.append(Fact("role", role))
        if says_more(told[1], "", role, "") and not known.premise:
            firm.append(Fact("premise", words.bare(told[1], LONGEST)))
        return
    if where := places.bare_name(bare):
        firm.append(Fact("place", where))
        return
    if foe := foe_in(bare, known):
        firm.append(Fact("foe", foe))
        who = re.split(r",? (?:is|are|was|were|gets|get|being) ", bare, maxsplit=1)[0]
        firm += (
            []
            if known.who or re.match(r"(?:she|he|they)\b", who, re.IGNORECASE) or not _HUNTED.match(bare)
            else _named(who)
        )
        if _HUNTED.match(bare) and (place := places.place_in(who)):
            firm.append(Fact("place", place))
        return
    if told := _MUST.match(bare):
        firm.append(Fact("want", words.bare(f"to {told[1]}", 140)))
        return
    if places.is_place(bare):
        firm.append(Fact("place", words.lowered(words.bare(re.sub(r"^set ", "", bare, flags=re.IGNORECASE), 140))))
        return
    if told := _VERSUS.match(bare):
        firm += [*_subject(told[1]), Fact("foe", words.bare(told[2], 140))]
        return
    if not known.who and (named := _named(bare)):
        place = places.place_in(bare)
        firm += named
        firm += [Fact("place", place)] if place else []
        if says_more(bare, _value(named, "hero"), _value(named, "role"), place):
            firm.append(Fact("premise", words.bare(bare, LONGEST)))
        return
    who = [] if known.who else _subject(bare) or _company(bare)
    if _value(who, "hero"):
        firm += who
    place = "" if known.place else places.place_in(bare)
    if places.is_named(bare) and not who:
        loose.append(Fact("place", words.lowered(words.bare(bare, 140))))
    elif who or (place and not known.premise):
        if says_more(bare, _value(who, "hero"), _value(who, "role"), place):
            loose.append(Fact("premise", words.bare(bare, LONGEST)))
        loose += who
        loose += [Fact("place", place)] if place else []
        if want := _WHO_MUST.search(bare) or _HAS_TO.search(bare):
            loose.append(Fact("want", words.bare(f"to {want[1]}", 140)))


_HAS_TO = re.compile(r" (?:must|has to|have to|needs to|need to) ([a-z]{2,20} .{3,120})$", re.IGNORECASE)


_DENIED = re.compile(r"(?:no|not|nothing|without|never|less)\b", re.IGNORECASE)
_SHE_IS = re.compile(r"^(?:she|he|they)(?:'s| is|'re| are) ((?:an?|the) [a-z][a-z' -]{2,40})$", re.IGNORECASE)
_HAS = re.compile(
    r"^(?:she|he|they|[^\W\d_][\w'-]{1,20}) (?:has|have|had) an? ([a-z][a-z' -]{2,24}?)"
    r"(?:,|:| called| named| who is called)+ "
    r"([A-Z][\w'-]{1,20})$"
)
_SET = re.compile(
    r"^(?:[a-z'-]{1,12} ){0,8}?set (?=in|on|at|under|aboard|inside)([a-z]{2,6} [^:.!?]{3,120})(?::(.{3,200}))?$",
    re.IGNORECASE,
)
_GOT = re.compile(
    r"^(?:[Ii](?:'ve| have)(?: got)?|[Tt]here(?:'s| is)) (?:an?|this) (?:main )?(?:character|hero|heroine|"
    r"protagonist),?(?: called| named| is)? ([A-Z][\w'-]{1,20}(?: [A-Z][\w'-]{1,20})?)((?:,|$).{0,200})$"
)
_HERO_IS = re.compile(
    r"^(?:my|the|our) (?:hero(?:ine)?|protagonist|main character|lead),? "
    r"([A-Z][\w'-]{1,20}(?: [A-Z][\w'-]{1,20})?),? is ",
    re.IGNORECASE,
)
_COMPANY = re.compile(r"\bwith ((?:an?|the|two|three) [a-z][a-z' -]{2,50})$", re.IGNORECASE)


def _company(text: str) -> list[Fact]:
    """Who is in a place that is all that is told: `a small village with a vicar`."""
    told = _COMPANY.search(text)
    role = _role(told[1]) if told else ""
    return [Fact("role", role)] if role else []


_ONE_IS = re.compile(
    r"^the ((?:older|elder|younger|first|second|other|big|little|tall|small)(?: [a-z]{3,10})?)"
    r" is (?:called |named )?([A-Z][\w'-]{1,20})$",
    re.IGNORECASE,
)


def _person(bare: str) -> Fact | None:
    """Somebody besides the hero: `Brann has a daughter, Lise`, `the older one is Ines`."""
    if (told := _HAS.match(bare)) and figures.is_person(told[1]):
        return Fact("person", f"{told[2]}: the {told[1]}")
    if (one := _ONE_IS.match(bare)) and one[2][0].isupper():
        return Fact("person", f"{one[2]}: the {one[1].lower()}")
    return None


def _article(bare: str) -> bool:
    return re.match(r"(?:an?|the|my|his|her|two|three) ", bare, re.IGNORECASE) is not None and " and " not in bare


def foe_in(clause: str, known: Known) -> str:
    """What stands against the hero by what a clause says: `she is chased by wolves`, `his brother wants to sell it`."""
    if told := _HUNTED.match(clause):
        return words.lowered(words.bare(told[2], 140))
    if told := _AFTER.match(clause):
        return words.lowered(words.bare(told[1], 60)) + f", who {words.bare(told[2], 90)}"
    if (told := _OPPOSED.match(clause)) and (told[3] is None or told[3].lower() not in _MILD):
        subject = words.lowered(words.bare(told[1], 60))
        stranger = re.match(r"(?:an?|the) ", subject, re.IGNORECASE) and not known.who
        if not stranger and re.match(
            r"(?:his|her|their|my|some(?:one|body)|every(?:one|body)|the|an?) ?", subject, re.IGNORECASE
        ):
            people = re.match(r"(?:some|every|no)", subject) or any(map(places.is_being, subject.split()))
            return f"{subject}, {'who' if people else 'which'} {words.bare(told[2], 90)}"
    if (told := _COMING.match(clause)) and known.who and not known.foe:
        return words.lowered(words.bare(told[1], 90))
    return ""


def _named(bare: str) -> list[Fact]:
    """`Brann is a clockmaker …`, `Brann, a clockmaker`, in small letters too."""
    told = _IS_A.match(bare)
    if told is None:
        return []
    name = told[1].strip(" ,")
    if name.split()[0].lower() in _NOBODY | lx.STOP | lx.ADVERBS | lx.ADJECTIVES or figures.is_person(name):
        return []
    role = _role(told[2])
    if not role or name.lower() in ("one", "he", "she", "they"):
        return []
    hero = names.name_in(" ".join(part.capitalize() for part in name.split()) if name.islower() else name)
    return [Fact("hero", hero), Fact("role", role)] if hero else []


def _role(text: str) -> str:
    """Who somebody is, in words that begin with their noun phrase: `a clockmaker in a town` gives `clockmaker`."""
    tags, told = places.parsed(text[:LONGEST])
    at = 0
    while at < len(told) and told[at].owns:
        at += 1
    if at >= len(told) or told[0].start != 0:
        return ""
    one = told[at]
    head = one.words[-1]
    both = [one.words[-2].lower(), head.lower()] if len(one.words) > 1 else []
    if head.lower() in heroes.PARTS and len(one.words) == 1:
        return ""
    if one.is_name or not (places.is_being(head) or both == ["private", "eye"]):
        return ""
    many = _MANY.match(text)
    owner = " ".join(word.text for word in tags[told[0].start + bool(told[0].determiner) : one.start]) if at else ""
    owner = "" if told[0].is_name else re.sub(r" (?='s?\b)", "", owner)
    if is_plural(head) and not one.determiner and not many:
        return ""
    run = [*([many[0].lower()] if many else []), *one.words]
    named = [owner] if owner else []
    return words.bare(
        " ".join(
            named
            + [
                word if tag == "E" else word.lower()
                for word, tag in zip(run, ["N"] * bool(many) + list(one.tags), strict=True)
                if word.lower() not in ("two", "three") or many
            ]
        ),
        60,
    )


def _subject(text: str) -> list[Fact]:
    """Whom a sentence or a phrase begins with: a role, with a name where one stands beside it."""
    text = text.strip(" .,")
    called = _CALLED.match(text)
    if called and (role := _role(called[1])):
        name = names.name_in(_first_name(called[2]))
        return [*([Fact("hero", name)] if name else []), Fact("role", role)]
    if named := _named(text):
        return named
    apposed = re.match(
        r"((?:[Aa]n?|[Tt]he|[Tt]his) [^,]{2,50}), ([A-Z][\w'-]{1,20}(?: [A-Z][\w'-]{1,20})?)(?=,|$)", text
    )
    if apposed and (role := _role(apposed[1])):
        return [Fact("hero", names.cleaned(apposed[2])), Fact("role", role)]
    if role := _role(text):
        return [Fact("role", role)]
    return []


def _first_name(tail: str) -> str:
    """The words of a name at the beginning of `lena in a big city`, one where it is in small letters."""
    tokens = tail.split()
    if tokens and tokens[0].islower():
        return tokens[0].strip(",.;")
    taken = re.match(r"(?:[A-Z][\w'.-]{0,20}(?: |$|(?=,))){1,4}", tail)
    return taken[0] if taken else tail
