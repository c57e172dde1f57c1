"""What a colleague does about a customer: each act is one POST, one call of the domain, one line in the audit trail.

The same filling-in (token) posted twice is one act. A refusal comes back as a sentence in the form.
"""

import secrets
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import connection, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from amiable.casework import dispute
from amiable.core import audit
from amiable.core.errors import AmiableError
from amiable.core.models import AuditEntry
from amiable.ledger import hold, post, waive
from amiable.ledger.choose import claims_costs
from amiable.ledger.models import Customer, EntryKind, HoldKind, Invoice, Medium
from amiable.outreach.models import Tone
from amiable.outreach.order import Order, order
from amiable.payments import acquire, refund
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Journey
from amiable.scenario import leave
from amiable.scenario.respond import customer_said
from amiable.scenario.sayings import AlreadyPaid, Disputes, Promises
from amiable.web.desk import chain_forms, forms, money_forms, pay_link, scope, standing_orders, wishes
from amiable.web.desk.deed import Act, Done
from amiable.web.desk.dialog import dialog
from amiable.web.ui import clock

# Holds that a colleague may lift by hand; the others end with the promise, dispute, plan or payment that wrote them.
LIFTABLE = {
    HoldKind.PERSON,
    HoldKind.PAUSE,
    HoldKind.OUT,
    HoldKind.CLAIMED,
    HoldKind.VANISHED,
    HoldKind.INSOLVENCY,
    HoldKind.MORATORIUM,
    HoldKind.VULNERABLE,
}


def _hold(act: Done) -> None:
    hold.place(
        kind=HoldKind.PERSON,
        source_ref=f"desk:{act.said['token']}",
        customer=act.customer,
        invoice=act.form.one(),
        since=act.as_of,
        until=act.said["until"],
        reason=act.said["reason"],
        by=act.by,
        now=act.now,
    )


def _lift(act: Done) -> None:
    row = get_object_or_404(act.customer.holds.filter(kind__in=LIFTABLE - {HoldKind.OUT}), pk=act.ref)
    hold.lift(source_ref=row.source_ref, on=act.as_of, invoice=row.invoice)


def _out(act: Done) -> None:
    leave.take_out(
        customer=act.customer,
        invoices=[act.form.open[int(pk)] for pk in act.said["invoices"]],
        action=act.said["action"],
        until=act.said["until"],
        key=act.said["token"],
        responsible=act.said["responsible"],
        as_of=act.as_of,
        now=act.now,
        by=act.by,
    )


def _back(act: Done) -> None:
    """The invoice returns, and with it the others of the same action where that is wished."""
    row = get_object_or_404(act.customer.holds.filter(kind=HoldKind.OUT), pk=act.ref)
    same = act.customer.holds.filter(kind=HoldKind.OUT, source_ref=row.source_ref)
    leave.give_back(holds=same if act.said["which"] == "all" else [row], as_of=act.as_of, now=act.now, by=act.by)


def _promise(act: Done) -> None:
    saying = Promises(
        act.said["amount_minor"],
        act.said["currency"],
        act.said["promised_for"],
        [int(pk) for pk in act.said["invoices"]],
    )
    customer_said(customer=act.customer, saying=saying, now=act.now, by=act.by, origin="desk")


def _dispute(act: Done) -> None:
    saying = Disputes(int(act.said["invoice"]), act.said["reason"], act.said["words"], act.said["amount_minor"])
    customer_said(customer=act.customer, saying=saying, now=act.now, by=act.by, origin="desk")


def _resolve(act: Done) -> None:
    row = get_object_or_404(act.customer.disputes.filter(resolved_at=None), pk=act.ref)
    said = {name: act.said[name] for name in ("resolution", "answer")}
    dispute.resolve_dispute(dispute=row, **said, as_of=act.as_of, now=act.now, by=act.by)


def _paid(act: Done) -> None:
    saying = AlreadyPaid([int(pk) for pk in act.said["invoices"]], act.said["paid_on"], act.said["words"])
    customer_said(customer=act.customer, saying=saying, now=act.now, by=act.by, origin="desk")


def _wishes(act: Done) -> None:
    assert isinstance(act.form, wishes.WishesForm)
    customer_said(customer=act.customer, saying=act.form.saying(), now=act.now, by=act.by, origin="desk")


def _statement(act: Done) -> None:
    wish = Order(
        key=f"desk:{act.said['token']}",
        creditor_id=act.customer.creditor_id,
        customer_id=act.customer.pk,
        currency=act.said["currency"],
        purpose="statement",
        medium=Medium.EMAIL,
        tone=Tone.NEUTRAL,
        as_of=act.as_of,
        about=[pk for pk, row in act.form.open.items() if row.currency == act.said["currency"]],
        capped=False,
    )
    order([wish], now=act.now)


