"""Programs of npm that tests run: fetched once a machine, by a lock without addresses."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import platformdirs
import pytest

from coordinator.store import filelock

FETCH_S = 120
OLDEST_NODE = 20


def fetched(files: Path, what: str) -> Path:
    """A folder with what the lock in `files` names; skips, with `what` was not done, where npm is missing or can't."""
    if (npm := shutil.which("npm")) is None or (node := shutil.which("node")) is None:
        pytest.skip(f"Node is not on this machine: {what}")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"Node {version} is too old: {what}")
    lock = (files / "package-lock.json").read_bytes()
    cache = Path(platformdirs.user_cache_dir("storyloom", appauthor=False))
    folder = cache / f"tests-clients-{hashlib.sha256(lock).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with filelock.held(cache / "tests-clients.lock"):
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(files / name, folder / name)
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=FETCH_S)
            if done.returncode != 0:
                pytest.skip(f"npm can't fetch what is needed: {what}. {done.stderr[-300:]}")
            (folder / "done").touch()
    return folder
