"""The people of a prompt: names, what they are, whether she or he, and whether they are dead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller import verbs
from coordinator.llm.storyteller.tagger import Word, is_plural, tagged

MOST = 12
"""People that are taken from a prompt."""
_LABEL = re.compile(
    r"\b(characters?|cast|starring|people|protagonists?|antagonists?|hero|heroine|villain|with|setting|plot|about|genre|"
    r"place|time|tone|story|premise|theme|style)[ \t]{0,3}:",
    re.IGNORECASE,
)
_OF_CAST = ("character", "cast", "starring", "people", "protagonist", "antagonist", "hero", "villain", "with")
_ALONE = ("protagonist", "antagonist", "hero", "heroine", "villain")
_NAMED = re.compile(r"[^\W\d_a-z][^\W\d_]*(?:['’\-][^\W\d_]+)*(?: [^\W\d_a-z][\w'’\-]{0,30}){0,3}")
_WHERE = frozenset(["on", "in", "to", "from", "at", "near", "outside", "off", "around", "toward", "towards", "through"])


@dataclass(frozen=True)
class Figure:
    """Somebody whom a prompt names or says to be there."""

    name: str = ""
    role: str = ""
    """What they are, without an article; empty where only a name is told."""
    she: bool | None = None
    """None where nothing tells."""
    gone: bool = False
    """Dead, so that they do nothing in the present."""
    owned: bool = False
    """Whether they are somebody's: `her brother`, `my late husband`."""
    of: str = ""
    """Whose, where that is said by a noun or a name: `Leyla` in `Leyla's brother`."""

    @property
    def head(self) -> str:
        return self.role.split()[-1].lower() if self.role else ""

    @property
    def many(self) -> bool:
        return bool(self.role) and not self.name and (is_plural(self.head) or self.head in lx.GROUPS)


@dataclass(frozen=True)
class Phrase:
    """A noun phrase among tagged words: from `start` to before `end`."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    start: int
    end: int
    determiner: str
    before: str
    """The preposition that it hangs on, or empty."""
    owner: bool
    """Whether it is somebody's, by `'s` or a possessive pronoun."""
    owns: bool
    """Whether `'s` follows."""

    @property
    def head(self) -> str:
        return self.words[-1]

    @property
    def is_name(self) -> bool:
        return self.tags[-1] == "E"


def singular(word: str) -> str:
    lower = word.lower()
    lower = re.sub(r"^(?:ex|step|half|great|co)-", "", lower)
    known = {
        "children": "child",
        "men": "man",
        "women": "woman",
        "wives": "wife",
        "thieves": "thief",
        "people": "people",
    }
    known |= {"geese": "goose", "mice": "mouse", "teeth": "tooth", "feet": "foot", "wolves": "wolf"}
    if lower in known:
        return known[lower]
    if not is_plural(lower):
        return lower
    return f"{lower[:-3]}y" if lower.endswith("ies") else lower[:-1]


def is_person(word: str) -> bool:
    """Whether a noun is somebody: by the lists, else by its ending."""
    head = singular(word.split()[-1])
    if head in lx.PEOPLE:
        return True
    if head in lx.NOT_PEOPLE or head in lx.PLACES or head in lx.ABSTRACT or len(head) < 6:
        return False
    if head.endswith(lx.TRADE_ENDINGS):
        return True
    acts = bool(verbs.forms(head[:-2]) or verbs.forms(head[:-1]))
    long = len(head) > 6 or (acts and head.endswith("er"))
    return head.endswith(("er", "or")) and long and not head.endswith(lx.DEVICE_ENDINGS)


def sex(role: str) -> bool | None:
    """Whether a role is a woman's; None where it may be anyone's."""
    words = {singular(word) for word in re.findall(r"[^\W\d_]+", role.lower())}
    if words & (
        lx.FEMALE_NOUNS | {"landlady", "countess", "duchess", "ex-wife", "niece", "lady", "grandma", "priestess"}
    ):
        return True
    return False if words & (lx.MALE_NOUNS | {"uncle", "nephew", "lord", "sir", "baron", "duke", "count"}) else None


