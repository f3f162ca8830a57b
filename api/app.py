"""The app and its lifespan: the one place where database, store, manager, models and engine are put together."""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors, pages
from api.bounds.addresses import Addresses
from api.bounds.connections import Connections
from api.bounds.rates import Rates
from api.ending import Departure
from api.guards.heads import Heads
from api.guards.hosts import Hosts, Names
from api.guards.limits import BodyLimit, RestLimit
from api.guards.origins import Cors
from api.guards.requests import Requests
from api.identity.auth import LocalAuth, own_secret
from api.identity.bots import BotTokens
from api.identity.hosted import SupabaseAuth, project_token
from api.live import asyncapi, socket
from api.live.protocol import ADDRESS
from api.rest import (
    admin,
    catalog,
    chat,
    chat_stream,
    export,
    health,
    keys,
    ledger,
    profiles,
    projects,
    sessions,
    shares,
    talks,
    users,
    versions,
)
from api.rest.openapi import Documented
from api.state import State
from coordinator.admins import listed_ids
from coordinator.agents.library import load_library
from coordinator.errors import Misconfigured
from coordinator.export.press import Press
from coordinator.export.record import Records
from coordinator.llm.models import Models
from coordinator.llm.prices import load_prices
from coordinator.models import Identity
from coordinator.people.bots import BotUsers
from coordinator.people.erasures import Erasures
from coordinator.people.projects import Projects
from coordinator.people.shares import Shares
from coordinator.people.signins import LocalSignIns, ProjectSignIns, SignIns
from coordinator.people.vault import Seal, Vault, secrets_of
from coordinator.running.accounts import Accounts
from coordinator.running.administration import Administration
from coordinator.running.chats import Answers, ChatCoordinator, NoAnswers
from coordinator.running.stories import NoRuns, Runs, StoryCoordinator
from coordinator.sessions.held import Held
from coordinator.sessions.manager import StorySessionManager
from coordinator.sessions.memory import Room
from coordinator.sessions.snapshots import Snapshots
from coordinator.sessions.streams import Streams
from coordinator.sessions.wakeups import Wakeups
from coordinator.settings import Settings
from coordinator.store import Store, schema
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import UNLOGGED, EmbeddedPostgres
from coordinator.store.keeper import Keeper
from coordinator.store.limits import limits_of
from coordinator.store.migrate import connected, migrate
from coordinator.store.node import NodeLock
from coordinator.store.transport import Transport
from coordinator.supabase.hosted import check_keys, project_url
from coordinator.telemetry.logs import about
from coordinator.telemetry.traces import Traces
from coordinator.workers.workers import Workers

if TYPE_CHECKING:
    from coordinator.running.engine import Engine

logger = logging.getLogger(__name__)

CONNECTIONS_FOR_RUNS = 2
"""Of those to the database, left alone by readers who catch up."""
AUTH_TIMEOUT_S = 5


@functools.cache
def app_version() -> str:
    """Read once: each beat tells it, also when no more file can be opened."""
    try:
        return version("storyloom")
    except PackageNotFoundError:
        return "0"


