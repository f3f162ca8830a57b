"""@supabase/lite on a database of the tests: the API of PostgREST and GoTrue on PostgreSQL, without Docker.

The schema auth is its own, as on a hosted project, and the migrations come on top of it; it is never bootstrapped.

It is an alpha, and not what a project runs. What can't be judged on it, and is judged over the direct connection or
not at all: table grants (it grants ALL to anon and authenticated), `auth.uid()` (its own reads one setting alone), the
codes of a CHECK violation and of a plain `raise`, numbers above 2^53 (it is JavaScript), legacy API keys, JWKS,
anonymous sign-in, the auth admin API, PostgREST's schema cache and time-outs, lost database connections (it ends), and
what stands before a hosted project: its gateway, its limits, its error pages.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import platformdirs
import pytest

from coordinator.store import filelock

FILES = Path(__file__).with_name("lite")
NODE_VERSION = 20
START_S = 60


@dataclass(frozen=True)
class Lite:
    url: str
    log: Path
    service_key: str = field(default_factory=lambda: f"sb_secret_{secrets.token_hex(16)}")
    public_key: str = field(default_factory=lambda: f"sb_publishable_{secrets.token_hex(16)}")
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(32))

    def token(self, user_id: UUID, *, ttl_s: float = 3600, **claims: Any) -> str:
        """Signed as its own auth API signs."""
        now = time.time()
        payload = {
            "sub": str(user_id),
            "role": "authenticated",
            "aud": "authenticated",
            "iat": int(now) - 5,
            "exp": int(now + ttl_s),
            **claims,
        }
        return jwt.encode(payload, self.jwt_secret, algorithm="HS256")


@contextmanager
def serving_lite(socket_folder: str, database: str, scratch: Path) -> Iterator[Lite]:
    """The server on the database behind that socket; skips the test where Node is missing."""
    node = _node()
    folder = _installed(node)
    port = _free_port()
    lite = Lite(f"http://127.0.0.1:{port}", scratch / "lite.log")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SUPABASE_", "PG"))},
        "LITE_SOCKET_FOLDER": socket_folder,
        "LITE_DATABASE": database,
        "LITE_PORT": str(port),
        "LITE_SECRET_KEY": lite.service_key,
        "LITE_PUBLISHABLE_KEY": lite.public_key,
        "LITE_JWT_SECRET": lite.jwt_secret,
        "LITE_TELEMETRY": "0",
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
    }
    program = folder / "node_modules" / "@supabase" / "lite" / "dist" / "cli" / "index.js"
    with lite.log.open("wb") as log:
        process = subprocess.Popen(
            [node, str(program), "start", "--no-admin", "--config", "config.mjs"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(lite, process)
        yield lite
    finally:
        process.kill()  # it keeps nothing of its own, and asked kindly it waits for idle connections
        process.wait()


def _node() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not on this machine, and @supabase/lite runs on them: not judged over rpc")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"v(\d+)\.", told)
    if version is None or int(version[1]) < NODE_VERSION:
        pytest.skip(f"@supabase/lite needs Node {NODE_VERSION}, this is {told.strip()}: not judged over rpc")
    return node


def _installed(node: str) -> Path:
    """A folder with exactly what tests/lite/package-lock.json names; made once a machine, by one process."""
    names = ("package.json", "package-lock.json", "config.mjs")
    digest = hashlib.sha256(b"".join((FILES / name).read_bytes() for name in names)).hexdigest()[:16]
    cache = Path(platformdirs.user_cache_dir("storyloom", appauthor=False))
    folder = cache / f"tests-lite-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    with filelock.held(cache / "tests-lite.lock"):
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in names:
                shutil.copy(FILES / name, folder / name)
            npm = shutil.which("npm", path=f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}")
            assert npm is not None
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"npm ci failed in {folder}: {done.stderr[-2000:]}"
            (folder / ".ready").touch()
    return folder


def _wait(lite: Lite, process: subprocess.Popen[bytes]) -> None:
    """Until a function is answered; the first call also fills its schema cache, which it never looks at again."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            answer = httpx.post(
                f"{lite.url}/rest/v1/rpc/events_after",
                json={"p_wanted": {}},
                headers={"apikey": lite.service_key},
                timeout=START_S,
            )
            if answer.status_code in (200, 404):  # 404 as long as the database has no function
                return
            told = f"it answers {answer.status_code} {answer.text[:500]}"
        except httpx.HTTPError as error:
            told = repr(error)
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            pytest.fail(f"@supabase/lite did not start: {told}\n{lite.log.read_text()[-3000:]}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
