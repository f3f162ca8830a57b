"""The plan of a story: its cast, places, the thing it turns on, and its beats. Everything follows from the prompt and seed."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass, field
from functools import lru_cache

from coordinator.brief import WORDS_PER_PAGE
from coordinator.llm.storyteller import banks, cast, report, seedwork
from coordinator.llm.storyteller.weaver import capitalise
from coordinator.material import Beat, Outline, Person
from coordinator.material import Place as PlaceNote

SINGLE = ("road", "past", "craft", "snag", "wait", "ask", "choose", "spar", "hunt", "jest", "warn", "deal", "plan")
_TIMES = {
    "science-fiction": (
        ("at the change of watch", "that watch"), ("two watches later", "that watch"),
        ("in the middle of the sleep cycle", "that night cycle"), ("when the lights came up", "that day cycle"),
        ("nine hours after", "that shift"), ("on the last shift of the week", "that shift"),
    ),
    "": (
        ("the next morning", "that morning"), ("toward evening", "that evening"), ("after dark", "that night"),
        ("two days later", "that day"), ("at first light", "that morning"), ("late in the afternoon", "that afternoon"),
        ("at the end of the week", "that day"), ("before anyone was up", "that morning"), ("about noon", "that day"),
        ("on the following evening", "that evening"),
    ),
}  # fmt: skip
_TITLES = {
    "hunt": "Among the {place_bare}", "ask": "A question for {N}", "warn": "A warning from {N}", "deal": "A bargain",
    "spar": "Words with {N}", "jest": "{N} lends a hand", "plan": "What they planned", "past": "What {P} remembered",
    "snag": "A thing goes wrong", "choose": "The smaller lie", "craft": "The work", "road": "On the way",
    "wait": "The long wait", "found": "{Object}", "told": "What {N} kept", "after": "What came of {object_the}",
}  # fmt: skip
_SUMMARIES = {
    "hunt": ("{P_name} searches {place} for what {X} may have missed.", "{P_name} goes through {place} and turns up a date."),
    "ask": ("{P_name} asks {N} about {topic}; {N} answers a different question.",),
    "warn": ("{N} warns {P_name} to leave {topic} alone.",),
    "deal": ("{N} offers {P_name} what {Nhe} knows of {topic}, at a price.",),
    "spar": ("{P_name} and {N} quarrel over {topic}, and each says one thing too many.",),
    "jest": ("{N} makes {P_name} laugh {within}, and lets slip more than {Nhe} meant to.",),
    "plan": ("{P_name} and {N} make a plan that needs {K}, and some nerve.",),
    "past": ("{Within}, {P_name} remembers {E}, and sees an old day differently.",),
    "snag": ("Things go wrong for {P_name} {within}; what seemed proved about {topic} is not.",),
    "choose": ("{P_name} gives up one course and takes another, nearer to {far}.",),
    "craft": ("{P_name} does the daily work {within} as {E} did it, and learns something from it.",),
    "road": ("{P_name} and {N} make their way past {place}, and are not alone on it.",),
    "wait": ("{P_name} waits {within}; what comes is not what was waited for.",),
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """What the prose must know of a beat."""

    shapes: tuple[str, ...]
    place: banks.Place
    partner: str = ""
    secret: banks.Secret | None = None
    time: tuple[str, str] = ("", "")


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
        return random.Random(hashlib.sha256(f"{self.key}|{purpose}".encode()).digest())


def fill(template: str, slots: dict[str, str]) -> str:
    """`template` with its slots filled, for outlines and notes."""

    def value(match: re.Match[str]) -> str:
        name, lifted = match[1], bool(match[2])
        word = slots.get(name, slots.get(name.lower(), ""))
        return word[:1].upper() + word[1:] if lifted else word

    text = re.sub(r"\{(\w+)(\^?)\}", value, template)
    return capitalise(re.sub(r" {2,}", " ", text).strip())


@lru_cache(maxsize=64)
def tale(prompt: str, template: str, protagonist: str, tone: str, seed_number: str, pages: int, wish: str = "") -> Tale:
    """The story that follows from these. `wish` is a writer's comment on an earlier outline."""
    parts = (prompt, template, protagonist, tone, seed_number, str(pages))
    key = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    rng = random.Random(bytes.fromhex(key))
    genre = banks.genre(template)
    seed = seedwork.read(prompt)
    people = cast.gather(genre, seed, protagonist, pages, rng)
    thing = _central(prompt, seed, genre, rng)
    ladder = _ladder(genre, thing, rng)
    image = rng.choice(genre.images)
    home, far = _home(genre, seed), genre.far
    slots = _slots(genre, seed, people, thing, image, home, far, rng)
    if genre.name == "scp":
        slots = report.slots(slots, rng)
    kind = _tone(f"{tone} {prompt}")
    outline, scenes = _outline(genre, seed, people, ladder, thing, home, slots, pages, wish, rng)
    return Tale(key, genre, seed, people, ladder, image, home, far, thing, slots, kind, outline, scenes)


