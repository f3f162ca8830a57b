"""Who is asking, where Supabase Auth signs people in: its tokens, verified here without a call to it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from uuid import UUID

import httpx
import jwt
from pydantic import SecretStr

from api.identity.auth import AUDIENCE
from api.identity.bots import BotTokens
from api.identity.tokens import EXPIRED, LEEWAY_S, NOT_VALID, Tokens, Verified
from coordinator.admins import with_list
from coordinator.errors import Misconfigured, Unauthorized, Unavailable
from coordinator.models import Identity
from coordinator.people.bots import Bot
from coordinator.supabase.hosted import key_kind, project_url, unverified_claims
from coordinator.supabase.jwks import ALGORITHMS, JWKS_PATH, KeySet, VerifyingKey

SHARED = "HS256"
"""The algorithm of the older shared secret; with a public key it is never used."""
TOKEN_CHARACTERS = 16_384
"""More than any server takes in a header."""
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

TOO_EARLY = "The token is not good yet: the service's clock and the sign-in service's are apart."
TOO_LONG = "The token is too long to be one."
OTHER_PROJECT = "The token is of another Supabase project than this service's. Sign in to this one."
OTHER_AUDIENCE = "The token is not meant for this service. Sign in again."
UNKNOWN_KEY = "The token is signed with a key that the project doesn't have, or not any more. Sign in again."
NO_SECRET = "The service lacks the JWT secret that the token is signed with: its owner sets SUPABASE_JWT_SECRET."  # noqa: S105
NOT_SIGNED_IN = "The token is of nobody who is signed in: its role is not `authenticated`."
PUBLIC_KEY = "That is the project's {} key, not a user's token: sign in with it, and send the token that comes back."
SECRET_KEY = "That is the project's {} key, not a user's token: sign in as a user, and keep this key to the server."  # noqa: S105
_API_KEYS = {
    "publishable": PUBLIC_KEY.format("publishable"),
    "anon": PUBLIC_KEY.format("anon"),
    "secret": SECRET_KEY.format("secret"),
    "service_role": SECRET_KEY.format("service_role"),
}


class SupabaseAuth:
    """Verifies a project's tokens: by its public keys (ES256, RS256, EdDSA), or by the older shared secret (HS256)."""

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        *,
        jwt_secret: str | None = None,
        audience: str = AUDIENCE,
        issuer: str | None = None,
        admins: Collection[UUID] = (),
        api_key: str | None = None,
        keys: KeySet | None = None,
        bots: BotTokens | None = None,
    ) -> None:
        """`issuer` is `<url>/auth/v1` unless the project says otherwise, as behind a custom domain. `api_key`, the
        publishable one, goes with the request for the public keys: some self-hosted gateways ask for it. Tokens of
        `bots` are the service's own, whoever signs in the people. `http` is not closed here. Raises Misconfigured for
        an address that can't be right."""
        address = project_url(url)
        self._secret = jwt_secret or None
        self._audience = audience
        self._issuer = issuer or f"{address}/auth/v1"
        self._admins = frozenset(admins)
        self._tokens = Tokens()
        self._bots = bots
        self._keys = keys or KeySet(address + JWKS_PATH, http, api_key=api_key)

    async def prepare(self) -> None:
        """Fetch the public keys, so that the first caller need not wait.

        Raises Misconfigured where no token could ever be verified: no public keys, and no secret.
        """
        if self._secret is not None:
            return
        try:
            count = await self._keys.load()
        except Unavailable as error:
            raise Misconfigured(
                "The project's public keys can't be fetched: check SUPABASE_URL and the network, "
                "or set SUPABASE_JWT_SECRET where the project signs with its JWT secret."
            ) from error
        if not count:
            raise Misconfigured("The project has no public signing keys: set SUPABASE_JWT_SECRET to its JWT secret.")

    async def verify(self, token: str) -> Identity | Bot:
        """Raises Unauthorized, with a reason that a person understands, for any token that is not wholly right, and
        Unavailable where its key is unknown and the project can't be asked for it."""
        if len(token) > TOKEN_CHARACTERS:
            raise Unauthorized(TOO_LONG)
        known = self._tokens.get(token)
        # Its key may have been withdrawn since.
        if known is not None and await self._key(known.algorithm, known.key_id) is known.key:
            return known.speaker
        if (reason := _API_KEYS.get(key_kind(token))) is not None:
            raise Unauthorized(reason)
        if _COMPACT.fullmatch(token) is None:
            raise Unauthorized(NOT_VALID)
        if self._bots is not None and self._bots.is_one(token):
            # Never by a key of the project's, nor a user's by a secret of ours.
            return self._bots.verify(token)
        told = unverified_claims(token).get("iss")
        # Before its key is looked for: another project's token is no reason to fetch ours.
        if told is not None and told != self._issuer:
            raise Unauthorized(OTHER_PROJECT)
        algorithm, key_id = _signed_by(token)
        key = await self._key(algorithm, key_id)
        claims = self._verified(token, key)
        user_id = _user_id(claims)
        identity = Identity(
            user_id=user_id,
            role="authenticated",
            claims=with_list(claims, listed=user_id in self._admins),
            token=SecretStr(token),
        )
        self._tokens.put(token, Verified(identity, algorithm, key_id, key))
        return identity

    async def close(self) -> None:
        await self._keys.close()

    async def _key(self, algorithm: str, key_id: str | None) -> VerifyingKey | str:
        """The key of ours that a token has to verify with. Its header chooses among them, no more."""
        if algorithm == SHARED:
            if self._secret is None:
                raise Unauthorized(NO_SECRET)
            return self._secret
        if algorithm not in ALGORITHMS or key_id is None:
            raise Unauthorized(NOT_VALID)
        known = await self._keys.get(key_id)
        if known is None:
            raise Unauthorized(UNKNOWN_KEY)
        return known

    def _verified(self, token: str, key: VerifyingKey | str) -> dict[str, Any]:
        required = ["exp", "iat", "sub", "aud"]
        algorithm = key.algorithm if isinstance(key, VerifyingKey) else SHARED
        # Not all that sign with the secret name themselves; a token that says who it is from has been asked already.
        issuer = self._issuer if isinstance(key, VerifyingKey) else None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key if isinstance(key, VerifyingKey) else key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=issuer,
                leeway=LEEWAY_S,
                options={"require": required},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized(EXPIRED) from None
        except jwt.ImmatureSignatureError:
            raise Unauthorized(TOO_EARLY) from None
        except jwt.InvalidAudienceError:
            raise Unauthorized(OTHER_AUDIENCE) from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise Unauthorized(NOT_VALID) from None
        return claims


