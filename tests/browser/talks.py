"""What the tests do in a chat, as a person would say it, and a service whose model answers as they say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, expect
from pydantic import SecretStr

from coordinator.store.embedded import EmbeddedPostgres
from tests.conftest import cloned, settings_of
from tests.model_server import ModelServer
from tests.service import Service, serving

MODEL = "openai:test"
PROPOSAL = {
    "prompt": "A keeper who answers the light, and what answers her.",
    "template": "noir",
    "pages": 1,
    "protagonist": "Mara",
}


@asynccontextmanager
async def talking(postgres: EmbeddedPostgres, model: ModelServer, data_dir: Path) -> AsyncIterator[Service]:
    async with cloned(postgres) as database:
        settings = settings_of(
            database,
            data_dir,
            models=[MODEL],
            model_base_url=model.url,
            model_api_key=SecretStr("k"),
            model_attempts=1,
            model_timeout_s=30,
            event_flush_s=0.05,
        )
        async with serving(settings) as made:
            yield made


async def begun(page: Page, text: str, address: str = "/chat") -> str:
    """A chat with the tests' model, begun with that; answers its id."""
    await page.goto(address)
    await page.get_by_label("Model").select_option(MODEL)
    await page.get_by_label("What is on your mind?").fill(text)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/chat/*-*")
    return page.url.rpartition("/")[2]


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Message to Muse").fill(text)
    await page.keyboard.press("Enter")


async def rests(page: Page) -> None:
    await expect(page.locator('.turn:last-child:not(.mine)[data-is="kept"]')).to_be_visible(timeout=20_000)
    await expect(page.get_by_role("button", name="Stop the answer")).to_be_hidden()


async def lines(page: Page) -> list[str]:
    return [text.strip() for text in await page.locator(".turn .said").all_inner_texts()]
