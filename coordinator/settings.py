"""Every knob of the service, in one place. Nothing else reads the environment.

Values come from the environment, then from `.env` in the working directory, then from the defaults here.
`.env.example` lists them all; a test keeps the two the same. Whatever else `.env` has goes into the environment, where
the model providers' libraries look for their keys.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from dotenv import load_dotenv
from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from coordinator.errors import Misconfigured

ENV_FILE = ".env"
CommaList = Annotated[list[str], NoDecode]
RATES = (
    "rate_start",
    "rate_start_address",
    "rate_start_bot",
    "rate_start_all",
    "rate_rewrite",
    "rate_rewrite_address",
    "rate_rewrite_all",
    "rate_export",
    "rate_export_address",
    "rate_export_all",
    "rate_rest",
    "rate_body_bytes",
    "rate_sign_in",
    "rate_sign_in_all",
    "rate_bot_users",
    "rate_connect",
    "rate_frame",
)
"""Settings in the notation of limits."""
YEAR_S = 366 * 24 * 3600
HOST_NAME = re.compile(r"(?:\*\.)?[^\s:/?#@\[\]*,]+")
LONGEST_S = 10 * YEAR_S
_PREFIX = "STORYLOOM_"
_COMMAND_LINES = frozenset({"STORYLOOM_SERVER", "STORYLOOM_TOKEN"})
"""Read by the command line alone."""
_ALIKE = 0.85
"""One letter wrong, missing, too many or in another place, of a dozen."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=ENV_FILE,
        # An editor may have put a byte order mark before the first name.
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        allow_inf_nan=False,
        extra="ignore",
        populate_by_name=True,
    )

    # Where things are kept
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("storyloom", appauthor=False)),
        description="Folder of the embedded database, the local secret and the node's lock files",
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "STORYLOOM_DATABASE_URL", "SUPABASE_DB_URL"),
        description="A PostgreSQL of your own, 15 or newer; without it an embedded one runs in the data folder",
    )
    database_pool: int = Field(default=10, ge=1, le=200, description="Connections to the database at the most")
    database_wait_s: float = Field(
        default=30, gt=0, le=600, description="How long a write waits for a database that went away, in seconds"
    )
    templates: Path | None = Field(default=None, description="A folder with templates (*.toml) of your own")

    # The server
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    allowed_origins: CommaList = Field(
        default_factory=list, description="Web origins that may connect besides the service's own, separated by commas"
    )
    allowed_hosts: CommaList = Field(
        default_factory=list,
        description="Names that the service answers to, besides localhost, its address and its own; "
        "*.example.org for all below one, * for any",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged")
    log_format: Literal["text", "json"] | None = Field(
        default=None, description="How it is logged, text or json; otherwise text in a terminal and json elsewhere"
    )
    trusted_proxies: CommaList = Field(
        default_factory=list,
        description="Addresses of the load balancers whose X-Forwarded-For is believed, separated by commas",
    )
    drain_s: float = Field(
        default=10, ge=0, le=600, description="How long a server that ends waits for steps to end, in seconds"
    )
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="Where traces are sent by OTLP over HTTP; otherwise none are made",
    )

    # Models
    model: str | None = Field(
        default=None,
        description="provider:name, as openai:gpt-5 or ollama:llama3; otherwise the built-in offline:storyteller",
    )
    fallback_models: CommaList = Field(
        default_factory=list, description="Models to try, in order, when the first fails, separated by commas"
    )
    models: CommaList = Field(
        default_factory=list,
        description="Further models that writers may choose, separated by commas",
    )
    model_base_url: str | None = Field(
        default=None, description="Address of an OpenAI-compatible server, used for openai:… models"
    )
    model_api_key: SecretStr | None = Field(default=None, description="Key for that server, or for openai:… models")
    model_timeout_s: float = Field(default=120, gt=0, le=3600, description="Longest silence of a model, in seconds")
    model_attempts: int = Field(
        default=4, ge=1, le=10, description="Tries of one call before the fallback, the first included"
    )
    model_concurrency: int = Field(default=16, ge=1, le=1000, description="Model calls at once from this node")
    offline_words_per_second: float = Field(
        default=60, ge=0, le=100_000, description="Speed of offline:storyteller, in words a second; 0 is at once"
    )
    model_context: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="Tokens that a model holds, request and answer together; otherwise what its server says",
    )
    model_output: Literal["tool", "schema", "prompt", "auto"] = Field(
        default="auto",
        description="How typed answers are asked for: tool, schema, prompt, or auto for what works with the model",
    )
    model_continues: bool = Field(
        default=True,
        description="Whether a model is asked to go on from text that a crash cut off; otherwise it begins anew",
    )

    # Sessions
    session_ttl_s: float = Field(
        default=7200, ge=10, le=LONGEST_S, description="A session expires after this time without activity, in seconds"
    )
    keep_failed_s: float = Field(
        default=2_592_000,
        ge=0,
        le=LONGEST_S,
        description="Failed sessions are deleted after so long without activity; 0 is never",
    )
    keep_cancelled_s: float = Field(
        default=2_592_000, ge=0, le=LONGEST_S, description="Cancelled sessions are deleted after so long; 0 is never"
    )
    keep_expired_s: float = Field(
        default=2_592_000, ge=0, le=LONGEST_S, description="Expired sessions are deleted after so long; 0 is never"
    )
    cache_sessions: int = Field(default=1000, ge=1, le=1_000_000, description="Sessions kept in memory at the most")
    cache_bytes: int = Field(
        default=67_108_864, ge=1_048_576, description="Bytes of these sessions and their current texts at the most"
    )
    cache_idle_s: float = Field(
        default=900, gt=0, le=LONGEST_S, description="A session unused for this long leaves the memory, in seconds"
    )
    stories_per_node: int = Field(default=50, ge=1, le=10_000, description="Stories that this node writes at once")
    stories_per_user: int = Field(
        default=5,
        ge=1,
        le=10_000,
        description="Stories of one user that are written at once; further ones wait their turn",
    )
    turns_per_node: int = Field(
        default=200, ge=1, le=10_000, description="Answers in chats that this node writes at once"
    )
    turns_per_user: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Answers that one user, or all who are anonymous at one address, have written at once",
    )
    exports_at_once: int = Field(default=2, ge=1, le=100, description="Books that this node prints at once")
    node_dead_s: float = Field(
        default=6, ge=1, le=300, description="A node that says nothing for so long is dead: its stories go on elsewhere"
    )
    event_flush_s: float = Field(
        default=0.1, gt=0, le=5, description="Streamed text is kept in batches of this length, in seconds"
    )

    # Long texts
    worker_processes: int = Field(
        default=2, ge=1, le=64, description="Processes that compare and search long texts, started when they are needed"
    )
    worker_time_s: float = Field(
        default=20, gt=0, le=600, description="How long such a process may take for one text, in seconds"
    )

    # Connections and memory
    connections: int = Field(default=20_000, ge=10, le=1_000_000, description="Connections at once to this node")
    connections_per_address: int = Field(
        default=1000, ge=1, le=1_000_000, description="Connections at once from one address"
    )
    header_bytes: int = Field(default=32_768, ge=4096, le=1_048_576, description="Longest head of a request, in bytes")
    header_s: float = Field(default=10, gt=0, le=600, description="Time for a request's head to come, in seconds")
    request_s: float = Field(default=60, gt=0, le=3600, description="Time for a request's body to come, in seconds")
    held_bytes: int = Field(
        default=268_435_456,
        ge=16_777_216,
        description="What is kept in memory for all who are connected and read or send slowly, in bytes",
    )
    page_bytes: int = Field(
        default=1_048_576, ge=65_536, le=104_857_600, description="A page of a list ends after so many bytes"
    )

    # WebSocket
    auth_timeout_s: float = Field(default=10, gt=0, le=120, description="Time for the first `auth` frame, in seconds")
    heartbeat_s: float = Field(default=20, ge=1, le=300, description="Time between pings, in seconds")
    reader_queue: int = Field(
        default=1024, ge=16, le=100_000, description="Events waiting for one slow reader at the most"
    )
    reader_bytes: int = Field(
        default=8_388_608, ge=1_048_576, description="Bytes waiting for one slow reader at the most"
    )
    frame_bytes: int = Field(default=262_144, ge=1024, description="Largest frame that a client may send, in bytes")
    attach_limit: int = Field(default=100, ge=1, le=10_000, description="Sessions that one socket may watch at once")

    # Who may come in
    anonymous: bool = Field(default=True, description="Whether anonymous writers may sign in; off closes that")
    jwt_secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Secret of locally issued tokens, 32 characters or more; otherwise one is made in the data folder",
    )
    token_ttl_s: float = Field(
        default=3600, ge=10, le=LONGEST_S, description="How long a locally issued token is good, in seconds"
    )

    admin_user_ids: CommaList = Field(
        default_factory=list, description="Ids of users who are admins whatever their tokens say, separated by commas"
    )
    key_secrets: SecretStr | None = Field(
        default=None,
        description="Secrets that users' own model keys are kept under, newest first, separated by commas; "
        "otherwise one is made in the data folder",
    )

    # Limits, each as "number/period" in seconds, minutes, hours or days, several separated by semicolons; `off` is none
    rate_start: str = Field(default="10/minute;100/day", description="Stories that one user may start")
    rate_start_address: str = Field(default="30/minute;500/day", description="The same from one address")
    rate_start_bot: str = Field(
        default="60/minute;2000/day", description="The same of all users of one bot, in place of the address's"
    )
    rate_start_all: str = Field(default="600/minute", description="The same of all together, on this node")
    rate_rewrite: str = Field(default="20/minute;300/day", description="Passages that one user may have rewritten")
    rate_rewrite_address: str = Field(default="60/minute;1500/day", description="The same from one address")
    rate_rewrite_all: str = Field(default="600/minute", description="The same of all together, on this node")
    rate_export: str = Field(default="30/minute;500/day", description="Files that one user may export")
    rate_export_address: str = Field(default="60/minute;2000/day", description="The same from one address")
    rate_export_all: str = Field(default="600/minute", description="The same of all together, on this node")
    rate_rest: str = Field(
        default="600/minute", description="REST calls of one user or, where nobody is signed in, address"
    )
    rate_body_bytes: str = Field(
        default="60000000/minute",
        description="Bytes of bodies sent by one user or, where nobody is signed in, address",
    )
    rate_sign_in: str = Field(default="20/minute", description="Anonymous sign-ins and renewals from one address")
    rate_sign_in_all: str = Field(default="600/minute", description="The same of all together, on this node")
    rate_bot_users: str = Field(default="300/minute", description="Users whom one bot may name for the first time")
    rate_connect: str = Field(default="60/minute", description="WebSocket connections from one address")
    rate_frame: str = Field(default="600/minute", description="WebSocket frames of one connection")
    connections_per_user: int = Field(
        default=50, ge=1, le=100_000, description="WebSocket connections that one user may have open on this node"
    )

    # What one user may keep, have under way and use up
    user_bytes: int = Field(default=500_000_000, ge=1_000_000, description="What is kept of one user, in bytes")
    session_bytes: int = Field(default=100_000_000, ge=1_000_000, description="What is kept of one session, in bytes")
    sessions_per_user: int = Field(default=5000, ge=1, le=1_000_000, description="Sessions that one user may keep")
    projects_per_user: int = Field(default=200, ge=1, le=100_000, description="Projects that one user may have")
    members_per_project: int = Field(default=100, ge=1, le=10_000, description="Members that one project may have")
    invites_per_project: int = Field(
        default=50, ge=1, le=1000, description="Invitations that one project may have at once"
    )
    project_bible_bytes: int = Field(
        default=1_000_000, ge=10_000, le=1_048_576, description="The bible of one project, in bytes"
    )
    pages_at_work: int = Field(
        default=500,
        ge=100,
        le=100_000_000,
        description="Pages of the stories that one user, or all who are anonymous at one address, have under way",
    )
    day_tokens_per_user: int | None = Field(
        default=None, ge=1, description="Tokens in a day of one user, or of all who are anonymous at one address"
    )
    day_usd_per_user: float | None = Field(default=None, gt=0, description="US dollars of the same")
    day_tokens: int | None = Field(default=None, ge=1, description="Tokens in a day of all together")
    day_usd: float | None = Field(default=None, gt=0, description="US dollars of the same")

    # A Supabase project
    supabase_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("SUPABASE_URL"),
        description="Address of a Supabase project, as https://abc.supabase.co; its users sign in there",
    )
    supabase_publishable_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY"),
        description="The project's publishable (or anon) key",
    )
    supabase_secret_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
        description="The project's secret (or service_role) key; for the server alone",
    )
    supabase_jwt_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SUPABASE_JWT_SECRET"),
        description="The project's JWT secret, where it signs with that instead of signing keys",
    )
    supabase_jwt_audience: str = Field(
        default="authenticated",
        validation_alias=AliasChoices("SUPABASE_JWT_AUDIENCE"),
        description="Audience of the project's tokens",
    )
    supabase_jwt_issuer: str | None = Field(
        default=None,
        validation_alias=AliasChoices("SUPABASE_JWT_ISSUER"),
        description="Issuer of the project's tokens, where it is not <SUPABASE_URL>/auth/v1",
    )
    transport: Literal["direct", "rpc"] | None = Field(
        default=None,
        description="How the database is reached, direct or rpc; otherwise direct where there is a DATABASE_URL",
    )

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, value: list[str]) -> list[str]:
        if all(name == "*" or HOST_NAME.fullmatch(name) for name in value):
            return value
        raise ValueError("a host is a name without scheme, port and path, as story.example.org, *.example.org or *")

    @field_validator(
        "allowed_hosts",
        "allowed_origins",
        "fallback_models",
        "models",
        "admin_user_ids",
        "trusted_proxies",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("*", mode="before")
    @classmethod
    def _text(cls, value: Any, info: ValidationInfo) -> Any:
        """Bytes that are no UTF-8 come as halves of surrogate pairs; a path may have them."""
        if isinstance(value, str) and info.field_name not in ("data_dir", "templates"):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("it is not text in UTF-8") from None
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            scheme, separator, host = origin.rstrip("/").partition("://")
            if not (scheme and separator and host and "/" not in host):
                raise ValueError("an origin is a scheme and a host, as https://stories.example, with no path")
        return [origin.rstrip("/") for origin in value]

    @field_validator(*RATES)
    @classmethod
    def _rate(cls, value: str) -> str:
        value = value.strip().lower()
        if value == "off":
            return value
        # Late, because only this needs it and it takes a tenth of a second.
        from limits import parse_many

        with contextlib.suppress(ValueError):
            if all(limit.amount > 0 and limit.get_expiry() <= YEAR_S for limit in parse_many(value)):
                return value
        raise ValueError("a limit is number/period, as 10/minute or 10/minute;100/day, or off")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: list[str]) -> list[str]:
        try:
            return [str(ip_network(proxy)) if "/" in proxy else str(ip_address(proxy)) for proxy in value]
        except ValueError:
            raise ValueError("a proxy is an IP address, or a network as 10.0.0.0/8") from None

    @property
    def over_rpc(self) -> bool:
        """Whether the store calls the Supabase project's API, and not a database directly."""
        if self.transport is not None:
            return self.transport == "rpc"
        return self.supabase_url is not None and self.database_url is None

    @property
    def default_model(self) -> str:
        return self.model or "offline:storyteller"


