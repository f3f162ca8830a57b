"""Giving the parts of a story to the people that its prompt names."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

from coordinator.llm.storyteller import banks, figures
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.cast import Cast, Member
from coordinator.llm.storyteller.figures import Figure
from coordinator.llm.storyteller.seedwork import Seed, Thing, article

_RIVALS = frozenset(
    [
        "rival",
        "enemy",
        "opponent",
        "antagonist",
        "villain",
        "traitor",
        "impostor",
        "murderer",
        "killer",
        "landlord",
        "landlady",
        "bailiff",
        "judge",
        "mayor",
    ]
)
_NO_KIN = frozenset(["girl", "boy", "child", "children", "opponent", "enemy", "rival"])
"""Of those who have a part by what they are, those who need be nobody's."""
_ALWAYS_I = ("noir", "scp")
"""Genres whose banks are in one person from end to end."""


def point_of_view(genre: banks.Genre, seed: Seed) -> banks.Genre:
    """The genre, told in the first person where that is asked for and its lines can be."""
    if seed.wants("first") and genre.name not in _ALWAYS_I:
        return replace(genre, first_person=True)
    return genre


def lead(seed: Seed, protagonist: str) -> str:
    """The name of the protagonist: the writer's choice, else whom the prompt names before anybody else; or empty."""
    figure = _lead(seed)
    return protagonist or (figure.name if figure else "")


def _lead(seed: Seed) -> Figure | None:
    living = [one for one in seed.figures if not one.gone and not one.many]
    first = next((one for one in living if not one.owned), None)
    named = next((one for one in living if one.name), None)
    return first if first is not None and (first.name or not named or named.owned) else named or first


def called(people: Cast, seed: Seed, genre: banks.Genre, protagonist: str, rng: random.Random) -> tuple[Cast, Seed]:
    """The cast with the prompt's people in its parts, and the seed with those for whom there is none among its things.

    The dead get the part of the one who is gone; nobody who lives does.
    """
    if not seed.figures:
        return people, seed
    figure = _lead(seed)
    own = next((one for one in seed.figures if protagonist and one.name and _shares(one.name, protagonist)), None)
    if protagonist:
        figure = own or (figure if figure is not None and not figure.name else None)
    hero = _hero(people.protagonist, figure, genre, protagonist, rng)
    living = [one for one in seed.figures if not one.gone and one is not figure and not one.many]
    dead = [one for one in seed.figures if one.gone]
    others = dict(people.others)
    if hero.female != people.protagonist.female and not genre.first_person:
        others = {key: replace(one, role=_of_hers(one.role, hero)) for key, one in others.items()}
    used = {hero.name, *(one.name for one in seed.figures)}
    names = _names(genre, used | {member.name for member in others.values()}, rng)
    his, him = ("my", "me") if genre.first_person else (hero.his, hero.him)
    if dead:
        others["E"] = _member(dead[0], others["E"], hero, his, names)
    elif any(one.head and one.head in others["E"].role.split() for one in living):
        roles = [
            role for role in genre.words["elder"] if not any(one.head in role.split() for one in living if one.head)
        ]
        role = (roles or list(genre.words["elder"]))[0].replace("{his}", his).replace("{him}", him)
        others["E"] = replace(
            others["E"], role=role if role.startswith(("the ", "my ", "her ", "his ")) else f"the {role}"
        )
    if hero.role and hero.role.split()[-1] in lx.KIN:
        # Who is the story's daughter has none of her own.
        for key, part in (("A", "ally"), ("W", "witness")):
            if others[key].role.split()[-1:] == hero.role.split()[-1:]:
                others[key] = replace(others[key], role=_default(genre, part, his, him))
    left: list[Figure] = dead[1:]
    free = [key for key in ("A", "X", "W", *(key for key in others if key.startswith("Y"))) if key in others]
    if genre.name == "fairy-tale":
        free.remove("X")
    for one in sorted(living, key=lambda one: not one.name):
        key = _part(one, free)
        if key:
            free.remove(key)
            others[key] = _member(one, others[key], hero, his, names)
        else:
            left.append(one)
    more = tuple(Thing(one.name or one.role, "person") for one in left if one.name or one.role)
    others = _apart(others, hero, names)
    return Cast(hero, people.group, others), replace(seed, things=(*seed.things, *more[:4]))


def _shares(one: str, other: str) -> bool:
    return bool(set(one.lower().split()) & set(other.lower().split()) - set(lx.TITLES))


