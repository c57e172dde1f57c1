"""What comes back: money in any order and any number of times, and what customers say."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import connections

from amiable.casework.models import Case, Dispute, Note, Task
from amiable.core.errors import UnableTo, Unavailable
from amiable.ledger import hold
from amiable.ledger.models import Contact, ContactPoint, Credit, Customer, Hold, Invoice
from amiable.outreach.models import Delivery, Event, Message, OptOut, Reply
from amiable.payments.attempt import abandon_stale, open_attempt
from amiable.payments.models import Attempt, Chain, Promise, ProviderEvent
from amiable.scenario import respond
from tests.payments.rows import NOW, TODAY, credit, creditor, customer, invoice, word

pytestmark = pytest.mark.django_db


def attempt_on(*invoices: Invoice, amount_minor: int | None = None) -> Attempt:
    return open_attempt(
        customer=invoices[0].customer,
        amount_minor=amount_minor or sum(row.open_minor for row in invoices),
        currency=invoices[0].currency,
        invoices=[row.pk for row in invoices],
        journey="portal",
        now=NOW,
    )


def case_of(row: Invoice) -> Case:
    return Case.objects.create(
        creditor=row.creditor, customer=row.customer, currency=row.currency, opened_on=TODAY - timedelta(days=5)
    )


def held(row: Invoice, day: date = TODAY) -> set[str]:
    return set(hold.active(as_of=day).filter(invoice=row).values_list("kind", flat=True))


def arrive(*words: object) -> respond.Arrival:
    return respond.payment_arrived(provider="dummy", words=words, now=NOW)  # type: ignore[arg-type]


def test_a_payment_settles_its_invoice_and_closes_the_case() -> None:
    anna = customer(creditor())
    first, second = invoice(anna, 10_000, date(2026, 2, 1)), invoice(anna, 5_000, date(2026, 5, 1))
    case = case_of(first)
    attempt = attempt_on(first)

    arrive(word(attempt, "started"))
    assert held(first) == {"payment"}
    assert held(second) == set()
    arrival = arrive(word(attempt, "succeeded"))

    first.refresh_from_db(), second.refresh_from_db(), attempt.refresh_from_db(), case.refresh_from_db()
    assert (first.open_minor, second.open_minor) == (0, 5_000)
    assert attempt.state == "succeeded"
    assert attempt.credit is not None
    assert attempt.credit.provisional
    assert attempt.credit.source == "psp:dummy"
    assert len(arrival.credits) == 1
    assert held(first) == set()
    assert (case.closed_on, case.closed_because) == (TODAY, "paid")
    assert Chain.objects.get().closed_at == NOW


def test_money_of_the_cash_authority_is_not_provisional() -> None:
    row = invoice(customer(creditor(cash_authority="psp")), 100)
    arrive(word(attempt_on(row), "succeeded"))
    assert not Credit.objects.get().provisional


def test_the_invoices_of_the_attempt_come_first_then_the_oldest_and_the_rest_stays_as_credit() -> None:
    anna = customer(creditor())
    oldest, middle, newest = (invoice(anna, 1_000, date(2026, month, 1)) for month in (1, 2, 3))
    attempt = attempt_on(newest)
    arrive(word(attempt, "succeeded", amount_minor=1_500))
    assert [Invoice.objects.get(pk=row.pk).open_minor for row in (oldest, middle, newest)] == [500, 1_000, 0]
    other = attempt_on(middle)
    arrive(word(other, "succeeded", amount_minor=9_000))
    assert [Invoice.objects.get(pk=row.pk).open_minor for row in (oldest, middle, newest)] == [0, 0, 0]
    assert Credit.objects.get(attempt=other).open_minor == 7_500


def test_the_tenth_telling_changes_nothing() -> None:
    row = invoice(customer(creditor()), 10_000)
    said = word(attempt_on(row, amount_minor=4_000), "succeeded")
    arrivals = [arrive(said) for _ in range(10)]
    assert [arrival.replayed for arrival in arrivals] == [0] + [1] * 9
    assert Credit.objects.count() == ProviderEvent.objects.count() == 1
    assert Invoice.objects.get().open_minor == 6_000


def test_one_payment_told_under_two_events_is_one_credit() -> None:
    attempt = attempt_on(invoice(customer(creditor()), 10_000))
    arrive(word(attempt, "succeeded"))
    arrive(word(attempt, "succeeded", external_id="evt_other"))
    assert Credit.objects.count() == 1


def test_two_payments_of_one_attempt_are_both_money() -> None:
    attempt = attempt_on(invoice(customer(creditor()), 10_000))
    arrive(word(attempt, "succeeded"), word(attempt, "succeeded", external_id="evt_2", payment="pay_2"))
    assert sorted(Credit.objects.values_list("open_minor", flat=True)) == [0, 10_000]


@pytest.mark.parametrize("order", list(itertools.permutations(["started", "input_error", "succeeded"])))
def test_words_in_any_order_end_alike(order: tuple[str, ...]) -> None:
    row = invoice(customer(creditor()), 10_000)
    attempt = attempt_on(row)
    for kind in order:
        arrive(word(attempt, kind))
    attempt.refresh_from_db(), row.refresh_from_db()
    assert (attempt.state, attempt.input_errors, row.open_minor) == ("succeeded", 1, 0)
    assert attempt.started_at == NOW
    assert held(row) == set()


@pytest.mark.parametrize("order", list(itertools.permutations(["started", "failed", "abandoned", "succeeded"])))
def test_money_beats_every_other_end(order: tuple[str, ...]) -> None:
    attempt = attempt_on(invoice(customer(creditor()), 10_000))
    for kind in order:
        arrive(word(attempt, kind))
    attempt.refresh_from_db()
    assert attempt.state == "succeeded"
    assert Credit.objects.count() == 1


def test_a_declined_card_is_told_and_lifts_the_hold_while_paying() -> None:
    row = invoice(customer(creditor()), 10_000)
    attempt = attempt_on(row)
    arrive(word(attempt, "started"))
    arrive(word(attempt, "failed", detail="insufficient_funds"))
    attempt.refresh_from_db()
    assert (attempt.state, attempt.decline_code) == ("failed", "insufficient_funds")
    assert held(row) == set()
    assert Chain.objects.get().closed_at is None


def test_tries_follow_one_another_in_one_chain_until_paid() -> None:
    row = invoice(customer(creditor()), 10_000)
    first = attempt_on(row)
    arrive(word(first, "failed"))
    second = attempt_on(row)
    assert second.chain_id == first.chain_id
    arrive(word(second, "succeeded"))
    other = attempt_on(invoice(row.customer, 500))
    assert other.chain_id != first.chain_id


def test_nobody_finished_in_time_and_yet_money_may_still_come() -> None:
    row = invoice(customer(creditor()), 10_000)
    attempt = attempt_on(row)
    arrive(word(attempt, "started"))
    assert abandon_stale(now=NOW + timedelta(minutes=29)) == 0
    assert abandon_stale(now=NOW + timedelta(minutes=31)) == 1
    assert held(row) == set()
    arrive(word(attempt, "succeeded"))
    attempt.refresh_from_db()
    assert attempt.state == "succeeded"


def test_a_word_about_nothing_of_ours_is_kept_and_does_nothing() -> None:
    attempt = Attempt(token="stranger", amount_minor=100, currency="EUR")
    arrival = arrive(word(attempt, "succeeded"))
    assert (arrival.unknown, Credit.objects.count()) == (1, 0)
    assert ProviderEvent.objects.get().attempt is None


def test_a_refund_opens_the_invoice_again() -> None:
    row = invoice(customer(creditor()), 10_000)
    attempt = attempt_on(row)
    with pytest.raises(Unavailable):
        arrive(word(attempt, "refunded", amount_minor=4_000))
    assert not ProviderEvent.objects.exists()
    arrive(word(attempt, "succeeded"))
    arrive(word(attempt, "refunded", amount_minor=4_000))
    row.refresh_from_db()
    assert row.open_minor == 4_000
    assert Credit.objects.get().open_minor == 0


def test_money_lifts_what_it_settles() -> None:
    anna = customer(creditor())
    row, other = invoice(anna, 10_000, date(2026, 2, 1)), invoice(anna, 700, date(2026, 2, 1))
    say(anna, respond.AlreadyPaid(invoices=[row.pk]))
    say(anna, respond.AlreadyPaid(invoices=[other.pk]))
    say(anna, respond.Disputes(invoice=row.pk, reason="amount"))
    say(anna, respond.Promises(amount_minor=10_000, currency="EUR", promised_for=date(2026, 3, 20), invoices=[row.pk]))
    assert held(row) == {"claimed", "dispute", "promise"}
    arrive(word(attempt_on(row), "succeeded"))
    assert held(row) == set()
    assert held(other) == {"claimed"}
    assert Promise.objects.get().state == "kept"
    assert Dispute.objects.get().resolution == "settled"


def say(anna: object, saying: respond.Saying, **more: object) -> None:
    respond.customer_said(customer=anna, saying=saying, now=NOW, origin="portal", **more)  # type: ignore[arg-type]


def test_says_it_is_paid() -> None:
    anna = customer(creditor())
    row, other = invoice(anna, 10_000), invoice(anna, 500)
    say(anna, respond.AlreadyPaid(invoices=[row.pk], words="virement du 3"))
    say(anna, respond.AlreadyPaid(invoices=[row.pk], words="virement du 3"))
    assert held(row) == {"claimed"}
    assert held(other) == set()
    assert held(row, TODAY + timedelta(days=6)) == {"claimed"}
    assert held(row, TODAY + timedelta(days=7)) == set()
    assert Hold.objects.count() == 1
    assert Task.objects.get().context["invoices"] == [row.pk]


def test_contests_a_part() -> None:
    anna = customer(creditor())
    row = invoice(anna, 10_000)
    say(anna, respond.Disputes(invoice=row.pk, reason="quality", words="Cassé", amount_minor=2_500))
    say(anna, respond.Disputes(invoice=row.pk, reason="quality", words="Cassé", amount_minor=3_000))
    assert Dispute.objects.get().disputed_minor == 3_000
    assert Hold.objects.get().amount_minor == 3_000
    assert Task.objects.filter(done_at=None).count() == 1


def test_nobody_speaks_for_another_customer() -> None:
    owner = creditor()
    anna, boris = customer(owner), customer(owner)
    row = invoice(boris, 10_000)
    for saying in (
        respond.AlreadyPaid(invoices=[row.pk]),
        respond.Disputes(invoice=row.pk, reason="amount"),
        respond.Promises(amount_minor=1, currency="EUR", promised_for=TODAY, invoices=[row.pk]),
    ):
        with pytest.raises(UnableTo):
            say(anna, saying)
    assert not Hold.objects.exists()


def test_opts_out_once() -> None:
    anna = customer(creditor())
    for _ in range(2):
        say(anna, respond.OptsOut(medium="email", address="anna@example.org"))
    assert OptOut.objects.get().address == "anna@example.org"


@pytest.mark.parametrize("outcome", ["promise", "paid", "call_back", "voicemail", "wrong_number"])
def test_a_call_ends_in_what_follows(outcome: str) -> None:
    anna = customer(creditor())
    row = invoice(anna, 10_000)
    call = Task.objects.create(
        creditor=anna.creditor,
        customer=anna,
        kind="call",
        key="call:1",
        title="Call",
        due_on=TODAY,
        context={"invoices": [row.pk]},
        created_at=NOW,
    )
    promised = respond.Promises(amount_minor=10_000, currency="EUR", promised_for=date(2026, 3, 20), invoices=[row.pk])
    saying = respond.CallOutcome(
        task_id=call.pk, outcome=outcome, words="Bien reçu", promise=promised if outcome == "promise" else None
    )
    say(anna, saying)
    call.refresh_from_db()
    assert (call.outcome, call.done_at) == (outcome, NOW)
    assert Note.objects.get().text == "Bien reçu"
    assert held(row) == {"promise": {"promise"}, "paid": {"claimed"}}.get(outcome, set())
    follows = {"paid": "check", "call_back": "call", "wrong_number": "check"}.get(outcome)
    assert list(Task.objects.filter(done_at=None).values_list("kind", flat=True)) == ([follows] if follows else [])
    with pytest.raises(UnableTo):
        say(anna, saying)


@pytest.mark.django_db(transaction=True)
def test_fifty_threads_with_the_same_event_are_one_credit() -> None:
    row = invoice(customer(creditor()), 10_000)
    attempt = attempt_on(row)
    words = [word(attempt, "started"), word(attempt, "input_error"), word(attempt, "succeeded")]

    def deliver(n: int) -> None:
        mixed = words.copy()
        random.Random(n).shuffle(mixed)
        try:
            arrive(*mixed) if n % 2 else [arrive(one) for one in mixed]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(deliver, range(50)))
    row.refresh_from_db(), attempt.refresh_from_db()
    assert (row.open_minor, attempt.state, attempt.input_errors) == (0, "succeeded", 1)
    assert (Credit.objects.count(), ProviderEvent.objects.count()) == (1, 3)


@pytest.mark.django_db(transaction=True)
def test_many_payments_of_one_customer_at_once_never_over_allocate() -> None:
    anna = customer(creditor())
    rows = [invoice(anna, 1_000, date(2026, 1, 1 + n)) for n in range(10)]
    attempts = [attempt_on(rows[n % 10], rows[(n + 3) % 10], amount_minor=700) for n in range(20)]

    def pay(attempt: Attempt) -> None:
        try:
            arrive(word(attempt, "succeeded"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(pay, attempts))
    assert sum(Invoice.objects.values_list("open_minor", flat=True)) == 0
    assert sum(Credit.objects.values_list("open_minor", flat=True)) == 20 * 700 - 10 * 1_000


def sent_to(anna: Customer) -> Message:
    message = Message.objects.create(
        key="m1",
        creditor=anna.creditor,
        customer=anna,
        currency="EUR",
        purpose="reminder_1",
        medium="email",
        language="fr",
        tone="warm",
        as_of=TODAY,
        created_at=NOW,
    )
    Delivery.objects.create(message=message, channel="email", external_id="<m1@rivage.example>", started_at=NOW)
    return message


def hear_reply(external_id: str = "<r1@example.org>", **more: object) -> Reply:
    fields: dict[str, object] = {"source": "mailbox", "sender": "anna@example.org", "text": "Bonjour", "at": NOW}
    return respond.reply_heard(external_id=external_id, now=NOW, **fields | more)  # type: ignore[arg-type]


def test_an_answer_is_kept_once_waits_for_a_person_and_keeps_reminders_away() -> None:
    anna = customer(creditor())
    message = sent_to(anna)
    for _ in range(2):
        reply = hear_reply(answers=["<m1@rivage.example>"])
    assert (reply.customer, reply.message, reply.creditor) == (anna, message, anna.creditor)
    assert Reply.objects.count() == Task.objects.filter(kind="reply").count() == 1
    assert Event.objects.get().kind == "replied"
    hold_row = Hold.objects.get()
    assert (hold_row.kind, hold_row.invoice, hold_row.until) == ("person", None, TODAY + timedelta(days=3))


def test_an_answer_finds_its_customer_by_an_address_that_only_one_has() -> None:
    owner = creditor()
    anna, boris = customer(owner), customer(owner)
    for who in (anna, boris):
        contact = Contact.objects.create(customer=who, created_at=NOW)
        ContactPoint.objects.create(contact=contact, medium="email", value="shared@example.org")
    point = ContactPoint.objects.create(contact=anna.contacts.get(), medium="email", value="Anna@example.org")
    assert hear_reply("1", sender=point.value.lower()).customer == anna
    assert hear_reply("2", sender="shared@example.org").customer is None
    assert hear_reply("3", sender="nobody@example.org").customer is None
    assert Task.objects.count() == 1


def test_credits_that_were_open_before_go_first_as_the_customer_was_shown() -> None:
    anna = customer(creditor())
    row = invoice(anna, 10_000, date(2026, 2, 1))
    note = credit(anna, 2_500, kind="credit_note")
    arrive(word(attempt_on(row, amount_minor=7_500), "succeeded"))
    row.refresh_from_db(), note.refresh_from_db()
    assert (row.open_minor, note.open_minor) == (0, 0)
    assert not Credit.objects.filter(open_minor__gt=0).exists()
