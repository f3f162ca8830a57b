"""What `storyloom doctor` finds of a Supabase project: its address, keys, schema, signing keys and clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from coordinator.doctor.check import Check
from coordinator.doctor.condition import clock, functions_check, judged, policies_check, rights_check, rls_check
from coordinator.errors import Misconfigured, Unavailable
from coordinator.settings import Settings
from coordinator.store import schema
from coordinator.store.rpc import CHECK_URL, PAUSED, RpcTransport, why
from coordinator.supabase.hosted import key_faults, key_kind, project_url
from coordinator.supabase.jwks import JWKS_PATH, fetch_keys

TIMEOUT_S = 10.0
SETTINGS_PATH = "/auth/v1/settings"
"""Answers to any good key, whatever schema the project has."""
COPY = "Copy it anew from the settings of the same project."
_KIND = {
    "publishable": "a publishable key",
    "anon": "an anon key",
    "secret": "a secret key",
    "service_role": "a service_role key",
}


@dataclass(frozen=True)
class Keys:
    public: str | None
    secret: str | None
    jwt_secret: str | None

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        return cls(
            *(
                key.get_secret_value().strip() if key else None
                for key in (
                    settings.supabase_publishable_key,
                    settings.supabase_secret_key,
                    settings.supabase_jwt_secret,
                )
            )
        )


async def examine_project(settings: Settings) -> list[Check]:
    """In the order in which to mend it; where the project can't be reached, what has to be asked of it is left out."""
    keys = Keys.of(settings)
    try:
        url = project_url(settings.supabase_url or "")
    except Misconfigured as error:
        return [Check.failed("project", error.message)]
    faults = key_faults(url, keys.public, keys.secret, keys.jwt_secret, both_needed=settings.over_rpc)
    kinds = [Check.failed("keys", fault, COPY) for fault in faults] or [_kinds(keys)]
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as http:
        reached = await _reach(http, url)
        if isinstance(reached, Check):
            return [reached, *kinds]
        checks = [Check("project", True, f"{url} answers"), *kinds]
        accepted = True
        if not faults:
            for name, key in (("publishable key", keys.public), ("secret key", keys.secret)):
                if key:
                    checks.append(await _accepted(http, url, name, key))
                    accepted &= checks[-1].ok
        checks.append(await _signing(http, url, keys))
    if settings.over_rpc and not faults and accepted:
        return [*checks, *await _schema(settings, url)]
    if settings.over_rpc or settings.database_url is None:
        checks.append(clock(*reached, "the project's"))
    return checks


def _kinds(keys: Keys) -> Check:
    given = [_KIND[key_kind(key)] for key in (keys.public, keys.secret) if key]
    return Check("keys", True, " and ".join(given) if given else "none set, and none needed for a direct connection")


async def _reach(http: httpx.AsyncClient, url: str) -> Check | tuple[datetime, datetime]:
    """What the project's clock and ours say; a failed check where no project answers."""
    before = time.time()
    try:
        response = await http.get(url + JWKS_PATH)
    except httpx.HTTPError as error:
        return Check(
            "project",
            False,
            f"{url} can't be reached: {why(error)}.",
            "Check SUPABASE_URL and the network, and that the project is not paused.",
        )
    ours = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    status, kind = response.status_code, response.headers.get("content-type", "")
    if status == 540:
        return Check.failed("project", PAUSED)
    if status >= 500:
        return Check("project", False, f"{url} answers HTTP {status}.", "Look at its state in the dashboard.")
    if response.is_redirect:
        return Check(
            "project", False, f"{url} answers with a redirect.", "Give the address where the project itself answers."
        )
    if "json" not in kind:
        return Check.failed("project", CHECK_URL)
    try:
        # To the second, and from before it was sent.
        return parsedate_to_datetime(response.headers["date"]), ours.replace(microsecond=0)
    except (KeyError, ValueError):
        return ours, ours


async def _accepted(http: httpx.AsyncClient, url: str, name: str, key: str) -> Check:
    try:
        status = (await http.get(url + SETTINGS_PATH, headers={"apikey": key})).status_code
    except httpx.HTTPError as error:
        return Check(name, False, f"it could not be tried: {why(error)}.", "Try again.")
    if status == 200:
        return Check(name, True, "accepted by the project")
    if status in (401, 403):
        return Check(name, False, "The project refuses it.", COPY)
    return Check(name, False, f"The project answers HTTP {status} to it.", "Look at its state in the dashboard.")


async def _signing(http: httpx.AsyncClient, url: str, keys: Keys) -> Check:
    name = "sign-in"
    secret = "the JWT secret" if keys.jwt_secret else ""
    try:
        count = len(await fetch_keys(http, url + JWKS_PATH, api_key=keys.public))
    except Unavailable as error:
        if secret:
            return Check(name, True, "tokens are verified by the JWT secret")
        reason = error.__cause__
        told = f"{reason}" if isinstance(reason, ValueError) else why(reason or error)
        return Check(
            name,
            False,
            f"The project's public keys can't be fetched: {told}.",
            "Check SUPABASE_URL, or set SUPABASE_JWT_SECRET where the project signs with its JWT secret.",
        )
    public = f"{count} public key{'s' if count > 1 else ''}" if count else ""
    if not (public or secret):
        return Check.failed(name, "The project has no public signing keys: set SUPABASE_JWT_SECRET to its JWT secret.")
    return Check(name, True, f"tokens are verified by {' and '.join(filter(None, (public, secret)))}")


async def _schema(settings: Settings, url: str) -> list[Check]:
    """As the service itself will ask for it. Both keys are there."""
    name = "migrations"
    assert settings.supabase_secret_key and settings.supabase_publishable_key
    transport = RpcTransport(url, settings.supabase_secret_key, settings.supabase_publishable_key)
    try:
        before = time.time()
        state = schema.read(await transport.look())
        ours = datetime.fromtimestamp((before + time.time()) / 2, UTC)
        await transport.look_as_nobody()
    except (Misconfigured, Unavailable) as error:
        return [Check.failed(name, error.message)]
    finally:
        await transport.close()
    wanted = schema.expected()
    version = schema.version_fault(state, wanted)
    return [
        judged(name, version, f"up to {state.version}, on PostgreSQL {state.server.split()[0]}"),
        # Another version has other functions, which would be no news.
        *([] if version else [functions_check(state, wanted)]),
        rls_check(state),
        *([] if version else [policies_check(state, wanted), rights_check(state, wanted)]),
        clock(state.at, ours, "the database's"),
    ]
