"""A section cut into scenes, paragraphs and sentences as the rules read them: speech taken out, people by number. Pure.

A rule sees `plain`: lower case, what is said aloud as one mark, and everybody by number, so that `@3's eyes` is the
third person's, by whatever name they go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from coordinator.story.ledger.cast import Aliases, Cast, aliases
from coordinator.story.ledger.finding import QUOTE
from coordinator.story.ledger.wording import listed

MOST_CHARACTERS = 200_000
"""Of a section; a person may have made it longer than any story is."""
SENTENCE = 600
"""Characters. A longer one is read in parts: nobody's sentence, but a text may be without a full stop."""
SPEECH = "§"

_PARAGRAPH = re.compile(r"[^\n]+")
_BREAK = re.compile(r"\W{0,40}")
_SPEECH = re.compile(
    r"“[^”\n]*”?|\"[^\"\n]*\"?|«[^»\n]*»?|„[^“”\n]*[“”]?"
    r"|(?<!\w)‘(?:[^’\n]|’(?=\w)){1,600}’(?!\w)|(?<!\w)'(?:[^'\n]|'(?=\w)){1,600}'(?!\w)"
)
_DASH = re.compile(r"\s{0,8}[—–]\s?\w")
_SLANTED = re.compile(r"\s{0,8}([*_]{1,3})\w[^\n]*\1\W{0,3}$")
_SENTENCE = re.compile(rf"[^.!?…]{{1,{SENTENCE}}}(?:[.!?…]{{1,20}}[\"”’»)\]*_]{{0,8}})?|[.!?…]{{1,20}}")
_ABBREVIATED = re.compile(r"(?:^|\W)(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Prof|Capt|Lt|Sgt|No|vs)\.$")
_WORD = re.compile(r"[^\W_]+(?:[-’'][^\W_]+)*")
_MARKS = str.maketrans({"’": "'", "‘": "'", "*": " ", "_": " ", "\t": " ", "—": ",", "–": ",", "…": "."})
_SPACE = re.compile(r"\s+")

_VERBS_OF_PEOPLE = (
    "said asked answered replied whispered shouted called cried smiled grinned nodded laughed frowned sighed "
    "shrugged looked "
    "turned walked ran came went stood sat knelt rose climbed held took gave put was had died opened closed "
    "watched waited "
    "signed coiled shook"
)
_AS_A_PERSON = frozenset(_VERBS_OF_PEOPLE.split())
NO_NAMES = listed(
    "I A An The And But Or Nor So Yet For If Then When While As At In On By To Of Off Out Up Down It He She They "
    "We You "
    "His Her Its Their Our My Your This That These Those There Here What Who Whom Which Where Why How Not "
    "No Nobody "
    "Nothing Never Now Once Only Even Still Just Some Any All Each Every Both One Two Three Four Five Six "
    "Seven Eight "
    "Nine Ten After Before Behind Below Above Beside Between Through Across Over Under Until Since Because Though "
    "Although Perhaps Maybe Yes Oh Ah God Lord Sir Madam Mr Mrs Ms Dr Monday Tuesday Wednesday Thursday "
    "Friday Saturday "
    "Sunday January February March April May June July August September October November December Christmas Easter "
    "English French German Spanish Latin Section Chapter Part North South East West Everyone Somebody "
    "Someone Everybody "
    "Nobody's Again Almost Always Another Anyone Bright Dust Fog Rain Snow Stars Later Old Men Water Wind "
    "Light Night"
)

REVERIE = re.compile(
    r"\b(?:dream(?:s|t|ed|ing)?|remember(?:s|ed|ing)?|recall(?:s|ed|ing)?|memor(?:y|ies)|imagin(?:e|es|ed"
    r"|ing)|nightmare"
    r"|(?:years|months|weeks|days|decades|long) (?:ago|before|earlier)|long ago|as a (?:child|boy|girl)|childhood"
    r"|in those days|in the old days|that (?:summer|winter|spring|autumn)|when (?:@\d+|she|he|they) (?:was|were) "
    r"(?:a child|a girl|a boy|young|small|little|\w{3,10}(?:-\w{3,6})?(?=[,.]))|flashback|vision|hallucinat\w+|delirium"
    r"|photograph|portrait|used to|thought back|back then|legend|fairy tale|the story goes)\b"
)
"""From here on to the end of the paragraph nothing is told of now; at the head of a scene, of the whole scene."""
UNREAL = re.compile(
    r"\b(?:if|would|might|perhaps|maybe|as though|wish(?:ed|es)?|pretend(?:s|ed|ing)?|suppose[ds]?|unless"
    r"|whether|seem(?:s|ed)?"
    r"|like an?|like the|almost|nearly|hoped?|feared|rumou?r|promised|swore|will|shall|thought|believed|claimed|lied"
    r"|imagined|nobody knew|told|heard that|said that|could have|should have|must have|mask|costume|play"
    r"|stage|actor|painted"
    r"|statue|doll)\b"
)
NEGATED = re.compile(
    r"\b(?:not|never|no longer|nobody|no one|nothing|neither|nor|none|without|hardly|scarcely|no)\b|n't\b"
)
PERSON_NOUN = re.compile(
    r"\b(?:the|a|an|that|this|another|some|one|her|his|their|my|@\d+'s) (?:[\w-]+ ){0,2}?(?:man|woman|girl"
    r"|boy|child|lad|stranger"
    r"|captain|doctor|nurse|guard|soldier|officer|keeper|king|queen|prince|princess|priest|teacher|driver"
    r"|clerk|mother|father"
    r"|brother|sister|son|daughter|wife|husband|aunt|uncle|cousin|friend|neighbou?r|servant|maid|fisherman"
    r"|sailor|widow|baker"
    r"|smith|merchant|witch|wizard|knight|detective|inspector|sheriff|thief|lady|lord|master|mistress|visitor"
    r"|guest|customer"
    r"|client|cat|dog|horse|creature|baby|figure|person|voice)\b(?!')"
)


