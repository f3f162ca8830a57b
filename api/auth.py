"""Who is asking: bearer tokens in Supabase's shape, issued and verified by the service itself (local auth)."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import Any, Literal
from uuid import NAMESPACE_OID, UUID, uuid5

import jwt

from coordinator.errors import Misconfigured, Unauthorized
from coordinator.models import Identity
from coordinator.settings import Settings

ALGORITHM = "HS256"
AUDIENCE = "authenticated"
REFRESH_AUDIENCE = "storyloom:refresh"
ISSUER = "storyloom"
REFRESH_TTL_S = 30 * 24 * 3600
LEEWAY_S = 10
"""Clocks of two machines are rarely further apart than this."""
SECRET_FILE = "jwt-secret"  # noqa: S105 a file's name

LocalUser = Literal["writer", "admin"]


class LocalAuth:
    """Issues and verifies HS256 tokens with one secret."""

    def __init__(self, secret: str, token_ttl_s: float) -> None:
        self._secret = secret
        self._ttl_s = int(token_ttl_s)

    @classmethod
    def from_settings(cls, settings: Settings) -> LocalAuth:
        """With the secret of the settings, else that of the data folder, made with mode 600 where there is none."""
        given = settings.jwt_secret
        return cls(given.get_secret_value() if given else _kept_secret(settings.data_dir), settings.token_ttl_s)

    def local_user(self, who: LocalUser) -> UUID:
        """The machine's own writer and admin: the same ids as long as the secret is the same."""
        return uuid5(NAMESPACE_OID, hashlib.sha256(f"storyloom {who} {self._secret}".encode()).hexdigest())

    def issue(self, user_id: UUID, *, admin: bool = False, anonymous: bool = True) -> dict[str, Any]:
        """Tokens in the shape of Supabase Auth's answer to a sign-in."""
        now = int(time.time())
        claims = {
            "iss": ISSUER, "sub": str(user_id), "aud": AUDIENCE, "role": "authenticated", "iat": now,
            "exp": now + self._ttl_s, "is_anonymous": anonymous,
            "app_metadata": {"provider": "local", **({"role": "admin"} if admin else {})}, "user_metadata": {},
        }  # fmt: skip
        refresh = {**claims, "aud": REFRESH_AUDIENCE, "exp": now + REFRESH_TTL_S}
        return {
            "access_token": self._sign(claims), "token_type": "bearer", "expires_in": self._ttl_s,
            "expires_at": claims["exp"], "refresh_token": self._sign(refresh),
            "user": {"id": str(user_id), "aud": AUDIENCE, "role": "authenticated", "is_anonymous": anonymous,
                     "app_metadata": claims["app_metadata"], "user_metadata": {}},
        }  # fmt: skip

    def renew(self, refresh_token: str) -> dict[str, Any]:
        """New tokens for the user of a refresh token. Raises Unauthorized where it is not one, or has expired."""
        claims = self._claims(refresh_token, REFRESH_AUDIENCE)
        admin = claims.get("app_metadata", {}).get("role") == "admin"
        return self.issue(UUID(claims["sub"]), admin=admin, anonymous=bool(claims.get("is_anonymous", True)))

    def verify(self, token: str) -> Identity:
        """Raises Unauthorized, with a reason that a person understands, for any token that is not wholly right."""
        claims = self._claims(token, AUDIENCE)
        if claims.get("role") != "authenticated":
            raise Unauthorized("The token's role is not one that may come in here.")
        return Identity(user_id=UUID(claims["sub"]), role="authenticated", claims=claims)

    def _claims(self, token: str, audience: str) -> dict[str, Any]:
        try:
            # The algorithm is ours to say, never the token's.
            claims: dict[str, Any] = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER, leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )  # fmt: skip
            UUID(claims["sub"])
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired. Sign in again.") from None
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise Unauthorized("The token is not valid. Sign in again.") from None
        return claims

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._secret, ALGORITHM)


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


def _kept_secret(data_dir: Path) -> str:
    """Made once, whoever comes first; a reader never sees it half written."""
    path = data_dir / SECRET_FILE
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            fresh = data_dir / f"{SECRET_FILE}.{os.getpid()}"
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        secret = path.read_text().strip()
    except OSError as error:
        raise Misconfigured(
            f"The data folder {data_dir} can't be used ({error.strerror}): mend its permissions, "
            "or choose another with STORYLOOM_DATA_DIR."
        ) from error
    if len(secret) < 32:
        raise Misconfigured(f"The file {path} holds no usable secret: delete it, and a new one is made.")
    return secret


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header, None where there is none."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
