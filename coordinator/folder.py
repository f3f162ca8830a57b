"""The data folder, when it can't be used: why, and what to do, in one sentence."""

from __future__ import annotations

import errno
from pathlib import Path

from coordinator.errors import Misconfigured

NEEDED_BYTES = 200 * 2**20
"""Free space without which no new database is made: the empty one takes 40 MB, its log soon 100."""


class DiskFull(Misconfigured):
    """There is no room for what must be written there."""


def unusable(data_dir: Path, error: OSError) -> Misconfigured:
    """DiskFull or Misconfigured for what the system says of the folder, or of a file in it."""
    where = error.filename or data_dir
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return full(data_dir)
        case errno.EACCES | errno.EPERM | errno.EROFS:
            cause, remedy = f"can't be used ({error.strerror})", "mend its owner and permissions"
        case errno.ENOTDIR | errno.EEXIST:
            cause, remedy = "can't be a folder, because a file is in its place", "move the file away"
        case errno.EMFILE | errno.ENFILE:
            return Misconfigured(f"Too many files are open ({error.strerror}): raise the limit, as with `ulimit -n`.")
        case _:
            cause, remedy = f"can't be used ({error.strerror or error})", "mend it"
    return Misconfigured(f"{where} {cause}: {remedy}, or choose another data folder with STORYLOOM_DATA_DIR.")


def full(data_dir: Path) -> DiskFull:
    return DiskFull(
        f"The disk of the database, with {data_dir}, is full: free {NEEDED_BYTES // 2**20} MB, "
        "or choose another data folder with STORYLOOM_DATA_DIR."
    )
