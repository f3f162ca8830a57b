"""Secrets that the service makes for itself and keeps in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from coordinator.errors import Misconfigured
from coordinator.folder import unusable

SHORTEST = 32


def kept_secret(data_dir: Path, name: str) -> str:
    """The secret in that file of the data folder, 32 characters or more.

    Made with mode 600 where there is none, once, whoever comes first; a reader never sees it half written. Raises
    Misconfigured where the folder can't be used or the file holds no secret.
    """
    path = data_dir / name
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            fresh = data_dir / f"{name}.{os.getpid()}"
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        secret = path.read_text().strip()
    except OSError as error:
        raise unusable(data_dir, error) from error
    if len(secret) < SHORTEST:
        raise Misconfigured(f"The file {path} holds no usable secret: delete it, and a new one is made.")
    return secret
