"""The commands about letters: what waits in the tray, batches to print, to post, and what the post brought back.

Comes in: a creditor or the number of a batch. Goes out: sentences, or JSON alone; the file of a batch, whole or not at all.
"""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amiable.cli import Day, Json, Named, UnableToObey, _creditor, _day, _start, _tell

if TYPE_CHECKING:
    from amiable.outreach.models import LetterBatch

app = typer.Typer(help="Letters for the house's own printer.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The number of the batch.")]


@cache
def join(main: typer.Typer) -> None:
    """Adds these commands to the command line, once."""
    main.add_typer(app, name="letters")


@app.command()
def waiting(creditor: Named, json: Json = False) -> None:
    """Say what waits in the tray, and which batches are not posted yet."""
    now = _start()
    from amiable.outreach import tray
    from amiable.outreach.models import LetterBatch

    owner = _creditor(creditor, make=False, now=now)
    told = tray.tally([owner])
    batches = LetterBatch.objects.filter(creditor=owner, posted_at=None).order_by("pk")
    rows = [
        {"batch": each.pk, "letters": each.letters, "sheets": each.sheets, "prints": each.prints} for each in batches
    ]
    if json:
        _tell({**told, "batches": rows}, json)
        return
    print(f"{told['letters']} letters wait, {told['pages']} pages.")
    for row in rows:
        state = "printed, to be posted" if row["prints"] else "to be printed"
        print(f"Batch {row['batch']}: {row['letters']} letters, {row['sheets']} sheets, {state}.")


@app.command()
def make(creditor: Named, as_of: Day = "", json: Json = False) -> None:
    """Lay all that waits into one batch, after a last look."""
    now = _start()
    from amiable.outreach import tray

    owner = _creditor(creditor, make=False, now=now)
    batch = tray.make(creditor=owner, as_of=_day(as_of, now), now=now, by=None)
    if batch is None:
        raise UnableToObey("Nothing that the letters are about is due any more: none is printed.")
    _tell({"batch": batch.pk, "letters": batch.letters, "pages": batch.pages, "sheets": batch.sheets}, json)


@app.command("print")
def print_(batch: Number, to: Annotated[Path, typer.Option(help="The PDF to write.")], json: Json = False) -> None:
    """Write the file of a batch for the printer; from the second time on its separators say so."""
    now = _start()
    from amiable.outreach import tray
    from amiable.outreach.bundle import printed

    found = _batch(batch)
    fresh = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            times = tray.take(batch=found, now=now, by=None)
            size = sum(file.write(piece) for piece in printed(found))
        os.replace(fresh, to)
    except OSError as error:
        raise UnableToObey(f"{to} cannot be written: {error.strerror}.") from error
    finally:
        fresh.unlink(missing_ok=True)
    _tell({"file": str(to), "bytes": size, "print": times}, json)


@app.command()
def posted(batch: Number, json: Json = False) -> None:
    """Say that a batch went to the post."""
    now = _start()
    from amiable.outreach import tray

    found = _batch(batch)
    tray.post(batch=found, now=now, by=None)
    _tell({"batch": found.pk, "letters": found.letters}, json)


@app.command()
def returned(
    codes: Annotated[list[str], typer.Argument(help="Codes of letters that came back, such as L1042-1/2.")],
    creditor: Named,
    json: Json = False,
) -> None:
    """Note letters that the post brought back: their addresses are not used again."""
    now = _start()
    from django.db import transaction

    from amiable.outreach import tray

    owner = _creditor(creditor, make=False, now=now)
    with transaction.atomic():
        for code in codes:
            tray.returned(code=code, creditors=[owner], now=now, by=None)
    _tell({"returned": len(codes)}, json)


def _batch(number: int) -> "LetterBatch":
    from amiable.outreach.models import LetterBatch

    found: LetterBatch | None = LetterBatch.objects.select_related("creditor").filter(pk=number).first()
    if found is None:
        raise UnableToObey(f"There is no batch {number}.")
    return found
