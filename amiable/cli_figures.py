"""The command that gives the measured figures to other programmes.

Comes in: a creditor and a period. Goes out: CSV on standard output, or a CSV or Parquet file. Nothing is measured here.
"""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from amiable.cli import Json, _day, _sole_creditor, _start, _tell

Whose = Annotated[str, typer.Option("--creditor", help="The creditor's name or key; the only one when not said.")]


@cache
def join(main: typer.Typer) -> None:
    """Adds the command to the command line, once."""
    main.command("figures")(figures)


def figures(
    creditor: Whose = "",
    since: Annotated[
        str, typer.Option("--from", help="The first day (YYYY-MM-DD); 30 days before the last when not said.")
    ] = "",
    until: Annotated[str, typer.Option("--to", help="The last day (YYYY-MM-DD); today when not said.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="A .csv or .parquet file; standard output when not said.")
    ] = None,
    json: Json = False,
) -> None:
    """Give the figures that were measured: one line per day, KPI, currency and slice, as CSV or Parquet."""
    now = _start()
    from amiable.insight import give

    last = _day(until, now)
    first = _day(since, now) if since else last - timedelta(days=30)
    found = give.table(creditor=_sole_creditor(creditor, now), since=first, until=last)
    if out:
        give.write(found, out)
        _tell({"figures": found.height, "file": str(out)}, json)
    elif json:
        _tell(found.to_dicts(), json)
    else:
        print(give.csv(found), end="")
