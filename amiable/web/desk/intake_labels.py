"""What the pages of files call things: fields, figures, signs; and the cells of a row to be mended."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core import money
from amiable.intake.models import FileKind, QuarantinedRow
from amiable.intake.preview import Preview
from amiable.web.templatetags.amiable_ui import language

FIELDS = {
    "number": gettext_lazy("Customer number"), "name": gettext_lazy("Customer name"), "kind": gettext_lazy("Kind"),
    "reference": gettext_lazy("Invoice number"), "external_id": gettext_lazy("Identifier"),
    "settles": gettext_lazy("Settles invoice"),
    "lettered": gettext_lazy("Lettering"), "lettered_on": gettext_lazy("Lettered on"),
    "issued_on": gettext_lazy("Date"),
    "due_on": gettext_lazy("Due date"), "amount": gettext_lazy("Amount"), "residual": gettext_lazy("Balance"),
    "debit": gettext_lazy("Debit"), "credit": gettext_lazy("Credit"), "side": gettext_lazy("Side"),
    "currency": gettext_lazy("Currency"), "settled_on": gettext_lazy("Settled on"),
    "method": gettext_lazy("Payment method"),
    "order_reference": gettext_lazy("Order number"), "branch": gettext_lazy("Branch"),
    "reminder": gettext_lazy("Last reminder"),
    "reminded_on": gettext_lazy("Last reminder on"), "person": gettext_lazy("Contact"),
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"), "email": gettext_lazy("E-mail"), "phone": gettext_lazy("Phone"),
    "mobile": gettext_lazy("Mobile"), "role": gettext_lazy("Role"), "language": gettext_lazy("Language"),
    "preferred": gettext_lazy("Preferred channel"), "quiet_hours": gettext_lazy("Quiet hours"),
    "salesperson": gettext_lazy("Salesperson"), "customer_kind": gettext_lazy("Kind of customer"),
    "street": gettext_lazy("Street"),
    "postcode": gettext_lazy("Postcode"), "city": gettext_lazy("City"), "country": gettext_lazy("Country"),
    "siren": gettext_lazy("SIREN or SIRET"), "parent": gettext_lazy("Parent customer"),
    "payer": gettext_lazy("Paying customer"),
    "terms": gettext_lazy("Payment terms"), "turnover": gettext_lazy("Turnover"),
    "credit_limit": gettext_lazy("Credit limit"),
    "potential": gettext_lazy("Potential"), "key_account": gettext_lazy("Key account"),
    "sector": gettext_lazy("Sector"),
    "assistance": gettext_lazy("Wish for assistance"), "external_score": gettext_lazy("External score"),
    "customer_since": gettext_lazy("Customer since"), "amount_minor": gettext_lazy("Amount"),
    "reached": gettext_lazy("Level reached"),
    "preferences": gettext_lazy("Preferences"), "terms_days": gettext_lazy("Payment terms"),
    "file": gettext_lazy("File"),
    "size": gettext_lazy("Size"), "journal": gettext_lazy("Journal"), "num": gettext_lazy("Entry"),
    "day": gettext_lazy("Date"),
    "account": gettext_lazy("Account"), "letter": gettext_lazy("Lettering"), "piece_on": gettext_lazy("Document date"),
    "whole_minor": gettext_lazy("Original amount"), "reached_on": gettext_lazy("Last reminder on"),
    "turnover_minor": gettext_lazy("Turnover"), "credit_limit_minor": gettext_lazy("Credit limit"),
}  # fmt: skip

FIGURES = {
    "rows": gettext_lazy("rows"), "invoices": gettext_lazy("invoices"), "credits": gettext_lazy("credits"),
    "customers": gettext_lazy("new customers"), "allocations": gettext_lazy("allocations"),
    "entries": gettext_lazy("entries"),
    "updated": gettext_lazy("updated"), "unchanged": gettext_lazy("unchanged"),
    "quarantined": gettext_lazy("in quarantine"),
    "vanished": gettext_lazy("missing"), "shrunk": gettext_lazy("partly settled"), "contacts": gettext_lazy("contacts"),
    "addresses": gettext_lazy("addresses"), "documents": gettext_lazy("copies"), "transfers": gettext_lazy("transfers"),
    "uneven": gettext_lazy("uneven letterings"), "nil": gettext_lazy("nil amounts"),
    "openings": gettext_lazy("opening balances"),
}  # fmt: skip


def figures(told: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The figures of a load that say something, with their names."""
    return [(str(label), told[key]) for key, label in FIGURES.items() if told.get(key)]


def shown(found: Preview) -> dict[str, Any]:
    """What the look at a file shows of it."""
    reading = found.reading
    facts = [
        (_("Kind"), str(FileKind(reading.kind).label)),
        (_("Format"), reading.format.upper()),
        (_("Encoding"), reading.encoding.upper()),
        (_("Separator"), {"\t": _("tab")}.get(reading.delimiter, reading.delimiter)),
        (_("Sheet"), reading.sheet),
        (_("Source"), found.source),
    ]
    of_field = {heading: field for field, heading in reading.columns.items()}
    return {
        "facts": [(name, value) for name, value in facts if value],
        "kinds": [(key, label) for key, label in FileKind.choices if key not in {FileKind.FEC, FileKind.COPIES}],
        "columns": [(field, FIELDS.get(field, field), reading.columns.get(field, "")) for field in found.fields],
        "headings": [(heading, FIELDS.get(of_field.get(heading, ""), "")) for heading in reading.headings],
        "decimals": [(",", _("comma (1 234,56)")), (".", _("point (1,234.56)"))],
        "orders": [("dmy", _("day/month/year")), ("mdy", _("month/day/year")), ("ymd", _("year/month/day"))],
        "understood": [(line, [(FIELDS.get(field, field), _value(field, value, told)) for field, value in told.items()])
                       for line, told in found.understood],
        "correctable": bool(found.fields),
    }  # fmt: skip


def _value(field: str, value: Any, told: Mapping[str, Any]) -> Any:
    if field.endswith("_minor") and isinstance(value, int):
        return money.shown(value, str(told.get("currency") or "EUR"), language())
    return value


def cells(row: QuarantinedRow) -> list[tuple[str, str, str, bool]]:
    """Name of the input, heading, text and whether it is the one at fault; what only the machine needs is left out."""
    headings = list(row.raw) + [
        heading for heading in row.loaded_by.figures.get("headings", []) if heading not in row.raw
    ]
    return [
        (f"cell-{place}", heading, row.raw.get(heading, ""), heading == row.column)
        for place, heading in enumerate(headings)
        if not heading.startswith("#") and heading not in {"sha256", "size"}
    ]
