"""The corpora of this folder as cases: a text before, what is left of it, and what was taken off."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coordinator.agents.library import load_library
from coordinator.models import StoryConfig
from coordinator.story.brief import Brief
from coordinator.story.material import Beat, Bible, Outline, Person

FOLDER = Path(__file__).parent
LIBRARY = load_library()
OUTLINE = Outline(
    title="The Eighth Lamp",
    logline="A keeper counts.",
    setting="A coast.",
    people=[
        Person(name="Mara Voss", role="keeper", description="Tired."),
        Person(name="Tom", role="her brother", description="Gone."),
    ],
    beats=[
        Beat(title="Dusk", summary="She counts the lamps.", words=120),
        Beat(title="The stairs", summary="There is one too many.", words=120),
    ],
)


@dataclass(frozen=True)
class Case:
    name: str
    before: str
    after: str
    removed: tuple[str, ...]
    no_story: str | None
    brief: Brief


def brief(**given: Any) -> Brief:
    """A draft of section 2 of 3. `form` and `template` say which page it has."""
    template = LIBRARY.get(given.pop("template", "short-story"))
    if form := given.pop("form", ""):
        template = template.model_copy(update={"style": template.style.model_copy(update={"form": form})})
    common = Brief(
        step="draft-2",
        kind="draft",
        agent="writer",
        template=template,
        prompt="A keeper of lamps.",
        config=StoryConfig(),
        outline=OUTLINE,
        beats=OUTLINE.beats,
        bible=Bible(people=OUTLINE.people),
        section=2,
        sections=3,
        words=60,
    )
    return replace(common, **given)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


STORIES: dict[str, str] = {language: text.strip() for language, text in _read("stories.toml").items()}


def _filled(text: str) -> str:
    for language, story in STORIES.items():
        text = text.replace("{" + language + "}", story)
    return text


def _given(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("template", "form", "prompt", "notes", "section") if key in entry}


def to_remove(name: str) -> list[Case]:
    """What is to be taken off, of one of the files."""
    read = _read(name)
    cases: list[Case] = []
    for kind, join in (("preamble", "{said}\n\n{story}"), ("remark", "{story}\n\n{said}")):
        for language, wordings in read[kind].items():
            for said in wordings:
                before = join.format(said=said, story=STORIES[language])
                cases.append(Case(f"{kind} {language}: {said}", before, STORIES[language], (kind,), None, brief()))
    for kind in ("question", "refusal"):
        for language, wordings in read[kind].items():
            cases += [Case(f"{kind} {language}: {said}", said, said, (), kind, brief()) for said in wordings]
    for entry in read["whole"]:
        before = _filled(entry["before"])
        story = next((STORIES[key] for key in STORIES if "{" + key + "}" in entry["before"]), "")
        after = _filled(entry["after"]) if "after" in entry else story
        removed = tuple(entry["removed"])
        cases.append(Case(entry["what"], before, after, removed, None, brief(**_given(entry))))
    return cases


def to_stay(name: str) -> list[Case]:
    """What must stay as it is. Three times the story: a text of some length, as a section is."""
    read = _read(name)
    cases: list[Case] = []
    for place in ("opening", "ending"):
        for language, wordings in read[place].items():
            story = "\n\n".join([STORIES[language]] * 3)
            for said in wordings:
                text = f"{said}\n\n{story}" if place == "opening" else f"{story}\n\n{said}"
                cases.append(Case(f"{place} {language}: {said}", text, text, (), None, brief()))
    for entry in read["stays"]:
        text = _filled(entry["text"])
        cases.append(Case(entry["what"], text, text, (), None, brief(**_given(entry))))
    return cases
