"""Typed answers that are nearly right are made right, and what says nothing is asked for again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.agents.forms import SMALL, asked_in_words
from coordinator.agents.plausible import empty_words
from coordinator.agents.prompts import OUTPUT_TYPES
from coordinator.agents.repair import bounded, schema_of, understood
from coordinator.story.material import LoreReview, Notes, Outline, OutlineReview, Record, Verdict

OUTLINE: dict[str, Any] = {
    "title": "Lamps",
    "logline": "A lamp answers.",
    "setting": "A rock in the sea.",
    "people": [{"name": "Mara", "role": "keeper", "description": "Tall."}],
    "beats": [
        {"title": "One", "summary": "She counts.", "words": 150},
        {"title": "Two", "summary": "It answers.", "words": 150},
    ],
}
SCORE = {"score": 7, "evidence": "Mara counted.", "comment": "Fine."}
VERDICT: dict[str, Any] = {
    **dict.fromkeys(("plot", "character", "prose", "pacing", "originality", "fit"), SCORE),
    "approved": True,
    "summary": "Good.",
}
RECORD: dict[str, Any] = {"summary": "Mara rowed.", "facts": ["There are seven lamps."]}


BEATS = [
    {"title": "One", "summary": "She counts the lamps twice.", "words": 150},
    {"title": "Two", "summary": "The light answers her at last.", "words": 150},
]


def changed(base: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {name: item for name, item in (base | values).items() if item is not ...}


FAULTS: list[tuple[str, type, Any]] = [
    ("as it should be", Outline, OUTLINE),
    ("wrapped in another object", Outline, {"result": OUTLINE}),
    ("wrapped twice", Outline, {"response": {"outline": OUTLINE}}),
    ("encoded as a string", Outline, json.dumps(json.dumps(OUTLINE))),
    ("in a fence", Outline, f"```json\n{json.dumps(OUTLINE)}\n```"),
    ("with prose round it", Outline, f"Sure! Here it is:\n{json.dumps(OUTLINE)}\nI hope this helps."),
    ("in Python's words", OutlineReview, "{'approved': True, 'strengths': None, 'advice': 'Go on.'}"),
    ("cut off", Outline, json.dumps(OUTLINE)[:-30]),
    ("with a comma too many", Record, '{"summary": "Mara rowed.", "facts": ["There are seven lamps.",],}'),
    ("with a bare quotation mark", Record, '{"summary": "She said "no" and rowed.", "facts": []}'),
    ("with comments", Record, '{"summary": "Mara rowed.", // so far\n "facts": []}'),
    ("a list of objects as a string", Outline, changed(OUTLINE, people=json.dumps(OUTLINE["people"]))),
    ("people as lines", Outline, changed(OUTLINE, people="- Mara, the keeper\n- Tobin, her brother")),
    ("people as names", Outline, changed(OUTLINE, people=["Mara", "Tobin"])),
    ("beats as sentences", Outline, changed(OUTLINE, beats=["She counts the lamps.", "The light answers."])),
    ("beats as an object", Outline, changed(OUTLINE, beats={"1": OUTLINE["beats"][0], "2": OUTLINE["beats"][1]})),
    ("beats of five words", Outline, changed(OUTLINE, beats=[{**beat, "words": 5} for beat in OUTLINE["beats"]])),
    ("words in words", Outline, changed(OUTLINE, beats=[{**beat, "words": "about 150"} for beat in OUTLINE["beats"]])),
    ("one bad beat among good ones", Outline, changed(OUTLINE, beats=[*OUTLINE["beats"], 7, None, {}])),
    ("without a logline", Outline, changed(OUTLINE, logline=...)),
    ("without a setting", Outline, changed(OUTLINE, setting=...)),
    ("with names of fields in capitals", Outline, {name.title(): item for name, item in OUTLINE.items()}),
    ("a schema with the answer in it", Outline, {"type": "object", "properties": OUTLINE}),
    ("scores as fractions", Verdict, changed(VERDICT, plot={**SCORE, "score": "8/10"})),
    ("scores as floats", Verdict, changed(VERDICT, plot={**SCORE, "score": 7.5})),
    ("scores as words", Verdict, changed(VERDICT, plot={**SCORE, "score": "seven"})),
    ("scores out of range", Verdict, changed(VERDICT, plot={**SCORE, "score": 11})),
    ("bare scores", Verdict, changed(VERDICT, plot=8)),
    ("a score left out", Verdict, changed(VERDICT, plot=...)),
    ("approved in words", Verdict, changed(VERDICT, approved="Yes")),
    ("not said whether approved", Verdict, changed(VERDICT, approved=...)),
    ("rewrite as an object", Verdict, changed(VERDICT, rewrite={"section": 1, "note": "Shorter."})),
    ("rewrite as nothing", Verdict, changed(VERDICT, rewrite=None)),
    ("sixty facts", Record, changed(RECORD, facts=[f"Fact {n}." for n in range(60)])),
    ("facts as objects", Record, changed(RECORD, facts=[{"fact": "There are seven lamps."}])),
    ("a summary as a list", Record, changed(RECORD, summary=["Mara rowed.", "It rained."])),
    ("a summary without end", Record, changed(RECORD, summary="Mara rowed. " * 5_000)),
    ("forty contradictions", LoreReview, {
        "remarks": "Many.",
        "contradictions": [{"section": 1, "earlier": "a", "later": "b", "remedy": "c"}] * 40,
    }),
    ("no remarks", LoreReview, {"contradictions": []}),
    ("a note as a sentence", Notes, {"impression": "Good.", "notes": ["Say what she wants."]}),
    ("a note of section zero", Notes, {"impression": "Good.", "notes": [{"section": 0, "comment": "Shorter."}]}),
    ("no impression", Notes, {"notes": [{"comment": "Shorter."}]}),
    ("a review without a verdict", OutlineReview, {"problems": ["Nobody wants anything."]}),
    ("null for a list", OutlineReview, {"approved": True, "advice": "Go on.", "problems": None}),
]  # fmt: skip


@pytest.mark.parametrize(("form", "given"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_what_is_nearly_right_is_understood(form: Any, given: Any) -> None:
    assert isinstance(understood(given if isinstance(given, str) else json.dumps(given), form), form)


def test_a_repair_makes_nothing_up() -> None:
    verdict = understood(json.dumps(changed(VERDICT, plot=8, fit={"score": 9, "comment": "Yes."})), Verdict)
    assert isinstance(verdict, Verdict)
    # A score without the passage that it rests on is none.
    assert set(verdict.scores()) == {"character", "prose", "pacing", "originality"}
    unsaid = understood(json.dumps(changed(VERDICT, approved=...)), Verdict)
    assert isinstance(unsaid, Verdict) and not unsaid.approved


NOTHING = [
    ("", Outline),
    ("I think the story is good.", Verdict),
    ("{}", Outline),
    ("[]", Record),
    ('{"title": "Lamps"}', Outline),
    ('{"colour": "green"}', Verdict),
    ('{"approved": true}', Verdict),
    (json.dumps(schema_of(Outline)), Outline),
    ("{" * 50_000, Outline),
    ("[" * 50_000, Record),
    ('"' * 50_000, Record),
    ('{"a":' * 20_000, Record),
]


@pytest.mark.parametrize(("given", "form"), NOTHING)
def test_what_says_nothing_is_told(given: str, form: Any) -> None:
    wrong = understood(given, form)
    assert isinstance(wrong, str) and wrong
    assert len(wrong) < 1_000


HOSTILE = [
    (json.dumps({"summary": "x", "facts": "x" + " " * 49_000 + "y;" + "\n" * 400}), Record),
    ("{'summary': 0x" + "F" * 40_000 + "}", Record),
    ("{'summary': 'x', 0x" + "F" * 40_000 + ": 1, 'facts': 1}", Record),
    ("{'approved': 0x" + "F" * 40_000 + ", 'advice': 'x'}", OutlineReview),
    ("{'summary': {1, 2}, 'facts': b'x'}", Record),
    ("{'summary': " + "1+" * 24_000 + "1}", Record),
    (json.dumps({"summary": 1, "details": [{}] * 50_000}), Record),
]


@pytest.mark.parametrize(("given", "form"), HOSTILE)
def test_a_hostile_answer_is_read_at_once_or_not_at_all(given: str, form: Any) -> None:
    assert isinstance(understood(given, form), str | form)


def test_a_list_in_words_has_a_line_an_entry() -> None:
    record = understood(json.dumps(RECORD | {"facts": "- One.\n2) Two; * Three.\n\n Four - so."}), Record)
    assert isinstance(record, Record) and record.facts == ["One.", "Two", "Three.", "Four - so."]


def fields(form: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    value = st.recursive(
        leaf, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3)
    )
    return st.dictionaries(st.sampled_from([*form.model_fields, "other"]), value, max_size=8)


@pytest.mark.parametrize("form", [*OUTPUT_TYPES.values(), *SMALL.values()])
def test_nothing_that_is_sent_raises(form: Any) -> None:
    @given(fields(form))
    def holds(value: dict[str, Any]) -> None:
        found = understood(json.dumps(value), form)
        assert isinstance(found, str | form)

    holds()


@pytest.mark.parametrize("kind", list(SMALL))
def test_the_smaller_form_is_made_whole(kind: Any) -> None:
    made = {
        "outline": {
            "title": "Lamps",
            "idea": "A lamp answers.",
            "people": ["Mara, the keeper"],
            "scenes": ["One.", "Two."],
        },
        "outline-review": {"good_enough": False, "advice": "Say what she wants."},
        "record": {"summary": "Mara rowed.", "facts": ["Seven lamps."]},
        "notes": {"impression": "Good.", "advice": ["Shorter."]},
        "lore-review": {"contradiction": True, "earlier": "Seven.", "later": "Nine.", "section": 1, "remedy": "Seven."},
        "review": {"score": 4, "passage": "Mara counted.", "why": "Flat.", "weakest_section": 1, "what_to_do": "Cut."},
    }[kind]
    small = understood(json.dumps(made), SMALL[kind])
    assert not isinstance(small, str)
    assert isinstance(small.whole(), OUTPUT_TYPES[kind])


@pytest.mark.parametrize("form", [*OUTPUT_TYPES.values(), *SMALL.values()])
def test_a_form_is_shown_as_json(form: Any) -> None:
    shown = asked_in_words(schema_of(form))
    example = json.loads(shown[shown.index("{") :])
    assert example.keys() == form.model_fields.keys()


def test_a_schema_is_held_to_limits() -> None:
    held = bounded(schema_of(Record), text=300, long_text=1_500, entries=6)
    assert held["properties"]["summary"]["maxLength"] == 1_500
    assert held["properties"]["facts"] | {"description": ""} == schema_of(Record)["properties"]["facts"] | {
        "description": "", "maxItems": 6, "items": held["properties"]["facts"]["items"],
    }  # fmt: skip
    assert held["properties"]["facts"]["items"]["maxLength"] == 300
    # What it is made from stays as it is.
    assert schema_of(Record)["properties"]["facts"]["maxItems"] == 30


@pytest.mark.parametrize(
    ("form", "given"),
    [
        (Outline, changed(OUTLINE, beats=[{"title": "a", "summary": "lighthouse", "words": 100}] * 6)),
        (
            Outline,
            changed(OUTLINE, beats=[{"title": "a", "summary": "The keeper looks at the light.", "words": 90}] * 6),
        ),
        (Record, {"summary": "a"}),
        (OutlineReview, {"approved": True, "advice": "a", "strengths": ["a", "s"]}),
    ],
)
def test_a_form_filled_with_nothing_is_told(form: Any, given: dict[str, Any]) -> None:
    assert empty_words(form.model_validate({**given, "beats": given["beats"]} if "beats" in given else given))
    assert empty_words(Outline.model_validate(changed(OUTLINE, beats=BEATS))) is None