def project_token(user: Identity, *, secret: SecretStr | None, issuer: str) -> SecretStr:
    """A token of the project's for a bot's user, under its older shared secret: what its API reads that user's rows
    by. Raises Misconfigured where there is no such secret."""
    if secret is None:
        raise Misconfigured(
            "A bot's users are read with tokens that the service signs: its owner sets SUPABASE_JWT_SECRET, or "
            "SUPABASE_DB_URL for a connection to the database, which needs none."
        )
    return SecretStr(jwt.encode({**user.claims, "iss": issuer}, secret.get_secret_value(), SHARED))


def _signed_by(token: str) -> tuple[str, str | None]:
    """The algorithm and the key that a token names; not yet believed."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Unauthorized(NOT_VALID) from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise Unauthorized(NOT_VALID)
    return algorithm, key_id if isinstance(key_id, str) else None


def _user_id(claims: dict[str, Any]) -> UUID:
    if claims.get("role") != "authenticated":
        raise Unauthorized(NOT_SIGNED_IN)
    try:
        user_id = UUID(claims["sub"])
    except ValueError:
        raise Unauthorized(NOT_VALID) from None
    # Python takes other spellings too; the database compares this one.
    if str(user_id) != claims["sub"].lower():
        raise Unauthorized(NOT_VALID)
    return user_id
