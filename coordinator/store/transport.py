"""The contract between the store and the database: one call of one function, as one identity.

`direct` and `rpc` carry a call and translate their driver's errors into ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from pydantic import TypeAdapter

from coordinator.models import Identity


class Transport(Protocol):
    async def call(
        self, function: str, args: Mapping[str, Any], identity: Identity, shape: TypeAdapter[Any] | None = None
    ) -> Any:
        """What `public.<function>` answers, in one transaction of its own run as `identity`: decoded from JSON, or
        validated as a `shape`, which is quicker than first the one and then the other.

        Raises the errors of `coordinator.errors` only: NotFound, Conflict, Fenced, InvalidMessage, Forbidden,
        Unauthorized, RateLimited, Misconfigured, Unavailable (nothing or everything of the call may have happened;
        `retry_after_s` where the other side says how long it wants to be left alone), Internal.
        """

    def listen(self) -> AsyncIterator[str] | None:
        """What the functions notify the nodes of, until it breaks with Unavailable. An empty text: it has begun.

        None where this way to the database has no notifications.
        """

    async def close(self) -> None: ...