def _central(prompt: str, seed: seedwork.Seed, genre: banks.Genre, rng: random.Random) -> seedwork.Thing:
    asked = set(seed.asked)
    if genre.name == "scp" and not seed.things and not seed.places:
        return seedwork.Thing("report" if "report" in prompt.lower() else "document", "thing")
    ranked = [thing for thing in seed.things if thing.kind == "thing" and thing.phrase not in asked]
    ranked += [thing for thing in seed.things if thing.kind == "idea" and thing.phrase not in asked]
    if ranked:
        return ranked[0]
    if seed.places:
        return seedwork.Thing(seed.places[0], "place")
    rest = [thing for thing in seed.things if thing.kind == "thing"]
    return rest[0] if rest else seedwork.Thing(rng.choice(genre.words["default_things"]), "thing")


def _ladder(genre: banks.Genre, thing: seedwork.Thing, rng: random.Random) -> banks.Ladder:
    own = [ladder for ladder in banks.ladders() if genre.name in ladder.only]
    common = [ladder for ladder in banks.ladders() if not ladder.only and genre.name not in ladder.not_in]
    if thing.kind != "thing":
        common = [ladder for ladder in common if ladder.name != "rule"]
    if thing.plural:
        common = [ladder for ladder in common if ladder.name in ("count", "owing")]
    if thing.kind == "place":
        common = [ladder for ladder in common if ladder.name != "rule"]
    return rng.choice(own or common)


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
    "lighthouse museum bakery station ship hospital library school church castle hotel office mill inn theatre theater "
    "factory prison monastery laboratory observatory outpost base building".split()
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
    definite = f"the {token.split(' with ')[0].split(' on ')[0].split(' from ')[0].split(' for ')[0].split(' that ')[0]}"
    definite = definite.split(" no longer")[0].split(" of blue")[0].split(" wrapped")[0]
    single = f"the {thing.phrase}"
    if thing.plural or thing.kind == "idea":
        single = f"the matter of the {thing.phrase}"
    slots = {
        "Pfull": lead.name, "P_name": lead.short, "arole": _a_role(role), "role": role, "T": f"the {thing.phrase}",
        "Ts": single, "Tbare": thing.short, "K": definite, "aK": seedwork.article(token), "R": record, "home": home.name, "far": far.name,
        "far_title": far.name.removeprefix("the "), "open_noun": image.noun, "hand": hand, "hands": f"{hand}s",
        "years": rng.choice(["seven", "nine", "eleven", "twelve", "fourteen", "nineteen"]),
        "num": rng.choice(["seventeen", "twenty-two", "thirty-one", "forty"]), "group": people.group, "coin": genre.words["coin"][0], "gift": genre.words["gift"][0],
        "agift": seedwork.article(genre.words["gift"][0]), "labour": genre.words["labour"][0], "clause": seed.clause, "matter": seed.matter, "saying": seed.saying,
    }  # fmt: skip
    if genre.first_person:
        slots |= {"P": "I", "he": "I", "his": "my", "him": "me", "self": "myself", "Ps": "my"}
        slots |= {"Po": "me", "hisown": "mine", "they": "we", "them": "us", "their": "our"}
    else:
        slots |= {"P": lead.short, "he": lead.he, "his": lead.his, "him": lead.him, "self": f"{lead.him}self"}
        slots |= {"Ps": f"{lead.short}'s", "Po": lead.short, "hisown": "hers" if lead.female else "his", "they": "they", "them": "them", "their": "their"}
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


_ONE_ONLY = frozenset("smallest last first best only oldest youngest biggest tallest".split())


def _a_role(role: str) -> str:
    first = role.split()[0] if role else ""
    return f"the {role}" if first in _ONE_ONLY else seedwork.article(role) if role else ""


def _tone(text: str) -> str:
    lower = text.lower()
    if re.search(r"\b(funny|fun|comic|comedy|humou?r\w*|hilarious|silly|whimsical|playful|satir\w+|light)\b", lower):
        return "funny"
    if re.search(r"\b(sad|dark|grim|bleak|melanchol\w+|tragic|sombre|somber|grave|elegiac)\b", lower):
        return "grave"
    if re.search(r"\b(warm|gentle|hopeful|tender|cosy|cozy|kind|uplifting|sweet|bittersweet)\b", lower):
        return "warm"
    return ""


