"""Papers to keep: copies of invoices, letters as they left, receipts, agreements, and what goes with notes.

In: a row that the asker sees. Out: the file, by the same rooms of the desk. Never: a file that is opened instead of saved.
"""

from collections.abc import Callable
from typing import Annotated, Any, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import File, FilterSchema, Form, Router, Schema
from ninja.constants import NOT_SET
from ninja.files import UploadedFile
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.insight.models import Report
from amiable.ledger.models import Document
from amiable.outreach import tray
from amiable.web.api import deeds, room
from amiable.web.api.shape import Id, Ref, Refs, Said
from amiable.web.api.talk import NoteOut
from amiable.web.api.told import told
from amiable.web.api.words import MessageOut
from amiable.web.desk import (
    agency,
    copies,
    inbox,
    letters,
    note_pages,
    plan_pages,
    receipts,
    report_pages,
    scope,
    tray_pages,
)
from amiable.web.ui import clock

router = Router(tags=["papers"])


def _file(kind: str) -> dict[int, Any]:
    return {200: {"description": "The file", "content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}


PDF, BYTES = _file("application/pdf"), _file("application/octet-stream")
CopyOut = told(
    Document, "creditor", "invoice", "name", "size", "known_at", name="InvoiceCopy",
    doc="An invoice as it was issued; the paper itself stands at `/invoice-copies/{id}/paper`.",
)  # fmt: skip


ReportOut = told(
    Report, "creditor", "as_of", "content", "made_at", name="Report", doc="A page of figures, as it was sent."
)


class Reports(FilterSchema):
    creditor: Id | None = None


class Copies(FilterSchema):
    invoice: Id | None = None
    customer: Annotated[Id | None, FilterLookup("invoice__customer")] = None
    creditor: Id | None = None


class AsksCopies(Said):
    customer: Ref
    invoices: Refs = Field(min_length=1)


class Encloses(Schema):
    customer: Id
    text: Annotated[str, Field(max_length=5_000, pattern=r"^[^\x00]*$")] = ""


room.shelf(
    router, "/invoice-copies", name="invoice_copy", many="invoice_copies", schema=CopyOut, filters=Copies,
    rows=agency.copies,
)  # fmt: skip


room.shelf(router, "/reports", name="report", many="reports", schema=ReportOut, filters=Reports, rows=report_pages.seen)


deeds.makes(
    router, "/invoice-copies", act="copy", said=AsksCopies, response=MessageOut, name="send_copies",
    summary="Send copies of invoices", doc="By e-mail, as they were issued; no reminder, and not counted as one.",
)  # fmt: skip


def _paper(path: str, view: Callable[..., HttpResponseBase], *, name: str, summary: str, told: Any = PDF) -> None:
    """A file of the desk: its own room looks who may have it."""

    def read(request: HttpRequest, pk: Id) -> Any:
        return view(request, pk)

    room.get(router, path, response=NOT_SET, name=name, summary=summary, openapi_extra={"responses": told})(read)


_paper("/invoice-copies/{pk}/paper", copies.copy, name="get_invoice_copy_paper", summary="Save the copy of an invoice")
_paper("/messages/{pk}/letter", letters.printed, name="get_letter_paper", summary="Save a letter as it left")
_paper("/credits/{pk}/receipt", receipts.paper, name="get_receipt", summary="Save the receipt of a payment")
_paper("/plans/{pk}/agreement", plan_pages.paper, name="get_agreement", summary="Save the agreement of a plan")
_paper("/note-files/{pk}", note_pages.file, name="get_note_file", summary="Save what goes with a note", told=BYTES)
_paper("/reports/{pk}/paper", report_pages.paper, name="get_report_paper", summary="Save a report as it was sent")


@room.get(
    router, "/replies/{pk}/files/{place}", response=NOT_SET, name="get_reply_file", summary="Save what came with an answer",
    openapi_extra={"responses": BYTES},
)  # fmt: skip
def came_along(request: HttpRequest, pk: Id, place: Annotated[int, Field(ge=0, lt=1_000)]) -> Any:
    """`place`: which of its files, from 0."""
    return inbox.file(cast(scope.Asked, request), pk, place)


@room.post(
    router, "/letter-batches/{pk}/paper", right="write", response=NOT_SET, name="take_letter_batch",
    summary="Take the file for the printer", openapi_extra={"responses": PDF},
)  # fmt: skip
def taken(request: HttpRequest, pk: Id) -> Any:
    """Each time counts, and the second says so itself."""
    found = room.row(tray_pages.seen(room.asking(request).user), pk)
    room.creditor(request, found.creditor_id, right="write")
    return tray_pages.paper(found, tray.take(batch=found, now=clock.now(), by=room.asking(request).user))


@room.post(
    router, "/note-uploads", right="note", response={201: NoteOut}, name="write_note_with_files", undo=True,
    summary="Write a note with files",
)  # fmt: skip
def enclose(request: HttpRequest, said: Form[Encloses], files: File[list[UploadedFile]]) -> Any:
    """Up to five, of 10 MB each: PDF, pictures, office documents, text."""
    return deeds.made(deeds.perform(request, said.customer, "note", {"text": said.text, "attached": files}))
