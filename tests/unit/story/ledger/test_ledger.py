"""The ledger finds what is planted, and is silent where nothing contradicts itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from pydantic import BaseModel

from coordinator.agents.library import load_library
from coordinator.llm import storyteller
from coordinator.models import StoryConfig
from coordinator.story import plan
from coordinator.story.briefing import brief_of
from coordinator.story.ledger.cast import cast_of
from coordinator.story.ledger.finding import KINDS, QUOTE, Finding
from coordinator.story.ledger.ledger import MOST_FINDINGS, Ledger, Sources, findings_of, ledger_of, read_all
from coordinator.story.material import Bible, Detail, Person, Record
from coordinator.story.work import Done, Work, newest_texts
from tests.model_words import Writer
from tests.unit.story.ledger.passages import CLEAN
from tests.unit.story.ledger.plants import HELD_OUT, KNOWN, LATER, MARA, TOBIN, Plant

PROMPTS = (
    "A lighthouse keeper finds that the light has been signalling something back.",
    "Two sisters inherit a clock shop.",
    "A ghost asks for a lawyer.",
)


def sources(people: Sequence[Person] = (), rules: Sequence[str] = (), **more: object) -> Sources:
    return Sources(cast_of(people, [], rules, len(people)), **more)  # type: ignore[arg-type]


def found(plant: Plant) -> tuple[Finding, ...]:
    return ledger_of(dict(enumerate(plant.sections, 1)), sources(plant.people, plant.rules)).findings


def scored(plants: Sequence[Plant]) -> tuple[Counter[str], list[Plant]]:
    """How many of each kind are found, and those that are not."""
    missed = [plant for plant in plants if plant.kind not in {finding.kind for finding in found(plant)}]
    return Counter(plant.kind for plant in plants if plant not in missed), missed


@pytest.mark.parametrize("plants", [KNOWN, HELD_OUT, LATER], ids=["known", "held out", "later"])
def test_of_each_kind_what_is_planted_is_found(plants: Sequence[Plant]) -> None:
    hits, missed = scored(plants)
    assert set(hits) == set(KINDS)
    assert len(missed) <= len(plants) / 10, [plant.sections for plant in missed]


def test_a_finding_has_both_passages_word_for_word() -> None:
    for plant in (*KNOWN, *HELD_OUT, *LATER):
        for finding in found(plant):
            assert finding.later in plant.sections[finding.section - 1] and len(finding.later) <= QUOTE
            if finding.earlier_section:
                assert finding.earlier in plant.sections[finding.earlier_section - 1]
            assert finding.later in finding.note and finding.earlier in finding.note


@pytest.mark.parametrize("passage", CLEAN, ids=[f"{one.kind} {number}" for number, one in enumerate(CLEAN)])
def test_nothing_is_found_where_nothing_contradicts_itself(passage: Plant) -> None:
    assert found(passage) == ()


def offline(template: str, prompt: str, pages: int) -> Work:
    """A whole story of the built-in storyteller."""
    work = plan.begun(prompt, StoryConfig(pages=pages), load_library(None).get(template))
    while (spec := plan.next_step(work)) is not None:
        answer = storyteller.answer(brief_of(work, spec))
        typed = isinstance(answer, BaseModel)
        done = Done(spec.name, answer.model_dump(mode="json")) if typed else Done(spec.name, None, str(answer))
        work = plan.advance(work, done)
    return work


def of_work(work: Work) -> Ledger:
    bible: Bible = work.bible
    assert work.outline is not None
    cast = cast_of(bible.people, [place.name for place in bible.places], bible.rules, len(work.outline.people))
    return ledger_of(newest_texts(work), Sources(cast, (), tuple(bible.facts)))


def undisturbed() -> Iterator[tuple[str, Ledger]]:
    for template in load_library(None).all():
        for prompt in PROMPTS:
            yield template.name, of_work(offline(template.name, prompt, 3))


def test_undisturbed_stories_raise_no_more_than_one_false_alarm_in_ten() -> None:
    ledgers = list(undisturbed())
    alarms = [(name, finding) for name, ledger in ledgers for finding in ledger.findings]
    assert len(ledgers) >= 18 and len(alarms) <= len(ledgers) / 10, alarms
    assert all(ledger.entries for _, ledger in ledgers)


def test_what_the_tests_model_writes_raises_no_alarm() -> None:
    writer = Writer()
    texts = {number: writer.prose("300 words") for number in range(1, 60)}
    assert ledger_of(texts, sources([MARA, TOBIN])).findings == ()


def test_a_reading_that_is_there_is_not_made_again() -> None:
    plant = KNOWN[0]
    given = sources(plant.people)
    texts = dict(enumerate(plant.sections, 1))
    readings = dict(zip(texts.values(), read_all(list(texts.values()), given.cast), strict=True))
    assert findings_of(texts, given, readings) == list(found(plant))
    with pytest.raises(KeyError):
        findings_of({**texts, 3: "Another."}, given, readings)


def test_a_finding_is_the_same_one_whatever_becomes_of_the_words_round_it() -> None:
    first, second = "Mara's eyes were green.", "Her brown eyes were tired, and Mara's brown eyes shut."
    (before,) = ledger_of({1: first, 2: f"Mara looked up. {second}"}, sources([MARA])).findings
    (after,) = ledger_of({1: first, 3: f"Nobody came. Mara wept. {second}"}, sources([MARA])).findings
    assert before.id == after.id and before.section != after.section
    (other,) = ledger_of({1: first, 2: "Mara's blue eyes shut."}, sources([MARA])).findings
    assert other.id != before.id


# -- Typed details ------------------------------------------------------------------------------------------------------

BLAU, BRAUN = "Sie hatte blaue Augen, wie ihr Vater.", "Ihre braunen Augen sahen ihn an."


def detail(attribute: str, value: str, quote: str = "", subject: str = "Mara Venn") -> Detail:
    return Detail.model_validate({"subject": subject, "attribute": attribute, "value": value, "quote": quote})


def test_typed_details_are_compared_in_any_language() -> None:
    given = sources([MARA], details=((1, detail("eyes", "blau", BLAU)), (2, detail("eyes", "braun", BRAUN))))
    (finding,) = ledger_of({1: BLAU, 2: BRAUN}, given).findings
    assert (finding.kind, finding.section, finding.earlier, finding.later) == ("looks", 2, BLAU, BRAUN)
    # What a revision has taken away holds no longer.
    assert ledger_of({1: BLAU, 2: "Ihre blauen Augen sahen ihn an."}, given).findings == ()


@pytest.mark.parametrize(
    ("attribute", "before", "now", "contradict"),
    [
        ("age", "34", "51 Jahre", True),
        ("age", "34", "35", False),
        ("age", "vierunddreißig", "34", False),
        ("alive", "tot", "ja", True),
        ("alive", "yes", "dead", False),
        ("eyes", "grey", "grey-blue", False),
        ("kin", "sister of Tobin", "Tobin's mother", True),
        ("kin", "sister of Tobin", "Tobin's younger sister", False),
        ("looks", "tall", "stooped", False),
        ("place", "the pier", "the kitchen", False),
    ],
)
def test_details_contradict_each_other_where_both_cannot_be(
    attribute: str, before: str, now: str, contradict: bool
) -> None:
    given = sources([MARA, TOBIN], details=((1, detail(attribute, before)), (2, detail(attribute, now))))
    assert bool(ledger_of({1: f"… {before} …", 2: f"… {now} …"}, given).findings) is contradict


@pytest.mark.parametrize(
    "details",
    [
        "no list",
        [{"subject": "Mara", "attribute": "favourite colour", "value": "red"}],
        [{"subject": "", "attribute": "eyes", "value": "red"}, None, 7, ["eyes"]],
        [{"subject": "Mara", "attribute": "eyes", "value": "x" * 900}],
        None,
    ],
)
def test_no_record_is_refused_for_a_detail_that_is_none(details: object) -> None:
    record = Record.model_validate({"summary": "So far.", "details": details})
    assert record.details == []
    good = {"subject": "Mara", "attribute": "eyes", "value": "green"}
    kept = Record.model_validate({"summary": "So far.", "details": [{"attribute": "?"}, good] + [good] * 200}).details
    assert 0 < len(kept) <= 30


# -- Bounds ------------------------------------------------------------------------------------------------------------


def test_a_text_full_of_contradictions_makes_no_more_findings_than_anybody_reads() -> None:
    lines = []
    for number in range(3_000):
        name = "".join(chr(97 + int(digit)) for digit in str(number)).capitalize() + "ar"
        lines.append(f"Then {name} smiled, and {name}'s eyes were green. Now {name}'s eyes were brown, said {name}.")
    ledger = ledger_of({1: "\n\n".join(lines), 2: "\n\n".join(reversed(lines))}, sources([MARA]))
    assert len(ledger.findings) <= MOST_FINDINGS and len(ledger.entries) <= 1_000
