"""The studio: its pages and the files that they are made of. All pages are one document, and its address says which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path as File

from fastapi import APIRouter, Request, Response

from api.state import Service
from coordinator.errors import NotFound
from coordinator.supabase.hosted import project_url

router = APIRouter(include_in_schema=False)

PAGES = (
    "/",
    "/dashboard",
    "/sign-in",
    "/s/{session_id}",
    "/s/{session_id}/read",
    "/chats",
    "/chat",
    "/chat/{session_id}",
    "/projects",
    "/project/{project_id}",
    "/invite/{token}",
    "/shared/{token}",
    "/admin",
    "/admin/{rest:path}",
)
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
"""What is served, and as what: a machine's own list of types may be anything."""
HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?", re.ASCII)
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
REVALIDATE = "no-cache"
"""Kept by the browser, and asked for again with its ETag: after an update nobody has half of the old page."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the studio as it is served."""

    content: bytes
    kind: str
    tag: str


def folder() -> File:
    """The studio's files: those that the installed package brings, or of the source tree."""
    packaged = File(__file__).with_name("web")
    return packaged if packaged.is_dir() else File(__file__).parents[1] / "web"


@router.get("/studio/{path:path}")
async def file(path: str, request: Request) -> Response:
    """A file of the studio."""
    found = files().get(path)
    if found is None:
        raise NotFound("There is no such file in the studio.")
    return _answer(request, found, SAFE)


async def page(request: Request, service: Service) -> Response:
    """The studio's document."""
    headers = {
        **SAFE,
        "Content-Security-Policy": policy(request.headers.get("host", ""), service.settings.supabase_url),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "X-Frame-Options": "DENY",
    }
    return _answer(request, files()["index.html"], headers)


for address in PAGES:
    router.add_api_route(address, page)


def policy(host: str, project: str | None) -> str:
    """The Content-Security-Policy of a page at `host`: nothing but its own files, the service, and the Supabase
    `project` that people sign in at. No script, style or frame from anywhere else, or written into the page."""
    connect = ["'self'"]
    if HOST.fullmatch(host):
        # Not every browser takes 'self' for the WebSocket as well.
        connect += [f"ws://{host}", f"wss://{host}"]
    if project is not None:
        connect.append(project_url(project))
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "font-src": "'self'",
        "connect-src": " ".join(connect),
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def files() -> dict[str, Asset]:
    """By their path below the folder: what isn't listed can't be asked for.

    Read once, before the first request: a running service's files never change."""
    base = folder()
    return {
        found.relative_to(base).as_posix(): _asset(found)
        for found in base.rglob("*")
        if found.suffix in KINDS and not any(part.startswith(".") for part in found.relative_to(base).parts)
    }


def _asset(file: File) -> Asset:
    content = file.read_bytes()
    return Asset(content, f"{KINDS[file.suffix]}; charset=utf-8", f'"{sha256(content).hexdigest()[:20]}"')


def _answer(request: Request, found: Asset, headers: dict[str, str]) -> Response:
    headers = {**headers, "ETag": found.tag, "Cache-Control": REVALIDATE}
    if found.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.kind, headers=headers)
