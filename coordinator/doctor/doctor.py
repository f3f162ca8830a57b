"""`storyloom doctor`: is everything there that the service needs, and what to do where it is not."""

from __future__ import annotations

import errno
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from coordinator.doctor.check import Check
from coordinator.errors import Misconfigured, StoryloomError
from coordinator.settings import Settings, unknown_settings
from coordinator.store.node import living_slots

if TYPE_CHECKING:
    from coordinator.llm.models import Models
    from coordinator.store.survey import Survey

NEEDED_PYTHON = (3, 11)
LITTLE_SPACE_BYTES = 500 * 2**20
ASK_S = 5.0
"""Time for what listens on the port to say who it is."""


async def examine(settings: Settings) -> list[Check]:
    """Everything, in the order in which to mend it. Changes nothing but that it starts the embedded server meanwhile,
    which makes an empty database where there is none. Raises nothing: what goes wrong is a finding."""
    checks = [_python(), _settings(settings)]
    for name, look in (("data folder", _data_folder), ("templates", _templates), ("model", _model), ("port", _port)):
        checks.append(await _guarded(name, look, settings))
    if settings.supabase_url is not None:
        checks += await _project(settings)
    return [*checks, *await _database(settings)]


async def _guarded(name: str, look: Callable[[Settings], Awaitable[Check]], settings: Settings) -> Check:
    try:
        return await look(settings)
    except Exception as error:  # of a library, or a fault of ours: a finding, and the examination goes on
        return Check.surprise(name, error)


def _python() -> Check:
    wanted = ".".join(map(str, NEEDED_PYTHON))
    return Check(
        "python",
        sys.version_info[:2] >= NEEDED_PYTHON,
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
        "" if sys.version_info[:2] >= NEEDED_PYTHON else f"Install Python {wanted} or newer.",
    )


def _settings(settings: Settings) -> Check:
    database = "a database of your own" if settings.database_url else "the embedded database"
    if settings.supabase_url is not None:
        database = f"a Supabase project, {'over its API' if settings.over_rpc else 'directly'}"
    unknown = " ".join(unknown_settings())
    return Check("settings", True, f"valid: {database}, model {settings.default_model}, port {settings.port}", unknown)


async def _data_folder(settings: Settings) -> Check:
    folder = settings.data_dir.expanduser()
    another = "or choose another folder with STORYLOOM_DATA_DIR."
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0" * 4096)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        detail = f"{folder} can't be written: {error.strerror or error}"
        return Check("data folder", False, detail, f"Mend it, {another}")
    detail = f"{folder}, {free / 2**30:.1f} GB free"
    if free < LITTLE_SPACE_BYTES:
        return Check("data folder", False, detail, f"Free {LITTLE_SPACE_BYTES // 2**20} MB of disk space, {another}")
    return Check("data folder", True, detail)


async def _templates(settings: Settings) -> Check:
    from coordinator.agents.library import load_library

    name = "templates"
    try:
        load_library(settings.templates)
    except Misconfigured as error:
        return Check(name, False, error.message, "Mend the file that is named, or unset STORYLOOM_TEMPLATES.")
    more = f" and those in {settings.templates}" if settings.templates else ""
    return Check(name, True, f"the built-in ones{more} load")


async def _model(settings: Settings) -> Check:
    from coordinator.llm.models import Models

    models = Models(settings)
    try:
        models.verify()
        return await _tried(models, settings.default_model)
    except Misconfigured as error:
        remedy = "Set what is missing, or unset STORYLOOM_MODEL to use the built-in one."
        return Check("model", False, error.message, remedy)
    finally:
        await models.close()


async def _tried(models: Models, chosen: str) -> Check:
    from coordinator.llm.models import OFFLINE

    if chosen == OFFLINE:
        return Check("model", True, f"{chosen}: built in, needs nothing")
    # Late: with the agents come the libraries of models.
    from coordinator.doctor.trial import tried

    measure = await models.measure(chosen)
    trial = await tried(models, chosen)
    if trial.failed:
        return Check.failed("model", trial.failed, "Mend that, or choose another model with STORYLOOM_MODEL.")
    said = "" if measure.sure else ", taken for granted" if measure.context else ""
    holds = f"holds {measure.context:,} tokens{said}" if measure.context else "does not say how many tokens it holds"
    remedy = "A more capable model would do what this one can't." if trial.lacks else ""
    return Check("model", True, f"{chosen} {holds}; {trial.told()}", remedy)


