"""A backup brings everything back, in one piece or not at all."""

import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import translation

from amiable.core import backup as verbs
from amiable.core.backup import UnableToBackUp, UnableToRestore, backup, restore


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch, settings: object, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Makes a new installation each time it is called: an empty database and an empty documents folder, both in use."""
    monkeypatch.setitem(connection.settings_dict, "NAME", "postgres")
    names: list[str] = []

    def new() -> str:
        name = f"scratch_{uuid.uuid4().hex[:12]}"
        with server() as asked:
            asked.execute(f"CREATE DATABASE {name}")
        names.append(name)
        monkeypatch.setitem(connection.settings_dict, "NAME", name)
        settings.DOCUMENT_ROOT = tmp_path / name / "documents"  # type: ignore[attr-defined]
        return name

    def server() -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(verbs._database(), password=verbs._password(), dbname="postgres", autocommit=True)

    yield new
    with server() as asked:
        for name in names:
            asked.execute(f"DROP DATABASE {name} WITH (FORCE)")


def sql(text: str) -> list[tuple[object, ...]]:
    with psycopg.connect(verbs._database(), password=verbs._password()) as asked:
        cursor = asked.execute(text)
        return cursor.fetchall() if cursor.description else []


def fill() -> None:
    sql(
        """
        CREATE TABLE invoice (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, open int CHECK (open >= 0));
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN NEW.name = upper(NEW.name); RETURN NEW; END$$;
        CREATE TRIGGER shouts BEFORE INSERT ON invoice FOR EACH ROW EXECUTE FUNCTION shout();
        INSERT INTO invoice (name, open) SELECT 'é' || n, n * 100 FROM generate_series(1, 1000) n;
        """
    )
    folder = verbs._documents()
    (folder / "2026" / "07").mkdir(parents=True)
    (folder / "2026" / "07" / "facture n° 1.pdf").write_bytes(bytes(range(256)))
    (folder / "empty").write_bytes(b"")


STATE = "SELECT count(*), sum(open), min(name) FROM invoice"


def documents() -> dict[str, bytes]:
    folder = verbs._documents()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_comes_back_on_another_installation(scratch: Callable[[], str], tmp_path: Path) -> None:
    scratch()
    fill()
    rows, files = sql(STATE), documents()
    made = backup(to=tmp_path / "out" / "b.tar")
    assert (made.documents, made.documents_bytes) == (2, 256)
    assert "2 documents" in made.sentence()
    scratch()
    assert restore(source=made.path, force=False) == made
    assert sql(STATE) == rows
    assert documents() == files
    sql("INSERT INTO invoice (name, open) VALUES ('é', 0)")  # the trigger and the numbering came along
    assert sql("SELECT name, id FROM invoice WHERE open = 0") == [("É", 1001)]


def test_only_its_owner_can_read_it(scratch: Callable[[], str], tmp_path: Path) -> None:
    scratch()
    made = backup(to=tmp_path / "b.tar")
    assert not made.path.stat().st_mode & 0o077
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["b.tar"]


def test_a_backup_is_never_written_over_another(scratch: Callable[[], str], tmp_path: Path) -> None:
    scratch()
    (tmp_path / "b.tar").write_text("precious")
    with pytest.raises(UnableToBackUp, match="exists already"):
        backup(to=tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "precious"


def test_a_failed_backup_leaves_no_file(
    scratch: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch()
    monkeypatch.setitem(connection.settings_dict, "NAME", "no_such_database")
    with pytest.raises(UnableToBackUp, match='"no_such_database" does not exist'):
        backup(to=tmp_path / "b.tar")
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_database_with_tables_is_replaced_only_by_force(scratch: Callable[[], str], tmp_path: Path) -> None:
    scratch()
    fill()
    made = backup(to=tmp_path / "b.tar")
    sql("TRUNCATE invoice; CREATE TABLE since (n int)")
    (verbs._documents() / "since.txt").write_text("")
    with pytest.raises(UnableToRestore, match=r"has 2 tables.*--force"):
        restore(source=made.path, force=False)
    restore(source=made.path, force=True)
    assert sql(STATE)[0][0] == 1000
    assert sql("SELECT to_regclass('since')") == [(None,)]
    assert "since.txt" not in documents()


def test_documents_are_replaced_only_by_force(scratch: Callable[[], str], tmp_path: Path) -> None:
    scratch()
    made = backup(to=tmp_path / "b.tar")
    scratch()
    verbs._documents().mkdir(parents=True)
    (verbs._documents() / "mine.txt").write_text("")
    with pytest.raises(UnableToRestore, match=r"is not empty.*--force"):
        restore(source=made.path, force=False)
    assert documents() == {"mine.txt": b""}


def test_a_damaged_backup_changes_nothing(scratch: Callable[[], str], tmp_path: Path) -> None:
    scratch()
    fill()
    made = backup(to=tmp_path / "b.tar")
    with tarfile.open(made.path) as archive:
        place = archive.getmember(verbs.DUMP).offset_data + made.database_bytes // 2
    content = bytearray(made.path.read_bytes())
    content[place] ^= 0xFF
    (tmp_path / "damaged.tar").write_bytes(content)
    (tmp_path / "short.tar").write_bytes(content[: place - 1000])
    (tmp_path / "other.tar").write_bytes(b"")
    rows, files = sql(STATE), documents()
    for name in ("damaged", "short", "other", "missing"):
        with pytest.raises(UnableToRestore):
            restore(source=tmp_path / f"{name}.tar", force=True)
    assert (sql(STATE), documents()) == (rows, files)


def test_a_server_that_still_works_is_told_of_and_nothing_changes(
    scratch: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch()
    fill()
    made = backup(to=tmp_path / "b.tar")
    monkeypatch.setattr(verbs, "LOCK_SECONDS", 1)
    files = documents()
    with psycopg.connect(verbs._database(), password=verbs._password()) as other:
        other.execute("SELECT 1 FROM invoice")
        with pytest.raises(UnableToRestore, match="stop the server and the workers"):
            restore(source=made.path, force=True)
    assert sql(STATE)[0][0] == 1000
    assert documents() == files
