"""The outline that a writer sees: title, people, places, and every scene told as a beat."""

from __future__ import annotations

import random
import re

from coordinator.llm.storyteller import banks, cast, report, seedwork, titles
from coordinator.llm.storyteller import scenes as planning
from coordinator.llm.storyteller.scenes import Scene
from coordinator.llm.storyteller.weaver import capitalise
from coordinator.story.brief import WORDS_PER_PAGE
from coordinator.story.material import Beat, Outline, Person
from coordinator.story.material import Place as PlaceNote

_TITLES = {
    "hunt": "Among the {place_bare}", "ask": "A question for {N}", "warn": "A warning from {N}", "deal": "A bargain",
    "spar": "Words with {N}", "jest": "{N} lends a hand", "plan": "What they planned", "past": "What {P} remembered",
    "snag": "A thing goes wrong", "choose": "The smaller lie", "craft": "The work", "road": "On the way",
    "wait": "The long wait", "found": "{Object}", "told": "What {N} kept", "after": "What came of {object_the}",
}  # fmt: skip


_SUMMARIES = {
    "hunt": (
        "{P_name} searches {place} for what {X} may have missed.",
        "{P_name} goes through {place} and turns up a date.",
    ),
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
}


def fill(template: str, slots: dict[str, str]) -> str:
    """`template` with its slots filled, for outlines and notes."""

    def value(match: re.Match[str]) -> str:
        name, lifted = match[1], bool(match[2])
        word = slots.get(name, slots.get(name.lower(), ""))
        return word[:1].upper() + word[1:] if lifted else word

    text = re.sub(r"\{(\w+)(\^?)\}", value, template)
    return capitalise(re.sub(r" {2,}", " ", text).strip())


def compose(
    genre: banks.Genre,
    seed: seedwork.Seed,
    people: cast.Cast,
    ladder: banks.Ladder,
    thing: seedwork.Thing,
    home: banks.Place,
    slots: dict[str, str],
    pages: int,
    wished: tuple[str, ...],
    rng: random.Random,
) -> tuple[Outline, dict[str, Scene]]:
    """The outline, and its scenes by the titles of their beats. `wished` is what it has to bring in."""
    scenes = (
        planning.files(genre, people, pages, rng)
        if genre.name == "scp"
        else planning.scenes(genre, people, home, pages, rng)
    )
    budgets = planning.budgets(len(scenes), pages * WORDS_PER_PAGE, rng)
    image = {"open_noun": slots["open_noun"]}
    base = slots | image | _third(people)
    beats: list[Beat] = []
    by_title: dict[str, Scene] = {}
    for index, (scene, words) in enumerate(zip(scenes, budgets, strict=True)):
        if genre.name == "scp":
            title, summary, names = _tell_file(scene, ladder, base | {"P": slots["P"]}, people, index)
        else:
            title, summary, names = _tell(scene, ladder, base, thing, people)
        while title in by_title:
            title = _next(title)
        if wished and index % max(1, len(scenes) // 4) == 0:
            named = wished[(index // max(1, len(scenes) // 4)) % len(wished)]
            summary += f" Here {named if named[0].isupper() else 'the ' + named} comes in, as asked."
        by_title[title] = scene
        beats.append(Beat(title=title, summary=summary, words=words, place=scene.place.name, people=names))
    return _assemble(genre, seed, people, ladder, home, base, thing, beats, scenes, rng), by_title


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
        "place": scene.place.name,
        "within": scene.place.within,
        "Within": scene.place.within,
        "topic": topic,
        "inplace": scene.place.within,
        "place_bare": "papers",
    }
    rungs = [shape for shape in scene.shapes if shape in ladder.rungs]
    if rungs:
        parts = [fill(ladder.rungs[rung].summary, slots) for rung in rungs]
        names += [
            m.short
            for key, m in people.others.items()
            if any(f"{{{key}" in _texts(ladder, rung) for rung in rungs) and key != "E"
        ]
        opening = fill("{P_name} is introduced {within}, with {open_noun}. ", slots) if "open" in scene.shapes else ""
        return (
            fill(ladder.rungs[rungs[0]].title, slots),
            f"{opening} ".lstrip() + " ".join(parts),
            list(dict.fromkeys(names)),
        )
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


def _tell_file(
    scene: Scene, ladder: banks.Ladder, base: dict[str, str], people: cast.Cast, index: int
) -> tuple[str, str, list[str]]:
    title, summary = report.describe(scene.shapes[0], index, ladder.name)
    names = [people.protagonist.short]
    slots = dict(base)
    if scene.partner:
        slots |= people.others[scene.partner].slots("N")
        names.append(people.others[scene.partner].short)
    return title, fill(summary, slots), names


def _texts(ladder: banks.Ladder, rung: str) -> str:
    return " ".join(ladder.rungs[rung].lines)


def _assemble(
    genre: banks.Genre,
    seed: seedwork.Seed,
    people: cast.Cast,
    ladder: banks.Ladder,
    home: banks.Place,
    slots: dict[str, str],
    thing: seedwork.Thing,
    beats: list[Beat],
    scenes: list[Scene],
    rng: random.Random,
) -> Outline:
    shared = banks.shared()
    voices, wants, looks = (list(shared[f"cast-{key}"]) for key in ("voice", "wants", "looks"))
    for bank in (voices, wants, looks):
        rng.shuffle(bank)
    lead = people.protagonist
    persons = [
        _person(
            lead.name,
            lead.role or (f"of {people.group}" if people.group else "the one it happens to"),
            looks,
            wants,
            voices,
            0,
        )
    ]
    shown = [key for key in people.others if key in ("A", "E") or len(beats) > 2]
    for number, key in enumerate(shown, 1):
        member = people.others[key]
        role = re.sub(r"\b(my|me)\b", lambda m: f"{lead.short}'s" if m[1] == "my" else lead.short, member.role)
        persons.append(_person(member.name, role, looks, wants, voices, number, gone=key == "E"))
    places = {scene.place.name: scene.place for scene in scenes} | {genre.far.name: genre.far}
    premise = seed.clause or seed.matter
    opening = f"{premise[0].upper()}{premise[1:]}. " if premise else ""
    return Outline(
        title=titles.title(rng.choice(titles.fitting(genre, thing, slots, ladder.titles)), slots),
        logline=opening + fill(ladder.logline, slots),
        setting=_setting(genre, home, slots),
        people=persons,
        places=[
            PlaceNote(name=name, description=f"Here: {', '.join(p.details[:3])}.")
            for name, p in list(places.items())[:30]
        ],
        rules=[
            fill(ladder.rule, slots),
            fill("{E} is gone, and speaks to the last only through what {Ehe} left behind.", slots),
        ],
        beats=beats,
    )


def _person(
    name: str, role: str, looks: list[str], wants: list[str], voices: list[str], number: int, gone: bool = False
) -> Person:
    look, want = looks[number % len(looks)], wants[number % len(wants)]
    if gone:
        return Person(
            name=name,
            role=role,
            description=f"Gone before the story opens; {look}, by all accounts.",
            voice="heard only in what was written down",
        )
    return Person(
        name=name, role=role, description=f"{look[0].upper()}{look[1:]}; {want}.", voice=voices[number % len(voices)]
    )


def _setting(genre: banks.Genre, home: banks.Place, slots: dict[str, str]) -> str:
    name = home.name[0].upper() + home.name[1:]
    return f"{name} and what lies round it: {', '.join(home.details[:3])}. Beyond that, {genre.far.name}."
