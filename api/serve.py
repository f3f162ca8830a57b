"""Running the app: in the foreground for `storyloom serve`, or inside another process for the command line."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from typing import cast

import uvicorn
import uvloop
from fastapi import FastAPI

from api.app import create_app, running
from api.bounds.connections import Connections
from api.ending import on_signals
from api.identity.auth import local_token
from api.state import State
from coordinator.errors import Misconfigured
from coordinator.settings import Settings, unknown_settings
from coordinator.telemetry import logs

logger = logging.getLogger(__name__)
Announcement = Callable[[Settings, str], None]

DRAIN_S = 10
"""Open requests and sockets have this long to end at a shutdown."""
LAST_WORD_S = 0.5
"""Who has connected at the last moment of a drain has sent its request by then."""
COLLECT_EVERY = 5_000, 40
"""New objects between two collections of the youngest garbage, and how many of these make one of the next older. With
Python's own 700 and 10 ten thousand sockets that come at once spend a fifth of their time in the collector, which finds
next to nothing. Many more than 5,000 are no longer in the processor's cache when they are looked at."""
UNREAD_S = 60
"""A connection that takes nothing of what is sent for this long is ended by the kernel; no close frame can reach it."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """A service inside this process, and a token of the machine's own writer; "" where users sign in elsewhere."""

    url: str
    token: str


def serve(settings: Settings) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. Raises Misconfigured where it can't start, or has lost its database."""
    # A library's advertisement has no place in a log.
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    _allow_open_files()
    form = logs.set_up(settings.log_level, settings.log_format)
    for told in unknown_settings():
        logger.warning("%s", told)
    with closing(_listen(settings.host, settings.port)) as listening:
        uvloop.run(_serve(settings, listening, _announce if form == "text" else _log_start))


def _allow_open_files() -> None:
    """As many as may be: each connection is one, and the usual limit is made for programs that serve nobody."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems name no limit here and have one all the same.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(settings: Settings, listening: socket.socket, tell: Announcement) -> None:
    ending = _Ending()
    with on_signals(ending.asked):
        try:
            async with running(settings) as state:
                # What the start has made stays: no collection need look at it again.
                gc.collect()
                gc.freeze()
                gc.set_threshold(*COLLECT_EVERY)
                server = _Server(_config(settings, create_app(settings, state), state.connections))
                announcing = asyncio.create_task(_told(settings, server, listening, tell))
                async with ending.of(server, state):
                    with _watched(state, server):
                        await server.serve([listening])
                announcing.cancel()
        except asyncio.CancelledError:
            if not ending.begun:
                raise


@asynccontextmanager
async def in_process(settings: Settings, *, run_stories: bool = True) -> AsyncIterator[InProcess]:
    """A service on a free loopback port for as long as the block runs; drained and stopped at its end."""
    # Who ends it at a keyboard does not want to wait: the story goes on from its last finished step.
    settings = settings.model_copy(update={"drain_s": 0})
    with closing(_listen("127.0.0.1", 0)) as listening:
        async with running(settings, run_stories=run_stories) as state:
            server = _Server(_config(settings, create_app(settings, state), state.connections, quiet=True))
            serving = asyncio.create_task(server.serve([listening]), name="in-process service")
            try:
                await server.ready.wait()
                port = listening.getsockname()[1]
                token = "" if settings.supabase_url else local_token(settings)
                async with _while_it_can(state):
                    yield InProcess(f"http://127.0.0.1:{port}", token)
            finally:
                server.should_exit = True
                await asyncio.gather(serving, return_exceptions=True)


@contextmanager
def _watched(state: State, server: _Server) -> Iterator[None]:
    """Ends the server, and raises Misconfigured, when the embedded database is lost for good."""
    lost = state.keeper.gave_up if state.keeper is not None else None
    if lost is not None:
        lost.add_done_callback(lambda _: server.end())
    yield
    if lost is not None and lost.done():
        raise lost.result()


@asynccontextmanager
async def _while_it_can(state: State) -> AsyncIterator[None]:
    """Ends the block in the same case, as a timeout would."""
    lost = state.keeper.gave_up if state.keeper is not None else None
    inside = asyncio.current_task()
    assert inside is not None

    def end(_: asyncio.Future[Misconfigured]) -> None:
        inside.cancel()

    if lost is not None:
        lost.add_done_callback(end)
    try:
        yield
    except asyncio.CancelledError:
        if lost is None or not lost.done():
            raise
        inside.uncancel()
        raise lost.result() from None
    finally:
        if lost is not None:
            lost.remove_done_callback(end)


class _Ending:
    """What signals do. The first ends the start, whose beginnings are ended in order, or lets the service end; the next
    does not wait any longer."""

    def __init__(self) -> None:
        self.begun = False
        self._starting = asyncio.current_task()
        self._serving: tuple[_Server, State] | None = None
        self._leaving: asyncio.Task[None] | None = None

    def asked(self, number: int) -> None:
        again, self.begun = self.begun, True
        if self._serving is None:
            assert self._starting is not None
            if not again:
                self._starting.cancel()
            return
        server, state = self._serving
        state.departure.leaving = True
        # Only a terminal sends the others, where somebody waits for the end.
        if not again and number == signal.SIGTERM and state.departure.watched and state.settings.drain_s:
            self._leaving = asyncio.create_task(self._leave(server, state), name="leaving")
        else:
            server.end()

    @asynccontextmanager
    async def of(self, server: _Server, state: State) -> AsyncIterator[None]:
        """From now on signals end this."""
        self._serving = server, state
        try:
            yield
        finally:
            if self._leaving is not None:
                self._leaving.cancel()
                await asyncio.gather(self._leaving, return_exceptions=True)

    async def _leave(self, server: _Server, state: State) -> None:
        """Requests are served on while load balancers see that no more should come, and stories end their steps."""
        logger.info("this node ends in %g s, when load balancers have seen it", state.settings.drain_s)
        async with asyncio.TaskGroup() as both:
            if state.engine is not None:
                both.create_task(state.engine.close())
            await asyncio.sleep(state.settings.drain_s)
            server.stop_listening()
            await asyncio.sleep(LAST_WORD_S)
            if not server.should_exit:
                server.end()


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready and leaves signals to others."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop_listening(self) -> None:
        """Nobody can connect any more; who has goes on being served."""
        for server in self.servers:
            server.close()

    def end(self) -> None:
        """Stop serving; asked a second time, without waiting for those who are still connected."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _config(settings: Settings, app: FastAPI, connections: Connections, *, quiet: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # They are called as the classes that the server expects.
        http=cast(type[asyncio.Protocol], connections.http),
        ws=cast(type[asyncio.Protocol], connections.websocket),
        ws_max_size=settings.frame_bytes,
        ws_ping_interval=settings.heartbeat_s,
        ws_ping_timeout=settings.heartbeat_s,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        # Below that are its own access lines, with what follows the path: `api.guards.requests` logs requests.
        log_level="critical" if quiet else "warning",
        access_log=False,
        timeout_graceful_shutdown=DRAIN_S,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(_as_peers(settings.trusted_proxies)),
    )


