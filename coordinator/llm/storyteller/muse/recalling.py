"""Answers to questions about what was told. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import seedwork
from coordinator.llm.storyteller.muse import story, words
from coordinator.llm.storyteller.muse.memory import Memory
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.llm.storyteller.muse.turn import Turn

KINDS = words_of("my-name is-name recap about-me my-fact hero-is place-is foe-is tone-is pages-is title-is fact")
_SLOTS = {"place-is": "place", "foe-is": "foe", "title-is": "title"}
OPEN = {
    "who": "who it is about",
    "called": "what {the_hero} is called",
    "where": "where it plays",
    "foe": "what stands in the way",
    "tone": "how it should feel",
    "pages": "how long it is to be",
    "want": "what {hero_or} wants",
    "ending": "how it ends",
    "secret": "what {hero_or} keeps from everybody",
}
_COMMON = words_of(
    "what who where when why how which whose is are was were did does do the a an of in on at to for with and or "
    "my your her his "
    "their its it she he they you i we me him them that this there have has had be been again called name old tell "
    "say said know "
    "about from by will would should could can so story tale hero colour color kind"
)


def answer(turn: Turn) -> str:
    match turn.main.kind:
        case "my-name":
            return my_name(turn)
        case "is-name":
            return _is_name(turn)
        case "recap":
            return recap(turn)
        case "about-me":
            return _about_me(turn)
        case "my-fact":
            return _my_fact(turn)
        case "fact":
            return _fact(turn)
        case _:
            return _slot(turn)


def my_name(turn: Turn) -> str:
    if turn.writer:
        return turn.voice.line("your-name")
    if turn.author:
        return turn.voice.line("project-name", author=words.bare(turn.author, 60))
    return turn.voice.line("no-name")


def _is_name(turn: Turn) -> str:
    about = words.bare(re.sub(r"^(?:really |still |called |named )+", "", turn.main.about), 60)
    shown = " ".join(word.capitalize() for word in about.split()) if about.islower() else about
    if turn.writer:
        same = about.lower() in (turn.writer.lower(), *turn.writer.lower().split())
        return turn.voice.line("is-name-yes" if same else "is-name-no", about=shown)
    refused = any(one.lower() == about.lower() for one in turn.memory.all("not name"))
    return turn.voice.line("is-name-refused" if refused else "is-name-unknown", about=shown)


def recap(turn: Turn) -> str:
    """What is known, and what is open."""
    known = story.recap(turn.memory)
    if not known:
        return f"{turn.voice.line('recap-none')} {turn.voice.line('start')}"
    told = f"{turn.voice.line('recap-lead')} {'; '.join(known)}."
    missing = [question for question in story.lacks(turn.memory) if question in story.CORE or question == "called"]
    if not missing:
        return f"{told}\n\n{turn.voice.line('recap-full')}"
    return f"{told}\n\n{turn.voice.line('recap-lacks', open=opened(turn, missing[:3]))}"


def opened(turn: Turn, questions: list[str]) -> str:
    slots = turn.voice.slots
    return words.series(
        [
            OPEN[question].replace("{the_hero}", slots["the_hero"] or "the hero").replace("{hero_or}", slots["hero_or"])
            for question in questions
        ]
    )


def said_of(fact: str) -> str:
    """A fact about the writer as a clause: `your favourite colour is green`."""
    head, _, value = fact.partition(": ")
    plain = {
        "age": f"you are {value}",
        "home": f"you live in {value}",
        "from": f"you are from {value}",
        "likes": f"you like {value}",
        "dislikes": f"you don't like {value}",
        "trade": f"you are a {value}",
        "has": f"you have {value}",
    }
    return plain.get(
        head, f"your {head} is {value}" if head.startswith("favourite") else f"your {head} is called {value}"
    )


def _about_me(turn: Turn) -> str:
    known = [said_of(fact) for fact in turn.memory.all("about")]
    if turn.writer:
        known.insert(0, f"your name is {turn.voice.slots['writer']}")
    return (
        turn.voice.line("about-you", facts=words.series(known[:8])) if known else turn.voice.line("nothing-about-you")
    )


_WHICH = (
    (re.compile(r"\bhow old am i\b"), ("age",)),
    (re.compile(r"\bwhere (?:do i live|am i)\b"), ("home", "from")),
    (re.compile(r"\bwhere do i come from\b"), ("from", "home")),
    (re.compile(r"\bi (?:hate|dislike|fear)\b"), ("dislikes",)),
    (re.compile(r"\bi (?:like|love|collect)\b"), ("likes",)),
    (re.compile(r"\bi (?:work|do)\b|for a living"), ("trade",)),
    (re.compile(r"\bi have\b"), ("has",)),
)


def _my_fact(turn: Turn) -> str:
    asked = words.squeezed(turn.main.sentence)
    about = re.sub(r"(?:'s)? name$|'s$", "", turn.main.about.lower()).replace("favorite", "favourite")
    found: list[str] = []
    for fact in turn.memory.all("about"):
        head = fact.split(": ")[0]
        named = next((heads for pattern, heads in _WHICH if pattern.search(asked)), ())
        if head in named or (
            about and head in (about, {"job": "trade", "work": "trade", "profession": "trade"}.get(about, about))
        ):
            found.append(said_of(fact))
    if found:
        return turn.voice.line("your-fact", fact_said=words.series(found[-4:]))
    return _fact(turn) if about and _best(turn) else turn.voice.line("no-fact")


def _slot(turn: Turn) -> str:
    memory, kind = turn.memory, turn.main.kind
    if kind == "hero-is":
        answer = _who(memory)
    elif kind == "pages-is":
        answer = (
            f"{memory.first('pages')} page{'s' if memory.first('pages') != '1' else ''}"
            if memory.first("pages")
            else ""
        )
    elif kind == "tone-is":
        sort = (
            story.KINDS.get(memory.first("kind"), "")
            if re.search(r"\b(?:kind|genre|sort|style)\b", turn.main.sentence)
            else ""
        )
        answer = ", ".join(one for one in (sort, memory.first("tone")) if one)
    else:
        answer = words.bare(memory.first(_SLOTS[kind]))
    if answer:
        return turn.voice.line("slot-known", answer=words.lifted(answer))
    asked = {"hero-is": "who", "place-is": "where", "foe-is": "foe", "tone-is": "tone", "pages-is": "pages"}.get(
        kind, ""
    )
    return f"{turn.voice.line('slot-open')} {turn.voice.line(f'ask-{asked}') if asked else ''}".strip()


def _who(memory: Memory) -> str:
    hero, role = memory.first("hero"), memory.first("role")
    return f"{hero}, the {role}" if hero and role else hero or (f"the {role}" if role else "")


def _fact(turn: Turn) -> str:
    """What of all that was told comes nearest to a question."""
    best = _best(turn)
    if best and re.match(r"why\b|how come\b", words.squeezed(turn.main.sentence)):
        return turn.voice.line("why-that", quote=words.bare(best, 160))
    if best and best in tellings(turn.memory)[: len(_verbatim(turn.memory))]:
        return turn.voice.line("fact-found", quote=words.bare(best, 200))
    if best:
        return turn.voice.line("slot-known", answer=words.lifted(words.bare(best, 200)))
    known = {
        word.lower()
        for word in re.findall(
            r"\w+",
            " ".join(
                [
                    turn.memory.first("hero"),
                    turn.memory.first("role"),
                    *(one.split(": ")[0] for one in turn.memory.all("person")),
                ]
            ),
        )
    }
    if known & set(_content(turn.main.sentence)):
        return turn.voice.line("no-fact")
    choice = re.match(
        r"(?:should|could|would|will|can|may|must|shall|does|do|is|are) ", words.squeezed(turn.main.sentence)
    )
    return turn.voice.line("unknown-choice" if choice and turn.memory.has_story else "unknown")


def _content(text: str) -> list[str]:
    found = [re.sub(r"'s$", "", word) for word in re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())]
    return [word for word in found if word not in _COMMON and len(word) > 1]


def _best(turn: Turn) -> str:
    asked = _content(turn.main.sentence)
    old = bool(re.search(r"\bhow (?:old|many|much)\b", turn.main.sentence.lower()))
    if not asked:
        return ""
    ranked: list[tuple[float, int, str]] = []
    acts = [_stem(word) for word in asked if _stem(word) in _ACTS]
    for index, text in enumerate(tellings(turn.memory)):
        there = {_stem(word) for word in _content(text)}
        if acts and not there & set(acts):
            continue
        score = sum(_stem(word) in there for word in asked if _stem(word) not in acts) + (
            0.5 if old and re.search(r"\d", text) else 0
        )
        ranked.append((score, index, text))
    score, _, best = max(ranked, default=(0.0, 0, ""))
    return best if score >= max(1, (len(set(asked)) - len(acts)) / 2) else ""


def _stem(word: str) -> str:
    """What a word has in common with its other forms, as far as a rule can tell."""
    return re.sub(r"(?:ing|ed|s)$", "", word).rstrip("e")[:6] if len(word) > 3 else word


_ACTS = words_of("want look liv hat lov fear need know think feel")


_DETERMINED = re.compile(r"(?:an?|the|my|her|his|their|our|somebody|someone|\w{1,20}'s)\b")


def _verbatim(memory: Memory) -> list[str]:
    """What was told in sentences of the writer's own."""
    return [*memory.rest, *memory.all("told"), *memory.all("event"), *memory.all("kept")]


def tellings(memory: Memory) -> list[str]:
    """All that was told, each as a sentence."""
    found = _verbatim(memory)
    for one in memory.all("person"):
        name, _, what = one.partition(": ")
        found.append(f"{name} is {what if _DETERMINED.match(what) else seedwork.article(what or 'somebody')}")
    hero = memory.first("hero") or "the hero"
    for key, before in (
        ("want", f"{hero} wants "),
        ("foe", f"against {hero} stands "),
        ("secret", f"{hero} keeps a secret: "),
        ("ending", "it ends "),
        ("place", "it plays "),
    ):
        if memory.first(key):
            found.append(f"{before}{memory.first(key)}")
    if memory.first("premise"):
        found.append(story.about(memory))
    if memory.first("hero") and memory.first("role"):
        found.append(f"{memory.first('hero')} is the {memory.first('role')}")
    return found
