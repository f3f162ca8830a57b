"""A project's address and keys: what can be right, and what is said of what can't."""

from __future__ import annotations

import contextlib
import json

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from api.identity.hosted import SupabaseAuth
from coordinator.errors import Misconfigured
from coordinator.supabase.hosted import check_keys, key_faults, key_kind
from tests.unit.identity.tokens import EC, PUBLISHED, SECRET, URL, legacy, token

PUBLISHABLE_KEY = "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"
SECRET_KEY = "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"
OTHER_SECRET = "another-secret-of-another-project-also-long"
GOOD: dict[str, str | None] = {
    "url": URL,
    "publishable_or_anon": PUBLISHABLE_KEY,
    "secret_or_service": SECRET_KEY,
    "jwt_secret": None,
}


def test_of_what_kind_a_key_is() -> None:
    keys = (PUBLISHABLE_KEY, SECRET_KEY, legacy("anon"), legacy("service_role"), token(), "x")
    assert [key_kind(key) for key in keys] == ["publishable", "secret", "anon", "service_role", "user", "unknown"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": URL + "/"},
        {"url": f" {URL}//\n"},
        {"url": URL.upper().replace("HTTPS", "https")},
        {"publishable_or_anon": legacy("anon"), "secret_or_service": legacy("service_role"), "jwt_secret": SECRET},
        {"publishable_or_anon": None, "secret_or_service": ""},
        {"jwt_secret": SECRET},
        {"secret_or_service": token("ES256", role="service_role"), "jwt_secret": SECRET},
    ],
)
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
        ({"url": "ftp://abc.supabase.co"}, "begins with https://"),
        ({"url": ""}, "begins with https://"),
        ({"url": "https://"}, "begins with https://"),
        ({"url": "https://abc:port"}, "SUPABASE_URL is not an address"),
        ({"url": "https://[::1"}, "SUPABASE_URL is not an address"),
        ({"publishable_or_anon": SECRET_KEY, "secret_or_service": PUBLISHABLE_KEY}, "are swapped"),
        ({"publishable_or_anon": legacy("service_role"), "secret_or_service": legacy("anon")}, "are swapped"),
        (
            {"secret_or_service": legacy("anon")},
            "SUPABASE_SECRET_KEY (or SUPABASE_SERVICE_ROLE_KEY) holds the anon key: set it to",
        ),
        ({"secret_or_service": PUBLISHABLE_KEY}, "SUPABASE_SERVICE_ROLE_KEY) holds the publishable key"),
        ({"secret_or_service": token()}, "SUPABASE_SERVICE_ROLE_KEY) holds a user's token"),
        ({"secret_or_service": "hunter2hunter2"}, "SUPABASE_SERVICE_ROLE_KEY) holds something that is no key"),
        ({"publishable_or_anon": SECRET_KEY}, "SUPABASE_ANON_KEY) holds the secret key, which may do everything"),
        ({"publishable_or_anon": legacy("service_role")}, "SUPABASE_ANON_KEY) holds the service_role key"),
        ({"publishable_or_anon": "hunter2hunter2"}, "SUPABASE_ANON_KEY) holds something that is no key"),
        (
            {"secret_or_service": legacy("service_role", ref="zyxwvutsrqponmlkjihg")},
            "SUPABASE_SERVICE_ROLE_KEY) is another project's key than that of SUPABASE_URL",
        ),
        ({"publishable_or_anon": legacy("anon", ref="zyxwvutsrqponmlkjihg")}, "ANON_KEY) is another project's"),
        (
            {
                "url": "https://db.example.org",
                "publishable_or_anon": legacy("anon", ref="a"),
                "secret_or_service": legacy("service_role", ref="b"),
            },
            "are of two projects",
        ),
        (
            {"secret_or_service": legacy("service_role"), "jwt_secret": OTHER_SECRET},
            "SUPABASE_JWT_SECRET is not the secret that SUPABASE_SECRET_KEY (or SUPABASE_SERVICE_ROLE_KEY) is signed",
        ),
        ({"jwt_secret": "hunter2hunter2"}, "SUPABASE_JWT_SECRET is shorter than the 32 characters"),
        ({"jwt_secret": legacy("anon")}, "SUPABASE_JWT_SECRET holds an API key or a token"),
        ({"jwt_secret": SECRET_KEY}, "SUPABASE_JWT_SECRET holds an API key"),
        (
            {"jwt_secret": EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()},
            "SUPABASE_JWT_SECRET holds a signing key",
        ),
        ({"jwt_secret": json.dumps(PUBLISHED[0])}, "SUPABASE_JWT_SECRET holds a signing key"),
        ({"jwt_secret": "super-secret-jwt-token-with-at-least-32-characters-long"}, "which everybody knows"),
    ],
)
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
        "SUPABASE_URL",
        "SUPABASE_PUBLISHABLE_KEY",
        "SUPABASE_SECRET_KEY",
        "SUPABASE_JWT_SECRET",
    ]
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
