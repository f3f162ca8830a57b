"""The plan of a story: its cast, places, the thing it turns on, and its outline; all follows from prompt and seed."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass, field
from functools import lru_cache

from coordinator.llm.storyteller import banks, cast, casting, lexicon, report, seedwork, wishes
from coordinator.llm.storyteller.outline import compose, fill
from coordinator.llm.storyteller.scenes import Scene
from coordinator.story.material import Outline


@dataclass(frozen=True, eq=False)
class Tale:
    """A planned story."""

    key: str
    """A digest of all that the story follows from."""
    genre: banks.Genre
    seed: seedwork.Seed
    cast: cast.Cast
    ladder: banks.Ladder
    image: banks.Image
    home: banks.Place
    far: banks.Place
    thing: seedwork.Thing
    slots: dict[str, str]
    tone: str
    outline: Outline
    scenes: dict[str, Scene] = field(default_factory=dict)
    """By the title of the beat."""

    def rng(self, purpose: str) -> random.Random:
        """A generator of its own for each purpose, so that one use does not shift another."""
        return random.Random(hashlib.sha256(f"{self.key}|{purpose}".encode("utf-8", "surrogatepass")).digest())  # noqa: S311 - not for secrets


@lru_cache(maxsize=256)
def tale(
    prompt: str, template: str, protagonist: str, tone: str, seed_number: str, pages: int, wish: tuple[str, ...] = ()
) -> Tale:
    """The story that follows from these. `wish` is what a writer's comment on an earlier outline asks to bring in."""
    parts = (prompt, template, protagonist, tone, seed_number, str(pages))
    key = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    rng = random.Random(bytes.fromhex(key))  # noqa: S311 - not for secrets
    seed = seedwork.read(prompt)
    genre = casting.point_of_view(banks.genre(template), seed)
    people = cast.gather(genre, seed, casting.lead(seed, protagonist), pages, rng)
    people, seed = casting.called(people, seed, genre, protagonist, rng)
    thing = _central(prompt, seed, genre, rng)
    ladder = _ladder(genre, thing, prompt, seed_number, seed.wants("no-dialogue", "less-dialogue"))
    image = rng.choice(genre.images if pages > 1 else sorted(genre.images, key=_length)[:4])
    home, far = _home(genre, seed), genre.far
    slots = _slots(genre, seed, people, thing, image, home, far, rng)
    if genre.name == "scp":
        slots = report.slots(slots, ladder.name, rng)
    kind = wishes.tone(seed.wishes) or _tone(tone)
    outline, scenes = compose(genre, seed, people, ladder, thing, home, slots, pages, wish, rng)
    return Tale(key, genre, seed, people, ladder, image, home, far, thing, slots, kind, outline, scenes)


def _central(prompt: str, seed: seedwork.Seed, genre: banks.Genre, rng: random.Random) -> seedwork.Thing:
    asked = set(seed.asked)
    if genre.name == "scp" and not seed.things and not seed.places:
        return seedwork.Thing("report" if "report" in prompt.lower() else "document", "thing")
    ranked = [thing for thing in seed.things if thing.kind == "thing" and thing.phrase not in asked]
    ranked += [thing for thing in seed.things if thing.kind == "idea" and thing.phrase not in asked]
    ranked += [thing for thing in seed.things if thing.kind == "animal" and thing.phrase not in asked]
    if ranked:
        return ranked[0]
    if seed.places:
        return seedwork.Thing(seed.places[0], "place")
    trades = [
        lexicon.TRADE_THINGS[word]
        for person in seed.people
        for word in (person.lower(), person.split()[-1].lower())
        if word in lexicon.TRADE_THINGS
    ]
    rest = [thing for thing in seed.things if thing.kind == "thing"]
    rest += [seedwork.Thing(trade, "thing") for trade in trades]
    return rest[0] if rest else seedwork.Thing(rng.choice(genre.words["default_things"]), "thing")


_QUIET = 3
"""From how many of the plots with the least talk one is taken where a prompt wants little of it."""


def _ladder(
    genre: banks.Genre, thing: seedwork.Thing, prompt: str, seed_number: str, quiet: bool = False
) -> banks.Ladder:
    """A spine of the genre's own; seeds and tellings that follow one another have each another one. Without a seed
    it is one made for prompts of this kind, where there is such."""
    if not seed_number and not quiet:
        for ladder in banks.special(genre.name):
            if ladder.when in prompt.lower() and thing.head.lower() in ladder.of:
                return ladder
    fit = [ladder for ladder in banks.ladders(genre.name) if not ladder.about or thing.kind in ladder.about]
    if quiet:
        fit = sorted(fit, key=lambda ladder: ladder.spoken)[:_QUIET]
    return fit[_turn_of(prompt, genre.name, seed_number) % len(fit)]


def _length(image: banks.Image) -> int:
    return len(image.open) + len(image.close)


def _turn_of(prompt: str, genre: str, seed_number: str) -> int:
    """Where a story begins in a list of spines: anywhere for a prompt, one further for each seed and each telling."""
    seed, _, telling = seed_number.partition("/")
    steps = int(seed or 0) + int(telling or 1) - 1
    return steps + int.from_bytes(hashlib.sha256(f"{genre}\x1f{prompt}".encode("utf-8", "surrogatepass")).digest()[:8])


