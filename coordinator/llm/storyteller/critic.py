"""Reading what was written: measured verdicts, notes, checks of lore, records. Every quotation is exact."""

from __future__ import annotations

import re
from collections import Counter
from statistics import mean, pstdev

from coordinator.llm.storyteller import banks, heeding, lexicon
from coordinator.llm.storyteller.figures import singular
from coordinator.llm.storyteller.plot import Tale
from coordinator.llm.storyteller.weaver import plain, sentences
from coordinator.llm.storyteller.wishes import Wish
from coordinator.story.brief import WORDS_PER_PAGE, Brief
from coordinator.story.language import english_name, named
from coordinator.story.material import (
    Contradiction,
    LoreReview,
    Note,
    Notes,
    OutlineReview,
    Place,
    Record,
    Score,
    Section,
    SectionNote,
    Verdict,
)

_SENSES = re.compile(
    r"\b(smell|smelled|taste|tasted|cold|warm|light|dark|sound|noise|hum|damp|rough|smooth|wet|dry|dust|smoke|heard|"
    r"touched|colour|red|green|blue|grey|white|black|bright|ticked|creaked|salt|frost)\w*\b",
    re.IGNORECASE,
)
_SPEECH = re.compile(r"[\"“][^\"“”]+[\"”]")
_GONE = re.compile(r" gone (?:away )?(\w+(?:-\w+)?) years")
_NAME = re.compile(r"\b[A-Z]\w+")
_EMPTY = "The section is empty."


class Measure:
    """What can be counted in a text."""

    def __init__(self, text: str) -> None:
        words = re.findall(r"\w+", text.lower())
        self.text = text
        self.words = len(text.split())
        lengths = [len(part.split()) for part in sentences(text)] or [0]
        self.variety = len(set(words)) / max(1, len(words)) ** 0.86
        self.rhythm = pstdev(lengths) / max(1.0, mean(lengths))
        self.speech = sum(len(part.split()) for part in _SPEECH.findall(text)) / max(1, self.words)
        self.senses = len(_SENSES.findall(text)) / max(1, self.words) * 100
        counted = Counter(plain(part) for part in sentences(text))
        self.repeats = sum(count - 1 for part, count in counted.items() if part.count(" ") >= 3)
        self.openings = Counter(" ".join(part.split()[:2]) for part in text.split("\n\n") if part.strip())

    @property
    def weakness(self) -> float:
        """Higher is weaker: flat rhythm, few senses, little speech, sentences said twice."""
        return float(-self.senses / 4 - self.rhythm - min(self.speech, 0.4) - self.variety / 2 + self.repeats)


def _lines(text: str, least: int = 5, most: int = 45) -> list[str]:
    """Exact single sentences of `text`, each fit to be quoted."""
    found = [part for part in sentences(text) if least <= len(part.split()) <= most]
    return [part.strip() for part in found if part.strip() in text] or [text.strip()[:300].strip() or _EMPTY]


def _best(text: str, pattern: re.Pattern[str] | None = None) -> str:
    lines = _lines(text)
    if pattern is not None:
        hits = [line for line in lines if pattern.search(line)]
        lines = hits or lines
    return max(lines, key=lambda line: (len(set(line.lower().split())) / (len(line.split()) + 4), len(line)))[
        :1900
    ].strip()


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117].rsplit(" ", 1)[0] + "…"


