"""The statement of account as a PDF: what is open, since when, what is to be paid and how. For envelope or e-mail.

In: a Statement of the ledger. Out: the bytes of the document. Never: an amount that is not the statement's own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from amiable.core import qr
from amiable.core.money import major
from amiable.core.typeset import numbered, pdf
from amiable.ledger.balance import BUCKETS, OpenInvoice, Statement, bucket
from amiable.ledger.factor import factor_of, owner_of
from amiable.ledger.models import CreditKind, Creditor, Customer
from amiable.ledger.reference import payment_reference
from amiable.outreach.express import amount, colour, day, grouped, letterhead, short_day

LETTERS = Path(__file__).parent / "letters"


@dataclass(frozen=True)
class Transfer:
    """What a banking app needs to pay: the EPC069-12 code holds the same."""

    name: str
    iban: str
    bic: str
    amount_minor: int
    reference: str
    factor: bool = False  # to whom the invoices were sold


def statement_pdf(
    *, statement: Statement, creditor: Creditor, customer: Customer, language: str, now: datetime, pay_url: str = ""
) -> bytes:
    """The statement in the customer's language; `pay_url` is printed as a second code where there is no transfer."""
    data = statement_data(statement, creditor, customer, language, pay_url)
    return numbered(lambda pages: pdf(LETTERS / "statement.typ", {**data, "pages": pages}, made_at=now))


def statement_data(
    statement: Statement,
    creditor: Creditor,
    customer: Customer,
    language: str,
    pay_url: str = "",
    *,
    codes: bool = True,
) -> dict[str, Any]:
    """Everything that the page says, in words; without `codes` they stand in it as text, to be drawn later."""

    def shown(value_minor: int) -> str:
        return amount(value_minor, statement.currency, language)

    words = _words(language)
    net = statement.open_minor - statement.credit_minor
    ages = dict.fromkeys(BUCKETS, 0)
    for line in statement.invoices:
        ages[bucket(line.days_late)] += line.open_minor
    return {
        "language": language,
        "words": words,
        "colour": colour(creditor.policy.get("colour")),
        "creditor": letterhead(creditor),
        "recipient": recipient(customer, creditor),
        "number": customer.number,
        "as_of": day(statement.as_of, language),
        "invoices": [row for line in statement.invoices for row in _rows(line, words, language, shown)],
        "credits": [
            {
                "reference": line.reference or words["credit_kinds"][CreditKind(line.kind).value],
                "kind": words["credit_kinds"][CreditKind(line.kind).value],
                "received": short_day(line.received_on, language),
                "reserve": words["under_reserve"].format(day=short_day(line.reserved_until, language))
                if line.reserved_until and line.reserved_until > statement.as_of
                else "",
                "amount": shown(line.amount_minor),
                "open": shown(-line.open_minor),
            }
            for line in statement.credits
        ],
        "ages": [{"name": words["ages"][name], "amount": shown(value)} for name, value in ages.items()],
        "open": shown(statement.open_minor),
        "charges": shown(statement.charges_minor) if statement.charges_minor else "",
        "besides": [
            {"name": words["charge_kinds"][kind], "amount": shown(minor)}
            for kind, minor in sorted(statement.besides.items())
        ],
        "credit": shown(-statement.credit_minor) if statement.credit_minor else "",
        "net": shown(abs(net)),
        "net_title": words["in_favour" if net < 0 else "net"],
        "overdue": shown(statement.net_overdue_minor) if statement.net_overdue_minor else "",
        "transfers": [
            {
                "payee": each.name if each.factor else "",
                "iban": grouped(each.iban),
                "bic": each.bic,
                "reference": grouped(each.reference),
                "amount": shown(each.amount_minor),
                "code": _code(each, codes=codes) if statement.currency == "EUR" else "",
            }
            for each in transfers_of(statement, creditor, customer)
        ],
        "pay_url": pay_url,
    }


def transfers_of(statement: Statement, creditor: Creditor, customer: Customer) -> list[Transfer]:
    """The transfers that would settle what is overdue, else everything: one to the creditor, one to the factor for what
    was sold to it. Credits are counted against the creditor's part first.
    """
    if statement.currency != creditor.currency:
        return []
    overdue = statement.net_overdue_minor > 0
    left, found = statement.credit_minor, []
    for payee, of_factor in ((owner_of(creditor), False), (factor_of(creditor), True)):
        owed = sum(
            line.open_minor
            for line in statement.invoices
            if (line.days_late > 0 or not overdue) and (line.id in statement.sold) == of_factor
        )
        amount_minor, left = max(owed - left, 0), max(left - owed, 0)
        if payee is not None and amount_minor:
            found.append(
                Transfer(payee.name, payee.iban, payee.bic, amount_minor, payment_reference(customer), payee.factor)
            )
    return found


def _rows(
    line: OpenInvoice, words: dict[str, Any], language: str, shown: Callable[[int], str]
) -> Iterator[dict[str, Any]]:
    """An invoice with what is left of what was invoiced; below it each of its charges, as a line of its own."""
    yield {
        "reference": line.reference,
        "issued": short_day(line.issued_on, language),
        "due": short_day(line.due_on, language),
        "days": str(line.days_late) if line.days_late > 0 else "",
        "amount": shown(line.amount_minor),
        "open": shown(line.principal_minor),
        "charge": False,
    }
    for charge in line.charges:
        yield {
            **dict.fromkeys(("issued", "due", "days"), ""),
            "reference": words["charge_kinds"][charge.kind],
            "amount": shown(charge.amount_minor),
            "open": shown(charge.open_minor),
            "charge": True,
        }


def transfer_of(statement: Statement, creditor: Creditor, customer: Customer) -> Transfer | None:
    """The only transfer, or the first of two; none without an IBAN or anything to pay."""
    return next(iter(transfers_of(statement, creditor, customer)), None)


def _code(transfer: Transfer, *, codes: bool) -> str | list[int]:
    text = epc_text(transfer)
    return qr.drawn(text) if codes else text


def epc_text(transfer: Transfer) -> str:
    """What stands in the EPC QR code (EPC069-12): euro transfers up to 999 999 999,99 €, else empty."""
    value = major(transfer.amount_minor, "EUR")
    if not 0 < value <= 999_999_999:
        return ""
    reference, head = transfer.reference, ["BCD", "002", "1", "SCT"]
    return "\n".join([*head, transfer.bic, transfer.name[:70], transfer.iban, f"EUR{value:.2f}", "", reference])


@cache
def _words(language: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((LETTERS / f"statement.{language}.yaml").read_text(encoding="utf-8"))
    return found


def recipient(customer: Customer, creditor: Creditor) -> list[str]:
    """The lines of a customer's address, as the window of an envelope shows them."""
    lines = [customer.name, customer.street, f"{customer.postcode} {customer.city}".strip()]
    if customer.country and customer.country != creditor.country:
        lines.append(customer.country)
    return [line for line in lines if line]
