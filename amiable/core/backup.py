"""Takes the whole installation out into one file, and brings it back.

In: the database and the documents folder, or a .tar made here. Out: a .tar, or both restored.
Never: a file that looks like a backup and is half of one, or data replaced without being told to.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable import __version__
from amiable.core import postgres
from amiable.core.errors import UnableTo

CONTENTS, DUMP, DOCUMENTS = "contents.json", "database.dump", "documents"
LOCK_SECONDS = 15  # how long a restore waits for a server that still uses the tables
SCHEMAS = r"SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
TABLES = f"SELECT count(*) FROM pg_tables WHERE schemaname IN ({SCHEMAS})"


class UnableToBackUp(UnableTo):
    """The backup was not made; nothing stands at its place."""


class UnableToRestore(UnableTo):
    """Nothing was restored; database and documents are as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a backup holds: sizes in bytes, documents in files, the version of Amiable that made it."""

    path: Path
    database_bytes: int
    documents: int
    documents_bytes: int
    version: str

    def sentence(self) -> str:
        return ngettext(
            "%(path)s holds the database (%(database).1f MB) and %(n)d document (%(files).1f MB).",
            "%(path)s holds the database (%(database).1f MB) and %(n)d documents (%(files).1f MB).",
            self.documents,
        ) % {
            "path": self.path,
            "database": self.database_bytes / 1_000_000,
            "n": self.documents,
            "files": self.documents_bytes / 1_000_000,
        }


def backup(*, to: Path) -> Summary:
    """Writes database and documents, as they are now, into the new file `to` (.tar, for its owner only).

    The database comes first: every document that it names is written before its row, and so is in the file too.
    Raises UnableToBackUp when `to` exists or something cannot be read or written.
    """
    if to.exists():
        raise UnableToBackUp(_("%(path)s exists already; a backup is never written over another.") % {"path": to})
    part = to.with_name(f"{to.name}.part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".backup-") as folder:
            dump = Path(folder) / DUMP
            failed = _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={dump}", _database())
            if failed:
                raise UnableToBackUp(_("The database cannot be read: %(said)s") % {"said": failed})
            documents = [path for path in sorted(_documents().rglob("*")) if path.is_file()]
            summary = Summary(
                path=to,
                database_bytes=dump.stat().st_size,
                documents=len(documents),
                documents_bytes=sum(path.stat().st_size for path in documents),
                version=__version__,
            )
            contents = Path(folder) / CONTENTS
            contents.write_text(json.dumps(_contents(summary, dump), indent=1))
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                with tarfile.open(fileobj=file, mode="w", dereference=True) as archive:
                    archive.add(contents, CONTENTS)
                    archive.add(dump, DUMP)
                    for path in documents:
                        archive.add(path, f"{DOCUMENTS}/{path.relative_to(_documents())}")
                file.flush()
                os.fsync(file.fileno())
        part.rename(to)
    except OSError as error:
        raise UnableToBackUp(_("The backup cannot be written: %(said)s") % {"said": error}) from error
    finally:
        part.unlink(missing_ok=True)
    return summary


def restore(*, source: Path, force: bool) -> Summary:
    """Puts the database and the documents of the backup `source` in place of what is there.

    The database changes in one transaction, after everything was unpacked and before the documents change place.
    Raises UnableToRestore when the file is no whole backup, when something is there already and `force` is not given,
    or when a running server holds the tables.
    """
    if not source.is_file():
        raise UnableToRestore(_("There is no file %(path)s.") % {"path": source})
    if not force:
        _refuse_to_replace()
    here = _documents()
    here.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=here.parent, prefix=".restore-") as made:
        folder = Path(made)
        summary = _unpacked(source, folder)
        _restore_database(folder)
        if here.exists():
            here.rename(folder / "before")
        (folder / DOCUMENTS).rename(here)
    return summary


def _contents(summary: Summary, dump: Path) -> dict[str, object]:
    with dump.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "amiable": summary.version,
        "database_sha256": digest,
        "database_bytes": summary.database_bytes,
        "documents": summary.documents,
        "documents_bytes": summary.documents_bytes,
    }


def _unpacked(source: Path, folder: Path) -> Summary:
    """Takes dump and documents out into `folder` and says what they are; raises UnableToRestore if one is not whole."""
    (folder / DOCUMENTS).mkdir()
    try:
        with tarfile.open(source, "r:") as archive:
            names = archive.getnames()
            if CONTENTS not in names or DUMP not in names:
                raise UnableToRestore(_("%(path)s is not a backup of Amiable.") % {"path": source})
            for member in archive:
                if member.name in {CONTENTS, DUMP} or member.name.startswith(f"{DOCUMENTS}/"):
                    archive.extract(member, folder, filter="data")
            contents = json.loads((folder / CONTENTS).read_text())
            with (folder / DUMP).open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == contents["database_sha256"]
    except (OSError, ValueError, KeyError, tarfile.TarError) as error:
        raise UnableToRestore(
            _("%(path)s cannot be read as a backup: %(said)s") % {"path": source, "said": error}
        ) from error
    if not whole or sum(name.startswith(f"{DOCUMENTS}/") for name in names) != contents["documents"]:
        raise UnableToRestore(
            _("%(path)s is damaged: it does not hold what it held when it was made.") % {"path": source}
        )
    return Summary(
        path=source,
        database_bytes=contents["database_bytes"],
        documents=contents["documents"],
        documents_bytes=contents["documents_bytes"],
        version=contents["amiable"],
    )


def _refuse_to_replace() -> None:
    with psycopg.connect(_database(), password=_password()) as asked:
        row = asked.execute(TABLES).fetchone()
    if row and row[0]:
        raise UnableToRestore(
            ngettext(
                "The database already has %(n)d table, and a restore would replace it. Say --force to do so.",
                "The database already has %(n)d tables, and a restore would replace it. Say --force to do so.",
                row[0],
            )
            % {"n": row[0]}
        )
    if _documents().exists() and any(_documents().iterdir()):
        raise UnableToRestore(
            _("The folder %(path)s is not empty; a restore would replace it. Say --force to do so.")
            % {"path": _documents()}
        )


def _restore_database(folder: Path) -> None:
    """Empties the database and fills it from the dump in `folder`, in one transaction."""
    script = folder / "database.sql"
    failed = _run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(folder / DUMP))
    if failed:
        raise UnableToRestore(_("The backup's database cannot be read: %(said)s") % {"said": failed})
    with psycopg.connect(_database(), password=_password()) as asked:
        schemas = [row[0] for row in asked.execute(SCHEMAS)]
        version = asked.info.server_version
    before = folder / "before.sql"
    before.write_text(
        f"SET lock_timeout = '{LOCK_SECONDS}s';\n"
        + "".join(f'DROP SCHEMA "{name}" CASCADE;\n' for name in schemas)
        + "CREATE SCHEMA public;\n"
    )
    if version < 17_00_00:
        _leave_out_newer_settings(script)
    connection.close()  # our own session must not be the one that holds the tables
    failed = _run(
        *("psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"),
        *(f"--file={before}", f"--file={script}", _database()),
    )
    if failed and "lock timeout" in failed:
        raise UnableToRestore(_("Something still uses the database: stop the server and the workers, then try again."))
    if failed:
        raise UnableToRestore(_("The database could not be restored and is as it was: %(said)s") % {"said": failed})


def _leave_out_newer_settings(script: Path) -> None:
    """A newer pg_restore begins its script with a setting that servers before 17 do not know."""
    with script.open("r+b") as file:
        head = file.read(4096)
        if b"\nSET transaction_timeout = 0;" in head:
            file.seek(head.index(b"\nSET transaction_timeout = 0;") + 1)
            file.write(b"--")  # the line becomes a comment, and nothing moves


def _documents() -> Path:
    return Path(settings.DOCUMENT_ROOT)


def _password() -> str:
    return str(connection.settings_dict["PASSWORD"])


def _database() -> str:
    """How libpq finds the database of this process, without its password."""
    told = connection.settings_dict
    options = {name: value for name, value in told["OPTIONS"].items() if isinstance(value, str)}
    return psycopg.conninfo.make_conninfo(
        dbname=told["NAME"], user=told["USER"], host=told["HOST"], port=told["PORT"], **options
    )


def _run(program: str, *arguments: str) -> str:
    """Runs a PostgreSQL program; empty when all went well, else what it said. The password goes by the environment."""
    try:
        path = str(postgres.binaries() / program)
    except postgres.PostgresUnavailable:
        path = shutil.which(program) or ""
    if not path:
        return _("%(program)s is not installed here.") % {"program": program}
    environment = os.environ | {"LC_ALL": "C"} | ({"PGPASSWORD": _password()} if _password() else {})
    done = subprocess.run(
        [path, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        check=False,
    )
    return (done.stderr.strip() or f"{program}: {done.returncode}") if done.returncode else ""
