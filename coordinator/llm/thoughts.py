"""A model's thoughts told from its answer, where both come as one text in pieces. Pure.

Servers that know their model send thoughts apart. Others pass on what it writes: `<think>…</think>` and its like, the
channels of gpt-oss, the tokens in which a template frames a turn. The marks are known wherever a piece was cut.

A story may speak of such a mark, so words in angle or square brackets count by where they stand: at the beginning of
the answer or of a line, after the end of a sentence, or glued to a word. Within a sentence, after a space, a quotation
mark or an opening bracket, they are the story's. Tokens as `<|im_end|>` are nobody's, wherever they stand.

An end that has no beginning makes all before it a thought: the server's template had opened it. A thought without an
end goes to the end of the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from coordinator.story.words import IDEOGRAPHS, KANA, UNSPACED

LONGEST_MARK = 320
"""Characters. So much at most is held back until it is clear whether a mark begins there."""

MOST_TAKEN_BACK = 3
"""How often what was told is taken back as a thought. A text with more ends than that speaks of them."""

_THOUGHTS = (
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "reason",
    "reflection",
    "scratchpad",
    "analysis",
    "planning",
    "inner_monologue",
    "seed:think",
    "mm:think",
    "antml:thinking",
    "longcat_think",
)
_WRAPPERS = ("answer", "final_answer", "response", "output", "story")
"""Some models set their answer into one of these; at its beginning it is taken off, and then its end."""

_THOUGHT = "(?:" + "|".join(_THOUGHTS) + ")"
_WRAPPER = "(?:" + "|".join(_WRAPPERS) + ")"
_CHANNEL = r"<\|channel\|>"
_FORM = r"(?:<\|constrain\|>[^<\n]{0,40})?"
_MESSAGE = rf"[^<\n]{{0,80}}{_FORM}<\|message\|>"
_TURN = r"(?:<\|(?:im_)?start\|>|<start_of_turn>)"

_MARK = re.compile(
    rf"(?P<wrap><{_WRAPPER}>)|(?P<unwrap></{_WRAPPER}>)"
    rf"|(?P<nothing><{_THOUGHT}\s{{0,9}}/>)"
    rf"|(?P<tag><{_THOUGHT}(?:\s[^<>]{{0,200}})?>|\[THINK\]|◁think▷)"
    rf"|(?P<endtag></\s{{0,9}}{_THOUGHT}\s{{0,9}}>|\[/THINK\]|◁/think▷)"
    rf"|(?P<answer>{_CHANNEL}[^<\n]{{0,80}}\sto={_MESSAGE})"
    rf"|(?P<end>{_CHANNEL}\s*final{_MESSAGE}|<channel\|>|<\|(?:end_of_thought|end_thinking)\|>)"
    rf"|(?P<begin>{_CHANNEL}{_MESSAGE}|<\|channel>[a-z]{{0,20}}\n?|<\|(?:begin_of_thought|start_thinking)\|>)"
    rf"|(?P<over>{_TURN}(?:user|system|tool)(?![a-z]))"
    rf"|(?P<token>{_TURN}(?:(?:assistant|model)\n?)?|<end_of_turn>|<\|(?!channel\|)/?[a-z_:]{{2,32}}\|>)",
    re.IGNORECASE,
)
_AHEAD = r"<(?=[/|a-z]|\Z)|\[(?=[/t]|\Z)|◁"
_BEGINS = re.compile(_AHEAD, re.IGNORECASE)
_GROWS = re.compile(
    rf"</?\s{{0,9}}(?P<name>[a-z:_]{{0,20}})|</?\s{{0,9}}{_THOUGHT}(?:/|\s[^<>]{{0,200}})"
    r"|<\|/?[a-z_:]{0,32}\|?|<\|channel>[a-z]{0,20}|<channel\|"
    rf"|{_CHANNEL}[^<\n]{{0,160}}{_FORM}(?:<\|?[a-z]{{0,9}}\|?)?"
    rf"|{_TURN}[a-z]{{0,9}}"
    r"|[\[◁](?P<short>/?[a-z]{0,5})",
    re.IGNORECASE,
)
_GROWING_NAMES = (*_THOUGHTS, *_WRAPPERS, "start_of_turn", "end_of_turn", "channel")
_SENTENCE_ENDS = re.compile("[.!?…。！？][*_\"'”’»)\\]]*\\Z")
_LOOKED_BACK = 24
_GLUES = ",;:”’»%"
_SPACELESS = re.compile(f"[{IDEOGRAPHS}{KANA}{UNSPACED}。！？、」』]\\Z")

_BYTE_ORDER_MARK = "\ufeff"
_PLAIN_BEGIN, _PLAIN_END = "analysis", "assistantfinal"
"""What is left of gpt-oss's channels where a server has taken their tokens off and kept the words between."""
_PLAIN_NEXT = re.compile(rf"a(?=s|\Z)|{_AHEAD}", re.IGNORECASE)
_PLAIN_MARK = re.compile(f"(?P<end>{_PLAIN_END})")


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the `answer`, of a `thought`, or that all of the answer so far was a thought: it begins `anew`."""

    kind: Literal["answer", "thought", "anew"]
    text: str = ""


class Thoughts:
    """Reads one answer: `add` for each piece, `end` once.

    What is said of the answer after the last `anew`, joined, is the same however it was cut; without an `anew` nothing
    that was said is taken back. White space at the end of an answer is no part of it. Linear.
    """

    def __init__(self) -> None:
        self._held = ""
        """May be the beginning of a mark."""
        self._space: list[str] = []
        """White space that is said when something follows it."""
        self._before = ""
        """The end of the answer so far; empty where there is none yet."""
        self._thinks = self._over = self._plain = False
        self._parted = self._settled = False
        """A thought stood here: what is before and after it is `parted`; by white space before it, that is `settled`"""
        self._wrapped = self._began = False
        self._told = False
        """Something of the answer was given out."""
        self._taken_back = 0
        self._out: list[Said] = []

    def add(self, piece: str) -> list[Said]:
        return self._read(self._held + piece, last=False)

    def end(self) -> list[Said]:
        return self._read(self._held, last=True)

    def _read(self, text: str, last: bool) -> list[Said]:
        self._held, self._out = "", []
        if not self._began:
            text = text.lstrip(_BYTE_ORDER_MARK)
            if not last and len(text) <= len(_PLAIN_BEGIN) and _PLAIN_BEGIN.startswith(text):
                self._held = text
                return []
            self._began = True
            self._thinks = self._plain = _is_plain(text)
        told = at = 0
        while found := self._next(text, at):
            at = found.start()
            if not last and self._may_grow(text, at):
                break
            mark = self._mark(text, at)
            if mark is None:
                at += 1
                continue
            self._say(text[told:at])
            if self._meets(mark):
                told = at = mark.end()
            else:
                told, at = at, mark.end()
                self._say(text[told:at])
                told = at
        else:
            at = len(text)
        self._say(text[told:at])
        self._held = text[at:]
        self._told = self._told or any(said.kind == "answer" for said in self._out)
        return self._out

    def _next(self, text: str, at: int) -> re.Match[str] | None:
        return (_PLAIN_NEXT if self._plain else _BEGINS).search(text, at)

    def _may_grow(self, text: str, at: int) -> bool:
        """Whether what comes may make a mark of what stands at the end of the text, or a longer one."""
        if len(text) - at > LONGEST_MARK:
            return False
        tail = text[at:].lower()
        if self._plain and len(tail) < len(_PLAIN_END) and _PLAIN_END.startswith(tail):
            return True
        grows = _GROWS.fullmatch(tail)
        if grows is None:
            return False
        if grows["name"] is not None:
            return any(name.startswith(grows["name"]) for name in _GROWING_NAMES)
        if grows["short"] is not None:
            return "think".startswith(grows["short"].removeprefix("/"))
        return True

    def _mark(self, text: str, at: int) -> re.Match[str] | None:
        return (_PLAIN_MARK if self._plain else _MARK).match(text, at)

    def _meets(self, mark: re.Match[str]) -> bool:
        """Does what the mark says. False where it is none, but a word of the answer."""
        match mark.lastgroup:
            case "wrap" if not self._before and not self._thinks:
                self._wrapped = True
            case "unwrap" if self._wrapped and not self._thinks:
                self._wrapped = False
            case "over":
                self._think()
                self._over = True
            case "tag" if not self._thinks:
                if not self._counts():
                    return False
                self._think()
            case "begin":
                self._think()
            case "endtag" if not self._thinks:
                return self._counts() and self._take_back()
            case "endtag" | "end":
                return self._answer()
            case "answer":
                self._thinks = self._plain = self._over
            case "nothing" | "token":
                pass
            case _:
                return False
        return True

    def _counts(self) -> bool:
        """Whether a mark that stands here is one, and no word of a story."""
        if not self._before or any("\n" in space for space in self._space) or _SENTENCE_ENDS.search(self._before):
            return True
        return not self._space and (self._before[-1].isalnum() or self._before[-1] in _GLUES)

    def _think(self) -> None:
        if not self._thinks:
            self._thinks = self._parted = True
            self._settled = bool(self._space)

    def _answer(self) -> bool:
        if not self._thinks:
            return self._take_back()
        self._thinks = self._plain = self._over
        return True

    def _take_back(self) -> bool:
        """All of the answer so far was a thought. False where that was found too often to be believed."""
        if not self._before:
            return True
        if self._taken_back == MOST_TAKEN_BACK:
            return False
        self._taken_back += 1
        self._out = [Said("thought", said.text) if said.kind == "answer" else said for said in self._out]
        if self._told:
            self._out.append(Said("anew"))
        self._told = False
        self._before, self._space, self._parted, self._settled = "", [], True, False
        return True

    def _say(self, text: str) -> None:
        if self._thinks:
            if text:
                self._out.append(Said("thought", text))
            return
        body = text.lstrip()
        if not self._settled and len(body) < len(text):
            self._space.append(text[: len(text) - len(body)])
        if not body:
            return
        core = body.rstrip()
        said = self._gap() + core
        self._out.append(Said("answer", said))
        self._before = (self._before + said)[-_LOOKED_BACK:]
        self._space = [body[len(core) :]] if len(core) < len(body) else []
        self._parted = self._settled = False

    def _gap(self) -> str:
        """The white space before what is said next."""
        if not self._parted:
            return "".join(self._space)
        if not self._before:
            return ""
        return "".join(self._space) or ("" if _SPACELESS.search(self._before) else " ")


def _is_plain(text: str) -> bool:
    """Whether it begins with the name of a channel that has run into the first word of a thought."""
    return text.startswith(_PLAIN_BEGIN) and text[len(_PLAIN_BEGIN) :][:1].isupper()