class App(Documented):
    """Calls go through FastAPI's layers; a connection has no use for any of them, and comes to its door at once."""

    _stories: ASGIApp

    def answer_to(self, names: Names) -> None:
        """Under these names alone, and no other."""
        self.add_middleware(Hosts, names=names)
        self.add_middleware(Requests)
        self._stories = Requests(Hosts(socket.stories, names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == ADDRESS:
            scope["app"] = self
            await self._stories(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, state: State | None = None) -> FastAPI:
    """The service as an ASGI app: over a `state` that runs already, else one of its own for its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings) as own:
            app.state.storyloom = own
            yield

    app = App(
        title="Storyloom",
        version=app_version(),
        summary="A story-generation coordinator: a cast of agents writes, the writer watches and steers.",
        description="Live work goes over the WebSocket `/ws/stories`, described by `/asyncapi.json`; everything else "
        "is here. Errors are RFC 9457 problems. Every length and position is in characters, which are Unicode code "
        "points: not UTF-16 units, not bytes.",
        lifespan=lifespan,
        # No page that loads its scripts from elsewhere; /openapi.json is for tools.
        docs_url=None,
        redoc_url=None,
        # What a generated client calls its methods.
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.storyloom = state
    errors.install(app)
    app.add_middleware(Heads)
    larger = {("PUT", versions.DRAFTS): versions.BODY_BYTES, ("POST", chat.ADDRESS): chat.BODY_BYTES}
    app.add_middleware(BodyLimit, limit=settings.frame_bytes, larger=larger)
    app.add_middleware(RestLimit)
    if settings.allowed_origins:
        app.add_middleware(Cors, allowed=settings.allowed_origins)
    app.answer_to(Names.of(settings))
    for door in (
        health,
        catalog,
        versions,
        ledger,
        sessions,
        chat,
        chat_stream,
        talks,
        export,
        shares,
        projects,
        users,
        profiles,
        keys,
        admin,
        asyncapi,
        pages,
    ):
        app.include_router(door.router)
    return app


@asynccontextmanager
async def running(settings: Settings, *, run_stories: bool = True) -> AsyncIterator[State]:
    """Everything started in order, and ended in the reverse one. Without `run_stories` it reads and starts nothing.

    Raises Misconfigured with what to do where something can't be started.
    """
    async with AsyncExitStack() as stack:
        library = await asyncio.to_thread(load_library, settings.templates)
        await asyncio.to_thread(pages.files)
        models = Models(settings)
        stack.push_async_callback(models.close)
        # In a thread: it imports the providers' libraries, which takes a second or two.
        await asyncio.to_thread(models.verify)
        importing: asyncio.Task[None] | None = None
        if run_stories:
            # The models' library takes a second to import: beside the rest of the start, which mostly waits, but not
            # beside `verify`, which imports it too. Who only reads does not need it.
            importing = asyncio.create_task(asyncio.to_thread(_prepare_stories))
            stack.push_async_callback(asyncio.wait, [importing])
        auth = await _auth(settings, stack)
        lock = await asyncio.to_thread(NodeLock, settings.data_dir)
        stack.callback(lock.release)
        stack.enter_context(about(node=lock.node_id))
        traces = await asyncio.to_thread(Traces, settings.otlp_endpoint, version=app_version(), node=lock.node_id)
        stack.push_async_callback(traces.close)

        store, keeper = await _store(settings, stack)
        await schema.check(store.gateway, migrated=not settings.over_rpc)

        held = Held(settings.held_bytes)
        manager = StorySessionManager(
            store,
            Streams(),
            node=lock.node_id,
            ttl_s=int(settings.session_ttl_s),
            flush_s=settings.event_flush_s,
            room=Room(settings.cache_sessions, settings.cache_bytes, settings.cache_idle_s),
            keep={
                "failed": settings.keep_failed_s,
                "cancelled": settings.keep_cancelled_s,
                "expired": settings.keep_expired_s,
            },
        )
        if run_stories:
            await store.limits.set(limits_of(settings))
        secrets = await asyncio.to_thread(secrets_of, settings)
        vault = Vault(store.keys, Seal(secrets))
        sign_in = LocalSignIns(store).make
        if isinstance(auth, LocalAuth):
            for user_id in (auth.local_user("writer"), auth.local_user("admin")):
                await sign_in(Identity(user_id=user_id, role="authenticated", claims={"is_anonymous": False}))

        workers = Workers(settings.worker_processes, settings.worker_time_s, store.metrics)
        stack.push_async_callback(workers.close)
        engine: Engine | None = None
        runs: Runs = NoRuns()
        answers: Answers = NoAnswers()
        if importing is not None:
            await importing
            from coordinator.running.answering import Answering
            from coordinator.running.engine import Engine
            from coordinator.running.workflow import StoryWorkflow

            answers = Answering(
                manager,
                models,
                library,
                vault,
                turns=settings.turns_per_node,
                drain_s=settings.drain_s,
                traces=traces,
            )
            engine = await Engine.launch(
                manager,
                StoryWorkflow(manager, models, library, vault, workers, traces),
                lock,
                stories=settings.stories_per_node,
                per_user=settings.stories_per_user,
                dead_s=settings.node_dead_s,
                drain_s=settings.drain_s,
                answering=answers,
                about=lambda: {"version": app_version(), "address": f"{settings.host}:{settings.port}"},
            )
            stack.push_async_callback(engine.close)
            runs = engine
        wakeups = Wakeups(manager, engine, settings.event_flush_s)
        wakeups.begin()
        stack.push_async_callback(wakeups.close)
        coordinator = StoryCoordinator(manager, library, models, runs, workers)
        chats = ChatCoordinator(manager, library, coordinator, answers)
        stack.push_async_callback(chats.close)
        erasures = await Erasures.begin(store.signins)
        stack.push_async_callback(erasures.close)
        sign_ins = _sign_ins(settings, store, stack)
        accounts = Accounts(manager, runs, sign_ins, erasures)
        rates = Rates(settings)
        bots = BotUsers(store.profiles, sign_ins, erasures, rates.bot_user, _signing(settings))
        press = Press(at_once=settings.exports_at_once)
        stack.callback(press.close)
        catching_up = asyncio.Semaphore(max(1, settings.database_pool - CONNECTIONS_FOR_RUNS))
        snapshots = Snapshots(manager.record.snapshot, catching_up)
        stack.push_async_callback(snapshots.close)
        yield State(
            settings,
            app_version(),
            auth,
            manager,
            coordinator,
            chats,
            accounts,
            library,
            models,
            vault,
            engine,
            sign_in,
            bots,
            rates,
            Connections(settings, held),
            Addresses(store.limits, secrets[0]),
            traces,
            press,
            Records(),
            Shares(store.shares),
            Projects(manager, runs),
            Administration(manager, runs, settings.node_dead_s),
            workers,
            erasures,
            Departure(proxied=bool(settings.trusted_proxies)),
            keeper,
            snapshots,
            catching_up,
        )


def _prepare_stories() -> None:
    """What the first story or answer would else wait for, and the event loop with it."""
    importlib.import_module("coordinator.running.workflow")
    importlib.import_module("api.dialects.uistream")
    load_prices()


async def _auth(settings: Settings, stack: AsyncExitStack) -> LocalAuth | SupabaseAuth:
    """Who issues the tokens: the Supabase project where one is set, else the service itself."""
    if settings.supabase_url is None:
        return await asyncio.to_thread(LocalAuth.from_settings, settings)
    public, secret, jwt_secret = (
        key.get_secret_value() if key else None
        for key in (settings.supabase_publishable_key, settings.supabase_secret_key, settings.supabase_jwt_secret)
    )
    url = check_keys(settings.supabase_url, public, secret, jwt_secret, both_needed=settings.over_rpc)
    http = httpx.AsyncClient(limits=httpx.Limits(max_connections=4), timeout=AUTH_TIMEOUT_S)
    stack.push_async_callback(http.aclose)
    auth = SupabaseAuth(
        url,
        http,
        jwt_secret=jwt_secret,
        audience=settings.supabase_jwt_audience,
        issuer=settings.supabase_jwt_issuer,
        admins=listed_ids(settings.admin_user_ids),
        api_key=public,
        bots=BotTokens(await asyncio.to_thread(own_secret, settings)),
    )
    stack.push_async_callback(auth.close)
    await auth.prepare()
    return auth


async def _store(settings: Settings, stack: AsyncExitStack) -> tuple[Store, Keeper | None]:
    """The store over the transport that the settings ask for, and who looks after the embedded database."""
    if settings.over_rpc:
        store = await _store_over_rpc(settings)
    elif settings.database_url is not None:
        store = await _store_over_sql(settings, settings.database_url.get_secret_value())
    elif settings.supabase_url is not None:
        raise Misconfigured("STORYLOOM_TRANSPORT is direct, but there is no SUPABASE_DB_URL: set it, or take rpc.")
    else:
        return await _store_embedded(settings, stack)
    stack.push_async_callback(store.close)
    return store, None


async def _store_embedded(settings: Settings, stack: AsyncExitStack) -> tuple[Store, Keeper]:
    embedded = await EmbeddedPostgres.start(settings.data_dir)
    stack.push_async_callback(embedded.stop)
    await migrate(embedded.admin_url)
    async with connected(embedded.admin_url) as connection:
        await connection.execute(UNLOGGED)
    store = _store_on(await DirectTransport.open(embedded.url, settings.database_pool), settings)
    keeper = Keeper.begin(embedded, store.metrics)
    stack.push_async_callback(keeper.close)
    stack.push_async_callback(store.close)
    return store, keeper


async def _store_over_sql(settings: Settings, url: str) -> Store:
    await migrate(url)
    return _store_on(await DirectTransport.open(url, settings.database_pool), settings)


async def _store_over_rpc(settings: Settings) -> Store:
    # Late, because only this needs it and it takes most of a second.
    from coordinator.store.rpc import RpcTransport

    if not (settings.supabase_url and settings.supabase_secret_key and settings.supabase_publishable_key):
        raise Misconfigured(
            "STORYLOOM_TRANSPORT is rpc, which needs SUPABASE_URL, SUPABASE_SECRET_KEY and SUPABASE_PUBLISHABLE_KEY."
        )
    transport = await RpcTransport.open(
        project_url(settings.supabase_url),
        settings.supabase_secret_key,
        settings.supabase_publishable_key,
        connections=settings.database_pool,
    )
    return _store_on(transport, settings)


def _store_on(transport: Transport, settings: Settings) -> Store:
    return Store(transport, settings.database_wait_s, page_bytes=settings.page_bytes)


def _signing(settings: Settings) -> Callable[[Identity], SecretStr | None]:
    """The tokens that a bot's users are read with, where the database is asked over the project's API."""
    if not settings.over_rpc:
        return lambda _: None
    return functools.partial(
        project_token,
        secret=settings.supabase_jwt_secret,
        issuer=settings.supabase_jwt_issuer or f"{project_url(settings.supabase_url or '')}/auth/v1",
    )


def _sign_ins(settings: Settings, store: Store, stack: AsyncExitStack) -> SignIns:
    if settings.supabase_url is None:
        return LocalSignIns(store)
    http = httpx.AsyncClient(limits=httpx.Limits(max_connections=4), timeout=AUTH_TIMEOUT_S)
    stack.push_async_callback(http.aclose)
    return ProjectSignIns(project_url(settings.supabase_url), http, settings.supabase_secret_key)