def outline_review(tale: Tale, brief: Brief) -> OutlineReview:
    """Reads an outline: always approved, with what it lacks and the wishes that can't be followed."""
    outline = brief.outline or tale.outline
    beats = outline.beats
    middle = beats[len(beats) // 2]
    heaviest = max(beats, key=lambda beat: beat.words)
    called = heeding.names(tale, outline, brief.notes)
    lead = called.get(tale.cast.protagonist.short, tale.cast.protagonist.short)
    absent = [beat.title for beat in beats if beat.people and lead not in " ".join(beat.people)]
    strengths = [
        f"“{beats[0].title}” opens on something one can see, and “{beats[-1].title}” comes back to it.",
        f"The turn at “{middle.title}” changes what the beginning meant, and does not merely add to it.",
    ]
    used = {word for beat in beats for word in beat.summary.lower().split()}
    missing = [
        t.phrase for t in tale.seed.things if not set(t.phrase.lower().split()) & {w.strip(".,;:") for w in used}
    ]
    refused = heeding.not_kept(tale, _asked(tale, brief))
    problems = [
        *([_foreign(tale, brief)] if _foreign(tale, brief) else []),
        *refused,
        f"“{heaviest.title}” carries {heaviest.words} words; it must earn them with an exchange, not with description.",
    ]
    if missing:
        problems.append(f"No beat names the {missing[0]}; it should be seen early and used late.")
    if absent:
        problems.append(f"{lead} is not in “{absent[0]}”.")
    place = Counter(beat.place for beat in beats if beat.place).most_common(1)
    if place and place[0][1] > len(beats) / 2:
        problems.append(f"More than half of the beats take place in the same spot, {place[0][0]}.")
    first, last = beats[0].title, beats[-1].title
    advice = f"Keep “{middle.title}” short and exact, and let “{last}” answer “{first}” without explaining it."
    return OutlineReview(approved=True, strengths=strengths, problems=problems[: 4 + len(refused)][:10], advice=advice)


def _asked(tale: Tale, brief: Brief) -> tuple[Wish, ...]:
    """The writer's wishes for the telling, from the prompt and from what they have said since."""
    return tuple(dict.fromkeys([*tale.seed.wishes, *heeding.of_writer(brief.notes)]))


def _language(tale: Tale, brief: Brief) -> str:
    """The language that the story should be in."""
    return (named(brief.config.language or "") or tale.seed.language).partition("-")[0].lower()


def _foreign(tale: Tale, brief: Brief) -> str:
    """Why the story is not in the language that it should be in; empty where it is."""
    tag = _language(tale, brief)
    if tag == "en" and tale.seed.language == "en":
        return ""
    if tag == "en":
        said = f"The prompt is in {english_name(tale.seed.language)}, which the built-in storyteller can't read"
        return f"{said} but for a few words; connect a model to have it followed."
    wanted = english_name(tag)
    return f"It should be in {wanted}, and the built-in storyteller writes English only; connect a model to have it so."


def record(tale: Tale, brief: Brief) -> Record:
    """What a section adds: only people and places that its text names, and facts that it states."""
    outline = brief.outline or tale.outline
    text = brief.text
    people = [person for person in outline.people if _names(person.name, text)]
    places = [
        Place(name=place.name, description=place.description)
        for place in outline.places
        if _bare(place.name) in text.lower()
    ]
    stated = [
        line
        for line in _lines(text, 6, 34)
        if not line.startswith(('"', "“", "*")) and re.search(r"\b(was|were|had)\b", line)
    ]
    facts = [line for line in stated if any(_names(person.name, line) for person in outline.people)][:5] or stated[:2]
    told = " ".join(beat.summary for beat in brief.beats)
    before = brief.summary.strip()
    words = f"{before} {told}".split()
    if len(words) > 290:
        head = " ".join(words[:110]).rsplit(".", 1)[0]
        tail = " ".join(words[-170:])
        tail = tail.split(". ", 1)[-1]
        summary = f"{head}. {tail}"
    else:
        summary = " ".join(words)
    return Record(
        summary=summary or f"{tale.cast.protagonist.short} begins.", people=people, places=places, facts=facts
    )


def _names(name: str, text: str) -> bool:
    words = [word for word in re.findall(r"\w+", name) if word[0].isupper() or not word.isascii()] or [name]
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in words)


def _bare(name: str) -> str:
    return re.sub(r"^(the|my|a|an)\s+", "", name.lower())


