"""The customer says yes: from here on the plan runs, its invoices rest, and the paper that was accepted is kept.

In: an offered plan; who accepts, from where. Out: the plan agreed, the digest of its paper. Never: an offer accepted
after its day, twice, or for amounts that are not open any more; a promise and a plan that run on one invoice.
"""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold, waive
from amiable.ledger.keep import keep
from amiable.ledger.models import HoldKind, Invoice
from amiable.payments import arrange
from amiable.payments.authorise import usable
from amiable.payments.models import Mandate, Plan, PlanState
from amiable.payments.plans.judge import judge_plans
from amiable.payments.plans.paper import agreement_pdf
from amiable.payments.plans.state import end, lock, planned, source_ref, trail
from amiable.payments.plans.terms import UnableToPlan
from amiable.payments.standing import notice_days


class UnableToAgree(UnableToPlan):
    """The offer cannot be accepted any more, or not by this."""


@transaction.atomic
def agree(
    *,
    plan: Plan,
    name: str,
    ip: str | None,
    origin: str,
    as_of: date,
    now: datetime,
    accepted_at: datetime | None = None,
    mandate: Mandate | None = None,
    by: User | None = None,
) -> Plan:
    """Accepts an offer. The same acceptance twice is one; one that waits for approval is kept until that is given."""
    row = lock(plan)
    if row.accepted_at is not None and row.state in (*PlanState.running(), PlanState.PROPOSED):
        return row
    if not name.strip():
        raise UnableToAgree(_("Please write your name: it stands under the agreement."))
    row.accepted_at, row.accepted_name, row.accepted_from = accepted_at or now, name.strip()[:120], ip
    row.mandate = _usable(mandate, row, as_of)
    if row.state == PlanState.PROPOSED:
        row.save(update_fields=["accepted_at", "accepted_name", "accepted_from", "mandate"])
        return row
    _still_stands(row, as_of=as_of)
    _give_way(row, as_of=as_of, now=now)
    row.state, row.agreed_at, row.answer_by = PlanState.AGREED, now, None
    row.agreement = keep(agreement_pdf(row, as_of=as_of, now=now))
    row.save(
        update_fields=[
            "state", "agreed_at", "answer_by", "accepted_at", "accepted_name", "accepted_from", "mandate", "agreement",
        ]
    )  # fmt: skip
    hold.place_on(
        Invoice.objects.filter(pk__in=row.invoices), kind=HoldKind.PLAN, source_ref=source_ref(row),
        customer=row.customer, since=as_of, by=by, now=now,
    )  # fmt: skip
    if row.terms.get("freeze", True):
        waive.freeze(
            customer=row.customer, invoices=Invoice.objects.filter(pk__in=row.invoices), source_ref=source_ref(row),
            reason=in_house(gettext_lazy("Payment plan: no late interest while it is kept")), as_of=as_of, now=now, by=by,
        )  # fmt: skip
    trail(row, "plan.agreed", now=now, by=by, actor=origin, agreement=row.agreement)
    # What came in while the offer was looked at counts at once.
    judge_plans(as_of=as_of, now=now, customers=[row.customer_id])
    row.refresh_from_db()
    return row


def _usable(mandate: Mandate | None, row: Plan, as_of: date) -> Mandate | None:
    if mandate is not None and not usable(customer=row.customer, as_of=as_of).filter(pk=mandate.pk).exists():
        raise UnableToAgree(_("This saved way to pay cannot be used any more."))
    first = row.instalments.order_by("due_on")[0].due_on
    if mandate is not None and first < as_of + timedelta(days=notice_days(row.customer.creditor, mandate)):
        raise UnableToAgree(_("A debit is told some days before: choose a later first payment, or pay it by hand."))
    return mandate


def _still_stands(row: Plan, *, as_of: date) -> None:
    if row.state != PlanState.OFFERED:
        raise UnableToAgree(_("This offer does not stand any more."))
    if row.answer_by is not None and row.answer_by < as_of:
        raise UnableToAgree(_("This offer has expired. Please ask for another one."))
    if not Invoice.objects.filter(pk__in=row.invoices, open_minor__gt=0).exists():
        raise UnableToAgree(_("Nothing is left to pay. Thank you."))
    if set(row.invoices).intersection(planned(customer=row.customer, but=row.replaces)):
        raise UnableToAgree(_("One of these invoices is in a plan already."))


def _give_way(row: Plan, *, as_of: date, now: datetime) -> None:
    """What the plan takes the place of ends: the plan it replaces, and promises about its invoices."""
    if row.replaces is not None:
        old = lock(row.replaces)
        if old.state in PlanState.running():
            end(old, PlanState.REPLACED, as_of=as_of)
            trail(old, "plan.replaced", now=now, actor="plan", by_plan=row.pk)
    arrange.give_way(customer=row.customer, invoices=row.invoices, as_of=as_of)
