"""How well prompts are read: each of `tests/data/readings*.jsonl` says what it should give. Run as a program it prints
what was missed."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.llm.storyteller import banks, plot, seedwork
from coordinator.llm.storyteller.figures import Figure

DATA = Path(__file__).parents[2] / "data"


@dataclass(frozen=True)
class Case:
    """`things` and `places` are heads of noun phrases, all that may be found; with `*` the story may turn on it, with `?`
    it need not be found. `people` are `name/role/flags`, flags `she`, `he`, `gone`, and `?` for one who need not be found.
    """

    prompt: str
    things: str
    places: str
    people: tuple[str, ...]
    wishes: frozenset[str]


def cases(name: str) -> list[Case]:
    lines = (DATA / name).read_text("utf-8").splitlines()
    return [_case(json.loads(line)) for line in lines]


def _case(told: dict[str, Any]) -> Case:
    wished = frozenset(told.get("wishes", "").split())
    return Case(told["p"], told["things"], told.get("places", ""), tuple(told.get("people", ())), wished)


def faults(case: Case) -> list[str]:
    """What is wrong with the reading of a prompt, in words; empty where it is as expected."""
    seed = seedwork.read(case.prompt)
    return [*_things(case, seed), *_people(case, seed), *_wishes(case, seed)]


def _things(case: Case, seed: seedwork.Seed) -> list[str]:
    told = [word.rstrip("*?") for word in case.things.split()]
    places = [word.rstrip("?") for word in case.places.split()]
    found = [thing.head.lower() for thing in seed.things]
    spots = [place.split()[-1].lower() for place in seed.places]
    wrong = [f"is no thing: {word}" for word in found if word not in told + places]
    wrong += [f"is no place: {word}" for word in spots if word not in told + places]
    need = [word.rstrip("*") for word in case.things.split() if not word.endswith("?")]
    wrong += [f"is not found: {word}" for word in need if word not in found + spots]
    wrong += [
        f"is not found: {word}" for word in case.places.split() if not word.endswith("?") and word not in found + spots
    ]
    central = [word.rstrip("*?") for word in case.things.split() if "*" in word]
    if central:
        head = plot.tale(case.prompt, "short-story", "", "", "1", 3).thing.head.lower()
        wrong += [] if head in central else [f"turns on: {head}"]
    return wrong


def _people(case: Case, seed: seedwork.Seed) -> list[str]:
    wrong: list[str] = []
    left = list(seed.figures)
    for told in case.people:
        name, role, flags = told.split("/")
        hit = next((one for one in left if _is(one, name, role)), None)
        if hit is None:
            wrong += [] if "?" in flags else [f"is not there: {told}"]
            continue
        left.remove(hit)
        if "?" not in flags and hit.gone != ("gone" in flags):
            wrong.append(f"is {'not ' * (not hit.gone)}dead: {told}")
        she = True if "she" in flags else False if "he" in flags.split() else None
        if she is not None and "?" not in flags and hit.she is not she:
            wrong.append(f"is taken for {hit.she}: {told}")
    wrong += [f"is nobody: {one.name or one.role}" for one in left]
    return wrong


def _is(one: Figure, name: str, role: str) -> bool:
    roles = {one.head, one.head.removesuffix("s"), one.head.removesuffix("en").replace("childr", "child")}
    roles |= {"thief"} if one.head == "thieves" else set()
    named = not name or name in one.name.split() or name in one.name
    return named and bool(one.name) == bool(name) and (not role or bool(roles & set(role.split("|"))))


def _wishes(case: Case, seed: seedwork.Seed) -> list[str]:
    found = {wish.kind for wish in seed.wishes}
    return [] if found == case.wishes else [f"wishes: {sorted(found)}"]


if __name__ == "__main__":
    banks.small_words()
    for name in sys.argv[1:]:
        right = 0
        for case in cases(name):
            wrong = faults(case)
            right += not wrong
            if wrong:
                print(f"{case.prompt[:70]!r}: {'; '.join(wrong)}")
        print(name, right, "of", len(cases(name)))
