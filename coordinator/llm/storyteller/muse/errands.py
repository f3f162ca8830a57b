"""Tools: what is said before one is called, with what it is called, and what is said to its answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from coordinator.chat.talk import MOST_CALLS, Told, Tool, ToolAnswer
from coordinator.llm.storyteller import lexicon as lx
from coordinator.llm.storyteller.muse import developing, judging, names, recalling, story, words
from coordinator.llm.storyteller.muse.answer import Reply
from coordinator.llm.storyteller.muse.memory import AS_IT_STANDS
from coordinator.llm.storyteller.muse.sets import words_of
from coordinator.llm.storyteller.muse.turn import Turn

KINDS = words_of("propose told-about look-up read stories judge instructions")
MOST_FOUND = 4
_OURS = re.compile(
    r"(?:it|this|that|the story|my story|our story|the idea|my idea|this idea|that idea|the plot|the tale|so far|"
    r"it so far|the story so far|this so far|the whole thing|)"
)
_NO_WORDS = words_of(
    "id session_id kind at status source seq created_at updated_at call_id section sections title_id next_offset "
    "total words count"
)


def may(turn: Turn, tool: Tool) -> bool:
    return tool in turn.talk.tools and len(turn.talk.answered) < MOST_CALLS


def answer(turn: Turn) -> Reply | None:
    """The answer to what needs a tool, or would; None where the main kind is none of these."""
    about = turn.main.about
    match turn.main.kind:
        case "propose":
            vague = not turn.memory.has_story and "story" in turn.main.sentence.lower() and not turn.had("wanted")
            return Reply(_joined_wanted(turn)) if vague else propose(turn)
        case "told-about":
            return Reply(_found(turn, words.bare(about, 80), []))
        case "look-up":
            return _look_up(turn, about)
        case "read":
            return _read(turn, about)
        case "stories":
            return Reply(_shelf(turn))
        case "instructions":
            quote = words.bare(turn.talk.instructions, 300)
            return Reply(
                turn.voice.line("instructions-are", quote=quote) if quote else turn.voice.line("no-instructions")
            )
        case "judge":
            return judge(turn, about)
        case _:
            return None


# Proposing


def _joined_wanted(turn: Turn) -> str:
    """To `tell me a story`, where nothing is known of it: what of?"""
    turn.memory.put("wanted", "a story")
    return f"{turn.voice.line('got-wanted')} {developing.onward(turn)}"


def propose(turn: Turn) -> Reply:
    """The card, once for each state of what is known."""
    memory = turn.memory
    if memory.first("proposed") == AS_IT_STANDS and "new" not in turn.main.sentence.lower().split():
        return Reply(turn.voice.line("same-card"))
    spark = turn.spark
    own = f"{words.lifted(spark.role)} finds {spark.thing} {spark.place}"
    args = story.proposal(memory, own)
    if not may(turn, "propose_story"):
        return Reply(turn.voice.line("no-card", quote=words.shown(str(args["prompt"]), 400)))
    if story.is_enough(memory):
        told = turn.voice.line("before-propose-sum") if turn.talk.turn % 4 == 1 else ""
        told = told or turn.voice.line("before-propose")
    elif sum(bool(memory.first(key)) for key in ("hero", "role", "place", "foe", "want", "premise", "event")) > 2:
        told = turn.voice.line("before-propose")
    elif memory.has_story:
        told = turn.voice.line("before-propose-little")
    else:
        told = turn.voice.line("before-propose-nothing", spark=f"{own.lower() if own[0] == 'A' else own}.")
    return Reply(told, ("propose_story", args))


# Notes


def note(turn: Turn, kept: str) -> Reply:
    """What is to be remembered: into the project's bible where that may be written to, else into the talk's memory."""
    if not may(turn, "note"):
        return Reply(turn.voice.line("kept", quote=kept))
    kind, name = _filed(kept)
    return Reply("", ("note", {"kind": kind, "name": name, "text": kept}))


_RULE = re.compile(
    r"\b(?:never|always|must|may not|cannot|can't|nobody|no one|everybody|everyone|only|every|not allowed|"
    r"forbidden|rule|law)\b",
    re.IGNORECASE,
)


def _filed(kept: str) -> tuple[str, str]:
    """Kind and name of an entry."""
    if _RULE.search(kept):
        return "rule", words.shown(" ".join(kept.split()[:6]), 60)
    subject = re.match(
        r"(?:the |a |an )?([^,.;]{2,50}?)(?:,| is | was | has | are | lives | lies | wants | had | can | will )", kept
    )
    name = words.shown(subject[1] if subject else " ".join(kept.split()[:4]), 60)
    last = name.split()[-1].lower() if name.split() else ""
    if last in lx.PLACES:
        return "place", name
    if name[:1].isupper() and (names.is_known(name.split()[0]) or (len(name.split()) <= 3 and kept.startswith(name))):
        return "person", name
    if last in lx.PEOPLE:
        return "person", name
    return "fact", name


# Looking up


def _look_up(turn: Turn, about: str) -> Reply:
    about = words.bare(about, 80)
    if may(turn, "look_up"):
        return Reply(turn.voice.line("looking", about=f"“{about}”") + "\n\n", ("look_up", {"query": about}))
    return Reply(_found(turn, about, _in_bible(turn, about)))


def _in_bible(turn: Turn, about: str) -> list[str]:
    bible = turn.talk.bible
    wanted = _wanted(about)
    entries = [f"{one.name}, {one.role}: {one.description}" for one in bible.people[:200]]
    entries += [f"{one.name}: {one.description}" for one in bible.places[:200]]
    entries += [*bible.rules[:200], *(one.text for one in bible.facts[:400])]
    entries += [f"“{one.title}”: {one.excerpt[:200]}" for one in turn.talk.stories[:50]]
    return [entry for entry in entries if wanted and wanted & _wanted(entry)]


def _wanted(text: str) -> set[str]:
    return {word[:7] for word in re.findall(r"[^\W_]{3,40}", text[:600].lower()) if word not in _SMALL}


_SMALL = words_of(
    "the and her his their what who where about with from that this was were are has had have for not but you our"
)


def _found(turn: Turn, about: str, entries: list[str]) -> str:
    told = [one for one in recalling.tellings(turn.memory) if _wanted(about) & _wanted(one)]
    entries = list(dict.fromkeys([*entries, *told]))[:MOST_FOUND]
    shown = f"“{about}”"
    if not entries:
        return turn.voice.line("not-found", about=shown)
    facts = " ".join(
        f"{words.lifted(words.bare(entry, 200))}." if not entry.endswith("…") else entry for entry in entries
    )
    return turn.voice.line("found", about=shown, facts=facts)


def leaves(value: Any, depth: int = 0) -> Iterator[str]:
    """The texts of a tool's answer, each with the name that it stands under; whatever form that has."""
    if depth > 4:
        return
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, dict):
        name = next((value[key] for key in ("name", "title") if isinstance(value.get(key), str)), "")
        rest = [one for key, one in list(value.items())[:40] if key not in ("name", "title") and key not in _NO_WORDS]
        told = [one for part in rest for one in leaves(part, depth + 1)]
        if name and told and len(told) <= 4:
            yield f"{name}: {', '.join(words.bare(one, 200) for one in told)}"
        else:
            yield from ([name] if name else []) + told
    elif isinstance(value, list | tuple):
        for part in value[:40]:
            yield from leaves(part, depth + 1)


