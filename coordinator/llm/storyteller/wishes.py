"""What is asked of the telling and not of the tale: shorter, darker, in the first person, without dialogue, …"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Wish:
    """`kind` is one of `KINDS`; `old` and `new` are the names of a renaming, `new` empty where none is given."""

    kind: str
    old: str = ""
    new: str = ""
    told: str = ""
    """The words in which it was asked."""


TONES = {"dark": "grave", "sad": "grave", "cold": "cold", "warm": "warm", "funny": "funny"}
"""Wishes that are a tone, by the bank of units that has it."""

_MORE = r"(?:(?:a (?:bit|little|lot|touch)|much|far|somewhat|more|very|really|rather|quite|so|too) ){0,3}"
_NAME = r"[^\W\d_a-z][\w'’\-]{0,30}"
_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "rename",
        rf"\b(?i:rename|call|name)\s+(?:the\s+\w{{1,20}}\s+)?(?P<old>{_NAME}|(?:him|her|it|them)|the \w{{1,20}})\s+"
        rf"(?:to|as|into|by the name of)\s+(?P<new>{_NAME})",
    ),
    (
        "rename",
        rf"\b(?i:call|name)\s+(?:the\s+\w{{1,20}}\s+)?(?P<new>{_NAME})\s+(?:instead of|and not|not|rather than)\s+(?P<old>{_NAME})",
    ),
    ("rename", rf"\b(?i:call|name|rename)\s+(?P<old>{_NAME})\s+(?P<new>{_NAME})\b"),
    (
        "rename",
        rf"\b[Gg]ive\s+(?P<old>{_NAME}|him|her|them|the \w{{1,20}})\s+(?:another|a different|a new|a better|some other)\s+name\b",
    ),
    ("rename", rf"\b[Cc]hange\s+(?P<old>{_NAME})(?:'s|’s)\s+name(?:\s+(?:to|into)\s+(?P<new>{_NAME}))?"),
    ("rename", rf"\b(?i:another|a different|a new|some other)\s+name\s+for\s+(?P<old>{_NAME}|the \w{{1,20}})"),
    ("rename", r"\b(?i:change|other|different|new|better) (?:the )?names?\b(?= for| of|[.,;!]|$)"),
    ("no-dialogue", r"\b(?:no|without(?: any)?|zero|avoid|skip|drop|omit|leave out)\s+(?:any\s+|the\s+|all\s+)?(?:dialogue|dialog|direct speech|speech|talking)s?\b(?: at all)?"),
    ("no-dialogue", r"\b(?:nobody|no one|no-one) (?:should |may |must )?(?:speaks?|talks?)(?=[.,;!]|$)"),
    ("no-dialogue", r"\bdialogue[- ]?(?:free|less)\b"),
    ("less-dialogue", r"\b(?:less|fewer|not so much|not too much)\s+(?:dialogue|dialog|talk(?:ing)?|speech)\b"),
    ("more-dialogue", rf"\b(?:more|lots? of|plenty of|much|mostly|a lot of|add(?: some| more)?|with)\s+(?:snappy |witty |sharp )?(?:dialogue|dialog|talking|banter|conversation)s?\b"),
    ("less-description", r"\b(?:less|fewer|no|without|not so much|not too much|cut(?: down)?(?: on)? the)\s+(?:of the )?(?:descriptions?|descriptive \w{1,20}|scenery|adjectives)\b"),
    ("more-description", r"\b(?:more|lots? of|plenty of|rich(?:er)?|add(?: some| more)?)\s+(?:sensory |visual |concrete )?(?:descriptions?|details?|imagery|scenery)\b"),
    ("first", r"\b(?:(?:in |use |using |from |told in |written in |with )?(?:the |a )?(?:1st|first)[- ]person(?: (?:narrat\w{1,6}|perspective|voice|point of view|pov|singular))?)\b"),
    ("first", r"\b(?:narrated|told) by (?:the )?(?:main character|protagonist|hero|heroine)\b"),
    ("third", r"\b(?:(?:in |use |using |from |told in |written in |with )?(?:the |a )?(?:3rd|third)[- ]person(?: (?:narrat\w{1,6}|perspective|voice|point of view|pov|limited|omniscient))?)\b"),
    ("second", r"\b(?:(?:in |use |using |from |told in |written in )?(?:the |a )?(?:2nd|second)[- ]person(?: (?:narrat\w{1,6}|perspective|voice|point of view|pov))?)\b"),
    ("present", r"\b(?:(?:in |use |using |told in |written in )?(?:the |a )?(?:simple )?present(?:[- ]tense)|in the present(?=[.,;!]|$))\b"),
    ("past", r"\b(?:(?:in |use |using |told in |written in )?(?:the |a )?(?:simple )?past(?:[- ]tense))\b"),
    ("length", r"\b(?:(?:in|of|about|around|under|at most|no more than|exactly|max(?:imum)?|up to|write|roughly)\s+){0,3}\d{1,6}(?:\s?(?:-|–|to)\s?\d{1,6})?[- ](?:words?|pages?|paragraphs?|sentences?|lines|chapters?)\b(?:\s+(?:long|or (?:so|less|fewer)|on|about|max))?"),
    ("shorter", r"\b(?:short(?:er)?|brief(?:er)?|condense(?:d)?|trim(?:med)?(?: it)?(?: down)?|tighten(?: it)?(?: up)?|cut it down|more concise|concise)(?= (?:story|tale|piece|version|please|and|but|one|read)\b|[.,;!)]|$)"),
    ("longer", r"\b(?:longer|lengthier|expand(?: it| on it)?|more words|stretch it(?: out)?)\b"),
    ("slower", r"\b(?:slower|slow (?:it|this) down|more slowly|slow[- ]burn)\b"),
    ("faster", r"\b(?:faster|quicker|speed (?:it|this) up|more pace|pacier|punchier|more action)\b"),
    ("vivid", rf"\b{_MORE}(?:vivid(?:ly)?|sensory|atmospheric|evocative|cinematic|immersive|descriptive|colourful|colorful|poetic|lyrical)(?= (?:please|and|but|language|prose|story|style|telling)\b|[.,;!)]|$)"),
    ("simpler", r"\b(?:simpler|plainer|simple language|plain language|easier to read|less flowery)\b"),
    ("ending", r"\b(?:(?:an|a|the|with an?|with|give it an?|i'd like an?|change the|another|different|have an?)\s+){0,3}(?:(?:other|another|different|new|better|happ(?:y|ier)|sad(?:der)?|tragic|bittersweet|hopeful|open|surprise|surprising|twist|darker|warmer|alternate|alternative|unexpected|ambiguous|stronger)\s+){1,2}(?:ending|end|finale|conclusion)\b"),
    ("ending", r"\b(?:change|rewrite|rework|redo|fix|replace) (?:the |its )?(?:ending|end|finale|conclusion)\b"),
    ("ending", r"\b(?:make (?:it|the story) )?end(?:s|ing)? (?:it |the story )?(?:happily|sadly|well|badly|in tragedy|on a (?:\w{1,14} )?note|with hope|differently|openly)\b"),
    ("dark", rf"\b{_MORE}(?:dark(?:er)?|grim(?:mer)?|bleak(?:er)?|gloom(?:y|ier)|scar(?:y|ier)|creep(?:y|ier)|sinister|menacing|disturbing|serious)(?= (?:please|and|but|story|tale|tone|version|one|about|here|throughout|in tone)\b|[.,;!)]|$)"),
    ("cold", rf"\b{_MORE}(?:cold(?:er)?|cool(?:er)?|distant|detached|clinical|colder in tone)(?= (?:please|and|but|tone|about|here|in tone)\b|[.,;!)]|$)"),
    ("sad", rf"\b{_MORE}(?:sad(?:der)?|melanchol(?:y|ic)|tragic|mournful|elegiac|sombre|somber)(?= (?:please|and|but|story|tale|tone|one|about|in tone)\b|[.,;!)]|$)"),
    ("warm", rf"\b{_MORE}(?:warm(?:er)?|gentl(?:e|er)|tender|cos(?:y|ier)|coz(?:y|ier)|hopeful|kind(?:er)?|uplifting|sweet(?:er)?|heart-?warming|lighter)(?= (?:please|and|but|story|tale|tone|one|about|in tone)\b|[.,;!)]|$)"),
    ("funny", rf"\b{_MORE}(?:funn(?:y|ier)|comic(?:al)?|comedic|humou?rous|hilarious|sill(?:y|ier)|whimsical|playful|light-?hearted|witt(?:y|ier)|satirical)(?= (?:please|and|but|story|tale|tone|one|about|in tone|throughout)\b|[.,;!)]|$)"),
    ("funny", r"\b(?:add |some |more |with |a touch of |dry |dark ){0,3}(?:humou?r|comedy|jokes)\b"),
    ("original", r"\b(?:more original|less clich[eé]d?|fewer clich[eé]s|less predictable|more surprising)\b"),
    ("verse", r"\b(?:in (?:verse|rhyme|rhyming couplets|iambic \w{1,20})|as a poem|make it rhyme|rhyming)\b"),
)  # fmt: skip
KINDS = tuple(dict.fromkeys(kind for kind, _ in _PATTERNS))
_COMPILED = tuple((kind, re.compile(pattern, re.IGNORECASE if kind != "rename" else 0)) for kind, pattern in _PATTERNS)
_NOT = re.compile(r"\b(?:not|less|isn't|don't make it|not so|without being|nothing)\s+(?:so |too |as )?$", re.IGNORECASE)
_ASKED = re.compile(
    r"\b(?:make|keep|be|it|this|story|tale|tone|more|less|write|rewrite|tell|told|use|please|want|would like|i'd like|"
    r"should|feel|sound|get|give|bit|little|much|half|beginning|middle|ending|opening|section|chapter|part|something)\b",
    re.IGNORECASE,
)
_BY_ADJECTIVE = ("dark", "cold", "sad", "warm", "funny", "vivid", "shorter")
MOST = 8_000
"""Characters of a text that are looked at."""


@lru_cache(maxsize=512)
def find(text: str) -> tuple[tuple[Wish, ...], str]:
    """The wishes in `text`, and the text without them."""
    text = re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text[:MOST])).replace("’", "'")
    found: list[Wish] = []
    for kind, pattern in _COMPILED:
        spans: list[tuple[int, int]] = []
        for match in pattern.finditer(text):
            if kind in _BY_ADJECTIVE and not _is_asked(text, match.start(), match.end()):
                continue
            spans.append(match.span())
            if kind in TONES and _NOT.search(text[max(0, match.start() - 24) : match.start()]):
                continue
            groups = match.groupdict()
            old, new = groups.get("old") or "", groups.get("new") or ""
            if not any(wish.kind == kind and (wish.old, wish.new) == (old, new) for wish in found):
                found.append(Wish(kind, old, new, match[0].strip()))
        for start, end in reversed(spans):
            text = f"{text[:start]} {text[end:]}"
    return tuple(found), _tidy(text)


def _is_asked(text: str, start: int, end: int) -> bool:
    """Whether an adjective is asked for, and not said of something in the story: the rest of its clause is nothing but
    an order (`make it darker`, `very short story about`), or there is none (`warmer, please`)."""
    before = re.split(r"[.;:!?\n\"“”]", text[max(0, start - 60) : start])[-1]
    words = re.findall(r"[a-z']+", before.lower())
    comparative = re.match(r"(?:more |less |a bit |a little |much )*\w+er\b", text[start:end], re.IGNORECASE) is not None
    if not words:
        return True
    plain = all(_ASKED.fullmatch(word) or word in _PLAIN for word in words)
    last = re.split(r"[,]| and ", before.lower())[-1].split()
    return plain or (comparative and bool(set(last) & _ORDERS)) or (bool(last) and set(last[:2]) <= _ORDERS | _PLAIN and bool(set(last) & _ORDERS))


_PLAIN = frozenset("a an the me us of and but very i you could can would like to in style second first last third it's".split())
_ORDERS = frozenset("make keep it write tell be more let rewrite".split())


def _tidy(text: str) -> str:
    """Without what orders leave behind when their wish is gone: `Make it .`, `, and`."""
    text = re.sub(
        r"(?:^|(?<=[.!?;\n,]))\s*(?:(?:please|could you|can you|and|but|also|just|i'd like|i would like|i want)\s+){0,3}"
        r"(?:make|keep|use|let|write|rewrite|tell|have|give)(?: (?:it|this|that|the|story|a|be|whole|thing|all|end|me|in|to|of|second|first|last|half|part|beginning|middle)){0,5}"
        r"\s*(?:,|and|but|please|\s){0,5}(?=[.!?;\n]|$)",
        " ",
        text,
        flags=re.IGNORECASE,
    )
    text = re.sub(r"\s*[,;]\s*(?:and|but|please)?\s*(?=[.!?:]|$)", "", text)
    text = re.sub(r"(?:^|(?<=[.!?]))\s*(?:[,;:.!]|and\b|please\b|in\b(?= *[,.]))\s*", " ", text, flags=re.IGNORECASE)
    return re.sub(r"[^\S\n]{2,}", " ", text).strip(" ,;:\n")