def notes(tale: Tale, brief: Brief) -> Notes:
    """Impressions on the way, with a passage for every note, and what was asked for and is not followed."""
    reading = brief.reading
    if not reading:
        return Notes(impression="There is nothing to read yet.")
    ranked = sorted(reading, key=lambda section: Measure(section.text).weakness, reverse=True)
    found = [_note(section, Measure(section.text)) for section in ranked[:3]]
    best = ranked[-1]
    line = _best(best.text, _SENSES)
    found.append(
        Note(
            section=best.number,
            quote=line,
            comment="This is the story at its own height; let the rest be measured by it.",
        )
    )
    words = sum(len(section.text.split()) for section in reading)
    speech = Measure(" ".join(section.text for section in reading)).speech
    manner = (
        "mostly told"
        if speech < 0.12
        else "carried by talk"
        if speech > 0.35
        else "evenly divided between talk and telling"
    )
    called = heeding.names(tale, brief.outline, brief.notes)
    lead = called.get(tale.cast.protagonist.short, tale.cast.protagonist.short)
    impression = (
        f"After {words} words I want to know what {lead} will do about {tale.slots['T']}. "
        f"It is {manner}; section {best.number} holds best"
        + (f", and section {ranked[0].number} could hold more." if len(reading) > 1 else ".")
    )
    refused = [
        *([_foreign(tale, brief)] if _foreign(tale, brief) else []),
        *heeding.not_kept(tale, _asked(tale, brief)),
    ]
    impression = " ".join([impression, *refused])[:1900]
    return Notes(impression=impression, notes=found)


def _note(section: Section, measure: Measure) -> Note:
    lines = _lines(section.text)
    opening, count = measure.openings.most_common(1)[0] if measure.openings else ("", 0)
    if count > 2:
        quote = next((line for line in lines if line.startswith(opening)), lines[0])
        return Note(
            section=section.number, quote=quote, comment=f"{count} paragraphs open with “{opening}”; vary the openings."
        )
    if measure.speech < 0.08:
        quote = max(lines, key=len)
        return Note(
            section=section.number, quote=quote, comment="Nobody speaks here; sharpen it with a line of dialogue."
        )
    if measure.senses < 1.5:
        quote = min(lines, key=lambda line: len(_SENSES.findall(line)))
        return Note(
            section=section.number,
            quote=quote,
            comment="One could be anywhere; add a smell, a sound, something under the hand.",
        )
    quote = max(lines, key=lambda line: len(line.split()))
    return Note(section=section.number, quote=quote, comment="The longest sentence here; see that it earns its length.")


def lore_review(tale: Tale, brief: Brief) -> LoreReview:
    """Looks for the gone who speak and for spans of years that disagree with what was first told."""
    found: list[Contradiction] = []
    outline = brief.outline or tale.outline
    gone = [
        p for p in outline.people if re.search(r"\b(gone before|is dead|died|deceased)\b", p.description, re.IGNORECASE)
    ]
    for section in brief.reading:
        for person in gone:
            first = person.name.split()[0]
            passage = _speaking(first, section.text)
            if passage and " had " not in passage:
                found.append(
                    Contradiction(
                        section=section.number,
                        earlier=person.description,
                        later=passage,
                        remedy=f"{person.name} is not there to speak; give the words to somebody present.",
                    )
                )
        found += _spans(section, brief.reading)
    checked = ", ".join(person.name for person in outline.people[:4])
    facts = len(brief.bible.facts)
    remarks = (
        f"I checked {len(brief.reading)} section{'s' if len(brief.reading) != 1 else ''} against the outline"
        f"{f' and {facts} facts of the bible' if facts else ''}: who is present and who is gone ({checked}), "
        f"where scenes take place, "
        f"and the span of {tale.slots['years']} years. "
        + ("Nothing contradicts what came first." if not found else "What does not agree is listed.")
    )
    return LoreReview(remarks=remarks, contradictions=found[:20])


