"""Telling a planned story: every beat of an outline becomes a scene of about its budget of words."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from coordinator.llm.storyteller import banks, lexicon, report, seedwork
from coordinator.llm.storyteller.plot import Tale
from coordinator.llm.storyteller.scenes import Scene
from coordinator.llm.storyteller.weaver import Deck, Unit, Weaver, length_of, slots_of
from coordinator.story.material import Beat

_FILLERS = {
    "open": ("sense", "look", "voice", "craft", "past", "act"),
    "disturbance": ("mind", "sense", "act", "look", "voice"),
    "record": ("hunt", "mind", "past", "voice", "sense", "look"),
    "turn": ("sense", "mind", "voice", "past", "act"),
    "dark": ("voice", "sense", "past", "act", "mind", "wait"),
    "climax": ("sense", "look", "mind", "voice"),
    "found": ("hunt", "look", "sense", "voice", "mind", "act"),
    "ask": ("with", "talk", "voice", "sense", "mind", "look"),
    "told": ("with", "sense", "mind", "voice", "act"),
    "after": ("craft", "sense", "voice", "mind", "past"),
    "hunt": ("look", "hunt", "sense", "voice", "act", "mind"),
    "road": ("sense", "voice", "road", "mind", "look"),
    "past": ("sense", "past", "act", "voice", "look"),
    "craft": ("sense", "craft", "voice", "look", "mind"),
    "snag": ("look", "mind", "sense", "voice", "act"),
    "wait": ("sense", "wait", "voice", "mind", "look"),
    "choose": ("mind", "sense", "act", "voice", "past"),
}
_FEW = 5
"""In a story of so few beats a spine is told in its shortest form."""
_LEFT_OUT = 0.4
"""How often a spine's last line of a rung is not told."""
_LEAST = 10
"""Words of room below which nothing more is put into a scene."""
_LONG = ("list", "entry", "small", "stray")
"""Banks that do not run dry; a long story draws on them from the start, a short one hardly ever."""
_MONTHS = {
    "fairy-tale": [
        "the Goose Moon",
        "the Moon of Mud",
        "Hunger Moon",
        "the Apple Moon",
        "the Moon of Long Shadows",
        "Bell Month",
    ],
    "science-fiction": [f"cycle {number}" for number in range(211, 260, 4)],
    "": list(report.MONTHS),
}
_APART = frozenset({"exit", "image", "close", "scene", "met"})
"""Banks whose units begin a paragraph."""
_TALK = ("ask", "warn", "deal", "jest", "spar", "plan", "own")


_NUMBERS = [
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "thirteen",
    "fifteen",
    "sixteen",
    "eighteen",
    "twenty",
]


def _ordinal(number: int) -> str:
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


@dataclass(frozen=True)
class Told:
    """A whole story."""

    texts: tuple[str, ...]
    """By beat."""
    asides: tuple[str, ...]
    """Passages that the story could do without."""


@lru_cache(maxsize=32)
def tell(tale: Tale, beats: tuple[str, ...]) -> Told:
    """The story along `beats`, each given as JSON."""
    read = [Beat.model_validate_json(beat) for beat in beats]
    telling = report.Reporting(tale, read) if tale.genre.name == "scp" else _Telling(tale, read)
    texts = telling.all()
    return Told(texts, tuple(telling.asides))


