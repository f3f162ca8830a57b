"""Developing a story with its writer: what is said to what was told, the next question, decisions. Pure."""

from __future__ import annotations

import re

from coordinator.llm.storyteller import figures
from coordinator.llm.storyteller.muse import banks, offering, offers, recalling, settling, story, telling, words
from coordinator.llm.storyteller.muse.turn import Turn

LATELY = 8
"""Replies in which a question is looked for before it is asked once more, and TWICE in them is enough."""
TWICE = 2
_ORDER = (
    "premise",
    "hero",
    "role",
    "place",
    "foe",
    "want",
    "secret",
    "ending",
    "title",
    "tone",
    "kind",
    "pages",
    "person",
    "event",
    "wish",
    "told",
    "wanted",
)


def acknowledged(turn: Turn) -> str:
    """What is said to what the newest message told, with the writer's own words; empty where it told nothing new."""
    parts = [_of_name(turn)]
    keys = [key for key in _ORDER if turn.changed(key)]
    about = turn.changed("about")
    if about and not [key for key in keys if key not in ("told",)]:
        told = [recalling.said_of(value) for key, value in turn.changes if key == "about"]
        parts.append(turn.voice.line("got-about", fact_said=words.lifted(words.series(told))))
    elif keys or turn.changed("made"):
        parts.append(_of_story(turn, keys))
    return " ".join(part for part in parts if part)


def _of_name(turn: Turn) -> str:
    refused = turn.changed("not name")
    if refused and not turn.changed("name"):
        return turn.voice.line("not-that-name", about=words.bare(refused, 60))
    if turn.changed("name") or turn.changed("named"):
        return turn.voice.line("renamed" if turn.had("name") and turn.author is None else "nice-to-meet")
    return ""


def _of_story(turn: Turn, keys: list[str]) -> str:
    if turn.main.kind in ("accept", "pick") or turn.had("offered"):
        value = turn.changed(keys[0]) if keys else ""
        if turn.main.kind in ("accept", "pick") or value in turn.before.get("offered", ()):
            return turn.voice.line(
                "chosen", quote=words.bare(value.split(": ")[0] if keys[0] == "person" else value, 64)
            )
    plain = [key for key in keys if key not in ("wanted", "kind", "tone", "pages", "wish") or len(keys) == 1] or keys
    if turn.changed("made"):
        return turn.voice.line("got-made", made=turn.changed("made"))
    if summed := _summed(turn, keys):
        return turn.voice.line("got-summed", summed=summed, summed_up=words.lifted(summed))
    if "premise" in keys:
        return turn.voice.line("got-premise", quote=words.bare(turn.changed("premise"), 120))
    if {"hero", "role"} <= set(keys):
        return turn.voice.line("got-both", a_role=_a_role(turn))
    if len(plain) >= 2:
        told = [_briefly(turn, key) for key in plain[:4]]
        return turn.voice.line("got-several", several=words.series(told))
    return _of_key(turn, plain[0])


_CORE = ("premise", "hero", "role", "place", "foe", "want", "event", "ending", "title")