def _speaking(name: str, text: str) -> str:
    """The first line or sentence in which they say something."""
    name = re.escape(name)
    found = re.search(rf"[,?!][\"”] (?:said {name}|{name} said)\b", text)
    if not found:
        return ""
    start = max(text.rfind(end, 0, found.start()) for end in ".\n") + 1
    rest = re.compile(r"[^.\n]*\.?").match(text, found.end())
    return text[start : rest.end() if rest else found.end()].strip()


def _spans(section: Section, reading: list[Section]) -> list[Contradiction]:
    """Two different spans said of the same person's being gone."""
    seen: dict[str, tuple[str, str]] = {}
    for other in reading:
        for sentence in re.findall(r"[^.\n]+\.?", other.text):
            told = list(_GONE.finditer(sentence)) if sentence.endswith(".") else []
            name = _NAME.search(sentence, 0, told[-1].start()) if told else None
            if name is None:
                continue
            passage, who, span = sentence.strip(), name[0], told[-1][1]
            if who in seen and seen[who][0] != span and other.number == section.number:
                return [
                    Contradiction(
                        section=section.number,
                        earlier=seen[who][1],
                        later=passage,
                        remedy=f"Keep to {seen[who][0]} years.",
                    )
                ]
            seen.setdefault(who, (span, passage))
    return []


