"""Who is in a story: names, parts, pronouns."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from coordinator.llm.storyteller import banks, lexicon
from coordinator.llm.storyteller.seedwork import Seed, article
from coordinator.llm.storyteller.tagger import is_plural

_TITLES = re.compile(
    r"^(agent|captain|dr\.?|doctor|professor|mr\.?|mrs\.?|ms\.?|miss|sir|lady|lord|lieutenant|sergeant|commander|"
    r"detective|inspector|sister|brother|father|mother|king|queen|prince|princess|researcher)\s+(?=\w)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Member:
    """`name` is the full name, `short` what the telling calls them."""

    name: str
    short: str
    role: str
    female: bool

    @property
    def he(self) -> str:
        return "she" if self.female else "he"

    @property
    def his(self) -> str:
        return "her" if self.female else "his"

    @property
    def him(self) -> str:
        return "her" if self.female else "him"

    def slots(self, key: str) -> dict[str, str]:
        """The slots of a person who is not the protagonist, each beginning with `key`."""
        return {
            key: self.short,
            f"{key}he": self.he,
            f"{key}his": self.his,
            f"{key}him": self.him,
            f"{key}poss": f"{self.short}'s",
            f"{key}self": f"{self.him}self",
            f"{key}role": self.role,
        }


@dataclass(frozen=True)
class Cast:
    protagonist: Member
    group: str
    """Whom the protagonist stands for where the writer named a group (`the Marchetti family`); else empty."""
    others: dict[str, Member]
    """By key: A ally, X rival, E elder who is gone, W witness, and Y1, Y2 … further people."""


def female(name: str, role: str, rng: random.Random) -> bool:
    """A guess at whether somebody is a she, by a noun or a known first name, else by the seed."""
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", f"{name} {role}")]
    for word in words:
        if word in lexicon.FEMALE_NAMES or word in lexicon.FEMALE_NOUNS:
            return True
        if word in lexicon.MALE_NAMES or word in lexicon.MALE_NOUNS:
            return False
    first = words[0] if words else ""
    if first.isascii() and len(first) > 2 and name[:1].isupper():
        return first.endswith(("a", "ie", "elle", "ine", "ette", "lyn")) if rng.random() < 0.9 else rng.random() < 0.5
    return rng.random() < 0.5


def gather(genre: banks.Genre, seed: Seed, protagonist: str, pages: int, rng: random.Random) -> Cast:
    """The cast of a story of `pages` pages."""
    taken = set(re.findall(r"\w+", protagonist.lower()))
    names = [name for name in genre.words["names"] if name.split()[0].lower() not in taken]
    rng.shuffle(names)
    parts = {lexicon.KIN.get(person.split()[-1].lower(), ""): person for person in seed.people}
    lead, group = _protagonist(genre, seed, protagonist, names, rng)
    keys = ["E", "A", "X", "W"] + [f"Y{number}" for number in range(1, _extras(pages) + 1)]
    roles = list(genre.words["extra"])
    rng.shuffle(roles)
    others: dict[str, Member] = {}
    for key in keys:
        others[key] = _other(key, genre, parts, roles, names, lead, rng)
    return Cast(lead, group, others)


def _extras(pages: int) -> int:
    return 0 if pages < 6 else min(1 + pages // 8, 6)


def _protagonist(
    genre: banks.Genre, seed: Seed, wanted: str, names: list[str], rng: random.Random
) -> tuple[Member, str]:
    free = [person for person in seed.people if lexicon.KIN.get(person.split()[-1].lower(), "") == ""]
    creatures = [thing.phrase for thing in seed.things if thing.kind == "animal"] if genre.name == "fairy-tale" else []
    role = next((person for person in free if not is_plural(person) and person != "family"), "")
    if not role and wanted and creatures:
        role = creatures[0]
    if genre.first_person and not role:
        role = genre.words["lone_role"][0]
    wanted = re.sub(r"[<>{}\[\]|\\^`*#_\"]|\s+", " ", wanted)
    wanted = re.sub(r" +", " ", wanted).strip(" .,;:!?")
    if not wanted:
        role = role or rng.choice(genre.words["lone_role"])
        sexed = _sex(role)
        picked = next((name for name in names if sexed is None or name.endswith(" f" if sexed else " m")), names[0])
        names.remove(picked)
        name, sex = picked.split()
        return Member(name, name, role, sex == "f"), ""
    words = wanted.split()
    if words[0].lower() == "the" and (words[-1].lower() == "family" or is_plural(words[-1])):
        name, sex = names.pop().split()
        return Member(name, name, role, sex == "f"), wanted
    titled = _TITLES.match(wanted)
    bare = wanted[titled.end() :] if titled else wanted
    if titled and not role:
        role = titled[1].lower().rstrip(".")
    short = wanted if words[0].lower() in ("the", "a", "an") else bare.split()[-1 if titled else 0]
    return Member(wanted, short, "" if role and role in wanted.lower() else role, female(wanted, role, rng)), ""


def _other(
    key: str,
    genre: banks.Genre,
    parts: dict[str, str],
    roles: list[str],
    names: list[str],
    lead: Member,
    rng: random.Random,
) -> Member:
    part = {"E": "elder", "A": "ally", "X": "rival", "W": "witness"}.get(key, "extra")
    his = "my" if genre.first_person else lead.his
    him = "me" if genre.first_person else lead.him
    if part == "extra":
        role = roles.pop() if roles else rng.choice(genre.words["minor"]).removeprefix("the ")
    else:
        role = rng.choice(genre.words[part])
    role = role.replace("{his}", his).replace("{him}", him)
    if key == "X" and genre.name == "fairy-tale":
        return Member(role, role, "who collects what others love", "Queen" in role)
    wanted = parts.get(part, "")
    if wanted and part != "rival":
        head = wanted.split()[-1].lower()
        wanted = {"children": "child"}.get(head, wanted.removesuffix("s") if is_plural(head) else wanted)
        role = (
            f"{his} {wanted}" if part != "witness" or wanted not in ("child", "girl", "boy") else f"{article(wanted)}"
        )
    elif not role.startswith(("a ", "an ", "the ", "my ", "her ", "his ")):
        role = (
            f"the {role}"
            if part in ("rival", "extra") or role.startswith(("youngest", "oldest"))
            else f"{his} {role}"
            if part == "ally"
            else article(role)
        )
    sexed = _sex(role)
    fitting = [name for name in names if sexed is None or name.endswith(" f" if sexed else " m")] or names
    picked = fitting[-1] if fitting else f"{rng.choice(['Ansel m', 'Orla f', 'Emeric m', 'Tilda f'])}"
    if picked in names:
        names.remove(picked)
    name, sex = picked.split()
    return Member(name, name, role, sex == "f")


def _sex(role: str) -> bool | None:
    """Whether a role is a woman's; None where it may be anyone's."""
    words = set(re.findall(r"\w+", role.lower().split(",")[0]))
    if words & lexicon.FEMALE_NOUNS:
        return True
    return False if words & lexicon.MALE_NOUNS else None
