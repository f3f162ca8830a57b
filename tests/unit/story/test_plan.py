"""The plan of a story, driven to its end with whatever agents may answer: it ends, it can be taken up anywhere, and
what it saves, tells and shows is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordinator.agents import prompts
from coordinator.agents.fence import weigh
from coordinator.agents.library import load_library
from coordinator.models import Gate, StoryConfig
from coordinator.story import gates, plan, progress
from coordinator.story.brief import Brief
from coordinator.story.briefing import WINDOW_WORDS, brief_of
from coordinator.story.material import (
    Beat,
    Bible,
    Contradiction,
    Fact,
    LoreReview,
    Note,
    Notes,
    Outline,
    OutlineReview,
    Person,
    Place,
    Record,
    Score,
    SectionNote,
    Verdict,
)
from coordinator.story.plan import advance, draft_of, next_step, restore, schedule
from coordinator.story.template import KINDS, STAGES, Template
from coordinator.story.verdicts import scored_by
from coordinator.story.words import count_words
from coordinator.story.work import Done, Kind, StepSpec, Work

BUILT_IN = load_library().get("short-story")
PROMPT = "A bell under water."
PROSE = ("draft", "revise", "polish")
GATES: tuple[Gate, ...] = get_args(Gate)
REFUSALS = 2
LEO = Person(name="Leo", role="keeper's son", description="Ten.")

beats = st.lists(
    st.builds(Beat, title=st.just("Beat"), summary=st.just("It happens."), words=st.integers(20, 3_000)),
    min_size=1,
    max_size=40,
)


def numbered(listed: list[Beat]) -> list[Beat]:
    return [beat.model_copy(update={"summary": f"Beat number {place}."}) for place, beat in enumerate(listed)]


def outline(listed: list[Beat], title: str = "The Bell") -> Outline:
    people = [Person(name="Ines", role="keeper", description="Tired.")]
    return Outline(title=title, logline="A bell rings.", setting="A lake.", people=people, beats=numbered(listed))


def verdict(scores: list[int], approved: bool, rewrite: list[int]) -> Verdict:
    names = ("plot", "character", "prose", "pacing", "originality", "fit")
    rated = {name: Score(score=score, evidence="x", comment="y") for name, score in zip(names, scores, strict=True)}
    notes = [SectionNote(section=section, note=f"mend {section}") for section in rewrite]
    return Verdict(**rated, approved=approved, summary="In sum.", rewrite=notes)


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Any that a template file may be: some of the steps, each in a stage no earlier than the one before."""
    kinds = draw(st.sets(st.sampled_from(KINDS))) | {"outline", "draft"}
    if "revise" in kinds:
        kinds.add("review")
    chosen = [kind for kind in KINDS if kind in kinds]
    stages = sorted(draw(st.integers(0, 2)) for _ in chosen)
    if draw(st.booleans()):
        stages = [STAGES.index(step.stage) for step in BUILT_IN.steps if step.kind in kinds]
    steps = [
        {"kind": kind, "stage": STAGES[stage], "agent": "writer"} for kind, stage in zip(chosen, stages, strict=True)
    ]
    return Template.model_validate({**BUILT_IN.model_dump(), "steps": steps})


