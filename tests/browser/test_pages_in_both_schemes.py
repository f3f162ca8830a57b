"""Each page, light and dark, wide and narrow: what axe finds, and in the long form a picture to look at in artifacts/."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import faults, source
from tests.browser.conftest import ARTIFACTS, Visitor
from tests.browser.pages import begin, finished, sign_in_with
from tests.service import Service

SIGHTS = (("light", 1280), ("dark", 360))
Judged = Callable[[Page, str], Awaitable[None]]


@pytest.fixture
def judged(long: bool) -> Judged:
    async def both(page: Page, name: str) -> None:
        await _judged(page, name, pictured=long)

    return both


async def _judged(page: Page, name: str, *, pictured: bool) -> None:
    """What is there, as it is seen in both schemes."""
    for scheme, width in SIGHTS:
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": width, "height": 900})
        assert await faults(page) == [], f"{name}, {scheme}"
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name}, {width} px"
        if pictured:
            await page.screenshot(path=ARTIFACTS / f"{name}-{scheme}.png", full_page=True)


@pytest.fixture
async def page(visitor: Visitor) -> Page:
    ARTIFACTS.mkdir(exist_ok=True)
    return await visitor.page(script=source())


async def test_axe_finds_nothing_on_any_page(visitor: Visitor, page: Page, judged: Judged) -> None:
    visitor.expected = ("404",)
    await page.goto("/dashboard")
    await expect(page.locator(".nothing")).to_be_visible()
    await judged(page, "empty")
    await page.goto("/sign-in")
    await page.locator("summary", has_text="I have a key").click()
    await judged(page, "sign-in")
    session_id = await begin(page, template="Noir")
    await finished(page)
    await judged(page, "session")
    for tab in ("Steps", "Versions", "Scores", "Bible"):
        await page.get_by_role("tab", name=tab).click()
        await expect(page.get_by_role("tabpanel", name=tab).locator("li, tr, details").first).to_be_visible()
        await judged(page, tab.lower())
    await page.get_by_role("button", name="Edit").click()
    await expect(page.locator("dialog")).to_be_visible()
    await judged(page, "edit")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Share").click()
    await page.get_by_role("button", name="Make a link").click()
    link = await page.get_by_label("The link. It is shown this once:").input_value()
    await judged(page, "share")
    await begin(page, "The sea keeps its own ledger.", template="Fairy tale", gates=("the outline",))
    await expect(page.locator(".gate")).to_be_visible()
    await judged(page, "gate")
    for name, address in {
        "start": "/",
        "read": f"/s/{session_id}/read",
        "shared": link,
        "dashboard": "/dashboard",
        "account": "/sign-in",
        "nothing": "/s/00000000-0000-4000-8000-000000000000",
    }.items():
        await page.goto(address)
        await expect(page.locator("h1").first).to_be_visible()
        await judged(page, name)


async def test_axe_finds_nothing_in_chats(page: Page, judged: Judged) -> None:
    await page.goto("/chat")
    await page.get_by_label("What is on your mind?").fill("My name is Alice. A lighthouse keeper hears the sea answer.")
    await judged(page, "chat-new")
    await page.keyboard.press("Enter")
    await expect(page.locator('.turn:last-child:not(.mine)[data-is="kept"]')).to_be_visible()
    await judged(page, "chat")
    await page.get_by_role("button", name="Edit the message").click()
    await judged(page, "chat-edit")
    await page.goto("/chats")
    await expect(page.locator(".chats .name")).to_be_visible()
    await judged(page, "chats")


async def test_axe_finds_nothing_in_projects(visitor: Visitor, page: Page, judged: Judged) -> None:
    visitor.expected = ("404",)
    await page.goto("/projects")
    await page.get_by_role("button", name="New project").first.click()
    await page.get_by_label("Name", exact=True).fill("The island")
    await judged(page, "project-new")
    await page.get_by_role("button", name="Make the project").click()
    await page.wait_for_url("**/project/*")
    project = page.url
    await page.get_by_role("tab", name="Bible").click()
    await page.get_by_role("button", name="Add an entry").click()
    await judged(page, "entry")
    await page.locator("dialog").get_by_label("Name", exact=True).fill("Ada")
    await page.locator("dialog").get_by_label("Description").fill("She counts the ships.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".lore li").first).to_contain_text("Ada")
    for tab in ("Stories and chats", "Bible", "People", "Settings"):
        await page.get_by_role("tab", name=tab).click()
        await expect(page.get_by_role("tabpanel", name=tab).locator("p, li, label").first).to_be_visible()
        await judged(page, f"project-{tab.split()[0].lower()}")
    await page.get_by_role("tab", name="People").click()
    await page.get_by_role("button", name="Make a link").click()
    invitation = await page.get_by_label("The link. It is shown this once:").input_value()
    for name, address in {
        "projects": "/projects",
        "invitation": invitation,
        "no-invitation": "/invite/nothing",
        "start-in-project": f"/?project={project.rpartition('/')[2]}",
    }.items():
        await page.goto(address)
        await expect(page.locator("h1").first).to_be_visible()
        await judged(page, name)


async def test_axe_finds_nothing_for_admins_who_see_end_and_delete_a_session(
    visitor: Visitor, page: Page, service: Service, judged: Judged
) -> None:
    writer = await visitor.page()
    session_id = await begin(writer, "The sea keeps its own ledger.", gates=("the outline",))
    await expect(writer.locator(".gate")).to_be_visible()
    await sign_in_with(page, service.admin_token())
    await page.get_by_role("link", name="Admin").click()
    for tab in ("Sessions", "Statistics", "Nodes and queue", "Audit"):
        await page.get_by_role("tab", name=tab).click()
        panel = page.get_by_role("tabpanel", name=tab)
        await expect(panel.locator("table, .hint").first).to_be_visible()
        await judged(page, f"admin-{tab.split()[0].lower()}")
    await page.goto(f"/admin/s/{session_id}")
    await expect(page.locator(".timeline li").first).to_be_visible()
    await judged(page, "admin-session")
    await page.get_by_role("button", name="Cancel the story").click()
    await page.get_by_label("Why").fill("It is a test.")
    await page.locator("dialog").get_by_role("button", name="Cancel the story").click()
    await expect(page.locator(".admin .status").first).to_have_text("Cancelled")
    await page.get_by_role("tab", name="Audit").click()
    await expect(page.get_by_role("tabpanel", name="Audit")).to_contain_text("It is a test.")
    await expect(writer.locator(".session .status")).to_have_text("Cancelled")
    await page.get_by_role("button", name="Delete it").click()
    await expect(page.locator("dialog")).to_contain_text("The audit records that you deleted it")
    await page.locator("dialog").get_by_role("button", name="Delete it").click()
    await expect(page.locator("h1")).to_have_text("Admin")
    await page.get_by_role("tab", name="Audit").click()
    await expect(page.get_by_role("tabpanel", name="Audit").locator("tbody tr").first).to_contain_text("deleted")
