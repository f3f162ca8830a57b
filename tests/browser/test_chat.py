"""A talk as a writer has it: said, answered, stopped, gone another way with, and a story begun out of it; nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect
from pydantic import SecretStr

from coordinator.store.embedded import EmbeddedPostgres
from tests.browser.conftest import Visitor
from tests.conftest import cloned, settings_of
from tests.model_server import ModelServer, Reply
from tests.service import Service, serving

MODEL = "openai:test"
PROPOSAL = {
    "prompt": "A keeper who answers the light, and what answers her.",
    "template": "noir",
    "pages": 1,
    "protagonist": "Mara",
}


@pytest.fixture(scope="module")
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
async def service(
    browser: Browser, postgres: EmbeddedPostgres, model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """Its model answers as the tests say."""
    async with cloned(postgres) as database:
        settings = settings_of(
            database,
            tmp_path_factory.mktemp("data"),
            models=[MODEL],
            model_base_url=model.url,
            model_api_key=SecretStr("k"),
            model_attempts=1,
            model_timeout_s=30,
            event_flush_s=0.05,
        )
        async with serving(settings) as made:
            yield made


async def begun(page: Page, text: str) -> str:
    """A chat, begun with that; answers its id."""
    await page.goto("/chat")
    await page.get_by_label("Model").select_option(MODEL)
    await page.get_by_label("What is on your mind?").fill(text)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/chat/*-*")
    return page.url.rpartition("/")[2]


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Message to Muse").fill(text)
    await page.keyboard.press("Enter")


async def rests(page: Page) -> None:
    await expect(page.locator('.turn:last-child:not(.mine)[data-is="kept"]')).to_be_visible()
    await expect(page.get_by_role("button", name="Stop the answer")).to_be_hidden()


async def lines(page: Page) -> list[str]:
    return [text.strip() for text in await page.locator(".turn .said").all_inner_texts()]


async def test_a_talk_from_the_first_word_to_the_story_that_comes_of_it(page: Page, model: ModelServer) -> None:
    model.script(Reply(text="Who keeps the **light**, and whom does she miss?"))
    chat = await begun(page, "A light that answers.\n<b>bold</b>")
    await rests(page)
    assert await lines(page) == ["A light that answers.\n<b>bold</b>", "Who keeps the light, and whom does she miss?"]
    await expect(page.locator(".turn .said strong")).to_have_text("light")
    model.script(Reply(text="She waits for her brother, who was lost in the storm of the year before.", hang_after=5, when="Mara does"))
    await say(page, "Mara does. Whom?")
    await expect(page.locator('.turn[data-is="writing"]')).to_contain_text("brother")
    # In the middle of the answer: it is there again, and it can be stopped.
    await page.reload()
    await expect(page.locator('.turn[data-is="writing"]')).to_contain_text("She waits for her brother")
    await page.get_by_role("button", name="Stop the answer").click()
    await rests(page)
    last = page.locator(".turn").last
    await expect(last).to_contain_text("Stopped here.")
    await expect(last.locator(".said")).to_contain_text("She waits for her")
    model.script(Reply(text="She waits for nobody.", when="Mara does"))
    await last.get_by_role("button", name="Another answer").click()
    await expect(last.locator(".said")).to_have_text("She waits for nobody.")
    await expect(last.locator(".siblings")).to_contain_text("2 / 2")
    await last.get_by_role("button", name="Version before").click()
    await expect(last.locator(".said")).to_contain_text("brother")
    await expect(last.locator(".siblings")).to_contain_text("1 / 2")
    await expect(last.get_by_role("button", name="Next version")).to_be_focused()
    await last.get_by_role("button", name="Next version").click()
    await expect(last.locator(".said")).to_have_text("She waits for nobody.")
    model.script(Reply(text="Then it is the light that waits for her.", when="is alone"))
    await page.get_by_role("button", name="Edit the message").last.click()
    await page.get_by_label("Your message").fill("Mara does, and she is alone.")
    await page.keyboard.press("Enter")
    await expect(last.locator(".said")).to_have_text("Then it is the light that waits for her.")
    await rests(page)
    assert (await lines(page))[2] == "Mara does, and she is alone."
    await expect(page.get_by_role("group", name="Versions of the message")).to_contain_text("2 / 2")
    model.script(Reply(text="Here it is.", args=PROPOSAL, tool_name="propose_story", when="Write it"), Reply(text="Press the button.", when="Write it"))
    await say(page, "Write it")
    card = page.get_by_role("region", name="A story to be written")
    await expect(card).to_contain_text("A keeper who answers the light")
    await expect(card).to_contain_text("Noir")
    await expect(card).to_contain_text("1 page")
    await rests(page)
    await card.get_by_role("button", name="Write this story").click()
    await expect(card.get_by_role("link")).to_have_attribute("href", re.compile(r"/s/[0-9a-f-]{36}"))
    await expect(card.locator(".status")).to_have_text("Finished")
    await page.reload()
    await expect(card.locator(".status")).to_have_text("Finished")
    await card.get_by_role("link").click()
    await expect(page.locator(".session .status")).to_have_text("Finished")
    await page.goto("/chats")
    await expect(page.get_by_role("link", name=re.compile("light", re.IGNORECASE)).first).to_have_attribute("href", f"/chat/{chat}")