# Stories


def _listed(stories: tuple[Told, ...]) -> str:
    shown = [
        f"“{words.bare(one.title, 80) or 'a story without a title'}” ({one.words:,} words, {one.status})"
        for one in stories[:6]
    ]
    more = len(stories) - len(shown)
    return words.series([*shown, *([f"{words.number(more)} more"] if more else [])])


def _shelf(turn: Turn) -> str:
    stories = turn.talk.stories
    return turn.voice.line("stories", list=_listed(stories)) if stories else turn.voice.line("no-stories")


def named(turn: Turn, about: str) -> Told | None:
    """The story that words mean: by its title, or the only one there is."""
    bare = words.squeezed(
        re.sub(
            r"^(?:the |my |our )?(?:story|tale)(?: called| named| of| about)? ", "", about.strip(), flags=re.IGNORECASE
        )
    )
    stories = turn.talk.stories
    for one in stories:
        title = words.squeezed(one.title)
        if title and (title in bare or (len(bare) > 3 and bare in title)):
            return one
    ranked = [(len(_wanted(one.title) & _wanted(bare)), -at, one) for at, one in enumerate(stories)]
    best = max(ranked, key=lambda each: each[:2], default=(0, 0, None))
    if best[0]:
        return best[2]
    return stories[0] if len(stories) == 1 and _OURS.fullmatch(bare) else None


def _spoken_of(turn: Turn) -> Told | None:
    """The story that was spoken of last."""
    ranked = [
        (turn.voice.recent.rfind(f"“{words.bare(one.title, 80)}”"), one)
        for one in turn.talk.stories
        if one.title.strip()
    ]
    at, last = max(ranked, key=lambda each: each[0], default=(-1, None))
    return last if at >= 0 else None


def _read(turn: Turn, about: str) -> Reply | None:
    one = named(turn, about)
    if one is not None:
        return _open(turn, one)
    ours = _OURS.fullmatch(about.lower()) is not None
    if ours and turn.memory.has_story:
        return Reply(recalling.recap(turn))
    if ours and turn.talk.stories:
        return Reply(turn.voice.line("which", list=_listed(turn.talk.stories)))
    if not turn.talk.stories:
        told = _wanted(about) & _wanted(" ".join(recalling.tellings(turn.memory))[:4_000])
        return Reply(_found(turn, words.bare(about, 80), []) if told else turn.voice.line("no-stories"))
    return Reply(turn.voice.line("no-such", about=words.bare(about, 80), list=_listed(turn.talk.stories)))