def load_settings(**overrides: Any) -> Settings:
    """Settings from environment and `.env`, whose other values go into the environment where they are not set there.

    Raises Misconfigured with the name of each variable that is wrong, never with a value, which may be a secret.
    """
    env_file = overrides.get("_env_file", ENV_FILE)
    try:
        settings = Settings(**overrides)
        if env_file is not None:
            load_dotenv(env_file, override=False, encoding="utf-8-sig")
        return settings
    except ValidationError as error:
        faults = "; ".join(
            f"{environment_name(str(fault['loc'][0]))}: {_in_words(fault)}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise Misconfigured(f"The settings are not valid: {faults}. See .env.example.") from None
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"The settings can't be read: {env_file} is no readable file of UTF-8 text.") from None


def _in_words(fault: Mapping[str, Any]) -> str:
    limits = fault.get("ctx", {})
    match fault["type"]:
        case "int_parsing" | "int_from_float":
            return "it is a whole number"
        case "float_parsing" | "finite_number":
            return "it is a number"
        case "bool_parsing":
            return "it is true or false"
        case "greater_than_equal":
            return f"it is {limits['ge']:g} or more"
        case "greater_than":
            return f"it is more than {limits['gt']:g}"
        case "less_than_equal":
            return f"it is {limits['le']:g} at the most"
        case "literal_error":
            return f"it is {limits['expected']}"
        case _:
            return str(fault["msg"]).removeprefix("Value error, ")


def unknown_settings() -> list[str]:
    """A sentence for each variable of the environment, and so of `.env` once settings were loaded, that looks like one
    of ours and is none: misspelt, or of another version. A service must not fail for it: it may be of a newer one."""
    known = _COMMAND_LINES | {environment_name(name) for name in Settings.model_fields}
    known |= {
        str(name)
        for field in Settings.model_fields.values()
        if isinstance(field.validation_alias, AliasChoices)
        for name in field.validation_alias.choices
    }
    told = []
    for name in sorted(os.environ):
        nearest = difflib.get_close_matches(name.upper(), known, 1, _ALIKE)
        ours = nearest and nearest[0].startswith(_PREFIX)
        if name.upper() not in known and (ours or name.upper().startswith(_PREFIX)):
            meant = f"did you mean {nearest[0]}?" if nearest else "this version has no such setting."
            told.append(f"{name} is not known: {meant}")
    return told


def environment_name(setting: str) -> str:
    """The variable that a setting, named as here or as in the environment, is read from: `port` from STORYLOOM_PORT."""
    field = Settings.model_fields.get(setting.lower())
    if field is None:
        return setting.upper()
    if isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    return f"{Settings.model_config['env_prefix']}{setting.upper()}"
