"""How far a wish is followed, said in a sentence, and the names that people are to have in the text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller import seedwork, wishes
from coordinator.llm.storyteller.plot import Tale
from coordinator.llm.storyteller.tagger import tagged
from coordinator.llm.storyteller.wishes import Wish
from coordinator.story.material import Outline

_FROM_WRITER = re.compile(r"^Asked for by the person whose story it is:\s{0,3}")
_BRINGS = re.compile(
    r"\b(?:bring|add|include|mention|put|give|feature|use|let|have|work in|weave in|needs?|want|show|introduce|should|"
    r"must|could|would|like|where|what about|miss(?:es|ing)?|change the setting|set it|more|is|are|has)\b",
    re.IGNORECASE,
)
_UNWANTED = re.compile(
    r"\b(?:don't|do not|no|not|never|less|fewer|without|cut|remove|delete|take out|leave out|drop|avoid|"
    r"too (?:much|many))\b",
    re.IGNORECASE,
)
_ANOTHER = re.compile(
    r"\b(?:something|anything) else\b|\banother (?:one|outline|story)\b|\b(?:fine|good|great|thanks?)\b", re.I
)
_ALWAYS = {
    "third": "It is told in the third person.",
    "past": "It is told in the past tense.",
    "less-dialogue": "What can be told without talk is.",
    "less-description": "Description is kept to what a scene can't do without.",
    "more-dialogue": "Scenes get another exchange where there is room.",
    "more-description": "Scenes get more that can be seen, heard and touched.",
    "vivid": "Scenes get more that can be seen, heard and touched.",
    "shorter": "What a scene can do without is cut, as far as its pages allow.",
    "faster": "What a scene can do without is cut, as far as its pages allow.",
    "dark": "Its tone is grave.",
    "sad": "Its tone is grave.",
    "cold": "Its tone is cold.",
    "warm": "Its tone is warm.",
    "funny": "Its tone is funny.",
}
_NEVER = {
    "second": "It can't be told in the second person: the built-in storyteller tells in the first or the third.",
    "present": "It can't be told in the present tense: the built-in storyteller tells in the past.",
    "no-dialogue": "It can't do without any dialogue: the built-in storyteller's turning points are spoken. "
    "Where the prompt asks for that, there is a third to a half less.",
    "length": "Its length is that of the pages that are set, 300 words a page; another figure isn't followed.",
    "longer": "It can't be made longer than its pages: set more pages for that.",
    "slower": "Its pace can't be slowed: the built-in storyteller has one plan for each length.",
    "simpler": "Its language can't be made simpler: the built-in storyteller has the sentences that it has.",
    "ending": "Its ending can't be changed: it belongs to the plan; ask for another outline to have another one.",
    "original": "It can't be made more original: the built-in storyteller has the plots that it has.",
    "title": "Its title can't be made to order: give it another one yourself.",
    "pov": "It can't be told from somebody else's side: the built-in storyteller stays with its protagonist.",
    "form": "It can't be told in that form: the built-in storyteller has prose, and files for reports.",
    "language": "It can't be in another language: the built-in storyteller writes English only.",
    "verse": "It can't be told in verse: the built-in storyteller writes prose only.",
}


def of_notes(notes: Sequence[str]) -> tuple[Wish, ...]:
    """The wishes in notes, those of the cast's own readers included."""
    found = [wish for note in notes for wish in wishes.find(_FROM_WRITER.sub("", note))[0]]
    return tuple(dict.fromkeys(found))


def of_writer(notes: Sequence[str]) -> tuple[Wish, ...]:
    """The wishes of the person whose story it is, and not those of its readers; `unknown` ones where a note can't be
    understood."""
    said = [note for note in notes if _FROM_WRITER.match(note)]
    lost = [
        Wish("unknown", told=_FROM_WRITER.sub("", note).strip()[:80])
        for note in said
        if not of_notes([note]) and not things(note) and not _ANOTHER.search(note)
    ]
    return (*of_notes(said), *lost)


def kept(tale: Tale, asked: Sequence[Wish]) -> list[str]:
    """A sentence for each wish that is followed."""
    return list(dict.fromkeys(said for wish in asked if (said := _kept(tale, wish))))


def not_kept(tale: Tale, asked: Sequence[Wish]) -> list[str]:
    """A sentence for each wish that is not followed, or not wholly."""
    return list(dict.fromkeys(said for wish in asked if (said := _not_kept(tale, wish))))


