"""The commands that write a story, or go on with one, while whoever types them watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from storyloom.cli import texts
from storyloom.cli.options import (
    TITLE_CHARACTERS,
    Json,
    Server,
    SessionId,
    Token,
    bounded,
    commands_of,
    plain_console,
    where_of,
)
from storyloom.cli.program import Wrong
from storyloom.cli.work import run

if TYPE_CHECKING:
    from storyloom.cli.commands import Commands
    from storyloom.cli.doors import Where
    from storyloom.cli.follow import View
    from storyloom.cli.gates import Ask

PROMPT_CHARACTERS = 20_000
GATES = ("outline", "draft", "final")
SEEDS = 2**63

BudgetTokens = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Tokens that the story may use, in and out, all agents together.")
]
BudgetUsd = Annotated[float | None, typer.Option(metavar="X", help="The same in US dollars.")]


def write(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the story is about; - reads standard input.")],
    template: Annotated[str | None, typer.Option(metavar="NAME", help="The kind of story.")] = None,
    pages: Annotated[int | None, typer.Option(min=1, max=100, metavar="N", help="Length; a page is 300 words.")] = None,
    protagonist: Annotated[str | None, typer.Option(metavar="TEXT", help="Who it is about.")] = None,
    tone: Annotated[str | None, typer.Option(metavar="TEXT", help="How it should sound.")] = None,
    language: Annotated[str | None, typer.Option(metavar="TEXT", help="Otherwise that of the prompt.")] = None,
    model: Annotated[str | None, typer.Option(metavar="PROVIDER:NAME", help="Otherwise the server's default.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=SEEDS - 1, metavar="N", help="Same seed, same choices.")
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Otherwise the writer finds one.")] = None,
    approve: Annotated[
        str | None, typer.Option(metavar="GATES", help="Ask you before it goes on: outline,draft,final or some.")
    ] = None,
    budget_tokens: BudgetTokens = None,
    budget_usd: BudgetUsd = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Write a story and watch it come to be."""
    prompt = texts.read(prompt, "PROMPT") if prompt == texts.STANDARD_INPUT else prompt
    prompt = bounded("PROMPT", prompt, PROMPT_CHARACTERS)
    config: dict[str, Any] = {"pages": pages, "seed": seed}
    for name, value in {"protagonist": protagonist, "tone": tone, "language": language, "model": model}.items():
        config[name] = bounded(f"--{name}", value, 200) if value is not None else None
    title = bounded("--title", title, TITLE_CHARACTERS) if title is not None else None
    config["approvals"] = _gates(approve) if approve is not None else None
    config["budget"] = _budget(budget_tokens, budget_usd)
    where = where_of(server, token)

    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import follow

    commands = commands_of(where)
    view = _view(commands, as_json)

    async def work() -> int:
        # The view stands before the service does: starting that takes a moment in which something should be seen.
        with view:
            async with open_client(where, run_stories=True, on_lost=view.lost) as client:
                chosen = {key: value for key, value in config.items() if value is not None}
                events = client.write(prompt, template=template, title=title, config=chosen)
                return await follow(client, events, view, commands, ask=_ask(view))

    raise typer.Exit(run(work))


def attach(session_id: SessionId, server: Server = None, token: Token = None, as_json: Json = False) -> None:
    """Watch a story, from where it is to its end."""
    _watch(session_id, where_of(server, token), as_json, resume=False)


def resume(
    session_id: SessionId,
    budget_tokens: BudgetTokens = None,
    budget_usd: BudgetUsd = None,
    server: Server = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Go on with a paused, failed or expired story, and watch it."""
    budget = _budget(budget_tokens, budget_usd)
    _watch(session_id, where_of(server, token), as_json, resume=True, budget=budget)


def _watch(
    session_id: UUID, where: Where, as_json: bool, *, resume: bool, budget: dict[str, Any] | None = None
) -> None:
    from storyloom.cli.doors import open_client
    from storyloom.cli.follow import follow
    from storyloom.errors import ClientError

    commands = commands_of(where)
    view = _view(commands, as_json)

    async def work() -> int:
        with view:
            async with open_client(where, run_stories=True, on_lost=view.lost) as client:
                if resume:
                    limits = {f"budget_{name}": limit for name, limit in (budget or {}).items()}
                    try:
                        await client.resume(session_id, **limits)
                    except ClientError as error:
                        # A story that runs already, because the service itself took it up, is as good as resumed.
                        if error.code != "conflict" or (await client.session(session_id)).status != "active":
                            raise
                        if budget:
                            await client.set_budget(session_id, **budget)
                return await follow(client, client.watch(session_id), view, commands, session_id, _ask(view))

    raise typer.Exit(run(work))


def _gates(value: str) -> list[str]:
    named = list(dict.fromkeys(word.strip() for word in value.split(",")))
    if not set(named) <= set(GATES):
        raise Wrong(f"--approve takes {', '.join(GATES)}, with commas between them.")
    return named


def _budget(tokens: int | None, usd: float | None) -> dict[str, Any] | None:
    if usd is not None and not 0 < usd < float("inf"):
        raise Wrong("--budget-usd is an amount of US dollars above 0.")
    given = {name: limit for name, limit in {"tokens": tokens, "usd": usd}.items() if limit is not None}
    return given or None


def _ask(view: View) -> Ask | None:
    """How to ask whoever watches; None where nobody can answer."""
    from storyloom.cli.keyboard import ask, can_ask
    from storyloom.cli.plain import Quiet

    return None if isinstance(view, Quiet) or not can_ask() else ask


def _view(commands: Commands, as_json: bool) -> View:
    from storyloom.cli.plain import Frames, Lines

    if as_json:
        return Frames()
    console = plain_console()
    if not console.is_terminal or console.is_dumb_terminal:
        return Lines(commands)

    from storyloom.cli.display import Display

    return Display(console, commands)
