"""What a running service is made of. Built by `api.app`, read by every door."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from api.bounds.addresses import Addresses
from api.bounds.connections import Connections
from api.bounds.rates import Rates
from api.ending import Departure
from api.identity.auth import LocalAuth, bearer
from api.identity.hosted import SupabaseAuth
from coordinator.agents.library import Library
from coordinator.errors import Forbidden, StoryloomError, Unauthorized
from coordinator.export.press import Press
from coordinator.export.record import Records
from coordinator.llm.models import Models
from coordinator.models import Identity
from coordinator.people.erasures import Erasures
from coordinator.people.shares import Shares
from coordinator.people.vault import Vault
from coordinator.running.accounts import Accounts
from coordinator.running.administration import Administration
from coordinator.running.chats import ChatCoordinator
from coordinator.running.stories import StoryCoordinator
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.snapshots import Snapshots
from coordinator.settings import Settings
from coordinator.store.keeper import Keeper
from coordinator.telemetry.traces import Traces
from coordinator.workers.workers import Workers

BEARER = HTTPBearer(
    scheme_name="bearer", bearerFormat="JWT", auto_error=False, description="a token of POST /api/auth/anonymous"
)

ASKING = "storyloom.asking"

if TYPE_CHECKING:
    from coordinator.running.engine import Engine


@dataclass(frozen=True, slots=True)
class State:
    settings: Settings
    version: str
    auth: LocalAuth | SupabaseAuth
    manager: StorySessionManager
    coordinator: StoryCoordinator
    chats: ChatCoordinator
    accounts: Accounts
    library: Library
    models: Models
    vault: Vault
    engine: Engine | None
    sign_in: Callable[[Identity], Awaitable[None]]
    rates: Rates
    connections: Connections
    addresses: Addresses
    traces: Traces
    press: Press
    records: Records
    shares: Shares
    administration: Administration
    workers: Workers
    erasures: Erasures
    departure: Departure
    keeper: Keeper | None
    """Of the embedded database, where that is used."""
    snapshots: Snapshots
    catching_up: asyncio.Semaphore
    """Replays and snapshots being read at once: when everybody comes back each waits its turn, and runs have room."""


def state_of(connection: HTTPConnection) -> State:
    state: State = connection.app.state.storyloom
    return state


def _state(request: Request) -> State:
    return state_of(request)


def host_of(connection: HTTPConnection) -> str | None:
    """The address that a call or a connection comes from."""
    return connection.client.host if connection.client else None


async def admitted(state: State, caller: Identity, host: str | None, request_id: str | None) -> None:
    """A story may be started, as far as the doors know. Raises RateLimited."""
    await state.rates.start(caller, request_id, host)
    await state.addresses.note(caller, host)


async def verified(state: State, token: str) -> Identity:
    """Who a bearer token speaks for. Raises Unauthorized, or Unavailable where the project's keys can't be had."""
    found = state.auth.verify(token) if isinstance(state.auth, LocalAuth) else await state.auth.verify(token)
    state.erasures.check(found)
    return found


async def asking(connection: HTTPConnection) -> Identity | StoryloomError:
    """Who makes a request, or why that can't be told. Found out once, however often it is asked."""
    scope = connection.scope
    if ASKING not in scope:
        scope[ASKING] = await _asking(connection)
    found: Identity | StoryloomError = scope[ASKING]
    return found


async def _asking(connection: HTTPConnection) -> Identity | StoryloomError:
    token = bearer(connection.headers.get("authorization"))
    if token is None:
        return Unauthorized("A bearer token is needed: sign in, and send it as Authorization: Bearer.")
    try:
        return await verified(state_of(connection), token)
    except StoryloomError as error:
        return error


async def _identity(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]) -> Identity:
    found = await asking(request)
    if isinstance(found, StoryloomError):
        raise found
    return found


async def _admin(identity: Annotated[Identity, Depends(_identity)]) -> Identity:
    if not identity.is_admin:
        raise Forbidden("Only an admin may do that.")
    return identity


def _host(request: Request) -> str | None:
    return host_of(request)


Host = Annotated[str | None, Depends(_host)]
Service = Annotated[State, Depends(_state)]
Caller = Annotated[Identity, Depends(_identity)]
Admin = Annotated[Identity, Depends(_admin)]
