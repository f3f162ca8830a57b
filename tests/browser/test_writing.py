"""Start, watch, come back: what a writer sees while a story is written, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Visitor
from tests.browser.pages import begin, finished, story, text, writing
from tests.service import PROMPT, Service

SETTINGS = {"offline_words_per_second": 260}


async def test_a_story_is_written_before_ones_eyes_and_goes_on_after_a_reload(service: Service, page: Page) -> None:
    session_id = await begin(page)
    assert re.fullmatch(r"[0-9a-f-]{36}", session_id)
    await expect(page.locator(".session .id code")).to_have_text(session_id)
    await expect(page.get_by_role("list", name="The cast").get_by_role("listitem")).to_have_count(4)
    await writing(page)
    await expect(page.locator('.cast [data-agent="writer"]')).to_contain_text("writing")
    await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"\d+"))
    await expect(page.locator(".figures")).to_contain_text("words")
    assert await page.evaluate("document.getAnimations().length") == 0, "who wants no motion gets none"
    await expect(page.locator(".talk")).to_contain_text(PROMPT)
    seen = await writing(page, 40)
    await page.reload()
    # What was told in the last moment follows what is kept.
    after = await writing(page, len(seen.split()))
    # On a slow machine the story is being polished by then: a word of it may be another.
    assert after.split()[:5] == seen.split()[:5], "what was there is not there again"
    await finished(page)
    kept = await story(service, page, session_id)
    assert await text(page) == kept
    await page.reload()
    await finished(page)
    assert await text(page) == kept


async def test_who_begins_while_the_page_signs_them_in_is_one_writer(page: Page) -> None:
    asked, begun = [], asyncio.Event()

    async def held(route: Route) -> None:
        asked.append(route)
        await begun.wait()
        await route.continue_()

    await page.route("**/api/auth/anonymous", held)
    await page.goto("/")
    async with page.expect_request("**/api/auth/anonymous"):
        # For the estimate, soon after who types pauses.
        await page.get_by_label("What the story should be about").fill(PROMPT)
    await page.get_by_role("button", name="Begin the story").click()
    begun.set()
    await page.wait_for_url("**/s/*")
    await writing(page, 1)
    assert len(asked) == 1


async def test_a_lost_network_is_told_and_made_good(visitor: Visitor, service: Service, page: Page) -> None:
    visitor.expected = ("ERR_INTERNET_DISCONNECTED",)
    session_id = await begin(page)
    seen = await writing(page, 20)
    await page.context.set_offline(True)
    await expect(page.locator(".session > .trouble")).to_contain_text("You are offline")
    at_most = await text(page)
    assert seen[:80] in at_most
    # A notice can be used while a dialog is open.
    await page.get_by_role("button", name="Rename").click()
    await page.get_by_role("button", name="Save").click()
    notice = page.locator("dialog .toast", has_text="The service can't be reached")
    await notice.get_by_role("button", name="Close").click()
    await expect(notice).to_have_count(0)
    await page.keyboard.press("Escape")
    await page.context.set_offline(False)
    await expect(page.locator(".session > .trouble")).to_be_hidden()
    await finished(page)
    assert await text(page) == await story(service, page, session_id)


async def test_two_tabs_show_the_same(service: Service, visitor: Visitor) -> None:
    first = await visitor.page()
    # So long that nobody is too late to cancel it.
    session_id = await begin(first, pages=20)
    await writing(first)
    second = await visitor.tab(first.context)
    await second.goto(first.url)
    await writing(second, 1)
    await second.get_by_role("button", name="Cancel").click()
    await second.get_by_role("button", name="Cancel the story").click()
    for page in (first, second):
        await expect(page.locator(".session .status")).to_have_text("Cancelled")
    assert (await first.locator(".session .id code").inner_text()) == session_id
    assert await text(first) == await text(second)


async def test_on_a_phone_all_of_it_fits(visitor: Visitor) -> None:
    page = await visitor.page(360, 740, is_mobile=True, has_touch=True)
    await begin(page)
    await writing(page)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    dock = await page.locator(".dock").bounding_box()
    assert dock is not None and dock["y"] + dock["height"] <= 741, "the note box is not on the screen"
    for address in ("/", "/dashboard", "/sign-in"):
        await page.goto(address)
        await expect(page.locator("h1").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, address
