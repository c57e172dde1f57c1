"""What the portal needs to know about the way a customer came and the ways they can pay."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from django.db.models import Q
from django.utils.translation import gettext as _

from amiable.core.qr import outlined
from amiable.ledger.balance import Statement
from amiable.ledger.models import Creditor, Medium
from amiable.outreach.express import grouped
from amiable.outreach.models import Message
from amiable.outreach.statement import epc_text, transfers_of
from amiable.payments.models import Journey
from amiable.scenario.models import Campaign, Decision
from amiable.web.portal.gate import Visit

PROMISE_DAYS = 14  # how far away a customer may put a day by themselves; policy portal_promise_days

JOURNEYS = {Medium.EMAIL: Journey.EMAIL_LINK, Medium.SMS: Journey.SMS_LINK, Medium.LETTER: Journey.LETTER_LINK}


@dataclass(frozen=True)
class Transfer:
    """What a customer needs to pay by bank transfer; `code` is a picture that banking apps read (EPC QR)."""

    payee: str
    iban: str
    bic: str
    reference: str
    amount_minor: int
    code: str
    factor: bool = False


@dataclass(frozen=True)
class Wish:
    """What a colleague asks to be paid by this link: which invoices (none: all that is due), and perhaps a part of them."""

    invoices: frozenset[int] = frozenset()
    amount_minor: int = 0
    currency: str = ""


@dataclass(frozen=True)
class Contacted:
    on: date
    because: str


def last_day_to_promise(creditor: Creditor, as_of: date) -> date:
    return as_of + timedelta(days=int(creditor.policy.get("portal_promise_days", PROMISE_DAYS)))


def origin(visit: Visit) -> dict[str, Any]:
    """Which journey, message, campaign and step an attempt came by."""
    message = _message(visit)
    if message is None:
        return {"journey": Journey.DESK_LINK if visit.asked else Journey.PORTAL}
    return {
        "journey": JOURNEYS.get(Medium(message.medium), Journey.PORTAL),
        "message_ref": message.pk,
        "campaign_ref": message.campaign_ref,
        "step": message.step,
    }


def wish(visit: Visit) -> Wish:
    """What the link, or the message that carried it, asks to be paid."""
    message = _message(visit)
    asked = visit.asked or (message.context.get("pay") if message else None) or {}
    currency = str(asked.get("currency") or (message.currency if message else ""))
    return Wish(frozenset(asked.get("invoices") or ()), int(asked.get("amount_minor") or 0), currency)


def contacted(visit: Visit) -> Contacted | None:
    """Why the message that carried this link was sent, in words for the customer."""
    message = _message(visit)
    if message is None:
        return None
    if message.campaign_ref:
        name = Campaign.objects.values_list("name", flat=True).get(pk=message.campaign_ref)
        because = _("This message is part of “%(name)s”, which goes to several customers with something open.")
        return Contacted(on=message.as_of, because=because % {"name": name})
    if message.context.get("pay"):
        asked = _("You asked for this link on our payment line.")
        sent = _("A colleague sent you this link to pay.")
        return Contacted(on=message.as_of, because=sent if message.context.get("by") else asked)
    if message.decision_ref is None:
        return None
    decision = Decision.objects.filter(pk=message.decision_ref, customer=visit.customer).first()
    if decision is None:
        return None
    late = _("Past its due date, at least one invoice was not paid yet, as far as we knew.")
    soon = _("An invoice was soon to be due: a word so that the date does not slip by.")
    return Contacted(on=decision.as_of, because=late if decision.facts.get("oldest_days_late", 0) > 0 else soon)


def transfers(visit: Visit, statement: Statement) -> list[Transfer]:
    """How to transfer what is due, to each who is to be paid, with the picture that banking apps read."""
    shown = []
    for found in transfers_of(statement, visit.creditor, visit.customer):
        picture = outlined(epc_text(found)) if statement.currency == "EUR" else ""
        shown.append(
            Transfer(
                payee=found.name,
                iban=grouped(found.iban),
                bic=found.bic,
                reference=grouped(found.reference),
                amount_minor=found.amount_minor,
                code=f"data:image/svg+xml,{quote(picture)}" if picture else "",
                factor=found.factor,
            )
        )
    return shown


def _message(visit: Visit) -> Message | None:
    if not visit.message_ref:
        return None
    theirs = Q(customer=visit.customer) | Q(customer__merged_into=visit.customer)
    return Message.objects.filter(theirs, pk=visit.message_ref).first()