async def _port(settings: Settings) -> Check:
    if settings.port == 0:
        return Check("port", True, "any free one")
    address = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does, so that connections just closed are not taken for somebody who listens.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            serves = error.errno == errno.EADDRINUSE and await _is_storyloom(settings.host, settings.port)
            if serves and living_slots(settings.data_dir.expanduser()):
                return Check("port", True, f"{address}: a node of this data folder serves there")
            whose = "another Storyloom, not of this data folder, serves there" if serves else error.strerror or error
            remedy = (
                "Stop what listens there, or choose another port with STORYLOOM_PORT (and address with STORYLOOM_HOST)."
            )
            return Check("port", False, f"{address}: {whose}", remedy)
    return Check("port", True, f"{address} is free")


async def _is_storyloom(host: str, port: int) -> bool:
    """By its door for health, which needs no token."""
    import httpx

    there = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=ASK_S) as http:
            health = (await http.get(f"http://{there}:{port}/healthz")).json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(health, dict) and health.get("status") == "ok" and "version" in health


async def _project(settings: Settings) -> list[Check]:
    try:
        # Late: its library takes most of a second to load.
        from coordinator.doctor.project import examine_project

        return await examine_project(settings)
    except Exception as error:
        return [Check.surprise("project", error)]


async def _database(settings: Settings) -> list[Check]:
    name = "database"
    # Late: the driver takes a while to load, and a broken one is a finding too.
    try:
        from coordinator.store.survey import survey

        async with _url(settings) as url:
            before = time.time()
            found = await survey(url)
            ours = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    except StoryloomError as error:
        return [Check.failed(name, error.message)]
    except Exception as error:
        return [Check.surprise(name, error)]
    return _judged(settings, found, ours)


def _judged(settings: Settings, found: Survey, ours: datetime) -> list[Check]:
    from coordinator.doctor.condition import clock, functions_check, policies_check, rights_check, rls_check

    name, there = "database", f"{found.server}, {found.place}"
    if settings.over_rpc:
        # The stories are in the project; here is only what its API has no place for.
        return [Check(name, True, f"{there}: for this node's queue" if settings.database_url is None else there)]
    checks = [Check(name, True, there), _migrations(found, embedded=settings.database_url is None)]
    if found.history.applied:
        checks += [_roles(found), functions_check(found.state, found.expected), rls_check(found.state)]
        checks += [policies_check(found.state, found.expected), rights_check(found.state, found.expected)]
    if settings.database_url is not None:
        checks.append(clock(found.state.at, ours, "the database's"))
    return checks


@asynccontextmanager
async def _url(settings: Settings) -> AsyncIterator[str]:
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    from coordinator.store.embedded import EmbeddedPostgres

    server = await EmbeddedPostgres.start(settings.data_dir)
    try:
        yield server.admin_url
    finally:
        await server.stop()


def _migrations(found: Survey, *, embedded: bool) -> Check:
    from coordinator.store import migrate

    name, history = "migrations", found.history
    if history.unknown:
        return Check(
            name, False, f"the database has {history.unknown[-1]}, newer than this version", "Upgrade Storyloom."
        )
    if not history.pending:
        return Check(name, True, f"all {len(history.applied)} applied")
    if embedded:
        return Check(name, True, f"{len(history.pending)} to be applied by themselves at the next start")
    return Check(name, False, migrate.behind(history), "Run `storyloom migrate`.")


def _roles(found: Survey) -> Check:
    if not found.roles_out_of_reach:
        return Check("roles", True, "the login may act as anon, authenticated and service_role")
    missing = ", ".join(found.roles_out_of_reach)
    return Check(
        "roles", False, f"the login can't act as {missing}", f"As a superuser, run `grant {missing} to` the login."
    )
