"""REST /api/sessions/{id}/export: a story as a file to keep."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from api.errors import responses
from api.state import Caller, Host, Service, State
from coordinator.export.book import book_of, disposition
from coordinator.export.press import FORMATS
from coordinator.models import Identity, Session
from coordinator.store.users import PROFILE

router = APIRouter(prefix="/api/sessions", tags=["sessions"])

ExportFormat = Literal["md", "txt", "html", "epub", "docx", "pdf", "json"]
JSON = "application/json"
MEDIA = [media.partition(";")[0] for media in (*FORMATS.values(), JSON)]
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "/{session_id}/export",
    response_class=Response,
    responses={
        200: {"description": "The file", "content": dict.fromkeys(MEDIA, BINARY)},
        **responses("unauthorized", "not_found", "invalid_message", "conflict", "too_large", "unavailable"),
    },
)
async def export_session(
    session_id: UUID,
    caller: Caller,
    service: Service,
    host: Host,
    format: Annotated[ExportFormat, Query(description="`json` is all that is kept of it, the others the story")],
) -> Response:
    """The story as a file, named by its title. Before the first draft: 409, but for `json`. A `Warning` header says
    what in the file is not as in the story: letters of a PDF that no font of the server has, or marks of the text that
    are more than the format can hold."""
    await service.rates.export(caller, host)
    session = await service.manager.get_session(caller, session_id)
    # The page that shows a download must not be able to run it, whatever a browser thinks that it is.
    headers = {
        "Content-Disposition": disposition(session.title, format),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SANDBOX,
    }
    if format == "json":
        pieces = await service.records.whole(service.manager, caller, session_id)
        return StreamingResponse(pieces, media_type=JSON, headers=headers)
    async with service.press.turns.turn(caller.user_id) if format != "md" else nullcontext():
        story = await service.manager.record.story(caller, session_id)
        book = book_of(session, story, await _author(service, caller, session))
        printed = await service.press.printed(book, format)
    headers["Content-Language"] = book.language
    if printed.note is not None:
        headers["Warning"] = f'299 - "{printed.note.encode("ascii", "replace").decode()}"'
    return Response(printed.content, media_type=FORMATS[format], headers=headers)


async def _author(service: State, caller: Identity, session: Session) -> str:
    """The name that the writer gave themselves; of somebody else's story an admin is not told it."""
    if caller.user_id != session.user_id:
        return ""
    async for page in service.manager.store.users.pages(caller, PROFILE, size=1):
        for profile in page:
            return str(profile["display_name"])
    return ""