def _as_peers(proxies: list[str]) -> Iterator[str]:
    """The proxies as the server sees them: where it listens on IPv6 too, one of IPv4 has a mapped address."""
    for proxy in proxies:
        yield proxy
        network = ip_network(proxy)
        if network.version == 4:
            yield f"::ffff:{network.network_address}/{96 + network.prefixlen}"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # For all that it accepts. An answer goes out in two parts: the second would wait for the client's late
        # acknowledgement of the first, 40 ms. asyncio sees to that itself only for a socket that names its protocol.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_S * 1000)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Misconfigured(
            f"The service can't listen on {host}:{port} ({error.strerror}): stop what uses it, "
            "or choose another with --port or STORYLOOM_PORT."
        ) from error
    return listening


async def _told(settings: Settings, server: _Server, listening: socket.socket, tell: Announcement) -> None:
    await server.ready.wait()
    host, port = listening.getsockname()[:2]
    tell(settings, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _log_start(settings: Settings, address: str) -> None:
    # Without a token: a log is kept, and read by many.
    about = {"model": settings.default_model, "database": _database(settings)}
    logger.info("listening on http://%s", address, extra=about)


def _announce(settings: Settings, address: str) -> None:
    lines = [
        f"Storyloom is listening on http://{address}",
        f"  WebSocket    ws://{address}/ws/stories",
        f"  API          http://{address}/openapi.json",
        f"  model        {settings.default_model}",
        f"  database     {_database(settings)}",
        f"  sign-in      at {settings.supabase_url}"
        if settings.supabase_url
        else f"  admin token  {local_token(settings, admin=True)}",
    ]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _database(settings: Settings) -> str:
    if settings.over_rpc:
        return "the Supabase project's, over its API: what other nodes write is looked for once a second"
    return "your own" if settings.database_url else f"embedded, in {settings.data_dir}"