def _outline(
    genre: banks.Genre,
    seed: seedwork.Seed,
    people: cast.Cast,
    ladder: banks.Ladder,
    thing: seedwork.Thing,
    home: banks.Place,
    slots: dict[str, str],
    pages: int,
    wish: str,
    rng: random.Random,
) -> tuple[Outline, dict[str, Scene]]:
    scenes = _files(genre, people, pages, rng) if genre.name == "scp" else _scenes(genre, people, home, pages, rng)
    budgets = _budgets(len(scenes), pages * WORDS_PER_PAGE, rng)
    image = {"open_noun": slots["open_noun"]}
    base = slots | image | _third(people)
    beats: list[Beat] = []
    by_title: dict[str, Scene] = {}
    wished = seedwork.phrases(wish)[:4] if wish else []
    for index, (scene, words) in enumerate(zip(scenes, budgets, strict=True)):
        if genre.name == "scp":
            title, summary, names = _tell_file(scene, base | {"P": slots["P"]}, people, index)
        else:
            title, summary, names = _tell(scene, ladder, base, thing, people)
        while title in by_title:
            title = _next(title)
        if wished and index % max(1, len(scenes) // 4) == 0:
            named = wished[(index // max(1, len(scenes) // 4)) % len(wished)]
            summary += f" Here {named.phrase if named.phrase[0].isupper() else 'the ' + named.phrase} comes in, as asked."
        by_title[title] = scene
        beats.append(Beat(title=title, summary=summary, words=words, place=scene.place.name, people=names))
    return _assemble(genre, seed, people, ladder, home, base, beats, scenes, rng), by_title


def _third(people: cast.Cast) -> dict[str, str]:
    lead = people.protagonist
    slots = {"P": lead.short, "he": lead.he, "his": lead.his, "him": lead.him, "self": f"{lead.him}self"}
    return slots | {"Ps": f"{lead.short}'s"}


def _next(title: str) -> str:
    names = ["again", "once more", "a third time", "a fourth time", "later"]
    stem, _, tail = title.rpartition(", ")
    if stem and tail in names:
        place = names.index(tail) + 1
        return f"{stem}, {names[place]}" if place < len(names) else f"{title} still"
    return f"{title}, again" if not title.endswith(" still") else f"{title}, and still"


def _count(pages: int) -> int:
    size = 150 if pages <= 5 else 170 if pages <= 12 else 200
    return max(2, round(pages * WORDS_PER_PAGE / size))


def _budgets(count: int, total: int, rng: random.Random) -> list[int]:
    weights = [rng.uniform(0.93, 1.12) for _ in range(count)] if count > 2 else [1.0] * count
    words = [round(total * weight / sum(weights) / 5) * 5 for weight in weights]
    words[-1] += total - sum(words)
    return words


def _scenes(
    genre: banks.Genre, people: cast.Cast, home: banks.Place, pages: int, rng: random.Random
) -> list[Scene]:
    count = _count(pages)
    plans: list[tuple[tuple[str, ...], str, banks.Secret | None]]
    if count <= 3:
        plans = [(("open", "disturbance"), "", None), (("turn", "climax", "ending", "close"), "", None)]
        if count == 3:
            plans.insert(1, (("record",), "", None))
    elif count <= 5:
        plans = [
            (("open", "disturbance"), "", None), (("record",), "", None), (("turn", "dark"), "", None),
            (("climax", "ending", "close"), "", None),
        ]  # fmt: skip
        plans += [(("ask",), "A", None)] * (count - 4)
    else:
        before, after = _middle(genre, people, count - 6, rng)
        plans = [
            (("open",), "", None), (("disturbance",), "", None), (("record",), "", None), *before,
            (("turn",), "", None), *after, (("dark",), "", None), (("climax", "ending", "close"), "", None),
        ]  # fmt: skip
    if 4 < count <= 5:
        plans.insert(2, plans.pop())
    return _set(genre, home, plans, rng)


def _files(genre: banks.Genre, people: cast.Cast, pages: int, rng: random.Random) -> list[Scene]:
    """The scenes of a report; each has one shape, its kind."""
    others = [key for key in people.others if key != "E"]
    kinds = report.plan(_count(pages), rng)
    asked = 0
    found: list[Scene] = []
    for index, kind in enumerate(kinds):
        asked += kind == "interview"
        partner = others[(asked - 1) % len(others)] if kind == "interview" else ""
        place = genre.far if "climax" in kind else genre.places[index % len(genre.places)]
        found.append(Scene((kind,), place, partner))
    return found


def _tell_file(scene: Scene, base: dict[str, str], people: cast.Cast, index: int) -> tuple[str, str, list[str]]:
    title, summary = report.describe(scene.shapes[0], index)
    names = [people.protagonist.short]
    slots = dict(base)
    if scene.partner:
        slots |= people.others[scene.partner].slots("N")
        names.append(people.others[scene.partner].short)
    return title, fill(summary, slots), names


def _middle(genre: banks.Genre, people: cast.Cast, room: int, rng: random.Random) -> tuple[list, list]:  # type: ignore[type-arg]
    """The scenes between the fixed ones: threads (found, asked, told, and what came of it) and single scenes between."""
    pool = [secret for secret in banks.secrets() if genre.name not in secret.not_in]
    rng.shuffle(pool)
    holders = ["A", *(key for key in people.others if key.startswith("Y"))]
    if genre.name != "fairy-tale":
        holders.insert(1, "X")
    talkers = [*holders, "W"] if genre.name != "fairy-tale" else holders
    scenes: list[tuple[tuple[str, ...], str, banks.Secret | None]] = []
    singles = list(SINGLE)
    rng.shuffle(singles)
    drawn = 0

    def single() -> tuple[tuple[str, ...], str, None]:
        nonlocal drawn
        shape = singles[drawn % len(singles)]
        partner = talkers[drawn % len(talkers)] if shape in _PAIRED else ""
        drawn += 1
        return ((shape,), partner, None)

    while len(scenes) < room:
        left = room - len(scenes)
        if left >= 3 and pool:
            secret = pool.pop()
            holder = holders[(len(pool) + 1) % len(holders)]
            scenes.append((("found",), "", secret))
            if left >= 5:
                scenes.append(single())
            scenes.append((("ask",), talkers[(len(pool) + 2) % len(talkers)], secret))
            scenes.append((("told",), holder, secret))
            if left >= 6:
                scenes.append((("after",), holder, secret))
            if left >= 8:
                scenes.append(single())
                scenes.append(single())
        else:
            scenes.append(single())
    # A thread must not be cut by the turn, so the middle is divided at the nearest start of one.
    starts = [index for index, scene in enumerate(scenes) if scene[0] in (("found",),)] or [0]
    cut = min([*starts, len(scenes)], key=lambda index: abs(index - len(scenes) // 2))
    return scenes[:cut], scenes[cut:]


_PAIRED = frozenset({"ask", "warn", "deal", "spar", "jest", "plan", "road"})


def _set(
    genre: banks.Genre,
    home: banks.Place,
    plans: list[tuple[tuple[str, ...], str, banks.Secret | None]],
    rng: random.Random,
) -> list[Scene]:
    """Gives every scene its place and time."""
    places = list(genre.places)
    rng.shuffle(places)
    times = list(_TIMES.get(genre.name, _TIMES[""]))
    rng.shuffle(times)
    found: list[Scene] = []
    for index, (shapes, partner, secret) in enumerate(plans):
        homely = {"open", "disturbance"} if genre.name == "fairy-tale" else {"open", "disturbance", "record", "turn", "dark"}
        if set(shapes) & homely:
            place = home
        elif "climax" in shapes and "turn" not in shapes:
            place = genre.far
        else:
            place = places[index % len(places)]
        if "after" in shapes or ("told" in shapes and rng.random() < 0.3):
            place = found[-1].place if found[-1].place not in (home, genre.far) else place
        found.append(Scene(shapes, place, partner, secret, times[index % len(times)]))
    return found


def _tell(
    scene: Scene, ladder: banks.Ladder, base: dict[str, str], thing: seedwork.Thing, people: cast.Cast
) -> tuple[str, str, list[str]]:
    """Title, summary and people of a scene's beat."""
    lead = people.protagonist
    names = [lead.short]
    slots = dict(base)
    partner = people.others.get(scene.partner)
    if partner:
        slots |= partner.slots("N")
        names.append(partner.short)
    topic = f"the {thing.phrase}"
    if scene.secret:
        bare = scene.secret.object.removeprefix("a ").removeprefix("an ")
        topic = f"the {bare}"
        slots |= {"object_the": topic, "object": f"The {bare}"}
    slots |= {
        "place": scene.place.name, "within": scene.place.within, "Within": scene.place.within, "topic": topic,
        "inplace": scene.place.within, "place_bare": "papers",
    }  # fmt: skip
    rungs = [shape for shape in scene.shapes if shape in ladder.rungs]
    if rungs:
        parts = [fill(ladder.rungs[rung].summary, slots) for rung in rungs]
        names += [m.short for key, m in people.others.items() if any(f"{{{key}" in _texts(ladder, rung) for rung in rungs) and key != "E"]
        opening = fill("{P_name} is introduced {within}, with {open_noun}. ", slots) if "open" in scene.shapes else ""
        return fill(ladder.rungs[rungs[0]].title, slots), opening + " ".join(parts), list(dict.fromkeys(names))
    shape = scene.shapes[0]
    if shape == "open":
        text = "{P_name} goes about the day {within}, with {open_noun} and, always in the background, {T}."
        return fill("{open_noun}", slots), fill(text, slots), names
    if scene.secret and shape in ("found", "told"):
        text = fill(scene.secret.clue if shape == "found" else scene.secret.tell, slots)
    elif scene.secret and shape == "after":
        text = fill("{P_name} and {N} settle what is left to settle about {object_the}.", slots)
    else:
        options = _SUMMARIES[shape]
        text = fill(options[len(scene.place.name) % len(options)], slots)
    title = fill("{object}" if shape == "found" else _TITLES[shape], slots)
    if shape in ("hunt", "craft", "wait", "road", "past", "snag", "choose", "plan", "deal"):
        title = f"{title}: {scene.place.name.removeprefix('the ')}"
    elif shape == "ask" and scene.secret:
        title = f"{title} about {topic}"
    elif shape in ("told", "after", "found"):
        title = f"{title}" if shape != "told" else f"{title}: {topic}"
    return title, text, names


def _texts(ladder: banks.Ladder, rung: str) -> str:
    return " ".join(ladder.rungs[rung].lines)


def _assemble(
    genre: banks.Genre,
    seed: seedwork.Seed,
    people: cast.Cast,
    ladder: banks.Ladder,
    home: banks.Place,
    slots: dict[str, str],
    beats: list[Beat],
    scenes: list[Scene],
    rng: random.Random,
) -> Outline:
    shared = banks.shared()
    voices, wants, looks = (list(shared[f"cast-{key}"]) for key in ("voice", "wants", "looks"))
    for bank in (voices, wants, looks):
        rng.shuffle(bank)
    lead = people.protagonist
    persons = [_person(lead.name, lead.role or (f"of {people.group}" if people.group else "the one it happens to"), looks, wants, voices, 0)]
    shown = [key for key in people.others if key in ("A", "E") or len(beats) > 2]
    for number, key in enumerate(shown, 1):
        member = people.others[key]
        role = re.sub(r"\b(my|me)\b", lambda m: f"{lead.short}'s" if m[1] == "my" else lead.short, member.role)
        persons.append(_person(member.name, role, looks, wants, voices, number, gone=key == "E"))
    places = {scene.place.name: scene.place for scene in scenes} | {genre.far.name: genre.far}
    premise = seed.clause or seed.matter
    opening = f"{premise[0].upper()}{premise[1:]}. " if premise else ""
    return Outline(
        title=_title_case(fill(rng.choice(genre.words["titles"]), slots)),
        logline=opening + fill(slots.get("logline", ladder.logline), slots),
        setting=_setting(genre, home, slots),
        people=persons,
        places=[PlaceNote(name=name, description=f"Here: {', '.join(p.details[:3])}.") for name, p in list(places.items())[:30]],
        rules=[fill(slots.get("rule", ladder.rule), slots), fill("{E} is gone, and speaks only through what {Ehe} left behind.", slots)],
        beats=beats,
    )


_SMALL = frozenset({"of", "the", "on", "in", "by", "for", "with", "and", "a", "an", "as", "at"})


def _title_case(text: str) -> str:
    return " ".join(word if word in _SMALL and index else word[:1].upper() + word[1:] for index, word in enumerate(text.split()))


def _person(name: str, role: str, looks: list[str], wants: list[str], voices: list[str], number: int, gone: bool = False) -> Person:
    look, want = looks[number % len(looks)], wants[number % len(wants)]
    if gone:
        return Person(name=name, role=role, description=f"Gone before the story opens; {look}, by all accounts.", voice="heard only in what was written down")
    return Person(name=name, role=role, description=f"{look[0].upper()}{look[1:]}; {want}.", voice=voices[number % len(voices)])


def _setting(genre: banks.Genre, home: banks.Place, slots: dict[str, str]) -> str:
    name = home.name[0].upper() + home.name[1:]
    return f"{name} and what lies round it: {', '.join(home.details[:3])}. Beyond that, {genre.far.name}."
