"""How often who may do what: the limits of the settings, counted in this node's memory."""

from __future__ import annotations

import functools
import itertools
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import floor
from uuid import UUID

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from coordinator.errors import RateLimited
from coordinator.models import Identity
from coordinator.sessions.cache import Cache
from coordinator.settings import Settings

logger = logging.getLogger(__name__)

KEYS = 100_000
"""Counters kept for one limit at the most, some 25 MB; the oldest make room."""
STARTS, STARTS_KEPT_S = 10_000, 3600
"""So many requests that started a story are known again, for so long."""
REFUSED_FRAMES = "100/minute"
"""Of one connection; one that goes on beyond is closed."""
NO_ADDRESS = "unknown"


class TooMany(RateLimited):
    """Ends the connection that it is told to, with close code 4429."""


class Counters(MemoryStorage):
    """The library's counters in memory, but for its clean-up, which looks at every key after every hit.

    One of these serves one limit, so that keys expire in the order they came: a new key drops those that are over.
    """

    def __init__(self, most: int = KEYS) -> None:
        super().__init__()
        self._most = most
        self.expirations: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self.expirations)

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        if key not in self.expirations:
            now = time.time()
            while self.expirations and (len(self) >= self._most or next(iter(self.expirations.values())) <= now):
                oldest, _ = self.expirations.popitem(last=False)
                self.storage.pop(oldest, None)
            self.expirations[key] = now + expiry
        self.storage[key] += amount
        return self.storage[key]


class Rate:
    """What one setting allows, all of its limits together. Raises ValueError for a notation that is none."""

    def __init__(self, notation: str, keys: int = KEYS) -> None:
        items = [] if notation == "off" else parse_many(notation)
        # Two numbers a key, however large the limit; a moving window would keep the time of every hit.
        self._limits = [(item, SlidingWindowCounterRateLimiter(Counters(keys))) for item in items]
        self.refused = 0

    async def hit(self, key: str, cost: int = 1) -> int | None:
        """Counts one, or what it costs; None where it may be, otherwise the seconds until it may, and nothing is
        counted.

        Never waits, so that two at once can't both be the last. Where it fails it is logged and all may go on.
        """
        try:
            if wait_s := await self.wait(key, cost):
                self.refused += 1
                return wait_s
            await self.count(key, cost)
        except Exception:
            logger.exception("a rate limit could not be applied")
        return None

    async def wait(self, key: str, cost: int = 1) -> int:
        """Whole seconds until it may be, 0 for now."""
        return max([await _wait(item, limiter, key, cost) for item, limiter in self._limits], default=0)

    async def count(self, key: str, cost: int = 1) -> None:
        for item, limiter in self._limits:
            await limiter.hit(item, key, cost=cost)


async def _wait(item: RateLimitItem, limiter: SlidingWindowCounterRateLimiter, key: str, cost: int) -> int:
    """Whole seconds after which one more is surely allowed, 0 for now."""
    # What costs more than a whole window gives would wait for ever.
    if await limiter.test(item, key, cost=min(cost, item.amount)):
        return 0
    stats = await limiter.get_window_stats(item, key)
    return floor(max(stats.reset_time - time.time(), 0)) + 1


@dataclass(frozen=True, slots=True)
class Told:
    """What is told to who came too often: as a user, from an address, through a bot, or with all others."""

    user: str
    address: str
    bot: str
    everybody: str


START = Told(
    "You have started as many stories as one writer may in such a time: wait, then start the next one.",
    "From your address as many stories were started as may be in such a time: wait, then start the next one.",
    "Your bot has started as many stories for its users as one bot may in such a time: wait, then start the next one.",
    "More stories are started than this service takes on: wait, then start yours.",
)
REWRITE = Told(
    "You have had as many passages rewritten as one writer may in such a time: wait before the next one.",
    "From your address as many passages were rewritten as may be in such a time: wait before the next one.",
    "Your bot has had as many passages rewritten for its users as one bot may in such a time: wait a while.",
    "More passages are rewritten than this service takes on: wait before the next one.",
)
EXPORT = Told(
    "You have exported as much as one writer may in such a time: wait before the next one.",
    "From your address as much was exported as may be in such a time: wait before the next one.",
    "Your bot has exported as much for its users as one bot may in such a time: wait before the next one.",
    "More is exported than this service takes on: wait before the next one.",
)


class Door:
    """What costs more than a call: counted for the user, for the address, and for everybody together.

    A bot comes from one address with all of its users: for them the bot counts in the address's place."""

    def __init__(self, of_user: str, of_address: str, of_bot: str, of_all: str, told: Told) -> None:
        self._user, self._address, self._all = Rate(of_user), Rate(of_address), Rate(of_all)
        self._bot = Rate(of_bot)
        self._told = told

    def refused(self, name: str) -> dict[str, int]:
        return {
            name: self._user.refused,
            f"{name}_address": self._address.refused,
            f"{name}_bot": self._bot.refused,
            f"{name}_all": self._all.refused,
        }

    async def enter(self, caller: Identity, host: str | None) -> None:
        """Counts one, for all three or for none. Raises RateLimited with the seconds to wait."""
        asked = [
            (self._user, str(caller.user_id), self._told.user),
            (self._bot, caller.bot, self._told.bot)
            if caller.bot is not None
            else (self._address, address_key(host), self._told.address),
            (self._all, "", self._told.everybody),
        ]
        try:
            for rate, key, sentence in asked:
                if wait_s := await rate.wait(key):
                    rate.refused += 1
                    raise RateLimited(sentence, retry_after_s=wait_s)
            for rate, key, _ in asked:
                await rate.count(key)
        except RateLimited:
            raise
        except Exception:
            logger.exception("a rate limit could not be applied")


