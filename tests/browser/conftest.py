"""A real browser on a real service. Without Chromium these tests are skipped, and say how to get it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

from coordinator.store.embedded import EmbeddedPostgres
from tests.conftest import cloned, settings_of
from tests.service import Service, serving

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = "The browser tests did not run: there is no Chromium. `apt-get install chromium`, or say where one is with CHROMIUM=…"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
WAIT_MS = 20_000
VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`not allowed by ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
TOKEN = "eyJ"
"""What every JWT begins with."""


def chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip(HOW)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield launched
        finally:
            await launched.close()


@pytest.fixture(scope="module")
async def service(
    browser: Browser, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, request: Any
) -> AsyncIterator[Service]:
    """One for the module, with what its SETTINGS say."""
    async with cloned(postgres) as database:
        data_dir = tmp_path_factory.mktemp("data")
        settings = settings_of(database, data_dir, offline_words_per_second=3000, event_flush_s=0.05)
        async with serving(settings.model_copy(update=getattr(request.module, "SETTINGS", {}))) as made:
            yield made


class Visitor:
    """A person with a browser of their own. What the page complains about fails the test that caused it."""

    def __init__(self, browser: Browser, service: Service) -> None:
        self.browser, self.service = browser, service
        self.contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ()

    async def page(self, width: int = 1280, height: int = 900, *, script: str = "", **options: Any) -> Page:
        """`script` is run in each of its documents, before their own."""
        context = await self.browser.new_context(
            base_url=self.service.url,
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            locale="en-GB",
            **options,
        )
        self.contexts.append(context)
        await context.add_init_script(VIOLATIONS + script)
        return await self.tab(context)

    async def tab(self, context: BrowserContext) -> Page:
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda told: told.type == "error" and self.complaints.append(f"{page.url}: {told.text}"))
        page.on("request", self._address)
        return page

    def _address(self, request: Request) -> None:
        if TOKEN in request.url.partition("#")[0] or request.headers.get("referer"):
            self.complaints.append(f"{request.url} tells a token, or comes from {request.headers.get('referer')}")

    async def close(self) -> None:
        for context in self.contexts:
            await context.close()
        left = [told for told in self.complaints if not any(known in told for known in self.expected)]
        assert not left, left


@pytest.fixture
async def visitor(browser: Browser, service: Service) -> AsyncIterator[Visitor]:
    async with visiting(browser, service) as made:
        yield made


@asynccontextmanager
async def visiting(browser: Browser, service: Service) -> AsyncIterator[Visitor]:
    made = Visitor(browser, service)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def page(visitor: Visitor) -> Page:
    return await visitor.page()
