"""What a model is told for a step: `instructions` (who it is and the standing rules) and `request` (the material and
the task).

The instructions hold only what the template's author and we have written, so that nothing a visitor types can stand
among them, and they are the same for all steps of a kind, which lets providers cache them. All else is material, see
`fence`.

Pure and deterministic: the same brief gives the same text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import BaseModel

from coordinator.agents import digest, tasks
from coordinator.agents.fence import CHARACTERS_PER_WORD, clip, defuse, end_of, fence, fit, one_line, shares, weigh
from coordinator.agents.seam import END, tail
from coordinator.story.brief import Brief, BriefKind
from coordinator.story.material import LoreReview, Notes, Outline, OutlineReview, Record, Verdict

REQUEST_WORDS: Final = 5_400
"""What a request may weigh. Long enough for any section with all that bears on it; beyond it models attend to the
beginning and the end and lose the middle, and every step of a long story pays for it again."""

REST: Final = 0
"""In WINDOWS: this material takes what the others leave, and is whole unless it alone is over the request's length."""

REST_LEAST: Final = 300
"""Where the others have taken all, a glimpse of it is still shown."""

FOCUS_CHARACTERS: Final = 50_000
"""Of each text that says what of the bible matters: more than any section has that a model wrote."""

WHOLE: Final = -1
"""In WINDOWS: never cut. Only the writer's prompt, and only until there is an outline, and the passage to be written
anew: both have a limit of their own."""

WINDOWS: Final[dict[BriefKind, dict[str, int]]] = {
    "brainstorm": {"prompt": WHOLE, "wishes": 150, "project": 300, "bible": 500, "notes": 700},
    "outline": {
        "prompt": WHOLE, "wishes": 150, "project": 300, "bible": 700, "brainstorm": 600, "outline": REST,
        "outline review": 300, "notes": 400,
    },
    "outline-review": {
        "prompt": 900, "wishes": 150, "project": 200, "bible": 400, "outline": REST, "notes": 500,
    },
    "draft": {
        "prompt": 400, "wishes": 150, "project": 200, "bible": 1_400, "summary": 500, "ahead": 350, "beats": 700,
        "notes": 700, "previous": 300,
    },
    "record": {"prompt": 150, "wishes": 150, "bible": 1_000, "summary": 500, "text": REST},
    "notes": {
        "prompt": 400, "wishes": 150, "outline": 700, "bible": 500, "summary": 500, "notes": 300, "reading": REST,
    },
    "lore-review": {"prompt": 150, "wishes": 150, "bible": 1_800, "summary": 400, "reading": REST},
    "review": {
        "prompt": 600, "wishes": 150, "project": 150, "outline": 700, "summary": 500, "notes": 500, "reading": REST,
    },
    "revise": {
        "prompt": 250, "wishes": 150, "project": 150, "bible": 900, "summary": 400, "previous": 150, "beats": 400,
        "text": REST, "notes": 700,
    },
    "polish": {
        "prompt": 150, "wishes": 150, "project": 100, "names": 150, "previous": 150, "text": REST, "notes": 500,
    },
    "rewrite": {
        "prompt": 250, "wishes": 150, "project": 150, "bible": 900, "summary": 400, "before": 300, "passage": WHOLE,
        "following": 150, "notes": 700,
    },
}  # fmt: skip
"""What each kind of step is given, in the order in which it reads, and how many words of it."""

OUTPUT_TYPES: Final[dict[BriefKind, type[BaseModel]]] = {
    "outline": Outline,
    "outline-review": OutlineReview,
    "record": Record,
    "notes": Notes,
    "lore-review": LoreReview,
    "review": Verdict,
}


def output_type(kind: BriefKind) -> type[BaseModel | str]:
    """What an agent answers with: `str` where it writes, one of `material`'s models where it judges or plans."""
    return OUTPUT_TYPES.get(kind, str)


def reading_room(brief: Brief) -> int:
    """How many words of `brief.reading` this step can be shown whole, by a model that holds REQUEST_WORDS; what is over
    it is cut or left out."""
    others = weigh(_task(brief)) + sum(
        min(weigh(text), cap) + digest.FENCE_WORDS
        for name, cap in WINDOWS[brief.kind].items()
        if cap and (text := _MATERIALS[name](brief, cap))
    )
    return max(REQUEST_WORDS - others, 0)