def _summed(turn: Turn, keys: list[str]) -> str:
    """Several things that were told of the story, said back as one: `Brann, a clockmaker, in a town under a frozen sea;
    against him his brother, who wants to sell the clock`. Empty where it is one thing, or all is in its premise."""
    core = [key for key in _CORE if turn.changed(key)]
    memory, slots = turn.memory, turn.voice.slots
    premise = words.lowered(words.bare(turn.changed("premise"), 160))
    who = story.who_is(memory.first("hero"), memory.first("role"))
    begins = bool({"hero", "role", "premise"} & set(core))
    first = premise or (who if begins else slots["the_hero"])
    parts = [first] if first else []
    if turn.changed("hero") and memory.first("hero").lower() not in first.lower():
        parts = [f"{who}: {first}"]
    if turn.changed("place") and story.bare_where(memory.first("place")) not in first.lower():
        parts = [f"{parts[0]}, {slots['place']}" if parts else slots["place"]]
    if turn.changed("foe") and turn.changed("foe").lower() not in first.lower():
        parts.append(f"against {slots['him']}, {words.lowered(words.bare(memory.first('foe'), 120))}")
    if turn.changed("want") and re.sub(r"^to ", "", turn.changed("want").lower()) not in first.lower():
        parts.append(f"with one wish: {words.bare(memory.first('want'), 120)}")
    parts += [words.lowered(words.bare(value, 120)) for key, value in turn.changes if key == "event"]
    if "kind" in keys and turn.changed("kind") in story.KINDS and len(core) > 0:
        parts.append(story.KINDS[turn.changed("kind")])
    if turn.changed("tone"):
        parts.append(words.bare(memory.first("tone"), 60))
    if turn.changed("pages"):
        parts.append(_pages_said(memory.first("pages")).lower())
    if turn.changed("ending"):
        parts.append(f"ending {story.ending_said(memory.first('ending'))}")
    if turn.changed("title"):
        parts.append(f"called “{words.bare(memory.first('title'), 80)}”")
    if not core or (len(core) == 1 and not {"tone", "pages", "kind"} & set(keys)) or "person" in keys:
        return ""
    both = {"hero", "role"} <= set(keys) and len(parts) == 1 and not premise and "place" not in core
    plain = len(parts) == 1 and (parts[0] == premise or len(core) == 1)
    return "" if both or plain else "; ".join(parts)


def _briefly(turn: Turn, key: str) -> str:
    value = words.bare(turn.changed(key), 70)
    if key == "person":
        return value.replace(": ", ", ", 1)
    if key == "pages":
        return _pages_said(value).lower()
    return story.KINDS.get(value, f"“{value}”")


def _a_role(turn: Turn) -> str:
    return story.with_article(words.bare(turn.memory.first("role"), 60))


def _pages_said(value: str) -> str:
    count = int(value) if value.isdigit() else story.PAGES
    return f"{words.lifted(words.number(count))} page{'s' if count != 1 else ''}"


def _of_key(turn: Turn, key: str) -> str:
    value = turn.changed(key)
    slots = turn.voice.slots
    quote = words.bare(value, 120)
    match key:
        case "role":
            key = "got-roles" if story.is_many(turn.memory) else "got-role"
            return turn.voice.line(key, a_role=words.lifted(_a_role(turn)))
        case "place":
            return turn.voice.line("got-place", place_up=words.lifted(slots["place"]))
        case "pages":
            long = value.isdigit() and int(value) > 9
            return turn.voice.line("got-pages-long" if long else "got-pages", pages_said=_pages_said(value))
        case "kind":
            return turn.voice.line("got-kind", kind_up=words.lifted(story.KINDS.get(value, value)))
        case "person":
            name, _, what = value.partition(": ")
            return turn.voice.line("got-person", person=words.bare(name, 60), what=words.bare(what, 80))
        case _:
            return turn.voice.line(f"got-{key}", quote=quote)


def asked_lately(turn: Turn) -> list[str]:
    own = [one.text for one in turn.talk.said if one.speaker == "assistant"][-LATELY:]
    return [offers.read(text, "").asked for text in own]


