"""Finds how a file is read: format, encoding, separators, headings, columns, decimal sign, order of dates.

In: a file, its creditor's country and currency, what is remembered of its source. Out: a Reading that says what was guessed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from django.utils.translation import gettext as _

from amiable.core import values
from amiable.intake import headings
from amiable.intake.formats import Format, formats
from amiable.intake.measure import Measured, measure
from amiable.intake.reading import Reading, UnableToImport

AMOUNTS = ("amount", "residual", "debit", "credit", "turnover", "credit_limit")
DATES = ("issued_on", "due_on", "settled_on", "lettered_on", "reminded_on", "customer_since")
MONTH_FIRST = {"US", "PH", "FM", "PW", "MH"}
POINT_COUNTRIES = {"US", "GB", "IE", "AU", "NZ", "CA", "IN", "CN", "JP", "SG", "HK", "MX", "IL", "KR", "TH", "MY", "PH"}


@dataclass(frozen=True)
class Look:
    """A first look at a file: what it is made of, before anything is known of its source."""

    measured: Measured
    form: Format
    reading: Reading


def look(*, path: Path, name: str) -> Look:
    """Measures a file, finds its format and headings. Raises UnableToImport when no format takes it."""
    measured = Measured("", 0, b"", "", 0) if path.is_dir() else measure(path)
    form = format_of(measured.head, name, folder=path.is_dir())
    return Look(measured, form, form.recognise(path, measured, name))


def read_as(
    seen: Look,
    *,
    path: Path,
    country: str,
    currency: str,
    kind: str | None = None,
    remembered: Mapping[str, Any] | None = None,
    corrected: Mapping[str, Any] | None = None,
) -> Reading:
    """How this file is to be read: what it shows, then what is remembered of its source, then what a person corrected."""
    form, reading = seen.form, seen.reading
    reading = replace(reading, kind=form.kind or kind or headings.kind_of(reading.headings))
    if not form.kind:
        reading = replace(reading, columns=headings.columns(reading.headings, reading.kind))
    for mapping in (remembered, corrected):
        reading = _corrected(reading, mapping)
    if not form.kind:
        reading = _signs(reading, form, path, country)
    return replace(reading, currency=reading.currency or currency)


def format_of(head: bytes, name: str, *, folder: bool = False) -> Format:
    """The first format that takes a file which begins so."""
    for form in formats().values():
        if form.folders if folder else form.matches(head, name):
            return form
    raise UnableToImport(
        _("“%(name)s” is of no kind that can be imported: bring CSV, XLSX, a FEC or a ZIP of PDFs.") % {"name": name}
    )


def _corrected(reading: Reading, mapping: Mapping[str, Any] | None) -> Reading:
    if mapping and mapping.get("kind") and mapping["kind"] != reading.kind:
        reading = replace(reading, kind=mapping["kind"], columns=headings.columns(reading.headings, mapping["kind"]))
    if mapping and reading.format != mapping.get("format", reading.format):
        mapping = {name: value for name, value in mapping.items() if name in {"columns", "kind", "currency"}}
    # Where the headings stand and how the bytes are coded is each file's own, unless a person said otherwise.
    return reading.with_mapping(
        {key: value for key, value in mapping.items() if key != "head_line"} if mapping else None
    )


def _signs(reading: Reading, form: Format, path: Path, country: str) -> Reading:
    """Adds the decimal sign and the order of dates: from what the columns show, else from the creditor's country."""
    decimal, order = _evidence(form, path, reading)
    if not reading.decimal:
        sign = decimal if decimal in {",", "."} else ("." if country in POINT_COUNTRIES else ",")
        reading = replace(reading, decimal=sign)
        if decimal == "?":
            shown = _("comma") if sign == "," else _("point")
            reading = reading.saying(
                _("No amount shows which sign is the decimal one; the %(sign)s was taken, as usual in %(country)s.")
                % {"sign": shown, "country": country}
            )
    if not reading.date_order:
        reading = replace(
            reading, date_order=order if order in values.ORDERS else ("mdy" if country in MONTH_FIRST else "dmy")
        )
        if order == "?":
            shown = _("day/month/year") if reading.date_order == "dmy" else _("month/day/year")
            reading = reading.saying(
                _(
                    "No date shows whether the day or the month comes first; %(order)s was taken, as usual in %(country)s."
                )
                % {"order": shown, "country": country}
            )
    return reading


def _evidence(form: Format, path: Path, reading: Reading) -> tuple[str, str]:
    """Decimal sign and date order as the rows show them: "" no such column or sign, "?" seen but not telling."""
    amounts = [reading.columns[field] for field in AMOUNTS if field in reading.columns]
    dates = [reading.columns[field] for field in DATES if field in reading.columns]
    decimal = "" if amounts and not reading.decimal else "."
    order = "" if dates and not reading.date_order else "dmy"
    for batch in _asking(form, path, reading):
        if decimal in {"", "?"}:
            decimal = values.decimal_of(batch, amounts) or decimal
        if order in {"", "?"}:
            order = values.order_of(batch, dates) or order
        if decimal in {",", "."} and order in values.ORDERS:
            break
    return decimal, order


def _asking(form: Format, path: Path, reading: Reading) -> Iterator[pl.DataFrame]:
    """Small batches first: most files tell at once."""
    for batch in form.rows(path, replace(reading, decimal="")):
        yield batch.head(500)
        yield batch.slice(500)
