"""What the story grammar gives to a talk: what happens next, twists, endings, titles, first lines, people, places.
Pure.

All of it follows from what was told so far and from the talk's own number, so that it is the same on every node.
"""

from __future__ import annotations

import hashlib
import random
import re

from coordinator.llm.storyteller import banks, cast, figures, lexicon, plot, titles, weaver
from coordinator.llm.storyteller.muse import story, words
from coordinator.llm.storyteller.muse.memory import Memory
from coordinator.llm.storyteller.muse.sparks import Spark
from coordinator.llm.storyteller.outline import fill

TALES = 4
"""Plots that are looked at for one answer."""
PAGES = 5
ASIDE = "\n"
"""Between what happens and who it is that it happens to."""


class Inventor:
    """A talk's plots, each from another seed."""

    def __init__(self, memory: Memory, talk_id: str, spark: Spark) -> None:
        self._memory = memory
        self._genre = story.genre_of(memory)
        self._first = int.from_bytes(hashlib.sha256(talk_id.encode("utf-8", "surrogatepass")).digest()[:2])
        prompt = story.prompt(memory)[:600]
        if prompt == "A story.":
            prompt = f"Somebody comes by {spark.thing} {spark.place}."
        self._prompt = prompt
        self._known = " ".join([prompt, *memory.all("person")]).lower()

    def tale(self, number: int) -> plot.Tale:
        """Plot `number` of the talk. The kinds of prose of a report are no help in talking: it is planned as a
        story."""
        genre = "short-story" if self._genre == "scp" else self._genre
        hero = self._memory.first("hero")
        return plot.tale(self._prompt, genre, hero, self._memory.first("tone")[:60], str(self._first + number), PAGES)

    def _tales(self) -> list[plot.Tale]:
        return [self.tale(number) for number in range(TALES)]

    def beats(self) -> list[str]:
        """What could happen next, in the order of one plot after another."""
        found = []
        for tale in self._tales():
            found += [self._introduced(tale, beat.summary) for beat in tale.outline.beats[1:-1]]
        return found

    def _introduced(self, tale: plot.Tale, summary: str) -> str:
        """A summary, with who it names that the writer does not know yet."""
        summary = self._own_foe(tale, re.sub(r"^.{0,80} is introduced .{0,120}?\. ", "", summary))
        new = [
            person
            for person in tale.outline.people[1:]
            if re.search(rf"\b{re.escape(person.name.split()[0])}\b", summary)
            and person.name.split()[0].lower() not in self._known
            and not person.name.lower().startswith("the ")
        ]
        told = [f"{person.name.split()[0]} would be {person.role}" for person in new[:2]]
        return f"{summary}{ASIDE}{words.series(told)}." if told else summary

    def _own_foe(self, tale: plot.Tale, text: str) -> str:
        """With the writer's own antagonist in the part of the plot's, where that is somebody."""
        foe = story.slots(self._memory, "")["foe"]
        rival = tale.cast.others["X"].short
        somebody = bool(figures.find(foe)) or bool(foe and foe.split()[-1].lower() in lexicon.ANIMALS)
        if not somebody or foe.startswith(("a ", "an ")) or rival.lower() in foe.lower():
            return text
        told = re.sub(rf"(?<!\w){re.escape(rival)}(?!\w)", lambda _: foe, text)
        return re.sub(r"(^|[.!?] )([a-z])", lambda found: found[1] + found[2].upper(), told)

    def ideas(self) -> list[str]:
        """What other plots turn on than those of `beats`."""
        return [
            f"{words.lifted(fill(tale.ladder.idea, tale.slots))}."
            for tale in (self.tale(number) for number in range(TALES - 1, 2 * TALES))
        ]

    def loglines(self) -> list[str]:
        return [fill(tale.ladder.logline, tale.slots) for tale in self._tales()]

    def twists(self) -> list[str]:
        """What the turn of each plot finds out, and what somebody in it has kept."""
        turns = [
            fill(tale.ladder.rungs["turn"].summary, tale.slots | _third(tale))
            for tale in self._tales()
            if tale.ladder.rungs
        ]
        darks = [
            fill(tale.ladder.rungs["dark"].summary, tale.slots | _third(tale))
            for tale in self._tales()
            if tale.ladder.rungs
        ]
        return [
            self._introduced(tale, text)
            for tale, text in zip([*self._tales(), *self._tales()], [*turns, *darks], strict=False)
        ]

    def endings(self) -> list[str]:
        return [self._introduced(tale, tale.outline.beats[-1].summary) for tale in self._tales()]

    def images(self) -> list[tuple[str, str]]:
        """An image that each plot begins and ends with."""
        return [(tale.image.noun, self._told(tale, tale.image.close)) for tale in self._tales()]

    def titles(self) -> list[str]:
        found: list[str] = []
        for tale in self._tales():
            fitting = titles.fitting(tale.genre, tale.thing, tale.slots, tale.ladder.titles)
            found += [titles.title(name, tale.slots) for name in fitting]
        unique = list(
            dict.fromkeys(title for title in found if title and "  " not in title and len(title) <= titles.LONGEST)
        )
        rng = self._rng("titles")
        rng.shuffle(unique)
        return unique

    def openings(self) -> list[str]:
        """First lines: of the protagonist, of the air of the place, of the image that the plot ends with."""
        found: list[str] = []
        for tale in self._tales():
            units = tale.genre.units
            known = bool(self._memory.first("role")) and tale.cast.protagonist.role
            lines = [*units.get("intro" if known else "intro_plain", ())]
            lines += [line for line in units.get("sense", ()) if "{" not in line]
            lines.append(tale.image.open)
            tale.rng("muse-opening").shuffle(lines)
            found += [self._told(tale, line) for line in lines[:5]]
        return [line for line in found if line]

    def airs(self) -> list[str]:
        """What one hears, smells and sees there."""
        lines = [
            line
            for line in banks.genre(self._genre if self._genre != "scp" else "short-story").units.get("sense", ())
            if "{" not in line
        ]
        rng = self._rng("airs")
        rng.shuffle(lines)
        return [self._told(self.tale(0), line) for line in lines]

    def places(self) -> list[str]:
        genre = banks.genre(self._genre)
        found = [
            f"{words.lifted(place.name)}: {words.series(list(place.details[:3]))}."
            for place in (*genre.places, genre.far)
        ]
        rng = self._rng("places")
        rng.shuffle(found)
        return found

    def rivals(self) -> list[str]:
        """Somebody against the hero, with a want and what it hides."""
        wants = [want for want in banks.shared()["cast-wants"] if "hides" in want]
        rng = self._rng("rivals")
        rng.shuffle(wants)
        found: list[str] = []
        for index, tale in enumerate(self._tales()):
            rival = tale.cast.others["X"]
            who = (
                rival.name
                if rival.name == rival.role or rival.name.lower().startswith("the ")
                else f"{rival.short}, {rival.role}"
            )
            found.append(f"{words.lifted(who)}, who {wants[index % len(wants)]}.")
        return found

    def people(self) -> list[str]:
        """Somebody else for the story, as the storyteller brings them in."""
        rng = self._rng("people")
        lines = list(banks.shared()["cast-met"])
        rng.shuffle(lines)
        found: list[str] = []
        for index, tale in enumerate(self._tales()):
            others = [member for key, member in tale.cast.others.items() if key in ("A", "W") or key.startswith("Y")]
            for place, member in enumerate(others):
                if member.short.lower() in self._memory.first("place").lower():
                    continue
                role = re.sub(r"\bmy\b", f"{tale.cast.protagonist.short}'s", member.role)
                slots = member.slots("C") | {"Crole": role}
                found.append(fill(lines[(index * 3 + place) % len(lines)], slots))
        return found

    def looks(self, name: str) -> list[str]:
        """How somebody looks, wants and speaks."""
        shared = banks.shared()
        rng = self._rng(f"looks {name}")
        looks, wants, voices = (list(shared[f"cast-{key}"]) for key in ("looks", "wants", "voice"))
        for bank in (looks, wants, voices):
            rng.shuffle(bank)
        return [
            f"{name}: {look}; {want}. Speaks like this: {voice}."
            for look, want, voice in zip(looks, wants, voices, strict=False)
        ]

    def clues(self) -> list[str]:
        """Things that are found and that nobody can explain."""
        tale = self.tale(0)
        base = tale.slots | _third(tale)
        rng = self._rng("clues")
        places = [place for place in (*tale.genre.places, tale.home) if "my " not in place.name]
        secrets = list(banks.secrets())
        rng.shuffle(secrets)
        where = story.slots(self._memory, "")["place"]
        return [
            fill(secret.clue, base | {"inplace": where if where and index % 2 == 0 else rng.choice(places).within})
            for index, secret in enumerate(secrets[:12])
            if not re.search(r"\{[EAXW]", secret.clue)
        ]

    def _told(self, tale: plot.Tale, line: str) -> str:
        """A unit of prose, filled for the tale. A slot that only a told story has keeps it away."""
        slots = tale.slots | tale.cast.protagonist.slots("Q")
        if not weaver.slots_of(line) <= slots.keys():
            return ""
        unit = weaver.Weaver(tale.rng("muse"), formal=True).fill(line, slots, force=True)
        return re.sub(r"\s*\n+\s*", " ", unit.text) if unit else ""

    def _rng(self, purpose: str) -> random.Random:
        return self.tale(0).rng(f"muse {purpose}")


def _third(tale: plot.Tale) -> dict[str, str]:
    lead: cast.Member = tale.cast.protagonist
    return {
        "P": lead.short,
        "he": lead.he,
        "his": lead.his,
        "him": lead.him,
        "self": f"{lead.him}self",
        "Ps": f"{lead.short}'s",
    }
