"""What the muse keeps of a talk: facts by key, folded from the messages, told as lines and read back from them.
Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from coordinator.chat.talk import Said
from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller.muse import (
    hearing,
    heroes,
    ideas,
    mending,
    names,
    offers,
    settling,
    slips,
    telling,
    words,
)
from coordinator.llm.storyteller.muse.fact import Fact
from coordinator.llm.storyteller.muse.hearing import Heard
from coordinator.llm.storyteller.muse.sets import words_of

MOST = 2_000
"""Characters of all lines."""


@dataclass(frozen=True, slots=True)
class Key:
    """How a fact stands in a line, how many of its kind there are, the newest kept, and of how many characters each."""

    line: str
    most: int = 1
    longest: int = 140


KEYS = {
    "name": Key("The writer's name is {}.", longest=60),
    "named": Key("Of those who write here, {}.", 6, 160),
    "hero": Key("The hero's name is {}.", longest=60),
    "role": Key("The hero is this: {}.", longest=80),
    "pronoun": Key("The hero is spoken of as {}.", longest=8),
    "premise": Key("The story is about {}.", longest=240),
    "place": Key("It plays here: {}."),
    "foe": Key("Against the hero stands {}."),
    "want": Key("The hero wants {}."),
    "secret": Key("The hero keeps from everybody: {}."),
    "tone": Key("It should feel {}.", longest=80),
    "kind": Key("It is to be told as {}.", longest=40),
    "pages": Key("Its length in pages: {}.", longest=4),
    "ending": Key("It ends so: {}.", longest=240),
    "title": Key("Its title is {}.", longest=80),
    "wanted": Key("The writer wants {}.", longest=40),
    "asked": Key("What was asked last: {}.", longest=20),
    "sort": Key("What was offered last is a matter of {}.", longest=60),
    "proposed": Key("A story was proposed {}.", longest=40),
    "not name": Key("The writer is not called {}.", 3, 60),
    "person": Key("Also in it is {}.", 10, 130),
    "about": Key("Of the writer, {}.", 14, 110),
    "kept": Key("To be remembered: {}.", 12, 200),
    "event": Key("In it this happens: {}.", 8, 240),
    "wish": Key("Asked for: {}.", 8, 80),
    "finished": Key("Told by the service: {}.", 4, 160),
    "offered": Key("Offered last: {}.", 4, 240),
    "told": Key("The writer also said: {}.", 10, 160),
}
"""In the order of how much it would be missed, but for names of which there are many."""
STORY = words_of("hero role premise place foe want secret tone kind pages ending title person event wish")
"""What a proposal is made of."""
AS_IT_STANDS, BEFORE = "as it stands now", "before more was told"
_SIDES = {key: tuple(one.line.split("{}")) for key, one in KEYS.items()}
_REST = 500
"""Characters that are kept of lines which another wrote."""


class Memory:
    """Facts by key. Changed only while it is folded."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, ...]] = {}
        self.rest: tuple[str, ...] = ()
        """Lines of an earlier summary that are not of this one's making."""
        self.changes: tuple[tuple[str, str], ...] = ()
        """Key and value of what the newest message told."""
        self._before: dict[str, tuple[str, ...]] = {}
        self.last_key = ""
        self._short = True
        """Whether the newest message is short enough that an idea is looked for in it: longer ones are passages."""

    def first(self, key: str) -> str:
        return self.known[key][0] if self.known.get(key) else ""

    def all(self, key: str) -> tuple[str, ...]:
        return self.known.get(key, ())

    @property
    def has_story(self) -> bool:
        return any(self.known.get(key) for key in STORY)

    def put(self, key: str, value: str) -> None:
        """Takes a fact up: in the place of the last where there is one of its kind, else beside the others."""
        kind = KEYS[key]
        value = " ".join(value.split())[: kind.longest].strip()
        if not value:
            return
        there = self.all(key)
        if kind.most == 1:
            kept: tuple[str, ...] = (value,)
        else:
            others = [one for one in there if not _same(key, one, value)]
            kept = (*others, value)[-kind.most :]
        if kept == there:
            return
        self._changed(key, kept)
        self.changes = (*self.changes, (key, value))

    def drop(self, key: str, value: str | None = None) -> None:
        kept = tuple(one for one in self.all(key) if value is not None and one != value)
        if kept != self.all(key):
            self._changed(key, kept)

    def _changed(self, key: str, kept: tuple[str, ...]) -> None:
        self.known[key] = kept
        if not kept:
            del self.known[key]
        if key in STORY and self.first("proposed"):
            self.known["proposed"] = (BEFORE,)

    def name_of(self, author: str | None) -> str:
        """What the writer of a message has said to be called; with several writers each their own."""
        if author is None:
            return self.first("name")
        told = next((one for one in self.all("named") if one.startswith(f"{author} is called ")), "")
        return told.removeprefix(f"{author} is called ")

    # The fold

    def hear_all(self, said: tuple[Said, ...]) -> None:
        """Takes up messages, of which each is read as far as there is room for all."""
        most = words.share([len(one.text) for one in said if one.speaker == "user"])
        for one in said:
            self.hear(one, most)

    def hear(self, said: Said, most: int = words.HEAD + words.TAIL) -> tuple[Heard, ...]:
        """Takes up a message, of which `most` characters are read, and answers what it asks."""
        if said.speaker == "assistant":
            return self._hear_self(said)
        self._short = len(said.text) <= MOST
        glimpsed = slips.mended(words.glimpse(said.text, most))
        asked = hearing.heard(glimpsed)
        self.changes = ()
        if asked[0].kind == "service":
            self._hear_service(asked[0])
            return asked
        kinds = {one.kind for one in asked}
        before = dict(self.known)
        if not self._forgotten(asked, said.author):
            self._before = before
            if self._take(glimpsed, asked, said.author):
                asked = tuple(replace(one, kind="", asks=False) if one.kind in _VAGUE else one for one in asked)
        if "service" not in kinds:
            self.drop("asked")
            self._offer_kept(asked)
        return asked

    def _hear_self(self, said: Said) -> tuple[Heard, ...]:
        if told := hearing.service(said.text):
            self._hear_service(Heard("service", told[1], told[0]))
            return ()
        own = offers.read(said.text, self.first("sort"))
        self.drop("asked")
        if own.asked:
            self.known["asked"] = (own.asked,)
        self.known.pop("offered", None)
        for value in own.offered:
            self.put("offered", value)
        for key, value in own.decided:
            for fact in settling.settled(key, value):
                self.take(fact)
        if own.proposed:
            self.known["proposed"] = (AS_IT_STANDS,)
        return ()

    def _hear_service(self, told: Heard) -> None:
        self.put("finished", f"{words.bare(told.sentence, 100)} ({told.about})")

    def _forgotten(self, asked: tuple[Heard, ...], author: str | None) -> bool:
        kinds = [one.kind for one in asked]
        if "forget-all" in kinds:
            one = next(one for one in asked if one.kind == "forget-all")
            whole = "everything" in one.sentence.lower() or "all" in one.sentence.lower().split()
            name, named = self.all("name"), self.all("named")
            self.known = {} if whole else {key: value for key, value in self.known.items() if key not in _OF_TALE}
            if not whole:
                self.known |= {key: value for key, value in (("name", name), ("named", named)) if value}
            self.rest = ()
            return True
        if "forget-name" in kinds:
            self._unname(author)
            return True
        told = next((one for one in asked if one.kind == "forget"), None)
        if told is None:
            return False
        if told.about:
            self._forget(told.about, author)
        else:
            self.known, self._before = dict(self._before), dict(self._before)
        return True

    def _unname(self, author: str | None) -> None:
        if author is None:
            self.drop("name")
        else:
            self.drop("named", next((one for one in self.all("named") if one.startswith(f"{author} is called ")), ""))

    def _forget(self, about: str, author: str | None) -> None:
        bare = re.sub(r"^(?:the |my |her |his |about |that )+", "", about.lower())
        for word, key in _WORDS.items():
            if bare in (word, f"{word}'s name", f"{word} name"):
                self.drop(key)
                return
        if bare == "name":
            self._unname(author)
            return
        for key, values in list(self.known.items()):
            for value in values:
                if re.search(rf"\b{re.escape(bare)}\b", value.lower()):
                    self.drop(key, value)

    def _take(self, glimpsed: str, asked: tuple[Heard, ...], author: str | None) -> bool:
        """Takes up what a message tells. Whether it is an idea that was put as a question: `how about a baker …?`"""
        hero = self.first("hero")
        if hero and hero.lower() in glimpsed:
            glimpsed = re.sub(rf"(?<!\w){re.escape(hero.lower())}(?!\w)", lambda _: hero, glimpsed)
        if self._put_right(glimpsed, author):
            return True
        idea = self._idea(glimpsed, asked)
        found = self._found(glimpsed, idea)
        question = self.first("asked")
        if found:
            for fact in found:
                self.take(
                    replace(fact, value=f"{fact.value}{_kin(glimpsed)}") if fact.key == "called" else fact, author
                )
        elif (mended := _correction(glimpsed)) and self._mend(mended, author):
            return False
        else:
            self._taken_up(glimpsed, asked, idea.loose)
        for fact in self._fresh(idea.loose) if found and question not in ("who", "foe") else ():
            if fact.key != "premise" or (idea.firm and not self.first("premise")):
                self.take(fact)
        if found or idea.loose:
            for part in idea.rest if self.changes else ():
                if _PHRASE.match(part) and len(part.split()) < 4 and not self.first("premise"):
                    self.put("premise", words.bare(part))
                else:
                    self._narrated(part)
        self._by_pronouns(glimpsed)
        told = [key for key, _ in self.changes if key not in ("pronoun", "event", "told")] or [
            key for key, _ in self.changes if key != "pronoun"
        ]
        if told:
            self.last_key = told[-1]
        return idea.begun and bool(told)

    def _idea(self, glimpsed: str, asked: tuple[Heard, ...]) -> ideas.Idea:
        """The idea in a message, where it is not an order or a question about something else."""
        if not self._short or any(one.kind not in _OPEN for one in asked):
            return ideas.Idea()
        known = ideas.Known(
            bool(self.first("hero") or self.first("role")),
            bool(self.first("place")),
            bool(self.first("foe")),
            bool(self.first("role")),
            bool(self.first("premise")),
        )
        idea = ideas.read(glimpsed, known)
        if any(one.kind in _VAGUE for one in asked) and not any(fact.key in ("role", "place") for fact in idea.firm):
            return ideas.Idea()
        return idea

    def _found(self, glimpsed: str, idea: ideas.Idea) -> tuple[Fact, ...]:
        """What a message tells by patterns, and what its idea tells besides."""
        found = telling.facts(glimpsed)
        question = self.first("asked")
        if (
            question in ("who", "foe")
            and found
            and not settling.is_clause(glimpsed)
            and all(fact.key in ("person", "role", "hero") for fact in found)
        ):
            found = settling.settled(question, glimpsed) or found
        if (self.first("hero") or self.first("role")) and question != "who" and settling.is_foe(glimpsed):
            others = f"{self.first('foe')}, and " if self.first("foe") and question != "foe" else ""
            found = (Fact("foe", f"{others}{words.lowered(words.bare(glimpsed))}"),)
        if question == "who" and [fact.key for fact in found] == ["called"]:
            found = (
                *(fact for fact in settling.settled("who", words.sentences(glimpsed)[0]) if fact.key == "role"),
                *found,
            )
        firm = self._fresh(idea.firm)
        heroes_of = {fact.value for fact in firm if fact.key == "hero"}
        if heroes_of or (idea.begun and firm):
            # Who is told of first is whom it is about, and nobody that is met on the way.
            found = tuple(
                fact
                for fact in found
                if not (fact.key == "person" and (fact.value.split(": ")[0] in heroes_of or not self.has_story))
                and fact.key != "wanted"
            )
        named = {fact.key for fact in firm}
        if any(fact.key == "tone" for fact in found):
            firm = tuple(fact for fact in firm if fact.key != "tone")
        if "foe" in named:  # Who stands against the hero has wishes of their own.
            found = tuple(fact for fact in found if fact.key != "want")
        better = named & {"role", "hero", "place", "foe", "premise", "want"}
        kept = [fact for fact in found if fact.key not in better or fact.key == "premise"]
        if any(fact.key == "ending" for fact in firm):
            kept = [fact for fact in kept if fact.key != "wish" or "ending" not in fact.value]
        if idea.begun and firm:
            kept = [fact for fact in kept if fact.key != "premise"]
        elif any(fact.key == "premise" for fact in kept):
            firm = tuple(fact for fact in firm if fact.key != "premise")
        return (*kept, *firm)

    def _fresh(self, told: tuple[Fact, ...]) -> tuple[Fact, ...]:
        """Of an idea what does not take the place of something that was settled before."""
        found = []
        for fact in told:
            there = self.first(fact.key) if fact.key in KEYS else ""
            who = self.first("hero") or self.first("role")
            if (fact.key == "hero" and who) or (fact.key == "role" and there):
                continue
            if fact.key == "foe" and there and self.first("asked") != "foe":
                joined = f"{there}, and {fact.value}"
                if settling.is_clause(there) or len(joined) > KEYS["foe"].longest:
                    found.append(Fact("event", re.sub(r", (?:who|which) ", " ", fact.value)))
                else:
                    found.append(Fact("foe", joined))
            elif fact.key == "premise" and there:
                found.append(Fact("event", fact.value))
            else:
                found.append(fact)
        return tuple(found)

    def _put_right(self, glimpsed: str, author: str | None) -> bool:
        """Corrections in so many words: `not Chicago, Boston`, `make him a woman`, `change his name to Otto`."""
        told = mending.of(glimpsed, bool(self.first("hero") or self.first("role")))
        if told is None:
            return False
        if told.she is not None:
            self._turned(told.she)
        if told.role:
            self.take(Fact("role", told.role), author)
        if told.name:
            self.take(Fact("hero", told.name), author)
        if told.place:
            if not self.first("place"):
                return False
            self.take(Fact("place", told.place), author)
        if told.old:
            return self._replaced(told.old, told.new)
        return True

    def _turned(self, she: bool) -> None:
        """The hero is a woman from now on, or a man, in all that was told as well."""
        self._changed("pronoun", ("she" if she else "he",))
        if self.first("proposed"):
            self.known["proposed"] = (BEFORE,)
        for key in ("premise", "foe", "want", "secret", "ending", "event", "person"):
            if self.all(key):
                self.known[key] = tuple(mending.turned(value, she)[: KEYS[key].longest] for value in self.all(key))
        self.changes = (*self.changes, ("made", "a woman" if she else "a man"))

    def _replaced(self, old: str, new: str) -> bool:
        """Other words in the place of some that were told; whether there were such."""
        word = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)", re.IGNORECASE)
        if self.first("hero") and word.fullmatch(self.first("hero")):
            name = names.name_in(new)
            if name:
                self._rename(name)
            return bool(name)
        gone = False
        for key in ("place", "role", "foe", "want", "title", "tone", "ending", "secret", "premise", "event", "person"):
            if any(word.search(value) for value in self.all(key)):
                kept = tuple(word.sub(lambda _: new, value)[: KEYS[key].longest] for value in self.all(key))
                self._changed(key, kept)
                self.changes = (*self.changes, (key, kept[-1]))
                gone = True
        return gone

    def _by_pronouns(self, glimpsed: str) -> None:
        """Whether the hero is a she or a he, where a message speaks of them and of nobody else."""
        if self.first("pronoun") or not (self.first("hero") or self.first("role")):
            return
        if self.all("person") and not _OF_HERO.search(glimpsed.lower()):
            return
        said = set(re.findall(r"\b(she|her|hers|he|his|him)\b", glimpsed.lower()))
        she, he = bool(said & {"she", "her", "hers"}), bool(said & {"he", "his", "him"})
        if she != he:
            self.known["pronoun"] = ("she" if she else "he",)

    def take(self, fact: Fact, author: str | None = None) -> None:
        """Takes a fact up, as what was told by `author`."""
        if fact.key == "name":
            self._name(fact.value, author)
        elif fact.key == "not name":
            if self.name_of(author).lower() == fact.value.lower():
                self._unname(author)
            self.put("not name", fact.value)
        elif fact.key == "called":
            pronoun, told = fact.value.split(" ", 1)
            name, _, what = told.partition(": ")
            self._call(pronoun, name, what)
        elif fact.key == "hero":
            self._rename(fact.value)
            self._sexed(fact.value)
        elif (
            fact.key == "tone"
            and self.first("tone")
            and re.fullmatch(r"(?:(?:much |a bit |a little )?[a-z]{2,12}er(?: and |, )?){1,3}", fact.value)
        ):
            if fact.value not in self.first("tone"):
                self.put("tone", f"{self.first('tone')}, but {fact.value}")
        else:
            self.put(fact.key, fact.value)
            if fact.key == "role" and (she := figures.sex(fact.value)) is not None:
                self.put("pronoun", "she" if she else "he")

    def _name(self, name: str, author: str | None) -> None:
        self.drop("not name", next((one for one in self.all("not name") if one.lower() == name.lower()), ""))
        if author is None:
            self.put("name", name)
        else:
            self._unname(author)
            self.put("named", f"{author[:80]} is called {name}")

    def _sexed(self, name: str) -> None:
        she = figures.sex_of_name(name)
        if she is not None:
            self.put("pronoun", "she" if she else "he")

    def _call(self, pronoun: str, name: str, what: str) -> None:
        """`her name is Mara`: the hero's, or that of the newest person where it can't be the hero's."""
        hers = self.first("pronoun") or figures.sex(self.first("role"))
        other = hers not in ("", None, pronoun) and hers is not (pronoun == "she")
        if (self.first("hero") and (other or what)) or (self.first("role") and what):
            self.put("person", f"{name}: {what or 'somebody'}")
            return
        self._rename(name)
        self.put("pronoun", pronoun)

    def _rename(self, name: str) -> None:
        """The hero's name, in all that was told as well."""
        old = self.first("hero")
        self.put("hero", name)
        if not old or old == self.first("hero"):
            return
        word = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)")
        for key in ("premise", "place", "foe", "want", "secret", "ending", "event", "person", "told"):
            if any(word.search(value) for value in self.all(key)):
                self.known[key] = tuple(word.sub(lambda _: name, value)[: KEYS[key].longest] for value in self.all(key))

    def _mend(self, value: str, author: str | None) -> bool:
        """A correction of what was told last."""
        key = self.last_key
        if key in ("name", "named", "hero"):
            name = names.name_in(value)
            if not name:
                return False
            self.take(Fact("name" if key == "named" else key, name), author)
            return True
        if key in ("place", "foe", "want", "tone", "ending", "title", "role", "secret"):
            self.put(key, words.bare(value))
            return True
        return False

    def _taken_up(self, glimpsed: str, asked: tuple[Heard, ...], loose: tuple[Fact, ...] = ()) -> None:
        """What is told by no pattern: a choice among what was offered, an answer to what was asked, or what happens."""
        kinds = [one.kind for one in asked]
        offered, sort, question = self.all("offered"), self.first("sort"), self.first("asked")
        chosen = offers.chosen(glimpsed, asked[-1], offered)
        if chosen:
            self._choose(chosen, sort, question)
            return
        if kinds != [""] * len(kinds) or any(one.asks for one in asked):
            return
        told = {fact.key for fact in loose}
        someone = "role" in told and question in ("where", "foe") and not (self.first("hero") or self.first("role"))
        somewhere = question == "who" and told == {"place"}
        if loose and (someone or somewhere or question not in _ASKED_OF):
            for fact in self._fresh(loose):
                self.take(fact)
            return
        question = question or ("" if self.has_story else "start")
        if question and (answer := settling.settled(question, glimpsed)):
            for fact in (*answer, *(one for one in self._fresh(loose) if question == "who" and one.key != "premise")):
                self.take(fact)
            return
        if loose and (fresh := self._fresh(loose)):
            for fact in fresh:
                self.take(fact)
            return
        if question in ("tone", "pages") and (named := settling.settled("start", glimpsed)):
            for fact in named:
                if fact.key == "place" and not self.first("place"):
                    self.take(fact)
                    return
        self._narrated(glimpsed)

    def _choose(self, chosen: str, sort: str, question: str) -> None:
        sort, _, thing = sort.partition(" of ")
        if thing or (sort == "name" and self.first("hero")):
            self.put("person", f"{chosen}: {thing or 'somebody new'}")
        elif sort == "person" and (told := _SOMEBODY.search(chosen)):
            if self.first("hero"):
                self.put("person", f"{told[1]}: {told[2]}")
            else:
                self._rename(told[1])
                self.put("role", re.sub(r"^(?:an?|the) ", "", told[2]))
        elif sort in ("name", "person") or (not sort and question in ("who", "called")):
            for fact in heroes.who(chosen):
                self.take(fact)
        elif sort == "title":
            self.put("title", chosen)
        elif sort in ("villain", "setting", "ending"):
            self.put(
                {"villain": "foe", "setting": "place", "ending": "ending"}[sort], words.lowered(words.bare(chosen))
            )
        elif sort or not question:
            self.put("event", words.bare(chosen, 240))
        else:
            for fact in settling.settled(question, chosen.split(", ")[0] if question == "where" else chosen):
                self.take(fact)

    def _narrated(self, glimpsed: str) -> None:
        """Sentences that only tell: the first is what the story is about, the others what happens in it. What goes on
        with the last that was told, as `because of their father` does, is put to it."""
        key = self.last_key if self.last_key in ("event", "want") else "premise"
        if self.last_key and self.all(key) and _GOES_ON.match(glimpsed.strip()):
            last = self.all(key)[-1]
            whole = f"{last} {words.bare(glimpsed, 120)}"
            if len(whole) <= KEYS[key].longest:
                self.drop(key, last)
                self.put(key, whole)
                return
        for sentence in words.sentences(glimpsed)[:4]:
            count = len(sentence.split())
            if not 3 <= count <= 45 or _OF_TALK.match(sentence.lower()):
                if count >= 3 or _PHRASE.match(sentence):
                    self.put("told", words.bare(sentence, 160))
                continue
            begun = self.first("hero") or self.first("role") or self.first("place")
            if not self.first("premise") and _acts(sentence) and count >= 5 and not begun:
                said = telling.is_said(sentence)
                for fact in heroes.premise(sentence)[: 1 if said else None]:
                    if fact.key == "premise" or not self.first(fact.key):
                        self.take(fact)
            else:
                tells = _acts(sentence) or (self.has_story and count >= 4 and settling.is_clause(sentence))
                self.put("event" if tells else "told", words.bare(sentence, 160))

    def _offer_kept(self, asked: tuple[Heard, ...]) -> None:
        """What kind of thing is going to be offered, so that what is chosen of it is known for what it is."""
        kind = asked[-1].kind
        if kind in offers.SORTS:
            self.known["sort"] = (
                f"name of {thing}" if kind == "name" and (thing := offers.thing_named(asked[-1])) else kind,
            )
        elif kind == "more" and not self.first("sort"):
            self.known["sort"] = ("idea",)
        elif kind not in ("more", "refuse", "accept", "pick", "dunno"):
            self.known.pop("sort", None)

    # As lines

    def lines(self) -> str:
        """All of it as lines of at most MOST characters, what would be missed most first."""
        found: list[str] = []
        room = MOST
        for line in [*self._as_lines(), *self.rest]:
            if len(line) + 1 <= room:
                found.append(line)
                room -= len(line) + 1
        return "\n".join(found)

    def _as_lines(self) -> list[str]:
        few = [
            KEYS[key].line.replace("{}", self.first(key))
            for key, kind in KEYS.items()
            if kind.most == 1 and self.first(key)
        ]
        many = {
            key: [KEYS[key].line.replace("{}", one) for one in reversed(self.all(key))]
            for key, kind in KEYS.items()
            if kind.most > 1
        }
        found = few
        for rank in range(max(kind.most for kind in KEYS.values())):
            found = [*found, *(those[rank] for those in many.values() if rank < len(those))]
        return found

    @staticmethod
    def read(earlier: str) -> Memory:
        """The memory of which `earlier` is the lines. Lines of another's making are kept as they are, and heard too."""
        memory = Memory()
        many: list[tuple[str, str]] = []
        room = _REST
        for raw in earlier[: 4 * MOST].splitlines():
            line = " ".join(raw.split())
            told = _of_line(line)
            if told is not None:
                many.append(told)
            elif line and len(line) <= room:
                memory.rest = (*memory.rest, line)
                room -= len(line)
                if name := _BY_ANOTHER.search(line):
                    memory.put("name", names.name_in(name[1]))
        for key, value in reversed(many):
            memory.put(key, value)
        for key, value in many:
            if key == "proposed" or (key == "asked" and value in offers.QUESTIONS):
                memory.known[key] = (value,)
        if memory.first("asked") not in offers.QUESTIONS:
            memory.known.pop("asked", None)
        if memory.first("sort").partition(" of ")[0] not in offers.SORTS:
            memory.known.pop("sort", None)
        memory.changes = ()
        return memory


