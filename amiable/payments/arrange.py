"""Promises to pay: taken, held to, and judged by what was allocated since.

In: an amount and a day; later the entries. Out: the promise with its hold; kept, partly or broken. Never: a promise
judged before its day is over (kept early excepted), a reminder while it runs, two running promises on one invoice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.models import NotificationKind, TaskKind
from amiable.casework.notify import notify
from amiable.casework.task import ask
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.money import shown
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, HoldKind, Invoice
from amiable.payments.attempt import local_day
from amiable.payments.models import Promise, PromiseState
from amiable.payments.plans.resume import resume
from amiable.payments.plans.state import planned

GRACE_DAYS = 1
WITHIN = timedelta(days=366)  # until then nobody writes: a slip in the year would silence a customer for good


class UnableToPromise(UnableTo):
    """The amount, the day or the invoices of the promise do not hold."""


@dataclass(frozen=True)
class Summary:
    kept: int = 0
    partly: int = 0
    broken: int = 0


@transaction.atomic
def promise(
    *,
    customer: Customer,
    amount_minor: int,
    currency: str,
    promised_for: date,
    invoices: Sequence[int],
    origin: str,
    as_of: date,
    now: datetime,
    by: User | None = None,
) -> Promise:
    """Takes a promise; holds its invoices (all open ones where none are named) until its day and the grace are over."""
    open_ones = Invoice.objects.filter(customer=customer, currency=currency, open_minor__gt=0)
    rows = list((open_ones.filter(id__in=invoices) if invoices else open_ones).order_by("due_on", "id"))
    if not rows or len(rows) < len(set(invoices)):
        raise UnableToPromise(_("One of these invoices is no longer open. Please look at the amounts again."))
    if promised_for < as_of:
        raise UnableToPromise(_("The day of a promise lies today or later."))
    if promised_for > as_of + WITHIN:
        raise UnableToPromise(_("A promise lies at most a year ahead: look at the year, or agree on a payment plan."))
    if not 0 < amount_minor <= sum(row.open_minor for row in rows):
        raise UnableToPromise(_("The amount must be more than nothing and not more than what is open."))
    about = [row.pk for row in rows]
    if set(about).intersection(planned(customer=customer)):
        raise UnableToPromise(_("One of these invoices is in a payment plan: its dates hold."))
    give_way(customer=customer, invoices=about, as_of=as_of)
    taken = Promise.objects.create(
        customer=customer,
        currency=currency,
        amount_minor=amount_minor,
        promised_for=promised_for,
        invoices=about,
        taken_at=now,
        taken_by=by,
        origin=origin,
    )
    _hold(taken, as_of=as_of, now=now)
    _audit(taken, "promise.taken", creditor_ref=customer.creditor_id, now=now, by=by)
    return taken


@transaction.atomic
def withdraw(*, promise: Promise, as_of: date, now: datetime, by: User) -> None:
    """A promise that was noted by mistake counts no more. Raises UnableToPromise where it has been judged already."""
    if not Promise.objects.filter(pk=promise.pk, state=PromiseState.OPEN).update(
        state=PromiseState.WITHDRAWN, judged_on=as_of
    ):
        raise UnableToPromise(_("This promise has been judged meanwhile; it stays as it is."))
    hold.lift(source_ref=f"promise:{promise.pk}", on=as_of)
    _audit(promise, "promise.withdrawn", creditor_ref=promise.customer.creditor_id, now=now, by=by)


@transaction.atomic
def judge_promises(
    *, as_of: date, now: datetime, creditor: Creditor | None = None, customers: Collection[int] | None = None
) -> Summary:
    """Judges the promises (made to one creditor, by these customers) whose day and grace are over, and those kept early."""
    whose = Q() if creditor is None else Q(customer__creditor=creditor)
    if customers is not None:
        whose &= Q(customer__in=list(customers))
    running = Promise.objects.select_for_update(of=("self",)).filter(whose, state=PromiseState.OPEN)
    rows = list(running.prefetch_related("customer__creditor", "taken_by").order_by("id"))
    paid = _paid_since(rows)
    judged = {PromiseState.KEPT: 0, PromiseState.PARTLY: 0, PromiseState.BROKEN: 0}
    for row in rows:
        amount, settled = paid[row.pk]
        over = as_of >= _held_until(row)
        if amount >= row.amount_minor or settled:
            state = PromiseState.KEPT
        elif over:
            state = PromiseState.PARTLY if amount > 0 else PromiseState.BROKEN
        else:
            continue
        judged[state] += 1
        _judge(row, state=state, kept_minor=max(0, min(amount, row.amount_minor)), as_of=as_of, now=now)
    return Summary(
        kept=judged[PromiseState.KEPT], partly=judged[PromiseState.PARTLY], broken=judged[PromiseState.BROKEN]
    )


@transaction.atomic
def judge_again(*, invoices: Collection[int], as_of: date, now: datetime) -> None:
    """Money that had gone to these invoices has left them: a promise that it had kept runs on, or is judged anew, and a
    plan that it had ended runs on.
    """
    resume(invoices=invoices, as_of=as_of, now=now)
    judged = Promise.objects.select_for_update(of=("self",)).filter(
        state__in=[PromiseState.KEPT, PromiseState.PARTLY], invoices__overlap=list(invoices)
    )
    rows = list(judged.prefetch_related("customer__creditor", "taken_by").order_by("id"))
    paid = _paid_since(rows)
    for row in rows:
        amount, settled = paid[row.pk]
        if settled or amount >= (row.amount_minor if row.state == PromiseState.KEPT else row.kept_minor):
            continue
        running = Promise.objects.filter(customer=row.customer, state=PromiseState.OPEN, invoices__overlap=row.invoices)
        if as_of < _held_until(row) and not running.exists():
            _run_on(row, as_of=as_of, now=now)
        else:
            state = PromiseState.PARTLY if amount > 0 else PromiseState.BROKEN
            _judge(row, state=state, kept_minor=max(0, amount), as_of=as_of, now=now)


def _run_on(row: Promise, *, as_of: date, now: datetime) -> None:
    """A promise that had been kept waits for its money again."""
    row.state, row.judged_on, row.kept_minor = PromiseState.OPEN, None, 0
    row.save(update_fields=["state", "judged_on", "kept_minor"])
    _hold(row, as_of=as_of, now=now)
    _audit(row, "promise.runs_on", creditor_ref=row.customer.creditor_id, now=now)


def _hold(row: Promise, *, as_of: date, now: datetime) -> None:
    """No reminder for its invoices while a promise runs."""
    rows = list(Invoice.objects.filter(pk__in=row.invoices, open_minor__gt=0).order_by("due_on", "id"))
    hold.place_on(
        rows,
        kind=HoldKind.PROMISE,
        source_ref=f"promise:{row.pk}",
        customer=row.customer,
        since=as_of,
        until=_held_until(row),
        by=row.taken_by,
        now=now,
    )


def _held_until(row: Promise) -> date:
    return row.promised_for + timedelta(days=grace_days(row.customer.creditor))


def grace_days(creditor: Creditor) -> int:
    """Days after which a promise is judged; at least one, since its own day belongs to it."""
    return max(1, int(creditor.policy.get("promise_grace_days", GRACE_DAYS)))


def _judge(row: Promise, *, state: PromiseState, kept_minor: int, as_of: date, now: datetime) -> None:
    row.state, row.judged_on, row.kept_minor = state, as_of, kept_minor
    row.save(update_fields=["state", "judged_on", "kept_minor"])
    hold.lift(source_ref=f"promise:{row.pk}", on=as_of)
    _audit(row, f"promise.{state}", creditor_ref=row.customer.creditor_id, now=now)
    if state == PromiseState.KEPT:
        return
    missing = shown(row.amount_minor - kept_minor, row.currency)
    title = in_house(
        gettext_lazy("Promise of %(day)s not kept: %(missing)s missing"),
        day=f"{row.promised_for:%d/%m}",
        missing=missing,
    )
    ask(
        kind=TaskKind.CALL,
        key=f"promise:{row.pk}:not_kept",
        customer=row.customer,
        title=title,
        due_on=as_of,
        context={"promise": row.pk, "invoices": row.invoices},
        assignee=row.taken_by,
        currency=row.currency,
        now=now,
    )
    if row.taken_by is not None:
        notify(
            users=[row.taken_by],
            text=f"{row.customer}: {title}",
            key=f"promise:{row.pk}:not_kept",
            kind=NotificationKind.PROMISE,
            customer=row.customer,
            now=now,
        )


def give_way(*, customer: Customer, invoices: Sequence[int], as_of: date) -> None:
    """The promises that run on these invoices end: a newer promise, or a plan, takes their place."""
    for old in Promise.objects.filter(customer=customer, state=PromiseState.OPEN, invoices__overlap=list(invoices)):
        Promise.objects.filter(pk=old.pk).update(state=PromiseState.WITHDRAWN, judged_on=as_of)
        hold.lift(source_ref=f"promise:{old.pk}", on=as_of)


# What was allocated, and not taken back, to the invoices of a promise since it was given. Money known before does not
# count again; money that counts from a later day does, even when it is a backfill.
_PAID = """
SELECT p.id,
  (SELECT coalesce(sum(a.amount_minor), 0)::bigint FROM ledger_allocation a
   WHERE a.invoice_id = ANY(p.invoices) AND (a.known_at >= p.taken_at OR a.effective_on > w.taken_on)),
  NOT EXISTS (SELECT FROM ledger_invoice i WHERE i.id = ANY(p.invoices) AND i.open_minor > i.charged_minor)
FROM payments_promise p JOIN unnest(%s::bigint[], %s::date[]) w(id, taken_on) ON w.id = p.id
"""


def _paid_since(rows: list[Promise]) -> dict[int, tuple[int, bool]]:
    if not rows:
        return {}
    days = [local_day(row.customer.creditor, row.taken_at) for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_PAID, [[row.pk for row in rows], days])
        return {pk: (amount, settled) for pk, amount, settled in cursor.fetchall()}


def _audit(row: Promise, act: str, *, creditor_ref: int, now: datetime, by: User | None = None) -> None:
    audit.record(
        act,
        now=now,
        user=by,
        actor="" if by else "day" if act != "promise.taken" else row.origin,
        creditor_ref=creditor_ref,
        subject="customer",
        subject_ref=row.customer_id,
        promise=row.pk,
        amount_minor=row.amount_minor,
        kept_minor=row.kept_minor,
        promised_for=row.promised_for.isoformat(),
    )