class Answers:
    """What the agents say, drawn as it is asked for."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self._data.draw(strategy)

    def to(self, work: Work, spec: StepSpec) -> Done:
        sections = st.lists(st.integers(1, 12), max_size=3)
        took = self.draw(st.integers(0, 90_000))
        output: Any = None
        match spec.kind:
            case "outline":
                output = outline(self.draw(beats))
            case "outline-review":
                output = OutlineReview(approved=self.draw(st.booleans()), problems=["It has no end."], advice="End it.")
            case "record":
                output = Record(
                    summary=f"Up to {spec.section}.", facts=[f"Fact of {spec.section}.", "The bell is iron."]
                )
            case "notes":
                output = Notes(impression="Good.", notes=[Note(comment=f"Note {one}") for one in self.draw(sections)])
            case "lore-review":
                found = [Contradiction(section=one, earlier="a", later="b", remedy="c") for one in self.draw(sections)]
                output = LoreReview(remarks="Checked.", contradictions=found)
            case "review":
                scores = [self.draw(st.integers(1, 10))] * 6
                output = verdict(scores, self.draw(st.booleans()), self.draw(sections))
        if output is not None:
            return Done(spec.name, output.model_dump(mode="json"), "", took)
        return Done(spec.name, None, f"<{spec.name}>", took)


class Drafts:
    """What the database does with what a step hands it: numbers the versions, keeps one current, refuses gaps."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.current = 0
        self.scores: dict[int, dict[str, int]] = {}

    def finish(self, before: Work, after: Work, spec: StepSpec, done: Done) -> None:
        made = draft_of(after, spec)
        if made is not None:
            self.texts.append(made.content)
            if made.current:
                self.current = len(self.texts)
        if spec.kind == "review":
            scored = scored_by(before, spec, Verdict.model_validate(done.output))
            assert 1 <= scored.version <= len(self.texts)
            self.scores[scored.version] = scored.scores
            if scored.accept:
                self.current = scored.version


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), templates(), st.integers(1, 12), st.integers(0, 5), st.sets(st.sampled_from(GATES)))
def test_any_story_comes_to_its_end_and_can_be_taken_up_anywhere(
    data: st.DataObject, template: Template, pages: int, rounds: int, approvals: set[Gate]
) -> None:
    config = StoryConfig(pages=pages, max_revisions=rounds, approvals=sorted(approvals))
    work, answers, drafts = Work(PROMPT, config, template), Answers(data), Drafts()
    log: list[Done] = []
    shown = progress.of(work, None, 0)
    assert (shown.percent, shown.eta_s, shown.completed_steps) == (0, None, 0)
    # Everything once for each section, and what is revised once more a round.
    bound = 20 + (pages + 2) * (6 + 2 * rounds) + REFUSALS * len(approvals) * 4 * (pages + 2)
    refused = 0
    while (spec := next_step(work)) is not None:
        assert len(log) < bound, "it does not end"
        if spec.kind == "approval":
            assert spec.gate in approvals and spec.gate in gates.of(template)
            assert spec.gate == "outline" or work.current_version == drafts.current
            approved = spec.round > REFUSALS or answers.draw(st.booleans())
            refused += not approved
            done = Done(
                spec.name, {"approved": approved, "comment": "Make it rain." if refused % 2 else None}, "", 9**9
            )
        else:
            told = brief_of(work, spec)
            assert (told.step, told.kind, told.round) == (spec.name, spec.kind, spec.round)
            done = answers.to(work, spec)
        after = advance(work, done)
        drafts.finish(work, after, spec, done)
        log.append(done)
        assert (after.versions, after.current_version) == (len(drafts.texts), drafts.current)
        assert restore(PROMPT, config, template, log) == after, "a crash here would change the story"
        names = [one.name for one in schedule(after)]
        assert len(set(names)) == len(names)
        assert len(after.rounds) - len(after.asked) <= rounds
        shown = check_progress(shown, after)
        work = after
    assert len(log) == len(work.done)
    for gate in approvals & set(gates.of(template)):
        assert [reply.approved for reply in work.replies[gate]][-1], "nothing is saved that was not approved"
        assert sum(reply.approved for reply in work.replies[gate]) == 1
    assert shown.percent == 100 and shown.eta_s == 0 and shown.completed_steps == shown.total_steps
    assert all(share == 1 for share in shown.stages.values())
    count = len(work.sections)
    polish = f"polish-{len(work.passes) + 1}" if work.passes else "polish"
    final = {
        number: f"<{polish}-{number}>" if template.step("polish") else work.texts[number]
        for number in range(1, count + 1)
    }
    assert drafts.texts[drafts.current - 1] == "\n\n".join(final[number] for number in sorted(final))