_ASKED_OF = words_of("who where foe want ending secret called")
_OPEN = words_of("ask judge hello how-are-you praise accept surprise-me idea help thanks mood") | {""}
"""What else a message may ask that tells an idea."""
_VAGUE = words_of("ask judge")
"""What an idea sounds like that is put as a question."""
_OF_TALE = STORY | {"wanted", "asked", "sort", "proposed", "kept", "told", "offered"}
_WORDS = {
    "hero": "hero",
    "heroine": "hero",
    "place": "place",
    "setting": "place",
    "villain": "foe",
    "antagonist": "foe",
    "enemy": "foe",
    "foe": "foe",
    "tone": "tone",
    "mood": "tone",
    "length": "pages",
    "pages": "pages",
    "ending": "ending",
    "title": "title",
    "premise": "premise",
    "plot": "premise",
    "genre": "kind",
    "goal": "want",
    "wish": "want",
    "secret": "secret",
}
_BY_ANOTHER = re.compile(r"\b(?:writer|user)(?:'s name is|,| is called| is named| named) ([A-Z].{1,60})")
_PHRASE = re.compile(r"(?:an?|the|her|his|their|my|two|three|some) \w{3,}", re.IGNORECASE)
_IS_DOING = re.compile(r"(?:she|he|they)(?:'s|'re| is| are) [a-z]{2,14}ing\b", re.IGNORECASE)


