"""The pictures of the README, from a real run: `make screenshots`."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright, expect

from api.serve import in_process
from coordinator.settings import Settings
from tests.browser.conftest import ARGUMENTS, HOW, chromium
from tests.browser.pages import begin, finished, writing

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
PROMPT = "A lighthouse keeper finds that the light has been signalling something back."


async def take(folder: Path) -> None:
    program = chromium()
    if program is None:
        sys.exit(HOW)
    settings = Settings(_env_file=None, data_dir=folder, offline_words_per_second=90, log_level="warning")  # type: ignore[call-arg]
    async with in_process(settings) as service, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        context = await browser.new_context(
            base_url=service.url, viewport=SIZE, color_scheme="light", locale="en-GB", reduced_motion="reduce"
        )
        page = await context.new_page()
        await begin(page, PROMPT, template="Science fiction", pages=3)
        # In the second section there is something of everything to see.
        await expect(page.locator(".talk li.wrote").first).to_be_visible(timeout=60_000)
        await writing(page, 110)
        await page.screenshot(path=IMAGES / "studio-writing.png")
        await expect(page.locator('.session .status[data-status="completed"]')).to_be_visible(timeout=120_000)
        await finished(page)
        await page.emulate_media(color_scheme="dark")
        await page.evaluate("scrollTo(0, 0)")
        await page.get_by_role("tab", name="Scores").click()
        await expect(page.locator(".evidence blockquote").first).to_be_visible()
        await page.screenshot(path=IMAGES / "studio-scores.png")
        await browser.close()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="storyloom-screenshots-"))
    try:
        asyncio.run(take(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
