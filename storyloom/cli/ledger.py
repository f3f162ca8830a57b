"""The command for a story's ledger: what contradicts itself, with both passages, and the writer's word on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyloom.cli.options import Json, Server, SessionId, Token, tell, where_of
from storyloom.cli.work import asked

if TYPE_CHECKING:
    from storyloom.client import Client


def ledger(
    session_id: SessionId,
    settle: Annotated[
        str | None, typer.Option(metavar="FINDING", help="Leave this finding as it is; its id, as it is listed.")
    ] = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show what in a story contradicts itself, and what became of it."""

    async def read(client: Client) -> Any:
        if settle is not None:
            await client.settle(session_id, settle)
        return await client.ledger(session_id)

    report = asked(where_of(server, token), read)
    if as_json:
        tell(report)
        return
    from storyloom.cli.prose import clean

    found = report["findings"]
    for finding in found:
        print(clean(f"{finding['id']}  {finding['sentence']}"))
        for section, quote in (
            (finding["earlier_section"], finding["earlier"]),
            (finding["section"], finding["later"]),
        ):
            where = f"section {section}" if section else "outline"
            print(clean(f"    {where}: “{' '.join(quote.split())}”"))
    settled = f"; {len(report['settled'])} settled" if report["settled"] else ""
    print(f"{len(found)} open{settled}." if found else f"Nothing contradicts itself, as far as can be told{settled}.")
