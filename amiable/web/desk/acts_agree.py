"""What a colleague agrees with a customer: a promise, a dispute, a payment that is said to be on its way."""

from datetime import date

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy

from amiable.casework import dispute, task
from amiable.casework.models import Task
from amiable.ledger import hold
from amiable.ledger.models import Customer
from amiable.payments.arrange import withdraw
from amiable.payments.models import Promise, PromiseState
from amiable.scenario.respond import customer_said
from amiable.scenario.sayings import AlreadyPaid, Disputes, Promises
from amiable.web.desk import forms
from amiable.web.desk.deed import Act, Done, Group, Undoing, with_open


def _promise(act: Done) -> None:
    saying = Promises(
        act.said["amount_minor"],
        act.said["currency"],
        act.said["promised_for"],
        [int(pk) for pk in act.said["invoices"]],
    )
    older = Promise.objects.filter(
        customer=act.customer, currency=act.said["currency"], state=PromiseState.OPEN
    ).exists()
    customer_said(customer=act.customer, saying=saying, now=act.now, by=act.by, origin="desk")
    taken = act.customer.promises.filter(taken_by=act.by, taken_at=act.now).latest("pk")
    act.made.append(taken)
    if not older:  # else an older one gave way to it, and would not come back by itself
        act.back["promise"] = taken.pk


def _promise_undone(undoing: Undoing) -> None:
    row = get_object_or_404(undoing.customer.promises, pk=undoing.words["promise"])
    withdraw(promise=row, as_of=undoing.as_of, now=undoing.now, by=undoing.by)


def _dispute(act: Done) -> None:
    saying = Disputes(int(act.said["invoice"]), act.said["reason"], act.said["words"], act.said["amount_minor"])
    customer_said(customer=act.customer, saying=saying, now=act.now, by=act.by, origin="desk")
    act.made.append(act.customer.disputes.get(invoice=saying.invoice, resolved_at=None))


def _resolve(act: Done) -> None:
    row = get_object_or_404(act.customer.disputes.filter(resolved_at=None), pk=act.ref)
    said = {name: act.said[name] for name in ("resolution", "answer")}
    dispute.resolve_dispute(dispute=row, **said, as_of=act.as_of, now=act.now, by=act.by)


def _paid(act: Done) -> None:
    said_before = _claims(act.customer, act.as_of).exists()
    saying = AlreadyPaid([int(pk) for pk in act.said["invoices"]], act.said["paid_on"], act.said["words"])
    customer_said(customer=act.customer, saying=saying, now=act.now, by=act.by, origin="desk")
    act.made.extend(act.customer.holds.filter(source_ref=f"claimed:{act.customer.pk}", created_at=act.now))
    if not said_before:
        act.back["day"] = act.as_of.isoformat()


def _paid_undone(undoing: Undoing) -> None:
    """The invoices are chased again, and nobody looks for the payment."""
    hold.lift(source_ref=f"claimed:{undoing.customer.pk}", on=undoing.as_of)
    for claim in _claims(undoing.customer, date.fromisoformat(undoing.words["day"])).filter(done_at=None):
        task.finish(task=claim, outcome="withdrawn", now=undoing.now, by=undoing.by)


def _claims(customer: Customer, day: date) -> QuerySet[Task]:
    return Task.objects.filter(customer=customer, key=f"claimed:{customer.pk}:{day}")


ACTS: dict[str, Act] = {
    "promise": Act(
        gettext_lazy("Promise to pay"),
        gettext_lazy("Keep the promise in mind"),
        gettext_lazy("The promise is noted; its invoices rest until then."),
        "talk",
        forms.PromiseForm,
        _promise,
        "heart-handshake",
        "p",
        gettext_lazy("Until that day the invoices are not chased. The day after, it is judged by what came in."),
        group=Group.AGREE,
        needs=with_open,
        undo=_promise_undone,
        near=True,
        short=gettext_lazy("Promise"),
    ),
    "paid": Act(
        gettext_lazy("Says it is paid"),
        gettext_lazy("Note it and check"),
        gettext_lazy("Noted: reminders rest for a week, and the payment is to be looked for."),
        "talk",
        forms.PaidForm,
        _paid,
        "cash",
        "b",
        group=Group.AGREE,
        needs=with_open,
        undo=_paid_undone,
    ),
    "dispute": Act(
        gettext_lazy("Open a dispute"),
        gettext_lazy("Open the dispute"),
        gettext_lazy("The dispute is open: this invoice is no longer chased, the others are."),
        "talk",
        forms.DisputeForm,
        _dispute,
        "scale",
        "d",
        gettext_lazy("Only this invoice leaves the reminders. Whoever is in charge of the customer gets a task."),
        group=Group.AGREE,
        needs=with_open,
        near=True,
        short=gettext_lazy("Dispute"),
    ),
    "resolve": Act(
        gettext_lazy("End the dispute"),
        gettext_lazy("End the dispute"),
        gettext_lazy("The dispute has ended."),
        "talk",
        forms.ResolveForm,
        _resolve,
        "check",
        explains=gettext_lazy(
            "The invoice returns to its place in the scenario. "
            "Where the customer is right, a credit note comes from the accounts."
        ),
    ),
}
