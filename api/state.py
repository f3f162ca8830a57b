"""What a running service is made of. Built by `api.app`, read by every door."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

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
from coordinator.people.bots import Bot, BotUsers
from coordinator.people.erasures import Erasures
from coordinator.people.projects import Projects
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
    scheme_name="bearer",
    bearerFormat="JWT",
    auto_error=False,
    description="a token of POST /api/auth/anonymous; "
    "or a bot's (`storyloom token --bot NAME`) with the header `X-User-ID`, which says for whom it speaks",
)

ASKING = "storyloom.asking"
PERSON = "X-User-ID"
OTHER_PERSON = (
    "X-User-ID is another than the user whose token this is: leave it out, or send that user's own token. Only a bot's "
    "token speaks for others."
)

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
    bots: BotUsers
    rates: Rates
    connections: Connections
    addresses: Addresses
    traces: Traces
    press: Press
    records: Records
    shares: Shares
    projects: Projects
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


@dataclass(frozen=True, slots=True)
class Asking:
    """The user who asks; `new` where a bot names them for the first time."""

    identity: Identity
    new: bool = False


async def verified(state: State, token: str, person: str | None = None) -> Asking:
    """Who a bearer token speaks for: its user, whom `person` may name as well, or the one whom it names of a bot's.

    Raises Unauthorized; Forbidden for another `person` than a token is of, or none with a bot's; Unavailable where the
    project's keys can't be had; and as `BotUsers.speaking`."""
    found = state.auth.verify(token) if isinstance(state.auth, LocalAuth) else await state.auth.verify(token)
    if isinstance(found, Bot):
        asking = Asking(*await state.bots.speaking(found, person))
    elif person is not None and not _names(person, found):
        raise Forbidden(OTHER_PERSON)
    else:
        asking = Asking(found)
    state.erasures.check(asking.identity)
    return asking


def _names(person: str, user: Identity) -> bool:
    try:
        return UUID(person.strip()) == user.user_id
    except ValueError:
        return False


def person_of(connection: HTTPConnection) -> str | None:
    """What X-User-ID says, None where there is none: text in UTF-8, which servers read as Latin-1. What is not, or is
    there twice, comes as a text that names nobody."""
    said = connection.headers.getlist(PERSON)
    return "\n".join(said).encode("latin-1", "replace").decode("utf-8", "surrogateescape") if said else None


async def asking(connection: HTTPConnection) -> Asking | StoryloomError:
    """Who makes a request, or why that can't be told. Found out once, however often it is asked."""
    scope = connection.scope
    if ASKING not in scope:
        scope[ASKING] = await _asking(connection)
    found: Asking | StoryloomError = scope[ASKING]
    return found


async def _asking(connection: HTTPConnection) -> Asking | StoryloomError:
    token = bearer(connection.headers.get("authorization"))
    if token is None:
        return Unauthorized("A bearer token is needed: sign in, and send it as Authorization: Bearer.")
    try:
        return await verified(state_of(connection), token, person_of(connection))
    except StoryloomError as error:
        return error


async def _identity(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]) -> Identity:
    found = await asking(request)
    if isinstance(found, StoryloomError):
        raise found
    return found.identity


async def _new(request: Request) -> bool:
    found = await asking(request)
    return isinstance(found, Asking) and found.new


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
NewUser = Annotated[bool, Depends(_new)]
"""Whether the call has made its caller, as a bot's first for somebody does."""
