"""Bytes that a node keeps in memory for those who are connected: what they have not yet read, what they have not yet
sent whole. Bounded in all; where the bound is passed, who makes the node keep most is let go first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

ROOM_WAIT_S = 2.0
"""Who would add much waits so long for the others to read on. After that it is theirs to be let go."""


class Held:
    """Of one node. `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        self.bytes = 0
        self.let_go = 0
        self._limit = limit
        self._accounts: set[Account] = set()
        self._room = asyncio.Event()
        self._room.set()

    def account(self, owner: str, let_go: Callable[[], object]) -> Account:
        """For one connection or request of `owner`, an address. `let_go` ends it; it is called once at the most."""
        return Account(self, owner, let_go)

    async def room(self) -> None:
        """Waits while more than half is taken, so that many large answers are sent one after another."""
        if self.bytes * 2 <= self._limit:
            return
        self._room.clear()
        try:
            async with asyncio.timeout(ROOM_WAIT_S):
                await self._room.wait()
        except TimeoutError:
            return

    def _changed(self, account: Account, size: int) -> None:
        self.bytes += size
        if account.bytes:
            self._accounts.add(account)
        else:
            self._accounts.discard(account)
        if size < 0:
            if self.bytes * 2 <= self._limit:
                self._room.set()
            return
        while self.bytes > self._limit:
            self._let_the_largest_go()

    def _let_the_largest_go(self) -> None:
        owners: Counter[str] = Counter()
        for account in self._accounts:
            owners[account.owner] += account.bytes
        worst = owners.most_common(1)[0][0]
        largest = max((one for one in self._accounts if one.owner == worst), key=lambda one: one.bytes)
        self.let_go += 1
        largest.close()
        largest.let_go()


class Account:
    """What is kept for one connection or request."""

    __slots__ = ("_held", "bytes", "closed", "let_go", "owner")

    def __init__(self, held: Held, owner: str, let_go: Callable[[], object]) -> None:
        self.owner = owner
        self.let_go = let_go
        self.bytes = 0
        self.closed = False
        self._held = held

    def add(self, size: int) -> None:
        """More, or less where `size` is negative. Of no effect once it is closed."""
        if not self.closed and size:
            self.bytes += size
            self._held._changed(self, size)

    def close(self) -> None:
        """Nothing is kept any more."""
        self.add(-self.bytes)
        self.closed = True
