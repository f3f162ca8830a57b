"""Node ids: one slot of the data folder per living process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from coordinator.errors import Misconfigured
from coordinator.store.node import NodeLock

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from coordinator.store.node import NodeLock

print(NodeLock(Path(sys.argv[1])).node_id, flush=True)
sys.stdin.read()
"""


def test_a_slot_gives_the_same_id_again(tmp_path: Path) -> None:
    first, second = NodeLock(tmp_path), NodeLock(tmp_path)
    assert (first.slot, second.slot) == (0, 1)
    assert first.node_id.removesuffix("-0") == second.node_id.removesuffix("-1")
    before = first.node_id
    first.release()
    first.release()
    third = NodeLock(tmp_path)
    assert third.node_id == before
    assert NodeLock(tmp_path / "elsewhere").node_id != before


def test_dead_slots_are_those_that_nobody_holds(tmp_path: Path) -> None:
    first, second, third = NodeLock(tmp_path), NodeLock(tmp_path), NodeLock(tmp_path)
    assert first.dead_slots() == []
    second.release()
    assert first.dead_slots() == [second.node_id] == third.dead_slots()
    assert first.dead_slots() == [second.node_id], "a look takes nothing"
    assert NodeLock(tmp_path).node_id == second.node_id


def test_a_killed_process_gives_its_slot_back(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    dead = process.stdout.readline().strip()
    mine = NodeLock(tmp_path)
    assert mine.node_id != dead
    assert mine.dead_slots() == []
    process.kill()
    process.communicate()
    assert mine.dead_slots() == [dead]


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="STORYLOOM_DATA_DIR"):
        NodeLock(tmp_path / "file")