def _open(turn: Turn, one: Told) -> Reply:
    title = words.bare(one.title, 80)
    if may(turn, "read_story"):
        return Reply(
            turn.voice.line("reading", title=title) + "\n\n",
            ("read_story", {"session_id": one.session_id, "section": 1}),
        )
    return Reply(_of_text(turn, one, one.excerpt, ""))


def _of_text(turn: Turn, one: Told, text: str, last: str) -> str:
    """What is said of a story that was read: an opinion where that was asked for, else how it begins and goes."""
    title = words.bare(one.title, 80)
    if not text.strip():
        return turn.voice.line("could-not-read", title=title, error="there is no text of it yet.")
    if turn.main.kind == "judge":
        whole = "\n\n".join(part for part in (text, last) if part)
        return f"{turn.voice.line('judged-title', title=title)} {judging.text(turn, whole)}"
    told = turn.voice.line("read-it", quote=words.shown(text, 320))
    return (
        f"{told} {turn.voice.line('read-on', quote=words.shown(last[-400:].split('. ', 1)[-1], 220))}" if last else told
    )


def judge(turn: Turn, about: str) -> Reply:
    passage = judging.pasted(turn)
    if passage:
        return Reply(f"{turn.voice.line('judged-own')} {judging.text(turn, passage)}")
    lower = about.lower().strip()
    if re.search(r"\bwhich (?:story |one )?is\b", words.squeezed(turn.main.sentence)) and (told := judging.shelf(turn)):
        return Reply(told)
    one = named(turn, about) or (_spoken_of(turn) if turn.is_critic and _OURS.fullmatch(lower) else None)
    ours = _OURS.fullmatch(lower) is not None
    if one is None and ours and turn.talk.stories and (turn.is_critic or not turn.memory.has_story):
        if len(turn.talk.stories) > 1:
            return Reply(turn.voice.line("which", list=_listed(turn.talk.stories)))
        one = turn.talk.stories[0]
    if one is not None and not (ours and turn.memory.has_story and not turn.is_critic):
        return _open(turn, one)
    if (
        re.match(r"(?:how (?:can|could|do|should)|what (?:would|should|could))\b", words.squeezed(turn.main.sentence))
        and turn.memory.has_story
    ):
        return Reply(f"{turn.voice.line('advice')} {developing.question(turn)}".strip())
    return Reply(judging.plan(turn) if ours or lower in ("me", "the hero") else judging.thing(turn, about))


# After a tool has answered


def after(turn: Turn) -> Reply:
    """What is said to the newest answer of a tool."""
    newest = turn.talk.answered[-1]
    error = words.bare(newest.error or "", 200)
    told = f"{error}." if error else ""
    match newest.call.tool:
        case "propose_story":
            return Reply(turn.voice.line("not-proposed", error=told) if told else turn.voice.line("proposed"))
        case "note":
            kept = words.bare(str(newest.call.args.get("text", "")), 200)
            said = (
                turn.voice.line("not-noted", error=error, quote=kept) if error else turn.voice.line("noted", quote=kept)
            )
            return Reply(said)
        case "look_up":
            query = words.bare(str(newest.call.args.get("query", "")), 80)
            return Reply(
                _found(turn, query, [] if error else list(leaves(newest.result))[:20] or _in_bible(turn, query))
            )
        case "read_story":
            return _read_on(turn, newest, told)


def _text_of(result: dict[str, Any]) -> str:
    """The text that a section was answered as, under whatever name."""
    plain = next((result[key] for key in ("text", "content", "excerpt") if isinstance(result.get(key), str)), "")
    return plain or max(
        leaves({key: one for key, one in result.items() if key not in ("title", "name")}), key=len, default=""
    )


def _read_on(turn: Turn, newest: ToolAnswer, error: str) -> Reply:
    session = str(newest.call.args.get("session_id", ""))
    one = next((each for each in turn.talk.stories if each.session_id == session), None)
    one = one or Told(session, "the story", "", 0)
    if error:
        return Reply(turn.voice.line("could-not-read", title=words.bare(one.title, 80), error=error))
    sections = newest.result.get("sections")
    read = [each for each in turn.talk.answered if each.call.tool == "read_story" and not each.error]
    if isinstance(sections, int) and sections > 1 and len(read) == 1 and may(turn, "read_story"):
        return Reply("", ("read_story", {"session_id": session, "section": sections}))
    texts = [_text_of(each.result) for each in read]
    return Reply(_of_text(turn, one, texts[0] or one.excerpt, texts[-1] if len(texts) > 1 else ""))
