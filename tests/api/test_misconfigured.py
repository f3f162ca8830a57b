"""`storyloom serve` with settings that can't work: one clear sentence, no traceback, nothing secret, exit code 1."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest

from storyloom.cli import main

PROJECT = "https://abcdefghijklmnopqrst.supabase.co"
SECRET = "the-jwt-secret-of-the-project-that-is-long-enough"
OTHER_SECRET = "the-jwt-secret-of-another-project-long-enough-too"


def _legacy(role: str) -> str:
    now = int(time.time())
    claims = {"iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": role, "iat": now, "exp": now + 10**8}
    return jwt.encode(claims, SECRET, algorithm="HS256")


KEYS = {"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_0123456789", "SUPABASE_SECRET_KEY": "sb_secret_0123456789"}
LEGACY = {"SUPABASE_ANON_KEY": _legacy("anon"), "SUPABASE_SERVICE_ROLE_KEY": _legacy("service_role")}


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


NOWHERE = f"http://127.0.0.1:{_closed_port()}"

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "swapped keys": (
        {
            "SUPABASE_URL": PROJECT,
            "SUPABASE_PUBLISHABLE_KEY": KEYS["SUPABASE_SECRET_KEY"],
            "SUPABASE_SECRET_KEY": KEYS["SUPABASE_PUBLISHABLE_KEY"],
        },
        r"SUPABASE_PUBLISHABLE_KEY .*and SUPABASE_SECRET_KEY .*are swapped",
    ),
    "the anon key for the service's": (
        {"SUPABASE_URL": PROJECT, **LEGACY, "SUPABASE_SERVICE_ROLE_KEY": LEGACY["SUPABASE_ANON_KEY"]},
        r"SUPABASE_SERVICE_ROLE_KEY\) holds the anon key: set it to",
    ),
    "an address with a path": (
        {"SUPABASE_URL": f"{PROJECT}/rest/v1", **KEYS},
        rf"SUPABASE_URL has more .*: set it to {PROJECT}\.$",
    ),
    "another project's JWT secret": (
        {"SUPABASE_URL": PROJECT, **LEGACY, "SUPABASE_JWT_SECRET": OTHER_SECRET},
        r"SUPABASE_JWT_SECRET is not the secret that SUPABASE_PUBLISHABLE_KEY \(or SUPABASE_ANON_KEY\) is signed with",
    ),
    "nobody there for the public keys": ({"SUPABASE_URL": NOWHERE, **KEYS}, r"check SUPABASE_URL and the network"),
    "nobody there for the project's API": (
        {"SUPABASE_URL": NOWHERE, **KEYS, "SUPABASE_JWT_SECRET": SECRET},
        r"can't be reached.* Check SUPABASE_URL",
    ),
    "nobody there for the database": (
        {"DATABASE_URL": f"postgresql://writer:hunter2hunter2@127.0.0.1:{_closed_port()}/storyloom"},
        r"can't be reached.* Check DATABASE_URL",
    ),
    "an admin by their address": (
        {"STORYLOOM_ADMIN_USER_IDS": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff, someone@example.org"},
        r"STORYLOOM_ADMIN_USER_IDS: entry 2 is not a user's id",
    ),
    "an admin by their address, at a project": (
        {
            "SUPABASE_URL": NOWHERE,
            **KEYS,
            "SUPABASE_JWT_SECRET": SECRET,
            "STORYLOOM_ADMIN_USER_IDS": "someone@example.org",
        },
        r"STORYLOOM_ADMIN_USER_IDS: entry 1 is not a user's id",
    ),
}


def checked(wrong: str, code: int, out: str, told: str) -> None:
    settings, expected = WRONG[wrong]
    # Before it there may be lines of the log.
    sentences = [line for line in told.splitlines() if line.startswith("storyloom: ")]
    assert sentences == told.splitlines()[-1:], told
    assert re.search(expected, sentences[0]) and sentences[0].endswith("."), told
    assert code == 1 and out == "" and "Traceback" not in told
    for name, value in settings.items():
        assert value not in told or ("KEY" not in name and "SECRET" not in name)
    assert "hunter2" not in told and "someone@" not in told


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_work_is_told_in_a_sentence(
    wrong: str, tmp_path: Path, own_logging: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["storyloom", "serve"])
    for name, value in surroundings(wrong, tmp_path).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main()
    checked(wrong, int(ended.value.code or 0), *capsys.readouterr())


def test_a_process_ends_so(tmp_path: Path) -> None:
    wrong = "nobody there for the database"
    done = subprocess.run(
        [sys.executable, "-m", "storyloom.cli", "serve"],
        capture_output=True,
        text=True,
        timeout=90,
        cwd=tmp_path,
        env={**os.environ, **surroundings(wrong, tmp_path)},
        check=False,
    )
    checked(wrong, done.returncode, done.stdout, done.stderr)


def surroundings(wrong: str, folder: Path) -> dict[str, str]:
    return {"STORYLOOM_DATA_DIR": str(folder / "data"), "STORYLOOM_PORT": "0", **WRONG[wrong][0]}