class _Telling:
    def __init__(self, tale: Tale, beats: list[Beat]) -> None:
        self.tale = tale
        self.beats = beats
        self.rng = tale.rng("prose")
        self.weaver = Weaver(self.rng, sum(beat.words for beat in beats))
        self.shared = banks.shared()
        self.met: set[str] = set()
        self.asides: list[str] = []
        self.own = {beat.title: beat for beat in tale.outline.beats}
        words = tale.genre.words
        self.objects = Deck(self.rng, words["objects"])
        self.conditions = Deck(self.rng, words["conditions"])
        self.minors = Deck(self.rng, words["minor"])
        self.details: dict[str, Deck] = {}
        self.cycle = 0
        self.debt = 0
        self.dates = Deck(self.rng, _MONTHS.get(tale.genre.name, _MONTHS[""]))
        self.others = Deck(self.rng, [place.name for place in tale.genre.places])
        self.long = sum(beat.words for beat in beats) > 5_000
        self.waiting = [thing for thing in tale.seed.things if thing != tale.thing]
        self.places = list(tale.seed.places)

    def all(self) -> tuple[str, ...]:
        return tuple(self._beat(index, beat) for index, beat in enumerate(self.beats))

    def _beat(self, index: int, beat: Beat) -> str:
        scene = self.tale.scenes.get(beat.title) or self._guess(index, beat)
        extras = self._edits(beat)
        target = max(40, beat.words + self.debt)
        units = self._scene(index, scene, target, extras)
        lead = self.tale.cast.protagonist
        name = lead.short if not self.tale.genre.first_person else "I"
        text = _paragraphs(units, self.rng, name, "I" if name == "I" else lead.he.capitalize())
        self.debt = max(-25, min(25, self.debt + beat.words - len(text.split())))
        return text

    def _guess(self, index: int, beat: Beat) -> Scene:
        """A scene for a beat that somebody else wrote."""
        place = next(
            (p for p in (*self.tale.genre.places, self.tale.home, self.tale.far) if p.name == beat.place), None
        )
        if place is None and beat.place.strip():
            name = beat.place.strip().rstrip(".")
            name = name if name[:1].isupper() or name.startswith(("the ", "a ", "my ")) else f"the {name}"
            place = banks.Place(name, "at", self.tale.genre.places[index % len(self.tale.genre.places)].details)
        others = self.tale.cast.others
        partner = next((key for key, m in others.items() if m.short in beat.people and key != "E"), "")
        last = index == len(self.beats) - 1
        shape = "hunt" if not partner else "ask"
        shapes = ("open", "disturbance") if index == 0 else ("climax", "ending", "close") if last else (shape,)
        times = ("later that day", "that day")
        return Scene(shapes, place or self.tale.genre.places[index % len(self.tale.genre.places)], partner, None, times)

    def _edits(self, beat: Beat) -> list[seedwork.Thing]:
        """Things that a person's edit has put into the beat."""
        own = self.own.get(beat.title)
        if own is not None and own.summary == beat.summary:
            return []
        known = " ".join(b.summary for b in self.own.values()).lower()
        found = seedwork.phrases(f"{beat.title}. {beat.summary}")
        names = {m.short.lower() for m in (self.tale.cast.protagonist, *self.tale.cast.others.values())}
        return [t for t in found if t.phrase.lower() not in known and t.phrase.lower() not in names][:3]

    def _scene(self, index: int, scene: Scene, target: int, extras: list[seedwork.Thing]) -> list[tuple[str, Unit]]:
        slots = self._slots(scene)
        units: list[tuple[str, Unit]] = []
        needs = self._needs(index, scene, extras)
        owed = sum(self._expected(need) for need in needs if need[2])
        for need in needs:
            bank, line, needed = need
            size = self._expected(need)
            told = sum(unit.words for _, unit in units)
            if not needed and (told + owed + size > target * 1.02 or "W" in self._strangers(bank, line, slots)):
                continue
            owed -= size if needed else 0
            for key in self._strangers(bank, line, slots):
                met = self._meet(key, slots)
                if met:
                    units.append(("met", met))
            inner = scene.time[1] or "that day"
            local = slots if bank in ("move", "back") else slots | {"time": inner, "when": inner}
            unit = (
                self.weaver.fill(line, local, steady=True) or self.weaver.fill(line, local, force=needed, steady=True)
                if line
                else self._draw(bank, local, 70, paired=True)
            )
            if unit:
                units.append((bank, unit))
                if bank == "exit" or (bank == "rung" and not needed):
                    self.asides += [unit.text, unit.named]
        return self._fill_up(scene, slots, units, target)

    def _expected(self, need: tuple[str, str, bool]) -> int:
        return length_of(need[1]) if need[1] else {"move": 26, "back": 16, "exit": 18}.get(need[0], 48)

    def _needs(self, index: int, scene: Scene, extras: list[seedwork.Thing]) -> list[tuple[str, str, bool]]:
        """Bank, line and whether it must be told, in order; an empty line is drawn from the bank."""
        tale, found = self.tale, list[tuple[str, str, bool]]()
        brief = len(self.beats) <= _FEW
        if "open" in scene.shapes or index == 0:
            found += self._opening()
        elif not set(scene.shapes) & {"disturbance", "after", "climax"} and self.rng.random() < 0.85:
            found.append(("back" if scene.place == self.tale.home else "move", "", False))
        for thing in extras:
            found.append(("weave", self._weave(thing), True))
        for shape in scene.shapes:
            if shape in tale.ladder.rungs:
                lines = tale.ladder.rungs[shape].lines
                if shape in tale.ladder.short and (brief or self._quieter(tale.ladder.short[shape], lines[0])):
                    turns = (tale.image.turn,) if shape == "turn" else ()
                    found += [("scene", tale.ladder.short[shape], True), *(("rung", line, False) for line in turns)]
                    continue
                for number, line in enumerate(lines):
                    if number and '"' in line and tale.seed.wants("no-dialogue", "less-dialogue"):
                        continue
                    turned = line == "{open_turn}"
                    if number > 1 and not turned and self.rng.random() < _LEFT_OUT:
                        continue  # what a telling leaves out makes room for what no other telling has
                    first = number == 0 and not (brief and shape == "ending")
                    found.append(
                        (
                            "scene" if number == 0 else "rung",
                            tale.image.turn if turned else line,
                            first or (turned and not brief),
                        )
                    )
            elif shape in ("found", "told", "after") and scene.secret:
                found.append(("secret", getattr(scene.secret, shape), True))
            elif shape in _TALK:
                found.append((shape, "", True))
            elif shape == "close":
                found.append(("close", tale.image.close, True))
            elif shape != "open":
                found.append((shape, "", True))
        if brief and len(self.waiting) > 1:
            named = seedwork.series(tuple(self.waiting))
            self.waiting = []
            found.insert(len(found) - 1, ("weave", f"There came into it also, in one way or another, {named}.", True))
        due = -(-len(self.waiting) // max(1, len(self.beats) - index))
        for number in range(due):
            last = next((at for at, need in enumerate(found) if need[1] == tale.image.close), len(found))
            at = (len(found) - 1 if not index else min(1 + number, last)) if found else 0
            found.insert(at, ("weave", self._weave(self.waiting.pop(0)), True))
        if not set(scene.shapes) & {"close", "open", "climax"}:
            found.append(("exit", "", False))
        return found

    def _quieter(self, short: str, line: str) -> bool:
        """Whether the shortest telling of a rung is to be taken for having less talk in it."""
        return self.tale.seed.wants("no-dialogue", "less-dialogue") and spoken(short) < spoken(line)

    def _opening(self) -> list[tuple[str, str, bool]]:
        tale, seed, units = self.tale, self.tale.seed, self.tale.genre.units
        lead = tale.cast.protagonist
        frames = (
            "frame_clause" if seed.clause else "frame_matter" if seed.matter else "frame_saying" if seed.saying else ""
        )
        common = lead.name.lower().startswith(("the ", "a ", "an "))
        if tale.cast.group:
            intro = (
                "They were called {group} by everyone, as though they were one person, "
                "and {P} was the one who was sent for."
            )
        elif common and not tale.genre.first_person:
            intro = (
                "Everyone called {him} {Pfull}. There was another name, and it was on some papers, and nobody used it."
            )
        else:
            intro = self._one("intro" if lead.role and lead.role not in lead.name.lower() else "intro_plain", units)
        if seed.wants("first") and tale.genre.name != "noir":
            intro = self._one(
                "cast-first" if lead.role and lead.role not in lead.name.lower() else "cast-first_plain", self.shared
            )
        gone = {"fairy-tale": "cast-gone_tale"}.get(tale.genre.name, "cast-gone")
        gone = "cast-dead" if seed.dead else gone
        if lead.role and lead.role.split()[-1] in lexicon.NOT_TRADES and tale.genre.name != "fairy-tale":
            intro = self._one("cast-someone_first" if tale.genre.first_person else "cast-someone", self.shared)
        found = [("intro", intro, True), ("gone", self._gone(gone), True), ("image", tale.image.open, True)]
        self.met.add("E")
        if tale.tone and len(self.beats) <= 2:
            found.append((f"tone-{tale.tone}", "", False))
        elif frames:
            found.append(("frame", self._one(frames, units), len(self.beats) > 2))
        return found

    def _one(self, bank: str, source: dict[str, tuple[str, ...]]) -> str:
        return self.rng.choice(source[bank])

    def _gone(self, bank: str) -> str:
        """A line on who is gone; one of the shorter ones where there is little room."""
        lines = sorted(self.shared[bank], key=length_of)
        return self.rng.choice(lines[:2] if len(self.beats) <= 2 else lines)

    def _weave(self, thing: seedwork.Thing) -> str:
        named = thing.phrase[0].isupper()
        lines = self.shared[f"weave-{thing.kind}"]
        short = len(self.beats) <= 2
        line = min(lines, key=lambda text: (self.weaver.counts[text], len(text) if short else 0, self.rng.random()))
        self.weaver.counts[line] += 1
        the = thing.phrase if named else f"the {thing.phrase}"
        it = "them" if thing.plural else "it"
        a = thing.phrase if named else seedwork.article(thing.phrase)
        return (
            line.replace("{wishit}", it)
            .replace("{wish}", the)
            .replace("{awish}", a)
            .replace("{name}", f"*{thing.phrase}*")
        )

    def _slots(self, scene: Scene) -> dict[str, str | Callable[[], str]]:
        tale = self.tale
        slots: dict[str, str | Callable[[], str]] = dict(tale.slots)
        for key in tale.cast.others:
            if key.startswith("Y"):
                for name in tale.cast.others[key].slots(key):
                    slots.pop(name, None)
        deck = self.details.setdefault(scene.place.name, Deck(self.rng, scene.place.details))
        topic = f"the {scene.secret.object.split(' ', 1)[1]}" if scene.secret else str(slots["T"])
        slots |= {
            "place": scene.place.name,
            "inplace": scene.place.within,
            "time": scene.time[0] or "later that day",
            "when": scene.time[1] or "that day",
            "topic": topic,
            "detail": deck.draw,
            "infar": tale.far.within,
            "minor": self.minors.draw,
            "date": lambda: f"the {_ordinal(self.rng.randrange(1, 29))} of {self.dates.draw()}",
            "other": lambda: self._elsewhere(scene.place),
            "inother": lambda: self._within(scene.place),
            "bareobject": self.objects.draw,
            "num2": lambda: self.rng.choice(_NUMBERS),
            "object": lambda: seedwork.article(self.objects.draw()),
            "object2": lambda: seedwork.article(self.objects.draw()),
            "stuff": lambda: f"{seedwork.article(self.objects.draw())} {self.conditions.draw()}",
        }
        if tale.thing.short != tale.thing.phrase:
            slots["T"] = lambda: f"the {self.rng.choice([tale.thing.phrase, tale.thing.short])}"
        if scene.partner in tale.cast.others:
            slots |= tale.cast.others[scene.partner].slots("N")
            slots["_partner"] = scene.partner
        return slots

    def _elsewhere(self, here: banks.Place) -> str:
        name = self.others.draw()
        return name if name != here.name else self.others.draw()

    def _within(self, here: banks.Place) -> str:
        name = self._elsewhere(here)
        return next(place.within for place in self.tale.genre.places if place.name == name)

    def _strangers(self, bank: str, line: str, slots: dict[str, str | Callable[[], str]]) -> list[str]:
        names = slots_of(line)
        keys = [key for key in ("A", "X", "W") if any(n.startswith(key) and n in slots for n in names)]
        partner = slots.get("_partner")
        if isinstance(partner, str) and (any(n.startswith("N") for n in names) or bank in _TALK or bank == "road"):
            keys.append(partner)
        return [key for key in keys if key not in self.met]

    def _meet(self, key: str, slots: dict[str, str | Callable[[], str]]) -> Unit | None:
        self.met.add(key)
        if key == "X" and self.tale.genre.name == "fairy-tale":
            return None
        member = self.tale.cast.others[key]
        bank = "cast-met_briefly" if len(self.beats) <= _FEW else "cast-met"
        return self._draw(bank, slots | dict(member.slots("C")), 60)

    def _draw(
        self,
        bank: str,
        slots: dict[str, str | Callable[[], str]],
        room: int,
        paired: bool = False,
        last: bool = False,
    ) -> Unit | None:
        """A unit of a bank; with `paired` one that speaks of the partner, where there is a partner and such a unit."""
        own = self.tale.genre.units
        lines = own.get(bank) or self.shared.get(bank, ())
        if bank == "exit":
            lines = (*own.get("tail", ()), *lines)
        known = [line for line in lines if not self._unknown(line)]
        if self.tale.seed.wants("no-dialogue", "less-dialogue"):
            known = [line for line in known if '"' not in line] or (known if paired else [])
        if paired and "_partner" in slots:
            known = [line for line in known if any(name.startswith("N") for name in slots_of(line))] or known
        return self.weaver.draw(bank, known, slots, room, last)

    def _unknown(self, line: str) -> bool:
        return any(key not in self.met and any(n.startswith(key) for n in slots_of(line)) for key in ("A", "X", "W"))

    def _fill_up(
        self, scene: Scene, slots: dict[str, str | Callable[[], str]], units: list[tuple[str, Unit]], target: int
    ) -> list[tuple[str, Unit]]:
        inner = slots | {"time": scene.time[1] or "that day"}
        cycle = self._cycle(scene, bool(slots.get("_partner")))
        tries = 0
        toned = self._toned(inner, target - sum(unit.words for _, unit in units))
        if toned is not None:
            units.insert(self._gap(units, "tone"), ("tone", toned))
        while tries < 40:
            left = target - sum(unit.words for _, unit in units)
            if left < max(_LEAST, target * 0.04):
                break
            bank = cycle[self.cycle % len(cycle)]
            self.cycle += 1
            tries += 1
            if left < 34 and tries % 3:
                bank = self.rng.choice(["sense", "voice", "act", "plain"])
            unit = self._draw(bank, inner, left + 6)
            if unit is None and (self.long or tries > 8):
                bank = _LONG[tries % len(_LONG)]
                unit = self._draw(bank, inner, left + 6, last=tries > 20)
            if unit and unit.words <= left + 8:
                units.insert(self._gap(units, bank), (bank, unit))
                if bank not in ("with", *_TALK):
                    self.asides += [unit.text, unit.named]
        return units

    def _toned(self, slots: dict[str, str | Callable[[], str]], left: int) -> Unit | None:
        """A unit in the story's tone, in every scene that has room for one."""
        if not self.tale.tone or left < _LEAST:
            return None
        unit = self._draw(f"tone-{self.tale.tone}", slots, left + 6)
        if unit is not None:
            self.asides += [unit.text, unit.named]
        return unit

    def _cycle(self, scene: Scene, paired: bool) -> list[str]:
        shape = next((s for s in scene.shapes if s in _FILLERS), "ask" if paired else "hunt")
        banks_ = [bank for bank in _FILLERS[shape] if paired or bank not in ("with", "talk")]
        if self.tale.seed.wants("less-description"):
            banks_ = [bank for bank in banks_ if bank not in ("sense", "look")]
        elif self.tale.seed.wants("vivid", "more-description"):
            banks_ = ["sense", "look", *banks_]
        if self.long:
            banks_.append(self.rng.choice(_LONG))
        chat = self.rng.choice(["warn", "jest", "spar", "ask", "deal"])
        return [chat if bank == "talk" else bank for bank in banks_]

    def _gap(self, units: list[tuple[str, Unit]], bank: str) -> int:
        """Where a filler goes: after what opens the scene, before what ends it, never between a rung and its next."""
        last = len(units)
        while (
            last > 0
            and units[last - 1][0] in ("exit", "rung", "met", "image", "scene", "close")
            and units[last - 1][0] != "move"
        ):
            last -= 1
        first = next((i + 1 for i, (name, _) in enumerate(units) if name in ("move", "back", "image")), 0)
        allowed = [
            i
            for i in range(first, last + 1)
            if not (
                0 < i < len(units)
                and units[i - 1][0] in ("scene", "rung", "met")
                and units[i][0] in ("scene", "rung", "secret", *_TALK)
            )
        ]
        if not allowed:
            tail = len(units) - 1 if units and units[-1][0] == "exit" else len(units)
            return max(first, tail) if units and units[-1][0] == "exit" else first
        return allowed[-1] if bank in ("mind", "act", "with") else self.rng.choice(allowed)


def spoken(text: str) -> int:
    """How many words of `text` are between quotation marks."""
    return sum(len(part.split()) for part in text.split('"')[1::2])


def _paragraphs(units: list[tuple[str, Unit]], rng: random.Random, name: str, pronoun: str) -> str:
    """Joins short narrative units into paragraphs, with names where pronouns would be unclear, and the reverse."""
    out: list[str] = []
    others = True
    for bank, unit in units:
        text = unit.named if others else unit.text
        spoken = "\n\n" in text or text.startswith('"')
        open_ = bool(out) and "\n\n" not in out[-1] and not out[-1].startswith('"') and not spoken
        joined = open_ and bank not in _APART
        same = joined and out[-1].split()[:1] == text.split()[:1]
        if joined and (same or (len(out[-1].split()) + unit.words < 85 and rng.random() < 0.5)):
            if not others and text.startswith(f"{name} ") and name in out[-1]:
                text = pronoun + text[len(name) :]
            out[-1] = f"{out[-1]} {text}"
        else:
            out.append(text)
        others = unit.others
    return "\n\n".join(out)
