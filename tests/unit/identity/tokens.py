"""Tokens of a made-up Supabase project, right and wrong, and who checks them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from api.identity.hosted import SupabaseAuth
from coordinator.errors import Unauthorized
from coordinator.supabase.jwks import KeySet, VerifyingKey, usable_keys

URL = "https://abcdefghijklmnopqrst.supabase.co"
SECRET = "a-shared-secret-of-a-project-that-is-long-enough"
USER = UUID("6f9619ff-8b86-4d01-b42d-00cf4fc964ff")
NOW = int(time.time())

EC = ec.generate_private_key(ec.SECP256R1())
EC_NEXT = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
ED = ed25519.Ed25519PrivateKey.generate()
SIGNERS: dict[str, tuple[Any, str, str]] = {
    "ES256": (EC, "ES256", "ec"),
    "RS256": (RSA, "RS256", "rsa"),
    "EdDSA": (ED, "EdDSA", "ed"),
    "HS256": (SECRET, "HS256", "shared"),
}


def public(private: Any, algorithm: str, key_id: str, **more: Any) -> dict[str, Any]:
    """A JWK as Supabase publishes it."""
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
    return {**made, "kid": key_id, "alg": algorithm, "use": "sig", "key_ops": ["verify"], "ext": True, **more}


PUBLISHED = [public(key, algorithm, kid) for key, algorithm, kid in SIGNERS.values() if not isinstance(key, str)]


def claims(**changes: Any) -> dict[str, Any]:
    """Of a token as Supabase Auth makes it; a change to `...` leaves a claim out."""
    now = int(time.time())
    whole = {
        "iss": f"{URL}/auth/v1",
        "sub": str(USER),
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": now + 3600,
        "email": "a@example.org",
        "aal": "aal1",
        "session_id": str(uuid4()),
        "is_anonymous": False,
        "app_metadata": {"provider": "email"},
        "user_metadata": {"role": "admin"},
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


def token(by: str = "ES256", *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    key, algorithm, key_id = SIGNERS[by]
    # Below the layer that would not sign claims of a wrong type.
    payload = json.dumps(claims(**changes)).encode()
    return jwt.PyJWS().encode(payload, key, algorithm, headers={"kid": key_id, **(headers or {})})


def segment(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], key: bytes | None, payload: Any = None, digest: Any = hashlib.sha256) -> str:
    """A token that no library would make: signed with any bytes by HMAC, or with nothing."""
    text = f"{segment(header)}.{segment(payload or claims())}"
    return f"{text}.{segment(hmac.new(key, text.encode(), digest).digest()) if key is not None else ''}"


class Fixed(KeySet):
    """Keys that are known already."""

    def __init__(self, *published: dict[str, Any]) -> None:
        self.known = usable_keys({"keys": [*published]})

    async def get(self, key_id: str) -> VerifyingKey | None:
        return self.known.get(key_id)

    async def close(self) -> None:
        pass


def auth_of(*published: dict[str, Any], secret: str | None = SECRET, **options: Any) -> SupabaseAuth:
    return SupabaseAuth(URL, httpx.AsyncClient(), jwt_secret=secret, keys=Fixed(*published), **options)


AUTH = auth_of(*PUBLISHED)


async def refusal(given: str, auth: SupabaseAuth = AUTH) -> str:
    with pytest.raises(Unauthorized) as refused:
        await auth.verify(given)
    assert refused.value.message.endswith(".") and (len(given) < 20 or given not in refused.value.message)
    return refused.value.message


def legacy(role: str, secret: str = SECRET, **more: Any) -> str:
    """An older API key as Supabase makes them."""
    whole = {"iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": role, "iat": NOW, "exp": NOW + 10**8, **more}
    return jwt.encode(whole, secret, "HS256")
