"""What was written stays: however a story comes to an end or a pause, its text so far is a version, with the section that
was under way as far as it was told; and what goes on goes on from there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from coordinator.words import count_words
from tests.api.support import TEST_MODEL
from tests.api.texts import current, ended, getter
from tests.chaos.record import check_whole, everything
from tests.model_server import ModelServer, Reply
from tests.service import Service, Socket

PAGES = 8
SECTIONS = 8
"""Drafts are saved after the third, the sixth and the last."""
SECTION = 5
TOLD = 60
"""Pieces of that section that the model sends before it falls silent."""


@pytest.fixture(autouse=True)
def _healthy(model: ModelServer) -> None:
    model.heal()


async def call(service: Service, session_id: str, verb: str, token: str | None = None, **body: Any) -> dict[str, Any]:
    answer = await service.post(f"/api/sessions/{session_id}/{verb}", token, **body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def drafts(service: Service, session_id: str, token: str | None = None) -> list[dict[str, Any]]:
    return await everything(getter(service, token or service.token), f"/api/sessions/{session_id}/drafts")


async def messages(service: Service, session_id: str, token: str | None = None) -> dict[str, str]:
    found = await everything(getter(service, token or service.token), f"/api/sessions/{session_id}/messages")
    return {message["step"]: message["content"] for message in found if message["step"]}


def joined(*texts: str) -> str:
    return "\n\n".join(text.strip() for text in texts)


async def section_told(socket: Socket, section: int = SECTION, pieces: int = TOLD) -> str:
    """What is told of that section, once it is so many pieces."""
    await socket.until("step.started", step=f"draft-{section}")
    told: list[str] = []
    while sum(len(text.split()) for text in told) < pieces:
        frame = await socket.until("agent.delta")
        told.append(frame["text"])
    return "".join(told)


@asynccontextmanager
async def stuck(
    service: Service, model: ModelServer, token: str | None = None, **config: Any
) -> AsyncIterator[tuple[str, str, Socket]]:
    """A story whose fifth section has begun and does not go on: its id, what is told of that section, who watches."""
    model.script(Reply.hangs(TOLD, when=f"This is section {SECTION} of"))
    async with service.socket(token) as socket:
        session_id = await socket.start(pages=PAGES, model=TEST_MODEL, max_revisions=0, **config)
        yield session_id, await section_told(socket), socket


async def check_kept(
    service: Service, session_id: str, told: str, status: str, token: str | None = None, version: int = 2
) -> dict[str, Any]:
    """The text so far is the current version, by every door that shows it; answers it."""
    said = await messages(service, session_id, token)
    content = joined(*[said[f"draft-{number}"] for number in range(1, SECTION)], told)
    story = await current(service, session_id, token)
    assert story["content"] == content
    assert (story["status"], story["version"], story["word_count"]) == (status, version, count_words(content))
    versions = await drafts(service, session_id, token)
    assert [draft["version"] for draft in versions] == list(range(1, version + 1))
    assert [draft["current"] for draft in versions] == [False] * (version - 1) + [True]
    newest = versions[-1]
    assert (newest["author"], newest["step"], newest["content"]) == ("writer", f"so-far-{version - 1}", content)
    exported = await service.get(f"/api/sessions/{session_id}/export", token, format="txt")
    assert exported.status_code == 200
    assert "".join(told.split()) in "".join(exported.text.split())
    link = await call(service, session_id, "shares", token)
    assert (await service.http.get(f"/api/shared/{link['token']}")).json()["content"] == content
    session = (await service.get(f"/api/sessions/{session_id}", token)).json()
    assert (session["status"], session["draft_version"]) == (status, version)
    return story


def sentences(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^.!?]+[.!?]", text))


async def check_goes_on(service: Service, session_id: str, token: str | None = None) -> dict[str, Any]:
    """Resumed it comes to its end: nothing lost, nothing doubled, every score on the version that was read."""
    token = token or service.token
    await call(service, session_id, "resume", token)
    assert await ended(service, session_id, token) == "completed"
    story = await check_whole(getter(service, token), session_id, pages=PAGES)
    said = await messages(service, session_id, token)
    assert story["content"] == joined(*[said[f"polish-{number}"] for number in range(1, SECTIONS + 1)])
    versions = await drafts(service, session_id, token)
    drafted = joined(*[said[f"draft-{number}"] for number in range(1, SECTIONS + 1)])
    assert max(sentences(drafted).values()) == 1
    scored = [draft for draft in versions if draft["scores"]]
    assert [draft["content"] for draft in scored] == [drafted]
    assert scored[0]["step"] == "draft-8"
    return story


# -- Each end ----------------------------------------------------------------------------------------------------------

End = Callable[[Service, Socket, str], Awaitable[Any]]


async def _by_rest(service: Service, _: Socket, session_id: str) -> Any:
    return await call(service, session_id, "cancel", service.token)


async def _by_socket(_: Service, socket: Socket, session_id: str) -> Any:
    await socket.send(type="session.cancel", session_id=session_id)


async def _as_admin(service: Service, session_id: str, verb: str) -> None:
    path = f"/api/admin/sessions/{session_id}/{verb}"
    assert (await service.post(path, service.admin_token(), reason="The model is needed.")).is_success


ENDS: dict[str, tuple[str, End]] = {
    "cancelled over REST": ("cancelled", _by_rest),
    "cancelled over the WebSocket": ("cancelled", _by_socket),
    "cancelled by an admin": ("cancelled", lambda service, _, session_id: _as_admin(service, session_id, "cancel")),
    "expired by an admin": ("expired", lambda service, _, session_id: _as_admin(service, session_id, "expire")),
}


@pytest.mark.parametrize("how", ENDS)
async def test_the_text_so_far_is_a_version(shared: Service, model: ModelServer, how: str) -> None:
    status, end = ENDS[how]
    async with stuck(shared, model) as (session_id, told, socket):
        await end(shared, socket, session_id)
        saved = await socket.until("draft.saved")
        assert (saved["version"], saved["current"], saved["step"]) == (2, True, "so-far-1")
        over = await socket.until("session.status", status=status)
        assert over["seq"] == saved["seq"] + 1
    await check_kept(shared, session_id, told, status)
    steps = await everything(getter(shared, shared.token), f"/api/sessions/{session_id}/steps")
    assert [step["step"] for step in steps][-2:] == ["so-far-1", "draft-5"]
    # Again it changes nothing.
    if status == "cancelled":
        await call(shared, session_id, "cancel")
    assert len(await drafts(shared, session_id)) == 2


async def test_what_an_admin_expired_goes_on(shared: Service, model: ModelServer) -> None:
    async with stuck(shared, model) as (session_id, told, socket):
        await _as_admin(shared, session_id, "expire")
        await socket.until("session.status", status="expired")
    await check_kept(shared, session_id, told, "expired")
    story = await check_goes_on(shared, session_id)
    said = await messages(shared, session_id)
    assert said["draft-5"].startswith(told.strip()), "it went on from what was told"
    made = [draft["step"] for draft in await drafts(shared, session_id)]
    assert made == ["draft-3", "so-far-1", "draft-5", "draft-6", "draft-8", "polish-8"]
    assert story["version"] == 6
