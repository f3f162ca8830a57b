"""The rpc transport: supabase-py; each call is one POST to `/rest/v1/rpc/<function>` under the caller's own token.

It needs nothing of a Supabase project but its address and its two keys, and reaches nothing but the functions.

    caller                     apikey            Authorization
    service_role               the service key   the service key, where that is a JWT (legacy); otherwise none
    authenticated              the public key    the caller's own token
    anon                       the public key    the public key, where that is a JWT (legacy); otherwise none

A new key (`sb_secret_…`, `sb_publishable_…`) is no JWT: as a bearer token it would be refused. With a user's token goes
the public key, so a token that got lost on the way would leave nobody with the service's rights.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from postgrest import APIError, AsyncPostgrestClient
from pydantic import SecretStr, TypeAdapter
from supabase import AsyncClient, AsyncClientOptions

from coordinator.errors import Forbidden, Misconfigured, StoryloomError, TooLarge, Unauthorized, Unavailable
from coordinator.models import SERVICE, Identity
from coordinator.store import schema
from coordinator.store.faults import AWAY, fault, lacking
from coordinator.store.gateway import ENGINE
from coordinator.store.values import json_value, parameter
from coordinator.supabase.hosted import PUBLIC_SETTING, SECRET_SETTING, check_keys, key_kind

logger = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(connect=5, read=15, write=15, pool=5)
"""Of one attempt, in seconds; the gateway's patience stands above it. Reading includes the function's own time."""
KEEPALIVE_S = 30.0
DATABASE_CODE = re.compile(r"PGRST\d+|PGRSTX\d+|[0-9A-Z]{5}")
"""A code of PostgREST or an SQLSTATE: the answer comes from the database, not from something before it."""
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 530, 540, 544})
"""Among them Cloudflare's 52x and 530, and Supabase's 540 (project paused) and 544 (database too slow)."""
CREDENTIAL = re.compile(r"\bsb_(?:secret|publishable)_[\w-]+|\beyJ[\w-]*\.[\w-]*\.[\w-]*")
"""API keys and JWTs, should anything between us and the database quote what it was sent."""

CHECK_KEYS = (
    "Supabase refuses the API keys. Check SUPABASE_SECRET_KEY and SUPABASE_PUBLISHABLE_KEY against the project's own."
)
CHECK_URL = "What answers at SUPABASE_URL is no Supabase project's API. Check the address, as https://abc.supabase.co."
REFUSED = "The Supabase project refuses the key in {}. Copy it anew from the API keys of the same project."
PAUSED = "The Supabase project is paused. Restore it in its dashboard."
NOBODY = Identity(user_id=None, role="anon")


class RpcTransport:
    """One connection pool for all callers, and a connection for the engine's own calls; who is calling is said anew
    with each call. `close` cuts calls short."""

    def __init__(
        self,
        url: str,
        service_key: SecretStr,
        public_key: SecretStr,
        *,
        connections: int = 20,
        http_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Connects to nothing yet. Raises Misconfigured for an address or keys that can't be right.

        `http_transport` is for what must stand between, as a recorder or a proxy; it is closed with this.
        """
        secret, public = (key.get_secret_value().strip() for key in (service_key, public_key))
        address = check_keys(url, public, secret, None, both_needed=True)
        for setting, key in ((SECRET_SETTING, secret), (PUBLIC_SETTING, public)):
            # A header takes no other signs, and the refusal of one that does would quote it.
            if not re.fullmatch(r"[\w.-]+", key, re.ASCII):
                raise Misconfigured(f"{setting} has signs in it that no key has: copy it anew.")
        self._http = _http(max(1, connections - 1), http_transport)
        self._own_http = _http(1, http_transport)
        self._service = _client(address, secret, self._http)
        self._engine = _client(address, secret, self._own_http)
        self._public = _client(address, public, self._http)
        self._service_bearer = secret if key_kind(secret) == "service_role" else None
        self._public_bearer = public if key_kind(public) == "anon" else None

    @classmethod
    async def open(
        cls, url: str, service_key: SecretStr, public_key: SecretStr, *, connections: int = 20
    ) -> RpcTransport:
        """Connect. Raises Misconfigured where the project can't be reached, refuses a key or was never migrated."""
        transport = cls(url, service_key, public_key, connections=connections)
        try:
            await transport.look()
            await transport.look_as_nobody()
        except BaseException:
            await transport.close()
            raise
        return transport

    async def look(self) -> Any:
        """What `schema_state` answers to the secret key, asked once. Raises Misconfigured: what is wrong, and what to
        do about it."""
        try:
            return await self.call("schema_state", {}, SERVICE)
        except Forbidden as error:
            raise Misconfigured(REFUSED.format(SECRET_SETTING)) from error
        except Unavailable as error:
            raise _unreachable(error) from error
        except Misconfigured as error:
            if error.message == CHECK_KEYS:
                raise Misconfigured(REFUSED.format(SECRET_SETTING)) from error
            if error.message != lacking("schema_state").message:
                raise
        # Older than this function, or nothing there at all?
        try:
            await self.call("is_admin", {}, SERVICE)
        except Misconfigured as error:
            raise Misconfigured(schema.NEVER) from error
        raise Misconfigured(schema.NO_STATE)

    async def look_as_nobody(self) -> None:
        """Raises Misconfigured where the project refuses the publishable key, or lets everybody in with it."""
        try:
            await self.call("schema_state", {}, NOBODY)
        except Forbidden:
            return
        except Unavailable as error:
            raise _unreachable(error) from error
        except Misconfigured as error:
            if error.message == CHECK_KEYS:
                raise Misconfigured(REFUSED.format(PUBLIC_SETTING)) from error
            raise
        raise Misconfigured(
            "The database lets anybody call Storyloom's functions: restore its grants from a backup, or run the "
            "`revoke` and `grant` statements of the migrations again."
        )

    async def call(
        self, function: str, args: Mapping[str, Any], identity: Identity, shape: TypeAdapter[Any] | None = None
    ) -> Any:
        if self._http.is_closed:
            raise Unavailable(AWAY)
        client = self._acting_as(identity, engine=function in ENGINE)
        body = {parameter(name): json_value(value) for name, value in args.items()}
        # Not chained to the driver's errors: those quote answers and headers, and might say a key or a token.
        try:
            data: Any = (await client.rpc(function, body).execute()).data
        except APIError as error:
            raise _translated(error, function, as_user=identity.role == "authenticated") from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            logger.info("database call %s got no answer: %s", function, type(error).__name__)
            raise NoAnswer(why(error)) from None
        except RuntimeError:
            if not self._http.is_closed:
                raise
            raise Unavailable(AWAY) from None
        if isinstance(data, str):
            # supabase-py takes what is no JSON for text; a function answers an object, a list or null.
            logger.info("database call %s got half an answer", function)
            raise NoAnswer("its answers stop half-way")
        return data if shape is None else shape.validate_python(data)

    def listen(self) -> None:
        """The project's API has no notifications."""

    async def close(self) -> None:
        await self._http.aclose()
        await self._own_http.aclose()

    def _acting_as(self, identity: Identity, *, engine: bool) -> AsyncPostgrestClient:
        """A client for one call, of the engine or of anybody else.

        `schema` derives a client with headers of its own; `auth` on the shared one would, at the next await, make
        other callers' calls run as this one.
        """
        if identity.role == "service_role":
            service = self._engine if engine else self._service
            client, bearer = service.schema("public"), self._service_bearer
        elif identity.role == "anon":
            client, bearer = self._public.schema("public"), self._public_bearer
        else:
            client, bearer = self._public.schema("public"), _own_token(identity)
        if bearer is None:
            del client.headers["Authorization"]
            return client
        return client.auth(bearer)


