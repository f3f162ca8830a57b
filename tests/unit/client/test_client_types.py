"""The client as a library: typed for those who use it, in what is shipped too, and every method told."""

from __future__ import annotations

import inspect
import subprocess
import sys
import zipfile
from pathlib import Path

from storyloom import client
from storyloom.client import Client, events, things

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio
from uuid import UUID

from storyloom.client import Client, ClientError, Reconnect
from storyloom.client.events import AgentDelta, Event
from storyloom.client.things import Draft, Page, Session


def lost(error: ClientError, wait_s: float) -> None:
    print(error.code, error.retry_after_s, wait_s)


async def main() -> list[UUID]:
    async with Client("http://127.0.0.1:8000", "token", reconnect=Reconnect(attempts=3), on_lost=lost) as client:
        told: list[Event] = [event async for event in client.write("A bell.", config={"pages": 1})]
        text = "".join(event.text for event in told if isinstance(event, AgentDelta))
        page: Page[Session] = await client.sessions(limit=5)
        draft: Draft = await client.edit(page.items[0].id, text, base_version=1)
        assert draft.content is not None and draft.content.upper()
        with open("story.epub", "wb") as file:
            async for piece in client.export(page.items[0].id, "epub"):
                file.write(piece)
        return [session.id for session in page.items]


print(asyncio.run(main()))
"""
WRONG = "from storyloom.client import Client\nclient = Client('http://x')\nclient.wirte('A bell.')\nx: int = client.pause('1')\n"


def checked(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """By mypy, strictly, in a folder that has nothing of the project: found as it is installed."""
    (folder / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", "program.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=110)


def test_a_program_that_uses_it_is_checked_strictly(tmp_path: Path) -> None:
    done = checked(tmp_path, PROGRAM)
    assert done.returncode == 0, done.stdout


def test_a_mistake_in_its_use_is_found(tmp_path: Path) -> None:
    done = checked(tmp_path, WRONG)
    assert 'has no attribute "wirte"' in done.stdout and "Incompatible types in assignment" in done.stdout


def test_the_wheel_says_that_it_is_typed(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True, timeout=110)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "storyloom/py.typed" in names and "storyloom/client/client.py" in names
    assert any(name.startswith("coordinator/store/migrations/") for name in names)


def test_every_public_method_is_told() -> None:
    for name, member in inspect.getmembers(Client):
        if not name.startswith("_"):
            told = inspect.getdoc(member)
            assert told and told.endswith("."), name
    for kind in (*vars(things).values(), *vars(events).values(), *(getattr(client, name) for name in client.__all__)):
        if inspect.isclass(kind) and kind.__module__.startswith("storyloom."):
            assert kind.__doc__, f"{kind.__name__} is not told"