def sex_of_name(name: str) -> bool | None:
    first = name.split()[0].lower() if name else ""
    return True if first in lx.FEMALE_NAMES else False if first in lx.MALE_NAMES else None


def phrases(words: list[Word]) -> list[Phrase]:
    """The noun phrases of tagged words, in order; a name apart from the noun before it (`her brother` and `Tom`)."""
    found: list[Phrase] = []
    index, before, owned = 0, "", False
    while index < len(words):
        word = words[index]
        if word.tag not in ("D", "A", "X", "N", "E"):
            if word.tag == "P":
                before = word.lower
            elif word.tag == "S":
                owned = True
            elif word.tag not in ("B",):
                before = before if word.tag == "G" else ""
                owned = False
            index += 1
            continue
        start, determiner = index, ""
        while index < len(words) and words[index].tag == "D":
            determiner = words[index].lower
            index += 1
        if determiner:
            owned = owned or determiner in _POSSESSIVE
        first = index
        index = _end(words, index)
        last = index
        while last > first and words[last - 1].tag in ("A", "X"):
            last -= 1
        if last > first:
            inside = words[first:last]
            owns = last < len(words) and words[last].tag == "S"
            found.append(
                Phrase(
                    tuple(w.text for w in inside),
                    tuple(w.tag for w in inside),
                    start,
                    last,
                    determiner,
                    before,
                    owned,
                    owns,
                )
            )
            before = before if owns else ""
        owned = False
        index = max(index, start + 1)
    return found


_POSSESSIVE = frozenset(["my", "our", "your", "his", "her", "its", "their"])


def _end(words: list[Word], index: int) -> int:
    """Where the phrase that goes on at `index` ends. A name after nouns is another phrase; before one it is part of it
    (`the Marchetti family`)."""
    seen = ""
    while index < len(words) and words[index].tag in ("A", "X", "N", "E"):
        tag = words[index].tag
        if tag == "E" and seen in ("N", "A", "X") and not _is_title(words[index - 1]):
            break
        if tag in ("A", "X") and seen in ("N", "E"):
            break
        if tag == "N" and seen == "E" and not _compounds(words, index):
            break
        seen = "A" if tag == "X" else tag
        index += 1
    return index


def _is_title(word: Word) -> bool:
    return word.lower in lx.TITLES and word.text[0].isupper()


def _compounds(words: list[Word], index: int) -> bool:
    """Whether a name is part of the noun after it: `the Marchetti family`."""
    back = index
    while back > 0 and words[back - 1].tag in ("E", "A"):
        back -= 1
    return back > 0 and words[back - 1].tag == "D"


def find(text: str) -> tuple[Figure, ...]:
    """The people of `text`, in the order in which they come, `MOST` at most."""
    text = re.sub(r"\b(Dr|Mr|Mrs|Ms|Prof|Capt|St)\.", r"\1", text)
    told, rest = _billed(text)
    found = list(told)
    for part in re.split(r"(?<=[.!?])\s+|\n+", rest):
        if part.strip():
            _add(found, _of_sentence(tagged(part)))
    return tuple(found[:MOST])


def unlabelled(text: str) -> str:
    """`text` without words like `Characters:`, which say what follows and are nothing in the story."""
    return _LABEL.sub("\n", text)


def _add(found: list[Figure], more: list[Figure]) -> None:
    """Takes up who is new; who is known by name or role is only told more of."""
    for figure in more:
        for at, known in enumerate(found):
            same_name = figure.name and known.name and _alike(figure.name, known.name)
            same_role = figure.head and figure.head == known.head and not (figure.name and known.name)
            if same_name or same_role:
                found[at] = replace(
                    known,
                    name=known.name or figure.name,
                    role=known.role or figure.role,
                    she=known.she if known.she is not None else figure.she,
                    gone=known.gone or figure.gone,
                    owned=known.owned or figure.owned,
                )
                break
        else:
            found.append(figure)


