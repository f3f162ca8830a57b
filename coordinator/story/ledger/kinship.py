"""Who is whose mother, brother or cousin, as a text says it in English. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from coordinator.story.ledger.claim import Claim
from coordinator.story.ledger.sentences import Page, Sentence, whose

KIN: dict[str, str] = {
    word: relation
    for relation, words in {
        "parent": "mother father parent mum dad mama papa",
        "child": "son daughter child",
        "sibling": "brother sister sibling twin",
        "spouse": "husband wife spouse",
        "grandparent": "grandmother grandfather grandma grandpa granny",
        "grandchild": "grandson granddaughter grandchild",
        "aunt or uncle": "aunt uncle",
        "niece or nephew": "niece nephew",
        "cousin": "cousin",
    }.items()
    for word in words.split()
}
INVERSE = {
    "parent": "child", "child": "parent", "grandparent": "grandchild", "grandchild": "grandparent",
    "aunt or uncle": "niece or nephew", "niece or nephew": "aunt or uncle",
}  # fmt: skip
_REL = rf"(?P<rel>{'|'.join(KIN)})\b(?!-|'s| of (?!@)| to be\b)"
_MODS = (
    r"(?:(?:younger|older|elder|little|big|twin|own|youngest|eldest|only|dear|poor|favou?rite|beloved|new|young"
    r"|old) ){0,2}"
)
_KINSHIP = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<a>@\d+)(?:,| was| is|, who was|, who is) (?P<b>@\d+)'s {_MODS}{_REL}",
        rf"(?P<b>@\d+)'s {_MODS}{_REL},? (?P<a>@\d+)\b",
        rf"(?P<a>@\d+)(?:,| was| is)(?: the| an?)? {_MODS}{_REL} of (?P<b>@\d+)\b(?!')",
        rf"\bthe {_MODS}{_REL} of (?P<b>@\d+),? (?P<a>@\d+)\b(?!')",
        rf"(?P<a>@\d+), (?P<b>her|his) {_MODS}{_REL}(?=[,.;]| who)",
        rf"(?P<a>@\d+) (?:was|is) (?P<b>her|his) {_MODS}{_REL}(?=[,.;]| and)",
        rf"(?P<b>\bher|\bhis) {_MODS}{_REL},? (?P<a>@\d+)\b",
        rf"(?P<b>@\d+) had (?:an?|one|an only) {_MODS}{_REL}, (?:named |called )?(?P<a>@\d+)\b(?!')",
    )
)
_PAIR = re.compile(
    r"(?P<a>@\d+) and (?P<b>@\d+) were (?:both )?(?P<rel>sisters|brothers|twins|siblings|cousins"
    r"|husband and wife|man and wife|married)\b(?! to)"
)
_MARRIED = re.compile(
    r"(?P<a>@\d+) (?:(?:was|is|had been) (?P<rel>married) to|(?:had )?(?P<did>married)) (?P<b>@\d+)\b(?!')"
)
_PLURAL = {"cousins": "cousin", "husband and wife": "spouse", "man and wife": "spouse", "married": "spouse"}
_FALSE = re.compile(
    r"\b(?:half|step|foster|adopt\w+|god|great|former|ex|in-law|superior|like an?|as an?|no|not|never|longer)\b[- ]?$"
)
_WORD = re.compile(rf"\b(?:{'|'.join(KIN)})s?\b|\bmarried\b|\bwife\b")


def kinship(page: Page, index: int, sentence: Sentence) -> Iterator[Claim]:
    """What this sentence says of how two people are related."""
    plain = sentence.plain
    if not _WORD.search(plain):
        return
    for pattern in _KINSHIP:
        for found in pattern.finditer(plain):
            if _FALSE.search(plain, 0, found.start("rel")) or sentence.unreal_until(found.end()):
                continue
            a = int(found["a"][1:])
            b = _possessor(page, index, found["b"], found.start("b"), a)
            if b is not None and a != b:
                yield _claim(page, sentence, a, b, KIN[found["rel"]])
    for found in (*_PAIR.finditer(plain), *_MARRIED.finditer(plain)):
        if sentence.unreal_until(found.end()):
            continue
        yield _claim(
            page, sentence, int(found["a"][1:]), int(found["b"][1:]), _PLURAL.get(found["rel"] or "married", "sibling")
        )


def _possessor(page: Page, index: int, told: str, at: int, apart: int) -> int | None:
    if told.startswith("@"):
        return int(told[1:])
    gender = "f" if told == "her" else "m"
    here = {one for one in page.sentences[index].people if one != apart and page.genders[one] in ("", gender)}
    # Whom the sentence itself names, before or after, is meant; else whom the ones before it name.
    if here:
        return here.pop() if len(here) == 1 else None
    return whose(page, index, told, at, apart)


def _claim(page: Page, sentence: Sentence, a: int, b: int, relation: str) -> Claim:
    first, second = page.key(a), page.key(b)
    if first > second:
        first, second, relation = second, first, INVERSE.get(relation, relation)
    return Claim("kin", first, frozenset([relation]), page.quote(sentence), sentence.paragraph, other=second)
