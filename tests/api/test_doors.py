"""What holds for every route there is or will be, found by walking over the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from api.app import create_app
from api.bounds.connections import Connections
from api.bounds.rates import Rates
from api.ending import Departure
from api.rest.openapi import Documented
from api.state import State
from coordinator.errors import RateLimited
from coordinator.people.erasures import Erasures
from coordinator.sessions.held import Held
from coordinator.settings import Settings
from coordinator.store.signins import SignInOperations
from coordinator.telemetry.traces import Traces
from tests.api.support import problem
from tests.service import PROMPT, Service, bearer

ID = "00000000-0000-4000-8000-000000000000"
PUBLIC = {
    "/healthz",
    "/readyz",
    "/asyncapi.json",
    "/api/templates",
    "/api/models",
    "/api/config",
    "/api/auth/anonymous",
    "/api/auth/refresh",
    "/api/auth/sign-out",
    "/api/auth/device",
    "/api/shared/{token}",
}


def app(state: object = None) -> Documented:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    return cast(Documented, create_app(settings, cast(State, state)))


DOCUMENT = app().openapi()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


OPERATIONS = {f"{method.upper()} {path}": (method, path, operation) for method, path, operation in operations()}
PROTECTED = {name: found for name, found in OPERATIONS.items() if found[1] not in PUBLIC and found[1] != "/metrics"}
OF_A_SESSION = {name: found for name, found in PROTECTED.items() if "{session_id}" in found[1]}


def example(schema: dict[str, Any]) -> Any:
    """A small value that the schema allows."""
    if "$ref" in schema:
        return example(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    match schema.get("type"):
        case "object":
            return {name: example(schema["properties"][name]) for name in schema.get("required", ())}
        case "array":
            return []
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case _:
            return ID if schema.get("format") == "uuid" else "x" * max(1, schema.get("minLength", 1))


async def call(
    service: Service, name: str, session_id: str, token: str | None, places: dict[str, str] | None = None
) -> httpx.Response:
    """A call that is right but for who makes it, and of what; `places` are others of its address."""
    method, path, operation = OPERATIONS[name]
    params = {"session_id": session_id, **(places or {})}
    query = {}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            params.setdefault(parameter["name"], str(example(parameter["schema"])))
        elif parameter["in"] == "query" and parameter["required"]:
            query[parameter["name"]] = example(parameter["schema"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return await service.http.request(
        method,
        path.format(**params),
        params=query,
        headers=bearer(token) if token else {},
        json=example(body["schema"]) if body else None,
    )


@pytest.fixture(scope="module")
async def theirs(shared: Service) -> AsyncIterator[str]:
    """A finished session of another writer."""
    token = await shared.new_token()
    session_id = await shared.story(token, pages=1)
    before = (await shared.get(f"/api/sessions/{session_id}", token)).json()
    yield session_id
    assert (await shared.get(f"/api/sessions/{session_id}", token)).json() == before


def test_the_walk_finds_the_routes() -> None:
    assert len(OPERATIONS) >= 20 and len(OF_A_SESSION) >= 12
    assert {"GET /api/sessions/{session_id}/events", "DELETE /api/sessions/{session_id}"} <= set(OF_A_SESSION)


@pytest.mark.parametrize("name", PROTECTED)
async def test_without_a_token_nothing_is_answered(shared: Service, theirs: str, name: str) -> None:
    answers = [await call(shared, name, session_id, None) for session_id in (theirs, ID)]
    assert problem(answers[0], 401, "unauthorized") == answers[1].json()
    problem(await call(shared, name, theirs, "not-a-token"), 401, "unauthorized")


@pytest.mark.parametrize("name", OF_A_SESSION)
async def test_anothers_session_is_as_one_that_is_not(shared: Service, theirs: str, name: str) -> None:
    answers = [await call(shared, name, session_id, await shared.new_token()) for session_id in (theirs, ID)]
    status, code = (403, "forbidden") if name.partition(" ")[2].startswith("/api/admin/") else (404, "not_found")
    assert problem(answers[0], status, code) == answers[1].json()
    # An id that is none names nothing, whoever asks.
    problem(await call(shared, name, "no-id", shared.admin_token()), 404, "not_found")


@pytest.mark.parametrize("name", [name for name in PROTECTED if "/api/admin/" in name])
async def test_a_writer_is_no_admin(shared: Service, theirs: str, name: str) -> None:
    problem(await call(shared, name, theirs, shared.token), 403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("POST", "/api/sessions/x/y/z", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/api/sessions/%00", 404, "not_found"),
        ("GET", "/ws/stories", 404, "not_found"),
        ("PUT", "/api/sessions", 405, "invalid_message"),
        ("DELETE", "/api/templates", 405, "invalid_message"),
        ("POST", f"/api/sessions/{ID}", 405, "invalid_message"),
        ("PATCH", "/healthz", 405, "invalid_message"),
    ],
)
async def test_what_is_no_route_is_refused_alike(
    shared: Service, method: str, path: str, status: int, code: str
) -> None:
    answer = await shared.http.request(method, path, headers=bearer(shared.token))
    problem(answer, status, code)
    assert status != 405 or answer.headers["allow"]


class _Breaking:
    """In the place of the manager."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def list_sessions(self, *_: Any, **__: Any) -> None:
        raise self._error


