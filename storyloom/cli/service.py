"""The commands of whoever runs the service: serve, token, migrate, doctor."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from storyloom.cli.options import Json, bounded, plain_console, tell
from storyloom.cli.program import FAILED
from storyloom.cli.work import run


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
    admin: Annotated[bool, typer.Option("--admin", help="An administrator's.")] = False, as_json: Json = False
) -> None:
    """Print a token for a local service."""
    from api.identity.auth import local_token
    from coordinator.settings import load_settings

    settings = load_settings()
    issued = local_token(settings, admin=admin)
    tell({"access_token": issued, "expires_in": int(settings.token_ttl_s)} if as_json else issued)


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