class Rates:
    """The limits of one app. Every method raises RateLimited, with the seconds to wait where waiting helps."""

    def __init__(self, settings: Settings) -> None:
        of = settings
        self._start = Door(of.rate_start, of.rate_start_address, of.rate_start_bot, of.rate_start_all, START)
        self._rewrite = Door(
            of.rate_rewrite, of.rate_rewrite_address, of.rate_rewrite_address, of.rate_rewrite_all, REWRITE
        )
        self._export = Door(of.rate_export, of.rate_export_address, of.rate_export_address, of.rate_export_all, EXPORT)
        self._bot_users = Rate(of.rate_bot_users)
        self._rest = Rate(settings.rate_rest)
        self._body = Rate(settings.rate_body_bytes)
        self._sign_in = Rate(settings.rate_sign_in)
        self._sign_in_all = Rate(settings.rate_sign_in_all)
        self._connect = Rate(settings.rate_connect)
        self._frame = Rate(settings.rate_frame)
        self._refused_frame = Rate(REFUSED_FRAMES)
        self._started: Cache[tuple[UUID | None, str], bool] = Cache(STARTS, STARTS_KEPT_S)
        self._most_open = settings.connections_per_user
        self._open: Counter[UUID | None] = Counter()
        self._refused_users = 0
        self._numbers = itertools.count(1)

    @property
    def refused(self) -> dict[str, int]:
        """How often each door has refused somebody, so far."""
        return {
            **self._start.refused("start"),
            **self._rewrite.refused("rewrite"),
            **self._export.refused("export"),
            "rest": self._rest.refused,
            "body": self._body.refused,
            "sign_in": self._sign_in.refused,
            "sign_in_all": self._sign_in_all.refused,
            "bot_users": self._bot_users.refused,
            "connect": self._connect.refused,
            "frame": self._frame.refused,
            "user_connections": self._refused_users,
        }

    async def rest(self, caller: Identity | None, host: str | None) -> None:
        """A call of a user or, where it is not known to be anybody's, of an address."""
        key = str(caller.user_id) if caller is not None else address_key(host)
        if wait_s := await self._rest.hit(key):
            raise RateLimited("Too many calls in a short time: wait before the next one.", retry_after_s=wait_s)

    async def sign_in(self, host: str | None) -> None:
        if wait_s := await self._sign_in.hit(address_key(host)):
            raise RateLimited(
                "Too many sign-ins from your address in a short time: wait, then sign in again.", retry_after_s=wait_s
            )
        if wait_s := await self._sign_in_all.hit(""):
            raise RateLimited("More sign in than this service takes on: wait, then sign in.", retry_after_s=wait_s)

    async def bot_user(self, bot: str) -> None:
        """A user whom a bot names for the first time."""
        if wait_s := await self._bot_users.hit(bot):
            raise RateLimited(
                "Your bot has brought as many new users as one bot may in such a time: wait, then try again.",
                retry_after_s=wait_s,
            )

    async def body(self, caller: Identity | None, host: str | None, size: int) -> None:
        """So many bytes of a request's body, of a user or, where it is not known to be anybody's, of an address."""
        key = str(caller.user_id) if caller is not None else address_key(host)
        if wait_s := await self._body.hit(key, size):
            raise RateLimited("Too much was sent in a short time: wait before you send more.", retry_after_s=wait_s)

    async def rewrite(self, caller: Identity, host: str | None) -> None:
        """A passage that models write anew."""
        await self._rewrite.enter(caller, host)

    async def export(self, caller: Identity, host: str | None) -> None:
        """A file that is made."""
        await self._export.enter(caller, host)

    async def start(self, caller: Identity, request_id: str | None, host: str | None = None) -> None:
        """A story of a user. A request that was let through before is, while it is remembered, free."""
        again = (caller.user_id, request_id) if request_id is not None else None
        if again is not None and self._started.get(again):
            return
        await self._start.enter(caller, host)
        if again is not None:
            self._started.put(again, True)

    async def connect(self, host: str | None) -> int:
        """A new connection; gives it the number that its frames are counted by. Raises TooMany."""
        if wait_s := await self._connect.hit(address_key(host)):
            raise TooMany(
                "Too many connections from your address in a short time: wait, then connect again.",
                retry_after_s=wait_s,
            )
        return next(self._numbers)

    @contextmanager
    def connected(self, caller: Identity) -> Iterator[None]:
        """One of the connections that a user has open, for as long as the block. Raises TooMany, with no time: one of
        the others has to end."""
        user_id = caller.user_id
        if self._open[user_id] >= self._most_open:
            self._refused_users += 1
            raise TooMany(
                f"You have as many connections open as one user may have ({self._most_open}): close one, "
                "then connect again."
            )
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]

    async def frame(self, connection: int) -> None:
        """A frame of a connection. Raises TooMany for one that goes on however often it is refused."""
        if not (wait_s := await self._frame.hit(str(connection))):
            return
        if await self._refused_frame.hit(str(connection)):
            raise TooMany("Too many messages: this connection is closed.", retry_after_s=wait_s)
        raise RateLimited("Too many messages in a short time: wait before the next one.", retry_after_s=wait_s)


@functools.lru_cache(maxsize=1024)
def address_key(host: str | None) -> str:
    """What an address is counted as: itself, or its /64 where it is IPv6, which is what one customer is given."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return NO_ADDRESS
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Network((int(address), 64), strict=False))
        address = address.ipv4_mapped
    return str(address)