def question(turn: Turn, example: bool = False) -> str:
    """The next thing that the story lacks, asked for; empty where nothing does, or where all was asked for lately."""
    lately = asked_lately(turn)
    open_now = [one for one in story.lacks(turn.memory) if lately.count(one) < TWICE]
    others = [one for one in open_now if not lately or one != lately[-1]]
    later = [one for one in others if one in story.LATER and one != "called"]
    core = [one for one in others if one not in later]
    chosen = next(iter(core or (later if not story.lacks_core(turn.memory) else []) or open_now[:1]), "")
    if not chosen:
        return ""
    asked = turn.voice.line(f"ask-{chosen}")
    if example or turn.voice.hidden or chosen in lately or (turn.talk.turn // 2) % 4 == 3:
        asked = f"{asked} {examples(turn, chosen)}"
    return asked


def examples(turn: Turn, key: str) -> str:
    """An example of an answer, out of the genre's lists."""
    spark = turn.spark
    bare = re.sub(r"^(?:in|on|at|under|near|by) ", "", spark.place)
    more = {"somewhere_bare": bare}
    if key == "called":
        she = {"she": True, "he": False}.get(turn.memory.first("pronoun"), figures.sex(turn.memory.first("role")))
        more["first"] = turn.voice.names({turn.memory.first("hero").lower()}, she)[0]
    elif key == "foe":
        rivals = turn.inventor.rivals()
        more["rival"] = words.lowered(rivals[turn.talk.turn // 2 % len(rivals)].rstrip("."))
    elif key == "tone":
        mood = turn.voice.line("moods")
        more["mood"] = mood[:1].lower() + mood[1:]
    if key in ("who", "where") or (key == "foe" and turn.voice.hidden):
        key = "foe-by-spark" if key == "foe" else key
        return turn.voice.example(f"eg-{key}", **more)
    return turn.voice.line(f"eg-{key}", **more)


def onward(turn: Turn) -> str:
    """What brings the talk on: a question for what is lacking, else what one could do next."""
    if turn.is_critic and not turn.memory.has_story:
        return turn.voice.line("critic-onward")
    if not turn.memory.has_story and not turn.memory.first("wanted"):
        return turn.voice.line("start")
    return question(turn) or turn.voice.line("onward")


def decided(turn: Turn) -> str:
    """Where the writer leaves an answer to the muse: what was asked last is answered by it."""
    slot = turn.had("asked")
    slot = "who" if slot == "start" else slot
    if not slot:
        return ""
    value = _value(turn, slot)
    turn.memory.known.pop("asked", None)
    lead, tail = turn.voice.line("decided-lead"), turn.voice.line("decided-tail")
    told = turn.voice.line("decided", slot=offers.SLOTS[slot], value=value)
    for fact in settling.settled(slot, value):
        turn.memory.take(fact)
    turn.voice.slots.update(story.slots(turn.memory, turn.voice.slots["writer"]))
    return f"{lead} {told} {tail}"


def _value(turn: Turn, slot: str) -> str:
    index = turn.talk.turn // 2
    spark = turn.spark
    match slot:
        case "who":
            name = turn.voice.names({turn.memory.first("hero").lower(), turn.writer.lower()}, figures.sex(spark.role))[
                0
            ]
            return f"{name}, {spark.role}"
        case "called":
            return turn.voice.names({turn.writer.lower()})[0]
        case "where":
            return spark.place
        case "foe":
            rivals = turn.inventor.rivals()
            return words.lowered(rivals[index % len(rivals)].rstrip("."))
        case "tone":
            moods = banks.sayings()["moods"]
            return moods[index % len(moods)]
        case "pages":
            return f"{(3, 5, 8)[index % 3]} pages"
        case _:
            values = [one for one in offering.bank_values(f"eg-{slot}") if "{" not in one]
            return values[index % len(values)]


def helped(turn: Turn, slot: str) -> str:
    """To a writer who does not know: an example of an answer, and that it may be left."""
    slot = "who" if slot == "start" else slot
    value = _value(turn, slot)
    stem = turn.voice.line(f"ask-{slot}")
    return f"{turn.voice.line('no-idea-yet')} {stem} Say: {value.replace('.', ',')}. {turn.voice.line('yes-no')}"


def named(turn: Turn) -> str:
    """What is said to a name that the newest message tells."""
    return _of_name(turn)


def same_name(turn: Turn) -> bool:
    """Whether the newest message tells a name that is known."""
    told = [fact.value for fact in telling.facts(turn.text) if fact.key == "name"]
    return bool(told) and told[-1] == turn.writer
