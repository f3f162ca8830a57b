"""What is different between two versions, as lines to read: `-` taken away, `+` new, `~` changed, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from storyloom.cli.prose import clean

_OLD, _NEW, _ALIKE = "red", "green", "dim"


def compared(blocks: Sequence[Mapping[str, Any]]) -> list[Text]:
    """A line a paragraph that is different, and one for each stretch that is not; none where nothing is different.

    Within a changed paragraph `[-these words-]` were taken away and `{+these+}` are new, which is told by colour, too.
    """
    if all(block["op"] == "equal" for block in blocks):
        return []
    lines: list[Text] = []
    for block in blocks:
        if block["op"] == "equal":
            count = len(_paragraphs(block["from_text"]))
            lines += [Text(f"  … {count} paragraph{'' if count == 1 else 's'} alike", style=_ALIKE)] if count else []
        elif block.get("changes"):
            lines.append(_changed(block["changes"]))
        else:
            lines += [Text(f"- {paragraph}", style=_OLD) for paragraph in _paragraphs(block["from_text"])]
            lines += [Text(f"+ {paragraph}", style=_NEW) for paragraph in _paragraphs(block["to_text"])]
    return lines


def _changed(changes: Sequence[Mapping[str, Any]]) -> Text:
    line = Text("~ ")
    for change in changes:
        old, new = clean(change["from_text"]), clean(change["to_text"])
        if change["op"] == "equal":
            line.append(old if len(line) > len("~ ") else old.lstrip())
            continue
        # The space before a word is no part of what is marked.
        text = old or new
        line.append(text[: len(text) - len(text.lstrip())] if len(line) > len("~ ") else "")
        for marked, (before, after), style in ((old, ("[-", "-]"), _OLD), (new, ("{+", "+}"), _NEW)):
            if marked.strip():
                line.append(f"{before}{marked.strip()}{after}", style=style)
    return line


def _paragraphs(text: str) -> list[str]:
    return [clean(paragraph) for paragraph in text.split("\n") if paragraph.strip()]