def _hero(member: Member, figure: Figure | None, genre: banks.Genre, protagonist: str, rng: random.Random) -> Member:
    """The protagonist as the prompt has them: their trade, and she or he."""
    if figure is None:
        return member
    role = member.role
    if figure.name or figure.role:
        role = figure.role or (genre.words["lone_role"][0] if genre.name == "noir" else "")
    if role and role.lower() in member.name.lower():
        role = ""
    she = member.female if figure.she is None else figure.she
    if she != member.female and not figure.name and not protagonist:
        name = next(_names(genre, {member.name}, rng, she), None)
        return Member(name[0], name[0], role, she) if name else replace(member, role=role)
    return replace(member, role=role, female=she)


def _of_hers(role: str, hero: Member) -> str:
    """A role that was made for a protagonist of the other sex: `her aunt, who raised her` for `his aunt, …`."""
    if hero.female:
        return re.sub(r"\b(?:his|him)\b", "her", role)
    return re.sub(r"\bher\b(?! (?!the\b|a\b)\w)", "him", role).replace("her ", "his ")


def _names(
    genre: banks.Genre, used: set[str], rng: random.Random, she: bool | None = None
) -> Iterator[tuple[str, bool]]:
    """Names of the genre that nobody has yet, with whose they are: `True` for hers."""
    found = [entry.split() for entry in genre.words["names"]]
    rng.shuffle(found)
    taken = {word for name in used for word in name.split()}
    return iter(
        [(name, sex == "f") for name, sex in found if name not in taken and (she is None or (sex == "f") == she)]
    )


def _default(genre: banks.Genre, part: str, his: str, him: str) -> str:
    """A role of the genre's own for a part, with its article."""
    role = genre.words[part][0].replace("{his}", his).replace("{him}", him)
    if role.startswith(("a ", "an ", "the ", "my ", "her ", "his ")):
        return role
    return f"{his} {role}" if part == "ally" else article(role)


def _part(one: Figure, free: list[str]) -> str:
    kin = {"ally": "A", "rival": "X", "witness": "W"}.get(lx.KIN.get(one.head, ""), "")
    wanted = kin or ("X" if one.head in _RIVALS else "")
    return wanted if wanted in free else next(iter(free), "")


def _member(one: Figure, member: Member, hero: Member, his: str, names: Iterator[tuple[str, bool]]) -> Member:
    """Somebody of the prompt in the part of `member`, whose name and role they keep where the prompt has none."""
    she = one.she if one.she is not None else None if one.name else member.female
    if one.name:
        name, short = one.name, _short(one.name)
        she = figures.sex_of_name(name) if she is None else she
        she = short.lower().endswith(("a", "ie", "elle", "ine", "ette", "lyn")) if she is None else she
    else:
        fit = next((entry for entry in names if entry[1] == she), None) if she != member.female else None
        name = short = fit[0] if fit else member.name
    role = member.role
    if one.name and not one.role and set(re.findall(r"\w+", role.lower())[:3]) & lx.ANIMALS:
        role = f"{his} companion on the road"  # who has a person's name is no goose
    if one.role and one.role in one.name.lower():
        role = article(one.role)
    elif one.role:
        own = one.owned or (one.head in lx.KIN and one.head not in _NO_KIN)
        role = f"{_whose(one, hero, his)} {one.role}" if own else f"the {one.role}"
    return Member(name, short, role, member.female if she is None else she)


def _whose(one: Figure, hero: Member, his: str) -> str:
    """The protagonist's, or somebody's who is told: `Leyla's`, `her brother's`, `the king's`."""
    if not one.of or one.of in hero.name.split() or one.of in hero.role.split():
        return his
    if one.of[0].isupper():
        return f"{one.of}'s"
    return f"{his} {one.of}'s" if one.of in lx.KIN else f"the {one.of}'s"


def _short(name: str) -> str:
    """What the telling calls them: the first name, or with a title the last, which `Mrs` and the like stay before."""
    words = name.split()
    title = words[0].lower().rstrip(".")
    if len(words) > 1 and title in lx.SHE_TITLES | lx.HE_TITLES:
        return f"{words[0]} {words[-1]}"
    return words[-1] if len(words) > 1 and title in lx.TITLES else words[0]


def _apart(others: dict[str, Member], hero: Member, names: Iterator[tuple[str, bool]]) -> dict[str, Member]:
    """No two people with one name: who was named by the genre gives way."""
    found: dict[str, Member] = {}
    taken = {hero.short, *hero.name.split()}
    for key, member in others.items():
        if member.short in taken and re.fullmatch(r"\w+", member.name):
            name = next(((name, sex) for name, sex in names if sex == member.female and name not in taken), None)
            member = replace(member, name=name[0], short=name[0]) if name else member
        taken.add(member.short)
        found[key] = member
    return found
