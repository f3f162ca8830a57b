"""The AsyncAPI 3 document of the WebSocket, made from the models that validate its frames."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from api.live.protocol import ADDRESS, SUBPROTOCOL, ClientFrame, ConnectionFrame, frames_of, kind_of
from api.state import Service
from coordinator.sessions.events import AnyEvent

router = APIRouter(tags=["documents"])

_CHANNEL = "#/channels/stories"
_SCHEMAS = "#/components/schemas/{model}"

FROM_CLIENT = frames_of(ClientFrame)
TO_CLIENT = (*frames_of(ConnectionFrame), *frames_of(AnyEvent))


@router.get("/asyncapi.json")
async def get_asyncapi(service: Service) -> dict[str, Any]:
    """The WebSocket's frames as AsyncAPI 3."""
    return document(service.version)


def document(version: str) -> dict[str, Any]:
    """What a client may send (`validation` schemas) and what it is told (`serialization` schemas) on `/ws/stories`."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in FROM_CLIENT),
        *((model, "serialization") for model in TO_CLIENT),
    ]
    refs, schemas = models_json_schema(models, ref_template=_SCHEMAS)
    messages = {kind_of(model): _message(model, refs[model, mode]) for model, mode in models}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Storyloom",
            "version": version,
            "description": "Frames are JSON objects in UTF-8 text. The first is `auth`, unless the handshake carried "
            "`Authorization: Bearer`. A frame that is not understood gets an `error` and the connection lives on. "
            "Every length and position is in characters, which are Unicode code points: not UTF-16 units, not bytes.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "stories": {
                "address": ADDRESS,
                "description": f"Live work. Subprotocol `{SUBPROTOCOL}`, if any is asked for.",
                "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "fromClient": _operation("receive", "What a client may send.", FROM_CLIENT),
            "toClient": _operation("send", "What a connection and its watched sessions tell.", TO_CLIENT),
        },
        "components": {
            "messages": messages,
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _message(model: type[BaseModel], schema: dict[str, Any]) -> dict[str, Any]:
    summary = (model.__doc__ or "").strip().partition("\n")[0]
    return {"name": kind_of(model), "summary": summary, "payload": schema}


def _operation(action: str, summary: str, models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": _CHANNEL},
        "messages": [{"$ref": f"{_CHANNEL}/messages/{kind_of(model)}"} for model in models],
    }
