"""A talk as a writer has it: said, answered, stopped, gone another way with, and a story begun out of it; nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import psycopg
import pytest
from playwright.async_api import Browser, Page, expect

from coordinator.store.embedded import EmbeddedPostgres
from tests.browser.conftest import Visitor
from tests.browser.talks import PROPOSAL, begun, lines, rests, say, talking
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
    """Its model answers as the tests say."""
    async with talking(postgres, model, tmp_path_factory.mktemp("data")) as made:
        yield made


async def test_a_talk_from_the_first_word_to_the_story_that_comes_of_it(page: Page, model: ModelServer) -> None:
    model.script(Reply(text="Who keeps the **light**, and whom does she miss?"))
    chat = await begun(page, "A light that answers.\n<b>bold</b>")
    await rests(page)
    assert await lines(page) == ["A light that answers.\n<b>bold</b>", "Who keeps the light, and whom does she miss?"]
    # Whoever doesn't see it is told the answer once it is whole.
    await expect(page.locator("#announcer")).to_have_text("Muse: Who keeps the light, and whom does she miss?")
    await expect(page.locator(".turn .said strong")).to_have_text("light")
    model.script(
        Reply(
            text="She waits for her brother, who was lost in the storm of the year before.",
            hang_after=5,
            when="Mara does",
        )
    )
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
    model.script(
        Reply(text="Here it is.", args=PROPOSAL, tool_name="propose_story", when="Write it"),
        Reply(text="Press the button.", when="Write it"),
    )
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
    await expect(page.locator(".chats .name")).to_have_attribute("href", f"/chat/{chat}")


async def kept(service: Service, page: Page, chat: str) -> list[str]:
    """What the service has of a chat."""
    token = await page.evaluate("JSON.parse(localStorage['storyloom.tokens']).access_token")
    answer = await service.get(f"/api/v1/sessions/{chat}/messages", token)
    return [one["content"] for one in answer.json()["messages"]]


async def test_nothing_that_was_typed_is_lost(
    visitor: Visitor, page: Page, service: Service, model: ModelServer
) -> None:
    visitor.expected = ("ERR_INTERNET_DISCONNECTED",)
    await page.goto("/chat")
    await page.get_by_label("What is on your mind?").fill("Half a thou")
    await page.reload()
    await expect(page.get_by_label("What is on your mind?")).to_have_value("Half a thou")
    model.script(Reply(text="Which thought?"))
    chat = await begun(page, "Half a thought")
    await rests(page)
    box = page.get_by_label("Message to Muse")
    # With an input method Enter ends a word, and with Shift a line.
    await box.fill("こん")
    await box.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    await expect(box).to_have_value("こん")
    await box.fill("Two")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("lines")
    await page.reload()
    await expect(box).to_have_value("Two\nlines")
    await page.context.set_offline(True)
    await expect(page.locator(".chat-main > .trouble")).to_contain_text("You are offline")
    await box.focus()
    await page.keyboard.press("Enter")
    await expect(box).to_have_value("")
    await expect(page.locator('.turn[data-is="waiting"]')).to_contain_text("Two")
    await page.get_by_role("button", name="Take it back into the box").click()
    await expect(box).to_have_value("Two\nlines")
    await page.keyboard.press("Enter")
    model.script(Reply(text="Two it is.", when="lines"))
    await page.context.set_offline(False)
    await expect(page.locator(".turn").last).to_contain_text("Two it is.")
    await rests(page)
    await expect(page.locator(".chat-main > .trouble")).to_be_hidden()
    assert await kept(service, page, chat) == ["Half a thought", "Which thought?", "Two\nlines", "Two it is."]


async def test_a_chat_begun_without_a_connection_begins_with_it(
    visitor: Visitor, page: Page, model: ModelServer
) -> None:
    visitor.expected = ("ERR_INTERNET_DISCONNECTED",)
    await begun(page, "The first")
    await page.goto("/chat")
    await expect(page.locator(".greeting")).to_contain_text("carrying around")
    await page.context.set_offline(True)
    await page.get_by_label("What is on your mind?").fill("The second")
    await page.keyboard.press("Enter")
    await expect(page.locator('.turn[data-is="waiting"]')).to_contain_text("The second")
    await page.get_by_label("What is on your mind?").fill("and more")
    await page.context.set_offline(False)
    await page.wait_for_url("**/chat/*-*")
    await expect(page.locator(".turn").first).to_contain_text("The second")
    await expect(page.get_by_label("Message to Muse")).to_have_value("and more")
    await page.goto("/chats")
    await expect(page.locator(".chats .story")).to_have_count(2)


async def test_two_tabs_show_the_same(visitor: Visitor, model: ModelServer) -> None:
    first = await visitor.page()
    model.script(Reply(text="One answer that goes on and on.", hang_after=3))
    await begun(first, "Begin")
    await expect(first.locator('.turn[data-is="writing"]')).to_contain_text("One answer")
    second = await visitor.tab(first.context)
    await second.goto(first.url)
    await expect(second.locator('.turn[data-is="writing"]')).to_contain_text("One answer")
    model.script(Reply(text="Said after it.", when="Meanwhile"))
    await say(second, "Meanwhile")
    for page in (first, second):
        await expect(page.locator('.turn[data-is="queued"]')).to_contain_text("answered after the answer under way")
    await second.get_by_role("button", name="Stop the answer").click()
    for page in (first, second):
        await expect(page.locator(".rest")).to_contain_text("There is no answer to this yet.")
    await first.get_by_role("button", name="Answer it").click()
    for page in (first, second):
        await rests(page)
        await expect(page.locator(".turn").last).to_contain_text("Said after it.")
    model.script(Reply(text="Said otherwise.", when="Meanwhile"))
    await second.get_by_role("button", name="Another answer").last.click()
    for page in (first, second):
        await expect(page.locator(".turn").last.locator(".said")).to_have_text("Said otherwise.")
    await second.get_by_role("button", name="Version before").click()
    for page in (first, second):
        await expect(page.locator(".turn").last.locator(".said")).to_have_text("Said after it.")
    await second.get_by_role("button", name="Rename", exact=True).click()
    await second.get_by_label("Title").fill("What was said")
    await second.get_by_role("button", name="Save").click()
    for page in (first, second):
        await expect(page.locator("h1")).to_have_text("What was said")
    assert await lines(first) == await lines(second)


async def test_an_answer_that_fails_is_tried_again(page: Page, model: ModelServer) -> None:
    model.script(Reply(status=401))
    await begun(page, "Hello?")
    await expect(page.locator(".rest .trouble")).to_contain_text("The answer failed")
    await page.reload()
    model.script(Reply(text="Here I am."))
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".turn").last).to_contain_text("Here I am.")
    await expect(page.locator(".rest")).to_be_hidden()


MANY = """
with s as (update public.story_sessions set message_count = 10000, head_seq = 10000 where id = %(id)s returning id, user_id)
insert into public.session_messages (id, session_id, user_id, seq, role, agent, content)
select gen_random_uuid(), s.id, s.user_id, n, case when n %% 2 = 1 then 'user' else 'assistant' end,
  case when n %% 2 = 0 then 'muse' end, 'Message number ' || n || repeat(' and so on', n %% 40)
