"""Admins by a list of user ids, beside those whose own token says `app_metadata.role = "admin"`.

A listed admin's token says nothing of it, and PostgREST believes the token alone: under it, row level security shows a
listed admin no more than any writer. What they read as an admin is therefore read as the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from coordinator.errors import Misconfigured
from coordinator.models import SERVICE, Identity

LISTED = "storyloom_listed_admin"
"""A claim of our own; one of that name in a token is dropped."""


def listed_ids(setting: Iterable[str]) -> frozenset[UUID]:
    """The users of `admin_user_ids`. Raises Misconfigured for what is no UUID, without quoting it: it may be a key."""
    ids = set()
    for place, text in enumerate(setting, start=1):
        try:
            ids.add(UUID(text))
        except ValueError:
            raise Misconfigured(
                f"STORYLOOM_ADMIN_USER_IDS: entry {place} is not a user's id. Set it to their UUIDs, "
                "separated by commas, or leave it out."
            ) from None
    return frozenset(ids)


def with_list(claims: Mapping[str, Any], *, listed: bool) -> dict[str, Any]:
    """A verified token's claims, with `app_metadata.role = "admin"` where the user is `listed`."""
    own = {name: value for name, value in claims.items() if name != LISTED}
    metadata = own.get("app_metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if not listed or metadata.get("role") == "admin":
        return own
    return {**own, "app_metadata": {**metadata, "role": "admin"}, LISTED: True}


def reads_as(identity: Identity) -> Identity:
    """Who the database is asked as, for a read that an admin may make of anybody's rows.

    Never for a read of "my own": the service is nobody, and its `auth.uid()` is null.
    """
    return SERVICE if identity.is_admin and identity.claims.get(LISTED) is True else identity
