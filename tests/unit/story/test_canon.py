"""The bible of a project: what a story begins with of it, and what it offers to it in the end."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from coordinator.agents import prompts
from coordinator.agents.library import load_library
from coordinator.errors import InvalidMessage
from coordinator.models import StoryConfig
from coordinator.story import canon, plan
from coordinator.story.briefing import brief_of
from coordinator.story.canon import BibleEntry, Known, Lore, Source
from coordinator.story.material import Bible, Fact, Person, Place
from coordinator.story.work import Done, Work, context_of

WRITTEN = Source(how="written")
STORY = uuid4()
ADA = Lore(kind="person", name="Ada Quill", role="the keeper", description="She counts the ships.")
OUTLINE: dict[str, Any] = {
    "title": "The Lamp",
    "logline": "A lamp answers.",
    "setting": "An island in winter.",
    "people": [
        {"name": "ada quill", "role": "a clerk", "description": "Another description."},
        {"name": "Bo", "role": "a boy", "description": "He asks."},
    ],
    "places": [{"name": "The tower", "description": "It leans."}],
    "rules": ["No magic.", "The sea is cold."],
    "beats": [{"title": "One", "summary": "It begins.", "words": 300}],
}


def entry(lore: Lore, **more: Any) -> BibleEntry:
    return BibleEntry(**lore.model_dump(), id=more.get("id", uuid4()), source=more.get("source", WRITTEN))


def kept(*entries: BibleEntry) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in entries:
        part, item = canon.stored(one)
        found.setdefault(part, []).append(item)
    return found


def rule(text: str) -> Lore:
    return Lore(kind="rule", text=text)


def begun(*entries: BibleEntry, instructions: str = "") -> Work:
    known = canon.known_of({"bible": kept(*entries), "instructions": instructions})
    return plan.begun("A lamp.", StoryConfig(pages=1), load_library(None).get("short-story"), known)


def outlined(work: Work) -> Work:
    work = plan.advance(work, Done("brainstorm", None, "An idea."))
    return plan.advance(work, Done("outline", OUTLINE))


def test_entries_come_back_as_they_were_kept() -> None:
    told = Source(how="told", session_id=STORY, title="The Lamp")
    entries = [
        entry(ADA),
        entry(Lore(kind="place", name="The tower", description="It leans.")),
        entry(rule("No magic."), source=told),
    ]
    assert canon.entries_of(kept(*entries)) == entries
    broken = {"people": [None, 3, {"id": "x"}, {}], "rules": "none", "places": {"a": 1}, "facts": [[]], "other": [{}]}
    assert canon.entries_of(broken) == []
    assert canon.known_of({"bible": broken, "instructions": None}) == canon.known_of(None) == canon.NOTHING


@pytest.mark.parametrize(
    "lore",
    [
        Lore(kind="person", name="Bo"),
        Lore(kind="place", description="x"),
        Lore(kind="rule"),
        Lore(kind="fact", name="Bo"),
    ],
)
def test_an_entry_that_says_nothing_is_none(lore: Lore) -> None:
    with pytest.raises(InvalidMessage, match=lore.kind):
        canon.checked(lore)


def test_a_bible_is_cut_to_what_a_story_can_use_the_newest_first() -> None:
    facts = [entry(Lore(kind="fact", text=f"{number:04} {'x' * 95}")) for number in range(2000)]
    people = [entry(ADA)]
    bible = canon.bible_of([*facts, *people, entry(rule("No magic."))])
    assert bible.rules == ["No magic."] and bible.people[0].name == "Ada Quill"
    assert len(bible.facts) < 600 and bible.facts[-1].text.startswith("1999") and bible.facts[0].section == 0
    assert sum(len(fact.text) for fact in bible.facts) <= canon.KNOWN_CHARACTERS


def test_a_story_begins_with_what_its_project_knows() -> None:
    work = begun(
        entry(ADA),
        entry(rule("No magic.")),
        entry(Lore(kind="fact", text="The war is over.")),
        instructions="Be brief.",
    )
    for kind in ("brainstorm", "outline"):
        spec = plan.next_step(work)
        assert spec is not None and spec.kind == kind
        brief = brief_of(work, spec)
        asked = prompts.request(brief)
        for told in ("Ada Quill", "She counts the ships.", "No magic.", "Be brief."):
            assert told in asked, (kind, told)
        assert brief.hero == "Ada Quill"
        work = plan.advance(
            work, Done("brainstorm", None, "An idea.") if kind == "brainstorm" else Done("outline", OUTLINE)
        )
    # What the project says of her holds; what the outline adds comes after it.
    assert [(one.name, one.description) for one in work.bible.people] == [
        ("Ada Quill", "She counts the ships."), ("Bo", "He asks."),
    ]  # fmt: skip
    assert work.bible.rules == ["No magic.", "The sea is cold."]
    assert [fact.text for fact in work.bible.facts] == ["The war is over.", "An island in winter.", "A lamp answers."]
    asked = prompts.request(brief_of(work, next(spec for spec in plan.schedule(work) if spec.kind == "draft")))
    assert "Be brief." in asked and "She counts the ships." in asked
    # Kept with the session is what it has established itself.
    own = Bible.model_validate(context_of(work)["bible"])
    assert [one.name for one in own.people] == ["Bo"] and own.rules == ["The sea is cold."]
    assert [fact.text for fact in own.facts] == ["An island in winter.", "A lamp answers."]


def test_the_same_is_known_after_a_crash() -> None:
    known = canon.known_of({"bible": kept(entry(ADA)), "instructions": "Be brief."})
    before = outlined(begun(entry(ADA), instructions="Be brief."))
    after = plan.restore(before.prompt, before.config, before.template, before.done.values(), known)
    assert after == before and after.known == known


def test_a_story_without_a_project_is_told_what_it_was() -> None:
    work = outlined(begun())
    assert work.known == Known() and work.bible.people[0].description == "Another description."
    assert Bible.model_validate(context_of(work)["bible"]) == work.bible
    spec = next(spec for spec in plan.schedule(work) if spec.kind == "draft")
    assert "wishes for all of its project" not in prompts.request(brief_of(work, spec))


def test_what_a_story_changes_of_what_it_knew_is_its_own() -> None:
    known = Bible(
        people=[Person(name="Ada", role="x", description="Old.")],
        places=[Place(name="Tower", description="It leans.")],
        rules=["No magic."],
        facts=[Fact(text="The war is over.", section=0)],
    )
    later = known.model_copy(
        update={
            "people": [Person(name="Ada", role="x", description="New.")],
            "facts": [Fact(text="the war is OVER.", section=3), Fact(text="The lamp fell.", section=3)],
        }
    )
    own = canon.established(later, known)
    assert [one.description for one in own.people] == ["New."] and own.places == own.rules == []
    assert [fact.text for fact in own.facts] == ["The lamp fell."]


def offers(bible: dict[str, Any], *entries: BibleEntry, settled: tuple[str, ...] = ()) -> list[canon.Offer]:
    return canon.offers_of(STORY, bible, entries, settled)


def test_a_story_offers_what_the_bible_does_not_say() -> None:
    bible = {
        "people": [{"name": "ADA QUILL", "role": "the keeper", "description": "She is blind."}, {"name": "Bo", "role": "a boy", "description": "He asks."}],
        "places": [],
        "rules": ["no MAGIC."],
        "facts": [{"text": "The lamp fell.", "section": 2}, {"text": "The lamp fell.", "section": 3}, {"broken": 1}],
    }  # fmt: skip
    held, law = entry(ADA), entry(rule("No magic."))
    found = offers(bible, held, law)
    assert [(one.kind, one.name or one.text, one.replaces) for one in found] == [
        ("person", "ADA QUILL", held.id), ("person", "Bo", None), ("fact", "The lamp fell.", None),
    ]  # fmt: skip
    assert found == offers(bible, held, law), "the same again"
    assert offers(bible, held, law, settled=tuple(str(one.id) for one in found)) == []

    changed, added = (canon.accepted(one, Source(how="told", session_id=STORY, title="T")) for one in found[:2])
    assert changed.id == held.id and changed.description == "She is blind." and changed.source.session_id == STORY
    assert added.id == found[1].id
    assert [one.text for one in offers(bible, changed, added, law)] == ["The lamp fell."]
    # Another version of what was settled is another offer.
    bible["people"][1]["description"] = "He knows."
    assert any(one.replaces == added.id for one in offers(bible, changed, added, law, settled=(str(found[1].id),)))


def test_hostile_bibles_offer_what_can_be_read() -> None:
    assert offers({}) == offers({"people": None, "rules": [None, 7, "", " " * 9], "facts": [[], "\x00"]}) == []
    assert canon.offers_of(UUID(int=0), None, [], []) == []
    marks = "e\u0301" * 900
    many = {"facts": [{"text": f"{number} {marks}", "section": 1} for number in range(3000)]}
    assert len(offers(many)) == 3000