def instructions(brief: Brief, *, short: bool = False) -> str:
    """Who the agent is, what it looks for, what this kind of story is, and the rules of its kind of step. `short` is
    without what a small model does not keep in mind, and has no room for."""
    agent = brief.template.agents[brief.agent]
    look_for, avoid = agent.look_for, brief.template.style.avoid
    parts = [
        one_line(agent.persona),
        "" if short else f"How you write and speak: {one_line(agent.voice)}",
        "" if short else _list("What you look for:", look_for),
        _style(brief),
        ""
        if short
        else _list(
            "Banned: never write these or their like, in any language; where you judge, they are faults.", avoid
        ),
        _list("Standing rules:", [*tasks.RULES, *tasks.rules_of(brief.kind)]),
    ]
    return "\n\n".join(part for part in parts if part)


def request(brief: Brief, words: int = REQUEST_WORDS) -> str:
    """The material of this step and, after it, the task.

    At most about `words` words whatever the brief holds, except that a prompt or a passage that is to be whole is cut
    only where it would take more than half of less than REQUEST_WORDS, and that each material has REST_LEAST, or its
    share, at the least.
    """
    windows = WINDOWS[brief.kind]
    task = _task(brief)
    left = words - weigh(task)
    scale = min(words / REQUEST_WORDS, 1.0)
    least = round(REST_LEAST * scale)
    whole = max(len(brief.prompt), len(brief.text)) if scale == 1 else words // 2
    shown: dict[str, str] = {}
    for name, cap in sorted(windows.items(), key=lambda window: window[1] == REST):
        most = whole if cap == WHOLE else round(cap * scale) or max(left - digest.FENCE_WORDS, least)
        shown[name] = _shown(name, brief, most)
        left -= weigh(shown[name])
    return "\n\n".join([*(shown[name] for name in windows if shown[name]), task])


def continuation(brief: Brief, so_far: str, words: int = REQUEST_WORDS) -> str:
    """The request of a step whose answer was cut off: all of `request`, and to write the rest of it only.

    What is written so far comes on top of `words`. An instruction, and not the beginning of the model's own answer:
    many models of today refuse that one.
    """
    last = one_line(defuse(tail(so_far)))
    asked = tasks.going_on(brief, so_far, last, END)
    return "\n\n".join([request(brief, words), fence("written so far", so_far), asked, tasks.language(brief)])


def _shown(name: str, brief: Brief, words: int) -> str:
    text = _MATERIALS[name](brief, words)
    return text if name == "reading" else fence(_NAMES.get(name, name), text)


def _task(brief: Brief) -> str:
    step = brief.template.step(brief.kind)
    extra = f"For this kind of story: {one_line(step.instruction)}" if step and step.instruction else ""
    return "\n\n".join(part for part in (tasks.task(brief), extra, tasks.language(brief)) if part)


def _style(brief: Brief) -> str:
    style = brief.template.style
    lines = [
        f"The kind of story: {one_line(style.genre)}",
        f"Setting: {one_line(style.setting)}",
        f"Diction: {one_line(style.diction)}",
        f"Point of view: {one_line(style.point_of_view)}",
        f"Opening: {one_line(style.opening)}",
        f"Turn: {one_line(style.turn)}",
        f"Ending: {one_line(style.ending)}",
    ]
    if style.form:
        lines.append(f"Form of the page: {one_line(style.form)}")
    choices = brief.template.theme.choices(brief.config.theme_options)
    for option in brief.template.theme.options:
        value = choices[option.name]
        lines.append(
            f"Chosen for this story: {option.title}: {value}. {one_line(option.effects.get(value, ''))}".rstrip()
        )
    return "\n".join(lines)


def _list(title: str, lines: list[str]) -> str:
    return f"{title}\n" + "\n".join(f"- {one_line(line)}" for line in lines)


def _wishes(brief: Brief, words: int) -> str:
    config = brief.config
    told = (("Language", config.language), ("Protagonist", config.protagonist), ("Tone", config.tone))
    lines = [f"{title}: {clip(value, words // 4)}" for title, value in told if value]
    return "\n".join([*lines, f"Length: {config.pages} {'page' if config.pages == 1 else 'pages'} of 300 words"])


def _outline(brief: Brief, words: int) -> str:
    if brief.outline is None:
        return ""
    return digest.outline_digest(brief.outline, words, cast=brief.kind in ("outline", "outline-review"))


