"""How the built-in storyteller reads prompts: things, people, wishes and languages, and what comes of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from coordinator.llm.storyteller import answer, banks, heeding, plot, seedwork, tagger, titles, verbs, wishes
from coordinator.llm.storyteller import lexicon as lx
from coordinator.story.language import of_prompt
from coordinator.story.material import Beat, Notes, Outline, OutlineReview, Section, Verdict
from tests.unit.llm.readings import Case, cases, faults
from tests.unit.llm.test_storyteller import GENRES, LIGHT, brief, outline_of, sections_of, story

TUNED = cases("readings.jsonl")
# The first were written before the reader and looked at once, when it was made; the second were never looked at.
HELD = cases("readings-held.jsonl") + cases("readings-fresh.jsonl")
WRITER = "Asked for by the person whose story it is: "


@pytest.mark.parametrize("case", TUNED, ids=lambda case: case.prompt[:30])
def test_a_prompt_is_read_as_expected(case: Case) -> None:
    assert faults(case) == []


def test_prompts_that_nothing_was_tuned_on_are_mostly_read_as_expected() -> None:
    # What a stranger's prompt may expect.
    right = sum(not faults(case) for case in HELD)
    assert right >= 0.8 * len(HELD)
    turned = [case for case in HELD if not any(fault.startswith("turns on") for fault in faults(case))]
    assert len(turned) >= 0.85 * len(HELD)


def test_no_story_turns_on_a_verb() -> None:
    for case in TUNED + HELD:
        for thing in seedwork.read(case.prompt).things:
            assert verbs.may_be_noun(thing.head.lower()) or thing.head in lx.NOUNS_IN_ING, (case.prompt, thing)


_SMALL_END = re.compile(r"\b(of|the|a|an|and|or|on|in|by|for|with|as|at|to|from|that|who)$", re.IGNORECASE)


def ill_formed(title: str) -> str:
    """What is wrong with a title; empty where nothing is."""
    if len(title) > titles.LONGEST or "  " in title or not title[0].isupper() or "{" in title:
        return "its form"
    if _SMALL_END.search(title) or re.search(r"\b(the|an?) (the|an?|and|of)\b|,,| ,|, (and|or)$", title, re.IGNORECASE):
        return "its end, or two small words"
    words = [word for word in tagger.tagged(title.lower()) if word.tag != "."]
    for word, after in zip(words, [*words[1:], None], strict=True):
        known = verbs.forms(word.lower)
        last = after is None or after.tag in ("P", "C", "S")
        finite = after is not None and not verbs.forms(after.lower) & {"participle", "ing"}
        if word.tag == "D" and after is not None and finite and not verbs.may_be_noun(after.lower):
            return f"a verb after {word.text}: {after.text}"
        if last and known and not verbs.may_be_noun(word.lower) and not known & {"past", "participle", "ing"}:
            return f"a verb for a noun: {word.text}"
    return ""


def test_every_template_makes_a_title_of_every_prompt() -> None:
    wrong: list[tuple[str, str, str]] = []
    for number, case in enumerate(TUNED + HELD):
        genre = GENRES[number % len(GENRES)]
        tale = plot.tale(case.prompt, genre, "", "", "1", 2)
        made = [tale.outline.title]
        for other in banks.GENRES:
            slots = {"item": "SCP-2000", "rev": "4", **tale.slots}
            made += [titles.title(one, slots) for one in titles.fitting(banks.genre(other), tale.thing, slots)]
        wrong += [(case.prompt, title, fault) for title in made if (fault := ill_formed(title))]
    assert wrong == []


@pytest.mark.parametrize(
    "title", ["Elspet and the Abolish Tuesday", "Nine Statements and", "The the Bell", "A Place for the", "the bell"]
)
def test_an_ill_formed_title_is_told(title: str) -> None:
    assert ill_formed(title)


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        ("Make it more vivid", {"vivid"}),
        ("make it a bit shorter, please", {"shorter"}),
        ("Longer!", {"longer"}),
        ("colder", {"cold"}),
        ("I want it warmer and funnier", {"warm", "funny"}),
        ("tell it in the first person", {"first"}),
        ("third person, past tense", {"third", "past"}),
        ("Use present tense.", {"present"}),
        ("no dialogue", {"no-dialogue"}),
        ("less description", {"less-description"}),
        ("Give Tom another name", {"rename"}),
        ("another ending", {"ending"}),
        ("A cold morning at the dark lighthouse.", set()),
        ("The warm bread is sad.", set()),
        ("A short man finds a funny coin.", set()),
    ],
)
def test_wishes_are_told_from_what_a_story_is_about(said: str, kinds: set[str]) -> None:
    assert {wish.kind for wish in wishes.find(said)[0]} == kinds
    if kinds:
        assert heeding.things(WRITER + said) == []


def draft(note: str, prompt: str = LIGHT, genre: str = "short-story", pages: int = 2) -> str:
    config = {"pages": pages, "seed": 1}
    outline = outline_of(prompt, genre, config)
    notes = [WRITER + note] if note else []
    words = sum(beat.words for beat in outline.beats)
    asked = brief(
        "draft", prompt, genre, config, outline=outline, section=1, sections=1, beats=outline.beats, words=words
    )
    text = answer(asked if not note else brief("draft", prompt, genre, config, outline=outline, section=1, sections=1,
                                               beats=outline.beats, words=words, notes=notes))  # fmt: skip
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("note", ["Make it more vivid", "Make it funnier.", "colder, please", "More description."])
def test_a_wish_for_a_manner_changes_the_text_and_names_nothing(note: str) -> None:
    told = draft(note)
    assert told != draft("")
    assert not re.search(r"\b(vivid|funnier|colder|description|manner)\b", told)


def test_a_shorter_one_is_shorter() -> None:
    assert len(draft("Make it shorter.", pages=5).split()) < 0.95 * len(draft("", pages=5).split())


@pytest.mark.parametrize("note", ["Rename {} to Agnes", "Call {} Agnes.", "Give {} another name."])
def test_somebody_gets_another_name(note: str) -> None:
    old = outline_of(LIGHT, "short-story", {"pages": 2, "seed": 1}).people[0].name
    told = draft(note.format(old))
    assert old not in told
    assert "Agnes" in told or "another" in note


def test_a_name_changed_in_the_outline_is_the_name_in_the_text() -> None:
    config = {"pages": 1, "seed": 1}
    outline = outline_of(LIGHT, "short-story", config)
    old = outline.people[0].name
    people = [outline.people[0].model_copy(update={"name": "Zenobia"}), *outline.people[1:]]
    edited = outline.model_copy(update={"people": people})
    text = answer(brief("draft", LIGHT, "short-story", config, outline=edited, section=1, sections=1, words=300))
    assert isinstance(text, str)
    assert "Zenobia" in text
    assert old not in text


@pytest.mark.parametrize("genre", ["short-story", "horror", "fairy-tale", "science-fiction"])
def test_the_first_person_is_followed(genre: str) -> None:
    prompt = "A broken bell. Tell it in the first person."
    text = story(prompt, genre, {"pages": 3, "seed": 3})
    lead = outline_of(prompt, genre, {"pages": 3, "seed": 3}).people[0].name
    told = re.sub(r"[\"“*][^\"“”*]*[\"”*]", "", text)
    assert len(re.findall(r"\bI\b", told)) > 10
    assert len(re.findall(rf"\b{lead}\b", told)) <= 3
    assert not re.search(r"\b(?:to|for|with|told|saw) I\b|\bI (?:has|is|were)\b|\bmy name was\b", told)


def spoken(prompt: str, genre: str) -> float:
    texts = [story(prompt, genre, {"pages": 3, "seed": seed}) for seed in range(3)]
    return sum(len("".join(re.findall(r'"[^"]+"', text))) / len(text) for text in texts)


def test_without_dialogue_there_is_less_of_it() -> None:
    for genre in ("short-story", "horror", "science-fiction"):
        assert spoken("A violin. No dialogue.", genre) < 0.75 * spoken("A violin.", genre)


def said_to(note: str, prompt: str = LIGHT, genre: str = "short-story") -> list[str]:
    """What brainstorm, outline review, notes and review say of a wish."""
    config = {"pages": 1, "seed": 2}
    reading = [Section(number=1, text=story(prompt, genre, config))]
    base: dict[str, Any] = {"reading": reading, "sections": 1, "notes": [WRITER + note] if note else []}
    found = [
        answer(brief(kind, prompt, genre, config, **base))
        for kind in ("brainstorm", "outline-review", "notes", "review")
    ]
    idea, outline, notes, verdict = found
    assert isinstance(idea, str) and isinstance(outline, OutlineReview)
    assert isinstance(notes, Notes) and isinstance(verdict, Verdict)
    return [idea, " ".join(outline.problems), notes.impression, verdict.summary, verdict.fit.comment]


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("Tell it in the present tense.", "can't be told in the present tense"),
        ("No dialogue!", "can't do without any dialogue"),
        ("I want a different ending.", "ending can't be changed"),
        ("Make it longer.", "can't be made longer than its pages"),
        ("Rename Bartholomew to Ann.", "Nobody in this story is called Bartholomew"),
    ],
)
def test_what_is_not_followed_is_said_everywhere(note: str, said: str) -> None:
    assert all(said in told for told in said_to(note))


def test_a_wish_in_the_prompt_is_answered_like_one_in_a_note() -> None:
    told = said_to("", "A violin in the snow, in the present tense.")
    assert all("can't be told in the present tense" in one for one in told)
    assert all("third person" in one for one in said_to("", "A violin. In the third person.", "noir"))


def verdict_of(text: str, prompt: str, config: dict[str, Any], genre: str = "short-story") -> Verdict:
    reading = [Section(number=1, text=text)]
    found = answer(brief("review", prompt, genre, config, reading=reading, sections=1))
    assert isinstance(found, Verdict)
    return found


def test_the_reader_names_what_was_left_out() -> None:
    prompt = "Mara, a lighthouse keeper, and her brother Tom find a drowned bicycle in Trieste."
    config = {"pages": 1, "seed": 1}
    whole = story(prompt, "short-story", config)
    full = verdict_of(whole, prompt, config).fit
    less = verdict_of(whole.replace("Tom", "Ulf").replace("bicycle", "bell"), prompt, config).fit
    assert "Tom" not in full.comment
    assert "Tom" in less.comment and "bicycle" in less.comment
    assert less.score < full.score < 9


def test_a_fit_of_nine_is_never_given_where_something_is_left_out() -> None:
    for number, case in enumerate(TUNED[::4]):
        genre = GENRES[number % len(GENRES)]
        config = {"pages": 1, "seed": number}
        fit = verdict_of(story(case.prompt, genre, config), case.prompt, config, genre).fit
        assert fit.score < 9
        assert not fit.comment.startswith("Left out") or fit.score <= 7


def test_a_text_of_another_length_fits_less() -> None:
    config = {"pages": 2, "seed": 1}
    text = story(LIGHT, "short-story", {"pages": 1, "seed": 1})
    assert "words, and 600 were asked for" in verdict_of(text, LIGHT, config).fit.comment


def test_scores_vary_with_the_text() -> None:
    config = {"pages": 2, "seed": 1}
    good = verdict_of(story(LIGHT, "short-story", config), LIGHT, config)
    flat = verdict_of("The light went on. " * 150, LIGHT, config)
    assert flat.total() < good.total() - 1
    found = {tuple(verdict_of(story(LIGHT, "noir", {"pages": 2, "seed": n}), LIGHT, config, "noir").scores().values()) for n in range(8)}  # fmt: skip
    assert len(found) >= 3


FOREIGN = {
    "de": "Eine alte Frau findet in ihrem Garten eine Uhr, die rückwärts geht.",
    "fr": "Un vieil horloger répare une montre qui recule d'une heure chaque nuit.",
    "es": "El farero encuentra una carta en la playa.",
    "it": "Il vecchio pescatore trova una chiave nella rete.",
    "pt": "Um velho pescador encontra uma chave no rio.",
    "nl": "Een oude visser vindt een sleutel in het net van zijn broer.",
    "pl": "Stary rybak znajduje klucz w ogrodzie i nie wie, co zrobić.",
    "sv": "En gammal fiskare hittar en nyckel i sitt nät och säger inget.",
    "tr": "Yaşlı bir balıkçı ve denizde bulduğu bir anahtar.",
    "ru": "Старый рыбак нашёл ключ в сети.",
    "uk": "Старий рибалка знайшов ключ і їде додому.",
    "zh": "一位老邮递员收到一封没有地址的信。",
    "ja": "灯台守が海から手紙を受け取る。",
    "ko": "늙은 어부가 바다에서 열쇠를 찾는다.",
    "ar": "صياد عجوز يجد مفتاحا في البحر.",
    "hi": "एक बूढ़ा मछुआरा समुद्र में एक चाबी पाता है।",
}


@pytest.mark.parametrize(("tag", "prompt"), FOREIGN.items())
def test_a_prompt_in_another_language_is_answered_in_it_and_told_in_english(tag: str, prompt: str) -> None:
    assert of_prompt(prompt) == tag
    idea = answer(brief("brainstorm", prompt))
    assert isinstance(idea, str)
    assert idea.split("\n")[0] == banks.english_only()[tag] != banks.english_only()["en"]
    assert "STORYLOOM_MODEL" in idea.split("\n")[0]
    config = {"pages": 1, "seed": 1}
    text = story(prompt, "short-story", config)
    assert of_prompt(text) == "en"
    fit = verdict_of(text, prompt, config).fit
    assert fit.score <= 3
    assert "writes English only" in fit.comment


def test_names_of_another_language_are_taken() -> None:
    config = {"pages": 1, "seed": 1}
    assert "Tomás" in story("El farero Tomás encuentra una carta en la playa.", "short-story", config)
    assert "Ivan" in story("Старый рыбак Иван нашёл ключ.", "short-story", config)


def test_a_language_that_is_wished_for_is_refused_in_it() -> None:
    idea = answer(brief("brainstorm", LIGHT, config={"language": "German"}))
    assert isinstance(idea, str) and idea.startswith(banks.english_only()["de"])
    assert verdict_of(story(LIGHT, "short-story", {"pages": 1}), LIGHT, {"pages": 1, "language": "de"}).fit.score <= 3


@pytest.mark.parametrize(
    "prompt", ["Die Hard on a train", "A la carte", "Elspet en route to café Étienne", "La Boheme and the cook", "Lena"]
)
def test_english_with_foreign_words_is_english(prompt: str) -> None:
    assert of_prompt(prompt) == "en"


def test_the_dead_are_those_who_are_gone_and_do_nothing() -> None:
    for prompt, role in (
        ("A widow paints her late husband's boat.", "husband"),
        ("His dead mother sends him parking tickets.", "mother"),
        ("My grandmother's ghost keeps rearranging the spice rack.", "grandmother"),
        ("Clara's husband Emil is dead, but his coat is not.", "husband"),
    ):
        for genre in ("short-story", "noir", "fairy-tale"):
            config = {"pages": 3, "seed": 4}
            outline = outline_of(prompt, genre, config)
            gone = next(person for person in outline.people if role in person.role)
            assert gone.description.startswith("Gone before the story opens")
            assert not any(gone.name in beat.people for beat in outline.beats)
            text = "\n\n".join(part for part, _ in sections_of(prompt, genre, config))
            assert re.search(r"\bdead\b", text)
            assert not re.search(rf"[,?!]\" (?:said {gone.name}|{gone.name} said)\b", text)


def test_named_people_become_the_cast() -> None:
    outline = outline_of("Mara, a lighthouse keeper, and her brother Tom find a bell.", "short-story", {"pages": 3})
    roles = {person.name: person.role for person in outline.people}
    assert outline.people[0].name == "Mara"
    assert roles["Mara"] == "lighthouse keeper"
    assert roles["Tom"] == "her brother"
    told = "Characters: Nell, a thief; Bram, a judge; Irena (his wife, dead). Setting: a courthouse."
    outline = outline_of(told, "horror", {"pages": 3})
    assert outline.people[0].name == "Nell"
    assert {"Bram", "Irena"} < {person.name for person in outline.people}
    irena = next(person for person in outline.people if person.name == "Irena")
    assert irena.description.startswith("Gone")


def test_a_living_mother_is_not_the_one_who_is_gone() -> None:
    for seed in range(6):
        outline = outline_of("A girl and her mother steal a piano.", "short-story", {"pages": 3, "seed": seed})
        gone = next(person for person in outline.people if person.description.startswith("Gone"))
        assert "mother" not in gone.role.split()


def test_the_protagonist_of_the_settings_stays_the_protagonist() -> None:
    outline = outline_of("Mara and her brother Tom find a bell.", "short-story", {"pages": 2, "protagonist": "Tom"})
    assert outline.people[0].name == "Tom"
    assert "Mara" in {person.name for person in outline.people}


def test_a_note_that_renames_keeps_the_outline_it_speaks_of() -> None:
    config = {"pages": 2, "seed": 7}
    first = outline_of(LIGHT, "short-story", config)
    old = first.people[0].name
    again = answer(
        brief("outline", LIGHT, "short-story", config, round=2, notes=[f"Rename {old} to Agnes"], outline=first)
    )
    assert isinstance(again, Outline)
    assert again.people[0].name == "Agnes"
    assert [beat.words for beat in again.beats] == [beat.words for beat in first.beats]
    beats: list[Beat] = again.beats
    text = answer(
        brief("draft", LIGHT, "short-story", config, outline=again, section=1, sections=1, beats=beats, words=600)
    )
    assert isinstance(text, str)
    assert "Agnes" in text and old not in text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "make it " * 100_000,
        "e\u0301" * 300_000,
        ",;:" * 300_000,
        "Cast: " * 100_000,
        "A b, " * 200_000,
    ],
    ids=["one word", "orders", "marks", "points", "labels", "names"],
)
def test_hostile_prompts_stay_bounded(text: str) -> None:
    seed = seedwork.read(text)
    assert len(seed.things) <= 12
    assert len(seed.figures) <= 12
    assert all(len(thing.phrase) <= 60 for thing in seed.things)
    assert len(wishes.find(text)[0]) <= len(wishes.KINDS) * 4
