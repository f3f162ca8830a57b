"""What the studio shows of a chat is a pure function of its events: real talks through web/js/chat.js."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from tests.api.support import TEST_MODEL
from tests.api.test_studio_state import in_node, of_session
from tests.model_server import ModelServer, Reply
from tests.service import Service, Socket

PROGRAM = """
import { EMPTY, hasOlder, isStale, reduce, rows, siblings, trouble } from "./chat.mjs";
import { readFileSync } from "node:fs";
const { frames, snapshots, outbox } = JSON.parse(readFileSync(0, "utf8"));
const shown = (state) => ({
  status: state.status, title: state.title, stories: state.stories, trouble: trouble(state), older: hasOlder(state),
  rows: rows(state, outbox).map(({ id, is, seq, text, tools, message, author }) =>
    ({ id, is, seq, text, author, tools: tools.map((one) => ({ ...one })), siblings: message ? siblings(state, message) : [] })),
});
// Null where a branch is to be shown that is not known: then the page asks for a snapshot.
const after = (from) => {
  const states = [];
  for (const one of [from, ...frames.filter((one) => one.seq > from.seq)]) states.push(reduce(states.at(-1) ?? EMPTY, one));
  return states.some(isStale) ? null : shown(states.at(-1));
};
console.log(JSON.stringify({
  whole: shown(frames.reduce(reduce, EMPTY)),
  each: frames.map((_, index) => shown(frames.slice(0, index + 1).reduce(reduce, EMPTY))),
  twice: shown(frames.flatMap((one, index) => [one, one, frames[index >> 1]]).reduce(reduce, EMPTY)),
  after: snapshots.map(after),
}));
"""


async def through_node(
    frames: list[dict[str, Any]], folder: Path, snapshots: Any = (), outbox: Any = ()
) -> dict[str, Any]:
    for name in ("chat", "state"):
        text = (Path(__file__).parents[2] / "web" / "js" / f"{name}.js").read_text()
        (folder / f"{name}.mjs").write_text(text.replace('"./state.js"', '"./state.mjs"'))
    given = {"frames": frames, "snapshots": list(snapshots), "outbox": list(outbox)}
    found: dict[str, Any] = in_node(PROGRAM, given, folder)
    return found


async def snapshot(service: Service, session_id: str) -> dict[str, Any]:
    async with service.socket() as socket:
        await socket.send(type="session.attach", session_id=session_id)
        return await socket.until("session.snapshot")


class Talker:
    """Somebody in a chat, with a look at it after each thing they do."""

    def __init__(self, service: Service, socket: Socket, session_id: str) -> None:
        self.service, self.socket, self.session_id = service, socket, session_id
        self.looks: list[dict[str, Any]] = []

    async def do(self, kind: str, until: str = "session.status", **fields: Any) -> None:
        more = {"status": "waiting"} if until == "session.status" else {}
        await self.socket.send(type=kind, session_id=self.session_id, request_id=str(uuid4()), **fields)
        # The title comes when it comes, with the status as it is then.
        while (await self.socket.until(until, **more)).get("reason") == "titled":
            pass
        self.looks.append(await snapshot(self.service, self.session_id))


async def test_whoever_comes_at_any_time_sees_the_same_talk(
    shared: Service, model: ModelServer, tmp_path: Path
) -> None:
    async with shared.socket() as socket:
        await socket.send(type="chat.send", request_id=str(uuid4()), text="A light 🐦 answers", model=TEST_MODEL)
        session_id = str((await socket.until("session.created"))["session_id"])
        await socket.until("session.status", status="waiting")
        talker = Talker(shared, socket, session_id)
        model.script(
            Reply(text="🐦 Let me see.", args={"query": "light"}, tool_name="look_up", when="Whose?"),
            Reply(text="It is hers.", when="Whose?"),
        )
        await talker.do("chat.send", text="Whose?")
        await talker.do("chat.regenerate")
        await talker.do("chat.edit", seq=3, text="Whose is it, then?")
        await talker.do("session.branch", "branch.changed", seq=3)
        await talker.do("session.branch", "branch.changed", seq=4)
        model.script(Reply(text="One two three four five six.", hang_after=3, when="Go on"))
        await talker.do("chat.send", "agent.delta", text="Go on")
        await talker.do("chat.send", "agent.message", text="And then?")
        await talker.do("chat.stop")
        await talker.do("chat.regenerate")
        model.script(Reply(status=401, when="Fail"))
        await talker.do("chat.send", text="Fail")
        while not any(frame.get("reason") == "titled" for frame in socket.frames):
            await socket.receive()
    # What was told before the title came is told by the looks as well.
    frames = of_session(socket)
    told = await through_node(frames, tmp_path, [*talker.looks, await snapshot(shared, session_id)])
    whole = told["whole"]
    assert [row["is"] for row in whole["rows"]] == ["kept"] * len(whole["rows"]) and not whole["older"]
    texts = [row["text"] for row in whole["rows"]]
    assert texts[0] == "A light 🐦 answers" and texts[2:4] == ["Whose?", "🐦 Let me see.\n\nIt is hers."]
    assert texts[4] == "Go on" and texts[5].startswith("One two") and texts[6] == "And then?" and texts[-1] == "Fail"
    assert whole["trouble"]["message"]
    assert [len(row["siblings"]) for row in whole["rows"]][2:4] == [2, 2]
    assert told["twice"] == whole
    after = [one for one in told["after"] if one is not None]
    assert len(after) >= 6 and after == [whole] * len(after), "a snapshot and the rest show other than all events do"
    for one in told["each"]:
        ids = [row["id"] for row in one["rows"]]
        assert len(set(ids)) == len(ids)
        queued = [row["text"] for row in one["rows"] if row["is"] == "queued"]
        assert queued in ([], ["And then?"])


async def test_what_waits_to_be_sent_is_shown_once(shared: Service, tmp_path: Path) -> None:
    request_id = str(uuid4())
    async with shared.socket() as socket:
        await socket.send(type="chat.send", request_id=request_id, text="Here it is")
        created = await socket.until("session.created")
        await socket.until("session.status", status="waiting")
    frames = of_session(socket)
    user_id = created["session"]["user_id"]
    known = {"id": str(uuid5(UUID(user_id), f"message {request_id}")), "kind": "send", "text": "Here it is"}
    other = {"id": str(uuid4()), "kind": "send", "text": "More"}
    edit = {"id": str(uuid4()), "kind": "edit", "seq": 1, "text": "Otherwise"}
    entries = [{**one, "user_id": user_id} for one in (known, other)]
    told = await through_node(frames, tmp_path, outbox=entries)
    assert [row["text"] for row in told["whole"]["rows"]][::2] == ["Here it is", "More"]
    assert [row["is"] for row in told["each"][0]["rows"]] == ["sending", "sending"]
    # What is said otherwise stands in the place of what was said, as it will.
    told = await through_node(frames, tmp_path, outbox=[{**edit, "user_id": user_id}])
    assert [row["text"] for row in told["whole"]["rows"]] == ["Otherwise"]


IDS = """
import { uuid5 } from "./uuid.mjs";
import { pieces } from "./chat.mjs";
import { readFileSync } from "node:fs";
const { names, cut } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify([names.map(([space, name]) => uuid5(space, name)), cut.map(([text, tools]) => pieces(text, tools))]));
"""


def test_the_page_knows_a_messages_id_before_the_service_tells_it(tmp_path: Path) -> None:
    web = Path(__file__).parents[2] / "web" / "js"
    for name in ("chat", "state", "uuid"):
        (tmp_path / f"{name}.mjs").write_text((web / f"{name}.js").read_text().replace('"./state.js"', '"./state.mjs"'))
    names = [(str(uuid4()), "x" * length + " é🐦") for length in (0, 1, 30, 31, 32, 33, 60, 90, 200)]
    tools = [{"offset": 3, "tool": "look_up"}, {"offset": 3, "tool": "note"}, {"offset": 99, "tool": "read_story"}]
    ids, cut = in_node(IDS, {"names": names, "cut": [["🐦🐦🐦 and on", tools], ["", tools[:1]]]}, tmp_path)
    assert ids == [str(uuid5(UUID(space), name)) for space, name in names]
    assert [piece.get("text") or piece["tool"]["tool"] for piece in cut[0]] == [
        "🐦🐦🐦",
        "look_up",
        "note",
        " and on",
        "read_story",
    ]
    assert [piece["tool"]["tool"] for piece in cut[1]] == ["look_up"]
