"""A Supabase project's address and keys: of what kind each is, and one clear sentence for each that can't be right.

A key is judged by its look alone, nothing is asked of the project. No sentence shows a key.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import jwt

from coordinator.errors import Misconfigured

KeyKind = Literal["publishable", "secret", "anon", "service_role", "user", "unknown"]
"""`publishable` and `secret` are the newer keys, `anon` and `service_role` the older ones, which are JWTs."""

PUBLIC_SETTING = "SUPABASE_PUBLISHABLE_KEY (or SUPABASE_ANON_KEY)"
SECRET_SETTING = "SUPABASE_SECRET_KEY (or SUPABASE_SERVICE_ROLE_KEY)"  # noqa: S105 a setting's name
JWT_SECRET_CHARACTERS = 32
"""Supabase makes no shorter secret, and HS256 wants as many bytes (RFC 7518, 3.2)."""

_PUBLIC: frozenset[KeyKind] = frozenset({"publishable", "anon"})
_SECRET: frozenset[KeyKind] = frozenset({"secret", "service_role"})
_WHAT: dict[KeyKind, str] = {
    "publishable": "the publishable key",
    "secret": "the secret key",
    "anon": "the anon key",
    "service_role": "the service_role key",
    "user": "a user's token",
    "unknown": "something that is no key of Supabase's",
}
_PROJECT_HOST = re.compile(r"([a-z0-9]+)\.supabase\.(?:co|in|net)")
_EXAMPLE = "as https://<project>.supabase.co"
_DEMO_SECRET = "super-secret-jwt-token-with-at-least-32-characters-long"  # noqa: S105 printed in Supabase's own docs


def key_kind(key: str) -> KeyKind:
    """Of an API key or token, by its look; a JWT's signature is not verified."""
    if key.startswith("sb_publishable_"):
        return "publishable"
    if key.startswith("sb_secret_"):
        return "secret"
    match unverified_claims(key).get("role"):
        case "anon":
            return "anon"
        case "service_role":
            return "service_role"
        case str():
            return "user"
        case _:
            return "unknown"