def _alike(one: str, other: str) -> bool:
    return bool({word for word in one.lower().split() if word not in lx.TITLES} & set(other.lower().split()))


def _billed(text: str) -> tuple[list[Figure], str]:
    """Who stands in lists of the cast (`Characters: …`), and the text without those lists."""
    labels = list(_LABEL.finditer(text))
    found: list[Figure] = []
    rest, at = "", 0
    for number, label in enumerate(labels):
        if not label[1].lower().startswith(_OF_CAST):
            rest += text[at : label.start()]
            at = label.end()
            continue
        stop = labels[number + 1].start() if number + 1 < len(labels) else len(text)
        passage = text[label.end() : stop]
        lines = passage.strip().startswith("-") or "\n" in passage.strip()
        end = None if lines else re.search(r"[.!?](?=\s|$)", passage)
        passage = passage[: end.start()] if end else passage
        rest += text[at : label.start()]
        at = label.end() + len(passage)
        for entry in _entries(passage, label[1].lower().rstrip("s") in _ALONE):
            _add(found, _of_entry(entry))
    return found, rest + text[at:]


def _entries(passage: str, alone: bool) -> Iterator[str]:
    if alone:
        yield passage
        return
    if ";" in passage or "\n" in passage.strip():
        yield from re.split(r"[;\n]+", passage)
        return
    depth, entry = 0, ""
    names = "(" not in passage
    for part in re.split(r"([,()])", passage):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if part == "," and depth <= 0:
            yield entry
            entry = ""
        else:
            entry += part
            if names and part.strip().lower().startswith(("a ", "an ", "her ", "his ", "their ")):
                entry = f"{part}"
    yield entry


def _of_entry(entry: str) -> list[Figure]:
    """One line of a cast: `Mara (a keeper)`, `Tom - her brother, dead`, `the Colonel, who owns the tower`."""
    entry = re.sub(r"^[\s\-*•\d.)]{0,8}(and |the |an? )?", "", entry.strip(), flags=re.IGNORECASE).strip()
    named = _NAMED.match(entry)
    name = named[0] if named else ""
    after = entry[len(name) :].strip(" ,(:–—-)")
    gone = bool(set(re.findall(r"[a-z]+", after.lower())) & (lx.DEAD | lx.DIED))
    first = name.split()[0].lower() if name else ""
    if name and len(name.split()) == 1 and (first in lx.TITLES or is_person(first)):
        return [Figure("", first, _first_known(sex(first), sex(after)), gone)]
    people = [phrase for phrase in phrases(tagged(after)) if not phrase.is_name and is_person(phrase.head)]
    role = _role(people[0]) if people else ""
    if not role and first in lx.TITLES:
        role = lx.TITLES[first]
    if not name:
        return [Figure("", role, sex(role), gone, people[0].owner)] if role else []
    owned = bool(people and people[0].owner)
    return [Figure(_bare_name(name), role, _she(name, role, after), gone, owned)]


def _first_known(*known: bool | None) -> bool | None:
    return next((one for one in known if one is not None), None)


def _she(name: str, role: str, after: str = "") -> bool | None:
    first = name.split()[0].lower() if name else ""
    titled = True if first in lx.SHE_TITLES else False if first in lx.HE_TITLES else None
    bare = _bare_name(name)
    told = set(re.findall(r"[a-z]+", after.lower()))
    by_pronoun = True if told & {"she", "herself"} else False if told & {"he", "himself"} else None
    return _first_known(titled, sex(f"{first} {role}"), sex_of_name(bare), by_pronoun)


def _bare_name(name: str) -> str:
    """A name without a word before it that is no title (`Old Bruno` → `Bruno`)."""
    words = name.split()
    while len(words) > 1 and words[0].lower() in lx.TITLES and words[0].lower() in _NO_TITLES:
        words = words[1:]
    return " ".join(words)


