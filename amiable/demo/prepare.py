"""A database of its own for the demo, and the two creditors with their colleagues in it.

Never: the database of an installation touched, a password that is known.
"""

import hashlib
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from amiable.core.errors import UnableTo
from amiable.demo.world import login, names
from amiable.demo.write import COLLEAGUES_AT

# The demo's database stands beside the installation's, and a copy of it without a row beside that, so that a next
# demo needs no migrations.
DEMO, BLANK = "{}_demo", "{}_demo_blank"
# A transfer made on the promised day arrives some days later, and the books are brought in on working days only.
POLICY = {"promise_grace_days": 4, "survey_share": 60}


class UnableToPrepare(UnableTo):
    """The demo has no place to play in."""


def fresh(url: str) -> str:
    """Makes the demo's database new on the server of `url` and returns its address. Needs no Django."""
    parts = urlsplit(url)
    own = unquote(parts.path.lstrip("/")) or "amiable"
    demo, blank = DEMO.format(own), BLANK.format(own)
    with _server(url) as server:
        _drop(server, demo)
        if _description(server, blank) == _schema():
            _create(server, demo, like=blank)
        else:
            _drop(server, blank)
            _create(server, demo)
    return urlunsplit(parts._replace(path="/" + quote(demo)))


def migrated() -> None:
    """Brings the database up to the migrations where it is empty, and keeps a blank copy of the demo's."""
    from django.core.management import call_command
    from django.db import connection, connections

    if "django_migrations" in connection.introspection.table_names():
        return
    call_command("migrate", verbosity=0)
    demo = str(connection.settings_dict["NAME"])
    own = demo.removesuffix(DEMO.format(""))
    if own == demo:
        return
    blank = BLANK.format(own)
    parameters = {**connection.get_connection_params(), "dbname": "postgres"}
    kept = ("cursor_factory", "context", "prepare_threshold")
    connections.close_all()
    with psycopg.connect(
        **{key: value for key, value in parameters.items() if key not in kept}, autocommit=True
    ) as server:
        _drop(server, blank)
        _create(server, blank, like=demo)
        server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(blank), sql.Literal(_schema())))


def address() -> str:
    """The address of the database that Django is set up with, as DATABASE_URL has it."""
    from django.db import connection

    known = connection.settings_dict
    options = {name: value for name, value in known["OPTIONS"].items() if isinstance(value, str)}
    where = {name: str(value) for name, value in (("host", known["HOST"]), ("port", known["PORT"])) if value}
    who = ":".join(quote(str(text), safe="") for text in (known["USER"], known["PASSWORD"]) if text)
    name = quote(str(known["NAME"]), safe="")
    return f"postgresql://{who}@/{name}?{urlencode(options | where)}"


def furnish(*, now: datetime) -> None:
    """Creditors, branches and colleagues. The creditors are in dry run until they are released."""
    from django.contrib.auth.hashers import make_password

    from amiable.core.models import Role, Scope, User
    from amiable.ledger.models import Branch, Creditor

    if Creditor.objects.exists():
        raise UnableToPrepare("This database holds creditors already; the demo only plays in an empty one.")
    lists = names()
    for key, words in lists["creditors"].items():
        told = {**words, "policy": POLICY | words.get("policy", {})}
        Creditor.objects.create(key=key, iban=lists["iban"], created_at=now, **told)
    creditors = {each.key: each for each in Creditor.objects.all()}
    for person in lists["colleagues"]:
        user = User.objects.create(
            username=person["username"],
            first_name=person["first"],
            last_name=person["last"],
            email=f"{person['username']}@{COLLEAGUES_AT}",
            password=make_password(None),
            is_superuser=person["role"] == Role.ADMIN,
            is_staff=person["role"] == Role.ADMIN,
        )
        for key in person["creditors"]:
            Scope.objects.create(user=user, role=person["role"], creditor_ref=creditors[key].pk)
    for place in lists["branches"]:
        branch = Branch.objects.create(creditor=creditors["valmont"], code=place["code"], name=place["name"])
        for name in place["sales"]:
            first, _space, last = name.partition(" ")
            seller = User.objects.create(
                username=login(name),
                first_name=first,
                last_name=last,
                email=f"{login(name)}@{COLLEAGUES_AT}",
                password=make_password(None),
            )
            Scope.objects.create(
                user=seller,
                role=Role.SALES,
                creditor_ref=branch.creditor_id,
                branch_ref=branch.pk,
                own_customers_only=True,
            )


def _server(url: str) -> psycopg.Connection:
    parts = urlsplit(url)
    return psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True)


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _create(server: psycopg.Connection, name: str, *, like: str = "template1") -> None:
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like)))
    # What a crash takes from a demo is played again; nobody waits for the disk here.
    server.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))


def _description(server: psycopg.Connection, name: str) -> str:
    found = server.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    return str(found[0]) if found else ""


def _schema() -> str:
    """A digest of everything that makes the tables: ours and those of the packages."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.parent.glob("*/migrations/*")):
        if path.suffix in {".py", ".sql"}:
            digest.update(path.name.encode() + path.read_bytes())
    for package in ("django", "procrastinate"):
        digest.update(version(package).encode())
    return digest.hexdigest()
