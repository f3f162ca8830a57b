"""Telling a story as a containment report: the same arc of opening, turn and end, in the form of a file."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from coordinator.llm.storyteller import banks, seedwork
from coordinator.llm.storyteller.weaver import Deck, Unit, Weaver, capitalise
from coordinator.story.material import Beat

KINDS = ("tests", "interview", "incident", "memo", "quiet")
_TITLES = {
    "file": "Item and procedures",
    "described": "Description",
    "discovery": "How it was found",
    "tests": "Test series",
    "interview": "Interview",
    "incident": "Incident",
    "memo": "Memoranda",
    "quiet": "Observation log",
    "turn": "A reading of the procedures",
    "dark": "An order is carried out",
    "climax": "The event",
}
_SUMMARIES = {
    "file": "The file opens with the procedures for {item}, {T}, one of which nobody can explain.",
    "described": "What {T} is and does, as far as can be measured.",
    "discovery": "How {item} came to the site, with {K}, for which {P} signed; {E} takes charge and is not seen again.",
    "tests": "A series of tests on {item}; the results are polite and lean all one way.",
    "interview": "{P} interviews {N}, who knows more of {E} than the file does.",
    "incident": "Small things happen around {item} that nobody admits to.",
    "memo": "Memoranda between {P}, {A} and {X}, in which {motif} is not discussed.",
    "quiet": "Weeks of observation; the staff grow fond of {item}.",
}
_SPARE = ("report", "report", "incident", "report", "memo")
"""Banks that a report is filled up from, in turn."""
_SPARED = ("described", "dark")
"""Parts of an arc of which any paragraph after the first can be missing."""
_LEFT_OUT = 0.4
"""How often one is."""
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def plan(count: int, rng: random.Random) -> list[str]:
    """The kinds of `count` beats, in order."""
    if count <= 2:
        return ["file+discovery", "turn+climax"]
    if count == 3:
        return ["file", "discovery", "turn+climax"]
    if count == 4:
        return ["file", "described+discovery", "turn+dark", "climax"]
    kinds = list(KINDS)
    rng.shuffle(kinds)
    if count == 5:
        return ["file", "described+discovery", kinds[0], "turn+dark", "climax"]
    opening = rng.choice([["described", "discovery"], ["discovery", "described"], ["described+discovery"]])
    middle = [kinds[index % len(kinds)] for index in range(count - 4 - len(opening))]
    half = (len(middle) + rng.randrange(2)) // 2
    return ["file", *opening, *middle[:half], "turn", *middle[half:], "dark", "climax"]


def slots(slots: dict[str, str], name: str, rng: random.Random) -> dict[str, str]:
    """The slots of a report, whose arc is called `name`, on top of those of any story."""
    arc = banks.arcs()[name]
    number = f"SCP-{rng.randrange(2000, 9990)}"
    name = slots["Pfull"]
    title = re.match(r"(agent|dr\.?|captain|doctor|professor|director)\s", name, re.IGNORECASE)
    said = f"{title[0].strip()} {slots['P_name']}" if title else f"Researcher {slots['P_name']}"
    added = {
        "item": number,
        "site": str(rng.randrange(11, 97)),
        "P": said,
        "Po": said,
        "Ps": f"{said}'s",
        "His_cap": slots["his"].capitalize(),
        "rev": str(rng.randrange(4, 19)),
        "motif": arc["motif"],
        "motifbare": arc["motif"].removeprefix("the "),
        "open_noun": arc["motif"],
    }
    return slots | added


def describe(kind: str, number: int, arc: str) -> tuple[str, str]:
    """Title and summary (with slots) of a beat of the arc called `arc`; `number` counts the beats."""
    first = kind.split("+")[-1] if kind.startswith(("file+", "described+")) else kind.split("+")[0]
    if kind == "climax" or kind.endswith("+climax"):
        first = "climax"
    title = _TITLES[first] + (f" {number}" if first in KINDS else "")
    told = banks.arcs()[arc]
    return title, " ".join(told.get(f"summary_{part}") or _SUMMARIES[part] for part in kind.split("+"))


class Reporting:
    """Renders the beats of a report. `kinds` names the kind of every beat by its title."""

    def __init__(self, tale: Any, beats: list[Beat]) -> None:
        self.tale = tale
        self.beats = beats
        self.rng: random.Random = tale.rng("report")
        self.weaver = Weaver(self.rng, sum(beat.words for beat in beats), formal=True)
        self.bank = banks.report()
        self.arc = banks.arcs()[tale.ladder.name]
        words = tale.genre.words
        self.objects = Deck(self.rng, words["objects"])
        self.conditions = Deck(self.rng, words["conditions"])
        self.minors = Deck(self.rng, words["minor"])
        self.places = Deck(self.rng, [place.name for place in tale.genre.places])
        self.days, self.months = Deck(self.rng, _DAYS), Deck(self.rng, MONTHS)
        self.asides: list[str] = []
        self.addendum = 0
        self.test = 0
        self.debt = 0
        self.speaker = 0
        self.waiting = [t for t in tale.seed.things if t.phrase != tale.thing.phrase]

    def all(self) -> tuple[str, ...]:
        return tuple(self._beat(index, beat) for index, beat in enumerate(self.beats))

    def _slots(self) -> dict[str, str | Callable[[], str]]:
        found: dict[str, str | Callable[[], str]] = dict(self.tale.slots)
        for key in [key for key in found if key.startswith("Y")]:
            del found[key]
        self.addendum += 1
        return found | {
            "a": str(self.addendum),
            "n": lambda: str(self.rng.randrange(3, 29)),
            "m": lambda: str(self.rng.randrange(31, 59)),
            "clock": self._clock,
            "clock2": self._clock,
            "bareobject": self.objects.draw,
            "day": self.days.draw,
            "month": self.months.draw,
            "minor": self.minors.draw,
            "place": self.places.draw,
            "object": lambda: seedwork.article(self.objects.draw()),
            "object2": lambda: seedwork.article(self.objects.draw()),
            "stuff": lambda: f"{seedwork.article(self.objects.draw())} {self.conditions.draw()}",
        }

    def _clock(self) -> str:
        return f"{self.rng.randrange(24):02}.{self.rng.randrange(60):02}"

    def _beat(self, index: int, beat: Beat) -> str:
        scene = self.tale.scenes.get(beat.title)
        last = index == len(self.beats) - 1
        kind = scene.shapes[0] if scene else "file" if index == 0 else "climax" if last else KINDS[index % len(KINDS)]
        target = max(40, beat.words + self.debt)
        own = {b.title: b.summary for b in self.tale.outline.beats}
        wanted = [] if own.get(beat.title) == beat.summary else seedwork.phrases(beat.summary)[:2]
        parts = [
            f"The file was amended here to mention {seedwork.article(t.phrase)}; see {beat.title}." for t in wanted
        ]
        for part in kind.split("+"):
            share = target - _count(parts) if part == kind.split("+")[-1] else (target - _count(parts)) // 2
            parts += self._part(part, share)
        if self.waiting and "file" not in kind:
            thing = self.waiting.pop(0)
            unit = self._draw("mentioned", self._slots() | {"wish": thing.phrase}, 60)
            parts.insert(len(parts) - 1, unit.text if unit else "")
        text = self._fit([part for part in parts if part], target, "climax" in kind)
        self.debt = max(-20, min(20, self.debt + beat.words - len(text.split())))
        return text

    def _lines(self, bank: str) -> tuple[str, ...]:
        if bank == "report":
            return (*banks.shared()["report"], *self._lines("filler"))
        return tuple(line.strip() for line in self.bank[bank].splitlines() if line.strip())

    def _draw(self, bank: str, slots: dict[str, str | Callable[[], str]], room: int, last: bool = False) -> Unit | None:
        lines = self._lines(bank)
        if self.tale.seed.wants("no-dialogue", "less-dialogue"):
            lines = tuple(line for line in lines if '"' not in line) or lines
        return self.weaver.draw(bank, lines, slots, room, last)

    def _run(self, bank: str, room: int, least: int = 1) -> list[str]:
        """Paragraphs of a bank, in its order of least use, while there is room."""
        told: list[str] = []
        slots = self._slots()
        while len(told) < 3:
            unit = self._draw(bank, slots, 200 if len(told) < least else room - _count(told))
            if unit is None:
                break
            told.append(unit.text)
        return told

    def _arc(self, name: str, room: int, least: int = 1) -> list[str]:
        told: list[str] = []
        slots = self._slots()
        lines = self.arc[name]
        if len(self.beats) <= 2 and f"short_{name}" in self.arc:
            lines = [self.arc[f"short_{name}"]]
        for index, line in enumerate(lines):
            if index >= least and _count(told) + len(line.split()) > room:
                break
            quiet = '"' in line and self.tale.seed.wants("no-dialogue", "less-dialogue")
            if index and quiet and name in ("turn", "dark", "climax", "discovery"):
                continue
            if index and name in _SPARED and self.rng.random() < _LEFT_OUT:
                continue
            unit = self.weaver.fill(line, slots, force=True, steady=True)
            if unit:
                told.append(unit.text)
        return told

    def _part(self, part: str, room: int) -> list[str]:
        if part == "file":
            return self._file(room)
        if part in ("described", "discovery"):
            told = self._arc(part, room - 4)
            return [f"**{'Description' if part == 'described' else 'Discovery'}:** {told[0]}", *told[1:]]
        if part in ("turn", "dark"):
            return self._arc(part, room)
        if part == "climax":
            short = room < 120
            ending = self._arc("ending", 0)
            close = self._arc("close", 0)
            climax = self._arc("climax", room - (0 if short else _count(ending)) - _count(close))
            return [*climax, *([] if short else ending), *close]
        if part == "tests":
            return self._tests(room)
        if part == "interview":
            quiet = self.tale.seed.wants("no-dialogue", "less-dialogue")
            return self._tests(room) if quiet else self._interview(room)
        heading = {"incident": "Incident log", "memo": "Correspondence", "quiet": "Observation log"}[part]
        bank = {"incident": "incident", "memo": "memo", "quiet": "report"}[part]
        slots = self._slots()
        head = self.weaver.fill(f"**{heading} {{item}}.{{a}}, {{month}}**", slots)
        return [head.text if head else f"**{heading}**", *self._run(bank, room - 4)]

    def _file(self, room: int) -> list[str]:
        slots = self._slots()
        item = self.tale.slots["item"]
        klass = capitalise(self.rng.choice(self._lines("klass")))
        told = self._arc("containment", room - 8, least=2)
        common = self._draw("containment", slots, 60) if _count(told) < room - 40 else None
        if common is not None:
            told.insert(self.rng.randrange(1, len(told) + 1), common.text)
        full = self.tale.slots["Pfull"]
        lead = f"**Item #:** {item}, {self.tale.slots['T']}\n\n**Object Class:** {klass}\n\n**Assigned to:** {full}"
        first = self._premise(slots)
        procedures = [f"**Special Containment Procedures:** {told[0]}", *told[1:]]
        while len(procedures) > 1 and _count([lead, first, *procedures]) > room:
            procedures.pop()
        return [lead, *procedures, f"**Summary:** {first}"] if first else [lead, *procedures]

    def _premise(self, slots: dict[str, str | Callable[[], str]]) -> str:
        seed = self.tale.seed
        bank = (
            "described_clause"
            if seed.clause
            else "described_matter"
            if seed.matter
            else "described_saying"
            if seed.saying
            else ""
        )
        unit = self._draw(bank, slots, 90) if bank else None
        return unit.text if unit else ""

    def _tests(self, room: int) -> list[str]:
        slots = self._slots()
        told = [f"**Test series {self.tale.slots['item']}.T{self.addendum}**"]
        while _count(told) < room - 30:
            self.test += 1
            did, saw, note = (self._draw(bank, slots, 60) for bank in ("test_do", "test_saw", "test_note"))
            if did is None or saw is None:
                break
            told.append(f"**Test {self.test}.** {did.text}\n\n*Result:* {saw.text}")
            if note is not None and _count(told) + note.words <= room:
                told[-1] += f" *Note:* {note.text}"
        return told

    def _interview(self, room: int) -> list[str]:
        others = [key for key in self.tale.cast.others if key not in ("E",)]
        key = others[self.speaker % len(others)]
        self.speaker += 1
        slots = self._slots() | dict(self.tale.cast.others[key].slots("N"))
        head = self._draw("interview_open", slots, 60)
        told = [f"**Interview log {self.tale.slots['item']}.{self.addendum}**"] + ([head.text] if head else [])
        opened = len(told)
        while len(told) - opened < 9:
            unit = self._draw("interview", slots, room - _count(told) - 14)
            if unit is None:
                break
            told.append(unit.text)
        if len(told) == opened:
            return self._run("report", room)
        close = self._draw("interview_close", slots, 40)
        return told + ([close.text] if close else [])

    def _fit(self, parts: list[str], target: int, ends: bool) -> str:
        """Fills up with observations to about `target` words; before the last paragraph where that ends the story."""
        tone = f"tone-{self.tale.tone}"
        if self.tale.tone and _count(parts) < target - 14:
            toned = self._draw(tone, self._slots(), target - _count(parts) + 5)
            self.addendum -= 1
            if toned is not None:
                parts.insert(len(parts) - 2 if ends and len(parts) > 2 else len(parts), toned.text)
        tries = 0
        while _count(parts) < target - 14 and tries < 40:
            tries += 1
            bank = _SPARE[tries % len(_SPARE)]
            unit = self._draw(
                bank, self._slots(), target - _count(parts) + 5, last=bank == "report" and tries > 3 * len(_SPARE)
            )
            self.addendum -= 1
            if unit is None:
                continue
            parts.insert(len(parts) - 2 if ends and len(parts) > 2 else len(parts), unit.text)
            self.asides.append(unit.text)
        return "\n\n".join(part for part in parts if part)


def _count(parts: list[str]) -> int:
    return sum(len(part.split()) for part in parts)
