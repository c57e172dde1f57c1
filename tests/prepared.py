"""The empty database that the test databases are copied from, so that the migrations run once, not for each worker of each run.

In: the name of the test database. Out: the empty one's, with the migrations as they are now; it stays for the next run.
"""

import hashlib
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

LOCK = 5_127_804  # whoever comes second waits, and finds it made


def offer(*, of: str) -> str:
    name, wanted = f"{of}_empty", seen()
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        found = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        cursor.execute(found, [name])
        if cursor.fetchone() != (wanted,):
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{name}"')
            _migrate(name)
            cursor.execute(f"COMMENT ON DATABASE \"{name}\" IS '{wanted}'")  # and with that it is whole
    return name


def seen() -> str:
    """What the migrations are: ours with every word of theirs, the others by name."""
    words = hashlib.sha256(repr(sorted(MigrationLoader(None).disk_migrations)).encode())
    for app in apps.get_app_configs():
        if app.name.startswith("amiable."):
            for path in sorted(Path(app.path, "migrations").glob("*.*")):
                words.update(path.read_bytes())
    return words.hexdigest()


def _migrate(name: str) -> None:
    known = connection.settings_dict
    other = known["NAME"]
    connection.close()
    known["NAME"] = name
    try:
        call_command("migrate", verbosity=0, run_syncdb=True)
    finally:
        connection.close()
        known["NAME"] = other
