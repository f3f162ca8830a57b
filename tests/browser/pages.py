"""What the tests do on a page, as a person would say it."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.service import PROMPT, Service


async def begin(
    page: Page, prompt: str = PROMPT, *, template: str | None = None, gates: tuple[str, ...] = (), pages: int = 1
) -> str:
    """Starts a story by the form; answers its session id."""
    await page.goto("/")
    await page.get_by_label("What the story should be about").fill(prompt)
    if template:
        await page.get_by_role("radio", name=template).check()
    await page.get_by_role("spinbutton", name="Pages").fill(str(pages))
    if gates:
        await page.locator("summary", has_text="More:").click()
        for gate in gates:
            await page.get_by_role("checkbox", name=gate).check()
    await page.get_by_role("button", name="Begin the story").click()
    await page.wait_for_url("**/s/*")
    return page.url.rpartition("/")[2]


async def sign_in_with(page: Page, key: str) -> None:
    await page.goto("/sign-in")
    await page.locator("summary", has_text="I have a key").click()
    await page.get_by_label("Key", exact=True).fill(key)
    await page.locator("details form").get_by_role("button", name="Sign in").click()


async def status(page: Page, words: str) -> None:
    await expect(page.locator(".session .status")).to_have_text(words, timeout=30_000)


async def finished(page: Page) -> None:
    await status(page, "Finished")
    await expect(page.locator(".session .prose p").first).to_be_visible()


async def writing(page: Page, words: int = 15) -> str:
    """Waits until so many words of a section are there; answers what is."""
    handle = await page.wait_for_function(
        "n => { const t = document.querySelector('.writing .fresh')?.innerText ?? '';"
        " return t.split(/\\s+/).length > n && t }",
        arg=words,
    )
    return str(await handle.json_value())


async def text(page: Page) -> str:
    """The story on the page, paragraph by paragraph."""
    parts = await page.locator(".session .prose p").all_inner_texts()
    return "\n\n".join(part.strip() for part in parts)


async def story(service: Service, page: Page, session_id: str) -> str:
    """The story as the service keeps it for whoever this page is."""
    token = await page.evaluate("JSON.parse(localStorage['storyloom.tokens']).access_token")
    answer = await service.get(f"/api/sessions/{session_id}/story", token)
    return plain(answer.json()["content"])


def plain(markdown: str) -> str:
    return "\n\n".join(part.replace("*", "").strip() for part in markdown.split("\n\n") if part.strip(" *\n"))