async def _asked(error: Exception, service: Service) -> httpx.Response:
    broken = app(
        SimpleNamespace(
            auth=service.auth,
            manager=_Breaking(error),
            rates=Rates(service.settings),
            traces=Traces(),
            departure=Departure(proxied=False),
            connections=Connections(service.settings, Held(service.settings.held_bytes)),
            erasures=Erasures(cast(SignInOperations, None)),
        )
    )
    transport = httpx.ASGITransport(broken, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        return await http.get("/api/sessions", headers=bearer(service.token))


async def test_what_was_not_foreseen_is_told_without_its_inside(
    shared: Service, caplog: pytest.LogCaptureFixture
) -> None:
    told = problem(await _asked(RuntimeError("password=hunter2"), shared), 500, "internal")
    assert "hunter2" not in str(told) and "hunter2" in caplog.text


async def test_when_to_come_back_is_told(shared: Service) -> None:
    answer = await _asked(RateLimited("Too many stories.", retry_after_s=1.5), shared)
    told = problem(answer, 429, "rate_limited")
    assert told["retryable"] and told["retry_after_s"] == 1.5 and answer.headers["retry-after"] == "2"


# -- The document ------------------------------------------------------------------------------------------------------


async def test_the_document_is_served(shared: Service) -> None:
    served = (await shared.http.get("/openapi.json")).json()
    assert served["openapi"].startswith("3.1") and served["info"]["title"] == "Storyloom"
    assert served["paths"].keys() == DOCUMENT["paths"].keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_described(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    assert operation["summary"] and operation["description"].strip() and operation["tags"]
    assert operation.get("security", []) == ([{"bearer": []}] if name in PROTECTED else [])
    answers = operation["responses"]
    assert any(status.startswith("2") for status in answers) and "default" in answers
    for status, answer in answers.items():
        assert answer["description"]
        if not status.startswith("2"):
            problem_only = {"schema": {"$ref": "#/components/schemas/Problem"}}
            assert answer["content"] == {"application/problem+json": problem_only}, status
    assert name not in PROTECTED or "401" in answers
    assert "{session_id}" not in path or "404" in answers
    assert "/api/admin/" not in path or "403" in answers
    assert "requestBody" not in operation or {"422", "413"} <= answers.keys()
    assert "422" in answers or not any(one["in"] == "query" for one in operation.get("parameters", ()))


def test_the_document_knows_our_errors_alone() -> None:
    assert DOCUMENT["components"]["securitySchemes"]["bearer"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "a token of POST /api/auth/anonymous; or a bot's (`storyloom token --bot NAME`) with the header "
        "`X-User-ID`, which says for whom it speaks",
    }
    assert "HTTPValidationError" not in str(DOCUMENT) and "Problem" in DOCUMENT["components"]["schemas"]
    refs = set(_refs(DOCUMENT))
    assert {ref.rpartition("/")[2] for ref in refs} == set(DOCUMENT["components"]["schemas"])


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)


def test_a_generated_client_has_names_that_a_person_can_read() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    schemas = list(DOCUMENT["components"]["schemas"])
    # Generators make one file of each, on systems that know no capitals too.
    assert len({name.casefold() for name in schemas}) == len(schemas)
    for name in names:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name) and "api" not in name.split("_"), name
    for name in schemas:
        assert re.fullmatch(r"([A-Z][a-z]+)+", name), name
    models = {DOCUMENT["components"]["schemas"][name].get("title") for name in schemas}
    assert models == set(schemas)


NOT_READ = {"/api/shared/{token}", "/api/users/me/keys/{provider}", "/api/sessions/{session_id}/shares"}
"""What an admin has none of."""
READ = {
    name: found[2]["responses"]["200"]["content"]["application/json"]["schema"]
    for name, found in OPERATIONS.items()
    if found[0] == "get" and found[1] not in NOT_READ and not found[1].endswith(("/export", "/stream", "/metrics"))
}


@pytest.fixture(scope="module")
async def project(shared: Service) -> dict[str, str]:
    """A project of the admin's with something of everything, by the names of its places in an address."""
    admin = shared.admin_token()
    project_id = (await shared.post("/api/v1/projects", admin, name="A project")).json()["id"]
    path = f"/api/v1/projects/{project_id}"
    token = (await shared.post(f"{path}/invites", admin, role="editor")).json()["token"]
    await shared.post(f"{path}/bible", admin, kind="rule", text="No magic.")
    body = {"prompt": PROMPT, "project_id": project_id, "config": {"pages": 1}}
    session_id = (await shared.post("/api/sessions", admin, **body)).json()["id"]
    async with shared.socket(admin) as socket:
        await socket.send(type="session.attach", session_id=session_id)
        await socket.until_finished(session_id)
    return {"project_id": project_id, "token": token}


@pytest.mark.parametrize("name", READ)
async def test_what_is_answered_is_what_the_document_says(
    shared: Service, theirs: str, project: dict[str, str], name: str
) -> None:
    """By the document alone, as a generated client reads it: no field that it doesn't have, none of another type."""
    answer = await call(shared, name, theirs, shared.admin_token(), project)
    assert answer.status_code == 200, answer.text
    faults = list(misfits(answer.json(), READ[name]))
    assert not faults, faults


TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}


def misfits(value: Any, schema: dict[str, Any], where: str = "") -> Iterator[str]:
    """Where a value is not as a schema of the document says."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if kinds := schema.get("anyOf") or schema.get("oneOf"):
        if all(any(True for _ in misfits(value, one, where)) for one in kinds):
            yield f"{where}: {value!r} is none of what it may be"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is not listed"
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        yield f"{where}: {value!r} is no {schema['type']}"
    if isinstance(value, list):
        for item in value:
            yield from misfits(item, schema.get("items", {}), f"{where}[]")
    if isinstance(value, dict) and "properties" in schema:
        known, needed = schema["properties"], set(schema.get("required", ()))
        yield from (f"{where}.{name} is unknown" for name in value.keys() - known)
        yield from (f"{where}.{name} is missing" for name in needed - value.keys())
        for field, inner in value.items():
            yield from misfits(inner, known.get(field, {}), f"{where}.{field}")