def _home(genre: banks.Genre, seed: seedwork.Seed) -> banks.Place:
    """The genre's home, set in the prompt's own place where that is a thing one can have a room in."""
    named = [place for place in (*seed.places, *seed.people) for word in place.split() if word.lower() in _HOUSES]
    if genre.name in ("noir", "fairy-tale") or not named:
        return genre.home
    words = named[0].split()
    index = next(i for i, word in enumerate(words) if word.lower() in _HOUSES)
    if words[index].lower() in ("station", "base", "post") and index == 0:
        return genre.home  # a bare station may be one that is listened to
    return banks.Place(f"{genre.home.name} of the {' '.join(words[: index + 1])}", "in", genre.home.details)


_HOUSES = frozenset(
    [
        "lighthouse",
        "museum",
        "bakery",
        "station",
        "ship",
        "hospital",
        "library",
        "school",
        "church",
        "castle",
        "hotel",
        "office",
        "mill",
        "inn",
        "theatre",
        "theater",
        "factory",
        "prison",
        "monastery",
        "laboratory",
        "observatory",
        "outpost",
        "base",
        "building",
    ]
)


def _slots(
    genre: banks.Genre,
    seed: seedwork.Seed,
    people: cast.Cast,
    thing: seedwork.Thing,
    image: banks.Image,
    home: banks.Place,
    far: banks.Place,
    rng: random.Random,
) -> dict[str, str]:
    lead = people.protagonist
    role = lead.role
    animal = role.split()[-1] if role and genre.name == "fairy-tale" else ""
    hand = {"dragon": "claw"}.get(animal, "hand")
    token, record = rng.choice(genre.words["token"]), rng.choice(genre.words["record"])
    definite = (
        f"the {token.split(' with ')[0].split(' on ')[0].split(' from ')[0].split(' for ')[0].split(' that ')[0]}"
    )
    definite = definite.split(" no longer")[0].split(" of blue")[0].split(" wrapped")[0].split(" stamped")[0]
    single = thing.definite
    if thing.plural or thing.kind == "idea":
        single = f"the matter of {thing.definite}"
    slots = {
        "Pfull": lead.name,
        "P_name": lead.short,
        "arole": _a_role(role),
        "role": role,
        "T": thing.definite,
        "Ts": single,
        "Tbare": thing.short,
        "K": definite,
        "aK": seedwork.article(token),
        "R": record,
        "home": home.name,
        "far": far.name,
        "far_title": far.name.removeprefix("the "),
        "open_noun": image.noun,
        "hand": hand,
        "hands": f"{hand}s",
        "years": rng.choice(["seven", "nine", "eleven", "twelve", "fourteen", "nineteen"]),
        "num": rng.choice(["seventeen", "twenty-two", "thirty-one", "forty"]),
        "group": people.group,
        "coin": genre.words["coin"][0],
        "gift": genre.words["gift"][0],
        "agift": seedwork.article(genre.words["gift"][0]),
        "labour": genre.words["labour"][0],
        "clause": seed.clause,
        "matter": seed.matter,
        "saying": seed.saying,
    }
    if genre.first_person:
        slots |= {"P": "I", "he": "I", "his": "my", "him": "me", "self": "myself", "Ps": "my"}
        slots |= {"Po": "me", "hisown": "mine", "they": "we", "them": "us", "their": "our"}
    else:
        slots |= {"P": lead.short, "he": lead.he, "his": lead.his, "him": lead.him, "self": f"{lead.him}self"}
        slots |= {
            "Ps": f"{lead.short}'s",
            "Po": lead.short,
            "hisown": "hers" if lead.female else "his",
            "they": "they",
            "them": "them",
            "their": "their",
        }
    for key, member in people.others.items():
        slots |= member.slots(key)
    if "tolls" in genre.words:
        tolls, givers = list(genre.words["tolls"]), list(genre.words["givers"])
        rng.shuffle(tolls)
        rng.shuffle(givers)
        for number in (1, 2, 3):
            slots[f"toll{number}"] = fill(tolls[number], slots).replace(lead.his.capitalize(), lead.his)
            slots[f"giver{number}"] = givers[number]
            slots[f"toll{number}"] = slots[f"toll{number}"][0].lower() + slots[f"toll{number}"][1:]
    return slots


_ONE_ONLY = frozenset(["smallest", "last", "first", "best", "only", "oldest", "youngest", "biggest", "tallest"])


def _a_role(role: str) -> str:
    first = role.split()[0] if role else ""
    return f"the {role}" if first in _ONE_ONLY else seedwork.article(role) if role else ""


_LIGHT = re.compile(
    r"(?:very |quite |fairly |a bit |a little )?light(?:-?hearted| hearted|er)?(?: in tone| tone| touch)?"
)
"""The word for a tone, and not for what a lamp gives."""


def _tone(text: str) -> str:
    lower = text.lower()
    if re.search(r"\b(funny|fun|comic|comedy|humou?r\w*|hilarious|silly|whimsical|playful|satir\w+)\b", lower):
        return "funny"
    if any(_LIGHT.fullmatch(part.strip()) for part in re.split(r"[,;/&+.]|\band\b|\bbut\b", lower[:400])):
        return "funny"
    if re.search(r"\b(sad|dark|grim|bleak|melanchol\w+|tragic|sombre|somber|grave|elegiac)\b", lower):
        return "grave"
    if re.search(r"\b(warm|gentle|hopeful|tender|cosy|cozy|kind|uplifting|sweet|bittersweet)\b", lower):
        return "warm"
    if re.search(r"\b(cold|cool|distant|detached|clinical|dry)\b", lower):
        return "cold"
    return ""
