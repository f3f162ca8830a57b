"""A project that two people have: what one says, the other reads, and from a talk comes a story that both find in it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from coordinator.store.embedded import EmbeddedPostgres
from tests.browser.conftest import Visitor
from tests.browser.pages import finished
from tests.browser.talks import PROPOSAL, begun, rests, say, talking
from tests.model_server import ModelServer, Reply
from tests.service import Service


@pytest.fixture(scope="module")
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
async def service(
    browser: Browser, postgres: EmbeddedPostgres, model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    async with talking(postgres, model, tmp_path_factory.mktemp("data")) as made:
        yield made


async def made(page: Page, name: str) -> str:
    """A project; answers its id."""
    await page.goto("/projects")
    await page.get_by_role("button", name="New project").first.click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_role("button", name="Make the project").click()
    await page.wait_for_url("**/project/*")
    return page.url.rpartition("/")[2]


async def open_tab(page: Page, name: str) -> None:
    await page.get_by_role("tab", name=name).click()


async def invited(page: Page, role: str) -> str:
    """A link into the project that is open."""
    await open_tab(page, "People")
    await page.get_by_label("As", exact=True).select_option(role)
    await page.get_by_role("button", name="Make a link").click()
    return await page.get_by_label("The link. It is shown this once:").input_value()


async def joined(visitor: Visitor, link: str, name: str) -> Page:
    page = await visitor.page()
    await page.goto(link)
    await page.get_by_role("button", name="Take part").click()
    await page.wait_for_url("**/project/*")
    address = page.url
    await page.goto("/sign-in")
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".toast")).to_contain_text("Saved")
    await page.goto(address)
    return page


async def answer(page: Page, words: str) -> None:
    """Says yes to a question."""
    await page.locator("dialog").get_by_role("button", name=words).click()


async def test_two_come_from_a_talk_to_a_finished_story(visitor: Visitor, page: Page, model: ModelServer) -> None:
    # Who is removed from a project is told so by the calls of the page that they have open.
    visitor.expected = ("404",)
    await page.goto("/sign-in")
    await page.get_by_role("button", name="Write as a guest").click()
    project = await made(page, "The island")
    await open_tab(page, "Bible")
    await page.get_by_role("button", name="Add an entry").click()
    dialog = page.locator("dialog")
    await dialog.get_by_label("Name", exact=True).fill("Mara")
    await dialog.get_by_label("Description").fill("She keeps the light.")
    # What is typed is there again where the page was left.
    await page.reload()
    await open_tab(page, "Bible")
    await page.get_by_role("button", name="Add an entry").click()
    await expect(dialog.get_by_label("Description")).to_have_value("She keeps the light.")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.locator(".lore li")).to_contain_text("written by a member")
    other = await joined(visitor, await invited(page, "editor"), "Tobin")

    model.script(Reply(text="What does she hear?", when="What of Mara"))
    chat = await begun(page, "What of Mara?", f"/chat?project={project}")
    await rests(page)
    await expect(page.locator(".of-project")).to_have_text("The island")
    await other.locator(".chats .name").click()
    await other.wait_for_url(f"**/chat/{chat}")
    await expect(other.locator(".turn").last).to_contain_text("What does she hear?")
    model.script(
        Reply(text="Then here it is.", args=PROPOSAL, tool_name="propose_story", when="her brother"),
        Reply(text="It waits for you.", when="her brother"),
    )
    await say(other, "She hears her brother.")
    said = page.locator(".turn", has_text="She hears her brother.")
    await expect(said.locator(".by")).to_contain_text("Tobin")
    await expect(said.get_by_role("button", name="Edit the message")).to_have_count(0)
    await other.get_by_role("button", name="Write this story").click()
    card = page.get_by_role("region", name="A story to be written")
    await expect(card.locator(".status")).to_have_text("Finished")
    await card.get_by_role("link").click()
    await finished(page)
    await page.locator(".of-project").click()
    await page.wait_for_url(f"**/project/{project}")
    await expect(page.get_by_role("tabpanel").locator(".story")).to_have_count(2)

    await open_tab(page, "Bible")
    offers = page.locator(".offers")
    await expect(offers).to_contain_text("What finished stories have established")
    first = offers.locator("li").first
    name = await first.locator(".name, p:nth-of-type(2)").first.inner_text()
    await first.get_by_role("button", name=re.compile("^Accept")).click()
    await expect(page.locator(".part .lore")).to_contain_text([name.split(" · ")[0]])
    await expect(page.locator(".part .lore").filter(has_text="told by the story")).not_to_have_count(0)
    await offers.get_by_role("button", name=re.compile("^Dismiss all")).click()
    await expect(offers).to_be_hidden()

    await open_tab(page, "People")
    await page.get_by_role("button", name="Remove Tobin").click()
    await answer(page, "Remove")
    await expect(page.locator(".members li")).to_have_count(1)
    await expect(other.locator(".chat-main > .trouble")).to_be_visible()
    await other.reload()
    await expect(other.locator(".nothing")).to_be_visible()


async def test_what_two_change_at_once_is_lost_to_neither(visitor: Visitor, page: Page) -> None:
    visitor.expected = ("409",)
    await page.goto("/sign-in")
    await page.get_by_role("button", name="Write as a guest").click()
    await made(page, "The mainland")
    other = await joined(visitor, await invited(page, "editor"), "Ada")
    for one in (page, other):
        await open_tab(one, "Settings")
    await other.get_by_label("Instructions").fill("No ghosts.")
    await other.get_by_role("button", name="Save").click()
    await expect(other.locator(".toast").last).to_contain_text("Saved")
    await page.get_by_label("Instructions").fill("Be brief.")
    await page.reload()
    await open_tab(page, "Settings")
    await expect(page.get_by_label("Instructions")).to_have_value("Be brief.")
    await page.get_by_role("button", name="Save").click()
    told = page.get_by_role("alert")
    await expect(told).to_contain_text("Somebody has changed the project meanwhile")
    await told.locator("summary").click()
    await expect(told).to_contain_text("No ghosts.")
    await expect(page.get_by_label("Instructions")).to_have_value("Be brief.")
    await page.get_by_role("button", name="Save mine").click()
    await expect(told).to_be_hidden()
    await other.reload()
    await open_tab(other, "Settings")
    await expect(other.get_by_label("Instructions")).to_have_value("Be brief.")


async def test_a_reader_reads_and_what_ends_is_told(visitor: Visitor, page: Page, model: ModelServer) -> None:
    visitor.expected = ("404", "410")
    await page.goto("/sign-in")
    await page.get_by_role("button", name="Write as a guest").click()
    project = await made(page, "The harbour")
    link = await invited(page, "viewer")
    other = await joined(visitor, link, "Reader")
    late = await visitor.page()
    await late.goto(link)
    await expect(late.locator("h1")).to_have_text("This invitation leads nowhere")
    chat = await begun(page, "Who mends the nets?", f"/chat?project={project}")
    await rests(page)
    await other.reload()
    await expect(other.locator(".chats .name")).to_have_count(1)
    await expect(other.locator(".project .actions a")).to_have_count(0)
    await other.goto(f"/chat/{chat}")
    await expect(other.locator(".dock")).to_contain_text("You can read this chat")
    await expect(other.get_by_role("button", name="Another answer")).to_have_count(0)
    await page.goto(f"/project/{project}")
    await open_tab(page, "Settings")
    await page.get_by_role("button", name="Archive", exact=True).click()
    await expect(page.locator(".project > .notice")).to_contain_text("This project is archived")
    await expect(page.get_by_role("link", name="New chat")).to_have_count(0)
    await page.get_by_role("button", name="Take up again").click()
    await expect(page.get_by_role("link", name="New chat")).to_have_count(1)
    await page.get_by_role("button", name="Delete the project").click()
    await expect(page.locator("dialog")).to_contain_text("1 story or chat is in it")
    await answer(page, "Delete the project")
    await expect(page.locator(".toast").last).to_contain_text("1 story or chat is kept")
    await page.goto(f"/chat/{chat}")
    await expect(page.locator(".turn").first).to_contain_text("Who mends the nets?")
    await expect(page.locator(".of-project")).to_have_count(0)
    await other.goto(f"/project/{project}")
    await expect(other.locator(".nothing")).to_be_visible()
