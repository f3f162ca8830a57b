"""Who is asking: bearer tokens in Supabase's shape, issued and verified by the service itself (local auth)."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import NAMESPACE_OID, UUID, uuid5

import jwt

from api.identity.bots import BotTokens
from api.identity.tokens import ALGORITHM, EXPIRED, ISSUER, LEEWAY_S, NOT_VALID, Tokens, Verified
from coordinator.admins import listed_ids, with_list
from coordinator.errors import Misconfigured, Unauthorized
from coordinator.models import Identity
from coordinator.people.bots import Bot, bot_name
from coordinator.people.secret import kept_secret
from coordinator.settings import Settings

AUDIENCE = "authenticated"
REFRESH_AUDIENCE = "storyloom:refresh"
REFRESH_TTL_S = 30 * 24 * 3600
SECRET_FILE = "jwt-secret"  # noqa: S105 a file's name

LocalUser = Literal["writer", "admin"]


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in, and the number of its refresh token, which only that token tells."""

    id: UUID
    number: str

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> SignIn:
        """Raises Unauthorized where the claims, of a refresh token, name none."""
        try:
            return cls(UUID(claims["session_id"]), str(claims["jti"]))
        except (KeyError, ValueError, TypeError, AttributeError):
            raise Unauthorized(NOT_VALID) from None


class LocalAuth:
    """Issues and verifies HS256 tokens with one secret."""

    def __init__(self, secret: str, token_ttl_s: float, admins: Collection[UUID] = ()) -> None:
        self._secret = secret
        self._ttl_s = int(token_ttl_s)
        self._admins = frozenset(admins)
        self._tokens = Tokens()
        self.bots = BotTokens(secret)

    @classmethod
    def from_settings(cls, settings: Settings) -> LocalAuth:
        """With the secret of the settings, else that of the data folder, made with mode 600 where there is none.

        Raises Misconfigured for a folder that can't be used, or an entry of `admin_user_ids` that is no UUID."""
        admins = listed_ids(settings.admin_user_ids)
        return cls(own_secret(settings), settings.token_ttl_s, admins)

    def local_user(self, who: LocalUser) -> UUID:
        """The machine's own writer and admin: the same ids as long as the secret is the same."""
        return uuid5(NAMESPACE_OID, hashlib.sha256(f"storyloom {who} {self._secret}".encode()).hexdigest())

    def issue(
        self, user_id: UUID, *, admin: bool = False, anonymous: bool = True, sign_in: SignIn | None = None
    ) -> dict[str, Any]:
        """Tokens in the shape of Supabase Auth's answer to a sign-in; without `sign_in` none that renews them."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": str(user_id),
            "aud": AUDIENCE,
            "role": "authenticated",
            "iat": now,
            "exp": now + self._ttl_s,
            "is_anonymous": anonymous,
            "app_metadata": {"provider": "local", **({"role": "admin"} if admin else {})},
            "user_metadata": {},
        }
        renewed_by = {}
        if sign_in is not None:
            claims["session_id"] = str(sign_in.id)
            refresh = {**claims, "aud": REFRESH_AUDIENCE, "exp": now + REFRESH_TTL_S, "jti": sign_in.number}
            renewed_by = {"refresh_token": self._sign(refresh)}
        return {
            "access_token": self._sign(claims),
            "token_type": "bearer",
            "expires_in": self._ttl_s,
            "expires_at": claims["exp"],
            **renewed_by,
            "user": {
                "id": str(user_id),
                "aud": AUDIENCE,
                "role": "authenticated",
                "is_anonymous": anonymous,
                "app_metadata": claims["app_metadata"],
                "user_metadata": {},
            },
        }

    def refreshing(self, refresh_token: str) -> dict[str, Any]:
        """The claims of a refresh token. Raises Unauthorized where it is not one, or has expired."""
        return self._claims(refresh_token, REFRESH_AUDIENCE)

    def following(self, number: str) -> str:
        """The number of the refresh token after the one with this number: the same one however often it is asked for,
        and known to nobody without the secret."""
        return hmac.new(self._secret.encode(), f"storyloom refresh {number}".encode(), hashlib.sha256).hexdigest()

    def verify(self, token: str) -> Identity | Bot:
        """Raises Unauthorized, with a reason that a person understands, for any token that is not wholly right."""
        if (known := self._tokens.get(token)) is not None:
            return known.speaker
        if self.bots.is_one(token):
            bot = self.bots.verify(token)
            self._tokens.put(token, Verified(bot, ALGORITHM))
            return bot
        claims = self._claims(token, AUDIENCE)
        if claims.get("role") != "authenticated":
            raise Unauthorized("The token's role is not one that may come in here.")
        user_id = UUID(claims["sub"])
        claims = with_list(claims, listed=user_id in self._admins)
        identity = Identity(user_id=user_id, role="authenticated", claims=claims)
        self._tokens.put(token, Verified(identity, ALGORITHM))
        return identity

    def _claims(self, token: str, audience: str) -> dict[str, Any]:
        try:
            # The algorithm is ours to say, never the token's.
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=audience,
                issuer=ISSUER,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
            UUID(claims["sub"])
        except jwt.ExpiredSignatureError:
            raise Unauthorized(EXPIRED) from None
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise Unauthorized(NOT_VALID) from None
        return claims

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._secret, ALGORITHM)


def own_secret(settings: Settings) -> str:
    """What the service signs with: of the settings, else of the data folder, made where there is none.

    Raises Misconfigured for a folder that can't be used."""
    given = settings.jwt_secret
    return given.get_secret_value() if given else kept_secret(settings.data_dir, SECRET_FILE)


def local_token(settings: Settings, *, admin: bool = False) -> str:
    """A token of this machine's own writer or admin. Makes the secret where there is none yet.

    Raises Misconfigured where users sign in at a Supabase project, whose tokens are not ours to make.
    """
    if settings.supabase_url is not None:
        raise Misconfigured(
            "Users sign in at the Supabase project: give the token of one of them with --token or STORYLOOM_TOKEN."
        )
    auth = LocalAuth.from_settings(settings)
    issued = auth.issue(auth.local_user("admin" if admin else "writer"), admin=admin, anonymous=False)
    return str(issued["access_token"])


def bot_token(settings: Settings, name: str, ttl_s: int) -> str:
    """A token of the bot with this name, good for so many seconds. Makes the secret where there is none yet.

    Raises InvalidMessage for what can't be a bot's name."""
    bot = Bot(bot_name(name), 0)
    return BotTokens(own_secret(settings)).issue(bot, ttl_s)


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header, None where there is none."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