def _acts(sentence: str) -> bool:
    """Whether somebody does something in a sentence."""
    return settling.acts(sentence) or _IS_DOING.match(sentence) is not None


_GOES_ON = re.compile(
    r"(?:because|so that|until|unless|since|although|even though|every|each)\b[^.!?\n]{3,100}[.!]?$", re.IGNORECASE
)
_OF_TALK = re.compile(
    r"(?:i|my|you|we|your|i'm|you're|we're|i'd|i'll|i've|please|thank|let|let's|that's|this is|it's|these|those|ok|"
    r"maybe|can|could|would|will you|do you|are you|help)\b"
)
_SOMEBODY = re.compile(
    r"\b([A-Z][\w'-]{1,20})(?:, too)?(?:,| was) ((?:an?|the|her|his|their|my|[A-Z]\w{1,20}'s) [^,.;:]{3,60})"
)
_OF_HERO = re.compile(r"^(?:she|he|her|his)\b|\b(?:against|wants?) (?:her|him)\b")
_KIN = re.compile(
    r"\b(?:has|have|is|with|meets?|and|loves|finds|gets) ((?:an?|her|his|their) [a-z'-]{2,16}(?: "
    r"[a-z'-]{2,16})?)[.,;!]? {1,2}(?:and )?(?:her|his|their) name\b",
    re.IGNORECASE,
)


