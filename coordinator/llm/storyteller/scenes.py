"""The scenes of a story: in what order, where, when, with whom, and of how many words."""

from __future__ import annotations

import random
from dataclasses import dataclass

from coordinator.llm.storyteller import banks, cast, report
from coordinator.story.brief import WORDS_PER_PAGE

SceneSeed = tuple[tuple[str, ...], str, banks.Secret | None]
"""Shapes, key of the partner, secret."""

SINGLE = ("road", "past", "craft", "snag", "wait", "ask", "choose", "spar", "hunt", "jest", "warn", "deal", "plan")


_TIMES = {
    "science-fiction": (
        ("at the change of watch", "that watch"),
        ("two watches later", "that watch"),
        ("in the middle of the sleep cycle", "that night cycle"),
        ("when the lights came up", "that day cycle"),
        ("nine hours after", "that shift"),
        ("on the last shift of the week", "that shift"),
    ),
    "": (
        ("the next morning", "that morning"),
        ("toward evening", "that evening"),
        ("after dark", "that night"),
        ("two days later", "that day"),
        ("at first light", "that morning"),
        ("late in the afternoon", "that afternoon"),
        ("at the end of the week", "that day"),
        ("before anyone was up", "that morning"),
        ("about noon", "that day"),
        ("on the following evening", "that evening"),
    ),
}


_PAIRED = frozenset({"ask", "warn", "deal", "spar", "jest", "plan", "road"})


@dataclass(frozen=True)
class Scene:
    """What the prose must know of a beat."""

    shapes: tuple[str, ...]
    place: banks.Place
    partner: str = ""
    secret: banks.Secret | None = None
    time: tuple[str, str] = ("", "")


def _count(pages: int) -> int:
    size = 150 if pages <= 5 else 170 if pages <= 12 else 200
    return max(2, round(pages * WORDS_PER_PAGE / size))


def budgets(count: int, total: int, rng: random.Random) -> list[int]:
    weights = [rng.uniform(0.93, 1.12) for _ in range(count)] if count > 2 else [1.0] * count
    if 5 < count < 12:
        weights[-1] *= 1.6  # the last scene has the climax and the ending, and in a short story little else would fit
    elif count >= 12:
        weights[-1] *= 1.3
    words = [round(total * weight / sum(weights) / 5) * 5 for weight in weights]
    words[-1] += total - sum(words)
    return words


def scenes(genre: banks.Genre, people: cast.Cast, home: banks.Place, pages: int, rng: random.Random) -> list[Scene]:
    count = _count(pages)
    plans: list[SceneSeed]
    if count <= 3:
        plans = [(("open", "disturbance"), "", None), (("turn", "climax", "ending", "close"), "", None)]
        if count == 3:
            plans.insert(1, (("record",), "", None))
    elif count <= 5:
        plans = [
            (("open", "disturbance"), "", None),
            (("record",), "", None),
            (("turn", "dark"), "", None),
            (("climax", "ending", "close"), "", None),
        ]
        plans += [(("ask",), "A", None)] * (count - 4)
    else:
        before, after = _middle(genre, people, count - 6, rng)
        plans = [
            (("open",), "", None),
            (("disturbance",), "", None),
            (("record",), "", None),
            *before,
            (("turn",), "", None),
            *after,
            (("dark",), "", None),
            (("climax", "ending", "close"), "", None),
        ]
    if 4 < count <= 5:
        plans.insert(2, plans.pop())
    return _set(genre, home, plans, rng)


def files(genre: banks.Genre, people: cast.Cast, pages: int, rng: random.Random) -> list[Scene]:
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


def _middle(
    genre: banks.Genre, people: cast.Cast, room: int, rng: random.Random
) -> tuple[list[SceneSeed], list[SceneSeed]]:
    """The scenes between the fixed ones: threads (found, asked, told, what came of it), and single scenes between."""
    pool = [secret for secret in banks.secrets() if genre.name not in secret.not_in]
    rng.shuffle(pool)
    holders = ["A", *(key for key in people.others if key.startswith("Y"))]
    if genre.name != "fairy-tale":
        holders.insert(1, "X")
    talkers = [*holders, "W"] if genre.name != "fairy-tale" else holders
    scenes: list[SceneSeed] = []
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


def _set(
    genre: banks.Genre,
    home: banks.Place,
    plans: list[SceneSeed],
    rng: random.Random,
) -> list[Scene]:
    """Gives every scene its place and time."""
    places = list(genre.places)
    rng.shuffle(places)
    times = list(_TIMES.get(genre.name, _TIMES[""]))
    rng.shuffle(times)
    found: list[Scene] = []
    for index, (shapes, partner, secret) in enumerate(plans):
        homely = (
            {"open", "disturbance"} if genre.name == "fairy-tale" else {"open", "disturbance", "record", "turn", "dark"}
        )
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