def review(tale: Tale, brief: Brief) -> Verdict:
    """The rubric, from what can be measured in the text; asks for rewriting in the first round of about half of all
    stories."""
    reading = brief.reading or [Section(number=1, text=brief.text or brief.previous or _EMPTY)]
    whole = "\n\n".join(section.text for section in reading) or _EMPTY
    measure = Measure(whole)
    ranked = sorted(reading, key=lambda section: Measure(section.text).weakness, reverse=True)
    picky = tale.rng("verdict").random() < 0.5
    rewriting = picky and brief.round == 1 and brief.config.max_revisions >= 1
    count = max(1, min(3, len(reading) // 5)) if rewriting else 0
    scores = {
        "plot": _plot(tale, brief, reading),
        "character": _character(tale, brief, whole, measure),
        "prose": _prose(whole, measure),
        "pacing": _pacing(whole, measure, reading),
        "originality": _originality(ranked[-1], measure),
        "fit": _fit(tale, brief, whole),
    }
    rewrite = [
        SectionNote(section=section.number, note=_note(section, Measure(section.text)).comment)
        for section in ranked[:count]
    ]
    summary = (
        f"A story that knows what it is about. Section {ranked[0].number} is the weakest and should be written again."
        if rewriting
        else f"Approved: section {ranked[-1].number} is the strongest, and nothing stands in the reader's way."
    )
    refused = [
        *([_foreign(tale, brief)] if _foreign(tale, brief) else []),
        *heeding.not_kept(tale, _asked(tale, brief)),
    ]
    summary = " ".join([summary, *refused])[:1900]
    return Verdict(**scores, approved=not rewriting, summary=summary, rewrite=rewrite)


def _plot(tale: Tale, brief: Brief, reading: list[Section]) -> Score:
    """Whether the end takes up what the beginning set down, and the central thing goes all through."""
    first, last = reading[0].text.lower(), reading[-1].text
    head = tale.image.noun.split()[-1].lower()
    echoed = head in first and head in last.lower()
    thing = tale.thing.head.lower()
    share = sum(thing in section.text.lower() for section in reading) / len(reading)
    comment = (
        "The end takes up what the beginning set down" if echoed else "The end does not come back to the beginning"
    )
    comment += f"; the {tale.thing.head} is in {share:.0%} of the sections."
    score = 5 + echoed + (len(reading) > 1) + (share > 0.6) - (share < 0.3)
    return _score(score, _lines(last)[-1], comment)


def _character(tale: Tale, brief: Brief, whole: str, measure: Measure) -> Score:
    called = heeding.names(tale, brief.outline, brief.notes)
    members = [tale.cast.protagonist, *tale.cast.others.values()]
    # Who tells the story is in it as `I`.
    here = sum(_names(called.get(one.short, one.short), whole) for one in members[1:]) + 1
    comment = f"Speech is {measure.speech:.0%} of the text; {here} of {len(members)} people of the cast are in it."
    score = (
        4 + (measure.speech > 0.08) + (measure.speech > 0.16) + (here >= 0.6 * len(members)) + (here == len(members))
    )
    return _score(score, _best(whole, _SPEECH), comment)


def _prose(whole: str, measure: Measure) -> Score:
    repeats = f"{measure.repeats or 'no'} sentence{'s' if measure.repeats != 1 else ''} repeated"
    comment = f"{measure.senses:.1f} words of the senses in a hundred; {repeats}."
    score = 4 + (measure.variety > 0.9) + (measure.senses > 1.5) + (measure.senses > 2.4) + (measure.repeats == 0)
    return _score(score - min(3, measure.repeats), _best(whole, _SENSES), comment)


def _pacing(whole: str, measure: Measure, reading: list[Section]) -> Score:
    shortest = min(_lines(whole, 3), key=lambda line: len(line.split()))
    lengths = [len(section.text.split()) for section in reading]
    even = max(lengths) <= 2.5 * max(1, min(lengths))
    moves = "Short and long sentences change" if measure.rhythm > 0.5 else "Sentences are much of a length"
    comment = f"{moves}; sections run from {min(lengths)} to {max(lengths)} words."
    return _score(4 + (measure.rhythm > 0.5) + (measure.rhythm > 0.65) + even, shortest, comment)


def _originality(best: Section, measure: Measure) -> Score:
    """Beginnings of paragraphs that are like no other; a grammar's stories are never more than good at this."""
    count = sum(measure.openings.values())
    fresh = len(measure.openings) / max(1, count)
    comment = f"{fresh:.0%} of the paragraphs begin as no other does; the plot is one of a fixed number."
    return _score(4 + (fresh > 0.75) + (fresh > 0.9) + (measure.repeats == 0), _best(best.text), comment)


def _score(points: int, evidence: str, comment: str) -> Score:
    return Score(score=max(1, min(10, points)), evidence=evidence, comment=comment)


MOST_FIT = 8
"""The best fit: a grammar has its own plan of what happens, and takes from a prompt who and what is there alone."""


def left_out(tale: Tale, brief: Brief, text: str) -> list[str]:
    """What the prompt names and `text` does not have: people, things, places, in that order."""
    lower, seed = text.lower(), tale.seed
    called = heeding.names(tale, brief.outline, brief.notes)
    renamed = {word for name in called for word in name.split()}
    missing = [name for name in seed.names if not (set(name.split()) & renamed or _has_name(name, text))]
    known = " ".join(seed.names).lower()
    missing += [
        f"the {one.role}"
        for one in seed.figures
        if one.role and not one.name and not _has(lower, one.head) and one.head
    ]
    missing += [
        thing.definite for thing in seed.things if thing.kind != "person" and not _has(lower, thing.head.lower())
    ]
    missing += [
        place for place in seed.places if place.lower() not in known and not _has(lower, place.split()[-1].lower())
    ]
    if brief.config.protagonist and not _names(brief.config.protagonist, text):
        missing.insert(0, brief.config.protagonist)
    return list(dict.fromkeys(missing))


def _has_name(name: str, text: str) -> bool:
    words = [word for word in name.split() if word.lower() not in lexicon.TITLES] or name.split()
    return any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in words)


def _has(lower: str, head: str) -> bool:
    stem = singular(head)
    return re.search(rf"\b(?:{re.escape(head)}|{re.escape(stem)})(?:s|es)?\b", lower) is not None


def _fit(tale: Tale, brief: Brief, whole: str) -> Score:
    """Fit to what was asked for: what of it is there, what is left out and which wishes are not followed, by name."""
    seed, evidence = tale.seed, _fitting(whole, tale)
    foreign = _foreign(tale, brief)
    if foreign:
        return _score(3 if seed.things or seed.names else 2, evidence, foreign)
    missing = left_out(tale, brief, whole)
    refused = heeding.not_kept(tale, _asked(tale, brief))
    said: list[str] = []
    points = MOST_FIT - bool(seed.clause)
    if not (seed.things or seed.figures or seed.places):
        points = 5
        said.append("The prompt names nothing that the built-in storyteller could take up; the matter is its own.")
    if missing:
        part = "" if len(brief.reading) >= brief.sections else " of the sections that I read"
        said.append(f"Left out{part}: {', '.join(missing[:8])}.")
    words, wanted = len(whole.split()), brief.config.pages * WORDS_PER_PAGE
    if brief.reading and len(brief.reading) >= brief.sections and abs(words / wanted - 1) > 0.15:
        points -= 1
        said.append(f"It has {words} words, and {wanted} were asked for.")
    said += refused
    if not said:
        what = (
            "the prompt's own events stand in it as a premise"
            if seed.clause
            else "what happens is the storyteller's own"
        )
        said.append(f"All that the prompt names is in the text; {what}.")
    points -= min(4, len(missing)) + min(2, len(refused)) + (tale.thing.definite in missing)
    return _score(points, evidence, " ".join(said)[:1900])


def _fitting(text: str, tale: Tale) -> str:
    heads = [tale.thing.head, *(thing.head for thing in tale.seed.things), tale.cast.protagonist.short]
    for head in heads:
        hits = [line for line in _lines(text) if head.lower() in line.lower()]
        if hits:
            return max(hits, key=len)[:1900].strip()
    return _best(text)


def brainstorm(tale: Tale, brief: Brief) -> str:
    """Three ideas from the prompt's things, which is chosen, and what of the wishes is followed; before it all,
    to a prompt in another language, in that language, that the story will be in English."""
    slots, seed = tale.slots, tale.seed
    rng = tale.rng("brainstorm")
    lead = tale.cast.protagonist
    other = next(
        (t.phrase for t in seed.things if t.phrase != tale.thing.phrase), tale.genre.words["objects"][rng.randrange(8)]
    )
    place = seed.places[0] if seed.places else tale.home.name.removeprefix("the ").removeprefix("my ")
    asked = _asked(tale, brief)
    wishes = [*heeding.kept(tale, asked), *heeding.not_kept(tale, asked)]
    english = banks.english_only()
    tag = _language(tale, brief)
    tag = tag if tag != "en" else tale.seed.language
    first_of_all = [english.get(tag, english["en"]), ""] if _foreign(tale, brief) else []
    said = f", with “{seed.saying}” kept as it stands" if seed.saying else ""
    thing = slots["T"]
    first = rng.choice(
        [
            f"{lead.name} tries to be rid of {thing} and finds that everyone has been paying to keep it",
            f"{lead.name} inherits {thing}, and the habit of not asking about it",
        ]
    )
    second = rng.choice(
        [
            f"the {other} is the only witness, and {lead.short} must learn to read it",
            f"told backwards from the {place}: the {other} first, then {thing}, then why",
        ]
    )
    third = _idea(tale)
    ways = [f"{number}. {idea[0].upper()}{idea[1:]}." for number, idea in enumerate((first, second, third), 1)]
    return "\n".join(
        [
            *first_of_all,
            f"Three ways in{said}.",
            "",
            *ways,
            "",
            f"I choose the third. It gives {lead.short} something to do with {lead.his} hands, it lets "
            f"{slots['open_noun']} mean one thing at the start and another at the end, and it does not need a villain, "
            f"only people who meant well. I keep the {other} from the second for later.",
            *(["", f"As for what was asked of the telling: {' '.join(wishes)}"] if wishes else []),
        ]
    )


def _idea(tale: Tale) -> str:
    text = tale.ladder.idea
    text = re.sub(r"\{(\w+)\}", lambda m: tale.slots[m[1]], text)
    return text[0].upper() + text[1:]
