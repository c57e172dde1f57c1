"""The lists of the desk as files: what a page shows, narrowed as it is, every row of it. One table of columns a list.

In: a list and its address. Out: a workbook or CSV, made row by row. Never: a row out of reach, a list that was cut without a
word. Each one is in the trail of every creditor whose rows it holds.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET

from amiable.core import audit, sheets
from amiable.core.sheets import Amount, Cell, Days, Sheet
from amiable.web.desk import customers, dispute_pages, payment_pages, plan_pages, scope
from amiable.web.desk.labels import segment_labels, step
from amiable.web.templatetags.amiable_ui import language
from amiable.web.ui import clock

MOST = 50_000  # rows of a file
KINDS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}  # fmt: skip
Row = Any
Column = tuple[Any, Callable[[Row, Mapping[str, str]], Cell]]  # heading; the row's cell, with the names of segments


@dataclass(frozen=True)
class Listing:
    """A list: what it is called, its rows as its page shows them, and its columns."""

    title: Any
    rows: Callable[[scope.Asked], QuerySet[Any, Any]]
    columns: Sequence[Column]


def _customer(of: Callable[[Row], Any] = lambda row: row.customer) -> list[Column]:
    return [
        (gettext_lazy("Customer"), lambda row, _names: of(row).name),
        (gettext_lazy("Customer number"), lambda row, _names: of(row).number),
    ]


def _plain(label: Any, name: str) -> Column:
    return label, lambda row, _names: _day(getattr(row, name))


def _money(
    label: Any, of: str | Callable[[Row], int | None], currency: Callable[[Row], str] = lambda row: row.currency
) -> Column:
    def told(row: Row, _names: Mapping[str, str]) -> Cell:
        minor = getattr(row, of) if isinstance(of, str) else of(row)
        return None if minor is None else Amount(minor, currency(row))

    return label, told


def _day(value: Any) -> Cell:
    """A moment as the day that it was here; a person, or a word, as they are said."""
    if isinstance(value, datetime):
        return timezone.localdate(value)
    return value if value is None or isinstance(value, int | float | date) else str(value)


def _of_invoice(row: Row) -> str:
    return str(row.invoice.currency)


LISTS: Mapping[str, Listing] = {
    "customers": Listing(
        gettext_lazy("Customers"),
        customers.listed,
        [
            *_customer(),
            (gettext_lazy("Creditor"), lambda row, _names: row.creditor.name),
            (gettext_lazy("Kind"), lambda row, _names: str(row.customer.get_kind_display())),
            (gettext_lazy("Segment"), lambda row, names: names.get(row.segment, row.segment)),
            _plain(gettext_lazy("Currency"), "currency"),
            _money(gettext_lazy("Overdue"), "overdue_minor"),
            _money(gettext_lazy("Open amount"), "open_minor"),
            _money(gettext_lazy("Not yet due"), "not_due_minor"),
            _money(gettext_lazy("1–30 days"), "overdue_1_30_minor"),
            _money(gettext_lazy("31–60 days"), "overdue_31_60_minor"),
            _money(gettext_lazy("61–90 days"), "overdue_61_90_minor"),
            _money(gettext_lazy("over 90 days"), "overdue_over_90_minor"),
            (gettext_lazy("Days late"), lambda row, _names: Days(row.days_past_due(clock.today()))),
            (gettext_lazy("Held"), lambda row, _names: _("yes") if row.is_held else None),
        ],
    ),
    "disputes": Listing(
        pgettext_lazy("page", "Disputes"),
        dispute_pages.listed,
        [
            *_customer(),
            (gettext_lazy("Invoice"), lambda row, _names: row.invoice.reference),
            (gettext_lazy("Cause"), lambda row, _names: str(row.get_reason_display())),
            (gettext_lazy("Currency"), lambda row, _names: _of_invoice(row)),
            _money(gettext_lazy("Contested"), "contested", _of_invoice),
            _plain(gettext_lazy("Opened on"), "opened_at"),
            _plain(gettext_lazy("Deadline"), "due_on"),
            _plain(gettext_lazy("Answered by"), "owner"),
            _plain(gettext_lazy("Closed on"), "resolved_at"),
        ],
    ),
    "plans": Listing(
        gettext_lazy("Payment plans"),
        plan_pages.listed,
        [
            *_customer(),
            (gettext_lazy("State"), lambda row, _names: str(row.get_state_display())),
            _plain(gettext_lazy("Currency"), "currency"),
            _money(gettext_lazy("Planned"), "total_minor"),
            _money(gettext_lazy("Left to pay"), lambda row: row.total_minor - (row.paid_minor or 0)),
            _plain(gettext_lazy("Next payment"), "next_on"),
            _plain(gettext_lazy("Late since"), "late_since"),
        ],
    ),
    "payments": Listing(
        gettext_lazy("Payments"),
        payment_pages.listed,
        [
            *_customer(),
            _plain(gettext_lazy("Started on"), "started_at"),
            (gettext_lazy("Journey"), lambda row, _names: str(row.get_journey_display())),
            (gettext_lazy("Step"), lambda row, _names: step(row.step) if row.step else None),
            _plain(gettext_lazy("Currency"), "currency"),
            _money(gettext_lazy("Amount"), "amount_minor"),
            (gettext_lazy("State"), lambda row, _names: str(row.get_state_display())),
            _plain(gettext_lazy("Input errors"), "input_errors"),
        ],
    ),
}  # fmt: skip


@require_GET
@scope.inside
def given(request: scope.Asked, room: str, kind: str) -> HttpResponseBase:
    if room not in LISTS or kind not in KINDS:
        raise Http404
    listing = LISTS[room]
    rows = listing.rows(request)
    if rows[MOST : MOST + 1].exists():
        words = _("A file holds %(most)s rows, and this list is longer: narrow it down with the filters, then take it.")
        messages.warning(request, words % {"most": f"{MOST:,}".replace(",", "\N{NO-BREAK SPACE}")})
        return redirect(f"{reverse(f'desk:{room}')}?{request.GET.urlencode()}")
    told: Counter[int] = Counter()
    sheet, file = _sheet(request, listing, rows, told), tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
    if kind == "xlsx":
        sheets.workbook([sheet], to=file, title=sheet.title, language=language(), made_at=clock.now())
    else:
        file.writelines(sheets.csv_lines(sheet, language=language()))
    file.seek(0)
    asked = {name: value for name, value in request.GET.items() if value}
    audit.record_all(
        audit.line(
            f"{room}.exported", now=clock.now(), user=request.user, creditor_ref=creditor, subject=room, kind=kind,
            asked=asked, rows=number,
        )
        for creditor, number in (told or {None: 0}).items()
    )  # fmt: skip
    name = f"amiable-{room}-{clock.today().isoformat()}.{kind}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=KINDS[kind])


def _sheet(request: scope.Asked, listing: Listing, rows: QuerySet[Any, Any], told: Counter[int]) -> Sheet:
    """The list as a sheet; `told` counts, as its rows are written, of which creditors they are."""
    names = segment_labels(scope.visible_creditors(request.user))

    def cells() -> Iterator[Sequence[Cell]]:
        for row in rows.iterator(chunk_size=2_000):
            told[row.customer.creditor_id] += 1
            yield [of(row, names) for _label, of in listing.columns]

    return Sheet(
        title=str(listing.title), heads=[str(label) for label, _of in listing.columns], rows=cells(),
        sum_name=_("Total"),
    )  # fmt: skip
