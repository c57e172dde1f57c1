"""The command line: every command has help, says one plain sentence on error, and with --json writes nothing but JSON
to standard output; progress goes to standard error. Here, and in the rooms and the day, the clock is read.
"""

import json as jsons
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from amiable.ledger.models import Creditor

app = typer.Typer(
    help="Amiable gets invoices paid and keeps the customer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Json = Annotated[bool, typer.Option("--json", help="Write JSON, and nothing else, to standard output.")]
Day = Annotated[str, typer.Option("--as-of", help="The business date, as YYYY-MM-DD.")]
Named = Annotated[str, typer.Option("--creditor", help="The creditor's name or key.")]
FIRST_YEAR, LAST_YEAR = 1970, 2199  # a slip of the keys; and years are added to and taken from a business date


class UnableToObey(Exception):
    """The command cannot be carried out as it was given."""


def whole() -> typer.Typer:
    """The command line with the commands of every part."""
    from amiable import (
        cli_bank,
        cli_bench,
        cli_figures,
        cli_forecast,
        cli_interest,
        cli_letters,
        cli_mail,
        cli_scenario,
        cli_serve,
    )

    parts = (
        cli_bank,
        cli_mail,
        cli_scenario,
        cli_letters,
        cli_bench,
        cli_interest,
        cli_figures,
        cli_forecast,
        cli_serve,
    )
    for part in parts:
        part.join(app)
    return app


def main() -> None:
    """Runs the command; whatever goes wrong ends with one sentence and an exit code that is not 0."""
    logging.captureWarnings(True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amiable.settings")
    whole()
    try:
        app(standalone_mode=True)
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        sys.exit(1)


def _sentence(error: Exception) -> str | None:
    """What a person needs to know of an error that may be expected; None for a fault of the program."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError

    from amiable.core.errors import AmiableError

    if isinstance(error, OperationalError):
        return f"The database cannot be reached or refused the work: {str(error).strip().splitlines()[0]}"
    expected = isinstance(error, UnableToObey | AmiableError | ImproperlyConfigured)
    return str(error).strip() if expected else None


# -- work ----------------------------------------------------------------------------------------------------------------


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV, XLSX, FEC, a folder or zip of invoice copies.")],
    creditor: Named,
    as_of: Annotated[
        str, typer.Option("--as-of", help="The day the files tell of (YYYY-MM-DD); today when not said.")
    ] = "",
    kind: Annotated[
        str, typer.Option(help="movements, open_items, contacts, fec or copies; found by itself when not said.")
    ] = "",
    source: Annotated[str, typer.Option(help="The source whose remembered reading is used.")] = "",
    backfill: Annotated[bool, typer.Option("--backfill", help="History: count it as known on its own dates.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, write nothing.")] = False,
    json: Json = False,
) -> None:
    """Take files into the ledger, each whole or not at all; the same file twice changes nothing."""
    now = _start()
    from django.db import transaction

    from amiable.intake import load

    day = _day(as_of, now)
    total, fresh = load.Summary(), False
    rehearsed = transaction.atomic() if dry_run else nullcontext()
    with _bar("Reading", json) as tell, rehearsed:
        for path in files:

            def told(rows: int, done: int, whole: int, name: str = path.name) -> None:
                tell(name, done, whole)

            with transaction.atomic():  # a new creditor stays only where a file of its own came in
                owner = _creditor(creditor, make=True, now=now)
                total += load.load(
                    path=path, creditor=owner, as_of=day, now=now, kind=kind or None, source_key=source or None,
                    backfill=True if backfill else None, dry_run=dry_run, progress=told,
                )  # fmt: skip
            fresh = fresh or owner.created_at == now
        if dry_run:
            transaction.set_rollback(True)
    _tell(total.figures(), json)
    if fresh and not dry_run:
        print(f"{owner.name} is new here, in dry run: nothing leaves until `amiable release`.", file=sys.stderr)
    if total.quarantined:
        print(
            f"Rows that could not be read: {total.quarantined}. They wait in the desk, under Quarantine, with the reason.",
            file=sys.stderr,
        )


@app.command()
def day(
    as_of: Day = "",
    creditor: Annotated[str, typer.Option(help="Only the day of this creditor, by name or key.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    json: Json = False,
) -> None:
    """Run the daily cycle: look at every customer, decide, send, measure."""
    now = _start()
    from amiable.day import run_day

    on = _day(as_of, now)
    whose = _creditor(creditor, make=False, now=now) if creditor else None
    _tell(run_day(as_of=on, now=_at(on, now), creditor=whose, dry_run=dry_run), json)


@app.command()
def balance(creditor: Named, as_of: Day = "", json: Json = False) -> None:
    """What a creditor is owed as of a day: open, not due, overdue and credit, one line per currency."""
    now = _start()
    from dataclasses import asdict

    from amiable.core.money import shown
    from amiable.ledger.balance import balance as ask

    owner, on = _creditor(creditor, make=False, now=now), _day(as_of, now)
    rows = ask(creditor=owner, as_of=on)
    if json:
        _tell([asdict(row) for row in rows], json)
        return
    if not rows:
        print(f"Nothing is owed to {owner.name} on {on}.")
    for row in rows:
        parts = {
            "open": row.open_minor,
            "not due": row.not_due_minor,
            "overdue": row.overdue_minor,
            "credit": row.credit_minor,
        }
        print(
            ", ".join(f"{name} {shown(value, row.currency)}" for name, value in parts.items()),
            f"({row.customers} customers)",
        )


@app.command()
def release(creditor: Named) -> None:
    """Take a creditor out of dry run: from now on its messages leave the house."""
    now = _start()
    from amiable.outreach.release import go_live

    owner = _creditor(creditor, make=False, now=now)
    go_live(creditor=owner, now=now, by=None, origin="cli")
    print(f"{owner.name} is released: its messages leave the house from the next day's run.")


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="The name to log in with.")],
    email: Annotated[str, typer.Option(help="The person's e-mail address.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May see and do everything.")] = False,
) -> None:
    """Make a user; the password is asked for."""
    _start()
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from amiable.core.models import User

    if User.objects.filter(username=name).exists():
        raise UnableToObey(f"There is a user {name} already.")
    if email and User.objects.filter(email__iexact=email).exists():
        raise UnableToObey(f"Somebody has the address {email} already, and may log in with it.")
    try:
        User(username=name, email=email).clean_fields(exclude=["password"])
    except ValidationError as error:
        raise UnableToObey(" ".join(error.messages)) from error
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        validate_password(password)
    except ValidationError as error:
        raise UnableToObey(" ".join(error.messages)) from error
    User.objects.create_user(name, email, password, is_staff=admin, is_superuser=admin)
    print(f"{name} can log in now.")


# -- rooms ---------------------------------------------------------------------------------------------------------------


@app.command()
def worker() -> None:
    """Run the schedules and the queue: the day every morning, and what must not wait."""
    _start()
    from django.core.management import call_command

    import amiable.day  # noqa: F401  (its tasks register themselves)

    call_command("procrastinate", "worker")


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the summary instead of serving the desk.")] = False,
    customers: Annotated[int, typer.Option(help="How many invented customers.")] = 2000,
    days: Annotated[int, typer.Option(help="How many days are replayed.")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 1,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on which the desk is served.")] = 8000,
    json: Json = False,
) -> None:
    """Replay 90 days of two invented companies through the real daily cycle, then serve the desk."""
    from amiable.demo import prepare

    if not 10 <= customers <= 200_000 or not 1 <= days <= 365:
        raise UnableToObey("The demo takes from 10 to 200000 customers and from 1 to 365 days.")
    os.environ["DATABASE_URL"] = prepare.fresh(_server_address())
    os.environ.pop("DATABASE_URL_FILE", None)
    os.environ["AMIABLE_DEV_ROOMS"] = "1"
    os.environ["AMIABLE_BASE_URL"] = f"http://127.0.0.1:{port}"
    _start(migrate=False)
    from django.utils import timezone

    from amiable.cli_serve import serve
    from amiable.demo import play, stand

    play.play(customers=customers, days=days, seed=seed, end=timezone.localdate(), progress=not json, json=json)
    if once:
        return
    with stand.mailbox():
        print(f"\nThe desk: http://127.0.0.1:{port}{play.way_in(now=timezone.now())}", file=sys.stderr)
        print(f"The outbox: http://127.0.0.1:{port}/dev/outbox/", file=sys.stderr)
        serve(host="127.0.0.1", port=port)


# -- care ----------------------------------------------------------------------------------------------------------------


@app.command()
def migrate() -> None:
    """Bring the database up to this version."""
    _start(migrate=False)
    from django.core.management import call_command

    call_command("migrate", interactive=False)


@app.command()
def doctor(json: Json = False) -> None:
    """Say in sentences what is missing or wrong; exit code 1 when something is."""
    now = _start(migrate=False)
    from dataclasses import asdict

    from amiable.core.doctor import examine
    from amiable.ledger import diagnose as rates
    from amiable.outreach.diagnose import diagnose

    findings = [*examine(now=now), *rates.diagnose(as_of=now.date()), *diagnose(now=now)]
    if json:
        _tell([asdict(finding) for finding in findings], json)
    else:
        marks = {True: "ok", False: "WRONG", None: "?"}
        for finding in findings:
            print(f"{marks[finding.ok]:6}{finding.area:14}{finding.sentence}")
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


@app.command()
def backup(to: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Keep the database and the documents in one file."""
    _start(migrate=False)
    from amiable.core import backup as verb

    print(verb.backup(to=to).sentence())


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `amiable backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what the database holds now.")] = False,
) -> None:
    """Bring back what a backup holds."""
    _start(migrate=False)
    from amiable.core import backup as verb

    print(verb.restore(source=source, force=force).sentence())


# -- what the commands share ---------------------------------------------------------------------------------------------


def _start(*, migrate: bool = True) -> datetime:
    """Starts Django, brings our own embedded database up to date, and reads the clock."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.utils import timezone

    if migrate:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            if os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"):
                raise UnableToObey("The database is not at this version yet: run `amiable migrate` first.")
            print("The database is being brought to this version; new, it takes a minute.", file=sys.stderr, flush=True)
            call_command("migrate", verbosity=0, interactive=False)
    return timezone.now()


def _creditor(name: str, *, make: bool, now: datetime) -> "Creditor":
    """The creditor of that name or key; `make`: a new one, in dry run, where there is none."""
    from django.db.models import Q
    from django.utils.text import slugify

    from amiable.ledger.models import Creditor

    wanted = name.strip()
    found = Creditor.objects.filter(Q(key=wanted) | Q(name__iexact=wanted)).order_by("pk").first()
    if found:
        return found
    key = slugify(wanted)[:40]
    if not key or len(wanted) > 120:
        raise UnableToObey("A creditor's name has from 1 to 120 characters, some of them letters or digits.")
    if not make:
        known = ", ".join(Creditor.objects.order_by("name").values_list("name", flat=True)[:10]) or "none yet"
        raise UnableToObey(f"There is no creditor {wanted}; known: {known}.")
    return Creditor.objects.get_or_create(key=key, defaults={"name": wanted, "created_at": now})[0]


def _sole_creditor(name: str, now: datetime) -> "Creditor":
    """The creditor of that name; where none is said, the only one."""
    from amiable.ledger.models import Creditor

    if name:
        return _creditor(name, make=False, now=now)
    known = list(Creditor.objects.order_by("name")[:2])
    if len(known) != 1:
        raise UnableToObey(
            "There are several creditors: name one with --creditor." if known else "There is no creditor yet."
        )
    return known[0]


def _day(text: str, now: datetime) -> date:
    from django.utils import timezone

    if not text:
        return timezone.localdate(now)
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise UnableToObey(f"“{text}” is not a date; write it as YYYY-MM-DD.")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UnableToObey(f"“{text}” is not a day of the calendar.") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise UnableToObey(f"“{text}” is too far away; a business date lies from {FIRST_YEAR} to {LAST_YEAR}.")
    return day


def _at(on: date, now: datetime) -> datetime:
    """The instant at which a day is run: now for today, eight in the morning for another day."""
    from datetime import time
    from zoneinfo import ZoneInfo

    from django.conf import settings
    from django.utils import timezone

    zone = ZoneInfo(settings.TIME_ZONE)
    return now if on == timezone.localdate(now) else datetime.combine(on, time(8), tzinfo=zone)


def _tell(content: Any, json: bool) -> None:
    if json:
        print(jsons.dumps(content, default=str, ensure_ascii=False))
        return
    for name, value in content.items():
        if value == []:
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number}" for key, number in value.items())
        print(f"{name:16}{' '.join(map(str, value)) if isinstance(value, list) else value}")


@contextmanager
def _bar(title: str, quiet: bool) -> Iterator[Any]:
    """A progress bar on standard error; `tell(what, done, whole)` moves it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=quiet or not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda what, done, whole: progress.update(
            task, description=f"{title} {what}", completed=done, total=whole
        )


def _server_address() -> str:
    from amiable.core import postgres

    return postgres.database_url()
