"""The public keys that a project signs with (JWKS, RFC 7517), fetched beside the work and kept."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import AllowedPublicKeys

from coordinator.errors import Unavailable

logger = logging.getLogger(__name__)

JWKS_PATH = "/auth/v1/.well-known/jwks.json"
FETCH_TIMEOUT_S = 5.0
"""For the whole answer, however slowly it comes."""
ANSWER_BYTES = 65_536
MOST_KEYS = 32
"""A project has two or three: the one in use, the one to come, one that was."""
RSA_BITS = range(2048, 8193)
AWAY = "The sign-in service can't be reached just now, so the token can't be verified. Try again in a moment."

# By kty and crv: the one algorithm that we verify with such a key, its other names, and the members that make the key.
_FAMILIES: dict[tuple[str, str | None], tuple[str, frozenset[str], tuple[str, ...]]] = {
    ("EC", "P-256"): ("ES256", frozenset({"ES256"}), ("kty", "crv", "x", "y")),
    ("RSA", None): ("RS256", frozenset({"RS256"}), ("kty", "n", "e")),
    ("OKP", "Ed25519"): ("EdDSA", frozenset({"EdDSA", "Ed25519"}), ("kty", "crv", "x")),
}
ALGORITHMS = frozenset(algorithm for algorithm, _, _ in _FAMILIES.values())


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """`algorithm` follows from the kind of key; what a token says of it only has to agree."""

    algorithm: str
    key: AllowedPublicKeys


class KeySet:
    """The keys by their id, fetched when first asked for.

    Half-way to `ttl_s` they are fetched anew behind the caller's back; past it a caller waits for that, so that a key
    which was withdrawn is not believed for longer. While the server can't be reached the last known keys stay.
    An unknown id makes a fetch at most once in `refresh_s`, however many ask: ids are anybody's to make up.
    """

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        *,
        api_key: str | None = None,
        ttl_s: float = 600,
        refresh_s: float = 10,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._http = http
        self._api_key = api_key
        self._ttl_s = ttl_s
        self._refresh_s = refresh_s
        self._clock = clock
        self._keys: Mapping[str, VerifyingKey] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def get(self, key_id: str) -> VerifyingKey | None:
        """None where the project has no such key. Raises Unavailable where that can't be told now."""
        known = self._keys.get(key_id)
        age = self._clock() - self._fetched_at
        if known is not None and age < self._ttl_s / 2:
            return known
        fetching = self._fetch()
        # After a failure nobody waits for the next try: what is known is likely all that there will be.
        if known is not None and (age < self._ttl_s or self._failed):
            return known
        if fetching is not None:
            # Not awaited itself: a caller that gives up must not end it for the others.
            await asyncio.wait({fetching})
        known = self._keys.get(key_id)
        if known is None and self._failed:
            raise Unavailable(AWAY, retry_after_s=self._refresh_s)
        return known

    async def load(self) -> int:
        """Fetch now; the number of keys. Raises Unavailable."""
        self._tried_at = float("-inf")
        fetching = self._fetch()
        assert fetching is not None
        await asyncio.wait({fetching})
        if self._failed:
            raise Unavailable(AWAY, retry_after_s=self._refresh_s)
        return len(self._keys)

    async def close(self) -> None:
        """Ends a fetch under way; who waits for it is told that the keys can't be had."""
        self._failed = True
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _fetch(self) -> asyncio.Task[None] | None:
        """The fetch under way, else a new one, None where the last is too recent."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if self._clock() - self._tried_at < self._refresh_s:
            return None
        self._tried_at = self._clock()
        self._fetching = asyncio.create_task(self._replace(), name="signing keys")
        return self._fetching

    async def _replace(self) -> None:
        """Raises nothing, since nobody may be there to hear it."""
        try:
            keys = await fetch_keys(self._http, self._url, api_key=self._api_key)
        except Unavailable:
            self._failed = True
        except Exception:
            logger.exception("fetching the signing keys broke")
            self._failed = True
        else:
            self._keys, self._fetched_at, self._failed = keys, self._clock(), False


async def fetch_keys(http: httpx.AsyncClient, url: str, *, api_key: str | None = None) -> dict[str, VerifyingKey]:
    """The usable keys of a JWKS by their id, {} where it has none. Raises Unavailable, with the reason as its cause."""
    # Uncompressed, so that the limit of size is one of what is read.
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    if api_key is not None:
        headers["apikey"] = api_key
    try:
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            body = await _read(http, url, headers)
        return usable_keys(json.loads(body))
    except (TimeoutError, httpx.HTTPError, httpx.StreamError, ValueError, RecursionError) as error:
        logger.warning("the signing keys can't be fetched from %s: %s %s", url, type(error).__name__, error)
        raise Unavailable(AWAY) from error


async def _read(http: httpx.AsyncClient, url: str, headers: dict[str, str]) -> bytes:
    async with http.stream("GET", url, headers=headers, follow_redirects=False) as response:
        if response.status_code != httpx.codes.OK:
            raise ValueError(f"it answered {response.status_code}")
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            if len(body) > ANSWER_BYTES:
                raise ValueError(f"it answered more than {ANSWER_BYTES} bytes")
        return bytes(body)


def usable_keys(document: Any) -> dict[str, VerifyingKey]:
    """Those that we verify with; others are passed over, as is a shared secret (`oct`), which has no place in public.

    Raises ValueError where the document is no JWKS.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it answered something that is no JWKS")
    keys: dict[str, VerifyingKey] = {}
    for one in listed[:MOST_KEYS]:
        key_id = one.get("kid") if isinstance(one, dict) else None
        if isinstance(key_id, str) and key_id not in keys and (key := _usable(one)) is not None:
            keys[key_id] = key
    return keys


def _usable(one: dict[str, Any]) -> VerifyingKey | None:
    kty, curve = one.get("kty"), one.get("crv")
    if not isinstance(kty, str) or not isinstance(curve, str | None):
        return None
    family = _FAMILIES.get((kty, curve))
    if family is None or "d" in one:
        # A key whose private half is published is nobody's.
        return None
    algorithm, names, members = family
    operations = one.get("key_ops", ["verify"])
    if one.get("alg", algorithm) not in names or one.get("use", "sig") != "sig":
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        key = jwt.PyJWK({name: one[name] for name in members}, algorithm).key
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size not in RSA_BITS:
        return None
    return VerifyingKey(algorithm, key)