def _take(act: Done) -> None:
    """Opens the payment; the card is asked for on the next page, in the provider's own fields."""
    tried = open_attempt(
        customer=act.customer,
        amount_minor=act.said["amount_minor"],
        currency=act.said["currency"],
        invoices=[int(pk) for pk in act.said["invoices"]],
        journey=Journey.AGENT,
        provider=acquire.in_use(act.customer.creditor),
        by=act.by,
        now=act.now,
    )
    act.leads_to.append(reverse("desk:phone", args=[tried.token]))


def _refund(act: Done) -> None:
    refund.ask_back(
        attempt=act.said["attempt"],
        amount_minor=act.said["amount_minor"],
        key=act.said["token"],
        now=act.now,
        by=act.by,
    )


def _waive(act: Done) -> None:
    waive.waive(
        customer=act.customer,
        invoice=act.form.one(),
        kind=act.said["kind"],
        since=act.as_of if act.said["reach"] == "from_now" else None,
        source_ref=f"desk:{act.said['token']}",
        reason=act.said["reason"],
        as_of=act.as_of,
        now=act.now,
        by=act.by,
    )


def _charge(act: Done) -> None:
    invoice = act.form.one()
    assert invoice is not None
    if not claims_costs(act.customer, as_of=act.as_of):
        raise post.UnableToPost(
            _("Costs are not claimed of these customers: the law or the creditor’s choice says so.")
        )
    post.charge(
        invoice=invoice, kind=EntryKind.FEE, amount_minor=act.said["amount_minor"], reason=act.said["reason"], as_of=act.as_of,
        now=act.now, by=act.by,
    )  # fmt: skip


def _write_off(act: Done) -> None:
    invoice = act.form.one()
    assert invoice is not None
    post.write_off(
        invoice=invoice,
        amount_minor=act.said["amount_minor"],
        reason=act.said["reason"],
        as_of=act.as_of,
        now=act.now,
        by=act.by,
    )


ACTS: dict[str, Act] = {
    "note": Act(
        gettext_lazy("Write a note"),
        gettext_lazy("Keep the note"),
        gettext_lazy("The note is kept."),
        "note",
        chain_forms.NoteForm,
        chain_forms.write,
        "notes",
        "n",
    ),
    "word": chain_forms.WORD,
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
        needs_open=True,
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
        needs_open=True,
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
        needs_open=True,
    ),
    "hold": Act(
        gettext_lazy("Place a hold"),
        gettext_lazy("Place the hold"),
        gettext_lazy("The hold is placed."),
        "hold",
        forms.HoldForm,
        _hold,
        "hand-stop",
        "h",
        gettext_lazy("Nothing is sent and no step is taken while the hold lasts."),
    ),
    "out": Act(
        gettext_lazy("Take out of the scenario"),
        gettext_lazy("Take them out"),
        gettext_lazy("The invoices have left the scenario; the task lies on the desk."),
        "hold",
        forms.OutForm,
        _out,
        "door-exit",
        "o",
        gettext_lazy(
            "No step is taken for these invoices until that day, while somebody acts. Then they go on where they stood; "
            "they can be returned at any time before."
        ),
        needs_open=True,
    ),
    "statement": Act(
        gettext_lazy("Send a statement"),
        gettext_lazy("Send the statement"),
        gettext_lazy("The statement of account will leave with the next sending."),
        "write",
        forms.StatementForm,
        _statement,
        "send",
        "s",
        gettext_lazy(
            "A statement of account by e-mail, with a link to see and pay everything. "
            "It is no reminder and is not counted as one."
        ),
        needs_open=True,
    ),
    "link": pay_link.ACT,
    "take": Act(
        gettext_lazy("Take a payment"),
        gettext_lazy("Go on to the card"),
        gettext_lazy("Ask for the card now, and type it into the provider's fields."),
        "take",
        money_forms.TakeForm,
        _take,
        "credit-card",
        "k",
        gettext_lazy(
            "For a customer on the phone. The card goes straight to the payment provider; nobody here sees it."
        ),
        needs_open=True,
        goes_on=True,
    ),
    "refund": Act(
        gettext_lazy("Give a payment back"),
        gettext_lazy("Give it back"),
        gettext_lazy(
            "The provider has been asked; the invoices open again as soon as it says that the money has left."
        ),
        "refund",
        money_forms.RefundForm,
        _refund,
        "arrow-back-up",
    ),
    "write_off": Act(
        gettext_lazy("Write off"),
        gettext_lazy("Write off for good"),
        gettext_lazy("Written off."),
        "write_off",
        forms.WriteOffForm,
        _write_off,
        "trash",
        needs_open=True,
    ),
    "waive": Act(
        gettext_lazy("Waive interest or indemnity"),
        gettext_lazy("Waive it"),
        gettext_lazy("Waived. What had been added is taken back by a new entry."),
        "write_off",
        forms.WaiveForm,
        _waive,
        "heart-handshake",
        explains=gettext_lazy("It is kept with your name and reason, and the customer is asked for it no more."),
        menu=False,
    ),
    "charge": Act(
        gettext_lazy("Add costs"),
        gettext_lazy("Add them"),
        gettext_lazy("The costs are added to what is owed."),
        "write_off",
        forms.ChargeForm,
        _charge,
        "receipt",
        explains=gettext_lazy("Only costs that you can prove: the invoice of a bailiff, of a bank, of a postage."),
        menu=False,
        needs_open=True,
    ),
    "lift": Act(
        gettext_lazy("Lift the hold"),
        gettext_lazy("Lift it"),
        gettext_lazy("The hold is lifted from today."),
        "hold",
        forms.LiftForm,
        _lift,
        "player-play",
        explains=gettext_lazy("From today on the steps of the scenario apply again."),
        menu=False,
    ),
    "back": Act(
        gettext_lazy("Return to the scenario"),
        gettext_lazy("Return it"),
        gettext_lazy("Back in the scenario from today."),
        "hold",
        forms.BackForm,
        _back,
        "arrow-back-up",
        explains=gettext_lazy("The invoice goes on where it stood: the step that was next is next."),
        menu=False,
    ),
    "standing_end": standing_orders.ACT,
    "wishes": Act(
        gettext_lazy("How to reach this person"),
        gettext_lazy("Keep these wishes"),
        gettext_lazy("Noted: it counts from the next message on."),
        "talk",
        wishes.WishesForm,
        _wishes,
        "clock",
        explains=gettext_lazy(
            "What the person wishes narrows what the scenario and the law allow; it never widens it."
        ),
        menu=False,
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
        menu=False,
    ),
}


