"""A customer's cases go to an outside agency, and come back: a person decides both.

In: a customer with open cases, the agency's name. Out: a placement of each case, and one hold, so that nothing of ours is
sent meanwhile. Never: one case with two agencies.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.models import Case, Placement
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger import hold
from amiable.ledger.models import Customer, Hold, HoldKind


class Outcome(models.TextChoices):
    """How a placement ended."""

    PAID = "paid", gettext_lazy("paid")
    PART_PAID = "part_paid", gettext_lazy("paid in part")
    NOT_PAID = "not_paid", gettext_lazy("not paid")
    WITHDRAWN = "withdrawn", gettext_lazy("withdrawn by us")


class UnableToPlace(UnableTo):
    """There is no case to hand over, or it is away already."""


@transaction.atomic
def place(*, customer: Customer, agency: str, as_of: date, now: datetime, by: User) -> list[Placement]:
    """Every open case of the customer lies with the agency from now on. Raises UnableToPlace."""
    name = " ".join(agency.split())
    if not name:
        raise UnableToPlace(_("Please name the agency."))
    cases = list(Case.objects.select_for_update().filter(customer=customer, closed_on=None).order_by("pk"))
    if not cases:
        raise UnableToPlace(_("There is no open case to hand over."))
    away = Placement.objects.filter(case__customer=customer, recalled_at=None).first()
    if away is not None:
        raise UnableToPlace(_("The case lies with %(agency)s already.") % {"agency": away.agency})
    rows = [Placement.objects.create(case=case, agency=name, placed_at=now, placed_by=by) for case in cases]
    for row in rows:
        hold.place(
            kind=HoldKind.PLACED,
            source_ref=_source(row.pk),
            customer=customer,
            since=as_of,
            reason=name,
            by=by,
            now=now,
        )
    _record("case.handed_over", customer, rows, now=now, by=by)
    return rows


@transaction.atomic
def recall(*, customer: Customer, outcome: str, as_of: date, now: datetime, by: User) -> list[Placement]:
    """What lies with an agency is ours again; our steps go on where they stood. Raises UnableToPlace."""
    rows = list(Placement.objects.select_for_update().filter(case__customer=customer, recalled_at=None).order_by("pk"))
    if not rows:
        raise UnableToPlace(_("Nothing of this customer lies with an agency."))
    _end(rows, outcome=outcome, as_of=as_of, now=now)
    _record("case.taken_back", customer, rows, now=now, by=by)
    return rows


def end_with(*, cases: Collection[int], as_of: date, now: datetime) -> None:
    """What was settled while it was away is away no longer."""
    rows = Placement.objects.filter(case__in=cases, recalled_at=None)
    _end(list(rows), outcome=Outcome.PAID, as_of=as_of, now=now)


def _end(rows: list[Placement], *, outcome: str, as_of: date, now: datetime) -> None:
    if rows:
        Placement.objects.filter(pk__in=[row.pk for row in rows]).update(recalled_at=now, outcome=outcome)
        hold.end(Hold.objects.filter(source_ref__in=[_source(row.pk) for row in rows]), on=as_of)


def _source(placement: int) -> str:
    return f"placement:{placement}"


def _record(act: str, customer: Customer, rows: list[Placement], *, now: datetime, by: User) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=customer.creditor_id, subject="customer", subject_ref=customer.pk,
        agency=rows[0].agency, cases=[row.case_id for row in rows],
    )  # fmt: skip
