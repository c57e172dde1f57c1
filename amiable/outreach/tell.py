"""What a message tells beside the account: a payment, a promise, a plan, a dispute, a survey, a person to speak to.

In: the frozen context of a message, and the row of its dispute. Out: names for texts; what was not told is empty.
The context's keys: payment {amount_minor, received_on, failed_on, failure, returned}, promise {amount_minor,
promised_for, kept_minor}, plan {total_minor, answer_by, debit, due_on, instalments [{due_on, amount_minor, paid_minor}]},
dispute (its number) and message (what a colleague writes about it), survey {after, ask, asked_at}, person {name,
phone, email, hours}, pay {invoices, amount_minor, currency} (what a link to pay asks for),
receipt (the credit whose receipt goes along). Dates are written 2026-01-31.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from amiable.casework.models import Dispute, DisputeReason
from amiable.core.calendar import day_of
from amiable.core.errors import UnableTo
from amiable.outreach.gather import Matter
from amiable.outreach.speak import amount, day, phone, phone_url, short_day

# Why a payment did not go through, as a customer may read it.
FAILURES = {
    "insufficient": _("the account did not hold enough that day"),
    "refused": _("the bank did not accept it"),
    "expired": _("the card has expired"),
    "account": _("the account can no longer be debited"),
    "technical": _("something went wrong between the banks"),
}
# What must have been told, or the text would have holes in the place of what it is about.
NEEDED = {
    "promise_confirmed": "promise", "receipt": "payment", "plan_offered": "plan", "plan_agreed": "plan", "plan_due": "plan",
    "plan_late": "plan",
}  # fmt: skip
OF_DISPUTES = frozenset({"dispute_received", "dispute_answered", "dispute_message"})


class UnableToTell(UnableTo):
    """Whoever ordered the message did not say what it is about."""


def told(facts: Matter) -> dict[str, Any]:
    """The names payment, promise, plan, dispute and person, filled where there is something to tell.

    Raises UnableToTell where the purpose needs what was not told.
    """
    context = facts.message.context
    needed = NEEDED.get(facts.message.purpose)
    if needed and not context.get(needed):
        sentence = gettext("Whoever ordered this message did not say which %(what)s it is about.")
        raise UnableToTell(sentence % {"what": needed})
    return {
        "payment": _payment(facts, context["payment"]) if context.get("payment") else NO_PAYMENT,
        "promise": _promise(facts, context["promise"]) if context.get("promise") else NO_PROMISE,
        "plan": _plan(facts, context["plan"]) if context.get("plan") else NO_PLAN,
        "dispute": _dispute(facts) if facts.message.purpose in OF_DISPUTES else NO_DISPUTE,
        "person": _person(facts),
    }


NO_PAYMENT: dict[str, Any] = {**dict.fromkeys(("amount", "received_on", "failed_on", "reason"), ""), "returned": False}
NO_PROMISE = dict.fromkeys(("amount", "date", "paid", "left"), "")
NO_INSTALMENT: dict[str, Any] = {
    **dict.fromkeys(("due", "due_short", "amount", "paid", "left"), ""),
    "number": 0, "late": False, "settled": False,
}  # fmt: skip
NO_PLAN: dict[str, Any] = {
    **dict.fromkeys(("total", "paid", "left", "late_amount", "answer_by", "debit"), ""),
    "count": 0, "late_count": 0, "instalments": [], "next": NO_INSTALMENT,
}  # fmt: skip
NO_DISPUTE = dict.fromkeys(("invoice", "reason", "opened_on", "amount", "words", "outcome", "answer", "message"), "")


def _payment(facts: Matter, told: Mapping[str, Any]) -> dict[str, Any]:
    language = facts.message.language
    failure = str(told.get("failure") or "")
    return {
        "amount": _amount(facts, told.get("amount_minor")),
        "received_on": _day(told.get("received_on"), language),
        "failed_on": _day(told.get("failed_on"), language),
        "reason": _said(FAILURES[failure], language) if failure in FAILURES else "",
        "returned": bool(told.get("returned")),
    }


def _promise(facts: Matter, told: Mapping[str, Any]) -> dict[str, str]:
    kept = int(told.get("kept_minor") or 0)
    return {
        "amount": _amount(facts, told.get("amount_minor")),
        "date": _day(told.get("promised_for"), facts.message.language),
        "paid": _amount(facts, kept) if kept else "",
        "left": _amount(facts, max(int(told.get("amount_minor") or 0) - kept, 0)),
    }


def _plan(facts: Matter, told: Mapping[str, Any]) -> dict[str, Any]:
    rows = sorted(told.get("instalments") or (), key=lambda row: str(row["due_on"]))
    parts = [_instalment(facts, number, row) for number, row in enumerate(rows, start=1)]
    due, paid = sum(int(row["amount_minor"]) for row in rows), sum(int(row.get("paid_minor") or 0) for row in rows)
    late = [_left(row) for row, part in zip(rows, parts, strict=True) if part["late"]]
    # A message about one instalment names that one, even where an earlier one is not paid yet.
    asked = [part for row, part in zip(rows, parts, strict=True) if str(row["due_on"]) >= str(told.get("due_on") or "")]
    return {
        "total": _amount(facts, told.get("total_minor") or due),
        "paid": _amount(facts, paid) if paid else "",
        "left": _amount(facts, due - paid),
        "count": len(parts),
        "late_count": len(late),
        "late_amount": _amount(facts, sum(late)),
        "answer_by": _day(told.get("answer_by"), facts.message.language),
        "debit": str(told.get("debit") or ""),
        "instalments": parts,
        "next": next((part for part in asked if not part["settled"]), NO_INSTALMENT),
    }


def _instalment(facts: Matter, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    due_on, language = date.fromisoformat(str(row["due_on"])), facts.message.language
    paid = int(row.get("paid_minor") or 0)
    return {
        "number": number,
        "due": day(due_on, language),
        "due_short": short_day(due_on, language),
        "amount": _amount(facts, row["amount_minor"]),
        "paid": _amount(facts, paid) if paid else "",
        "left": _amount(facts, _left(row)),
        "late": due_on < facts.as_of and _left(row) > 0,
        "settled": _left(row) <= 0,
    }


def _left(row: Mapping[str, Any]) -> int:
    return max(int(row["amount_minor"]) - int(row.get("paid_minor") or 0), 0)


def _dispute(facts: Matter) -> dict[str, str]:
    """The dispute that the order names, else the newest one about the message's invoices."""
    rows = Dispute.objects.filter(customer=facts.customer).select_related("invoice").order_by("-opened_at", "-pk")
    named = facts.message.context.get("dispute")
    found = rows.filter(pk=named).first() if named else rows.filter(invoice__in=facts.message.about).first()
    if found is None:
        return NO_DISPUTE
    language = facts.message.language
    return {
        "invoice": found.invoice.reference,
        "reason": _said(DisputeReason(found.reason).label, language).lower(),
        "opened_on": day(day_of(found.opened_at, facts.creditor.time_zone), language),
        "amount": _amount(facts, found.disputed_minor) if found.disputed_minor else "",
        "words": found.words,
        "outcome": found.resolution,
        "answer": found.answer,
        "message": str(facts.message.context.get("message") or ""),
    }


def _person(facts: Matter) -> dict[str, str]:
    """Whom to ask for: the person whom the order names, else the creditor's own (policy `person`), else nobody by name."""
    creditor = facts.creditor
    known = facts.message.context.get("person") or creditor.policy.get("person")
    told = known if isinstance(known, Mapping) else {}
    hours = told.get("hours", "")
    number = str(told.get("phone") or creditor.phone)
    return {
        "name": str(told.get("name", "")),
        "phone": phone(number, creditor.country),
        "phone_url": phone_url(number, creditor.country),
        "email": str(told.get("email") or creditor.email),
        "hours": str(hours.get(facts.message.language, "") if isinstance(hours, Mapping) else hours),
    }


def _amount(facts: Matter, value_minor: Any) -> str:
    return amount(int(value_minor or 0), facts.message.currency, facts.message.language)


def _day(told: Any, language: str) -> str:
    return day(date.fromisoformat(str(told)), language) if told else ""


def _said(label: Any, language: str) -> str:
    """A label in the customer's language, whoever's language is the reader's at the desk."""
    with override(language):
        return str(label)
