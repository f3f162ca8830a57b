"""The AsyncAPI document knows every frame of the protocol, and every frame that is sent is as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.live.asyncapi import document
from api.live.protocol import CONNECTION_FRAME, kinds
from coordinator.sessions.events import EVENT
from tests.api.support import TEST_MODEL, answers
from tests.model_server import ModelServer, Reply
from tests.service import Service

DOCUMENT = document("1.2.3")
SCHEMAS = DOCUMENT["components"]["schemas"]
MESSAGES = DOCUMENT["components"]["messages"]

FROM_CLIENT = {
    "auth",
    "story.start",
    "session.attach",
    "session.detach",
    "session.cancel",
    "session.resume",
    "session.pause",
    "session.steer",
    "session.approve",
    "ping",
}
CONNECTION = {"ready", "pong", "error"}
EVENTS = {
    "session.created",
    "session.status",
    "session.snapshot",
    "step.started",
    "agent.state",
    "agent.delta",
    "agent.message",
    "draft.saved",
    "progress",
    "approval.requested",
    "step.finished",
    "usage",
    "story.completed",
}


async def test_the_document_is_served(shared: Service) -> None:
    served = (await shared.http.get("/asyncapi.json")).json()
    version = (await shared.http.get("/healthz")).json()["version"]
    assert served == json.loads(json.dumps(document(version)))
    assert served["asyncapi"] == "3.0.0" and served["info"]["version"] == version


def test_every_type_of_the_protocol_is_there() -> None:
    assert set(MESSAGES) >= FROM_CLIENT | CONNECTION | EVENTS
    assert kinds() >= FROM_CLIENT
    channel = DOCUMENT["channels"]["stories"]
    assert channel["address"] == "/ws/stories" and set(channel["messages"]) == set(MESSAGES)
    received, sent = (
        {ref["$ref"].rpartition("/")[2] for ref in DOCUMENT["operations"][name]["messages"]}
        for name in ("fromClient", "toClient")
    )
    assert received == kinds() and received | sent == set(MESSAGES) and not received & sent
    actions = {name: operation["action"] for name, operation in DOCUMENT["operations"].items()}
    assert actions == {"fromClient": "receive", "toClient": "send"}


def test_every_reference_leads_somewhere() -> None:
    refs = set(_refs(DOCUMENT))
    assert refs
    for ref in refs:
        node = DOCUMENT
        for part in ref.removeprefix("#/").split("/"):
            node = node[part]
    assert {ref.rpartition("/")[2] for ref in refs if "/schemas/" in ref} == set(SCHEMAS)


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_every_message_is_described(kind: str) -> None:
    message = MESSAGES[kind]
    assert message["name"] == kind and message["summary"]
    schema = _resolved(message["payload"])
    assert schema["properties"]["type"]["const"] == kind
    if kind in EVENTS:
        assert {"session_id", "epoch", "seq", "at"} <= set(schema["required"])


async def test_what_is_sent_is_what_the_document_says(shared: Service, model: ModelServer) -> None:
    """A whole story, a failed one, its resumption, a snapshot in the middle and at a gate, and a refusal."""
    model.script(Reply.breaks(20, when="Your task: brainstorm"), Reply.fails(401))
    async with shared.socket() as socket, shared.socket() as other:
        await answers(socket, "no frame")
        session_id = await socket.start(pages=1, model=TEST_MODEL, approvals=["outline"])
        await socket.until("agent.delta")
        await other.send(type="session.attach", session_id=session_id)
        assert (await socket.until_finished(session_id))["status"] == "failed"
        await socket.send(type="session.resume", session_id=session_id)
        await socket.until("session.status", status="awaiting_approval")
        await other.send(type="session.attach", session_id=session_id)
        await other.until("session.snapshot")
        await socket.send(type="session.steer", session_id=session_id, text="Make it rain.")
        await socket.send(type="session.approve", session_id=session_id, step="approve-outline", approved=True)
        assert (await socket.until_finished(session_id))["status"] == "completed"
        await other.until("session.status", status="completed")
        await other.send(type="session.attach", session_id=session_id)
        await other.until("session.snapshot")
        await shared.http.delete(f"/api/sessions/{session_id}", headers={"Authorization": f"Bearer {shared.token}"})
        await other.until("error")
    frames = [{"type": "ready", **_ready(shared)}, *socket.frames, *other.frames]
    for frame in frames:
        (EVENT if "seq" in frame else CONNECTION_FRAME).validate_python(frame)
        check(frame, MESSAGES[frame["type"]]["payload"], frame["type"])
    assert {frame["type"] for frame in frames} == CONNECTION | EVENTS


def _ready(service: Service) -> dict[str, Any]:
    user_id = str(service.auth.local_user("writer"))
    return {"user_id": user_id, "role": "authenticated", "version": "0", "heartbeat_s": 20.0}


def test_the_check_finds_what_the_document_does_not_say() -> None:
    payload = MESSAGES["pong"]["payload"]
    check({"type": "pong", "t": 1}, payload, "pong")
    for wrong in ({"type": "ping", "t": 1}, {"type": "pong", "t": 1, "more": 2}):
        with pytest.raises(AssertionError):
            check(wrong, payload, "pong")
    with pytest.raises(AssertionError):
        check({"type": "session.status", "status": "done"}, MESSAGES["session.status"]["payload"], "status")
    with pytest.raises(AssertionError):
        check({"code": 1, "message": "x"}, {"$ref": "#/components/schemas/Failure"}, "failure")


_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}


def check(value: Any, schema: dict[str, Any], where: str) -> None:
    """As much of JSON Schema as our documents use: types, constants, fields known and required, and what is within."""
    schema = _resolved(schema)
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            try:
                return check(value, one, where)
            except AssertionError:
                continue
        raise AssertionError(f"{where} is none of what it may be")
    if "const" in schema:
        assert value == schema["const"], where
    if "enum" in schema:
        assert value in schema["enum"], where
    if "type" in schema:
        assert isinstance(value, _TYPES[schema["type"]]), f"{where} is no {schema['type']}"
    if isinstance(value, list):
        for item in value:
            check(item, schema.get("items", {}), f"{where}[]")
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= set(value) <= set(schema["properties"]), where
        for name, inner in value.items():
            check(inner, schema["properties"][name], f"{where}.{name}")
    elif isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        for name, inner in value.items():
            check(inner, schema["additionalProperties"], f"{where}.{name}")
    return None


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    return schema


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)
