"""REST /api/users/me: what a user may do with all that is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.errors import responses
from api.state import Caller, Host, Service
from coordinator.running.accounts import Receipt

router = APIRouter(prefix="/api/users/me", tags=["account"])

ZIP = "application/zip"


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {"description": "A ZIP archive", "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}},
        **responses("unauthorized", "unavailable"),
    },
)
async def export_account(caller: Caller, service: Service, host: Host) -> StreamingResponse:
    """Everything that is kept of the caller, as a ZIP archive of JSON files: one a session, `profile.json`,
    `keys.json` (no more of a key than its last four characters), and `manifest.json` with counts."""
    await service.rates.export(caller, host)
    pieces = await service.accounts.export(caller)
    name = f"storyloom-{datetime.now(UTC):%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type=ZIP, headers=headers)


@router.delete("", responses=responses("unauthorized", "unavailable"))
async def erase_account(caller: Caller, service: Service) -> Receipt:
    """Erase everything that is kept of the caller, stories under way included, and the sign-in. It can't be undone."""
    return await service.accounts.erase(caller)
