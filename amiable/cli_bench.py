"""The command that measures: each bench beside a reference in the same run, in a database that is there for it alone.

Comes in: a bench and its sizes. Goes out: its figures. Never: a row in the usual database.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from amiable.cli import Json, UnableToObey, _server_address, _start, _tell

GROWING = (10_000, 100_000, 1_000_000)  # customers


@cache
def join(main: typer.Typer) -> None:
    """Adds the command to the command line, once."""
    main.command()(bench)


def bench(
    name: Annotated[
        str,
        typer.Argument(
            help=(
                "import, day, facts, kpis, boards, decide, forecast, interest, simulate, send, sending, letters, statement, "
                "match, allocate, search or desk."
            )
        ),
    ] = "",
    rows: Annotated[int, typer.Option(help="import: lines of the FEC.")] = 1_000_000,
    customers: Annotated[
        int, typer.Option(help="day, facts, kpis, boards, decide, forecast, simulate, search, desk: customers.")
    ] = 250_000,
    invoices: Annotated[
        int, typer.Option(help="day, facts, decide, forecast, interest, search, desk: open invoices.")
    ] = 1_000_000,
    events: Annotated[int, typer.Option(help="kpis: entries, messages and what carriers told, in a year.")] = 5_000_000,
    days: Annotated[int, typer.Option(help="simulate: days ahead.")] = 30,
    messages: Annotated[int, typer.Option(help="send: e-mails.")] = 4_000,
    waiting: Annotated[int, typer.Option(help="sending: messages that wait for a release.")] = 1_000_000,
    statements: Annotated[bool, typer.Option(help="send: each with its statement as PDF.")] = False,
    letters: Annotated[int, typer.Option(help="letters: letters in the batch.")] = 10_000,
    entries: Annotated[int, typer.Option(help="statement: entries of the camt.053.")] = 100_000,
    lines: Annotated[int, typer.Option(help="match: bank lines.")] = 10_000,
    open_invoices: Annotated[int, typer.Option(help="match: open invoices.")] = 200_000,
    data: Annotated[str, typer.Option(help="match: a folder with invoices.csv, payments.csv and matches.csv.")] = "",
    payments: Annotated[int, typer.Option(help="allocate: payments.")] = 100_000,
    growing: Annotated[
        bool,
        typer.Option(
            "--growing", help="Where there are customers: 10,000, 100,000 and 1,000,000, one after the other."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Measure, beside a reference in the same run, in a database of its own."""
    house = {"customers": customers, "invoices": invoices}
    sizes: dict[str, dict[str, Any]] = {
        "import": {"rows": rows},
        "day": house,
        "facts": house,
        "kpis": house | {"events": events},
        "decide": house,
        "forecast": house,
        "interest": {"invoices": invoices},
        "search": house,
        "desk": house,
    }
    sizes["boards"] = {"customers": customers}
    sizes["simulate"] = {"customers": customers, "days": days}
    sizes["send"] = {"messages": messages, "statements": statements}
    sizes["sending"] = {"messages": waiting}
    sizes["letters"] = {"letters": letters}
    sizes["statement"] = {"entries": entries}
    sizes["match"] = {"lines": lines, "open_invoices": open_invoices, "data": data}
    sizes["allocate"] = {"payments": payments}
    wanted = [name] if name else list(sizes)
    if unknown := set(wanted) - set(sizes):
        raise UnableToObey(f"There is no bench {unknown.pop()}; there are {', '.join(sizes)}.")
    if any(type(value) is int and value < 1 for each in wanted for value in sizes[each].values()):
        raise UnableToObey("Sizes are whole numbers from 1.")
    with _database_of_its_own("amiable_bench"):
        root = Path(__file__).resolve().parent.parent
        if not (root / "bench").is_dir():
            raise UnableToObey("The benchmarks stand beside the package in a checkout; this installation has none.")
        sys.path.insert(0, str(root))
        import importlib

        for each in wanted:
            run = importlib.import_module("bench.import_fec" if each == "import" else f"bench.{each}").run
            if growing and "customers" in sizes[each]:
                result = {f"{count}": run(**_grown(sizes[each], count)) for count in GROWING}
            else:
                result = run(**sizes[each])
            _tell(result if name else {each: result}, json)


def _grown(sizes: dict[str, Any], customers: int) -> dict[str, Any]:
    """The sizes for so many customers, with what is theirs in the same proportion."""
    times = customers / sizes["customers"]
    return sizes | {name: round(sizes[name] * times) for name in ("customers", "invoices", "events") if name in sizes}


@contextmanager
def _database_of_its_own(name: str) -> Iterator[None]:
    """An empty, migrated database beside the usual one, for the time of the block."""
    from urllib.parse import urlsplit, urlunsplit

    import psycopg

    address = _server_address()
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')
    os.environ["DATABASE_URL"] = urlunsplit(urlsplit(address)._replace(path=f"/{name}"))
    try:
        _start(migrate=False)
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        yield
    finally:
        from django.db import connections

        connections.close_all()
        with psycopg.connect(address, autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
