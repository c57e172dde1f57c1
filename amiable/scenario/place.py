"""A step hands invoices to an outside agency: at once, or when a person has said yes; and after their term they come back.

In: decisions whose step is to place. Out: a placement each, and the climb of its invoices. Never: what is paid, held, disputed or
promised by now, anything that a rail of the law forbids, one decision carried out twice.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext
from django.utils.translation import gettext as _

from amiable.casework import place
from amiable.casework.models import Placement
from amiable.casework.place import UnableToPlace
from amiable.core.models import User
from amiable.core.money import exponent
from amiable.law import rails
from amiable.law.packs import law
from amiable.ledger import hold
from amiable.ledger.models import Credit, Creditor, Invoice
from amiable.scenario.engine.journey import PLACE
from amiable.scenario.models import Decision, Verdict

Steps = Mapping[tuple[int, str], Mapping[str, Any]]


@dataclass(frozen=True)
class HandedOver:
    """What goes to which agency, as it is now; `until`: the day on which it comes back by itself."""

    agency: str
    invoices: list[Invoice]
    until: date | None

    @property
    def total_minor(self) -> int:
        return sum(row.open_minor for row in self.invoices)


def carry_out(decisions: Iterable[Decision], steps: Steps, *, as_of: date, now: datetime) -> int:
    """Hands over what the day's decisions say without a person's word; returns how many placements are new.

    What has changed since it was decided stays where it stands: the next day's decision tells why.
    """
    new = 0
    placing = [each for each in decisions if each.verdict == Verdict.DO and each.action == PLACE]
    lock(placing)
    for decision in placing:
        try:
            step = steps[decision.scenario_id, decision.step]
            new += hand_over(decision, step, as_of=as_of, now=now) is not None
        except UnableToPlace:
            continue
    return new


def lock(decisions: Collection[Decision]) -> None:
    """What these decisions are about stays as it is until they are carried out."""
    if decisions:
        bills = {pk for decision in decisions for pk in decision.about}
        place.lock(customers={decision.customer_id for decision in decisions}, invoices=bills)


@transaction.atomic
def hand_over(
    decision: Decision, step: Mapping[str, Any], *, as_of: date, now: datetime, by: User | None = None
) -> Placement | None:
    """The invoices of a decision go to the agency, and climb; None when that was done before. Raises UnableToPlace."""
    lock([decision])
    if Placement.objects.filter(decision_ref=decision.pk).exists():
        return None
    wish = looked_at(decision, step, as_of=as_of)
    row = place.place_invoices(
        customer=decision.customer, currency=decision.currency, invoices=wish.invoices, agency=wish.agency, until=wish.until,
        decision_ref=decision.pk, as_of=as_of, now=now, by=by,
    )  # fmt: skip
    if row is not None:
        climbing = Invoice.objects.filter(pk__in=[each.pk for each in wish.invoices], reached__lt=decision.level)
        climbing.update(reached=decision.level, reached_on=as_of)
    return row


def looked_at(decision: Decision, step: Mapping[str, Any], *, as_of: date) -> HandedOver:
    """What of a decision may still be handed over. Raises UnableToPlace with the reason where nothing may."""
    creditor = Creditor.objects.get(pk=decision.creditor_id)
    held = hold.active(as_of=as_of).filter(customer=decision.customer_id)
    overdue = Invoice.objects.filter(
        pk__in=decision.about, customer=decision.customer_id, open_minor__gt=0, due_on__lt=as_of
    ).exclude(pk__in=held.filter(invoice__isnull=False).values("invoice"))
    invoices = list(overdue.order_by("due_on", "pk"))
    if not invoices:
        raise UnableToPlace(_("Nothing of it is overdue and free any more."))
    rules = law(decision.customer.country or creditor.country, as_of)
    bar = int(
        rules.value("consumer_time_bar_days" if decision.customer.kind == "consumer" else "business_time_bar_days")
    )
    claimable = [row for row in invoices if (as_of - row.due_on).days <= bar]
    invoices = claimable or invoices  # where all of it is barred, the rail says so
    kinds = sorted(
        held.filter(invoice=None).values_list("kind", flat=True), key=lambda kind: (kind == rails.HOLDOUT, kind)
    )
    agency = " ".join(str(step.get("agency") or "").split())
    credits = Credit.objects.filter(customer=decision.customer_id, currency=decision.currency, open_minor__gt=0)
    free = credits.aggregate(sum=Sum("open_minor"))["sum"] or 0
    asked = {
        "day": as_of, "kind": decision.customer.kind, "channel": "", "contacts": False,
        "released": creditor.released_at is not None, "customer_hold": kinds[0] if kinds else None, "opted_out": False,
        "has_address": True, "waiting": False, "days_since_contact": None, "contacts_7d": 0, "calls_7d": 0,
        "days_since_conversation": None, "oldest_days_late": (as_of - invoices[0].due_on).days,
        "amount_minor": sum(row.open_minor for row in invoices) - free,
        "minimum_minor": int(Decimal(str(step.get("minimum", 0))).scaleb(exponent(decision.currency))),
        "hands_over": True, "agency": agency,
    }  # fmt: skip
    table = pl.DataFrame([asked], schema={**rails.COLUMNS, **rails.HANDS_OVER})
    rail = rails.judge(table, law=rules, policy=creditor.policy)["rail"][0]
    if rail is not None:
        raise UnableToPlace(gettext(rails.SENTENCES[rail]))
    days = step.get("hold_days")
    until = as_of + timedelta(days=days) if days else None
    return HandedOver(agency or str(creditor.policy["agency"]), invoices, until)
