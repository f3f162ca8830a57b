"""Supabase's tokens and keys: what is let in, what is refused and in which words, how the public keys are kept."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from api import hosted
from api.hosted import SupabaseAuth
from coordinator import jwks
from coordinator.admins import LISTED, reads_as
from coordinator.errors import Misconfigured, Unauthorized, Unavailable
from coordinator.hosted import check_keys, key_faults, key_kind
from coordinator.jwks import KeySet, VerifyingKey, usable_keys
from coordinator.models import SERVICE, Identity

URL = "https://abcdefghijklmnopqrst.supabase.co"
SECRET = "a-shared-secret-of-a-project-that-is-long-enough"
USER = UUID("6f9619ff-8b86-4d01-b42d-00cf4fc964ff")

EC = ec.generate_private_key(ec.SECP256R1())
EC_NEXT = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
ED = ed25519.Ed25519PrivateKey.generate()
SIGNERS: dict[str, tuple[Any, str, str]] = {
    "ES256": (EC, "ES256", "ec"), "RS256": (RSA, "RS256", "rsa"), "EdDSA": (ED, "EdDSA", "ed"),
    "HS256": (SECRET, "HS256", "shared"),
}  # fmt: skip


def public(private: Any, algorithm: str, key_id: str, **more: Any) -> dict[str, Any]:
    """A JWK as Supabase publishes it."""
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
    return {**made, "kid": key_id, "alg": algorithm, "use": "sig", "key_ops": ["verify"], "ext": True, **more}


PUBLISHED = [public(key, algorithm, kid) for key, algorithm, kid in SIGNERS.values() if not isinstance(key, str)]


def claims(**changes: Any) -> dict[str, Any]:
    """Of a token as Supabase Auth makes it; a change to `...` leaves a claim out."""
    now = int(time.time())
    whole = {
        "iss": f"{URL}/auth/v1", "sub": str(USER), "aud": "authenticated", "role": "authenticated", "iat": now,
        "exp": now + 3600, "email": "a@example.org", "aal": "aal1", "session_id": str(uuid4()), "is_anonymous": False,
        "app_metadata": {"provider": "email"}, "user_metadata": {"role": "admin"},
    }  # fmt: skip
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


async def test_an_issuer_of_the_settings_takes_the_place_of_the_usual_one() -> None:
    custom = auth_of(*PUBLISHED, issuer="https://auth.example.org/auth/v1")
    await custom.verify(token(iss="https://auth.example.org/auth/v1"))
    assert await refusal(token(), custom) == hosted.OTHER_PROJECT


async def test_who_signs_with_the_secret_need_not_name_themselves() -> None:
    await AUTH.verify(token("HS256", iss=...))
    assert await refusal(token("HS256", iss="https://other.supabase.co/auth/v1")) == hosted.OTHER_PROJECT
    assert await refusal(token("ES256", iss=...)) == hosted.NOT_VALID


# -- Who is refused ----------------------------------------------------------------------------------------------------

NOW = int(time.time())


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


@pytest.mark.parametrize("given", ["", ".", "..", "a.b", "a.b.c", "null", "Bearer x", "eyJ.eyJ.", "\ud800.a.b", "é.é.é",
                                   "a" * 100, f"{'e' * 20_000}.a.b"])  # fmt: skip
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
        json.dumps(published).encode(), json.dumps(published, separators=(",", ":")).encode(),
        json.dumps({"keys": [published]}).encode(), b"", published["kid"].encode(),
    ]  # fmt: skip
    coordinates = [published[name] for name in ("x", "y", "n", "e") if name in published]
    return made + [text.encode() for text in coordinates] + [
        base64.urlsafe_b64decode(text + "==") for text in coordinates
    ]  # fmt: skip


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
    for header in ({"alg": "ES256"}, {"alg": "ES256", "kid": 7}, {"alg": "ES256", "kid": None}, {"alg": ["ES256"]},
                   {"alg": {"ES256": 1}, "kid": "ec"}, {"kid": "ec"}, {}):  # fmt: skip
        assert await refusal(by_hand(header, b"x" * 64)) == hosted.NOT_VALID
    critical = by_hand({"alg": "HS256", "crit": ["b64"], "b64": False}, SECRET.encode())
    assert await refusal(critical) == hosted.NOT_VALID
    assert await refusal(by_hand({"alg": "HS256", "crit": ["exp"], "exp": 1}, SECRET.encode())) == hosted.NOT_VALID


@pytest.mark.parametrize(
    "payload",
    [
        b"[]", b"7", b"null", b"{", b"\xff", b'{"a":' * 2000, b'{"exp":' + b"9" * 9000 + b"}", b'{"exp": Infinity}',
        b'{"exp": NaN}',
    ],
)  # fmt: skip
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
@given(by=st.sampled_from(list(SIGNERS)), where=st.floats(0, 1, exclude_max=True), put=st.sampled_from(CHARACTERS),
       how=st.sampled_from(["change", "insert", "remove", "cut"]))  # fmt: skip
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
    json_value = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                              lambda inner: st.lists(inner, max_size=3), max_leaves=4)  # fmt: skip
    header = st.fixed_dictionaries(
        {}, optional={
            "alg": st.sampled_from(["none", "HS256", "HS512", "ES256", "RS256", "PS256", "EdDSA"]) | json_value,
            "kid": st.sampled_from(["ec", "rsa", "ed", "shared", "../../dev/null", "' or 1=1"]) | json_value,
            "typ": json_value, "crit": json_value, "b64": json_value, "jwk": json_value,
        },
    )  # fmt: skip
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


def legacy(role: str, secret: str = SECRET, **more: Any) -> str:
    """An older API key as Supabase makes them."""
    whole = {"iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": role, "iat": NOW, "exp": NOW + 10**8, **more}
    return jwt.encode(whole, secret, "HS256")


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
        {"user_metadata": {"role": "admin", "app_metadata": {"role": "admin"}}}, {"app_metadata": ["admin"]},
        {"app_metadata": {"roles": ["admin"]}}, {"app_metadata": ...}, {"is_admin": True},
    ]  # fmt: skip
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


# -- The public keys ---------------------------------------------------------------------------------------------------


class AuthServer:
    """A project's JWKS address on a socket: counts what is asked of it, and answers as it is told."""

    def __init__(self) -> None:
        self.keys = list(PUBLISHED)
        self.asked = 0
        self.headers: list[str] = []
        self.status = "200 OK"
        self.body: bytes | None = None
        self.extra = ""
        self.announced: int | None = None
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked += 1
            if request.startswith("GET /elsewhere "):
                self.status, self.extra = "200 OK", ""
            else:
                assert request.startswith("GET /auth/v1/.well-known/jwks.json ")
            self.headers.append(request.lower())
            await self.hold.wait()
            body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
            length = len(body) if self.announced is None else self.announced
            head = f"HTTP/1.1 {self.status}\r\nContent-Length: {length}\r\nConnection: close\r\n{self.extra}\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[AuthServer]:
    made = AuthServer()
    listening = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        made.hold.set()
        listening.close()
        await listening.wait_closed()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as made:
        yield made


