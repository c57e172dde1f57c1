"""What late payment costs a customer, piece by piece; and what a creditor's choice posts, by hand.

Comes in: a customer's number. Goes out: sentences, or JSON alone: each stretch of days with base, rate and source.
"""

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amiable.cli import Day, Json, UnableToObey, _day, _sole_creditor, _start, _tell

if TYPE_CHECKING:
    from amiable.ledger.charges import Charged
    from amiable.ledger.models import Customer, Invoice

Whose = Annotated[str, typer.Option("--creditor", help="The creditor's name or key; the only one when not said.")]


@cache
def join(main: typer.Typer) -> None:
    """Adds the command to the command line, once."""
    main.command("interest")(interest)


def interest(
    customer: Annotated[str, typer.Argument(help="The customer's number.")],
    creditor: Whose = "",
    as_of: Day = "",
    json: Json = False,
) -> None:
    """Say what has run on a customer's late invoices, and how each piece was reckoned."""
    now = _start()
    from amiable.ledger.charges import charges

    day = _day(as_of, now)
    who = _customer(customer, _sole_creditor(creditor, now))
    invoices = {row.pk: row for row in who.invoices.filter(due_on__lt=day, issued_on__lte=day).order_by("due_on", "pk")}
    told = charges(creditor=who.creditor, invoices=invoices, as_of=day)
    rows = [(invoices[pk], told[pk]) for pk in invoices if told[pk].pieces or told[pk].posted]
    if json:
        _tell([_plain(invoice, each) for invoice, each in rows], json)
        return
    if not rows:
        print(f"Nothing has run on the invoices of {who.name} by {day}.")
    for invoice, each in rows:
        _say(invoice, each)


def _customer(number: str, owner: Any) -> "Customer":
    from amiable.ledger.models import Customer

    found: Customer | None = Customer.objects.filter(creditor=owner, number=number).select_related("creditor").first()
    if found is None:
        raise UnableToObey(f"{owner.name} has no customer {number}.")
    return found


def _plain(invoice: "Invoice", told: "Charged") -> dict[str, Any]:
    return {
        "invoice": invoice.reference, "currency": invoice.currency, "due_on": invoice.due_on,
        "principal_minor": told.principal_minor, "posted": dict(told.posted), "running_minor": told.running_minor,
        "shown": dict(told.shown), "waived_minor": told.waived_minor,
        "pieces": [
            {
                "since": each.since, "until": each.until, "days": each.days, "base_minor": each.base_minor, "mode": each.mode,
                "percent": float(each.percent) if each.millionths else None, "minor": round(float(each.exact_minor), 4),
                "rate": each.why, "source": each.source, "article": each.article,
            }
            for each in told.pieces
        ],
    }  # fmt: skip


def _say(invoice: "Invoice", told: "Charged") -> None:
    from amiable.core.money import exponent, shown

    def amount(minor: int) -> str:
        return shown(minor, invoice.currency, "en")

    print(
        f"{invoice.reference}, due {invoice.due_on}: {amount(told.principal_minor)} of {amount(invoice.amount_minor)} open"
    )
    for each in told.pieces:
        days = f"{each.since} to {each.until}, {each.days} days"
        if each.millionths is None or each.mode in {"waive", "stopped"}:
            print(f"  {days}: {each.mode}" + (f" ({each.why})" if each.mode == "no_rate" else ""))
            continue
        minor = float(each.exact_minor) / 10 ** exponent(invoice.currency)
        came = f"{amount(each.base_minor)} x {float(each.percent):g} % x {each.days}/365 = {minor:.4f}"
        print(f"  {days}: {came} [{each.mode}; {each.why}; {each.source or each.article}]")
    for name, minor in {**told.posted, "running": told.running_minor, "waived": told.waived_minor}.items():
        if minor:
            print(f"  {name}: {amount(minor)}")
    for name, minor in told.shown.items():
        print(f"  {name}, shown only: {amount(minor)}")
