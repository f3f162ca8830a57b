"""The users themselves, apart from what they wrote: kept by the service's own sign-in or by a Supabase project's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

import httpx
from pydantic import SecretStr
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from coordinator.errors import Misconfigured, Unavailable
from coordinator.models import SERVICE, Identity
from coordinator.store import Store
from coordinator.supabase.hosted import key_kind

logger = logging.getLogger(__name__)

ATTEMPTS = 3
PASSING = frozenset({408, 429, 500, 502, 503, 504})
HARD = {"should_soft_delete": False}
NO_MAIL = "bots.invalid"
"""No mail is ever delivered there (RFC 2606)."""


class SignIns(Protocol):
    async def make(self, identity: Identity) -> None:
        """The user exists on return, with what the claims say; again changes nothing. Raises Misconfigured where users
        can't be made."""

    async def erase(self, user_id: UUID) -> tuple[dict[str, int], str | None]:
        """What was removed, by table, and where the sign-in remains a sentence that says how it is deleted."""


class LocalSignIns:
    """Kept in the service's own database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def make(self, identity: Identity) -> None:
        try:
            await self._store.gateway.write(
                "local_sign_in",
                SERVICE,
                user_id=identity.user_id,
                is_anonymous=bool(identity.claims.get("is_anonymous")),
                app_metadata=identity.claims.get("app_metadata", {"provider": "local"}),
            )
        except Misconfigured as error:
            raise Misconfigured(
                "This database belongs to a Supabase project, whose users sign in there: set SUPABASE_URL as well."
            ) from error

    async def erase(self, user_id: UUID) -> tuple[dict[str, int], str | None]:
        return {"auth.users": await self._store.users.erase_local(user_id)}, None


class ProjectSignIns:
    """Kept by a Supabase project: only its admin API deletes them, for who has the secret key."""

    def __init__(self, url: str, http: httpx.AsyncClient, secret_key: SecretStr | None) -> None:
        """`url` is the project's address with no slash at its end; `http` is not closed here."""
        self._users = f"{url}/auth/v1/admin/users"
        self._http = http
        self._key = secret_key

    async def make(self, identity: Identity) -> None:
        """Under an address of no mailbox and a password that nobody knows: such a user signs in nowhere. Raises
        Unavailable where the project can't be reached."""
        if self._key is None:
            raise Misconfigured(
                "A bot's users are made at the Supabase project, for which the service needs its secret key: its owner "
                "sets SUPABASE_SECRET_KEY."
            )
        one = f"{self._users}/{identity.user_id}"
        wanted = {
            "id": str(identity.user_id),
            "email": f"{identity.user_id}@{NO_MAIL}",
            "app_metadata": identity.claims.get("app_metadata", {}),
        }
        try:
            answer = await self._patiently("POST", self._users, wanted)
            if answer.is_success and (made := _id_of(answer)) is not None and made != identity.user_id:
                await self._patiently("DELETE", f"{self._users}/{made}", HARD)
                raise Misconfigured("The Supabase project's Auth is too old for bots: it gives users ids of its own.")
            if not answer.is_success and (await self._patiently("GET", one)).status_code != 200:
                logger.error(
                    "the project refused to make a user with HTTP %d: check SUPABASE_SECRET_KEY", answer.status_code
                )
                raise Misconfigured("The Supabase project refused to make the bot's user; the service's log says more.")
        except Unavailable as error:
            raise Unavailable(f"The bot's user can't be made: {error.message}. Try again in a moment.") from None

    async def erase(self, user_id: UUID) -> tuple[dict[str, int], str | None]:
        """Never raises for a project that refuses or can't be reached: what the service kept is gone by then."""
        if self._key is None:
            return {}, _remains(user_id, "the service has no secret key of the project")
        try:
            status = (await self._patiently("DELETE", f"{self._users}/{user_id}", HARD)).status_code
        except Unavailable as error:
            return {}, _remains(user_id, error.message)
        if status in (200, 204, 404):
            return {"auth.users": int(status != 404)}, None
        logger.error("the project refused to delete a user with HTTP %d: check SUPABASE_SECRET_KEY", status)
        return {}, _remains(user_id, "the project refused its deletion")

    async def _patiently(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """The project's answer, whatever it is, to a call that changes nothing when it is made again. Raises
        Unavailable, with the part of a sentence."""
        assert self._key is not None
        headers = _headers(self._key.get_secret_value())
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            reraise=True,
        ):
            with attempt:
                return await self._call(method, url, headers, body)
        raise AssertionError("an attempt answers or raises")

    async def _call(
        self, method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> httpx.Response:
        try:
            answer = await self._http.request(method, url, headers=headers, json=body)
        except httpx.HTTPError:
            # Not chained: the driver's error has the request, and that the key.
            raise Unavailable("the project could not be reached") from None
        if answer.status_code in PASSING:
            raise Unavailable("the project could not do it just now")
        return answer


def _id_of(answer: httpx.Response) -> UUID | None:
    """Of the user that an answer tells of; None where it tells of none."""
    try:
        return UUID(answer.json()["id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _headers(key: str) -> dict[str, str]:
    """A newer key is no JWT: the project's gateway makes one of it. An older one is sent as both."""
    return {"apikey": key, **({"Authorization": f"Bearer {key}"} if key_kind(key) == "service_role" else {})}


def _remains(user_id: UUID, why: str) -> str:
    return (
        f"The sign-in itself remains at the Supabase project, because {why}: "
        f"its owner deletes user {user_id} in the dashboard, under Authentication, Users."
    )