def _http(connections: int, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=TIMEOUT,
        limits=httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEPALIVE_S
        ),
        event_hooks={"response": [_only_answers_of_the_database]},
        follow_redirects=False,  # a redirect would carry the keys to whoever is named in it
        transport=transport,
    )


def _client(address: str, key: str, http: httpx.AsyncClient) -> AsyncClient:
    # Only its way to make requests is used: it is never signed in, so it never turns into somebody.
    options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False, persist_session=False)
    return AsyncClient(address, key, options)


class NoAnswer(Unavailable):
    """`reason` is for whoever set the address: the end of "it can't be reached: …"; `status` that of an HTTP answer."""

    def __init__(self, reason: str, status: int | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(AWAY, retry_after_s=retry_after_s)
        self.reason = reason
        self.status = status


def why(error: BaseException) -> str:
    """Why a request got no answer, in our words: the driver's may quote what was sent."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case socket.gaierror():
                return "there is no host of that name, or no network"
            case ssl.SSLCertVerificationError():
                return "its certificate is not one that this machine trusts"
            case ssl.SSLError():
                return "what listens there speaks no TLS"
            case ConnectionRefusedError():
                return "nothing listens there"
            case httpx.TimeoutException():
                return "it doesn't answer in time"
        cause = cause.__cause__ or cause.__context__
    return "the connection breaks"


def _unreachable(error: Unavailable) -> Misconfigured:
    status = error.status if isinstance(error, NoAnswer) else None
    if status == 540:
        return Misconfigured(PAUSED)
    if status is not None and status < 500 and status not in PASSING_STATUS:
        return Misconfigured(CHECK_URL)
    reason = error.reason if isinstance(error, NoAnswer) else "its database is not to be had just now"
    return Misconfigured(
        f"The Supabase project can't be reached: {reason}. "
        "Check SUPABASE_URL and the network, and that the project is not paused."
    )


def _translated(error: APIError, function: str, as_user: bool) -> StoryloomError:
    """The one place where what PostgREST reports becomes ours."""
    code = error.code or ""
    if code == "PGRST202":
        return lacking(function)
    if code.startswith("PGRST3"):
        return Unauthorized("The token is not valid, or not any more. Sign in again.") if as_user else _bad_keys()
    if code == "PGRST106":
        return Misconfigured("The project's Data API doesn't expose the schema public. Add it in the API settings.")
    return fault(code, CREDENTIAL.sub("[…]", error.message or ""), error.hint, function)


async def _only_answers_of_the_database(response: httpx.Response) -> None:
    """Runs before supabase-py sees an answer: its error has neither status nor headers, and a page passes for text."""
    status = response.status_code
    if 300 <= status < 400 and status != 300:
        raise Misconfigured("SUPABASE_URL answers with a redirect. Give the address where the project itself answers.")
    await response.aread()
    said = _json(response)
    if response.is_success:
        if said is _NO_JSON:
            raise _no_answer(response)
        return
    code = said.get("code") if isinstance(said, dict) else None
    from_database = isinstance(code, str) and DATABASE_CODE.fullmatch(code) is not None
    if from_database and (str(code).startswith("PT") or status not in (429, 502, 503, 504)):
        return
    if status == 413:
        raise TooLarge("That is more than the project's API takes in one request.")
    if status in PASSING_STATUS or said is _NO_JSON:
        raise _no_answer(response)
    if status in (401, 403):
        raise _bad_keys()
    raise Misconfigured(CHECK_URL)


_NO_JSON = object()


def _json(response: httpx.Response) -> Any:
    """What an error says; of a success only whether it can be JSON at all: it is read once, by supabase-py."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not response.content or not (kind.endswith("json") or kind == ""):
        return _NO_JSON
    if response.is_success:
        return None
    try:
        return json.loads(response.content)
    except ValueError:
        return _NO_JSON


def _no_answer(response: httpx.Response) -> NoAnswer:
    function = response.request.url.path.rpartition("/")[2]
    logger.info("database call %s got HTTP %d and no answer of the database", function, response.status_code)
    status = response.status_code
    retry_after_s = _retry_after_s(response.headers.get("retry-after"))
    return NoAnswer(f"it answers HTTP {status}", status, retry_after_s=retry_after_s)


def _retry_after_s(value: str | None) -> float | None:
    """Seconds from a Retry-After header, which names seconds or a moment."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _bad_keys() -> Misconfigured:
    return Misconfigured(CHECK_KEYS)


def _own_token(identity: Identity) -> str:
    token = identity.token.get_secret_value() if identity.token else ""
    # A header takes no other characters, and the refusal of one that does would quote it.
    if not re.fullmatch(r"[\w.~+/=-]+", token, re.ASCII):
        raise Unauthorized("This needs the user's own token. Sign in again.")
    return token
