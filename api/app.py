"""The app and its lifespan: the one place where database, store, manager, models and engine are put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from api import admin, asyncapi, catalog, errors, health, sessions, socket
from api.auth import LocalAuth
from api.limits import BodyLimit
from api.openapi import Documented
from api.state import State
from coordinator.agents.library import load_library
from coordinator.engine import Engine
from coordinator.errors import Unavailable
from coordinator.llm.models import Models
from coordinator.models import SERVICE, Identity
from coordinator.sessions import StorySessionManager
from coordinator.settings import Settings
from coordinator.store import Store
from coordinator.store.direct import DirectTransport
from coordinator.store.embedded import EmbeddedPostgres
from coordinator.store.migrate import migrate
from coordinator.store.node import NodeLock
from coordinator.stories import NoRuns, Runs, StoryCoordinator
from coordinator.streams import Streams
from coordinator.workflow import StoryWorkflow

logger = logging.getLogger(__name__)

FOLLOW_S = 1.0
"""How often runs of other nodes are looked at for the readers here."""


def app_version() -> str:
    try:
        return version("storyloom")
    except PackageNotFoundError:
        return "0"


def create_app(settings: Settings, state: State | None = None) -> FastAPI:
    """The service as an ASGI app: over a `state` that runs already, else one of its own for its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings) as own:
            app.state.storyloom = own
            yield

    app = Documented(
        title="Storyloom",
        version=app_version(),
        summary="A story-generation coordinator: a cast of agents writes, the writer watches and steers.",
        description="Live work goes over the WebSocket `/ws/stories`, described by `/asyncapi.json`; everything else "
        "is here. Errors are RFC 9457 problems.",
        lifespan=lifespan,
        # No page that loads its scripts from elsewhere; /openapi.json is for tools.
        docs_url=None,
        redoc_url=None,
    )
    app.state.storyloom = state
    errors.install(app)
    app.add_middleware(BodyLimit, limit=settings.frame_bytes)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.allowed_origins, allow_methods=["*"],
            allow_headers=["authorization", "content-type", "idempotency-key"],
        )  # fmt: skip
    for router in (health.router, catalog.router, sessions.router, admin.router, socket.router, asyncapi.router):
        app.include_router(router)
    return app


@asynccontextmanager
async def running(settings: Settings, *, run_stories: bool = True) -> AsyncIterator[State]:
    """Everything started in order, and ended in the reverse one. Without `run_stories` it reads and starts nothing.

    Raises Misconfigured with what to do where something can't be started.
    """
    async with AsyncExitStack() as stack:
        library = await asyncio.to_thread(load_library, settings.templates)
        models = Models(settings)
        stack.push_async_callback(models.close)
        # In a thread: it imports the providers' libraries, which takes a second or two.
        await asyncio.to_thread(models.verify)
        auth = await asyncio.to_thread(LocalAuth.from_settings, settings)
        lock = await asyncio.to_thread(NodeLock, settings.data_dir)
        stack.callback(lock.release)

        admin_url, url = await _database(settings, stack)
        await migrate(admin_url)
        store = Store(await DirectTransport.open(url, settings.database_pool), settings.database_wait_s)
        stack.push_async_callback(store.close)

        manager = StorySessionManager(
            store, Streams(), node=lock.node_id, ttl_s=int(settings.session_ttl_s), flush_s=settings.event_flush_s,
            cache_sessions=settings.cache_sessions, cache_idle_s=settings.cache_idle_s,
        )  # fmt: skip
        sign_in = _sign_in(store)
        for who in ("writer", "admin"):
            await sign_in(Identity(user_id=auth.local_user(who), role="authenticated", claims={"is_anonymous": False}))

        engine: Engine | None = None
        runs: Runs = NoRuns()
        if run_stories:
            workflow = StoryWorkflow(manager, models, library)
            engine = await Engine.launch(admin_url, manager, workflow, lock, stories=settings.stories_per_node)
            stack.push_async_callback(engine.close)
            runs = engine
        follower = asyncio.create_task(_follow(manager), name="follower")
        stack.push_async_callback(_ended, follower)
        coordinator = StoryCoordinator(manager, library, models, runs)
        yield State(settings, app_version(), auth, manager, coordinator, library, models, engine, sign_in)


async def _database(settings: Settings, stack: AsyncExitStack) -> tuple[str, str]:
    """The addresses for migrations and engine, and for the store's own calls."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        return url, url
    embedded = await EmbeddedPostgres.start(settings.data_dir)
    stack.push_async_callback(embedded.stop)
    return embedded.admin_url, embedded.url


def _sign_in(store: Store) -> Callable[[Identity], Awaitable[None]]:
    async def sign_in(identity: Identity) -> None:
        """The user exists on return. Local auth keeps its users where Supabase Auth would."""
        await store.gateway.write(
            "local_sign_in", SERVICE, user_id=identity.user_id,
            is_anonymous=bool(identity.claims.get("is_anonymous")), app_metadata={"provider": "local"},
        )  # fmt: skip

    return sign_in


async def _follow(manager: StorySessionManager) -> None:
    while True:
        try:
            await manager.follow()
        except Unavailable:
            # Readers catch up when the database is back.
            pass
        except Exception:
            logger.warning("following the runs of other nodes failed", exc_info=True)
        await asyncio.sleep(FOLLOW_S)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