def check_progress(before: Any, work: Work) -> Any:
    following = next_step(work)
    shown = progress.of(work, following.name if following else None, 0)
    assert before.percent <= shown.percent <= 100
    assert (shown.percent == 100) == (following is None)
    assert shown.completed_steps == before.completed_steps + 1
    for stage, share in shown.stages.items():
        assert before.stages.get(stage, 0) <= share <= 1
    remaining = [spec for spec in schedule(work) if spec.name not in work.done]
    agents = [done.duration_ms for name, done in work.done.items() if not name.startswith("approve")]
    longest = max(agents, default=0) / 1000
    assert shown.eta_s is not None and 0 <= shown.eta_s <= len(remaining) * longest + 0.1
    return shown


def story(
    template: Template = BUILT_IN,
    pages: int = 3,
    rounds: int = 2,
    *verdicts: Verdict,
    approvals: Sequence[Gate] = (),
    **more: Any,
) -> list[tuple[Work, StepSpec]]:
    """A story with these verdicts, the last of them again and again: each step with the work before it."""
    work = Work(PROMPT, StoryConfig(pages=pages, max_revisions=rounds, approvals=list(approvals)), template)
    told: list[tuple[Work, StepSpec]] = []
    given_verdicts = list(verdicts) or [verdict([8] * 6, True, [])]
    while (spec := next_step(work)) is not None:
        told.append((work, spec))
        output = more.get(spec.name, more.get(spec.kind))
        if callable(output):
            output = output(spec)
        if output is None and spec.kind == "review":
            output = given_verdicts.pop(0) if len(given_verdicts) > 1 else given_verdicts[0]
        if spec.kind == "approval":
            work = advance(work, Done(spec.name, output or {"approved": True}, "", 60_000))
            continue
        if output is None and spec.kind not in (*PROSE, "brainstorm"):
            output = {
                "outline": outline([Beat(title="Beat", summary="x", words=300)] * pages),
                "outline-review": OutlineReview(approved=True, advice="Go on."),
                "record": Record(summary=f"Up to {spec.section}."),
                "notes": Notes(impression="Good."),
                "lore-review": LoreReview(remarks="None."),
            }[spec.kind]
        if isinstance(output, str) or output is None:
            work = advance(work, Done(spec.name, None, output or f"<{spec.name}>", 1_000))
        else:
            work = advance(work, Done(spec.name, output.model_dump(mode="json"), "", 1_000))
    told.append((work, StepSpec("end", "polish", "validation", "editor")))
    return told


def names(told: list[tuple[Work, StepSpec]], *kinds: Kind) -> list[str]:
    return [spec.name for _, spec in told[:-1] if spec.kind in kinds]


def at(told: list[tuple[Work, StepSpec]], name: str, repetition: Any = ()) -> Brief:
    work, spec = next((work, spec) for work, spec in told if spec.name == name)
    return brief_of(work, spec, repetition)


# -- Gates -------------------------------------------------------------------------------------------------------------


def test_a_refused_outline_is_written_again_with_the_comment() -> None:
    told = story(approvals=["outline"], **{"approve-outline": {"approved": False, "comment": "More rain."}})
    assert names(told, "outline", "outline-review", "approval") == [
        "outline",
        "outline-review",
        "approve-outline",
        "outline-2",
        "approve-outline-2",
    ]
    assert at(told, "outline-2").notes == ["More rain."] and at(told, "outline-2").outline is not None


def test_a_refused_draft_is_revised_whole_and_asked_about_again() -> None:
    told = story(
        BUILT_IN,
        3,
        1,
        verdict([5] * 6, False, [2]),
        verdict([3] * 6, True, []),
        approvals=["draft"],
        **{"approve-draft": {"approved": False, "comment": "More rain."}},
    )
    assert names(told, "revise", "review", "approval") == [
        "review-1",
        "approve-draft",
        "revise-1-1",
        "revise-1-2",
        "revise-1-3",
        "review-2",
        "approve-draft-2",
    ]
    assert at(told, "revise-1-1").notes == ["More rain."]
    assert at(told, "revise-1-2").notes == ["More rain.", "mend 2"]
    # Whoever asked for it judges it, whatever the reader says.
    assert told[-1][0].texts[1] == "<revise-1-1>"


