"""The seal over users' keys: who can open what, under which secrets, and what is told where nothing opens it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from coordinator.errors import Misconfigured
from coordinator.people.vault import SECRET_FILE, Seal, secrets_of
from coordinator.settings import Settings

OLD, NEW, OTHER = "o" * 32, "the newest of them all as long as it must be", "another one that is also long enough"
KEY = "sk-a-key-of-the-writer-1234"
ME, YOU = uuid4(), uuid4()


def settings(data_dir: Path, secrets: str | None = None) -> Settings:
    given: dict[str, Any] = {"key_secrets": SecretStr(secrets)} if secrets is not None else {}
    return Settings(_env_file=None, data_dir=data_dir, **given)


@given(key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=500))
def test_what_is_sealed_opens_as_it_was_and_shows_nothing(key: str) -> None:
    seal = Seal([NEW])
    sealed = seal.close(ME, "openai", key)
    assert seal.open(ME, "openai", sealed) == (key, None)
    assert key not in sealed and seal.close(ME, "openai", key) != sealed


@pytest.mark.parametrize(("owner", "provider"), [(YOU, "openai"), (ME, "anthropic")])
def test_a_seal_opens_for_its_owner_and_provider_alone(owner: Any, provider: str) -> None:
    sealed = Seal([NEW]).close(ME, "openai", KEY)
    with pytest.raises(ValueError) as refused:
        Seal([NEW]).open(owner, provider, sealed)
    assert KEY not in str(refused.value)


def test_an_older_secret_still_opens_and_gives_way_to_the_newest() -> None:
    sealed = Seal([OLD]).close(ME, "openai", KEY)
    key, anew = Seal([NEW, OTHER, OLD]).open(ME, "openai", sealed)
    assert key == KEY and anew is not None
    # From now on the old secret can go.
    assert Seal([NEW]).open(ME, "openai", anew) == (KEY, None)
    with pytest.raises(ValueError):
        Seal([OLD]).open(ME, "openai", anew)


@pytest.mark.parametrize("damage", [lambda sealed: sealed[:-4] + "AAA=", lambda sealed: "", lambda sealed: "nonsense"])
def test_what_is_damaged_or_under_an_unknown_secret_does_not_open(damage: Any) -> None:
    sealed = Seal([NEW]).close(ME, "openai", KEY)
    with pytest.raises(ValueError):
        Seal([NEW]).open(ME, "openai", damage(sealed))
    with pytest.raises(ValueError):
        Seal([OLD, OTHER]).open(ME, "openai", sealed)


def test_secrets_are_the_settings_newest_first(tmp_path: Path) -> None:
    assert secrets_of(settings(tmp_path, f" {NEW} , {OLD},")) == [NEW, OLD]
    assert not (tmp_path / SECRET_FILE).exists()


def test_without_settings_a_secret_is_made_once_for_the_owner_of_the_folder_alone(tmp_path: Path) -> None:
    first = secrets_of(settings(tmp_path / "data"))
    assert secrets_of(settings(tmp_path / "data")) == first and len(first[0]) >= 32
    assert stat.S_IMODE((tmp_path / "data" / SECRET_FILE).stat().st_mode) == 0o600
    assert secrets_of(settings(tmp_path / "elsewhere")) != first


@pytest.mark.parametrize("secrets", ["short", f"{OLD},short", ","])
def test_a_secret_that_is_too_short_is_refused_by_name(tmp_path: Path, secrets: str) -> None:
    with pytest.raises(Misconfigured, match="STORYLOOM_KEY_SECRETS") as refused:
        secrets_of(settings(tmp_path, secrets))
    assert "short" not in refused.value.message and OLD not in refused.value.message
