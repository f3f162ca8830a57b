"""The studio of a service whose users sign in at a Supabase project: a server that npm brings plays the project."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Dialog, Page, Route, expect

from tests.browser.conftest import Visitor, visiting
from tests.browser.pages import finished
from tests.service import PROMPT, Service, serving
from tests.store.conftest import Project, short_folder, supabase, supabase_template
from tests.store.test_supabase_service import settings_for

__all__ = ["short_folder", "supabase", "supabase_template"]


@pytest.fixture
async def hosted(browser: Browser, supabase: Project, short_folder: Path) -> AsyncIterator[Service]:
    await supabase.empty()
    async with serving(settings_for(supabase, short_folder, "direct")) as service:
        yield service


@pytest.fixture
async def visitor(browser: Browser, hosted: Service) -> AsyncIterator[Visitor]:
    async with visiting(browser, hosted) as made:
        yield made


async def through_the_gateway(page: Page, project: Project) -> Page:
    """A hosted project's gateway lets any page send `apikey`; the server that plays it does not answer for that."""
    allowed = {
        "access-control-allow-origin": "*",
        "access-control-allow-headers": "apikey,authorization,content-type",
        "access-control-allow-methods": "GET,POST",
    }

    async def pass_on(route: Route) -> None:
        if route.request.method == "OPTIONS":
            await route.fulfill(status=204, headers=allowed)
            return
        answer = await route.fetch()
        await route.fulfill(response=answer, headers={**answer.headers, **allowed})

    await page.route(f"{project.lite.url}/auth/v1/**", pass_on)
    return page


async def test_signing_up_writing_and_coming_back_on_another_device(visitor: Visitor, supabase: Project) -> None:
    email = f"{uuid4()}@example.org"
    page = await through_the_gateway(await visitor.page(), supabase)
    await page.goto("/")
    await page.get_by_label("What the story should be about").fill(PROMPT)
    await page.get_by_role("spinbutton", name="Pages").fill("1")
    await page.get_by_role("button", name="Begin the story").click()
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill("a long password")
    await page.get_by_role("button", name="Sign up").click()
    # What was typed before is still there.
    await page.get_by_role("button", name="Begin the story").click()
    await finished(page)
    other = await through_the_gateway(await visitor.page(), supabase)
    await other.goto("/sign-in")
    await other.get_by_label("E-mail").fill(email)
    await other.get_by_label("Password").fill("a long password")
    await other.locator("form").get_by_role("button", name="Sign in").click()
    await other.get_by_role("link", name="My stories").click()
    await expect(other.locator(".story")).to_have_count(1)


async def test_a_link_by_mail_is_taken_out_of_the_address_and_a_strange_one_asks(
    visitor: Visitor, supabase: Project
) -> None:
    (writer,) = await supabase.new_users(1)
    assert writer.user_id is not None
    token = supabase.lite.token(writer.user_id, email="writer@example.org")
    link = f"/dashboard#access_token={token}&refresh_token=r&expires_in=3600&token_type=bearer&type=magiclink"
    stranger = await visitor.page()
    asked: list[str] = []

    async def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    stranger.on("dialog", refuse)
    await stranger.goto(link)
    await expect(stranger.get_by_role("heading", level=1)).to_be_visible()
    assert "writer@example.org" in asked[0]
    assert await stranger.evaluate("localStorage['storyloom.tokens']") is None
    assert "#" not in stranger.url
    expecting = await visitor.page()
    await expecting.add_init_script("localStorage['storyloom.magic-link'] ??= '{}'")
    await expecting.goto(link)
    await expect(expecting.get_by_role("heading", level=1)).to_have_text("My stories")
    assert "#" not in expecting.url
    assert "writer@example.org" in await expecting.evaluate("localStorage['storyloom.tokens']")
