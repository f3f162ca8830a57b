"""axe-core, fetched once a machine with npm; what it finds on a page is told as a person would fix it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import platformdirs
import pytest
from playwright.async_api import Page

from coordinator.store import filelock

FILES = Path(__file__).parent
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def source() -> str:
    """The script; skips where npm is missing or can't fetch it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on this machine, and axe-core comes by it: the pages were not judged by axe")
    lock = (FILES / "package-lock.json").read_bytes()
    cache = Path(platformdirs.user_cache_dir("storyloom", appauthor=False))
    folder = cache / f"tests-axe-{hashlib.sha256(lock).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    with filelock.held(cache / "tests-axe.lock"):
        if not script.exists():
            folder.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FILES / name, folder / name)
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=90)
            if done.returncode != 0:
                pytest.skip(f"npm can't fetch axe-core: the pages were not judged by axe. {done.stderr[-300:]}")
    return script.read_text()


async def faults(page: Page) -> list[str]:
    """What axe finds on a page that has its script, one line a fault, with where it is."""
    found = await page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES)
    return [
        f"{fault['id']}: {fault['help']}: {node['target']} {(node['failureSummary'] or '').splitlines()[-1]}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