_NO_TITLES = frozenset(["old", "young", "little", "poor"])


def _role(phrase: Phrase) -> str:
    words = [
        word
        for word, tag in zip(phrase.words, phrase.tags, strict=True)
        if word.lower() not in lx.DEAD and word.lower() not in lx.LOOSE | {"old", "same", "own"} and tag != "X"
    ]
    return " ".join(
        word.lower() if tag != "E" else word for word, tag in zip(words[-3:], phrase.tags[-3:], strict=False)
    )


def _of_sentence(words: list[Word]) -> list[Figure]:
    found: list[Figure] = []
    told = phrases(words)
    skip: set[int] = set()
    for at, phrase in enumerate(told):
        if at in skip:
            continue
        following = told[at + 1] if at + 1 < len(told) else None
        if phrase.is_name:
            if _is_place(words, phrase):
                continue
            figure, used = _named(words, phrase, following, told[at - 1] if at else None)
            if used:
                skip.add(at + 1)
            found.append(figure)
        elif (
            at and told[at - 1].owns and is_person(told[at - 1].head) and singular(phrase.head) in _REMAINS
        ) or _says_twice(words, phrase, told[at + 1 : at + 3]):
            continue
        elif is_person(phrase.head) and not _is_compound(words, phrase):
            earlier = told[at - 1] if at and told[at - 1].owns and told[at - 1].end + 1 == phrase.start else None
            of = "" if earlier is None else earlier.head if earlier.is_name else singular(earlier.head)
            gone = _is_gone(words, phrase, told, at)
            figure = Figure("", _role(phrase), sex(_role(phrase)), gone, phrase.owner, of)
            if following is not None and following.is_name and _names_it(words, phrase, following):
                skip.add(at + 1)
                name = _bare_name(" ".join(following.words))
                gone = figure.gone or _dies(words, following.end)
                figure = replace(figure, name=name, she=_first_known(figure.she, sex_of_name(name)), gone=gone)
            if figure.role and not _is_ghost_of(words, phrase, following):
                found.append(figure)
    return _by_pronouns(words, found)


_REMAINS = frozenset(["ghost", "spirit", "grave", "tomb", "corpse", "ashes", "phantom", "shade"])
"""Whose these are is dead."""


def _says_twice(words: list[Word], phrase: Phrase, after: list[Phrase]) -> bool:
    """Whether who they are is said again and with their name: `his rival, the surgeon Oke`."""
    if len(after) < 2 or not is_person(phrase.head) or not is_person(after[0].head) or not after[1].is_name:
        return False
    between = [word.lower for word in words[phrase.end : after[0].start]]
    return between == [","] and after[0].determiner == "the" and after[0].end == after[1].start


def _is_place(words: list[Word], phrase: Phrase) -> bool:
    """Whether a name is a place's: after `in` and the like, unless it is a known name of a person or has a title."""
    first = phrase.words[0].lower()
    if first in lx.TITLES or sex_of_name(phrase.words[0]) is not None or phrase.owns:
        return False
    if singular(phrase.words[-1]) in lx.PLACES and len(phrase.words) > 1:
        return True
    return phrase.before in _WHERE or (phrase.before == "of" and singular(words[phrase.start - 2].text) in lx.PLACES)


def _is_compound(words: list[Word], phrase: Phrase) -> bool:
    """Whether the phrase's person only tells of a thing after it."""
    return phrase.end < len(words) and words[phrase.end].tag == "N"


def _is_ghost_of(words: list[Word], phrase: Phrase, following: Phrase | None) -> bool:
    return (
        singular(phrase.head) == "ghost"
        and following is not None
        and following.before == "of"
        and (following.is_name or is_person(following.head))
    )