TTL_S, REFRESH_S = 600, 10


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def auth(server: AuthServer, http: httpx.AsyncClient, clock: Clock) -> AsyncIterator[SupabaseAuth]:
    keys = KeySet(server.url + jwks.JWKS_PATH, http, ttl_s=TTL_S, refresh_s=REFRESH_S, clock=clock)
    made = SupabaseAuth(URL, http, keys=keys)
    yield made
    await made.close()


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


async def test_the_keys_are_fetched_once_and_kept(auth: SupabaseAuth, server: AuthServer) -> None:
    for by in ("ES256", "RS256", "EdDSA") * 3:
        assert (await auth.verify(token(by))).user_id == USER
    assert server.asked == 1
    assert "accept-encoding: identity" in server.headers[0] and "authorization" not in server.headers[0]


async def test_the_address_follows_from_the_projects(server: AuthServer, http: httpx.AsyncClient) -> None:
    made = SupabaseAuth(server.url + "/", http, api_key="sb_publishable_x")
    await made.verify(token(iss=f"{server.url}/auth/v1"))
    assert "apikey: sb_publishable_x" in server.headers[0]
    assert await refusal(token(), made) == hosted.OTHER_PROJECT
    await made.close()


async def test_many_at_once_make_one_fetch(auth: SupabaseAuth, server: AuthServer) -> None:
    server.hold.clear()
    waiting = [asyncio.create_task(auth.verify(token())) for _ in range(50)]
    await eventually(lambda: server.asked == 1)
    server.hold.set()
    assert {identity.user_id for identity in await asyncio.gather(*waiting)} == {USER}
    assert server.asked == 1


