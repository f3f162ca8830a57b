"""Bots: programs that speak for people who have no sign-in here, as those of a chat network.

What a bot calls a person is a user of that bot's own. Two bots that say the same name two users, and no bot can name
anybody's but its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import NAMESPACE_OID, UUID, uuid5

from pydantic import SecretStr

from coordinator.errors import Forbidden, InvalidMessage, NotFound
from coordinator.models import Identity
from coordinator.people.erasures import Erasures
from coordinator.people.signins import SignIns
from coordinator.sessions.cache import Cache
from coordinator.storable import storable
from coordinator.store.profiles import ProfileOperations

PERSON_CHARACTERS = 200
KNOWN, KNOWN_S = 10_000, 600
"""So many users are known to be there, each until nobody speaks for them for so long."""
LONGEST_S = 24 * 3600
"""So long a connection is good for a user without the bot's token anew: what is to be refused after an erasure has to
be remembered no longer than that, however long the token is good."""
WHOM = "A bot's token speaks for one of the bot's users: say which in the header X-User-ID, or in `user_id` of `auth`."
NO_PERSON = (
    f"X-User-ID of a bot is 1 to {PERSON_CHARACTERS} characters of text in UTF-8, in one header, without line ends and "
    "other control characters."
)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Bot:
    """Whom a bot's token, good until `expires_at` in seconds since 1970, is of."""

    name: str
    expires_at: int

    @property
    def id(self) -> UUID:
        """Of its name alone: under another secret the bot still reaches those whom it spoke for."""
        return uuid5(NAMESPACE_OID, f"storyloom bot {self.name}")

    def user(self, person: str) -> UUID:
        """The user whom the bot calls so, compared as it stands. Raises InvalidMessage for what is no such name."""
        told = person.strip(" \t")
        if not 0 < len(told) <= PERSON_CHARACTERS or _CONTROLS.search(told) or storable(told) != told:
            raise InvalidMessage(NO_PERSON)
        return uuid5(self.id, told)


def is_bot_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def bot_name(text: str) -> str:
    """Raises InvalidMessage for what can't be a bot's name."""
    if not is_bot_name(text):
        raise InvalidMessage(
            "A bot's name is 1 to 40 small letters, digits, dots, hyphens and underscores, with a letter or digit "
            "first, as in discord-1."
        )
    return text


class BotUsers:
    """The users whom bots speak for: made when a bot first names them, and after they were erased made anew."""

    def __init__(
        self,
        profiles: ProfileOperations,
        sign_ins: SignIns,
        erasures: Erasures,
        admit: Callable[[str], Awaitable[None]],
        sign: Callable[[Identity], SecretStr | None] = lambda _: None,
    ) -> None:
        """`admit` is asked, with the bot's name, before a user is made. `sign` gives the token that a user's rows are
        read with, where the database asks for one."""
        self._profiles = profiles
        self._sign_ins = sign_ins
        self._erasures = erasures
        self._admit = admit
        self._sign = sign
        self._known: Cache[UUID, int] = Cache(KNOWN, KNOWN_S)

    async def speaking(self, bot: Bot, person: str | None) -> tuple[Identity, bool]:
        """The user whom a bot speaks for in one request, and whether this has made them. Never an admin, whatever a
        list or the bot's name says.

        Raises Forbidden where the bot names nobody, InvalidMessage for a name that can be nobody's, RateLimited where
        it names too many new ones, Misconfigured where users can't be made."""
        if person is None:
            raise Forbidden(WHOM)
        user_id = bot.user(person)
        now = int(time.time())
        made = self._known.get(user_id, lambda at: at > self._erasures.erased_at(user_id)) is None and (
            await self._make(bot, user_id, now)
        )
        user = _identity(bot, user_id, now)
        return user.model_copy(update={"token": self._sign(user)}), made

    async def _make(self, bot: Bot, user_id: UUID, now: int) -> bool:
        try:
            await self._profiles.of(user_id)
            made = False
        except NotFound:
            await self._admit(bot.name)
            await self._sign_ins.make(_identity(bot, user_id, now))
            made = True
        self._known.put(user_id, now)
        return made


def _identity(bot: Bot, user_id: UUID, now: int) -> Identity:
    """As if the user had just signed in: what an erasure refuses is from before, and a user may be made anew."""
    claims = {
        "sub": str(user_id),
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": min(bot.expires_at, now + LONGEST_S),
        "is_anonymous": False,
        "app_metadata": {"provider": "bot", "bot": bot.name},
        "user_metadata": {},
    }
    return Identity(user_id=user_id, role="authenticated", claims=claims, bot=bot.name)