def _kin(glimpsed: str) -> str:
    """Who it is that the pronoun of `her name is …` stands for, where the sentence before says it."""
    told = _KIN.search(" ".join(glimpsed.split()))
    return f": {told[1].lower()}" if told else ""


_CORRECTED = re.compile(
    r"^(?:(?:no|nope|nah|actually|sorry|wait|oops|rather|correction|i meant?|not [\w'-]{1,30}|that's wrong)[,.;:! "
    r"–—-]{1,3}){1,3}"
    r"(?:i meant? |it's |it is |it should be |make (?:it|that) |make that |but |rather |better )?(.{1,80})$"
    r"|^i mean(?:t)? (.{1,80})$",
    re.IGNORECASE,
)


def _correction(glimpsed: str) -> str:
    """What is said in the place of what was told last: `no, Mira`, `I meant Mira`, `not Mara, but Mira`."""
    line = " ".join(glimpsed.split())
    told = _CORRECTED.match(line.strip(" .!")) if len(line) <= 120 and "?" not in line else None
    value = (told[1] or told[2] or "").strip() if told else ""
    return (
        ""
        if re.match(
            r"(?:thanks|thank you|not|no|i|you|that|this|it|please|let's|don't|never|stop|what|why|how|nothing)\b",
            value.lower(),
        )
        else value
    )


def _of_line(line: str) -> tuple[str, str] | None:
    for key, (before, after) in _SIDES.items():
        if line.startswith(before) and line.endswith(after) and len(line) > len(before) + len(after):
            return key, line[len(before) : len(line) - len(after)]
    return None


def _same(key: str, one: str, other: str) -> bool:
    """Whether of two values of a kind one takes the other's place: those of one person, of one thing about the
    writer."""
    if one.lower() == other.lower():
        return True
    if key not in ("person", "about") or ": " not in one or ": " not in other:
        return False
    head = one.split(": ")[0].lower()
    return head == other.split(": ")[0].lower() and head not in ("likes", "dislikes", "has", "trade")