def _outline_review(brief: Brief, words: int) -> str:
    review = brief.outline_review
    if review is None:
        return ""
    lines = [
        f"Approved: {'yes' if review.approved else 'no'}",
        *(f"Problem: {problem}" for problem in review.problems),
        f"Advice: {review.advice}",
        *(f"Strength, keep it: {strength}" for strength in review.strengths),
    ]
    return _fit_lines(lines, words)


def _ahead(brief: Brief, words: int) -> str:
    """What comes after this section: so that the writer leads towards it and does not tell it now."""
    if brief.outline is None:
        return ""
    outline = brief.outline
    lines = [
        f"Title: {clip(outline.title, 20)}",
        f"Logline: {clip(outline.logline, 60)}",
        f"Setting: {clip(outline.setting, 60)}",
    ]
    beats = outline.beats
    place = next(
        (i for i in range(len(beats) - 1, -1, -1) if brief.beats and beats[i] == brief.beats[-1]), len(beats) - 1
    )
    coming = beats[place + 1 :]
    if coming:
        lines.append("Still to come after this section, not to be told yet:")
        lines += [f"- {clip(beat.title, 12)}: {clip(beat.summary, 25)}" for beat in coming[:3]]
        if len(coming) > 3:
            lines.append(f"- and at the very end, {clip(coming[-1].title, 12)}: {clip(coming[-1].summary, 35)}")
    return fit("\n".join(lines), words)


def _beats(brief: Brief, words: int) -> str:
    room = max(words // max(len(brief.beats), 1) - 40, 10)
    return fit("\n".join(digest.beat_line(number, beat, room) for number, beat in enumerate(brief.beats, 1)), words)


def _bible(brief: Brief, words: int) -> str:
    parts = [brief.text, brief.previous, *(section.text for section in brief.reading)]
    parts += [f"{beat.title} {beat.summary} {beat.place} {' '.join(beat.people)}" for beat in brief.beats]
    return digest.bible_digest(brief.bible, "\n".join(part[:FOCUS_CHARACTERS] for part in parts), words)


def _notes(brief: Brief, words: int) -> str:
    return _fit_lines([f"- {one_line(note)}" for note in brief.notes], words)


def _fit_lines(lines: list[str], words: int) -> str:
    """Every line, the long ones cut; the newest stand last and are the ones kept where there are more than could be
    read.
    """
    lines = lines[-(words // 10) :]
    return "\n".join(clip(line, share) for line, share in zip(lines, shares(lines, words), strict=True))


def _fit(text: str, words: int) -> str:
    """As `fit`, which looks at all of a text: of one that is far too long only as much as could be shown."""
    most = words * CHARACTERS_PER_WORD
    return fit(text if len(text) <= 2 * most else text[:most] + text[-most:], words)


_MATERIALS: Final[dict[str, Callable[[Brief, int], str]]] = {
    "prompt": lambda brief, words: _fit(brief.prompt, words),
    "wishes": _wishes,
    "project": lambda brief, words: _fit(brief.instructions, words),
    "brainstorm": lambda brief, words: _fit(brief.brainstorm, words),
    "outline": _outline,
    "outline review": _outline_review,
    "ahead": _ahead,
    "beats": _beats,
    "bible": _bible,
    "names": lambda brief, words: digest.names_digest(brief.bible, words),
    "summary": lambda brief, words: _fit(brief.summary, words),
    "previous": lambda brief, words: end_of(brief.previous[-2 * words * CHARACTERS_PER_WORD :], words),
    "before": lambda brief, words: end_of(brief.previous[-2 * words * CHARACTERS_PER_WORD :], words),
    "passage": lambda brief, words: _fit(brief.text, words),
    "following": lambda brief, words: clip(brief.following, words),
    "text": lambda brief, words: _fit(brief.text, words),
    "reading": lambda brief, words: digest.reading_digest(brief.reading, words),
    "notes": _notes,
}

_NAMES: Final = {
    "project": "wishes for all of its project",
    "outline review": "review of the outline",
    "ahead": "where the story goes",
    "beats": "plan of this section",
    "bible": "story bible",
    "names": "names to keep",
    "summary": "story so far",
    "previous": "end of the section before",
    "before": "what stands before it",
    "following": "what stands after it",
    "text": "this section",
    "notes": "notes to follow",
}
"""The names that the tasks use for the materials, where they differ."""
