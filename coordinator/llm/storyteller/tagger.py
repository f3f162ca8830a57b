"""What each word of an English prompt is, by closed classes, the forms of verbs and what stands beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller import verbs

MOST = 1_500
"""Words of a text that are looked at."""
_TOKEN = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+){0,4}|\d+(?:st|nd|rd|th)?|[.,;:!?()\"“”—/\n-]")
_CLAUSE = frozenset('.,;:!?()"“”—/\n-')
_PLURALS = frozenset(
    [
        "people",
        "children",
        "men",
        "women",
        "mice",
        "geese",
        "teeth",
        "feet",
        "sheep",
        "twins",
        "folk",
        "police",
        "species",
        "cattle",
        "wolves",
        "thieves",
    ]
)
_NO_PLURALS = frozenset(
    ["news", "series", "gas", "bus", "lens", "chess", "mathematics", "physics", "glass", "loss", "boss", "dress"]
)


@dataclass(slots=True)
class Word:
    """`tag` is D determiner or possessive pronoun, N noun, E name, A adjective, X number, V finite verb, G other form
    of a verb, M auxiliary, P preposition, T `to` before a verb, C conjunction, R pronoun, W relative or question word,
    B adverb, S the possessive `'s`, or `.` for what parts clauses."""

    text: str
    tag: str = ""

    @property
    def lower(self) -> str:
        return self.text.lower()


def is_plural(word: str) -> bool:
    lower = word.lower()
    if lower in _PLURALS:
        return True
    return lower.endswith("s") and not lower.endswith(("ss", "us", "is", "as")) and lower not in _NO_PLURALS


def tagged(text: str) -> list[Word]:
    """The words and marks of `text`, of `MOST` at most, each with its tag."""
    words = _split(text)
    _Reader(words).read()
    return words


def _split(text: str) -> list[Word]:
    found: list[Word] = []
    for match in _TOKEN.finditer(text):
        token = match[0].replace("’", "'")
        lower = token.lower()
        if lower.endswith("'s") and lower not in lx.AUXILIARIES:
            found += [Word(token[:-2]), Word("'s", "S")]
        elif token.endswith("'"):
            found += [Word(token[:-1]), Word("'s", "S")]
        else:
            found.append(Word(token))
        follows = text[match.end() : match.end() + 2]
        if token.endswith("s") and re.match(r"['’](?:\s|$)", follows) and token.isalpha():
            found.append(Word("'s", "S"))
        if len(found) >= MOST:
            break
    return found


class _Reader:
    """Reads the words from left to right; what it has to know of a clause is kept from word to word."""

    def __init__(self, words: list[Word]) -> None:
        self.words = words
        self.verb = False
        """Whether the clause has its finite verb."""
        self.subject: str | None = None
        """The last noun since the clause began, where there is one and no verb yet."""
        self.first: str | None = None
        """The noun before the first preposition: the head of `the two sons of a king`."""
        self.many = False
        """Whether the subject is more than one by an `and`."""
        self.relative = False
        self.modal = False
        """Whether an auxiliary stands before its subject, so that the verb is still to come (`does the river run`)."""
        letters = [c for word in words[:200] for c in word.text if c.isalpha()]
        self.shouted = len(letters) > 8 and sum(c.isupper() for c in letters) > 0.7 * len(letters)

    def read(self) -> None:
        for index, word in enumerate(self.words):
            if not word.tag:
                word.tag = self._tag(index, word)
            self._note(index, word)

    def _note(self, index: int, word: Word) -> None:
        if word.tag == "M":
            self.modal = self.subject is None and word.lower in lx.MODALS
        elif word.tag in ("V", ".", "C"):
            self.modal = False
        if word.tag == "P":
            self.first = self.first or self.subject
        elif word.tag in (".", "C", "V", "M"):
            self.first = None
        if word.tag == "." or word.tag == "W":
            comma = word.text in (",", "(", ")", '"') and (not self.verb or self.relative)
            self.relative = word.tag == "W" and word.lower in ("who", "which", "that", "whose", "whoever", "where")
            self.subject = self.subject if comma or word.tag == "W" else None
            self.many = self.many and comma
            self.verb = False
        elif word.tag == "C" and word.lower in ("and", "or", "nor"):
            self.many = self.subject is not None and not self.verb
            self.verb = False
        elif word.tag == "C":
            self.verb, self.subject, self.many = False, None, False
        elif word.tag in ("V", "M") and word.lower not in ("been", "being", "be", "having", "done", "doing"):
            self.verb, self.many = True, False
        elif word.tag in ("N", "E", "R"):
            # A name is one person, whatever it ends in.
            self.subject = "who" if word.tag == "E" and not self.many else word.lower

    def _before(self, index: int) -> str:
        """The tag of what stands before, adverbs aside."""
        while index > 0 and self.words[index - 1].tag == "B":
            index -= 1
        return self.words[index - 1].tag if index > 0 else "."

    def _next(self, index: int) -> Word | None:
        return self.words[index + 1] if index + 1 < len(self.words) else None

    def _tag(self, index: int, word: Word) -> str:
        lower, before, after = word.lower, self._before(index), self._next(index)
        following = after.lower if after else "."
        if lower in _CLAUSE:
            return "."
        if lower[0].isdigit() or lower in lx.NUMBERS:
            return "X"
        if self._is_name(index, word):
            return "E"
        if lower == "to":
            base = "base" in verbs.forms(following) or following in ("be", "have", "do", "not")
            return "T" if base else "P"
        if lower in ("that", "her", "his", "no", "one", "so", "as", "like", "past", "there", "once", "since", "before"):
            closed = self._closed(lower, before, following, after)
            if closed:
                return closed
        if lower in (
            "who",
            "whom",
            "whose",
            "which",
            "what",
            "where",
            "when",
            "why",
            "how",
            "whoever",
            "whatever",
            "if",
        ):
            return "D" if lower == "whose" and before != "." else "W"
        if lower in lx.AUXILIARIES:
            return "M" if lower not in ("done", "being", "having") else "G"
        if lower in ("many", "much", "few", "several", "all", "more", "most", "enough", "less", "such"):
            return "D" if self._noun_may_follow(index) else "R"
        if lower in ("set", "told", "based") and before == "." and following in lx.PREPOSITIONS:
            return "G"
        if lower in lx.DETERMINERS:
            return "D" if after and after.text not in _CLAUSE else "R"
        if lower in lx.CONJUNCTIONS:
            return "C"
        if lower in lx.SUBJECTS or lower in ("me", "him", "us", "them") or lower.endswith("self"):
            return "R"
        if lower in lx.PREPOSITIONS:
            return "P"
        if lower in lx.ADVERBS or (lower.endswith("ly") and len(lower) > 4 and lower not in lx.ADJECTIVES | _LY_NOUNS):
            return "B"
        return self._open(index, lower, before, following)

    def _closed(self, lower: str, before: str, following: str, after: Word | None) -> str:
        ended = after is None or after.text in _CLAUSE
        noun = not ended and not self._is_closed(following)
        if lower == "that":
            return "W" if before in ("N", "E", "V", "M", "R", "G", "A") else "D" if noun else "R"
        if lower in ("her", "his"):
            return "D" if noun else "R"
        if lower == "no":
            return "D" if noun else "B"
        if lower == "one":
            return "X" if noun else "R"
        if lower in ("so", "once"):
            return "C" if before in (".", "N") else "B"
        if lower in ("as", "since", "before"):
            return "P" if noun or (after is not None and following in lx.DETERMINERS) else "C"
        if lower == "like" and (before in ("M", "T") or (before == "R" and ended)):
            return "V"
        if lower in ("like", "past"):
            return "P" if before in ("N", "V", "E", "R", "G") and not ended else "A" if noun else "N"
        return "R"

    def _is_closed(self, lower: str) -> bool:
        return (
            lower in lx.AUXILIARIES
            or lower in lx.DETERMINERS
            or lower in lx.PREPOSITIONS
            or lower in lx.SUBJECTS
            or lower in lx.CONJUNCTIONS
            or (
                lower in verbs.FORMS and not verbs.may_be_noun(lower) and not verbs.forms(lower) & {"participle", "ing"}
            )
        )

    def _open(self, index: int, lower: str, before: str, following: str) -> str:
        tags = verbs.forms(lower)
        heads = self._noun_may_follow(index)
        if lower in lx.ADJECTIVES:
            if "participle" in tags and before in ("N", "E") and self.verb and following in lx.PREPOSITIONS:
                return "G"  # `a box left by her aunt`
            if tags and before in ("N", "E", "R") and not heads and not self.verb and self._agrees(tags):
                return "V"
            if heads or before in ("M", "B") or lower not in lx.ALSO_NOUNS:
                return "A" if heads or lower not in lx.ALSO_NOUNS or before in ("M", "B") else "N"
            return "N"
        if not tags:
            return self._unknown(index, lower, before, following)
        noun = verbs.may_be_noun(lower)
        if tags <= {"ing", "past", "participle"} and before in ("D", "S", "X", "A", "P") and heads:
            return "A" if before != "P" or "ing" not in tags else "G"
        if before == "M" or before == "T":
            return "G" if before == "M" and "base" not in tags else "V"
        if before in ("D", "S", "A", "X"):
            return "N" if noun or "base" in tags or lower in lx.NOUNS_IN_ING or "ing" in tags else "G"
        if before == "P":
            return "G" if tags <= {"ing"} and lower not in lx.NOUNS_IN_ING else "N" if noun or not heads else "A"
        if before == "R":
            return "V" if tags - {"ing"} else "G"
        if before == "W":
            return self._after_relative(index, tags, noun)
        if before in ("N", "E"):
            return self._after_noun(index, lower, tags, noun, following)
        acts = following in lx.DETERMINERS or following in ("him", "them", "it", "me", "us", "to")
        if before == "V" and acts and self._closes_relative(index, tags):
            return "V"
        if before == "V" or before == "G":
            if tags <= {"ing", "past", "participle"}:
                return "A" if heads and not tags & {"ing"} else "G"
            return "N" if noun else "V"
        if before == "C":
            return self._after_and(index, tags, noun, following)
        return self._first(index, lower, tags, noun, heads, following)

    def _unknown(self, index: int, lower: str, before: str, following: str) -> str:
        """A word that stands in no list: a noun, unless its ending and its neighbours say a verb."""
        if lower.endswith(_ADJECTIVAL) and len(lower) > 5 and self._noun_may_follow(index):
            return "A"
        participle = lower.endswith(("ed", "ing")) and len(lower) > 5 and lower not in lx.NOUNS_IN_ING
        if participle and lower not in lx.ABSTRACT and lower not in lx.PEOPLE:
            if self._noun_may_follow(index) and before in ("D", "S", "A", "X", ".", "C", "P"):
                return "A"
            return "V" if lower.endswith("ed") and not self.verb and before in ("N", "E", "R") else "G"
        if before == "C" and lower.endswith("s") and not lower.endswith("ss") and following in lx.DETERMINERS:
            return "V" if any(w.tag == "V" for w in self.words[max(0, index - 25) : index]) else "N"
        finite = before in ("N", "E") and not self.verb and self.subject is not None
        if finite and lower.endswith("s") and not lower.endswith("ss") and not is_plural(self.subject or ""):
            return "V" if following in lx.DETERMINERS or following in ("him", "them", "it", "me", "us") else "N"
        return "N"

    def _noun_may_follow(self, index: int) -> bool:
        """Whether the next word can go on with a noun phrase that has begun."""
        after = self._next(index)
        if after is None or after.tag == "S" or not after.text[0].isalpha():
            return False
        lower = after.lower
        if lower in lx.ADVERBS or self._is_closed(lower) or lower in ("who", "which", "where", "when", "what", "whose"):
            return False
        tags = verbs.forms(lower)
        if tags and verbs.may_be_noun(lower):
            # `the blind watch` or `a dead man's watch`: a third person before an object is the verb.
            further = self._next(index + 1)
            acts = further is not None and (further.lower in lx.DETERMINERS or further.lower in ("him", "them", "it"))
            return not ("third" in tags and acts)
        return not (tags and tags <= {"past"})

    def _plural(self) -> bool:
        subject = self.subject or ""
        return self.many or is_plural(subject) or subject in ("they", "we", "you", "i", "who", "that", "which")

    def _agrees(self, tags: frozenset[str]) -> bool:
        if self.subject is None:
            return False
        if self.first is not None and not self.verb and "base" in tags and is_plural(self.first):
            return True
        plural = self._plural()
        single = not plural or self.subject in ("who", "that", "which", "sheep", "fish")
        return bool(tags & {"past"}) or (plural and "base" in tags) or (single and "third" in tags)

    def _after_relative(self, index: int, tags: frozenset[str], noun: bool) -> str:
        while index > 1 and self.words[index - 1].tag == "B":
            index -= 1
        word = self.words[index - 1].lower
        if word in ("who", "that", "which", "what", "whoever", "whatever"):
            return "V" if tags - {"ing"} else "G"
        return "N" if noun else "G" if tags <= {"ing", "participle"} else "V"

    def _after_noun(self, index: int, lower: str, tags: frozenset[str], noun: bool, following: str) -> str:
        if tags <= {"ing"}:
            return "N" if lower in lx.NOUNS_IN_ING else "G"
        if self.modal and "base" in tags:
            return "V"
        if tags <= {"participle"} or (tags <= {"participle", "past"} and self.verb):
            return "G"
        ends = following in _CLAUSE or index + 1 == len(self.words)
        if self.verb:
            if not noun:
                return "V"
            acts = following in lx.PREPOSITIONS or ends
            return (
                "V" if self._agrees_with(self.words[index - 1].lower, tags) and acts and self._in_clause(index) else "N"
            )
        if not self._agrees(tags):
            return "N" if noun else "V"
        if not noun:
            return "V"
        if self._later_verb(index):
            return "N"
        if ends:
            # `A power cut` is a thing, `the bell rang` is not.
            if noun and "base" in tags and not self._plural():
                return "N"
            bare = self.words[index - 1].tag == "N" and not self._determined(index - 1) and not self.many
            return "N" if bare else "V"
        return "V"

    def _closes_relative(self, index: int, tags: frozenset[str]) -> bool:
        """Whether the verb before ends a relative clause, as in `a baker who cannot taste wins`."""
        if not tags & {"third", "past"} or tags & {"participle"}:
            return False
        return any(word.tag == "W" and word.lower in ("who", "that") for word in self.words[max(0, index - 5) : index])

    def _agrees_with(self, noun: str, tags: frozenset[str]) -> bool:
        return "base" in tags if is_plural(noun) else "third" in tags

    def _in_clause(self, index: int) -> bool:
        """Whether a subject of its own stands before, as in `the house the river took`."""
        back = index - 1
        while back > 0 and self.words[back].tag in ("N", "A", "E", "X"):
            back -= 1
        return self.words[back].tag == "D" and back > 0 and self.words[back - 1].tag in ("N", "P")

    def _determined(self, index: int) -> bool:
        while index >= 0 and self.words[index].tag in ("N", "A", "X", "S"):
            if self.words[index].tag in ("X", "S"):
                return True
            index -= 1
        return index >= 0 and self.words[index].tag == "D"

    def _later_verb(self, index: int) -> bool:
        """Whether the clause has a word further on that is its verb for certain."""
        before = ""
        for word in self.words[index + 1 : index + 9]:
            lower = word.lower
            if lower in _CLAUSE or lower in lx.CONJUNCTIONS or lower in lx.RELATIVES:
                return False
            # An article that no preposition stands before begins another clause: `a floor the house does not have`.
            if lower in lx.SUBJECTS or lower == "to" or (lower in ("the", "a", "an") and before not in lx.PREPOSITIONS):
                return False
            if lower in lx.FINITE:
                return True
            tags = verbs.forms(lower)
            if tags & {"third", "past"} and not verbs.may_be_noun(lower) and "participle" not in tags:
                return True
            before = lower
        return False

    def _after_and(self, index: int, tags: frozenset[str], noun: bool, following: str) -> str:
        if tags <= {"ing", "participle"}:
            return "A" if self._noun_may_follow(index) else "G"
        if not noun:
            return "V"
        acts = (
            following in lx.DETERMINERS
            or following in lx.PREPOSITIONS
            or following in ("him", "them", "it", "me", "us")
        )
        earlier = any(word.tag in ("V", "M") for word in self.words[max(0, index - 25) : index])
        return "V" if acts and earlier and tags & {"third", "past", "base"} else "N"

    def _first(self, index: int, lower: str, tags: frozenset[str], noun: bool, heads: bool, following: str) -> str:
        if tags <= {"ing", "past", "participle"}:
            if lower in lx.NOUNS_IN_ING:
                return "N"
            return "A" if heads and following not in lx.DETERMINERS else "G"
        orders = following in lx.DETERMINERS or following in ("me", "us", "it", "him", "them", "her", "up", "off")
        if "base" in tags and (orders or not noun):
            alone = index + 1 == len(self.words) and index == 0
            return "N" if alone else "V"
        if self._subject_before(index) and self._agrees(tags):
            return "V"
        return "N"

    def _subject_before(self, index: int) -> bool:
        """Whether a comma closes what stands between a subject and this verb, as in `Mara, a keeper, finds`."""
        while index > 1 and self.words[index - 1].tag == "B":
            index -= 1
        return index > 1 and self.words[index - 1].text in (",", ")", "—", '"') and self.subject is not None

    def _is_name(self, index: int, word: Word) -> bool:
        text = word.text
        if not text[0].isupper() or self.shouted or word.lower in lx.WEEKDAYS or len(text) < 2:
            return False
        begins = index == 0 or self.words[index - 1].text in _OPENERS
        lower = word.lower
        if lower in lx.FEMALE_NAMES or lower in lx.MALE_NAMES:
            after = self._next(index)
            further = self._next(index + 1)
            listed = after is not None and after.text == "," and further is not None and further.text[0].isupper()
            return (
                listed
                or (after is not None and after.text == "(")
                or lower not in _NAMES_THAT_ARE_WORDS
                or (after is not None and after.text[0].isupper())
                or (not begins and not verbs.forms(lower))
            )
        if not begins and lower in common() and self.words[index - 1].lower in ("the", "a", "an"):
            return False
        closed = self._is_closed(lower) or lower in lx.STOP or lower in lx.ADVERBS
        if not begins:
            return not closed and not self._is_title_case()
        if closed or lower in common() or verbs.forms(lower) or lower in lx.ADJECTIVES:
            return False
        return self._acts_like_a_person(index)

    def _is_title_case(self) -> bool:
        """Whether nearly every word has a capital, so that none says anything."""
        words = [word for word in self.words[:30] if len(word.text) > 3 and word.text[0].isalpha()]
        return len(words) >= 3 and sum(word.text[0].isupper() for word in words) > 0.8 * len(words)

    def _acts_like_a_person(self, index: int) -> bool:
        """Whether an unknown first word is followed by what follows a name: a verb, a name, `'s`, `and` a name, or
        who they are."""
        after = self._next(index)
        if after is None:
            return False
        further = self._next(index + 1)
        if after.tag == "S" or after.text == "(":
            return True
        if after.text in (",", "-", "—"):
            return further is not None and (further.lower in lx.DETERMINERS or further.lower in ("who", "whose"))
        if after.lower == "and":
            return further is not None and (further.text[0].isupper() or further.lower in lx.DETERMINERS)
        if after.text[0].isupper() and after.text[0].isalpha():
            return True
        tags = verbs.forms(after.lower)
        return bool(tags & {"third", "past"}) or after.lower in (
            "is",
            "was",
            "has",
            "had",
            "must",
            "will",
            "can",
            "who",
        )


_OPENERS = frozenset('.!?:"“”\n-(;/')
_ADJECTIVAL = ("ful", "less", "ous", "ive", "able", "ible", "ical", "ish", "esque", "ary")
_LY_NOUNS = frozenset(
    [
        "family",
        "butterfly",
        "belly",
        "lily",
        "jelly",
        "bully",
        "fly",
        "rally",
        "ally",
        "assembly",
        "anomaly",
        "reply",
        "supply",
    ]
)
_NAMES_THAT_ARE_WORDS = frozenset(
    [
        "rose",
        "grace",
        "lily",
        "hope",
        "mark",
        "rosa",
        "victor",
        "eve",
        "art",
        "jack",
        "april",
        "may",
        "june",
        "luna",
        "pearl",
    ]
)
_COMMON: set[str] = set()


def common() -> set[str]:
    """Words that stand somewhere with a small letter: in the lists of `lexicon` and in the storyteller's own banks."""
    if not _COMMON:
        from coordinator.llm.storyteller import banks

        for words in (
            lx.PEOPLE,
            lx.PLACES,
            lx.ANIMALS,
            lx.ABSTRACT,
            lx.CHATTER,
            lx.NOT_PEOPLE,
            lx.ADJECTIVES,
            lx.GENRES,
        ):
            _COMMON.update(words)
        _COMMON.update(banks.small_words())
    return _COMMON
