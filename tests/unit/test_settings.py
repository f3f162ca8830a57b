"""Settings: `.env.example` says the same as the code, and a wrong value is told by its name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.errors import Misconfigured
from coordinator.settings import RATES, Settings, environment_name, load_settings, unknown_settings

EXAMPLE = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
SETTING = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder; what a `.env` puts into the environment is taken out again."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(os.environ) - set(before):
        del os.environ[name]


def test_the_example_has_each_setting_once_under_its_help() -> None:
    assert [name for name, _ in SETTING.findall(EXAMPLE)] == [environment_name(name) for name in Settings.model_fields]
    for name, field in Settings.model_fields.items():
        assert field.description and "\n" not in field.description
        assert f"\n# {field.description}\n#{environment_name(name)}=" in EXAMPLE, name
        assert field.description[0].isupper() or ":" in field.description, name


def test_the_example_changes_nothing_and_then_gives_the_defaults(folder: Path) -> None:
    (folder / "as-it-is").write_text(EXAMPLE, encoding="utf-8")
    assert all(line.startswith("#") or not line for line in EXAMPLE.splitlines())
    told = re.sub(r"^#(?=[A-Z][A-Z0-9_]*=)", "", EXAMPLE, flags=re.MULTILINE)
    (folder / "told").write_text(told, encoding="utf-8")
    defaults = Settings(_env_file=None)
    for name in ("as-it-is", "told"):
        assert Settings(_env_file=folder / name) == defaults
    assert load_settings(_env_file=str(folder / "told")) == defaults


def test_the_example_shows_the_defaults_and_not_just_nothing() -> None:
    shown = dict(SETTING.findall(EXAMPLE))
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=False)
        if isinstance(default, int | float | str):
            assert shown[environment_name(name)] == str(default), name


def test_every_setting_is_read_from_the_name_that_the_example_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "database_url": "postgresql://a@b/c",
        "model_api_key": "k",
        "jwt_secret": "s" * 32,
        "allowed_origins": "https://a, http://b:1",
        "allowed_hosts": "a, *.b",
        "fallback_models": "a:b",
        "models": "c:d,,e:f ",
        "log_level": "debug",
        "host": "::1",
        "model": "a:b",
        "model_base_url": "http://x",
        "model_context": "8192",
        "model_output": "schema",
        "data_dir": "/d",
        "templates": "/t",
        "supabase_url": "https://x.supabase.co",
        "supabase_publishable_key": "p",
        "supabase_secret_key": "s",
        "supabase_jwt_secret": "j",
        "supabase_jwt_audience": "a",
        "supabase_jwt_issuer": "i",
        "transport": "rpc",
        "log_format": "json",
        "trusted_proxies": "10.0.0.1, 10.0.0.2",
        "otlp_endpoint": "http://x",
        "model_continues": "false",
        "admin_user_ids": "5f0a3c3e-4b0e-4f0e-8f0e-5f0a3c3e4b0e",
        "key_secrets": "k",
        **dict.fromkeys(RATES, "1/second"),
        "anonymous": "off",
        "day_tokens_per_user": "9",
        "day_usd_per_user": "0.5",
        "day_tokens": "9",
        "day_usd": "9",
    }
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=False)
        with monkeypatch.context() as patch:
            patch.setenv(environment_name(name), values.get(name) or str(default + 1))
            changed = load_settings()
        plain = Settings(_env_file=None)
        assert {one for one in Settings.model_fields if getattr(changed, one) != getattr(plain, one)} == {name}
    monkeypatch.setenv("STORYLOOM_MODELS", "c:d,,e:f ")
    assert load_settings().models == ["c:d", "e:f"]


@pytest.mark.parametrize("name", ["DATABASE_URL", "STORYLOOM_DATABASE_URL", "SUPABASE_DB_URL"])
def test_a_database_has_three_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "postgresql://u:secret@h/d")
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://u:secret@h/d"
    assert "secret@" not in repr(settings)
    assert Settings(_env_file=None, database_url="x://y").database_url is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORYLOOM_PORT", "eighty"),
        ("STORYLOOM_PORT", "70000"),
        ("STORYLOOM_JWT_SECRET", "too-short-hunter2"),
        ("STORYLOOM_LOG_LEVEL", "hunter2"),
        ("STORYLOOM_MODEL_TIMEOUT_S", "0"),
        ("STORYLOOM_CACHE_SESSIONS", "-4711"),
    ],
)
def test_a_wrong_value_is_told_by_its_name_alone(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    message = caught.value.message
    assert message.startswith(f"The settings are not valid: {name}: ") and message.endswith(". See .env.example.")
    assert message.count(":") == 2 and "\n" not in message and "Value error" not in message
    assert len(value) < 3 or value not in message
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_every_wrong_value_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("STORYLOOM_PORT=x\nSTORYLOOM_HEARTBEAT_S=y\n")
    with pytest.raises(Misconfigured, match=r"STORYLOOM_PORT: .*; STORYLOOM_HEARTBEAT_S: "):
        load_settings()
    with pytest.raises(Misconfigured, match=r"\bDATABASE_URL: .*STORYLOOM_HOST: "):
        load_settings(_env_file=None, host=5, database_url=7)


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("STORYLOOM_PORT=1\nSTORYLOOM_HOST=file\nSTORYLOOM_LOG_LEVEL=debug\n")
    monkeypatch.setenv("STORYLOOM_PORT", "2")
    monkeypatch.setenv("STORYLOOM_LOG_LEVEL", "")
    settings = load_settings(host="argument")
    assert (settings.port, settings.host, settings.log_level) == (2, "argument", "debug")


def test_keys_of_providers_in_the_file_reach_their_libraries(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("ANTHROPIC_API_KEY=from-file\nOPENAI_API_KEY=from-file\n# x\n")
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    load_settings()
    assert os.environ["ANTHROPIC_API_KEY"] == "from-file"
    assert os.environ["OPENAI_API_KEY"] == "from-environment"


def test_a_file_above_the_working_folder_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("SOME_KEY=x\nSTORYLOOM_PORT=1\n")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert load_settings().port == 8000
    assert "SOME_KEY" not in os.environ


def test_a_file_that_is_no_text_is_told(folder: Path) -> None:
    (folder / ".env").write_bytes(b"STORYLOOM_HOST=\xff\xfe\n")
    with pytest.raises(Misconfigured, match=r"\.env is no readable file"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STORYLOOM_PORT", "abc", "it is a whole number"),
        ("STORYLOOM_PORT", "80.5", "it is a whole number"),
        ("STORYLOOM_PORT", "-1", "it is 0 or more"),
        ("STORYLOOM_PORT", "70000", "it is 65535 at the most"),
        ("STORYLOOM_DRAIN_S", "soon", "it is a number"),
        ("STORYLOOM_DRAIN_S", "nan", "it is a number"),
        ("STORYLOOM_SESSION_TTL_S", "inf", "it is a number"),
        ("STORYLOOM_SESSION_TTL_S", "1e300", "at the most"),
        ("STORYLOOM_HEARTBEAT_S", "0", "it is 1 or more"),
        ("STORYLOOM_CACHE_IDLE_S", "0", "it is more than 0"),
        ("STORYLOOM_MODEL_CONTINUES", "perhaps", "it is true or false"),
        ("STORYLOOM_LOG_FORMAT", "xml", "it is 'text' or 'json'"),
        ("STORYLOOM_HOST", os.fsdecode(b"\xff"), "it is not text in UTF-8"),
        ("SUPABASE_URL", os.fsdecode(b"\xff"), "it is not text in UTF-8"),
        ("STORYLOOM_ALLOWED_ORIGINS", "stories.example", "an origin is a scheme and a host"),
        ("STORYLOOM_ALLOWED_ORIGINS", "https://x.example/app", "an origin is a scheme and a host"),
        ("STORYLOOM_ALLOWED_ORIGINS", "*", "an origin is a scheme and a host"),
        ("STORYLOOM_RATE_START", "many", "a limit is number/period"),
    ],
)
def test_what_a_value_should_be_is_told_in_words(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert caught.value.message.startswith(f"The settings are not valid: {name}: ") and said in caught.value.message


def test_a_folder_may_have_any_bytes_in_its_name_and_a_file_a_mark_before_its_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYLOOM_DATA_DIR", os.fsdecode(b"/d\xff"))
    (folder / ".env").write_text("STORYLOOM_PORT=1\n", encoding="utf-8-sig")
    settings = load_settings()
    assert (os.fsencode(settings.data_dir), settings.port) == (b"/d\xff", 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("STORYLOOM_PRT", "STORYLOOM_PRT is not known: did you mean STORYLOOM_PORT?"),
        ("STORYLOOM_MODELL", "STORYLOOM_MODELL is not known: did you mean STORYLOOM_MODEL?"),
        ("STORYLOM_MODEL", "STORYLOM_MODEL is not known: did you mean STORYLOOM_MODEL?"),
        ("STORYLOOM_SUPABASE_URL", "STORYLOOM_SUPABASE_URL is not known: "),
        (
            "STORYLOOM_OF_A_NEWER_VERSION",
            "STORYLOOM_OF_A_NEWER_VERSION is not known: this version has no such setting.",
        ),
    ],
)
def test_a_misspelt_setting_is_told_and_fails_nothing(
    name: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unknown_settings() == []
    (folder / ".env").write_text(f"{name}=x\n")
    load_settings()
    assert len(told := unknown_settings()) == 1 and told[0].startswith(said)


def test_no_setting_is_taken_for_a_misspelt_one(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name, _ in SETTING.findall(EXAMPLE)]
    names += ["SUPABASE_DB_URL", "SUPABASE_ANON_KEY", "STORYLOOM_SERVER", "STORYLOOM_TOKEN", "storyloom_port"]
    # Other programs' own.
    names += ["SUPABASE_ACCESS_TOKEN", "DATABASE_URI", "PORT", "OPENAI_API_KEY", "OTEL_EXPORTER_OTLP_HEADERS", "STORY"]
    for name in names:
        monkeypatch.setenv(name, "")
    assert unknown_settings() == []
