"""Tokens of bots: signed by the service itself, for one bot each. Whom a bot speaks for its requests say."""

from __future__ import annotations

import time

import jwt

from api.identity.tokens import ALGORITHM, ISSUER, LEEWAY_S
from coordinator.errors import Unauthorized
from coordinator.people.bots import Bot, is_bot_name
from coordinator.supabase.hosted import unverified_claims

BOT_AUDIENCE = "storyloom:bot"
"""Another than a user's: what takes users' tokens alone, as a database's API, refuses a bot's."""
NOT_VALID = "The bot's token is not valid: `storyloom token --bot NAME` prints another."
EXPIRED = "The bot's token has expired: `storyloom token --bot NAME` prints another."


class BotTokens:
    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self, bot: Bot, ttl_s: int) -> str:
        """A token that is good for so many seconds. Nothing of it is kept: it ends with its time or the secret."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": str(bot.id),
            "aud": BOT_AUDIENCE,
            "acts_for": bot.name,
            "iat": now,
            "exp": now + ttl_s,
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def is_one(self, token: str) -> bool:
        """Whether it says that it is one, which is not yet believed."""
        return unverified_claims(token).get("aud") == BOT_AUDIENCE

    def verify(self, token: str) -> Bot:
        """Raises Unauthorized, with a reason that a person understands, for any token that is not wholly right."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=BOT_AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized(EXPIRED) from None
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise Unauthorized(NOT_VALID) from None
        name = claims.get("acts_for")
        if not isinstance(name, str) or not is_bot_name(name):
            raise Unauthorized(NOT_VALID)
        bot = Bot(name, int(claims["exp"]))
        if claims["sub"] != str(bot.id):
            raise Unauthorized(NOT_VALID)
        return bot