def test_a_refused_final_text_is_revised_and_polished_again() -> None:
    told = story(BUILT_IN, 1, 2, approvals=["final"], **{"approve-final": {"approved": False, "comment": ""}})
    assert names(told, "polish", "revise", "review", "approval") == [
        "review-1",
        "polish-1",
        "approve-final",
        "revise-1-1",
        "review-2",
        "polish-2-1",
        "approve-final-2",
    ]
    assert at(told, "revise-1-1").text == "<polish-1>" and at(told, "revise-1-1").notes == [gates.ANYHOW]
    assert at(told, "polish-2-1").text == "<revise-1-1>"


def test_nothing_is_a_hundred_per_cent_before_its_end() -> None:
    work = restore(PROMPT, StoryConfig(), BUILT_IN, [])
    assert progress.of(replace(work, left=1e-12), "brainstorm", 0).percent == 99.9


def test_what_the_writer_asks_for_is_told_to_each_agent_that_follows_notes() -> None:
    work = Work(PROMPT, StoryConfig(), BUILT_IN)
    spec = next_step(work)
    assert spec is not None
    brief = brief_of(work, spec, (), ["Make it rain.", "Call her Ada."])
    assert "Make it rain." in prompts.request(brief) and "Call her Ada." in prompts.request(brief)


# -- Revisions ---------------------------------------------------------------------------------------------------------


def test_an_approved_story_is_not_revised_unless_lore_found_something() -> None:
    assert names(story(), "revise", "review") == ["review-1"]
    lore = LoreReview(remarks="x", contradictions=[Contradiction(section=2, earlier="a", later="b", remedy="c")])
    told = story(BUILT_IN, 3, 2, **{"lore-review": lore})
    assert names(told, "revise", "review") == ["review-1", "revise-1-2", "review-2"]
    assert "“b” against “a”. c" in at(told, "revise-1-2").notes[0]


def test_a_revision_that_scores_lower_is_kept_but_not_used() -> None:
    told = story(BUILT_IN, 3, 1, verdict([5] * 6, False, [2]), verdict([4] * 6, True, []))
    end, _ = told[-1]
    assert end.texts[2] == "<draft-2>" and end.best is not None and end.best.total() == 5
    assert at(told, "polish-2").text == "<draft-2>" and at(told, "polish-3").previous == "<polish-2>"
    review, spec = next((work, spec) for work, spec in told if spec.name == "review-2")
    assert scored_by(review, spec, verdict([4] * 6, True, [])).accept is False
    before = next(work for work, spec in told if spec.name == "polish-1")
    assert before.current_version == before.versions - 1


def test_a_revision_that_scores_as_high_is_used() -> None:
    told = story(BUILT_IN, 3, 1, verdict([5] * 6, False, [2]), verdict([5] * 6, True, []))
    assert told[-1][0].texts[2] == "<revise-1-2>" and at(told, "polish-2").text == "<revise-1-2>"


def test_what_a_refused_revision_was_to_mend_is_asked_for_again() -> None:
    lore = LoreReview(remarks="x", contradictions=[Contradiction(section=1, earlier="a", later="b", remedy="c")])
    low = verdict([4] * 6, True, [])
    told = story(BUILT_IN, 3, 3, verdict([5] * 6, False, [2]), low, verdict([6] * 6, True, []), **{"lore-review": lore})
    assert names(told, "revise") == ["revise-1-1", "revise-1-2", "revise-2-1", "revise-2-2"]
    assert at(told, "revise-2-1").notes == at(told, "revise-1-1").notes
    assert at(told, "revise-2-2").notes == ["mend 2"] and at(told, "revise-2-2").text == "<draft-2>"


@pytest.mark.parametrize("rounds", [0, 1, 5])
def test_rounds_have_an_end(rounds: int) -> None:
    told = story(BUILT_IN, 3, rounds, verdict([2] * 6, False, [99]))
    # No section of the story is named, so it is the ending that is written again.
    assert names(told, "revise") == [f"revise-{turn}-3" for turn in range(1, rounds + 1)]
    assert len(names(told, "review")) == rounds + 1