from s, generate_series((select max(m.seq) + 1 from public.session_messages m where m.session_id = s.id), 10000) n
"""


async def test_ten_thousand_messages_are_read_from_the_end(page: Page, service: Service, model: ModelServer) -> None:
    chat = await begun(page, "The very first")
    await rests(page)
    await page.goto("/chats")
    assert service.settings.database_url is not None
    url = service.settings.database_url.get_secret_value()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as database:
        await database.execute(MANY, {"id": chat})
    await page.goto(f"/chat/{chat}")
    await expect(page.locator(".turn").last).to_contain_text("Message number 10000")
    assert await page.locator(".turn").count() == 200
    await expect(page.locator(".turn").last).to_be_in_viewport()
    top = page.get_by_text(re.compile(r"^Message number 9801\b"))
    await top.scroll_into_view_if_needed()
    await expect(page.locator(".turn")).not_to_have_count(200)
    await expect(page.get_by_text(re.compile(r"^Message number 9800\b"))).to_have_count(1)
    await expect(top).to_be_in_viewport()
    # Whoever reads further up stays there, whatever is written below.
    model.open.clear()
    model.script(Reply(text="\n\n".join(["The end is far below."] * 40), when="Are you there"))
    await say(page, "Are you there?")
    await expect(page.locator('.turn[data-is="writing"]')).to_contain_text("Muse is thinking")
    await expect(page.locator(".turn").last).to_be_in_viewport()
    await page.mouse.move(600, 400)
    await page.mouse.wheel(0, -1500)
    await expect(page.get_by_role("button", name="To the newest")).to_be_visible()
    before = await page.evaluate("scrollY")
    model.open.set()
    await rests(page)
    assert await page.evaluate("scrollY") == before
    await page.get_by_role("button", name="To the newest").click()
    await expect(page.get_by_role("button", name="Another answer").last).to_be_in_viewport()


async def test_chats_are_found_renamed_deleted_and_turned_over(page: Page, service: Service) -> None:
    chat = await begun(page, "A needle among them")
    await rests(page)
    token = await page.evaluate("JSON.parse(localStorage['storyloom.tokens']).access_token")
    for number in range(20):
        await service.post("/api/v1/chat", token, text=f"Straw {number}")
    await page.goto("/chats")
    rows = page.locator(".chats .story")
    await expect(rows).to_have_count(20)
    await expect(rows.first).to_contain_text("Straw 19")
    await expect(page.locator(".dashboard > .hint")).to_have_text("21 chats")
    await page.get_by_role("button", name="Show more").click()
    await expect(rows).to_have_count(21)
    await expect(rows.last.locator(".name")).to_have_attribute("href", f"/chat/{chat}")
    await page.get_by_role("searchbox").fill("needle")
    await expect(rows).to_have_count(1)
    await rows.get_by_role("button", name="Rename").click()
    await page.get_by_label("Title", exact=True).fill("The needle")
    await page.get_by_role("button", name="Save").click()
    await expect(rows.locator(".name")).to_have_text("The needle")
    await rows.get_by_role("button", name="Delete").click()
    await page.locator("dialog").get_by_role("button", name="No, go back").click()
    await rows.get_by_role("button", name="Delete").click()
    await page.locator("dialog").get_by_role("button", name="Delete").click()
    await expect(page.locator(".nothing")).to_contain_text("No chat fits that.")
    await page.get_by_role("searchbox").fill("")
    await expect(rows).to_have_count(20)
    await rows.first.locator(".name").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.locator("dialog").get_by_role("button", name="Delete").click()
    await page.wait_for_url("**/chats")
    await expect(rows.first).to_contain_text("Straw 18")


async def test_on_a_phone_a_talk_can_be_touched_and_read_aloud(visitor: Visitor) -> None:
    # No voice is on this machine.
    voice = "window.spoken = []; speechSynthesis.speak = (part) => spoken.push(part.text);"
    page = await visitor.page(390, 740, script=voice, is_mobile=True, has_touch=True)
    await begun(page, "Hello")
    await rests(page)
    await page.get_by_role("button", name="Another answer").tap()
    await expect(page.locator(".siblings")).to_contain_text("2 / 2")
    small = await page.evaluate("""[...document.querySelectorAll(".chat button, .chat a.button")].filter((one) => one.checkVisibility())
      .map((one) => [one.ariaLabel ?? one.innerText, one.getBoundingClientRect()])
      .filter(([, box]) => box.width < 44 || box.height < 44).map(([name]) => name)""")
    assert small == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    box = await page.get_by_role("button", name="Send").bounding_box()
    assert box is not None and box["y"] + box["height"] <= 740
    await page.get_by_role("button", name="Copy the answer").tap()
    await expect(page.get_by_text("Copied")).to_be_attached()
    await page.get_by_role("button", name="Read aloud").tap()
    await page.get_by_role("button", name="Stop reading").tap()
    shown = await page.locator(".turn").last.locator(".words p").all_inner_texts()
    assert [part.strip() for part in await page.evaluate("spoken")] == [part.strip() for part in shown]
    await expect(page.get_by_role("button", name="Read aloud")).to_be_visible()