async def test_one_that_gives_up_leaves_the_others_their_fetch(auth: SupabaseAuth, server: AuthServer) -> None:
    server.hold.clear()
    first, second = (asyncio.create_task(auth.verify(token())) for _ in range(2))
    await eventually(lambda: server.asked == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.hold.set()
    assert (await second).user_id == USER and server.asked == 1


async def test_a_new_key_is_found_and_an_old_one_forgotten(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.keys = [public(EC_NEXT, "ES256", "next")]
    new = jwt.encode(claims(), EC_NEXT, "ES256", headers={"kid": "next"})
    clock.now += REFRESH_S
    assert (await auth.verify(new)).user_id == USER
    assert await refusal(token(), auth) == hosted.UNKNOWN_KEY
    assert server.asked == 2


async def test_a_withdrawn_key_is_believed_no_longer_than_the_time(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.keys = []
    clock.now += TTL_S / 2 - 1
    await auth.verify(token())
    assert server.asked == 1
    clock.now += TTL_S
    assert await refusal(token(), auth) == hosted.UNKNOWN_KEY
    assert server.asked == 2


async def test_half_way_the_keys_are_fetched_behind_the_callers_back(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.hold.clear()
    clock.now += TTL_S / 2
    await asyncio.wait_for(auth.verify(token()), 1)
    await eventually(lambda: server.asked == 2)
    server.hold.set()


async def test_a_storm_of_made_up_ids_is_one_fetch_in_a_while(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    for _ in range(5):
        clock.now += REFRESH_S
        storm = [token(headers={"kid": f"made-up-{number}"}) for number in range(60)]
        answers = await asyncio.gather(*map(auth.verify, storm), return_exceptions=True)
        assert all(isinstance(answer, Unauthorized) and answer.message == hosted.UNKNOWN_KEY for answer in answers)
        await auth.verify(token())
    assert server.asked == 6


async def test_what_can_never_verify_makes_no_fetch(auth: SupabaseAuth, server: AuthServer) -> None:
    elsewhere = token(iss="https://other.supabase.co/auth/v1")
    unsigned = by_hand({"alg": "none", "kid": "x"}, b"")
    for refused in (elsewhere, unsigned, legacy("anon"), token("HS256"), "x.y.z"):
        await refusal(refused, auth)
    assert server.asked == 0


async def test_a_server_that_is_down_leaves_the_known_keys(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.status, server.body = "503 Service Unavailable", b"<html>"
    for _ in range(3):
        clock.now += TTL_S * 2
        assert (await auth.verify(token())).user_id == USER
    with pytest.raises(Unavailable):
        await auth.verify(jwt.encode(claims(), EC_NEXT, "ES256", headers={"kid": "next"}))
    server.status, server.body, server.keys = "200 OK", None, [public(EC_NEXT, "ES256", "next")]
    clock.now += REFRESH_S
    await auth.verify(jwt.encode(claims(), EC_NEXT, "ES256", headers={"kid": "next"}))
    assert await refusal(token(), auth) == hosted.UNKNOWN_KEY


async def test_after_a_failure_nobody_waits_for_the_next_try(
    auth: SupabaseAuth, server: AuthServer, clock: Clock
) -> None:
    await auth.verify(token())
    server.status = "500 Internal Server Error"
    clock.now += TTL_S * 2
    await auth.verify(token())
    server.hold.clear()
    clock.now += REFRESH_S
    await asyncio.wait_for(auth.verify(token()), 1)
    server.hold.set()


async def test_a_server_that_was_never_reached(http: httpx.AsyncClient, clock: Clock) -> None:
    keys = KeySet("http://127.0.0.1:9/auth/v1/.well-known/jwks.json", http, refresh_s=REFRESH_S, clock=clock)
    auth = SupabaseAuth(URL, http, keys=keys)
    with pytest.raises(Unavailable) as away:
        await auth.verify(token())
    assert away.value.message == jwks.AWAY and away.value.retry_after_s == REFRESH_S
    with pytest.raises(Misconfigured, match="SUPABASE_URL"):
        await auth.prepare()


@pytest.mark.parametrize(
    "answer",
    [
        {"body": b"<html>sign in to the network</html>"},
        {"body": b"[]"},
        {"body": b'{"keys": {}}'},
        {"body": b"\xff\xfe"},
        {"body": b'{"keys":' + b"[" * 20_000},
        {"body": json.dumps({"keys": PUBLISHED, "more": "x" * 70_000}).encode()},
        {"body": gzip.compress(json.dumps({"keys": PUBLISHED}).encode()), "extra": "Content-Encoding: gzip\r\n"},
        {"status": "302 Found", "extra": "Location: /elsewhere\r\n"},
        {"status": "404 Not Found"},
        {"announced": 5000},
    ],
    ids=["html", "list", "no-list", "no-text", "deep", "large", "compressed", "redirect", "missing", "half"],
)
async def test_an_answer_that_is_no_key_set(auth: SupabaseAuth, server: AuthServer, answer: dict[str, Any]) -> None:
    for name, value in answer.items():
        setattr(server, name, value)
    with pytest.raises(Unavailable):
        await auth.verify(token())
    assert server.asked == 1


async def test_a_server_that_never_ends_its_answer(
    auth: SupabaseAuth, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_S", 0.2)
    server.hold.clear()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with pytest.raises(Unavailable):
        await asyncio.wait_for(auth.verify(token()), 2)
    ticking.cancel()
    assert ticks >= 3  # the loop ran on meanwhile


async def test_no_keys_is_an_answer_too(auth: SupabaseAuth, server: AuthServer) -> None:
    server.keys = []
    assert await refusal(token(), auth) == hosted.UNKNOWN_KEY
    with pytest.raises(Misconfigured, match="SUPABASE_JWT_SECRET"):
        await auth.prepare()
    server.keys = list(PUBLISHED)
    await auth.prepare()
    await auth.verify(token())


async def test_closing_ends_a_fetch_under_way(auth: SupabaseAuth, server: AuthServer) -> None:
    server.hold.clear()
    waiting = asyncio.create_task(auth.verify(token()))
    await eventually(lambda: server.asked == 1)
    await auth.close()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(waiting, 1)


def test_keys_that_are_not_used() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    other_curve = ec.generate_private_key(ec.SECP384R1())
    whole = jwt.get_algorithm_by_name("ES256").to_jwk(EC, as_dict=True)
    good = public(EC, "ES256", "good")
    unusable: list[Any] = [
        {"kty": "oct", "kid": "oct", "alg": "HS256", "k": segment(SECRET.encode())},
        {**whole, "kid": "private"},
        public(EC, "ES256", "for-another-algorithm", alg="RS256"), public(RSA, "RS256", "hmac", alg="HS256"),
        public(RSA, "RS256", "pss", alg="PS256"), public(RSA, "RS256", "none", alg="none"),
        public(EC, "ES256", "to-encrypt", use="enc"), public(EC, "ES256", "to-sign", key_ops=["sign"]),
        public(EC, "ES256", "ops", key_ops="verify"), public(weak, "RS256", "weak"),
        public(other_curve, "ES384", "curve"), {**good, "kid": 7}, {**good, "kid": None}, {**good, "kid": "x", "x": 1},
        {**good, "kid": "off-the-curve", "x": good["y"], "y": good["x"]}, {**good, "kid": "kty", "kty": ["EC"]},
        {**good, "kid": "mixed", "kty": "RSA"}, {"kid": "bare"}, None, 7, "text", [],
        {key: value for key, value in good.items() if key != "kid"},
    ]  # fmt: skip
    assert set(usable_keys({"keys": [*unusable, good]})) == {"good"}
    # Of two by one name the first, and no more than a few.
    assert usable_keys({"keys": [good, public(EC_NEXT, "ES256", "good")]})["good"].key == EC.public_key()
    assert len(usable_keys({"keys": [{**good, "kid": str(number)} for number in range(500)]})) == jwks.MOST_KEYS
    assert usable_keys({"keys": [public(ED, "EdDSA", "new-name", alg="Ed25519")]})["new-name"].algorithm == "EdDSA"


async def test_a_published_secret_signs_nothing(auth: SupabaseAuth, server: AuthServer) -> None:
    server.keys = [*PUBLISHED, {"kty": "oct", "kid": "oct", "alg": "HS256", "k": segment(SECRET.encode())}]
    await auth.verify(token())
    assert await refusal(by_hand({"alg": "HS256", "kid": "oct"}, SECRET.encode()), auth) == hosted.NO_SECRET


# -- A project's address and keys --------------------------------------------------------------------------------------

PUBLISHABLE_KEY = "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"
SECRET_KEY = "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"
OTHER_SECRET = "another-secret-of-another-project-also-long"
GOOD: dict[str, str | None] = {
    "url": URL, "publishable_or_anon": PUBLISHABLE_KEY, "secret_or_service": SECRET_KEY, "jwt_secret": None
}  # fmt: skip


def test_of_what_kind_a_key_is() -> None:
    keys = (PUBLISHABLE_KEY, SECRET_KEY, legacy("anon"), legacy("service_role"), token(), "x")
    assert [key_kind(key) for key in keys] == [
        "publishable", "secret", "anon", "service_role", "user", "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        {}, {"url": URL + "/"}, {"url": f" {URL}//\n"}, {"url": URL.upper().replace("HTTPS", "https")},
        {"publishable_or_anon": legacy("anon"), "secret_or_service": legacy("service_role"), "jwt_secret": SECRET},
        {"publishable_or_anon": None, "secret_or_service": ""}, {"jwt_secret": SECRET},
        {"secret_or_service": token("ES256", role="service_role"), "jwt_secret": SECRET},
    ],
)  # fmt: skip
def test_what_can_be_right(given: dict[str, str | None]) -> None:
    assert check_keys(**{**GOOD, **given}) == URL


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:54321", "http://localhost:8000", "http://[::1]:54321", "https://db.example.org"]
)
def test_addresses_of_ones_own(url: str) -> None:
    foreign = legacy("service_role", ref="whatever")
    assert check_keys(url + "/", None, foreign, None) == url


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": f"{URL}/rest/v1"}, f"SUPABASE_URL has more than the project's address in it: set it to {URL}."),
        ({"url": f"{URL}/?apikey=sb_secret_abcdefghijk"}, f"more than the project's address in it: set it to {URL}."),
        ({"url": f"{URL}#x"}, "more than the project's address"),
        ({"url": "http://abcdefghijklmnopqrst.supabase.co"}, f"SUPABASE_URL is not encrypted: set it to {URL}."),
        ({"url": "http://10.0.0.7:8000"}, "SUPABASE_URL is not encrypted: set it to https://10.0.0.7:8000."),
        ({"url": "http://127.0.0.1.example.org"}, "not encrypted"),
        ({"url": "https://supabase.com/dashboard/project/abc"}, "SUPABASE_URL is the dashboard's address"),
        ({"url": "postgresql://postgres:hunter2@db.abc.supabase.co:5432/postgres"}, "that is SUPABASE_DB_URL"),
        ({"url": f"https://me:hunter2@{URL[8:]}"}, f"SUPABASE_URL has a user or password in it: set it to {URL}."),
        ({"url": "abcdefghijklmnopqrst.supabase.co"}, "begins with https://"),
        ({"url": "ftp://abc.supabase.co"}, "begins with https://"), ({"url": ""}, "begins with https://"),
        ({"url": "https://"}, "begins with https://"), ({"url": "https://abc:port"}, "SUPABASE_URL is not an address"),
        ({"url": "https://[::1"}, "SUPABASE_URL is not an address"),
        ({"publishable_or_anon": SECRET_KEY, "secret_or_service": PUBLISHABLE_KEY}, "are swapped"),
        ({"publishable_or_anon": legacy("service_role"), "secret_or_service": legacy("anon")}, "are swapped"),
        ({"secret_or_service": legacy("anon")},
         "SUPABASE_SECRET_KEY (or SUPABASE_SERVICE_ROLE_KEY) holds the anon key: set it to"),
        ({"secret_or_service": PUBLISHABLE_KEY}, "SUPABASE_SERVICE_ROLE_KEY) holds the publishable key"),
        ({"secret_or_service": token()}, "SUPABASE_SERVICE_ROLE_KEY) holds a user's token"),
        ({"secret_or_service": "hunter2hunter2"}, "SUPABASE_SERVICE_ROLE_KEY) holds something that is no key"),
        ({"publishable_or_anon": SECRET_KEY}, "SUPABASE_ANON_KEY) holds the secret key, which may do everything"),
        ({"publishable_or_anon": legacy("service_role")}, "SUPABASE_ANON_KEY) holds the service_role key"),
        ({"publishable_or_anon": "hunter2hunter2"}, "SUPABASE_ANON_KEY) holds something that is no key"),
        ({"secret_or_service": legacy("service_role", ref="zyxwvutsrqponmlkjihg")},
         "SUPABASE_SERVICE_ROLE_KEY) is another project's key than that of SUPABASE_URL"),
        ({"publishable_or_anon": legacy("anon", ref="zyxwvutsrqponmlkjihg")}, "ANON_KEY) is another project's"),
        ({"url": "https://db.example.org", "publishable_or_anon": legacy("anon", ref="a"),
          "secret_or_service": legacy("service_role", ref="b")}, "are of two projects"),
        ({"secret_or_service": legacy("service_role"), "jwt_secret": OTHER_SECRET},
         "SUPABASE_JWT_SECRET is not the secret that SUPABASE_SECRET_KEY (or SUPABASE_SERVICE_ROLE_KEY) is signed"),
        ({"jwt_secret": "hunter2hunter2"}, "SUPABASE_JWT_SECRET is shorter than the 32 characters"),
        ({"jwt_secret": legacy("anon")}, "SUPABASE_JWT_SECRET holds an API key or a token"),
        ({"jwt_secret": SECRET_KEY}, "SUPABASE_JWT_SECRET holds an API key"),
        ({"jwt_secret": EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()},
         "SUPABASE_JWT_SECRET holds a signing key"),
        ({"jwt_secret": json.dumps(PUBLISHED[0])}, "SUPABASE_JWT_SECRET holds a signing key"),
        ({"jwt_secret": "super-secret-jwt-token-with-at-least-32-characters-long"}, "which everybody knows"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_said_in_one_sentence(given: dict[str, str], words: str) -> None:
    given_all = {**GOOD, **given}
    with pytest.raises(Misconfigured) as wrong:
        check_keys(**given_all)
    told = wrong.value.message
    assert words in told and told.endswith(".") and len(key_faults(**given_all)) == 1
    for name, secret in given_all.items():
        if name != "url" and secret:
            shown = secret.removeprefix("sb_publishable_").removeprefix("sb_secret_")
            assert all(shown[at : at + 8] not in told for at in range(len(shown) - 7)), name
    assert "hunter2" not in told and "sb_secret_" not in told


def test_every_fault_is_told() -> None:
    told = key_faults(f"{URL}/rest/v1", "x", None, "short", both_needed=True)
    assert [fault.split()[0] for fault in told] == [
        "SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "SUPABASE_JWT_SECRET"
    ]  # fmt: skip
    assert key_faults(URL, None, None, None) == []
    assert len(key_faults(URL, None, None, None, both_needed=True)) == 2


def test_the_example_secret_is_good_at_home() -> None:
    demo = "super-secret-jwt-token-with-at-least-32-characters-long"
    assert check_keys("http://127.0.0.1:54321", None, legacy("service_role", demo), demo)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_text_as_address_and_keys(url: str, public_key: str, secret_key: str, secret: str) -> None:
    with contextlib.suppress(Misconfigured):
        check_keys(url, public_key, secret_key, secret)


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(Misconfigured, match="SUPABASE_URL"):
        SupabaseAuth("abc", httpx.AsyncClient())
