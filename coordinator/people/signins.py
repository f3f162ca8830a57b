"""The users themselves, apart from what they wrote: kept by the service's own sign-in or by a Supabase project's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

import httpx
from pydantic import SecretStr
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from coordinator.errors import Unavailable
from coordinator.store import Store
from coordinator.supabase.hosted import key_kind

logger = logging.getLogger(__name__)

ATTEMPTS = 3
PASSING = frozenset({408, 429, 500, 502, 503, 504})


class SignIns(Protocol):
    async def erase(self, user_id: UUID) -> tuple[dict[str, int], str | None]:
        """What was removed, by table, and where the sign-in remains a sentence that says how it is deleted."""


class LocalSignIns:
    """Kept in the service's own database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def erase(self, user_id: UUID) -> tuple[dict[str, int], str | None]:
        return {"auth.users": await self._store.users.erase_local(user_id)}, None


class ProjectSignIns:
    """Kept by a Supabase project: only its admin API deletes them, for who has the secret key."""

    def __init__(self, url: str, http: httpx.AsyncClient, secret_key: SecretStr | None) -> None:
        """`url` is the project's address with no slash at its end; `http` is not closed here."""
        self._users = f"{url}/auth/v1/admin/users"
        self._http = http
        self._key = secret_key

    async def erase(self, user_id: UUID) -> tuple[dict[str, int], str | None]:
        """Never raises for a project that refuses or can't be reached: what the service kept is gone by then."""
        if self._key is None:
            return {}, _remains(user_id, "the service has no secret key of the project")
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(Unavailable),
                stop=stop_after_attempt(ATTEMPTS),
                wait=wait_random_exponential(multiplier=0.1, max=2),
                reraise=True,
            ):
                with attempt:
                    status = await self._delete(user_id, _headers(self._key.get_secret_value()))
        except Unavailable as error:
            return {}, _remains(user_id, error.message)
        if status in (200, 204, 404):
            return {"auth.users": int(status != 404)}, None
        logger.error("the project refused to delete a user with HTTP %d: check SUPABASE_SECRET_KEY", status)
        return {}, _remains(user_id, "the project refused its deletion")

    async def _delete(self, user_id: UUID, headers: Mapping[str, str]) -> int:
        try:
            answer = await self._http.request(
                "DELETE", f"{self._users}/{user_id}", headers=headers, json={"should_soft_delete": False}
            )
        except httpx.HTTPError:
            # Not chained: the driver's error has the request, and that the key.
            raise Unavailable("the project could not be reached") from None
        if answer.status_code in PASSING:
            raise Unavailable("the project could not do it just now")
        return answer.status_code


def _headers(key: str) -> dict[str, str]:
    """A newer key is no JWT: the project's gateway makes one of it. An older one is sent as both."""
    return {"apikey": key, **({"Authorization": f"Bearer {key}"} if key_kind(key) == "service_role" else {})}


def _remains(user_id: UUID, why: str) -> str:
    return (
        f"The sign-in itself remains at the Supabase project, because {why}: "
        f"its owner deletes user {user_id} in the dashboard, under Authentication, Users."
    )
