"""The last look: what was true when the message was decided may not be true when it leaves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from amiable.casework.models import Task
from amiable.ledger import hold, prefer
from amiable.ledger.models import Allocation, Consent, ContactPoint, Creditor, Customer, Invoice
from amiable.outreach.gather import Facts, gather
from amiable.outreach.guard import Verdict, look
from amiable.outreach.models import Message, MessageState, OptOut
from tests.outreach.rows import NOW, TODAY, a_credit, a_creditor, a_customer, a_message, an_invoice, day_after

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english(settings: Settings) -> None:
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def customer() -> Customer:
    return a_customer(a_creditor())


def last_look(message: Message, *, days: int = 0) -> tuple[Facts, Verdict]:
    facts = gather([message], as_of=day_after(days), now=NOW + timedelta(days=days))
    [verdict] = look(facts)
    return facts[0], verdict


def pay(invoice: Invoice, amount_minor: int) -> None:
    credit = a_credit(invoice.customer, amount_minor, kind="payment", reference=f"paid-{invoice.pk}-{amount_minor}")
    Allocation.objects.create(
        credit=credit, invoice=invoice, amount_minor=amount_minor, effective_on=TODAY, known_at=NOW, rule="named"
    )


def test_what_is_due_may_be_said(customer: Customer) -> None:
    facts, verdict = last_look(a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=4)]))
    assert verdict.leaves
    assert facts.to_pay_minor == 100


def test_a_paid_or_held_invoice_leaves_and_the_others_go_on(customer: Customer) -> None:
    paid, disputed, due = (an_invoice(customer, f"F-{n}", 1_000, days_late=9) for n in range(3))
    message = a_message(customer, "reminder_1", [paid, disputed], also=[due])
    pay(paid, 1_000)
    hold.place(kind="dispute", source_ref="dispute:1", customer=customer, invoice=disputed, since=TODAY, now=NOW)
    facts, verdict = last_look(message)
    assert not verdict.leaves
    assert "Nothing that it is about" in verdict.reason
    assert (facts.about, [line.id for line in facts.also]) == ([], [due.pk])


def test_a_part_payment_lowers_what_is_asked(customer: Customer) -> None:
    invoice = an_invoice(customer, "F-1", 1_000, days_late=9)
    message = a_message(customer, "reminder_1", [invoice])
    pay(invoice, 400)
    assert last_look(message)[0].to_pay_minor == 600


def paid_whole(customer: Customer, invoice: Invoice) -> None:
    pay(invoice, invoice.amount_minor)


def credit_note(customer: Customer, invoice: Invoice) -> None:
    a_credit(customer, invoice.amount_minor)


def customer_held(customer: Customer, invoice: Invoice) -> None:
    hold.place(kind="insolvency", source_ref="desk:1", customer=customer, since=TODAY, now=NOW)


def invoice_held(customer: Customer, invoice: Invoice) -> None:
    hold.place(kind="promise", source_ref="promise:1", customer=customer, invoice=invoice, since=TODAY, now=NOW)


def opted_out(customer: Customer, invoice: Invoice) -> None:
    OptOut.objects.create(
        customer=customer, medium="email", address="ANNA@martin.example", since=NOW, origin="one_click"
    )


def opted_out_of_all(customer: Customer, invoice: Invoice) -> None:
    OptOut.objects.create(customer=customer, medium="email", since=NOW, origin="portal")


def leave_refused(customer: Customer, invoice: Invoice) -> None:
    contact = customer.contacts.get()
    Consent.objects.create(contact=contact, medium="email", given=True, at=NOW - timedelta(days=2), origin="test")
    Consent.objects.create(contact=contact, medium="email", given=False, at=NOW - timedelta(days=1), origin="test")


def address_failed(customer: Customer, invoice: Invoice) -> None:
    ContactPoint.objects.update(failed_at=NOW)


def dry_run(customer: Customer, invoice: Invoice) -> None:
    Creditor.objects.update(released_at=None)


def contacted_yesterday(customer: Customer, invoice: Invoice) -> None:
    earlier = a_message(customer, "reminder_1", [invoice], key="earlier", as_of=day_after(-1))
    Message.objects.filter(pk=earlier.pk).update(state=MessageState.IN_DOUBT)


def spoken_to(customer: Customer, invoice: Invoice) -> None:
    Task.objects.create(
        creditor=customer.creditor, customer=customer, kind="call", key="call:1", title="Call", due_on=TODAY, created_at=NOW,
        done_at=NOW - timedelta(days=1), outcome="promise",
    )  # fmt: skip


def person_waits(customer: Customer, invoice: Invoice) -> None:
    Task.objects.create(
        creditor=customer.creditor,
        customer=customer,
        kind="reply",
        key="reply:1",
        title="Answer",
        due_on=TODAY,
        created_at=NOW,
    )


WORD = {
    paid_whole: "Nothing that it is about", credit_note: "credit covers", customer_held: "Insolvency proceedings",
    invoice_held: "Nothing that it is about", opted_out: "does not wish", opted_out_of_all: "does not wish",
    leave_refused: "does not wish", address_failed: "no usable address", dry_run: "Dry run",
    contacted_yesterday: "too recent", spoken_to: "spoken to", person_waits: "waits for a person",
}  # fmt: skip


@pytest.mark.parametrize("happens", WORD, ids=lambda happens: happens.__name__)
def test_what_happened_since_keeps_it_back(customer: Customer, happens: Callable[[Customer, Invoice], None]) -> None:
    invoice = an_invoice(customer, "F-1", 10_000, days_late=9)
    message = a_message(customer, "reminder_1", [invoice])
    assert last_look(message)[1].leaves
    happens(customer, invoice)
    verdict = last_look(message)[1]
    assert WORD[happens] in verdict.reason


def test_a_call_counts_on_the_day_of_the_creditor_and_one_that_nobody_made_does_not(customer: Customer) -> None:
    message = a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 10_000, days_late=9)])
    spoken_to(customer, Invoice.objects.get())
    for never in ("settled", "declined"):  # paid before anybody rang, or not wished
        Task.objects.update(outcome=never)
        assert last_look(message)[1].leaves
    Task.objects.update(outcome="promise", done_at=datetime(2025, 11, 21, 2, 0, tzinfo=UTC))
    assert last_look(message)[1].leaves  # tomorrow in Paris
    Creditor.objects.update(time_zone="America/New_York")
    assert "spoken to" in last_look(message)[1].reason  # this evening there


@pytest.mark.parametrize("happens", [customer_held, invoice_held, contacted_yesterday, paid_whole, person_waits])
def test_a_receipt_or_a_confirmed_promise_is_no_reminder(
    customer: Customer, happens: Callable[[Customer, Invoice], None]
) -> None:
    invoice = an_invoice(customer, "F-1", 10_000, days_late=9)
    message = a_message(customer, "promise_confirmed", [invoice])
    happens(customer, invoice)
    facts, verdict = last_look(message)
    assert verdict.leaves
    assert [line.id for line in facts.about] == [invoice.pk]


@pytest.mark.parametrize("happens", [opted_out, address_failed, dry_run])
def test_a_receipt_too_respects_wishes_and_dry_run(
    customer: Customer, happens: Callable[[Customer, Invoice], None]
) -> None:
    invoice = an_invoice(customer, "F-1", 10_000, days_late=9)
    message = a_message(customer, "receipt", [invoice])
    happens(customer, invoice)
    assert not last_look(message)[1].leaves


def test_a_failed_mailbox_gives_way_to_another_one_but_a_wish_does_not(customer: Customer) -> None:
    message = a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=4)])
    ContactPoint.objects.create(contact=customer.contacts.get(), medium="email", value="anna@work.example")
    opted = OptOut.objects.create(
        customer=customer, medium="email", address="anna@martin.example", since=NOW, origin="reply"
    )
    assert not last_look(message)[1].leaves
    opted.delete()
    ContactPoint.objects.filter(value="anna@martin.example").update(failed_at=NOW)
    facts, verdict = last_look(message)
    assert verdict.leaves
    assert facts.address is not None
    assert facts.address.value == "anna@work.example"


def test_a_courtesy_before_the_due_date_lapses_with_the_date(customer: Customer) -> None:
    message = a_message(customer, "courtesy_notice", [an_invoice(customer, "F-2", 100, days_late=-1)])
    assert last_look(message)[1].leaves
    assert not last_look(message, days=2)[1].leaves


def test_a_courtesy_waits_for_the_gap_like_any_other_contact(customer: Customer) -> None:
    contacted_yesterday(customer, an_invoice(customer, "F-1", 100, days_late=9))
    message = a_message(customer, "courtesy_notice", [an_invoice(customer, "F-2", 100, days_late=-1)])
    assert not last_look(message)[1].leaves


def test_a_reminder_is_not_sent_before_its_time_nor_days_after(customer: Customer) -> None:
    early = a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=0)], key="early")
    assert not last_look(early)[1].leaves
    old = a_message(customer, "reminder_1", [an_invoice(customer, "F-2", 100, days_late=9)], key="old")
    assert not last_look(old, days=4)[1].leaves


def test_the_credit_of_another_currency_does_not_count(customer: Customer) -> None:
    invoice = an_invoice(customer, "F-1", 10_000, days_late=9, currency="CHF")
    a_credit(customer, 10_000)
    message = a_message(customer, "reminder_1", [invoice], currency="CHF")
    assert last_look(message)[0].to_pay_minor == 10_000


def test_another_creditors_invoice_never_enters(customer: Customer) -> None:
    stranger = a_customer(a_creditor(key="other", name="Other"), "X1")
    message = a_message(customer, "reminder_1", [an_invoice(stranger, "F-9", 100, days_late=9)])
    assert last_look(message)[0].about == []


PARIS_MORNING = NOW  # a Thursday, half past ten in Paris


def wishes(customer: Customer, **said: object) -> None:
    contact = customer.contacts.get()
    prefer.prefer(contact=contact, wishes=prefer.Wishes(**said), now=NOW - timedelta(days=1), origin="portal")  # type: ignore[arg-type]


def test_a_message_waits_for_the_hours_that_the_person_wishes(customer: Customer) -> None:
    wishes(customer, hours={"weekdays": "14:00-18:00"})
    _facts, verdict = last_look(a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=4)]))
    assert verdict.not_before == PARIS_MORNING.replace(hour=13, minute=0)  # two in the afternoon there


def test_a_wish_opens_no_hour_that_the_law_keeps_shut(customer: Customer) -> None:
    wishes(customer, hours={"weekdays": "05:00-07:30 22:00-23:30"})
    _facts, verdict = last_look(a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=4)]))
    assert verdict.not_before == (PARIS_MORNING + timedelta(days=1)).replace(
        hour=6, minute=0
    )  # seven there, the next day


def test_once_a_week_is_kept_to(customer: Customer) -> None:
    due = an_invoice(customer, "F-1", 1_000, days_late=9)
    earlier = a_message(customer, "reminder_1", [due])
    Message.objects.filter(pk=earlier.pk).update(state=MessageState.SENT, as_of=day_after(-4))
    message = a_message(customer, "reminder_2", [due])
    assert last_look(message)[1].leaves
    wishes(customer, per_week=1)
    _facts, verdict = last_look(message)
    assert "seven days" in verdict.reason


def test_a_wish_said_later_does_not_count_for_an_earlier_moment(customer: Customer) -> None:
    wishes(customer, hours={"weekdays": "14:00-18:00"})
    message = a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=4)])
    [before] = gather([message], as_of=TODAY, now=NOW - timedelta(days=2))
    assert before.wishes == prefer.NONE
