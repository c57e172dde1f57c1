"""The receipt of a payment as a PDF of one page: who paid whom what, when and how, and what it settled.

In: a credit that is money. Out: the bytes of the document, or what goes along with a message. Never: an invoice settled by
something else, an amount that has been given back and is not said so.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.db.models import Sum
from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.core.typeset import numbered, pdf
from amiable.ledger.models import Credit, CreditKind, Entry, EntryKind, Invoice
from amiable.outreach.channel import Attachment
from amiable.outreach.express import amount, colour, day, letterhead, short_day
from amiable.outreach.statement import recipient

LETTERS = Path(__file__).parent / "letters"
LINES = 16  # more invoices than this are told in one line: a receipt has one page
UNSURE = {"cheque", "bill", "direct_debit"}  # money that the bank may still take back


class UnableToMakeReceipt(UnableTo):
    """There is no receipt for this."""


@dataclass(frozen=True)
class Settled:
    """One invoice and what of it this payment settled; `open_minor`: what is left of it now."""

    invoice: Invoice
    paid_minor: int

    @property
    def open_minor(self) -> int:
        return self.invoice.open_minor


def settled(credit: Credit) -> list[Settled]:
    """What a payment has settled, as it stands: where another word for the same money took over, by that one."""
    standing = credit.confirmed_by or credit
    rows = (
        standing.allocations.filter(reverses=None, reversed_by=None)
        .values("invoice")
        .annotate(paid=Sum("amount_minor"))
    )
    paid = {row["invoice"]: int(row["paid"]) for row in rows}
    invoices = Invoice.objects.filter(pk__in=paid).order_by("due_on", "pk")
    return [Settled(invoice, paid[invoice.pk]) for invoice in invoices]


def receipt(*, credit: Credit, language: str, as_of: date, now: datetime) -> Attachment:
    """The receipt as it goes along with a message, or is downloaded."""
    content = receipt_pdf(credit=credit, language=language, as_of=as_of, now=now)
    return Attachment(f"{_words(language)['file']} {number(credit)}.pdf", "application/pdf", content)


def receipt_pdf(*, credit: Credit, language: str, as_of: date, now: datetime) -> bytes:
    """The page in the customer's language. Raises UnableToMakeReceipt for what is no payment of somebody's."""
    data = receipt_data(credit=credit, language=language, as_of=as_of)
    return numbered(lambda pages: pdf(LETTERS / "receipt.typ", {**data, "pages": pages}, made_at=now))


def receipt_data(*, credit: Credit, language: str, as_of: date) -> dict[str, Any]:
    """Everything that the page says, in words."""
    customer, creditor, words = credit.customer, credit.creditor, _words(language)
    if credit.kind != CreditKind.PAYMENT or customer is None:
        raise UnableToMakeReceipt(_("A receipt is made for a payment whose customer is known."))

    def shown(value_minor: int) -> str:
        return amount(value_minor, credit.currency, language)

    lines = settled(credit)
    back = _given_back(credit)
    left = (credit.confirmed_by or credit).open_minor
    return {
        "language": language,
        "words": words,
        "colour": colour(creditor.policy.get("colour")),
        "creditor": letterhead(creditor),
        "recipient": recipient(customer, creditor),
        "receipt": number(credit),
        "number": customer.number,
        "day": day(as_of, language),
        "amount": shown(credit.amount_minor),
        "received": day(credit.received_on, language),
        "method": words["methods"].get(credit.method, "") or words["methods"]["other"],
        "payment": credit.reference or credit.external_id,
        "lines": [
            {
                "reference": line.invoice.reference,
                "issued": short_day(line.invoice.issued_on, language),
                "amount": shown(line.invoice.amount_minor),
                "paid": shown(line.paid_minor),
                "left": shown(line.open_minor) if line.open_minor else words["settled"],
            }
            for line in lines[:LINES]
        ],
        "others": _others(lines[LINES:], words, shown),
        "credit": shown(left) if left else "",
        "back": shown(back) if back else "",
        "unsure": credit.method in UNSURE and not credit.confirmed_by,
    }


def number(credit: Credit) -> str:
    """The receipt's number, for ever the same for the same payment."""
    return f"R{credit.pk:06d}"


def _others(lines: list[Settled], words: dict[str, Any], shown: Any) -> dict[str, str] | None:
    if not lines:
        return None
    told = words["others_one" if len(lines) == 1 else "others"].format(n=len(lines))
    return {"told": told, "paid": shown(sum(line.paid_minor for line in lines))}


def _given_back(credit: Credit) -> int:
    rows = Entry.objects.filter(credit=credit.confirmed_by or credit, kind=EntryKind.REFUND)
    return -(rows.aggregate(all=Sum("amount_minor"))["all"] or 0)


@cache
def _words(language: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((LETTERS / f"receipt.{language}.yaml").read_text(encoding="utf-8"))
    return found
