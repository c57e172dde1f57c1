"""Invoices leave their scenario and return to it: by what the customer did, by a step that ends it, or by a colleague.

Comes in: invoices, and why. Goes out: holds of the kind `out`, and the task of who is to look after them. They stand where
they stood: once returned, their next step is the one that was next.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework import task
from amiable.casework.models import Task, TaskKind
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Customer, Hold, HoldKind, Invoice
from amiable.scenario.engine.moment import LASTING
from amiable.scenario.models import Decision, Verdict

# Why the journey of an invoice ended, as its hold says.
DID = {
    "opened": gettext_lazy("The customer opened our message."),
    "clicked": gettext_lazy("The customer followed the link of our message."),
    "replied": gettext_lazy("The customer answered."),
    "promise_broken": gettext_lazy("The customer broke a promise."),
    "part_paid": gettext_lazy("The customer paid a part."),
    "bounced": gettext_lazy("Our message came back."),
    "payment_failed": gettext_lazy("The customer tried to pay and could not."),
}


REASONS = {
    "hold": gettext_lazy("The scenario lets the invoice rest."),
    "end": gettext_lazy("The scenario has come to its end."),
}


class UnableToLeave(UnableTo):
    """The invoices cannot leave the scenario as it was asked."""


@transaction.atomic
def stop(ended: pl.DataFrame, *, as_of: date, now: datetime) -> int:
    """What the customer did ended the journey of these invoices (invoice, event): they are held until a colleague
    returns them. A promise and a dispute end by themselves, and are seen as what they are."""
    lasting = ended.filter(~pl.col("event").is_in(LASTING)) if ended.height else ended
    events = dict(lasting.iter_rows())
    rows = Invoice.objects.filter(pk__in=events).select_related("customer").order_by("pk")
    for row in rows:
        event = events[row.pk]
        hold.place(
            kind=HoldKind.OUT, source_ref=f"ends:{event}:{as_of}", customer=row.customer, invoice=row, since=as_of,
            reason=in_house(DID[event]), now=now,
        )  # fmt: skip
    return len(events)


def rest(
    decisions: Iterable[Decision], steps: Mapping[tuple[int, str], Mapping[str, Any]], *, as_of: date, now: datetime
) -> int:
    """Steps that pause or end the journey hold their invoices, once: what a colleague lifted stays lifted."""
    acting = [each for each in decisions if each.verdict == Verdict.DO and each.action in REASONS]
    done = set(
        Hold.objects.filter(source_ref__in=[f"step:{each.pk}" for each in acting]).values_list("source_ref", flat=True)
    )
    held = 0
    for decision in acting:
        if f"step:{decision.pk}" in done:
            continue
        step = steps[decision.scenario_id, decision.step]
        days = step.get("hold_days")
        held += len(
            hold.place_on(
                Invoice.objects.filter(pk__in=decision.about), source_ref=f"step:{decision.pk}", customer=decision.customer,
                kind=HoldKind.PAUSE if decision.action == "hold" else HoldKind.OUT, since=as_of, now=now,
                until=as_of + timedelta(days=days) if days else None,
                reason=step.get("reason") or in_house(REASONS[decision.action]),
            )
        )  # fmt: skip
    return held


@transaction.atomic
def take_out(
    *,
    customer: Customer,
    invoices: Sequence[Invoice],
    action: str,
    until: date,
    key: str,
    as_of: date,
    now: datetime,
    by: User,
    responsible: User | None = None,
) -> list[Hold]:
    """A specific action: these invoices leave the scenario until a day, while somebody does what `action` names.

    The same `key` twice is one action.
    """
    if not invoices:
        raise UnableToLeave(_("Please say which invoices leave the scenario."))
    if until <= as_of:
        raise UnableToLeave(_("The day on which they return lies after today."))
    source = f"action:{key}"
    holds = hold.place_on(
        invoices, kind=HoldKind.OUT, source_ref=source, customer=customer, since=as_of, until=until,
        reason=action[:200], by=by, now=now,
    )  # fmt: skip
    task.ask(
        kind=TaskKind.OTHER, key=source, customer=customer, title=action, due_on=as_of, now=now,
        assignee=responsible or by, currency=invoices[0].currency,
        context={
            "invoices": [row.pk for row in invoices], "currency": invoices[0].currency,
            "amount_minor": sum(row.open_minor for row in invoices if row.currency == invoices[0].currency),
            "out_until": until.isoformat(),
        },
    )  # fmt: skip
    audit.record(
        "invoices.taken_out", now=now, user=by, creditor_ref=customer.creditor_id, subject="customer",
        subject_ref=customer.pk, action=action, until=until.isoformat(), invoices=[row.pk for row in invoices],
    )  # fmt: skip
    return holds


@transaction.atomic
def give_back(*, holds: Iterable[Hold], as_of: date, now: datetime, by: User) -> int:
    """These invoices go on where they stood, from today. The task of their action is done once none of them is out."""
    rows = [row for row in holds if row.kind == HoldKind.OUT]
    ended = hold.end(Hold.objects.filter(pk__in=[row.pk for row in rows]), on=as_of)
    for source in {row.source_ref for row in rows}:
        waiting = Task.objects.filter(key=source, done_at=None).first()
        if waiting and not hold.active(as_of=as_of).filter(source_ref=source).exists():
            task.finish(task=waiting, outcome="done", now=now, by=by)
    for row in rows:
        audit.record(
            "invoices.returned", now=now, user=by, creditor_ref=row.creditor_id, subject="customer",
            subject_ref=row.customer_id, invoice=row.invoice_id, reason=row.reason,
        )  # fmt: skip
    return ended


def waiting_for(holds: Iterable[Hold]) -> dict[str, Task]:
    """The open tasks of the actions for which these holds keep invoices out, by the holds' source."""
    sources = {row.source_ref for row in holds if row.kind == HoldKind.OUT}
    return {row.key: row for row in Task.objects.filter(key__in=sources, done_at=None).select_related("assignee")}
