"""Money that had come leaves again: what it had paid is open again, its case and its tries to pay go on, a person is told.

In: a credit, how much of it left, and the identity of that. Out: the invoices that are open again, and a task.
Never: the same return twice, more out of a credit than it holds, an invoice that stays paid by money that has left.
"""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from amiable.casework import task
from amiable.casework.entrust import in_charge
from amiable.casework.models import Case, NotificationKind, Task, TaskKind
from amiable.casework.notify import notify
from amiable.core import audit
from amiable.core.models import AuditEntry, User
from amiable.core.money import shown
from amiable.core.words import in_house
from amiable.ledger.models import Allocation, Credit, Customer, Invoice
from amiable.payments import arrange, chain, refund


@dataclass(frozen=True)
class Returned:
    """What came of it. `again`: this return had been told before, and nothing was done; `task`: None for suspense."""

    invoices: list[int]
    amount_minor: int
    task: Task | None = None
    again: bool = False


def reopen(
    *, credit: Credit, amount_minor: int, key: str, reason: str, as_of: date, now: datetime, by: User | None = None
) -> Returned:
    """Takes the money out of the credit, or of the one that confirmed it; stands in its caller's transaction."""
    held = Credit.objects.select_for_update(no_key=True, of=("self",)).get(pk=credit.confirmed_by_id or credit.pk)
    # It may have been told of the earlier word for the same money.
    same = Credit.objects.filter(Q(pk=held.pk) | Q(confirmed_by=held))
    told = AuditEntry.objects.filter(
        subject="credit", subject_ref__in=same.values("pk"), act="payment.returned", detail__key=key
    ).first()
    if told is not None:
        return Returned(told.detail["invoices"], told.detail["amount_minor"], again=True)
    before = _open_of(held)
    left = min(amount_minor, refund.held_by(held))
    if left:
        refund.give_back(credit=held, amount_minor=left, reason=reason, as_of=as_of, now=now, by=by)
        chain.reopen(credit=held, now=now)
    after = dict(Invoice.objects.filter(id__in=before).values_list("id", "open_minor"))
    opened = [pk for pk in before if after[pk] > before[pk]]
    arrange.judge_again(invoices=opened, as_of=as_of, now=now)
    asked = None
    if held.customer is not None:
        asked = _tell(held, held.customer, amount_minor, opened, key=key, reason=reason, as_of=as_of, now=now)
    audit.record(
        "payment.returned", now=now, user=by, actor="" if by else "payments", creditor_ref=held.creditor_id,
        subject="credit", subject_ref=held.pk, key=key, amount_minor=left, told_minor=amount_minor, invoices=opened,
        reason=reason,
    )  # fmt: skip
    return Returned(opened, left, asked)


def _open_of(credit: Credit) -> dict[int, int]:
    """What is open of the invoices that the credit pays, oldest due first."""
    paying = Allocation.objects.filter(credit=credit, reverses=None, reversed_by=None)
    rows = Invoice.objects.filter(id__in=paying.values("invoice")).order_by("due_on", "id")
    return dict(rows.values_list("id", "open_minor"))


def _tell(
    credit: Credit,
    customer: Customer,
    amount_minor: int,
    opened: list[int],
    *,
    key: str,
    reason: str,
    as_of: date,
    now: datetime,
) -> Task:
    """The case goes on where it stood; whoever is in charge of it has a task and is told."""
    case = _go_on(customer, credit, as_of=as_of)
    person = (case.responsible if case else None) or _responsible(customer, as_of=as_of)
    title = in_house(
        _("Payment of %(amount)s taken back: %(reason)s"),
        amount=shown(amount_minor, credit.currency),
        reason=reason,
    )
    asked = task.ask(
        kind=TaskKind.CHECK,
        key=f"returned:{credit.pk}:{key}"[:120],
        customer=customer,
        title=title,
        due_on=as_of,
        context={"credit": credit.pk, "invoices": opened, "words": reason},
        assignee=person,
        currency=credit.currency,
        now=now,
    )
    if person is not None:
        notify(
            users=[person],
            text=f"{customer}: {title}",
            key=asked.key,
            kind=NotificationKind.RETURNED,
            customer=customer,
            now=now,
        )
    return asked


def _go_on(customer: Customer, credit: Credit, *, as_of: date) -> Case | None:
    """The open case; else the one that this money had closed, opened again where something is overdue once more."""
    cases = Case.objects.filter(customer=customer, currency=credit.currency).select_related("responsible")
    running = cases.filter(closed_on=None).first()
    if running is not None:
        return running
    overdue = customer.invoices.filter(currency=credit.currency, open_minor__gt=0, due_on__lt=as_of).exists()
    closed = (
        cases.filter(closed_because="paid", closed_on__gte=credit.received_on).order_by("-closed_on", "-pk").first()
    )
    if closed is None or not overdue:
        return None
    closed.closed_on, closed.closed_because = None, ""
    closed.save(update_fields=["closed_on", "closed_because"])
    return closed


def _responsible(customer: Customer, *, as_of: date) -> User | None:
    for role in ("collector", "credit_manager"):
        found = in_charge(role=role, customers=[customer], as_of=as_of).get(customer.pk)
        if found is not None:
            return found
    return None
