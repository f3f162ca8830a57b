"""Signs that are no story: our own marks, tags of thoughts and of wrappers, calls of tools, fences. Pure.

Lines are removed whole, and what is removed within one leaves no mark that was none before. All of it looks at each
line a bounded number of times.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Sequence

from coordinator.agents.fence import SHORTENED

LONGEST_CALL = 20_000
"""Characters of a call of a tool that is looked at."""
MOST_LINES = 400
"""Lines from an edge of the text to the end of what begins there."""

_SHORTENED = re.compile(
    r"[ \t]{0,3}\[\s{0,3}(?:…|\.\.\.)\s{0,3}" + SHORTENED.strip("[]… ") + r"\s{0,3}(?:…|\.\.\.)\s{0,3}\]", re.IGNORECASE
)
_MATERIAL = re.compile(r"</?material(?:\s{1,9}name=\"[^\"\n<>]{0,80}\")?\s{0,9}>[ \t]{0,9}", re.IGNORECASE)
_END = re.compile(r"[*_ ]{0,4}\[end\][*_. ]{0,4}", re.IGNORECASE)
_NAMES = (
    "think|thinking|thoughts?|reasoning|reason|reflection|scratchpad|analysis|plan|planning|outline|"
    "notes?|critique|self[-_]critique|brainstorm|comments?|review|inner_monologue|meta"
)
_CALLS = "tool_calls?|function_calls?|tool_use|tool|function|invoke|tool_code|tool_response|function_results?"
_WRAPPERS = (
    "story|section|answer|final_answer|final|response|output|text|draft|document|content|result|prose|"
    "chapter|passage|revised_section|revised|polished|continuation"
)
_OPEN = re.compile(rf"\s{{0,8}}<(?P<name>{_NAMES}|{_CALLS}|details)(?:[\s=][^<>\n]{{0,200}})?>", re.IGNORECASE)
_WRAPPER = re.compile(rf"\s{{0,8}}</?(?:{_WRAPPERS})(?:\s[^<>\n]{{0,200}})?>\s{{0,8}}", re.IGNORECASE)
_CLOSED = re.compile(rf"</({_NAMES}|{_CALLS}|details)>", re.IGNORECASE)
_FOLDED = re.compile("thought|thinking|reasoning|plan|analysis", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(?P<marks>`{3,}|~{3,})[ \t]{0,9}(?P<about>[\w+-]{0,40})[ \t]{0,99}\Z")
_FENCED_THOUGHTS = ("thinking", "think", "thought", "thoughts", "reasoning", "plan", "analysis")
_FENCED_CALLS = ("tool_call", "tool_code", "tool")
_TEXT = ("markdown", "md", "text", "txt", "plaintext", "story", "prose")
_THOUGHT = re.compile(
    r"\s{0,8}[\[(*]{1,3}\s{0,3}(?:thinking|thought|thoughts|reasoning|internal|planning)\s{0,3}(?:process)?\s{0,3}[:：]",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?:[\w]{1,40}\.)?(?:write|save|submit|final|get|create|send|return|finish|update|call|print|record|set|add)_[a-z_]{1,40}\((?:.{0,400})\)\Z"
)
_REACT = re.compile(r"(?:action|action input|observation|tool|tool input)\s{0,3}:", re.IGNORECASE)
_REACT_HEAD = re.compile(r"action\s{0,3}:\s{0,3}[a-z_]{1,60}\s{0,9}\Z", re.IGNORECASE)
_TOKENS = re.compile(r"\s{0,8}(?:\[TOOL_CALLS?\]|<\|python_tag\|>|<\|tool_call\|>)")
_CALL_NAMES = {"name", "tool", "function", "tool_name", "action"}
_CALL_VALUES = {"arguments", "parameters", "args", "input", "action_input", "params", "tool_input"}


def without_our_marks(line: str) -> str | None:
    """The line without marks that the material has; None where it then has no words and had such a mark."""
    if "[" not in line and "<" not in line:
        return line
    bare = _MATERIAL.sub("", _SHORTENED.sub("", line))
    if bare == line:
        return line
    return bare if bare.strip() else None


def is_end(line: str) -> bool:
    """Whether the line is our mark for that nothing is missing."""
    return len(line) <= 20 and bool(_END.fullmatch(line.strip()))


def is_wrapper(line: str) -> bool:
    """Whether the line is nothing but the tag of a wrapper, as `<story>`."""
    return "<" in line and len(line) <= 240 and bool(_WRAPPER.fullmatch(line))


def blocks(lines: Sequence[str]) -> list[tuple[int, int, bool]]:
    """Stretches of lines, the second number not included, that a tag opens at the beginning of a line and its end
    closes at the end of one: thoughts, and True where it is a call of a tool."""
    closed: dict[str, list[int]] = {}
    for at, line in enumerate(lines):
        if "</" in line:
            for name in _CLOSED.findall(line):
                closed.setdefault(name.lower(), []).append(at)
    found: list[tuple[int, int, bool]] = []
    over = 0
    for at, line in enumerate(lines):
        tag = _OPEN.match(line) if at >= over and "<" in line else None
        if tag is None:
            continue
        name = tag["name"].lower()
        ends = closed.get(name, [])
        place = bisect_left(ends, at)
        if place == len(ends):
            continue
        end = ends[place]
        if not lines[end].rstrip().lower().endswith(f"</{name}>"):
            continue
        if name == "details" and not any(_FOLDED.search(folded[:200]) for folded in lines[at : min(at + 3, end)]):
            continue
        found.append((at, end + 1, re.fullmatch(_CALLS, name) is not None))
        over = end + 1
    return found


def is_bracketed_thought(line: str) -> bool:
    said = line.strip()
    return bool(_THOUGHT.match(said)) and said.endswith(("]", ")", "]*", ")*", "]**", ")**"))


def fences(lines: Sequence[str]) -> list[int]:
    return [at for at, line in enumerate(lines) if line.lstrip()[:1] in ("`", "~") and _FENCE.match(line)]


def wrapping(fences: int, opened: bool, closed: bool, named: str) -> tuple[bool, bool]:
    """Whether the fence at the first line, and the one at the last, is none of the story's: round all of it, or half of
    one. There are so many `fences` in all; the text may begin (`opened`) and end (`closed`) with one, and the first is
    `named` so."""
    if fences % 2:
        return opened and (not closed or fences == 1), closed and not opened
    wraps = opened and closed and (fences == 2 or named in _TEXT)
    return wraps, wraps


def about(line: str) -> str:
    mark = _FENCE.match(line)
    return mark["about"].lower() if mark else ""


def head_call(lines: Sequence[str]) -> tuple[int, bool]:
    """How many lines at the beginning are a call of a tool printed as text, or a thought in a fence (then True)."""
    first = lines[0].strip()
    if _TOKENS.match(first):
        return 1, False
    if first.startswith("{") or first.startswith("[{"):
        return _json_lines(lines), False
    if _CODE.match(first[:600]):
        return 1, False
    if _REACT_HEAD.match(first[:100]):
        end = 1
        while end < min(len(lines), 20) and _REACT.match(lines[end].strip()[:40]):
            end += 1
        return (end, False) if end > 1 else (0, False)
    if _FENCE.match(lines[0]) and (named := about(lines[0])):
        closed = next((at for at in range(1, min(len(lines), MOST_LINES)) if _FENCE.match(lines[at])), 0)
        if closed and named in _FENCED_THOUGHTS:
            return closed + 1, True
        if closed and _is_fenced_call(named, lines[1:closed]):
            return closed + 1, False
    return 0, False


def tail_call(lines: Sequence[str]) -> int:
    """How many lines at the end are a call of a tool printed as text."""
    last = lines[-1].strip()
    if _TOKENS.match(last) or _CODE.match(last[:600]):
        return 1
    if last.endswith(("}", "}]")):
        for count in range(1, min(len(lines), 60) + 1):
            begins = lines[-count].strip().startswith(("{", "[{"))
            alone = count == len(lines) or not lines[-count - 1].strip()
            if begins and alone:
                return count if _is_call("\n".join(lines[-count:])) else 0
    if _FENCE.match(lines[-1]) and not about(lines[-1]):
        for count in range(2, min(len(lines), 60) + 1):
            if _FENCE.match(lines[-count]):
                return count if _is_fenced_call(about(lines[-count]), lines[-count + 1 : -1]) else 0
    return 0


def _is_fenced_call(named: str, lines: Sequence[str]) -> bool:
    return named in _FENCED_CALLS or (named == "json" and _is_call("\n".join(lines)))


def _json_lines(lines: Sequence[str]) -> int:
    text = "\n".join(lines[:MOST_LINES])[:LONGEST_CALL]
    begins = len(text) - len(text.lstrip())
    try:
        found, end = json.JSONDecoder().raw_decode(text, begins)
    except (ValueError, RecursionError):
        return 0
    over = text[end:].partition("\n")[0]
    return text[:end].count("\n") + 1 if not over.strip() and _calls(found) else 0


def _is_call(text: str) -> bool:
    try:
        return _calls(json.loads(text[:LONGEST_CALL]))
    except (ValueError, RecursionError):
        return False


def _calls(found: object) -> bool:
    if isinstance(found, list):
        return bool(found) and _calls(found[0])
    return isinstance(found, dict) and bool(_CALL_NAMES & found.keys()) and bool(_CALL_VALUES & found.keys())