@require_http_methods(["GET", "POST"])
@scope.inside
def act(request: scope.Asked, pk: int, name: str, ref: int = 0) -> HttpResponse:
    """The form of an act, and the act."""
    wanted = ACTS.get(name)
    if wanted is None:
        raise Http404
    customer = scope.customer_or_404(request.user, pk, act=wanted.right)
    form = _form(wanted, request, customer, ref)
    if request.method == "POST" and form.is_valid():
        done = Done(customer, request.user, clock.today(), clock.now(), form, ref)
        try:
            if once(name, done, lambda: wanted.do(done)):
                messages.success(request, str(wanted.done))
            return _on(request, done)
        except AmiableError as error:
            form.add_error(None, str(error))
    content = {"act": wanted, "form": form, "customer": customer, "name": name, "ref": ref}
    return dialog(request, "act", content)


def _on(request: scope.Asked, done: Done) -> HttpResponse:
    """Back to the customer; or on, as a page of its own with a policy of its own."""
    if not done.leads_to:
        return redirect("desk:customer", done.customer.pk)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": done.leads_to[0]})
    return redirect(done.leads_to[0])


def menu(
    rights: set[str], *, anything_open: bool, customer: Customer, paid: bool | None = None
) -> list[tuple[str, Act]]:
    """The acts that this user may do about this customer, in the order of the day's work. `paid`: whether a provider told a
    payment; looked up where it is not known.
    """
    missing = set() if anything_open else {name for name, each in ACTS.items() if each.needs_open}
    missing |= {name for name, each in ACTS.items() if each.right not in rights or not each.menu}
    if "take" not in missing and not _takes(customer):
        missing.add("take")
    if "refund" not in missing and not (money_forms.refundable(customer).exists() if paid is None else paid):
        missing.add("refund")
    return [(name, each) for name, each in ACTS.items() if name not in missing]


def _takes(customer: Customer) -> bool:
    acquirer = acquire.ready(customer.creditor)
    return acquirer is not None and acquirer.can("moto")


def going_on(rights: set[str], customer: Customer) -> list[tuple[str, Act]]:
    """The acts by which a colleague goes on with a try to pay that came to nothing."""
    return [(name, each) for name, each in menu(rights, anything_open=True, customer=customer) if each.goes_on]


def once(name: str, done: Done, do: Callable[[], Any]) -> bool:
    """Does it and writes it into the trail, both or neither; False where this very filling-in was done before."""
    token = done.said["token"]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"desk:{token}"])
        kept = AuditEntry.objects.filter(
            subject="customer", subject_ref=done.customer.pk, act=f"desk.{name}", detail__token=token
        )
        if kept.exists():
            return False
        do()
        audit.record(
            f"desk.{name}",
            now=done.now,
            user=done.by,
            creditor_ref=done.customer.creditor_id,
            subject="customer",
            subject_ref=done.customer.pk,
            token=token,
            ref=done.ref or None,
        )
    return True


def _form(wanted: Act, request: scope.Asked, customer: Customer, ref: int) -> forms.Act:
    invoices: list[Invoice] = list(customer.invoices.filter(open_minor__gt=0).order_by("due_on", "pk")[:500])
    given = request.POST if request.method == "POST" else None
    first = {"token": secrets.token_urlsafe(12)} | {
        key: value for key, value in request.GET.items() if key == "invoice"
    }
    files = request.FILES if request.method == "POST" else None
    return wanted.form(given, files, customer=customer, invoices=invoices, today=clock.today(), ref=ref, initial=first)
