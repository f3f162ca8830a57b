"""Reading what was written: measured verdicts, notes, checks of lore, records. Every quotation is exact."""

from __future__ import annotations

import re
from collections import Counter
from statistics import mean, pstdev

from coordinator.llm.storyteller.plot import Tale
from coordinator.llm.storyteller.weaver import plain, sentences
from coordinator.story.brief import Brief
from coordinator.story.material import (
    Contradiction,
    LoreReview,
    Note,
    Notes,
    Outline,
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


def outline_review(tale: Tale, outline: Outline) -> OutlineReview:
    """Reads an outline: approved unless it has neither people to act nor beats enough to turn on."""
    beats = outline.beats
    middle = beats[len(beats) // 2]
    heaviest = max(beats, key=lambda beat: beat.words)
    lead = tale.cast.protagonist.short
    absent = [beat.title for beat in beats if beat.people and lead not in " ".join(beat.people)]
    strengths = [
        f"“{beats[0].title}” opens on something one can see, and “{beats[-1].title}” comes back to it.",
        f"The turn at “{middle.title}” changes what the beginning meant, and does not merely add to it.",
    ]
    used = {word for beat in beats for word in beat.summary.lower().split()}
    missing = [
        t.phrase for t in tale.seed.things if not set(t.phrase.lower().split()) & {w.strip(".,;:") for w in used}
    ]
    problems = [
        f"“{heaviest.title}” carries {heaviest.words} words; it must earn them with an exchange, not with description."
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
    return OutlineReview(approved=True, strengths=strengths, problems=problems[:4], advice=advice)


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


def notes(tale: Tale, reading: list[Section]) -> Notes:
    """Impressions on the way, with a passage for every note."""
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
    impression = (
        f"After {words} words I want to know what {tale.cast.protagonist.short} will do about {tale.slots['T']}. "
        f"It is {manner}; section {best.number} holds best"
        + (f", and section {ranked[0].number} could hold more." if len(reading) > 1 else ".")
    )
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
    """The rubric, from what can be measured; asks for rewriting in the first round of about half of all stories."""
    reading = brief.reading or [Section(number=1, text=brief.text or brief.previous or _EMPTY)]
    whole = "\n\n".join(section.text for section in reading) or _EMPTY
    measure = Measure(whole)
    ranked = sorted(reading, key=lambda section: Measure(section.text).weakness, reverse=True)
    picky = tale.rng("verdict").random() < 0.5
    rewriting = picky and brief.round == 1 and brief.config.max_revisions >= 1
    things = tale.seed.things
    present = sum(thing.head.lower() in whole.lower() for thing in things) / max(1, len(things))
    lift = min(brief.round - 1, 2) + (0 if rewriting else 1)
    count = max(1, min(3, len(reading) // 5)) if rewriting else 0
    spoken = _best(whole, _SPEECH)
    said = f"Speech is {measure.speech:.0%} of the text; people are known by it."
    repeats = f"{measure.repeats or 'no'} sentence{'s' if measure.repeats != 1 else ''} repeated"
    sensed = f"{measure.senses:.1f} words of the senses in a hundred; {repeats}."
    shortest = min(_lines(whole, 3), key=lambda line: len(line.split()))
    named = f"{present:.0%} of what the prompt names is in the text."
    prose = 4 + (measure.variety > 0.9) + (measure.senses > 1.5) + (measure.repeats == 0)
    voices = 5 + (measure.speech > 0.08) + (measure.speech > 0.16)
    pace = 5 + (measure.rhythm > 0.5) + (measure.rhythm > 0.65)
    end = _lines(reading[-1].text)[-1]
    scores = {
        "plot": _score(6 + (len(reading) > 1), lift, end, "The end takes up what the beginning set down."),
        "character": _score(voices, lift, spoken, said),
        "prose": _score(prose, lift, _best(whole, _SENSES), sensed),
        "pacing": _score(pace, lift, shortest, "Short sentences fall where something happens."),
        "originality": _score(6, lift, _best(ranked[-1].text), "An image that I had not met before."),
        "fit": _score(4 + round(3 * present), lift, _fitting(whole, tale), named),
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
    return Verdict(**scores, approved=not rewriting, summary=summary, rewrite=rewrite)


def _score(base: int, lift: int, evidence: str, comment: str) -> Score:
    return Score(score=max(1, min(10, base + lift)), evidence=evidence, comment=comment)


def _fitting(text: str, tale: Tale) -> str:
    heads = [tale.thing.head, *(thing.head for thing in tale.seed.things), tale.cast.protagonist.short]
    for head in heads:
        hits = [line for line in _lines(text) if head.lower() in line.lower()]
        if hits:
            return max(hits, key=len)[:1900].strip()
    return _best(text)


def brainstorm(tale: Tale) -> str:
    """Three ideas from the prompt's things, and which is chosen."""
    slots, seed = tale.slots, tale.seed
    rng = tale.rng("brainstorm")
    lead = tale.cast.protagonist
    other = next(
        (t.phrase for t in seed.things if t.phrase != tale.thing.phrase), tale.genre.words["objects"][rng.randrange(8)]
    )
    place = seed.places[0] if seed.places else tale.home.name.removeprefix("the ").removeprefix("my ")
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
            f"Three ways in{said}.",
            "",
            *ways,
            "",
            f"I choose the third. It gives {lead.short} something to do with {lead.his} hands, it lets "
            f"{slots['open_noun']} mean one thing at the start and another at the end, and it does not need a villain, "
            f"only people who meant well. I keep the {other} from the second for later.",
        ]
    )


def _idea(tale: Tale) -> str:
    text = tale.ladder.idea
    text = re.sub(r"\{(\w+)\}", lambda m: tale.slots[m[1]], text)
    return text[0].upper() + text[1:]