@dataclass(slots=True)
class Sentence:
    """One sentence, from `start` to `end` of the section's text. `people` are those it names, in order."""

    start: int
    end: int
    plain: str
    paragraph: int
    scene: int
    people: list[int] = field(default_factory=list)
    reverie: bool = False
    """A memory, a dream, a tale: not of now."""
    spoken: str = ""
    """What is said aloud in it, in lower case."""

    @property
    def unreal(self) -> bool:
        """Whether it tells what is not so, or not yet, or only said to be so."""
        return self.plain.endswith("?") or UNREAL.search(self.plain) is not None

    def unreal_until(self, place: int) -> bool:
        """As `unreal`, as far as what stands before this place of `plain` tells it."""
        return self.plain.endswith("?") or UNREAL.search(self.plain, 0, place) is not None

    @property
    def negated(self) -> bool:
        return NEGATED.search(self.plain) is not None


@dataclass(slots=True)
class Page:
    """A section as the rules read it. `names` are the people by number: the cast's, then others that the text has."""

    text: str
    sentences: list[Sentence]
    names: list[str]
    genders: list[str]
    cast: Cast

    def quote(self, sentence: Sentence) -> str:
        return self.text[sentence.start : sentence.end].strip()[:QUOTE].strip()

    def key(self, person: int) -> str:
        """What a person is called by in all sections."""
        return self.names[person]


def page_of(text: str, cast: Cast) -> Page:
    """Time and memory grow with the length of the text, of which the first MOST_CHARACTERS are read."""
    text = text[:MOST_CHARACTERS]
    masked = _masked(text)
    names, genders = list(cast.names), [who.gender for who in cast.people]
    known = {**aliases(cast.people)}
    for name in _others(masked, known):
        known.setdefault(name, []).append(((name,), len(names)))
        names.append(name)
        genders.append("")
    return Page(text, list(_sentences(text, masked, known)), names, genders, cast)


def described(told: str, cast: Cast) -> Page:
    """A description of the bible, read as a section is."""
    return Page(
        told,
        list(_sentences(told, told, aliases(cast.people))),
        list(cast.names),
        [w.gender for w in cast.people],
        cast,
    )


def _masked(text: str) -> str:
    """The text with what is said aloud, as long as it was, so that all places stay the same."""

    def silent(found: re.Match[str]) -> str:
        return SPEECH + " " * (len(found[0]) - 1)

    def paragraph(found: re.Match[str]) -> str:
        line = found[0]
        if _DASH.match(line) or (_SLANTED.match(line) and line.strip(" *_")):
            return SPEECH + " " * (len(line) - 1)
        return _SPEECH.sub(silent, line) if _QUOTED.search(line) else line

    return _PARAGRAPH.sub(paragraph, text)


_QUOTED = re.compile("[“\"«„‘']")


def _sentences(text: str, masked: str, known: Aliases) -> Iterator[Sentence]:
    scene, dreamt_scene, fresh = 0, False, True
    for number, paragraph in enumerate(_PARAGRAPH.finditer(masked)):
        line = paragraph[0]
        if (_BREAK.fullmatch(line) and line.strip() and SPEECH not in line) or line.lstrip().startswith("#"):
            scene, dreamt_scene, fresh = scene + 1, False, True
            continue
        reverie = dreamt_scene
        for start, end in _cut(line, paragraph.start()):
            plain, people = _plain(masked, start, end, known)
            if not plain.strip(" ."):
                continue
            if REVERIE.search(plain):
                reverie = True
                dreamt_scene = dreamt_scene or fresh
            fresh = False
            spoken = text[start:end].lower() if SPEECH in plain else ""
            yield Sentence(start, end, plain, number, scene, people, reverie, spoken)


