"""A rule of the world broken in its own words. Pure.

A rule that forbids something is broken by a sentence that tells it: one that has each of the rule's words, in any of
their forms or by a near word, and does not deny it. A rule that is broken on purpose is the stuff of stories; where the
sentence says so, nothing is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from coordinator.story.ledger.claim import Clash
from coordinator.story.ledger.finding import QUOTE
from coordinator.story.ledger.sentences import NEGATED, Page, Sentence
from coordinator.story.ledger.wording import listed

_FORBIDS = re.compile(
    r"\b(?:no|none|never|nobody|no one|nothing|must not|may not|can ?not|can't|mustn't|do not|does not|don't"
    r"|doesn't|forbidden|not allowed"
    r"|prohibited|won't|will not|neither|without)\b"
)
_ONLY_WHO = re.compile(r"^only (?P<who>[^.,;]{2,40}?) (?:may|can|is allowed to|are allowed to|must) (?P<what>.+)$")
_ONLY_WHEN = re.compile(r"\bonly (?:at|on|in|by|during|after|before) (?:an? |the )?(?P<when>[\w-]+)")
_WHEN = listed(
    "dawn dusk noon midnight night day morning evening sunrise sunset winter summer spring autumn monday tuesday "
    "wednesday thursday friday"
    " saturday sunday midday daylight moonlight"
)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_EMPTY = listed(
    "a an the no not none never nobody nothing one anyone anybody any all every each is are was were be been "
    "being may must can cannot could"
    " will would shall should do does did done has have had to of in on at by for from with into onto "
    "over under out up down off as it its"
    " that this these those there who whom which what when where while if unless and or but nor only ever "
    "always forbidden allowed"
    " prohibited let than then so such own their his her they them he she you your we our us i me my "
    "people person anything something"
    " world here still other without must rung rings once ve t s don doesn mustn won neither within made "
    "go goes went"
)
_NEAR_WORDS: tuple[frozenset[str], ...] = tuple(
    frozenset(words.split())
    for words in (
        "cross across over through threshold-over carri crossed crosses crossing",
        "enter entered inside into in entering enters",
        "speak spoke spoken speaks speaking talk talked talks talking said say says",
        "sing sang sung sings singing song",
        "night nighttime midnight moonlight dark",
        "dark darkness nightfall",
        "light lit lights lighted lighting kindle kindled",
        "open opened opens opening unlocked",
        "leave left leaves leaving",
        "eat ate eaten eats eating",
        "drink drank drunk drinks drinking",
        "touch touched touches touching",
        "fly flew flown flies flying",
        "swim swam swum swims swimming",
        "run ran runs running",
        "ring rang rung rings ringing",
        "write wrote written writes writing",
        "read reads reading",
        "wear wore worn wears wearing",
        "kill killed kills killing slew murdered",
        "lie lied lies lying",
        "sail sailed sails sailing ferry took boat",
        "bring brought brings bringing carried carry took",
        "carry carried carries carrying brought bring",
        "take took taken takes taking",
        "see saw seen sees seeing",
        "burn burned burnt burns burning",
        "sleep slept sleeps sleeping",
        "break broke broken breaks breaking",
        "fight fought fights fighting",
        "give gave given gives giving",
        "tell told tells telling",
        "wake woke woken wakes waking",
        "grow grew grown grows growing",
        "use used uses using",
        "whistle whistled whistles whistling",
        "lamp lantern lamps",
        "name named names",
        "die died dies dying",
        "steal stole stolen steals stealing",
        "sell sold sells selling",
        "climb climbed climbs climbing",
        "look looked looks looking",
        "flame flames fire fires match candle torch burning",
        "light lit strike struck strikes match kindle",
        "blood bled bleeding bleed",
        "iron steel",
        "water sea river lake",
    )
)
_FORMS: dict[str, frozenset[str]] = {}
for _words in _NEAR_WORDS:
    for _word in _words:
        _FORMS[_word] = _FORMS.get(_word, frozenset()) | _words
_ON_PURPOSE = re.compile(
    r"\b(?:rule|rules|law|forbidden|forbade|dared?|defied|defying|against|despite|though|although"
    r"|for the first time|broke|breaking|secretly|in secret|allowed"
    r"|permission|had been told|supposed|ought|custom|anyway|oath|warned|warning)\b"
)
_SUPPOSED = re.compile(
    r"\b(?:if|would|might|perhaps|maybe|as though|wish\w*|pretend\w*|unless|whether|seem\w*|almost|nearly"
    r"|could|should|will|shall|imagined|like an?)\b"
)
LEAST = 2
"""Words that a rule must have to be broken by."""
MOST_RULES = 40


@dataclass(frozen=True, slots=True)
class _Rule:
    text: str
    words: tuple[frozenset[str], ...]
    exempt: frozenset[str] = frozenset()
    """Who may do it: their words in the sentence, and it is not broken."""
    instead: frozenset[str] = frozenset()
    """When alone it may be: broken by another of these times."""


@lru_cache(maxsize=16)
def _rules(told: tuple[str, ...]) -> tuple[_Rule, ...]:
    return tuple(rule for text in told[:MOST_RULES] if (rule := _rule(text[:QUOTE])) is not None)


def _rule(text: str) -> _Rule | None:
    plain = text.lower().replace("’", "'").strip(" .")
    who = _ONLY_WHO.match(plain)
    if who is not None:
        words = _content(who["what"])
        exempt = frozenset(_stem(word) for word in _WORD.findall(who["who"]) if word not in _EMPTY)
        return _Rule(text, words, exempt=exempt) if len(words) >= LEAST and exempt else None
    when = _ONLY_WHEN.search(plain)
    if when is not None and when["when"] in _WHEN:
        words = _content(plain.replace(when[0], " "))
        return _Rule(text, words, instead=frozenset(_WHEN - {when["when"]})) if len(words) >= LEAST else None
    if not _FORBIDS.search(plain):
        return None
    words = _content(plain)
    return _Rule(text, words) if LEAST <= len(words) <= 8 else None


def _content(plain: str) -> tuple[frozenset[str], ...]:
    """The words that count, each with those that say the same."""
    words: dict[str, frozenset[str]] = {}
    for word in _WORD.findall(plain.replace("n't", " ")):
        if len(word) > 1 and (word not in _EMPTY or word == "dark"):
            words.setdefault(
                _stem(word),
                frozenset(_stem(one) for one in {word, *_FORMS.get(word, ())}) | _FORMS.get(word, frozenset()),
            )
    return tuple(words.values())


def _stem(word: str) -> str:
    for ending in ("ings", "ing", "ies", "ied", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            stem = word[: -len(ending)]
            if ending in ("ies", "ied"):
                return stem + "y"
            return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "ls" else stem.rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word


def broken(page: Page) -> Iterator[Clash]:
    """Sentences of a section that tell what a rule of the outline forbids."""
    rules = _rules(page.cast.rules)
    if not rules:
        return
    once: set[str] = set()
    for sentence in page.sentences:
        if (
            sentence.reverie
            or sentence.plain.endswith("?")
            or _SUPPOSED.search(sentence.plain)
            or _ON_PURPOSE.search(sentence.plain)
        ):
            continue
        words = set(_WORD.findall(_named(page, sentence)))
        words |= {_stem(word) for word in words}
        denied = NEGATED.search(sentence.plain) is not None
        for rule in rules:
            if rule.text in once or denied or not all(not one.isdisjoint(words) for one in rule.words):
                continue
            if rule.exempt and (not sentence.people or not rule.exempt.isdisjoint(words)):
                continue
            if rule.instead and rule.instead.isdisjoint(words):
                continue
            once.add(rule.text)
            yield Clash(
                "rule", "world", rule.text, page.quote(sentence),
                "It breaks a rule of this world: keep the rule, or let the text show that it is broken and "
                "what that costs.",
                (rule.text,), earlier_section=0,
            )  # fmt: skip


def _named(page: Page, sentence: Sentence) -> str:
    """The sentence with everybody's names, in lower case."""
    return _NUMBER.sub(lambda found: page.names[int(found[1])].lower(), sentence.plain)


_NUMBER = re.compile(r"@(\d+)")