def _named(words: list[Word], phrase: Phrase, following: Phrase | None, earlier: Phrase | None) -> tuple[Figure, bool]:
    """Whose name a phrase is, and whether the phrase after it only says what they are."""
    full = " ".join(phrase.words)
    if len(full) > 60:
        full = full[:60]
    first = phrase.words[0].lower()
    title = lx.TITLES.get(first, "") if len(phrase.words) > 1 else ""
    name, role, used, owned = _bare_name(full), title, False, False
    gone = first in lx.DEAD or _dies(words, phrase.end)
    if following is not None and not following.is_name and is_person(following.head):
        between = [word.lower for word in words[phrase.end : following.start] if word.tag != "X"]
        aged = between == [",", ","]
        between = [","] if aged else between
        apposed = between == [","] and (following.determiner != "" or aged) and _closes(words, following.end)
        if between == [] or apposed or between in ([",", "who", "is"], ["is"], [",", "who", "was"], ["("]):
            role, used, owned = _role(following), True, following.owner
            gone = gone or any(word.lower() in lx.DEAD for word in following.words) or _dies(words, following.end)
    if earlier is not None and earlier.end == phrase.start and is_person(earlier.head):
        role = _role(earlier)
    return Figure(name, role, _she(full, role), gone, owned), used


def _closes(words: list[Word], index: int) -> bool:
    """Whether an apposition ends here: by a mark, an `and`, a verb, or the end."""
    return index >= len(words) or words[index].tag in (".", "C", "V", "M", "W", "P", "G")


def _names_it(words: list[Word], phrase: Phrase, name: Phrase) -> bool:
    between = [word.lower for word in words[phrase.end : name.start]]
    return between in ([], ["named"], ["called"], [","]) and not (between == [","] and phrase.determiner in ("a", "an"))


def _is_gone(words: list[Word], phrase: Phrase, told: list[Phrase], at: int) -> bool:
    if any(word.lower() in lx.DEAD for word in phrase.words[:-1]):
        return True
    earlier = told[at - 1] if at else None
    if phrase.before == "of" and earlier is not None and singular(earlier.head) in _REMAINS:
        return True
    following = told[at + 1] if at + 1 < len(told) else None
    if phrase.owns and following is not None and singular(following.head) in _REMAINS:
        return True
    if phrase.owns and following is not None and singular(following.head) in ("widow", "widower"):
        return True
    return _dies(words, phrase.end)


def _dies(words: list[Word], index: int) -> bool:
    """Whether what follows says that they are dead: `, who died`, `is dead`, `died`."""
    after = [word.lower for word in words[index : index + 5] if word.tag not in ("B",) and word.text != ","]
    if after[:1] == ["who"]:
        after = after[1:]
        return bool(after) and (after[0] in lx.DIED or after[:2] in (["is", "dead"], ["was", "murdered"]))
    return after[:2] == ["is", "dead"] or after[:2] == ["are", "dead"] or after[:3] == ["has", "been", "dead"]


def _by_pronouns(words: list[Word], found: list[Figure]) -> list[Figure]:
    """Who is only a trade is she or he by the pronoun that the sentence has, where it can mean nobody else."""
    start = next((at for at, word in enumerate(words) if any(word.lower == one.head for one in found)), 0)
    said = {word.lower for word in words[start:]}
    she, he = bool(said & {"she", "her", "herself", "hers"}), bool(said & {"he", "his", "him", "himself"})
    if she == he or any(figure.she is she and not figure.owned for figure in found):
        return found
    first = next((at for at, one in enumerate(found) if one.she is None and not one.owned and not one.many), None)
    if first is not None:
        found[first] = replace(found[first], she=she)
    return found


def places(words: list[Word]) -> list[str]:
    """Names of places."""
    return [" ".join(one.words) for one in phrases(words) if one.is_name and _is_place(words, one)]


def names(text: str) -> tuple[str, ...]:
    """Every proper name of an English text, people's and places'."""
    found = [" ".join(one.words) for one in phrases(tagged(text)) if one.is_name]
    return tuple(dict.fromkeys(name for name in found if not verbs.forms(name.lower())))
