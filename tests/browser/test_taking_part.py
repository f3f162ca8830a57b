"""Steering, gates, versions, what is kept, and text that stays text: each journey to what a person sees at its end."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.pages import begin, finished, sign_in_with, status, story, text, writing
from tests.service import Service

SETTINGS = {"offline_words_per_second": 2000}


async def test_a_gate_shows_the_outline_takes_a_no_and_then_a_yes(service: Service, page: Page) -> None:
    session_id = await begin(page, gates=("the outline",))
    gate = page.locator(".gate")
    await expect(gate).to_contain_text("The outline waits for your word")
    await expect(page.locator(".plan h2").first).to_be_visible()
    await gate.get_by_label("What should be different").fill("Set it at sea.")
    await gate.get_by_role("button", name="Ask for changes").click()
    await expect(page.locator(".talk")).to_contain_text("Set it at sea.")
    await expect(gate).to_be_visible()
    await gate.get_by_role("button", name="Approve").click()
    await finished(page)
    assert await text(page) == await story(service, page, session_id)


async def test_pause_note_and_resume(page: Page) -> None:
    # Long enough to be paused in: between two of its steps.
    await begin(page, pages=10)
    await writing(page, 5)
    await page.get_by_role("button", name="Pause").click()
    await status(page, "Paused")
    await page.get_by_label("A note for the steps to come").fill("More rain.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".talk .mine").last).to_contain_text("More rain.")
    await page.get_by_role("button", name="Resume").click()
    await finished(page)


async def test_edit_compare_and_fork(service: Service, page: Page) -> None:
    session_id = await begin(page)
    await finished(page)
    await page.get_by_role("button", name="Edit").click()
    box = page.get_by_label("The story's text, in Markdown")
    await box.fill("It began with a borrowed spade.\n\n" + await box.input_value())
    await page.get_by_role("button", name="Save as a new version").click()
    await expect(page.locator(".prose p").first).to_have_text("It began with a borrowed spade.")
    await page.get_by_role("tab", name="Versions").click()
    newest = page.locator(".version-list li").first
    await expect(newest).to_contain_text("current")
    await newest.get_by_role("button", name="Changes since").click()
    await expect(page.locator("dialog ins").first).to_contain_text("borrowed spade")
    await page.keyboard.press("Escape")
    await page.get_by_role("tab", name="Scores").click()
    await expect(page.locator(".score-table svg").first).to_have_attribute("aria-label", re.compile(r"Version \d+: \d"))
    await expect(page.locator(".evidence blockquote").first).to_be_visible()
    await page.get_by_role("tab", name="Versions").click()
    await page.locator(".version-list li").last.get_by_role("button", name="Fork").click()
    await page.get_by_role("button", name="Make the fork").click()
    await expect(page.get_by_role("link", name="forked from another story")).to_have_attribute(
        "href", f"/s/{session_id}"
    )
    await finished(page)


async def test_a_marked_passage_gets_other_versions_and_one_is_taken(page: Page) -> None:
    await begin(page)
    await finished(page)
    before = await page.locator(".prose p").nth(1).inner_text()
    await page.locator(".prose p").nth(1).select_text()
    await page.get_by_role("button", name="Other versions of this").click()
    await page.get_by_role("button", name="Write three").click()
    offered = page.locator(".alternative .prose").first
    chosen = (await offered.inner_text()).strip()
    assert chosen and chosen != before
    await page.get_by_role("button", name="Take this one").first.click()
    await expect(page.locator(".session .prose")).to_contain_text(chosen.split("\n")[0])


async def test_a_share_link_shows_the_story_to_anybody_until_it_is_revoked(visitor: Visitor, page: Page) -> None:
    await begin(page)
    await finished(page)
    title = await page.locator("h1").inner_text()
    await page.get_by_role("button", name="Share").click()
    await page.get_by_role("button", name="Make a link").click()
    link = await page.get_by_label("The link. It is shown this once:").input_value()
    stranger = await visitor.page()
    await stranger.goto(link)
    await expect(stranger.get_by_role("heading", level=1)).to_have_text(title)
    await expect(stranger.locator(".book .prose p").first).to_be_visible()
    assert await stranger.locator(".talk, .actions").count() == 0
    assert await stranger.evaluate("localStorage['storyloom.tokens']") is None, "reading makes nobody a writer"
    await page.get_by_role("button", name="Revoke").click()
    await expect(page.locator(".shares li")).to_have_count(0)
    visitor.expected = ("404",)
    await stranger.reload()
    await expect(stranger.get_by_role("heading", level=1)).to_have_text("This link shows nothing")


async def test_export_brings_a_file_with_the_storys_name(page: Page) -> None:
    await begin(page)
    await finished(page)
    await page.locator("summary", has_text="Export").click()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="text with Markdown").click()
    assert (await download.value).suggested_filename.endswith(".md")


async def test_the_dashboard_finds_renames_and_deletes_with_a_way_back(service: Service, page: Page) -> None:
    first = await begin(page, "A clock that owes somebody an hour.")
    await finished(page)
    second = await begin(page, "The ferry that would not turn round.")
    await finished(page)
    await page.get_by_role("link", name="My stories").click()
    rows = page.locator(".story")
    await expect(rows).to_have_count(2)
    assert await rows.first.get_attribute("data-session") == second, "the newest activity is first"
    await page.get_by_label("Search in titles and text").fill("owes somebody an hour")
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_have_attribute("data-session", first)
    await rows.first.get_by_role("button", name="Rename").click()
    await page.get_by_label("Title", exact=True).fill("The Hour")
    await page.get_by_role("button", name="Save").click()
    await expect(rows.first.locator(".name")).to_have_text("The Hour")
    await page.get_by_label("Search in titles and text").fill("")
    await expect(rows).to_have_count(2)
    for way in ("Undo", "Close"):
        await page.locator(f'[data-session="{first}"]').get_by_role("button", name="Delete").click()
        await expect(rows).to_have_count(1)
        await page.locator(".toast", has_text="is deleted").get_by_role("button", name=way).click()
        if way == "Undo":
            await expect(rows).to_have_count(2)
    await page.reload()
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_have_attribute("data-session", second)


async def test_another_device_comes_back_with_the_key(visitor: Visitor, page: Page) -> None:
    session_id = await begin(page)
    await finished(page)
    await page.goto("/sign-in")
    async with page.expect_response("**/api/auth/device") as answer:
        await page.get_by_role("button", name="Copy my key").click()
    key = (await (await answer.value).json())["refresh_token"]
    await page.goto(f"/s/{session_id}")
    await finished(page)
    other = await visitor.page()
    visitor.expected = ("404", "401")
    await other.goto(f"/s/{session_id}")
    await other.locator("summary", has_text="I have a key").click()
    await other.get_by_label("Key", exact=True).fill(key)
    await other.locator("details form").get_by_role("button", name="Sign in").click()
    await finished(other)
    assert other.url.endswith(session_id)
    assert await text(other) == await text(page)


async def test_the_bible_shows_both_passages_of_a_contradiction_and_lets_it_be(page: Page) -> None:
    await begin(page)
    await finished(page)
    await page.get_by_role("tab", name="Bible").click()
    panel = page.get_by_role("tabpanel", name="Bible")
    await expect(panel).to_contain_text("Nothing contradicts itself, as far as can be told.")
    await page.get_by_role("button", name="Edit").click()
    box = page.get_by_label("The story's text, in Markdown")
    planted = "Aunt Odile said nothing, and Odile's eyes were green.\n\nThen Odile laughed. Odile's eyes were brown."
    await box.fill(f"{planted}\n\n{await box.input_value()}")
    await page.get_by_role("button", name="Save as a new version").click()
    found = panel.locator(".findings li").first
    await expect(found).to_contain_text("Other looks · Odile")
    await expect(found.locator("blockquote")).to_have_count(2)
    await expect(panel.locator(".chart svg")).to_have_attribute("aria-label", re.compile(r"Version \d+: 1$"))
    await found.get_by_role("button", name="Leave it so").click()
    await expect(panel).to_contain_text("You have said to leave it.")
    await expect(panel).to_contain_text("Nothing contradicts itself, as far as can be told.")
    await expect(page.locator(".talk .mine").last).to_contain_text("It stays as it is")


async def test_the_keyboard_alone_begins_a_story_and_speaks_in_it(page: Page) -> None:
    await page.goto("/")
    await page.get_by_role("group", name="Examples").get_by_role("button").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#prompt")).to_be_focused()
    await expect(page.locator("#prompt")).not_to_have_value("")
    await page.keyboard.press("Control+a")
    await page.keyboard.type("The last tram carries only one passenger, every night.")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_url("**/s/*")
    await page.get_by_role("tab", name="Talk").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Steps")).to_be_focused()
    await expect(page.get_by_role("tabpanel", name="Steps")).to_be_visible()
    await finished(page)
    await page.locator("summary", has_text="Export").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="to print")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="to print")).to_be_hidden()


async def test_a_budget_stops_a_story_and_more_of_it_goes_on(page: Page) -> None:
    await page.goto("/")
    await page.get_by_label("What the story should be about").fill("A debt that is paid in birdsong.")
    await page.locator("summary", has_text="More:").click()
    await page.get_by_label("Tokens at the most").fill("700")
    await page.get_by_role("button", name="Begin the story").click()
    await page.locator(".stopped").get_by_role("button", name="Raise the budget").click()
    await page.get_by_label("Tokens at the most").fill("")
    await page.locator("dialog").get_by_role("button", name="Resume").click()
    await finished(page)


async def test_spanish_is_whole_and_kept(page: Page) -> None:
    await page.goto("/")
    await page.get_by_label("Language of the page").select_option("es")
    await expect(page.get_by_role("heading", level=1)).to_have_text("¿De qué debería tratar la historia?")
    assert await page.locator("html").get_attribute("lang") == "es"
    await page.get_by_role("radio", name="Novela negra").check()
    await expect(page.get_by_label("El tiempo en la ciudad").locator("option:checked")).to_have_text("Calor")
    await page.get_by_label("De qué debería tratar la historia").fill("Un faro que contesta.")
    await page.get_by_role("button", name="Empezar la historia").click()
    await expect(page.locator('.cast [data-agent="writer"]')).to_contain_text(
        re.compile("Escritor(reuniendo|esbozando|escribiendo|revisando|esperando|puliendo)")
    )
    await expect(page.locator(".session .meta")).to_contain_text("Novela negra")
    await page.goto("/dashboard")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Mis historias")


async def test_a_prompt_with_markup_is_shown_and_never_run(visitor: Visitor, service: Service, page: Page) -> None:
    bad = "<img src=x onerror=\"document.title='taken'\"> & <script>document.title='taken'</script> [x](javascript:alert(1))"
    session_id = await begin(page, bad)
    await expect(page.locator(".talk .mine .said").first).to_have_text(bad)
    await finished(page)
    await page.get_by_role("button", name="Rename").click()
    await page.get_by_label("Title", exact=True).fill(bad)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(bad)
    admin = await visitor.page()
    await sign_in_with(admin, service.admin_token())
    await admin.get_by_role("link", name="Admin").click()
    await expect(admin.locator(".data th a").first).to_have_text(bad)
    await admin.goto(f"/admin/s/{session_id}")
    await expect(admin.locator(".admin .passage")).to_have_text(bad)
    for there in (page, admin):
        await expect(there).to_have_title(f"{bad} · Storyloom")
        assert await there.locator("#main img, #main script, #main a[href^=javascript]").count() == 0


async def test_text_goes_in_its_own_direction(page: Page) -> None:
    await begin(page)
    await finished(page)
    await page.get_by_role("button", name="Edit").click()
    await page.get_by_label("The story's text, in Markdown").fill(
        "كان الحارس يعرف كل موجة باسمها.\n\n> اقتباس قصير من السجل.\n\n- موجة\n\nThe lamp answered."
    )
    await page.get_by_role("button", name="Save as a new version").click()
    prose = page.locator(".session .prose")
    for place, direction in (("blockquote", "rtl"), ("ul", "rtl"), ("p >> nth=0", "rtl"), ("p >> nth=-1", "ltr")):
        await expect(prose.locator(place)).to_have_css("direction", direction)