def _kept(tale: Tale, wish: Wish) -> str:
    if wish.kind == "rename":
        pair = _renamed(tale, wish)
        return f"{pair[0]} is called {pair[1]} in what is written from here on." if pair else ""
    if wish.kind == "first":
        return "It is told in the first person." if tale.genre.first_person else ""
    if _not_kept(tale, wish):
        return ""
    return _ALWAYS.get(wish.kind, "")


def _not_kept(tale: Tale, wish: Wish) -> str:
    if wish.kind == "unknown":
        return f"“{wish.told}” is not followed: the built-in storyteller can't make out what is to be done."
    if wish.kind == "rename":
        if _renamed(tale, wish):
            return ""
        return (
            f"Nobody in this story is called {wish.old}." if wish.old else "It isn't clear whose name is to be another."
        )
    if wish.kind == "first" and not tale.genre.first_person:
        if tale.seed.wants("first"):
            return "A report can't be told in the first person: it is a file."
        return "It can't change to the first person on the way: ask for it in the prompt."
    if wish.kind == "third" and tale.genre.first_person:
        return "It can't be told in the third person: in this genre the built-in storyteller tells in the first."
    if wish.kind in ("more-dialogue", "more-description", "vivid") and tale.genre.name == "scp":
        return "A report has its own manner, which can't be changed by more than a sentence here and there."
    return _NEVER.get(wish.kind, "")


def _renamed(tale: Tale, wish: Wish) -> tuple[str, str] | None:
    """Whose name is to be another, and which; None where nobody is meant whom the story has."""
    cast = [tale.cast.protagonist, *tale.cast.others.values()]
    old = wish.old.lower()
    if old in ("him", "her", "it", "them", ""):
        wanted = [one for one in cast if old in ("", "it", "them") or one.female == (old == "her")]
    elif old.startswith("the "):
        wanted = [one for one in cast if old[4:] in re.findall(r"\w+", one.role.lower())]
    else:
        wanted = [one for one in cast if old in re.findall(r"\w+", one.name.lower())]
    if not wanted:
        return None
    one = wanted[0]
    if wish.new:
        return one.short, wish.new
    taken = {word for member in cast for word in member.name.split()}
    names = [entry.split() for entry in tale.genre.words["names"]]
    fit = [name for name, sex in names if (sex == "f") == one.female and name not in taken]
    return (one.short, tale.rng(f"rename {one.short}").choice(fit)) if fit else None


def names(tale: Tale, outline: Outline | None, notes: Sequence[str]) -> dict[str, str]:
    """What people are called in the text, by what the tale calls them: by the notes' wishes, and where a person has
    changed a name in the outline."""
    found = dict(pair for wish in of_notes(notes) if wish.kind == "rename" and (pair := _renamed(tale, wish)))
    members = [tale.cast.protagonist, *tale.cast.others.values()]
    for mine, theirs in zip(tale.outline.people, outline.people if outline else [], strict=False):
        same = mine.description == theirs.description and mine.name != theirs.name
        member = next((one for one in members if one.name == mine.name), None)
        if same and member is not None:
            found.setdefault(member.short, theirs.name.split()[0])
    return found


def _of_criticism(thing: seedwork.Thing) -> bool:
    return thing.phrase.lower() in lx.ORDERS or bool(set(thing.phrase.lower().split()) & lx.NOTE_WORDS)


def rename(text: str, called: dict[str, str]) -> str:
    """`text` with each name in place of the other."""
    if not called:
        return text
    pattern = "|".join(re.escape(name) for name in sorted(called, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda match: called[match[0]], text)


def renamed_outline(outline: Outline, called: dict[str, str]) -> Outline:
    return Outline.model_validate_json(rename(outline.model_dump_json(), called)) if called else outline


def things(note: str) -> list[seedwork.Thing]:
    """What a note asks to be brought in: the things of its sentences that ask for some, or that are nothing but things,
    when its wishes for the telling are taken out. What it does not want is none of them."""
    note = _FROM_WRITER.sub("", note)
    _, rest = wishes.find(seedwork.clean(re.sub(r"[“\"][^“”\"]*[”\"]", "", note[: wishes.MOST])))
    found: list[seedwork.Thing] = []
    for part in re.split(r"(?<=[.!?;])\s+", rest):
        if not part or _UNWANTED.search(part):
            continue
        bare = not any(word.tag in ("V", "M") for word in tagged(part))
        if bare or _BRINGS.search(part):
            found += [thing for thing in seedwork.phrases(part) if not _of_criticism(thing)]
    return found
