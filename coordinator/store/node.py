"""Which node this process is: a numbered slot in the data folder, held by a file lock as long as the process lives."""

from __future__ import annotations

import os
import re
import secrets
import socket
from pathlib import Path

from coordinator.errors import Misconfigured
from coordinator.folder import unusable
from coordinator.store import filelock

SLOTS = 1000


class NodeLock:
    """The first free slot of a data folder, and the node id that goes with it.

    The same folder and slot give the same id again, so a restarted node finds what it left behind. The id is random
    at first start and then kept in `node-id`: a data folder must not be copied to a second machine together with it.
    """

    def __init__(self, data_dir: Path) -> None:
        """Take a slot. Raises Misconfigured when the folder can't be written or all slots are taken."""
        self._folder = data_dir / "nodes"
        self._descriptor: int | None = None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Under this one lock slots are taken and looked at, so that a look is never mistaken for a holder.
            with filelock.held(data_dir / "node-id") as descriptor:
                self._base = _base_id(descriptor)
                self.slot = self._take_slot()
        except OSError as error:
            raise unusable(data_dir, error) from error

    @property
    def node_id(self) -> str:
        return f"{self._base}-{self.slot}"

    def dead_slots(self) -> list[str]:
        """Node ids of this folder's other slots that nobody holds: their work may be taken over.

        True at the moment of looking: a node that starts later may take such a slot, and its id, again.
        """
        dead: list[str] = []
        with filelock.held(self._folder.parent / "node-id"):
            for slot in sorted(int(path.stem) for path in self._folder.glob("*.lock") if path.stem.isdigit()):
                if slot == self.slot and self._descriptor is not None:
                    continue
                if (descriptor := filelock.take(self._path(slot))) is not None:
                    filelock.let_go(descriptor)
                    dead.append(f"{self._base}-{slot}")
        return dead

    def release(self) -> None:
        """Give the slot back; a second call does nothing."""
        if self._descriptor is not None:
            filelock.let_go(self._descriptor)
            self._descriptor = None

    def _take_slot(self) -> int:
        for slot in range(SLOTS):
            if (descriptor := filelock.take(self._path(slot))) is not None:
                self._descriptor = descriptor
                return slot
        raise Misconfigured(f"{SLOTS} nodes use the data folder {self._folder.parent} already: stop one of them.")

    def _path(self, slot: int) -> Path:
        return self._folder / f"{slot}.lock"


def living_slots(data_dir: Path) -> int:
    """How many nodes run with this data folder just now. Raises OSError where that can't be seen."""
    if not (data_dir / "nodes").is_dir():
        return 0
    living = 0
    with filelock.held(data_dir / "node-id"):
        for path in (data_dir / "nodes").glob("*.lock"):
            if (descriptor := filelock.take(path)) is None:
                living += 1
            else:
                filelock.let_go(descriptor)
    return living


def _base_id(descriptor: int) -> str:
    """The id that the folder keeps, made at its first use; called under its lock."""
    if known := os.pread(descriptor, 200, 0).decode(errors="replace").strip():
        return known
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")[:40] or "node"
    made = f"{host}-{secrets.token_hex(4)}"
    os.pwrite(descriptor, f"{made}\n".encode(), 0)
    os.fsync(descriptor)
    return made
