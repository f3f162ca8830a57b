"""Supabase's tokens: who is let in, who is refused and in which words, and who is an admin."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from api.identity import hosted
from api.identity.tokens import LEEWAY_S
from coordinator.admins import LISTED, reads_as
from coordinator.errors import Unauthorized
from coordinator.models import SERVICE, Identity
from tests.unit.identity.tokens import (
    AUTH,
    NOW,
    PUBLISHED,
    RSA,
    SECRET,
    SIGNERS,
    URL,
    USER,
    auth_of,
    by_hand,
    claims,
    legacy,
    public,
    refusal,
    segment,
    token,
)

# -- Who is let in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", SIGNERS)
async def test_a_signed_in_user_is_let_in(by: str) -> None:
    given = token(by)
    identity = await AUTH.verify(given)
    assert identity.user_id == USER and identity.role == "authenticated" and not identity.is_admin
    assert identity.claims["email"] == "a@example.org"
    assert identity.token is not None and identity.token.get_secret_value() == given
    assert given not in repr(identity) and given not in identity.model_dump_json()


async def test_an_anonymous_user_is_a_writer() -> None:
    identity = await AUTH.verify(token(is_anonymous=True, email=""))
    assert identity.role == "authenticated" and identity.claims["is_anonymous"] is True


async def test_an_audience_among_others_and_one_of_the_settings() -> None:
    await AUTH.verify(token(aud=["other", "authenticated"]))
    custom = auth_of(*PUBLISHED, audience="writers")
    await custom.verify(token(aud="writers"))
    assert await refusal(token(), custom) == hosted.OTHER_AUDIENCE


async def test_clocks_may_be_a_little_apart() -> None:
    now = int(time.time())
    await AUTH.verify(token(exp=now - 5))
    await AUTH.verify(token(nbf=now + 5, iat=now + 5))


async def test_a_token_that_was_let_in_is_refused_when_it_has_expired() -> None:
    given = token(exp=int(time.time()) - LEEWAY_S + 2)
    assert await AUTH.verify(given) is await AUTH.verify(given)
    async with asyncio.timeout(10):
        with pytest.raises(Unauthorized, match=re.escape(hosted.EXPIRED)):
            while await AUTH.verify(given):
                await asyncio.sleep(0.05)


async def test_an_issuer_of_the_settings_takes_the_place_of_the_usual_one() -> None:
    custom = auth_of(*PUBLISHED, issuer="https://auth.example.org/auth/v1")
    await custom.verify(token(iss="https://auth.example.org/auth/v1"))
    assert await refusal(token(), custom) == hosted.OTHER_PROJECT


async def test_who_signs_with_the_secret_need_not_name_themselves() -> None:
    await AUTH.verify(token("HS256", iss=...))
    assert await refusal(token("HS256", iss="https://other.supabase.co/auth/v1")) == hosted.OTHER_PROJECT
    assert await refusal(token("ES256", iss=...)) == hosted.NOT_VALID


# -- Who is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", SIGNERS)
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exp": NOW - 60}, hosted.EXPIRED),
        ({"exp": ...}, hosted.NOT_VALID),
        ({"exp": None}, hosted.NOT_VALID),
        ({"exp": "soon"}, hosted.NOT_VALID),
        ({"exp": {"$gt": 0}}, hosted.NOT_VALID),
        ({"iat": ...}, hosted.NOT_VALID),
        ({"iat": NOW + 86_400}, hosted.TOO_EARLY),
        ({"nbf": NOW + 86_400}, hosted.TOO_EARLY),
        ({"aud": "anon"}, hosted.OTHER_AUDIENCE),
        ({"aud": ["anon"]}, hosted.OTHER_AUDIENCE),
        ({"aud": {"authenticated": 1}}, hosted.OTHER_AUDIENCE),
        ({"aud": ...}, hosted.NOT_VALID),
        ({"iss": "https://another.supabase.co/auth/v1"}, hosted.OTHER_PROJECT),
        ({"iss": URL}, hosted.OTHER_PROJECT),
        ({"iss": f"{URL}/auth/v1/"}, hosted.OTHER_PROJECT),
        ({"iss": [f"{URL}/auth/v1"]}, hosted.OTHER_PROJECT),
        ({"role": ...}, hosted.NOT_SIGNED_IN),
        ({"role": "supabase_admin"}, hosted.NOT_SIGNED_IN),
        ({"role": ["authenticated"]}, hosted.NOT_SIGNED_IN),
        ({"role": "anon"}, hosted.PUBLIC_KEY.format("anon")),
        ({"role": "service_role"}, hosted.SECRET_KEY.format("service_role")),
        ({"sub": ...}, hosted.NOT_VALID),
        ({"sub": ""}, hosted.NOT_VALID),
        ({"sub": 7}, hosted.NOT_VALID),
        ({"sub": [str(USER)]}, hosted.NOT_VALID),
        ({"sub": "somebody"}, hosted.NOT_VALID),
        ({"sub": f"urn:uuid:{USER}"}, hosted.NOT_VALID),
        ({"sub": USER.hex}, hosted.NOT_VALID),
    ],
)
async def test_a_claim_that_is_not_right(by: str, changes: dict[str, Any], words: str) -> None:
    assert await refusal(token(by, **changes)) == words


@pytest.mark.parametrize(
    "given",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "null",
        "Bearer x",
        "eyJ.eyJ.",
        "\ud800.a.b",
        "é.é.é",
        "a" * 100,
        f"{'e' * 20_000}.a.b",
    ],
)
async def test_what_is_no_token(given: str) -> None:
    with pytest.raises(Unauthorized):
        await AUTH.verify(given)


async def test_one_token_has_one_spelling() -> None:
    given = token()
    for other in (given + "=", given + "==", given + "\n", " " + given, given.replace(".", "=.", 1), given + "."):
        assert await refusal(other) == hosted.NOT_VALID


async def test_a_long_token_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    await AUTH.verify(token(padding="x" * 8_000))

    def read(_: str) -> Any:
        raise AssertionError("it was read")

    monkeypatch.setattr(hosted, "key_kind", read)
    assert await refusal(token(padding="x" * 16_000)) == hosted.TOO_LONG


@pytest.mark.parametrize("secret", [SECRET, None])
async def test_no_signature_is_no_token(secret: str | None) -> None:
    auth = auth_of(*PUBLISHED, secret=secret)
    for algorithm in ("none", "None", "NONE", "", None, "nOnE"):
        for kid in ({}, {"kid": "ec"}, {"kid": "shared"}):
            assert await refusal(by_hand({"alg": algorithm, **kid}, None), auth) == hosted.NOT_VALID
            assert await refusal(by_hand({"alg": algorithm, **kid}, b""), auth) == hosted.NOT_VALID
    for by in SIGNERS:
        assert await refusal(token(by).rpartition(".")[0] + ".") == hosted.NOT_VALID
        assert await refusal(token(by).rpartition(".")[0]) == hosted.NOT_VALID


def spellings(private: Any, published: dict[str, Any]) -> list[bytes]:
    """A public key in all the ways in which somebody might sign with it as if it were a secret."""
    key = private.public_key()
    made = [
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        json.dumps(published).encode(),
        json.dumps(published, separators=(",", ":")).encode(),
        json.dumps({"keys": [published]}).encode(),
        b"",
        published["kid"].encode(),
    ]
    coordinates = [published[name] for name in ("x", "y", "n", "e") if name in published]
    return (
        made + [text.encode() for text in coordinates] + [base64.urlsafe_b64decode(text + "==") for text in coordinates]
    )


@pytest.mark.parametrize("secret", [SECRET, None])
@pytest.mark.parametrize("by", ["ES256", "RS256", "EdDSA"])
async def test_a_public_key_is_no_secret(by: str, secret: str | None) -> None:
    private, algorithm, kid = SIGNERS[by]
    auth = auth_of(*PUBLISHED, secret=secret)
    for key in spellings(private, public(private, algorithm, kid)):
        for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": kid}):
            assert await refusal(by_hand(header, key), auth) == (hosted.NOT_VALID if secret else hosted.NO_SECRET)
        # Under the name of the key's own algorithm, and under others of the same kind.
        for name in (algorithm, "HS384", "HS512"):
            assert await refusal(by_hand({"alg": name, "kid": kid}, key), auth) == hosted.NOT_VALID
    # By hand it can be done right, so the refusals are of the key.
    await AUTH.verify(by_hand({"alg": "HS256", "kid": kid}, SECRET.encode()))


async def test_the_secret_signs_by_one_algorithm() -> None:
    for name, digest in (("HS384", hashlib.sha384), ("HS512", hashlib.sha512), ("ES256", hashlib.sha256)):
        assert await refusal(by_hand({"alg": name, "kid": "ec"}, SECRET.encode(), digest=digest)) == hosted.NOT_VALID
    assert await refusal(by_hand({"alg": "HS256"}, SECRET.encode()[:-1])) == hosted.NOT_VALID


async def test_an_algorithm_that_is_not_the_keys_own() -> None:
    for name in ("RS512", "RS384", "PS256"):
        given = jwt.encode(claims(), RSA, name, headers={"kid": "rsa"})
        assert await refusal(given) == hosted.NOT_VALID
    # Signed well, but the header names another key, or another algorithm.
    assert await refusal(token("ES256", headers={"kid": "rsa"})) == hosted.NOT_VALID
    assert await refusal(token("RS256", headers={"kid": "ec"})) == hosted.NOT_VALID
    rest = token("ES256").partition(".")[2]
    assert await refusal(f"{segment({'alg': 'RS256', 'kid': 'ec'})}.{rest}") == hosted.NOT_VALID


async def test_a_key_that_the_token_brings_along_is_not_looked_at() -> None:
    mine = ec.generate_private_key(ec.SECP256R1())
    own = public(mine, "ES256", "ec")
    for header in ({"jwk": own}, {"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example"}, {}):
        given = jwt.encode(claims(), mine, "ES256", headers={"kid": "ec", **header})
        assert await refusal(given) == hosted.NOT_VALID
        unknown = jwt.encode(claims(), mine, "ES256", headers={"kid": "mine", **header})
        assert await refusal(unknown) == hosted.UNKNOWN_KEY


async def test_a_header_that_is_not_right() -> None:
    for header in (
        {"alg": "ES256"},
        {"alg": "ES256", "kid": 7},
        {"alg": "ES256", "kid": None},
        {"alg": ["ES256"]},
        {"alg": {"ES256": 1}, "kid": "ec"},
        {"kid": "ec"},
        {},
    ):
        assert await refusal(by_hand(header, b"x" * 64)) == hosted.NOT_VALID
    critical = by_hand({"alg": "HS256", "crit": ["b64"], "b64": False}, SECRET.encode())
    assert await refusal(critical) == hosted.NOT_VALID
    assert await refusal(by_hand({"alg": "HS256", "crit": ["exp"], "exp": 1}, SECRET.encode())) == hosted.NOT_VALID


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"7",
        b"null",
        b"{",
        b"\xff",
        b'{"a":' * 2000,
        b'{"exp":' + b"9" * 9000 + b"}",
        b'{"exp": Infinity}',
        b'{"exp": NaN}',
    ],
)
async def test_a_payload_that_is_not_right(payload: bytes) -> None:
    assert await refusal(by_hand({"alg": "HS256"}, SECRET.encode(), payload)) == hosted.NOT_VALID


async def test_numbers_that_are_none() -> None:
    for value in (float("inf"), float("nan"), -1e400):
        for name in ("exp", "iat", "nbf"):
            given = by_hand({"alg": "HS256"}, SECRET.encode(), claims(**{name: value}))
            assert await refusal(given) == hosted.NOT_VALID


CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \x00\n"
GENUINE = {by: token(by) for by in SIGNERS}


@settings(max_examples=100, deadline=None)
@given(
    by=st.sampled_from(list(SIGNERS)),
    where=st.floats(0, 1, exclude_max=True),
    put=st.sampled_from(CHARACTERS),
    how=st.sampled_from(["change", "insert", "remove", "cut"]),
)
async def test_a_token_with_one_character_wrong(by: str, where: float, put: str, how: str) -> None:
    genuine = GENUINE[by]
    at = int(where * len(genuine))
    tail = {"change": put + genuine[at + 1 :], "insert": put + genuine[at:], "remove": genuine[at + 1 :], "cut": ""}
    mangled = genuine[:at] + tail[how]
    if mangled != genuine:
        await refusal(mangled)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
async def test_a_token_put_together_from_others(data: st.DataObject) -> None:
    """Parts of genuine tokens, and headers that anybody could write, verify only as one of the genuine ones."""
    some = st.sampled_from(list(GENUINE.values()))
    json_value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=4,
    )
    header = st.fixed_dictionaries(
        {},
        optional={
            "alg": st.sampled_from(["none", "HS256", "HS512", "ES256", "RS256", "PS256", "EdDSA"]) | json_value,
            "kid": st.sampled_from(["ec", "rsa", "ed", "shared", "../../dev/null", "' or 1=1"]) | json_value,
            "typ": json_value,
            "crit": json_value,
            "b64": json_value,
            "jwk": json_value,
        },
    )
    parts = [
        data.draw(some).split(".")[0] if data.draw(st.booleans()) else segment(data.draw(header)),
        data.draw(some).split(".")[1],
        data.draw(some).split(".")[2] if data.draw(st.booleans()) else segment(data.draw(st.binary(max_size=300))),
    ]
    put_together = ".".join(parts)
    try:
        await AUTH.verify(put_together)
    except Unauthorized:
        assert put_together not in GENUINE.values()
    else:
        # The same claims under the same signature.
        assert put_together in GENUINE.values()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
async def test_any_text_at_all(given: str) -> None:
    with pytest.raises(Unauthorized):
        await AUTH.verify(given)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH", hosted.PUBLIC_KEY.format("publishable")),
        ("sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz", hosted.SECRET_KEY.format("secret")),
        (legacy("anon"), hosted.PUBLIC_KEY.format("anon")),
        (legacy("service_role"), hosted.SECRET_KEY.format("service_role")),
    ],
)
async def test_an_api_key_is_no_token(key: str, words: str) -> None:
    assert await refusal(key) == words
    assert await refusal(key, auth_of(*PUBLISHED, secret=None)) == words


# -- Admins ------------------------------------------------------------------------------------------------------------


async def test_an_admin_is_one_by_app_metadata_alone() -> None:
    assert (await AUTH.verify(token(app_metadata={"role": "admin"}))).is_admin
    others: list[dict[str, Any]] = [
        {"user_metadata": {"role": "admin", "app_metadata": {"role": "admin"}}},
        {"app_metadata": ["admin"]},
        {"app_metadata": {"roles": ["admin"]}},
        {"app_metadata": ...},
        {"is_admin": True},
    ]
    for changes in others:
        assert not (await AUTH.verify(token(**changes))).is_admin


async def test_an_admin_by_the_list_reads_as_the_service() -> None:
    auth = auth_of(*PUBLISHED, admins=[USER])
    listed = await auth.verify(token())
    assert listed.is_admin and listed.claims["app_metadata"] == {"provider": "email", "role": "admin"}
    assert reads_as(listed) is SERVICE
    other = await auth.verify(token(sub=str(uuid4())))
    assert not other.is_admin and reads_as(other) is other
    # Where the token itself says admin, the database believes it: no need to be the service.
    named = await auth.verify(token(app_metadata={"role": "admin"}))
    assert named.is_admin and reads_as(named) is named


async def test_nobody_lists_themselves() -> None:
    given = token(**{LISTED: True, "app_metadata": {"role": "admin"}})
    identity = await AUTH.verify(given)
    assert LISTED not in identity.claims and reads_as(identity) is identity
    claimed = Identity(user_id=USER, role="authenticated", claims={LISTED: True})
    assert reads_as(claimed) is claimed
