"""What follows from each thing a customer says: holds, disputes, promises, tasks, opt-outs, notes.

In: a saying, inside the one transaction of `respond.customer_said`. Never: an act about somebody else's invoice.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from functools import singledispatch
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework import note, survey, task
from amiable.casework.dispute import open_dispute
from amiable.casework.models import SurveyAsk, Task, TaskKind
from amiable.core import audit
from amiable.core.calendar import next_business_day
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold, prefer
from amiable.ledger.models import Consent, Contact, ContactPoint, Credit, Customer, HoldKind, Invoice, Medium
from amiable.outreach.address import closable
from amiable.outreach.models import OptOut
from amiable.payments.arrange import promise
from amiable.payments.models import Mandate, Plan
from amiable.payments.plans.agree import agree
from amiable.payments.plans.limits import LEVELS
from amiable.payments.plans.offer import offer
from amiable.scenario.sayings import (
    OUTCOMES,
    AcceptsPlan,
    AlreadyPaid,
    BuildsPlan,
    CallOutcome,
    Disputes,
    OptsIn,
    OptsOut,
    Prefers,
    Promises,
    Rates,
    WantsPerson,
)

CLAIMED_DAYS = 7  # how long "I have paid" keeps reminders away; the creditor's policy may say claimed_hold_days


class UnableToRespond(UnableTo):
    """What was said is not about something open of this customer."""


@singledispatch
def hear(saying: object, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str) -> None:
    raise UnableToRespond(f"Nobody knows what to do with {type(saying).__name__}.")


@hear.register
def _already_paid(
    saying: AlreadyPaid, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str
) -> None:
    rows = _open_invoices(customer, saying.invoices)
    days = int(customer.creditor.policy.get("claimed_hold_days", CLAIMED_DAYS))
    hold.place_on(
        rows,
        kind=HoldKind.CLAIMED,
        source_ref=f"claimed:{customer.pk}",
        customer=customer,
        since=as_of,
        until=as_of + timedelta(days=days),
        reason=saying.words[:200],
        by=by,
        now=now,
    )
    references = ", ".join(row.reference for row in rows[:3]) + ("…" if len(rows) > 3 else "")
    task.ask(
        kind=TaskKind.CHECK,
        key=f"claimed:{customer.pk}:{as_of}",
        customer=customer,
        title=in_house(gettext_lazy("Says it is paid: %(invoices)s"), invoices=references),
        due_on=next_business_day(as_of, customer.creditor.country),
        context={
            "invoices": [row.pk for row in rows],
            "paid_on": saying.paid_on.isoformat() if saying.paid_on else None,
            "words": saying.words,
        },
        now=now,
    )
    record("payment.claimed", customer, now, by, origin, invoices=[row.pk for row in rows])


@hear.register
def _disputes(
    saying: Disputes, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str
) -> None:
    (invoice,) = _open_invoices(customer, [saying.invoice])
    open_dispute(
        invoice=invoice,
        reason=saying.reason,
        words=saying.words,
        amount_minor=saying.amount_minor,
        as_of=as_of,
        now=now,
        by=by,
    )


@hear.register
def _promises(
    saying: Promises, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str
) -> None:
    promise(
        customer=customer,
        amount_minor=saying.amount_minor,
        currency=saying.currency,
        promised_for=saying.promised_for,
        invoices=saying.invoices,
        origin=origin,
        as_of=as_of,
        now=now,
        by=by,
    )


@hear.register
def _builds_plan(
    saying: BuildsPlan, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str
) -> None:
    """Within what the customer may agree to alone the plan runs from now on; beyond it waits for a person, accepted."""
    plan = offer(
        customer=customer, currency=saying.currency, invoices=saying.invoices, terms=saying.terms, level=LEVELS[0],
        origin=origin, reason=saying.reason, words=saying.words, capacity=saying.capacity, as_of=as_of, now=now, by=by,
    )  # fmt: skip
    _accept(plan, saying, customer=customer, as_of=as_of, now=now, by=by, origin=origin)


@hear.register
def _accepts_plan(
    saying: AcceptsPlan, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str
) -> None:
    plan = Plan.objects.filter(pk=saying.plan, customer=customer).first()
    if plan is None:
        raise UnableToRespond(_("This offer does not stand any more."))
    _accept(plan, saying, customer=customer, as_of=as_of, now=now, by=by, origin=origin)


def _accept(plan: Plan, saying: BuildsPlan | AcceptsPlan, *, customer: Customer, **how: Any) -> None:
    mandate = Mandate.objects.filter(pk=saying.mandate or 0, customer=customer).first()
    if saying.mandate and mandate is None:
        raise UnableToRespond(_("This saved way to pay cannot be used any more."))
    agree(plan=plan, name=saying.name, ip=saying.ip, mandate=mandate, **how)


@hear.register
def _wants_person(
    saying: WantsPerson, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str
) -> None:
    """Somebody rings; until then nobody reminds."""
    tomorrow = next_business_day(as_of + timedelta(days=1), customer.creditor.country)
    hold.place(
        kind=HoldKind.PERSON, source_ref=f"talk:{customer.pk}:{as_of}", customer=customer, since=as_of,
        until=tomorrow + timedelta(days=2), reason=in_house(gettext_lazy("Asked to be called.")), by=by, now=now,
    )  # fmt: skip
    task.ask(
        kind=TaskKind.CALL,
        key=f"talk:{customer.pk}:{as_of}",
        customer=customer,
        title=in_house(gettext_lazy("Asks to be called")),
        due_on=tomorrow,
        context={"words": saying.words[:500]},
        now=now,
    )
    record("person.wanted", customer, now, by, origin)


@hear.register
def _opts_out(saying: OptsOut, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str) -> None:
    if saying.medium not in Medium.values:
        raise UnableToRespond(f"There is no medium called {saying.medium!r}.")
    _row, new = OptOut.objects.get_or_create(
        customer=customer,
        medium=saying.medium,
        address=saying.address,
        until=None,
        defaults={"since": now, "origin": origin},
    )
    if new:
        record("contact.opted_out", customer, now, by, origin, medium=saying.medium, address=saying.address)


@hear.register
def _opts_in(saying: OptsIn, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str) -> None:
    """Ends the wish for this address. One for the whole medium ends too, and stays for each other address."""
    open_now = OptOut.objects.select_for_update().filter(customer=customer, medium=saying.medium, until=None)
    ended = list(open_now.filter(address__in=["", saying.address]))
    if any(not row.address for row in ended):
        others = ContactPoint.objects.filter(contact__customer=customer, medium=saying.medium)
        for address in set(others.exclude(value=saying.address).values_list("value", flat=True)):
            OptOut.objects.get_or_create(
                customer=customer, medium=saying.medium, address=address, until=None,
                defaults={"since": now, "origin": origin},
            )  # fmt: skip
    for row in ended:
        row.until = now
        row.save(update_fields=["until"])
    agreed = _consents(customer, saying, now=now, origin=origin)
    if ended or agreed:
        record("contact.opted_in", customer, now, by, origin, medium=saying.medium, address=saying.address)


def _consents(customer: Customer, saying: OptsIn, *, now: datetime, origin: str) -> bool:
    """A refusal that was noted as a word on consent is followed by the newer word."""
    whose = Contact.objects.filter(customer=customer, points__medium=saying.medium, points__value=saying.address)
    given = []
    for contact in whose.distinct():
        newest = contact.consents.filter(medium=saying.medium).order_by("-at", "-id").first()
        if newest is not None and not newest.given:
            given.append(Consent(contact=contact, medium=saying.medium, given=True, at=now, origin=origin))
    Consent.objects.bulk_create(given)
    return bool(given)


@hear.register
def _prefers(saying: Prefers, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str) -> None:
    """Wishes and language count from the next message on; a medium ticked off is closed, one ticked again is open."""
    contact = Contact.objects.select_for_update().filter(pk=saying.contact, customer=customer).first()
    if contact is None:
        raise UnableToRespond(_("This person is not among the customer’s contacts any more."))
    before = (contact.language, prefer.preferred([contact.pk], now=now).get(contact.pk, prefer.NONE))
    changed = prefer.prefer(contact=contact, wishes=saying.wishes, now=now, origin=origin, by=by)
    if saying.language and saying.language != contact.language:
        changed, contact.language = True, saying.language
        contact.save(update_fields=["language"])
    if changed:
        record(
            "contact.preferred", customer, now, by, origin, contact=contact.pk, language=contact.language,
            before={"language": before[0], **asdict(before[1])}, wishes=asdict(saying.wishes),
        )  # fmt: skip
    for medium, (_address, is_open) in closable(customer, contact_id=contact.pk, now=now).items():
        if is_open != (medium in saying.open):
            turn = OptsOut if is_open else OptsIn
            for value in contact.points.filter(medium=medium).order_by("value").values_list("value", flat=True):
                hear(turn(medium, value), customer=customer, as_of=as_of, now=now, by=by, origin=origin)


@hear.register
def _rates(saying: Rates, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str) -> None:
    theirs = Q(customer=customer) | Q(customer__merged_into=customer)
    ask = SurveyAsk.objects.filter(theirs, pk=saying.ask).first() if saying.ask else _offered(saying, customer, now)
    if ask is None:
        raise UnableToRespond(_("This question is not asked any more."))
    answer = survey.rate(ask=ask, score=saying.score, recommend=saying.recommend, words=saying.words, now=now)
    record("survey.answered", customer, now, by, origin, survey=ask.pk, score=answer.score, recommend=answer.recommend)


def _offered(saying: Rates, customer: Customer, now: datetime) -> SurveyAsk | None:
    """The ask of who answers on a page; about what is not theirs, it is about the visit."""
    what, _colon, ref = saying.about.partition(":")
    rows: dict[str, Any] = {"payment": Credit, "plan": Plan}
    mine = rows[what].objects.filter(customer=customer) if what in rows else Credit.objects.none()
    number = int(ref) if ref.isdecimal() and len(ref) < 18 else None
    found = (mine.filter(pk=number) if number else mine.order_by("-pk")).first()
    after, subject = (what, f"{found._meta.model_name}:{found.pk}") if found else ("visit", f"visit:{customer.pk}")
    if saying.score is None:
        return None
    return survey.offer(customer=customer, after=after, subject_ref=subject, now=now, address=saying.address)


@hear.register
def _call_outcome(
    saying: CallOutcome, *, customer: Customer, as_of: date, now: datetime, by: User | None, origin: str
) -> None:
    if saying.outcome not in OUTCOMES:
        raise UnableToRespond(f"A call does not end with {saying.outcome!r}.")
    call = Task.objects.filter(pk=saying.task_id, customer=customer).first()
    if call is None:
        raise UnableToRespond(f"There is no task {saying.task_id} about this customer.")
    task.finish(task=call, outcome=saying.outcome, now=now, by=by)
    note.write(customer=customer, text=saying.words, now=now, by=by)
    hears: dict[str, Any] = {"customer": customer, "as_of": as_of, "now": now, "by": by, "origin": origin}
    if saying.promise is not None:
        hear(saying.promise, **hears)
    if saying.dispute is not None:
        hear(saying.dispute, **hears)
    if saying.outcome == "paid":
        # What the call was about, as far as it is still open: money may have come while the telephone rang.
        about = Invoice.objects.filter(customer=customer, id__in=call.context.get("invoices", ()), open_minor__gt=0)
        if about or not call.context.get("invoices"):
            hear(AlreadyPaid(invoices=[row.pk for row in about], words=saying.words), **hears)
    if saying.outcome in {"call_back", "wrong_number"}:
        _follow_up(call, saying, as_of=as_of, now=now, by=by)


def _follow_up(call: Task, saying: CallOutcome, *, as_of: date, now: datetime, by: User | None) -> None:
    """Another call on the day agreed, or a better number to be found."""
    country = call.customer.creditor.country
    tomorrow = next_business_day(as_of + timedelta(days=1), country)
    again = saying.outcome == "call_back"
    task.ask(
        kind=TaskKind.CALL if again else TaskKind.CHECK,
        key=f"{call.key}:{saying.outcome}:{as_of}"[-120:],
        customer=call.customer,
        title=in_house(gettext_lazy("Call back")) if again else in_house(gettext_lazy("Find the right phone number")),
        due_on=(saying.call_back_on or tomorrow) if again else as_of,
        context=call.context,
        assignee=call.assignee or by,
        not_before=saying.call_back_at if again else None,
        now=now,
    )


def _open_invoices(customer: Customer, invoices: Sequence[int]) -> list[Invoice]:
    """The open invoices named (all where none are), each checked to be this customer's."""
    rows = Invoice.objects.filter(customer=customer, open_minor__gt=0)
    if invoices:
        rows = rows.filter(id__in=set(invoices))
    found = list(rows.order_by("due_on", "id"))
    if not found or len(found) < len(set(invoices)):
        raise UnableToRespond(_("One of these invoices is no longer open. Please look at the amounts again."))
    return found


def record(act: str, customer: Customer, now: datetime, by: User | None, origin: str, **detail: object) -> None:
    audit.record(
        act,
        now=now,
        user=by,
        actor=origin,
        creditor_ref=customer.creditor_id,
        subject="customer",
        subject_ref=customer.pk,
        **detail,
    )
