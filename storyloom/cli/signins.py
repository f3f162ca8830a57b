"""Anonymous sign-ins kept between commands, one per server, in a file that only its owner reads."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError

from storyloom.client.rest import Address
from storyloom.client.signin import Anonymous, Grant
from storyloom.errors import ClientError


def default_path() -> Path:
    return Path(platformdirs.user_config_dir("storyloom", appauthor=False)) / "signins.json"


class SignIns:
    """The file. A missing or unreadable one is an empty one: the next sign-in writes it anew."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or default_path()

    def provider(self, address: Address) -> Anonymous:
        """A token provider that begins with what is kept and keeps what it is given."""
        return Anonymous(address, self.get(address), lambda grant: self.put(address, grant), lambda: self.get(address))

    def get(self, address: Address) -> Grant | None:
        try:
            return Grant.model_validate(self._read()[str(address)])
        except (KeyError, ValidationError):
            return None

    def put(self, address: Address, grant: Grant) -> None:
        """Writes the file whole and moves it into place, so that a crash leaves the old one. Raises ClientError."""
        kept = {**self._read(), str(address): grant.model_dump(mode="json")}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # mkstemp makes the file with mode 600 from the first moment on.
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".signins-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(kept, file, indent=1)
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as fault:
            sentence = f"The sign-in can't be kept in {self._path}: {fault.strerror}. Give a token with --token."
            raise ClientError("internal", sentence) from fault

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}
