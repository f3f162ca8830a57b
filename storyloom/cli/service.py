"""The commands of whoever runs the service: serve, token, migrate, doctor."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated

import typer

from storyloom.cli.options import Json, bounded, plain_console, tell
from storyloom.cli.program import FAILED, Wrong
from storyloom.cli.work import run

DAY_S = 24 * 3600
BOT_TTL_S, LONGEST_BOT_S = 30 * DAY_S, 3650 * DAY_S
_TIME = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}


def serve(
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")] = None,
) -> None:
    """Run the service: studio, WebSocket and REST."""
    host = bounded("--host", host, 255) if host is not None else None

    from api.serve import serve as serve_forever
    from coordinator.settings import load_settings

    given = {"host": host, "port": port}
    serve_forever(load_settings(**{name: value for name, value in given.items() if value is not None}))


def token(
    admin: Annotated[bool, typer.Option("--admin", help="An administrator's.")] = False,
    bot: Annotated[str | None, typer.Option(metavar="NAME", help="A bot's, which speaks for users of its own.")] = None,
    ttl: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long a bot's is good, as 12h or 90d; otherwise 30d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a token for a service of this machine."""
    if bot is not None and admin:
        raise Wrong("--admin and --bot don't go together: no bot is an administrator.")
    if ttl is not None and bot is None:
        raise Wrong("--ttl goes with --bot: how long others are good says STORYLOOM_TOKEN_TTL_S.")
    if bot is not None:
        bot = _bot_name(bot)
    ttl_s = _seconds(ttl) if ttl is not None else BOT_TTL_S

    from api.identity.auth import bot_token, local_token
    from coordinator.settings import load_settings

    settings = load_settings()
    if bot is not None:
        issued = bot_token(settings, bot, ttl_s)
    else:
        issued, ttl_s = local_token(settings, admin=admin), int(settings.token_ttl_s)
    tell({"access_token": issued, "expires_in": ttl_s} if as_json else issued)


def _bot_name(text: str) -> str:
    from coordinator.errors import InvalidMessage
    from coordinator.people.bots import bot_name

    try:
        return bot_name(text)
    except InvalidMessage as error:
        raise Wrong(f"--bot: {error.message}") from None


def _seconds(text: str) -> int:
    found = _TIME.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 60 <= seconds <= LONGEST_BOT_S:
        raise Wrong("--ttl is a whole number with s, m, h or d, as 12h or 90d: from 1m to 3650d.")
    return seconds


def migrate(as_json: Json = False) -> None:
    """Bring the database's schema up to date."""
    from coordinator.settings import load_settings
    from coordinator.store.migrate import migrate_configured

    applied = run(lambda: migrate_configured(load_settings()))
    said = "\n".join(f"Applied {name}" for name in applied)
    tell({"applied": applied} if as_json else said or "Nothing to do: the database is up to date.")


def doctor(as_json: Json = False) -> None:
    """Check settings, database, keys and model, and say what to do."""
    from coordinator.doctor.doctor import examine
    from coordinator.settings import load_settings

    checks = run(lambda: examine(load_settings()))
    failed = sum(not check.ok for check in checks)
    if as_json:
        tell({"ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        from storyloom.cli.listing import checks_table, put

        console = plain_console()
        put(console, checks_table(console, checks))
        noted = ", ".join(check.name for check in checks if check.ok and check.remedy)
        well = f"Nothing failed; have a look at what is said of {noted}." if noted else "All is well."
        print(f"{failed} of {len(checks)} checks failed." if failed else well)
    if failed:
        raise typer.Exit(FAILED)
