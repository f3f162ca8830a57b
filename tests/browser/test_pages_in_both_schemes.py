"""Each page, light and dark, wide and narrow: what axe finds, and a picture to look at in artifacts/."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import faults, source
from tests.browser.conftest import ARTIFACTS, Visitor
from tests.browser.pages import begin, finished
from tests.service import Service


async def sights(page: Page, admin: str) -> dict[str, str]:
    """The addresses of all pages, with something on each."""
    finished_id = await begin(page, template="Noir")
    await finished(page)
    await page.get_by_role("button", name="Share").click()
    await page.get_by_role("button", name="Make a link").click()
    link = await page.get_by_label("The link. It is shown this once:").input_value()
    gate_id = await begin(page, "The sea keeps its own ledger.", template="Fairy tale", gates=("the outline",))
    await expect(page.locator(".gate")).to_be_visible()
    return {
        "start": "/", "session": f"/s/{finished_id}", "gate": f"/s/{gate_id}", "read": f"/s/{finished_id}/read",
        "shared": link, "dashboard": "/dashboard", "account": "/sign-in", "nothing": "/s/00000000-0000-4000-8000-000000000000",
    }  # fmt: skip


@pytest.fixture
async def axe() -> str:
    return source()


async def test_axe_finds_nothing_on_any_page(visitor: Visitor, service: Service, axe: str) -> None:
    visitor.expected = ("404",)
    page = await visitor.page()
    seen = await sights(page, service.admin_token())
    state = await page.context.storage_state()
    ARTIFACTS.mkdir(exist_ok=True)
    for scheme, width in (("light", 1280), ("dark", 390)):
        there = await visitor.page(width, 900, color_scheme=scheme, storage_state=state)
        for name, address in seen.items():
            await there.goto(address)
            await expect(there.locator("h1").first).to_be_visible()
            if name in ("session", "gate"):
                await expect(there.locator(".gate" if name == "gate" else ".prose p").first).to_be_visible()
            assert await faults(there, axe) == [], f"{name}, {scheme}"
            await there.screenshot(path=ARTIFACTS / f"{name}-{scheme}.png", full_page=True)
        await there.goto(seen["session"])
        for tab in ("Steps", "Versions", "Scores"):
            await there.get_by_role("tab", name=tab).click()
            await expect(there.get_by_role("tabpanel", name=tab).locator("li, tr").first).to_be_visible()
            assert await faults(there, axe) == [], f"{tab}, {scheme}"
        await there.get_by_role("button", name="Edit").click()
        await expect(there.locator("dialog")).to_be_visible()
        assert await faults(there, axe) == [], f"edit, {scheme}"


async def test_axe_finds_nothing_for_admins_who_see_and_end_a_session(
    visitor: Visitor, service: Service, axe: str
) -> None:
    writer = await visitor.page()
    session_id = await begin(writer, "The sea keeps its own ledger.", gates=("the outline",))
    await expect(writer.locator(".gate")).to_be_visible()
    for scheme, width in (("light", 1280), ("dark", 390)):
        page = await visitor.page(width, 900, color_scheme=scheme)
        await page.goto("/sign-in")
        await page.locator("summary", has_text="I have a key").click()
        await page.get_by_label("Key", exact=True).fill(service.admin_token())
        await page.locator("details form").get_by_role("button", name="Sign in").click()
        await page.get_by_role("link", name="Admin").click()
        for tab in ("Sessions", "Statistics", "Nodes and queue", "Audit"):
            await page.get_by_role("tab", name=tab).click()
            panel = page.get_by_role("tabpanel", name=tab)
            await expect(panel.locator("table, .hint").first).to_be_visible()
            assert await faults(page, axe) == [], f"{tab}, {scheme}"
            await page.screenshot(path=ARTIFACTS / f"admin-{tab.split()[0].lower()}-{scheme}.png", full_page=True)
        await page.goto(f"/admin/s/{session_id}")
        await expect(page.locator(".timeline li").first).to_be_visible()
        assert await faults(page, axe) == [], f"a session, {scheme}"
        await page.screenshot(path=ARTIFACTS / f"admin-session-{scheme}.png", full_page=True)
    await page.get_by_role("button", name="Cancel the story").click()
    await page.get_by_label("Why").fill("It is a test.")
    await page.locator("dialog").get_by_role("button", name="Cancel the story").click()
    await expect(page.locator(".admin .status").first).to_have_text("Cancelled")
    await page.get_by_role("tab", name="Audit").click()
    await expect(page.get_by_role("tabpanel", name="Audit")).to_contain_text("It is a test.")
    await expect(writer.locator(".session .status")).to_have_text("Cancelled")
