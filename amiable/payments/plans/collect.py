"""Instalments that are due are collected by the way to pay that the customer saved, once each, on their day.

In: plans that run and have such a way. Out: tries to pay, told apart like any other. Never: an instalment tried twice
by a machine, a call to a provider inside a transaction, money collected for a creditor who is stopped or not released.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy

from amiable.casework.models import TaskKind
from amiable.casework.task import ask
from amiable.core.errors import AmiableError
from amiable.core.words import in_house
from amiable.ledger.models import Creditor, Invoice
from amiable.payments import attempt
from amiable.payments.models import Attempt, AttemptState, Instalment, Journey, PlanState
from amiable.payments.plans.state import source_ref


@dataclass
class Summary:
    asked: int = 0
    refused: int = 0


def collect(*, as_of: date, now: datetime, creditor: Creditor | None = None) -> Summary:
    """Asks for each instalment that is due by a saved way and was not asked for yet."""
    told = Summary()
    for part in _due(as_of, creditor):
        if not _claim(part, now=now):
            continue
        try:
            made = _charge(part, now=now)
            why = "" if made.state != AttemptState.FAILED else made.decline_code or made.get_state_display()
        except AmiableError as error:
            why = str(error)
        told.asked += not why
        told.refused += bool(why)
        if why:
            _by_hand(part, why, as_of=as_of, now=now)
    return told


def _charge(part: Instalment, *, now: datetime) -> Attempt:
    """The try, told apart by the instalment that it is for."""
    plan, left = part.plan, Invoice.objects.filter(pk__in=part.plan.invoices, open_minor__gt=0).order_by("due_on", "id")
    assert plan.mandate is not None
    return attempt.charge_saved(
        mandate=plan.mandate,
        amount_minor=min(part.amount_minor - part.paid_minor, sum(row.open_minor for row in left)),
        currency=plan.currency,
        invoices=[row.pk for row in left],
        journey=Journey.STANDING,
        plan_ref=part.pk,
        now=now,
    )


def _due(as_of: date, creditor: Creditor | None) -> Iterator[Instalment]:
    whose = Q() if creditor is None else Q(plan__customer__creditor=creditor)
    rows = Instalment.objects.filter(
        whose, plan__state__in=PlanState.running(), plan__mandate__isnull=False, due_on__lte=as_of, tried_at=None,
        paid_minor__lt=F("amount_minor"), plan__customer__creditor__stopped_at=None,
        plan__customer__creditor__released_at__isnull=False,
    )  # fmt: skip
    return rows.select_related("plan__mandate", "plan__customer__creditor").order_by("due_on", "id").iterator(200)


def _claim(part: Instalment, *, now: datetime) -> bool:
    """Written before the provider is asked: whoever comes second, or after a crash, does not ask again."""
    with transaction.atomic():
        return bool(Instalment.objects.filter(pk=part.pk, tried_at=None).update(tried_at=now))


def _by_hand(part: Instalment, why: str, *, as_of: date, now: datetime) -> None:
    """What could not be collected is asked of the customer by a person."""
    ask(
        kind=TaskKind.CALL,
        key=f"{source_ref(part.plan)}:collect:{part.pk}",
        customer=part.plan.customer,
        title=in_house(gettext_lazy("Instalment not collected: %(why)s"), why=why),
        due_on=as_of,
        context={"plan": part.plan_id, "invoices": part.plan.invoices},
        assignee=part.plan.offered_by,
        currency=part.plan.currency,
        now=now,
    )