def _cut(line: str, offset: int) -> Iterator[tuple[int, int]]:
    start: int | None = None
    for found in _SENTENCE.finditer(line):
        start = found.start() if start is None else start
        if _ABBREVIATED.search(line, max(found.end() - 6, 0), found.end()) and found.end() - start < SENTENCE:
            continue
        yield offset + start, offset + found.end()
        start = None
    if start is not None:
        yield offset + start, offset + len(line)


def _plain(masked: str, start: int, end: int, known: Aliases) -> tuple[str, list[int]]:
    parts: list[str] = []
    people: list[int] = []
    at, words = start, [found.span() for found in _WORD.finditer(masked, start, end)]
    skip = 0
    for index, (first, last) in enumerate(words):
        if index < skip:
            continue
        word, tail = _bare(masked[first:last])
        for name, person in known.get(word, ()) if word[0].isupper() or word == "the" else ():
            rest = [_bare(masked[s:e])[0] for s, e in words[index + 1 : index + len(name)]]
            if (word, *rest) == name and (len(name) == 1 or not tail):
                if len(name) > 1:
                    last = words[index + len(name) - 1][1]
                    tail = _bare(masked[words[index + len(name) - 1][0] : last])[1]
                    skip = index + len(name)
                parts.append(f"{masked[at:first]}@{person}{tail}")
                people.append(person)
                at = last
                break
    parts.append(masked[at:end])
    plain = _SPACE.sub(" ", "".join(parts).translate(_MARKS)).strip().lower()
    return plain, people


def _bare(word: str) -> tuple[str, str]:
    """The word without a possessive's ending, and that."""
    if word[-2:] in ("'s", "’s"):
        return word[:-2], "'s"
    return (word[:-1], "'s") if word[-1:] in "'’" else (word, "")


_MOST_OTHERS = 100


def _others(masked: str, known: Aliases) -> list[str]:
    """Names of people whom the bible does not have: words with a capital within a sentence, who do what people do."""
    inside: set[str] = set()
    acting: set[str] = set()
    words = [(found[0], found.start(), found.end()) for found in _WORD.finditer(masked)]
    for index, (word, first, _) in enumerate(words):
        name = _bare(word)[0]
        if len(name) < 3 or not name[0].isupper() or name.isupper() or name in NO_NAMES or name in known:
            continue
        before = masked[max(first - 2, 0) : first]
        last = words[index - 1][0].lower() if index else ""
        if (
            before[-1:] in (" ", "—")
            and before[:1] not in (".", "!", "?", "…", SPEECH, "\n", "*", ":", "")
            and last != "the"
        ):
            inside.add(name)
        following = words[index + 1][0].lower() if index + 1 < len(words) else ""
        if following in _AS_A_PERSON or (last in _AS_A_PERSON and last not in ("was", "had", "came", "went")):
            acting.add(name)
        if len(acting) > _MOST_OTHERS:
            break
    return sorted(inside & acting)[:_MOST_OTHERS]


def whose(page: Page, index: int, pronoun: str, before: int, apart: int | None = None) -> int | None:
    """Whom `she`, `her`, `he` or `his` at this place of a sentence means; None where it may be more than one.

    The nearest sentence that names anybody decides, up to three back within the paragraph; the paragraph before where
    this one names nobody. Where somebody stands between whom only a noun names, it may be them.
    """
    gender = "f" if pronoun in ("she", "her") else "m"
    sentences = page.sentences
    here = sentences[index]

    def able(people: list[int]) -> set[int]:
        return {one for one in people if one != apart and page.genders[one] in ("", gender)}

    head = here.plain[:before]
    found = able([int(number) for number in _NUMBER.findall(head)])
    if found:
        return found.pop() if len(found) == 1 and not PERSON_NOUN.search(head) else None
    if PERSON_NOUN.search(head):
        return None
    for back in range(index - 1, max(index - 4, -1), -1):
        earlier = sentences[back]
        if earlier.paragraph < here.paragraph - 1 or earlier.scene != here.scene:
            return None
        found = able(earlier.people)
        if found:
            return found.pop() if len(found) == 1 and not PERSON_NOUN.search(earlier.plain) else None
        if PERSON_NOUN.search(earlier.plain):
            return None
    # Nobody before: the only one whom the sentence names after it.
    found = able(here.people)
    return found.pop() if len(found) == 1 and not PERSON_NOUN.search(here.plain) else None


_NUMBER = re.compile(r"@(\d+)")


def person_of(page: Page, index: int, told: str, before: int, apart: int | None = None) -> int | None:
    """The person that a rule's group names: `@3`, `@3's`, or a pronoun."""
    if told.startswith("@"):
        number = int(told[1:].removesuffix("'s"))
        return None if number == apart else number
    return whose(page, index, told, before, apart)
