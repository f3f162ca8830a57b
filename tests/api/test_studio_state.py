"""The studio's state is the client's: the same events of real runs, through storyloom/client/state.py and web/js/state.js."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from coordinator.agents.call import ACTIVITIES
from coordinator.agents.library import load_library
from storyloom.client.events import parse
from storyloom.client.state import SessionState
from tests.service import Service, Socket

SETTINGS = {"offline_words_per_second": 900}
WEB = Path(__file__).parents[2] / "web" / "js"
Frames = list[dict[str, Any]]

EVERY = 7
"""Each so manieth state is compared, and the last."""
PROGRAM = """
import { reduce, EMPTY } from "./state.mjs";
import { readFileSync } from "node:fs";
const { streams, every } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(streams.map((frames) => {
  const kept = [];
  let state = EMPTY;
  frames.forEach((frame, index) => {
    state = reduce(state, frame);
    if (index % every === 0 || index === frames.length - 1) kept.push(state);
  });
  return kept;
})));
"""


def in_node(program: str, given: Any, folder: Path, *modules: str) -> Any:
    """What an ES module prints, as JSON. Skips where there is no Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("The studio's modules were not run: there is no Node on this machine. `apt-get install nodejs`.")
    for name in modules:
        (folder / f"{name}.mjs").write_text((WEB / f"{name}.js").read_text())
    (folder / "program.mjs").write_text(program)
    done = subprocess.run(
        [node, "program.mjs"],
        cwd=folder,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def through_python(frames: Frames) -> list[SessionState]:
    state, kept = SessionState(), []
    for index, frame in enumerate(frames):
        state = state.apply(parse(frame))
        if index % EVERY == 0 or index == len(frames) - 1:
            kept.append(state)
    return kept


async def recorded(service: Service) -> dict[str, Frames]:
    """A run with a gate, seen whole; by one who loses the connection and comes back; by one who comes late; and whole by
    one to whom events come twice and too late."""
    async with service.socket() as whole:
        session_id = await whole.start(
            "A debt is paid in birdsong, and the birds 🐦 keep count.", approvals=["outline", "draft"]
        )
        await whole.until("approval.requested")
        async with service.socket() as leaving:
            await leaving.send(type="session.attach", session_id=session_id, epoch=0, after_seq=0)
            await approve(whole, session_id, "approve-outline")
            while sum(frame["type"] == "agent.delta" for frame in leaving.frames) < 10:
                await leaving.receive()
        left = of_session(leaving)
        async with service.socket() as late, service.socket() as back:
            await late.send(type="session.attach", session_id=session_id)
            last = left[-1]
            await back.send(type="session.attach", session_id=session_id, epoch=last["epoch"], after_seq=last["seq"])
            await whole.until("approval.requested", step="approve-draft")
            await approve(whole, session_id, "approve-draft")
            for socket in (whole, late, back):
                await socket.until_finished(session_id)
            all_of_it = of_session(whole)
            again = [frame for index, one in enumerate(all_of_it) for frame in (one, one, all_of_it[index // 2])]
            return {"whole": all_of_it, "back": left + of_session(back), "late": of_session(late), "again": again}


async def approve(socket: Socket, session_id: str, step: str) -> None:
    await socket.send(type="session.approve", session_id=session_id, step=step, approved=True)


def of_session(socket: Socket) -> Frames:
    return [frame for frame in socket.frames if "session_id" in frame and frame["type"] != "error"]


async def test_both_reducers_come_to_the_same_states(shared: Service, tmp_path: Path) -> None:
    streams = await recorded(shared)
    assert any(frame["type"] == "session.snapshot" for frame in streams["late"])
    told = in_node(PROGRAM, {"streams": list(streams.values()), "every": EVERY}, tmp_path, "state")
    ends = []
    for (name, frames), states in zip(streams.items(), told, strict=True):
        ours = through_python(frames)
        assert len(states) == len(ours)
        for place, (theirs, mine) in enumerate(zip(states, ours, strict=True)):
            assert SessionState.model_validate(theirs).model_dump() == mine.model_dump(), f"{name}, state {place}"
        ends.append(ours[-1])
    assert {(end.status, end.title, end.seq) for end in ends} == {("completed", ends[0].title, ends[0].seq)}


COMPOSE = """
import { reduce, EMPTY } from "./state.mjs";
import { compose } from "./reading.mjs";
import { readFileSync } from "node:fs";
const { frames, drafts } = JSON.parse(readFileSync(0, "utf8"));
let state = EMPTY;
const texts = [];
for (const frame of frames) {
  state = reduce(state, frame);
  const step = state.step?.step ?? state.progress.current_step;
  const draft = drafts.find((one) => one.version === state.draft?.version) ?? null;
  const pieces = compose({ draft, messages: state.messages, partial: state.partial, step, over: state.status === "completed" });
  texts.push(pieces.map((piece) => piece.text || piece.writing.text));
}
console.log(JSON.stringify(texts));
"""


async def test_the_page_shows_all_that_is_written_each_section_once(shared: Service, tmp_path: Path) -> None:
    """At every event: a section that was there is there, and none is there twice; at the end it is the draft."""
    streams = await recorded(shared)
    session_id = streams["whole"][0]["session_id"]
    drafts = (await shared.get(f"/api/sessions/{session_id}/drafts", limit=100)).json()["items"]
    for frames in (streams["whole"], streams["back"], streams["late"]):
        texts = in_node(COMPOSE, {"frames": frames, "drafts": drafts}, tmp_path, "state", "reading")
        most = 0
        for pieces in texts:
            assert len(set(pieces)) == len(pieces)
            assert len(pieces) >= most, "a section has gone"
            most = len(pieces)
        assert "\n\n".join(texts[-1]) == drafts[-1]["content"]


WORDS = """
import en from "./en.mjs";
import es, { said } from "./es.mjs";
console.log(JSON.stringify([en, es, said]));
"""


def test_every_language_has_every_text_with_the_same_blanks(tmp_path: Path) -> None:
    for name in ("en", "es"):
        (tmp_path / f"{name}.mjs").write_text((WEB.parent / "strings" / f"{name}.js").read_text())
    english, spanish, _ = in_node(WORDS, None, tmp_path)
    assert list(english) == list(spanish) == sorted(english)
    for key, text in english.items():
        assert blanks(text) == blanks(spanish[key]), key


def test_what_the_built_in_templates_say_is_there_in_every_language(tmp_path: Path) -> None:
    for name in ("en", "es"):
        (tmp_path / f"{name}.mjs").write_text((WEB.parent / "strings" / f"{name}.js").read_text())
    said = in_node(WORDS, None, tmp_path)[2]
    templates = load_library().all()
    shown = {text for one in load_library().agents() for text in (one.title, one.description, one.greeting)}
    shown |= {text for one in templates for text in (one.title, one.description, one.example_prompt)}
    for option in (option for one in templates for option in one.theme.options):
        shown |= {option.title, *option.values, *option.effects.values()}
    assert shown == set(said)


def test_an_agent_is_said_to_do_what_its_step_does(tmp_path: Path) -> None:
    """The page names it by the step, in its own language: in English as the service does."""
    (tmp_path / "en.mjs").write_text((WEB.parent / "strings" / "en.js").read_text())
    english = in_node('import en from "./en.mjs";\nconsole.log(JSON.stringify(en));', None, tmp_path)
    for kind, activity in ACTIVITIES.items():
        if kind != "rewrite":  # of a passage, which is no step
            assert english[f"doing.{kind}"] == activity.replace("{section}", "section {section}"), kind


def blanks(text: str | dict[str, str]) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {part.split("}")[0] for form in forms for part in form.split("{")[1:]}


def test_every_text_that_a_page_asks_for_is_there(tmp_path: Path) -> None:
    (tmp_path / "en.mjs").write_text((WEB.parent / "strings" / "en.js").read_text())
    english = in_node('import en from "./en.mjs";\nconsole.log(JSON.stringify(Object.keys(en)));', None, tmp_path)
    source = "\n".join(path.read_text() for path in WEB.rglob("*.js"))
    asked = set(re.findall(r"\bt\(\s*\"([^\"]+)\"", source))
    assert asked - set(english) == set()
    patterns = [re.escape(found).replace(r"\$\{", "\0") for found in re.findall(r"\bt(?:Or)?\(`([^`]+)`", source)]
    made = [re.compile(re.sub(r"\0[^}]*\}", ".+", pattern)) for pattern in patterns]
    mentioned = set(re.findall(r"\"([a-zA-Z.-]+)\"", source))
    unused = [key for key in english if key not in mentioned and not any(one.fullmatch(key) for one in made)]
    assert unused == []
