"""Opinions: of a text, by what can be counted in it, with the passage that is meant; of a story that is only told so
far. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import weaver
from coordinator.llm.storyteller.critic import Measure
from coordinator.llm.storyteller.muse import recalling, story, words
from coordinator.llm.storyteller.muse.turn import Turn

LEAST = 25
"""Words from which a text can be judged."""
MOST = 6_000
"""Characters of a text that are measured."""
_ADVERB = re.compile(
    r"\b(?:suddenly|really|very|quickly|slowly|totally|literally|actually|basically|extremely|incredibly|absolutely|somehow)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^.{0,120}?(?:think|feedback|opinion|review|critique|judge|comment|thoughts|rate|read|good|like)\b[^:\n]{0,80}[:\n]",
    re.IGNORECASE,
)


def pasted(turn: Turn) -> str:
    """A passage that the newest message holds, without what asks about it; empty where it has none."""
    newest = turn.talk.said[-1].text[:MOST] if turn.talk.said else ""
    asks = _ASKS.match(newest)
    passage = newest[asks.end() :] if asks else newest
    told = passage.strip()
    return told if len(told.split()) >= LEAST and (asks is not None or len(told) > 500 or told.count(".") >= 3) else ""


def text(turn: Turn, passage: str) -> str:
    """What holds in a text and what doesn't: two observations, and a line of it word for word."""
    passage = passage[:MOST]
    lines = [line for line in weaver.sentences(passage) if 4 <= len(line.split()) <= 60]
    count = len(passage.split())
    if count < LEAST or not lines:
        return turn.voice.line("too-short", count=f"{count:,}")
    remarks = _remarks(turn, passage)
    kept = turn.talk.turn // 2 % max(1, len(remarks) - 1)
    chosen = [*remarks[kept : kept + 2]] if len(remarks) > 2 else remarks
    best = max(lines, key=lambda line: (len(set(line.lower().split())) / (len(line.split()) + 4), len(line)))
    return " ".join([*chosen, turn.voice.line("best-line", quote=words.shown(best, 200))])


def _remarks(turn: Turn, passage: str) -> list[str]:
    measure = Measure(passage)
    voice = turn.voice
    found: list[str] = []
    if measure.speech < 0.02:
        found.append(voice.line("speech-none"))
    elif measure.speech > 0.5:
        found.append(voice.line("speech-much"))
    found.append(voice.line("senses-few" if measure.senses < 1.5 else "senses-many"))
    lengths = [len(part.split()) for part in weaver.sentences(passage)] or [0]
    flat = measure.rhythm < 0.35 and len(lengths) > 2
    found.append(
        voice.line("rhythm-flat", length=words.number(round(sum(lengths) / len(lengths))))
        if flat
        else voice.line("rhythm-good")
    )
    first = [" ".join(part.split()[:1]) for part in weaver.sentences(passage)]
    common = max(set(first), key=first.count) if first else ""
    if len(first) >= 5 and first.count(common) * 2 > len(first):
        found.insert(0, voice.line("repeats", opening=words.bare(common, 30)))
    if told := _ADVERB.search(passage):
        found.insert(0, voice.line("adverbs", word=told[0]))
    longest = max(weaver.sentences(passage), key=lambda part: len(part.split()), default="")
    if len(longest.split()) > 40:
        found.append(voice.line("long-line", quote=words.shown(longest, 160)))
    return [one for one in found if one]


def plan(turn: Turn) -> str:
    """What is to be thought of the story as it is told so far."""
    known = story.recap(turn.memory)
    if not known:
        return turn.voice.line("plan-none")
    missing = [one for one in story.lacks(turn.memory) if one in ("who", "where", "foe", "want")]
    told = words.series(known[:2])
    if missing:
        return turn.voice.line("plan-good", known=told, open=recalling.opened(turn, missing[:1]))
    return turn.voice.line("plan-full", known=told)


def thing(turn: Turn, about: str) -> str:
    return turn.voice.line("about-it", about=words.bare(about, 80))


def shelf(turn: Turn) -> str:
    """Which of the project's stories is ahead, by length and by how they begin."""
    stories = [one for one in turn.talk.stories[:50] if one.excerpt.strip()]
    if len(stories) < 2:
        return ""
    longest = max(stories, key=lambda one: one.words)
    liked = max(stories, key=lambda one: (Measure(one.excerpt[:MOST]).senses, one.words))
    line = next(
        (part for part in weaver.sentences(liked.excerpt[:MOST]) if 4 <= len(part.split()) <= 50), liked.excerpt[:150]
    )
    return turn.voice.line(
        "shelf-compare",
        longest=words.bare(longest.title, 80),
        most=f"{longest.words:,}",
        liked=words.bare(liked.title, 80),
        quote=words.shown(line, 160),
    )