def unverified_claims(token: str) -> dict[str, Any]:
    """What a JWT says, {} where it is none. Good for a sentence about a refused token, never for letting one in."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return {}
    return claims


def project_url(url: str) -> str:
    """The address with no slash at its end. Raises Misconfigured, naming SUPABASE_URL, for one that can't be right."""
    try:
        parts = urlsplit(url.strip())
        origin = _origin(parts)
    except ValueError:
        raise Misconfigured(f"SUPABASE_URL is not an address: set it to the project's, {_EXAMPLE}.") from None
    host = parts.hostname or ""
    if parts.scheme in ("postgres", "postgresql"):
        raise Misconfigured(f"SUPABASE_URL is a database's address: that is SUPABASE_DB_URL; this is {_EXAMPLE}.")
    if parts.scheme not in ("http", "https") or not host:
        raise Misconfigured(f"SUPABASE_URL is not an address {_EXAMPLE}: it begins with https://.")
    if parts.username is not None or parts.password is not None:
        raise Misconfigured(f"SUPABASE_URL has a user or password in it: set it to {origin}.")
    if host in ("supabase.com", "www.supabase.com", "app.supabase.com", "app.supabase.io"):
        raise Misconfigured(f"SUPABASE_URL is the dashboard's address: set it to the project's own, {_EXAMPLE}.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Misconfigured(f"SUPABASE_URL has more than the project's address in it: set it to {origin}.")
    if parts.scheme == "http" and not _loopback(host):
        raise Misconfigured(f"SUPABASE_URL is not encrypted: set it to {origin.replace('http', 'https', 1)}.")
    return origin


def check_keys(
    url: str,
    publishable_or_anon: str | None,
    secret_or_service: str | None,
    jwt_secret: str | None,
    *,
    both_needed: bool = False,
) -> str:
    """The project's address, with no slash at its end. Raises Misconfigured with a sentence for each fault.

    A key that is not given is a fault only where `both_needed`: over HTTP the database can't be asked without them.
    """
    faults = key_faults(url, publishable_or_anon, secret_or_service, jwt_secret, both_needed=both_needed)
    if faults:
        raise Misconfigured(" ".join(faults))
    return project_url(url)


def key_faults(
    url: str,
    publishable_or_anon: str | None,
    secret_or_service: str | None,
    jwt_secret: str | None,
    *,
    both_needed: bool = False,
) -> list[str]:
    """What is wrong, one sentence each, in the order in which to mend it."""
    try:
        address, faults = project_url(url), []
    except Misconfigured as error:
        address, faults = "", [error.message]
    public = _Key(PUBLIC_SETTING, publishable_or_anon or "")
    secret = _Key(SECRET_SETTING, secret_or_service or "")
    faults += _wrong_kinds(public, secret, both_needed)
    legacy = [key for key in (public, secret) if key.kind in ("anon", "service_role")]
    faults += _other_projects(address, legacy)
    faults += _jwt_secret(address, jwt_secret, legacy)
    return faults


@dataclass(frozen=True)
class _Key:
    setting: str
    text: str

    @property
    def kind(self) -> KeyKind | None:
        return key_kind(self.text) if self.text else None

    @property
    def ref(self) -> str | None:
        """The project that an older key names."""
        ref = unverified_claims(self.text).get("ref")
        return ref if isinstance(ref, str) else None


def _wrong_kinds(public: _Key, secret: _Key, both_needed: bool) -> Iterator[str]:
    if public.kind in _SECRET and secret.kind in _PUBLIC:
        yield f"{PUBLIC_SETTING} and {SECRET_SETTING} are swapped, each holds the other's key: exchange them."
        return
    if public.kind in _SECRET:
        yield (
            f"{PUBLIC_SETTING} holds {_WHAT[public.kind]}, which may do everything: set it to the publishable key, "
            "and replace the other where browsers have been given it."
        )
    elif public.kind is not None and public.kind not in _PUBLIC:
        yield f"{PUBLIC_SETTING} holds {_WHAT[public.kind]}: set it to the project's publishable or anon key."
    elif public.kind is None and both_needed:
        yield f"{PUBLIC_SETTING} is missing: set it to the project's publishable or anon key."
    if secret.kind is not None and secret.kind not in _SECRET:
        yield f"{SECRET_SETTING} holds {_WHAT[secret.kind]}: set it to the project's secret or service_role key."
    elif secret.kind is None and both_needed:
        yield f"{SECRET_SETTING} is missing: set it to the project's secret or service_role key."


def _other_projects(address: str, legacy: list[_Key]) -> Iterator[str]:
    named = _PROJECT_HOST.fullmatch(urlsplit(address).hostname or "")
    if named is not None:
        for key in legacy:
            if key.ref is not None and key.ref != named[1]:
                yield f"{key.setting} is another project's key than that of SUPABASE_URL: copy both from one project."
    elif len({key.ref for key in legacy if key.ref is not None}) > 1:
        yield f"{PUBLIC_SETTING} and {SECRET_SETTING} are of two projects: copy both from one."


def _jwt_secret(address: str, secret: str | None, legacy: list[_Key]) -> Iterator[str]:
    if not secret:
        return
    if key_kind(secret) != "unknown":
        yield (
            "SUPABASE_JWT_SECRET holds an API key or a token: set it to the project's JWT secret, or to nothing "
            "where the project signs with signing keys."
        )
    elif secret.lstrip().startswith(("-----BEGIN", "{", "ssh-")):
        yield "SUPABASE_JWT_SECRET holds a signing key, not a secret: leave it out; public keys are fetched."
    elif len(secret) < JWT_SECRET_CHARACTERS:
        yield f"SUPABASE_JWT_SECRET is shorter than the {JWT_SECRET_CHARACTERS} characters that a JWT secret has."
    elif secret == _DEMO_SECRET and address and not _loopback(urlsplit(address).hostname or ""):
        yield "SUPABASE_JWT_SECRET is the one of Supabase's examples, which everybody knows: give the project its own."
    else:
        for key in legacy:
            if not _signed(key.text, secret):
                yield (
                    f"SUPABASE_JWT_SECRET is not the secret that {key.setting} is signed with: "
                    "copy both from the same project."
                )


def _signed(key: str, secret: str) -> bool:
    try:
        jwt.decode(
            key,
            secret,
            algorithms=["HS256"],
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.InvalidAlgorithmError:
        # Signed in another way, so it says nothing about this secret.
        return True
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True


def _origin(parts: SplitResult) -> str:
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{parts.port}" if parts.port is not None else "")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