def test_an_outline_is_tried_twice_at_the_most() -> None:
    refused = OutlineReview(approved=False, problems=["No end."], advice="Find one.")
    second = outline([Beat(title="Other", summary="x", words=900)], "Second")
    told = story(BUILT_IN, 3, 0, **{"outline-review": refused, "outline-2": second})
    assert names(told, "outline", "outline-review") == ["outline", "outline-review", "outline-2"]
    assert at(told, "outline-2").notes == ["No end.", "Find one."] and at(told, "outline-2").round == 2
    end, _ = told[-1]
    assert end.outline is not None and end.outline.title == "Second" and end.sections[0][0].title.startswith("Other")


# -- Taking up ---------------------------------------------------------------------------------------------------------


def test_a_step_that_the_template_has_lost_is_passed_over() -> None:
    told = story()
    end, _ = told[-1]
    fewer = BUILT_IN.model_copy(
        update={"steps": [step for step in BUILT_IN.steps if step.kind not in ("brainstorm", "notes", "lore-review")]}
    )
    work = restore(PROMPT, end.config, fewer, end.done.values())
    assert next_step(work) is None and work.texts == end.texts and work.current_version == end.current_version
    with pytest.raises(ValueError, match="draft-77"):
        advance(work, Done("draft-77", None, "x"))


def test_a_long_story_is_taken_up_quickly() -> None:
    import time

    end, _ = story(BUILT_IN, 100, 0)[-1]
    begun = time.process_time()
    assert restore(PROMPT, end.config, BUILT_IN, end.done.values()) == end
    assert time.process_time() - begun < 3


# -- Briefs ------------------------------------------------------------------------------------------------------------


def long_story(pages: int = 100, words: int = 400, script: str = "word ") -> list[tuple[Work, StepSpec]]:
    """With an outline, a bible and a summary as large as models make them, and sections longer than they were asked."""
    listed = [Beat(title="A beat with a name", summary="What happens here. " * 12, words=300) for _ in range(pages)]
    big = outline(listed).model_copy(
        update={"people": [Person(name=f"P{one}", role="r", description="Someone. " * 20) for one in range(30)]}
    )

    def record(spec: StepSpec) -> Record:
        facts = [
            f"A fact that matters, which section {spec.section} has set, with its number {one}." for one in range(10)
        ]
        people = [Person(name=f"Someone of {spec.section}", role="keeper", description="Tired and old. " * 20)]
        return Record(summary="So far. " * 160, people=people, facts=facts)

    low = verdict([3] * 6, False, [40, 41, 42])
    return story(BUILT_IN, pages, 1, low, outline=big, record=record, **dict.fromkeys(PROSE, script * words))


LONG = long_story()
CHINESE = long_story(100, 400, "钟")


@pytest.mark.parametrize("told", [LONG, CHINESE], ids=["words", "no spaces"])
def test_nothing_is_ever_given_the_whole_of_a_long_story(told: list[tuple[Work, StepSpec]]) -> None:
    for work, spec in told[:-1]:
        brief = brief_of(work, spec)
        read = [section.text for section in brief.reading] + [brief.text, brief.previous]
        assert sum(count_words(text) for text in read) <= WINDOW_WORDS + 800, spec.name
        assert len({section.number for section in brief.reading}) == len(brief.reading)
        assert [section.number for section in brief.reading] == sorted(section.number for section in brief.reading)


def test_what_is_read_of_a_long_story_has_room_in_the_request() -> None:
    for work, spec in LONG[:-1]:
        if spec.kind in ("notes", "lore-review", "review"):
            brief = brief_of(work, spec, [(1, "The same sentence comes twice, which it should not.")] * 8)
            given_words = sum(weigh(section.text) + 8 for section in brief.reading)
            assert given_words <= prompts.reading_room(brief), (spec.name, len(brief.reading))
            assert given_words > 1_500 or spec.name == names(LONG, "lore-review")[-1], "and makes use of it"


