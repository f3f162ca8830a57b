"""The page's Markdown, in Node: what it makes of text, and that no text of a stranger holds up a reader's browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.hostile import TEXTS

SCRIPTS = Path(__file__).parents[2] / "web" / "js"
NODE = shutil.which("node")
CPU_S = 10
"""For a megabyte, on a busy machine; seen: half a second at the most. What grows with its square takes minutes."""

PROGRAM = """
class Node {}
class Element extends Node {
  constructor(name) { super(); this.name = name; this.kept = []; this.dataset = {}; this.classList = { add() {} }; }
  append(...children) { this.kept.push(...children); }
  setAttribute() {}
  removeAttribute() {}
  toJSON() { return this.name ? { [this.name]: this.kept } : this.kept; }
}
globalThis.Node = Node;
globalThis.document = { createElement: (name) => new Element(name), createDocumentFragment: () => new Element("") };
const { render, paragraphs } = await import(process.env.SCRIPTS + "/markdown.js");
const { settled, words } = await import(process.env.SCRIPTS + "/reading.js");
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const answers = JSON.parse(Buffer.concat(chunks)).map((text) => {
  const begun = process.cpuUsage();
  const made = render(text);
  paragraphs(text);
  words(text);
  settled({ draft: { content: text, created_at: "2026-01-01" }, messages: [], over: false });
  const used = process.cpuUsage(begun);
  return { made: text.length > 1000 ? null : made, seconds: (used.user + used.system) / 1e6 };
});
console.log(JSON.stringify(answers));
"""

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node")


def rendered(*texts: str) -> list[Any]:
    done = subprocess.run(
        [str(NODE), "--input-type=module", "-e", PROGRAM],
        input=json.dumps(texts),
        text=True,
        encoding="utf-8",
        capture_output=True,
        env={"SCRIPTS": SCRIPTS.as_uri()},
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_what_text_becomes() -> None:
    cases: dict[str, Any] = {
        "# The Bell ##\nIt *rang*.": [{"h2": ["The Bell"]}, {"p": ["It ", {"em": ["rang"]}, "."]}],
        "* * *": [{"hr": []}],
        "** *": [{"hr": []}],
        "---x": [{"p": ["---x"]}],
        "#": [{"hr": []}],
        "## ##": [{"h2": ["#"]}],
        "###  Two # three  ": [{"h2": ["Two # three"]}],
        "> He *said\n> so*.\n\nYes": [{"blockquote": [{"p": ["He ", {"em": ["said\nso"]}, "."]}]}, {"p": ["Yes"]}],
        "1. one\n2. two\n   more": [{"ol": [{"li": ["one"]}, {"li": ["two\nmore"]}]}],
        "one  \ntwo\\\nthree\nfour": [{"p": ["one", {"br": []}, "two", {"br": []}, "three\nfour"]}],
        "snake_case_name and *open": [{"p": ["snake_case_name and *open"]}],
        "**both** ***all*** `code`": [
            {"p": [{"strong": ["both"]}, " ", {"strong": [{"em": ["all"]}]}, " ", {"code": ["code"]}]}
        ],
        "*a *b*": [{"p": [{"em": ["a *b"]}]}],
        "*a *b and **c**": [{"p": ["*a *b and ", {"strong": ["c"]}]}],
        r"\*no\*": [{"p": ["*no*"]}],
    }
    for (text, made), answer in zip(cases.items(), rendered(*cases), strict=True):
        assert _plain(answer["made"]) == made, text


def _plain(nodes: Any) -> Any:
    """Neighbouring texts as one, empty ones left out."""
    if isinstance(nodes, str):
        return nodes
    if isinstance(nodes, dict):
        return {name: _plain(kept) for name, kept in nodes.items()}
    joined: list[Any] = []
    for node in map(_plain, nodes):
        if isinstance(node, str) and joined and isinstance(joined[-1], str):
            joined[-1] += node
        elif node != "":
            joined.append(node)
    return joined


def test_a_hostile_text_takes_no_longer_than_its_length(long: bool) -> None:
    """What grows with the square of the length fails at 20,000 characters; a megabyte of each is for the long form."""
    for length, most in ((20_000, CPU_S / 10), (1_000_000, CPU_S)):
        answers = rendered(*(made(length) for made in TEXTS.values()))
        for name, answer in zip(TEXTS, answers, strict=True):
            assert answer["seconds"] < most, name
        if not long:
            return
