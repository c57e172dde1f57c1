"""Files come in: looked at, loaded, what could not be taken mended, and what vanished from the open items answered.

Of whole creditors; bringing and mending need the right to load.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import File, FilterSchema, Form, Router, Schema
from ninja.files import UploadedFile
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.intake.load import load
from amiable.intake.models import FileKind, Import, QuarantinedRow
from amiable.intake.preview import preview
from amiable.intake.retry import drop, retry
from amiable.intake.vanish import confirm_vanished, reject_vanished, vanished
from amiable.web.api import room
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Counted, Id, Refs, Said
from amiable.web.api.told import told
from amiable.web.ui import clock

router = Router(tags=["imports"])

ImportOut = told(
    Import, "creditor", "source", "name", "sha256", "size", "as_of", "started_at", "ended_at", "figures", "by", name="Import",
    doc="One file, loaded whole or not at all; the same file twice changes nothing.",
)  # fmt: skip
QuarantinedOut = told(
    QuarantinedRow,
    "loaded_by",
    "line",
    "column",
    "reason",
    "raw",
    "mended_at",
    "mended_by",
    "dropped_at",
    name="QuarantinedRow",
)


class Imports(FilterSchema):
    creditor: Id | None = None


class Rows(FilterSchema):
    creditor: Annotated[Id | None, FilterLookup("loaded_by__creditor")] = None
    loaded_by: Id | None = None
    waiting: bool | None = None

    def filter_waiting(self, value: bool | None) -> Q:
        waits = Q(mended_at=None, dropped_at=None)
        return Q() if value is None else waits if value else ~waits


class Brings(Schema):
    creditor: Id
    kind: FileKind | None = Field(None, description="What the file holds; empty: recognised.")
    decimal: Literal["", ",", "."] = ""
    date_order: Literal["", "dmy", "mdy", "ymd"] = ""


class Seen(Schema):
    """What was found in a file, before anything is loaded: how it was read, its first rows, and what could not be read."""

    reading: dict[str, Any]
    fields: list[str]
    rows: list[list[str]]
    bad: list[list[str]]
    problem: str


class Loaded(Schema):
    load: ImportOut | None  # type: ignore[valid-type]
    already: bool = Field(description="This very file had been loaded before: nothing changed.")
    said: list[str]


class Mends(Said):
    values: dict[str, Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$", strict=True)]] = Field(
        max_length=200, description="The cells as they should read, by heading."
    )


class Answers(Said):
    invoices: Refs = Field(min_length=1)
    answer: Literal["settled", "still_owed"]


class Missing(Schema):
    invoice: int
    customer: int
    since: Any


room.shelf(
    router, "/imports", name="import", many="imports", schema=ImportOut, filters=Imports,
    rows=lambda user: Import.objects.filter(creditor__in=room.houses(user), ended_at__isnull=False),
)  # fmt: skip
room.shelf(
    router, "/quarantine", name="quarantined_row", many="quarantined_rows", schema=QuarantinedOut, filters=Rows,
    rows=lambda user: QuarantinedRow.objects.filter(loaded_by__creditor__in=room.houses(user)),
)  # fmt: skip


@contextmanager
def aside(file: UploadedFile) -> Iterator[tuple[Path, str]]:
    """The file on disk for as long as it is read, under a name of ours; and the name that it came with."""
    folder = Path(settings.HOME) / "incoming"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=folder) as kept:
        for chunk in file.chunks():
            kept.write(chunk)
        kept.flush()
        yield Path(kept.name), Path(str(file.name).replace("\\", "/").replace("\0", "")).name[:200] or "file"


def _how(said: Brings) -> dict[str, Any]:
    mapping = {name: value for name, value in (("decimal", said.decimal), ("date_order", said.date_order)) if value}
    return {"kind": said.kind, "mapping": mapping}


@room.post(router, "/import-previews", right="load", response=Seen, name="look_at_file", summary="Look at a file")
def look(request: HttpRequest, said: Form[Brings], file: File[UploadedFile]) -> Any:
    """What was found in it; nothing is loaded."""
    house = room.creditor(request, said.creditor, right="load")
    with aside(file) as (path, name):
        found = preview(path=path, name=name, creditor=house, now=clock.now(), **_how(said))
    reading = {name: value for name, value in vars(found.reading).items() if isinstance(value, str | int)}
    return {
        "reading": reading, "fields": found.fields, "rows": [[str(line), *cells] for line, cells in found.rows],
        "bad": [[str(line), column, str(reason)] for line, column, reason in found.bad], "problem": str(found.problem),
    }  # fmt: skip


@room.post(router, "/imports", right="load", response={201: Loaded}, name="load_file", summary="Load a file")
def loaded(request: HttpRequest, said: Form[Brings], file: File[UploadedFile]) -> Any:
    """Whole or not at all; rows that cannot be read go into quarantine."""
    user, house = room.asking(request).user, room.creditor(request, said.creditor, right="load")
    with aside(file) as (path, name):
        summary = load(
            path=path, name=name, creditor=house, as_of=clock.today(), now=clock.now(), by=user, **_how(said)
        )
    return {
        "load": Import.objects.filter(pk=summary.import_id or 0).first(),
        "already": summary.already,
        "said": [str(each) for each in summary.said],
    }


def _row(request: HttpRequest, pk: int) -> QuarantinedRow:
    rows = QuarantinedRow.objects.select_related("loaded_by__creditor")
    found = room.row(rows.filter(loaded_by__creditor__in=room.houses(room.asking(request).user)), pk)
    room.creditor(request, found.loaded_by.creditor_id, right="load")
    return found


@room.post(
    router,
    "/quarantine/{pk}/retry",
    right="load",
    response=QuarantinedOut,
    name="retry_row",
    summary="Try a mended row again",
)
def mend(request: HttpRequest, pk: Id, said: Mends) -> Any:
    """Where it still cannot be taken, the row says why."""
    found = _row(request, pk)
    retry(row=found, values=said.values, now=clock.now(), by=room.asking(request).user)
    found.refresh_from_db()
    return found


@room.post(
    router, "/quarantine/{pk}/drop", right="load", response=QuarantinedOut, name="drop_row", summary="Give a row up"
)
def give_up(request: HttpRequest, pk: Id) -> Any:
    found = _row(request, pk)
    drop(row=found, now=clock.now(), by=room.asking(request).user)
    found.refresh_from_db()
    return found


@room.get(
    router, "/missing-invoices", response=list[Missing], name="list_missing_invoices", summary="Invoices that vanished"
)
def missing(request: HttpRequest) -> Any:
    """Those that left the open items and wait for a person's word, 500 at most."""
    holds = [hold for house in room.houses(room.asking(request).user) for hold in vanished(creditor=house)]
    return [
        {"invoice": hold.invoice_id, "customer": hold.customer_id, "since": hold.since.isoformat()}
        for hold in holds[:500]
    ]


@room.post(
    router,
    "/missing-invoices/answer",
    right="load",
    response=Counted,
    name="answer_missing_invoices",
    summary="Settled or still owed",
)
def answer(request: HttpRequest, said: Answers) -> Any:
    user = room.asking(request).user
    held = {hold.invoice_id for house in room.houses(user, "load") for hold in vanished(creditor=house)}
    if not set(said.invoices) <= held:
        raise Problem(422, _("Not all of these wait for an answer of yours."))
    verb = confirm_vanished if said.answer == "settled" else reject_vanished
    return {"count": verb(invoices=sorted(said.invoices), as_of=clock.today(), now=clock.now(), by=user)}