def test_a_review_of_a_long_story_reads_its_ends_and_what_was_revised() -> None:
    first = [section.number for section in at(LONG, "review-1").reading]
    count = len(LONG[-1][0].sections)
    assert first[0] == 1 and first[-1] == count and len(first) >= 5
    assert max(later - sooner for sooner, later in pairwise(first)) <= count / 2
    assert {1, 40, 41, 42, count} <= {section.number for section in at(LONG, "review-2").reading}


def test_lore_reads_every_section_once() -> None:
    read = [section.number for name in names(LONG, "lore-review") for section in at(LONG, name).reading]
    assert read == list(range(1, len(LONG[-1][0].sections) + 1))


def test_a_short_story_is_read_whole() -> None:
    told = story(BUILT_IN, 10, 1, verdict([3] * 6, False, [2]), **dict.fromkeys(PROSE, "word " * 300))
    count = len(told[-1][0].sections)
    for name in ("review-1", "review-2"):
        assert [section.number for section in at(told, name).reading] == list(range(1, count + 1))
    one = story(BUILT_IN, 1, 0, **dict.fromkeys(PROSE, "word " * 5000))
    assert [section.number for section in at(one, "review-1").reading] == [1]


def test_each_kind_of_step_is_told_what_it_needs() -> None:
    told = story(
        BUILT_IN,
        3,
        1,
        verdict([3] * 6, False, [2, 3]),
        notes=Notes(impression="Good.", notes=[Note(comment=f"Note {number}.") for number in range(12)]),
    )
    repeated = [(2, "Said twice in 2."), (3, "Said twice in 3.")]
    assert (at(told, "brainstorm").outline, at(told, "brainstorm").words) == (None, 900)
    assert at(told, "outline").brainstorm == "<brainstorm>"
    assert at(told, "outline-review").outline is not None
    draft = at(told, "draft-2", repeated)
    assert (draft.section, draft.sections, draft.previous, draft.text) == (2, 3, "<draft-1>", "")
    assert draft.words == sum(beat.words for beat in draft.beats) == 300 and draft.summary == "Up to 1."
    assert draft.notes == [*(f"Note {number}." for number in range(8)), "Said twice in 2.", "Said twice in 3."]
    record = at(told, "record-2")
    assert (record.text, record.previous, record.summary, record.words) == ("<draft-2>", "<draft-1>", "Up to 1.", 900)
    assert [section.text for section in at(told, "notes-1").reading] == ["<draft-1>"]
    assert [section.text for section in at(told, "notes-2").reading] == ["<draft-1>", "<draft-2>"]
    lore = at(told, "lore-review-1")
    assert (lore.section, lore.text, [section.number for section in lore.reading]) == (0, "", [1, 2, 3])
    assert at(told, "review-1", repeated).notes == ["Said twice in 2.", "Said twice in 3."]
    revise = at(told, "revise-1-3", repeated)
    assert (revise.text, revise.previous, revise.words, revise.round) == ("<draft-3>", "<revise-1-2>", 300, 1)
    assert revise.notes == ["mend 3", "Said twice in 3."]
    assert [section.text for section in at(told, "review-2").reading] == ["<draft-1>", "<revise-1-2>", "<revise-1-3>"]
    assert at(told, "review-2").round == 2
    polish = at(told, "polish-2", repeated)
    assert (polish.text, polish.previous, polish.notes) == ("<revise-1-2>", "<polish-1>", ["Said twice in 2."])


def test_the_bible_grows_by_what_each_section_sets() -> None:
    work = Work(PROMPT, StoryConfig(), BUILT_IN, bible=Bible(people=[Person(name="Ines", role="a", description="b")]))
    record = Record(
        summary="So far.",
        people=[Person(name="INES", role="c", description="d"), LEO],
        places=[Place(name="Lake", description="Deep.")],
        facts=["The bell is iron.", "the bell is iron.", "It rang."],
    )
    for section in (1, 2):
        work = plan._with_record(work, record, section)
    assert [person.name for person in work.bible.people] == ["INES", "Leo"] and work.summary == "So far."
    assert work.bible.facts == [Fact(text="The bell is iron.", section=1), Fact(text="It rang.", section=1)]
