"""Messages leave once, over a real SMTP server: what is written down, what comes of it, and what never happens."""

import socket
import threading
from datetime import timedelta
from email.utils import getaddresses

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from amiable.casework.models import Task
from amiable.core.models import User
from amiable.ledger.models import ContactPoint, Creditor, Customer
from amiable.outreach import record
from amiable.outreach.models import Delivery, Message, MessageState
from amiable.outreach.order import order
from amiable.outreach.send import BACK_OFF, send
from tests.outreach.conftest import PostOffice
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customer() -> Customer:
    return a_customer(a_creditor())


@pytest.fixture
def message(customer: Customer) -> Message:
    return a_message(customer, "reminder_1", [an_invoice(customer, "F-2025-0143", 12_345, days_late=9)])


def state_of(message: Message) -> str:
    message.refresh_from_db()
    return message.state


def test_a_message_leaves_and_is_kept_as_it_was_read(message: Message, post_office: PostOffice) -> None:
    summary = send(as_of=TODAY, now=NOW)
    assert (summary.sent, summary.withheld, summary.failed, summary.in_doubt) == (1, 0, 0, 0)
    assert state_of(message) == MessageState.SENT
    [letter] = post_office.letters()
    delivery = message.deliveries.get()
    assert letter["Message-ID"] == delivery.external_id
    assert delivery.outcome == "accepted"
    assert delivery.ended_at
    assert getaddresses([letter["From"], letter["Reply-To"], letter["To"]]) == [
        ("Lumen Énergie", "facturation@lumen.example"),
        ("Lumen Énergie", "comptabilite@lumen.example"),
        ("Anna Martin", "anna@martin.example"),
    ]
    assert letter["Subject"] == message.subject == "Votre facture F-2025-0143\xa0: un oubli, sans doute"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Content-Language"] == "fr"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "/u/" in letter["List-Unsubscribe"]
    assert letter["Date"].datetime == NOW
    assert letter.get_body(("plain",)).get_content().splitlines() == message.text.splitlines()
    assert letter.get_body(("html",)).get_content().splitlines() == message.html.splitlines()


def test_sent_once_however_often_the_day_is_run(message: Message, post_office: PostOffice) -> None:
    for _again in range(3):
        send(as_of=TODAY, now=NOW)
    assert len(post_office.letters()) == 1


def test_a_statement_goes_along_as_pdf(customer: Customer, post_office: PostOffice) -> None:
    a_message(customer, "statement", [an_invoice(customer, "F-1", 12_345, days_late=9)])
    assert send(as_of=TODAY, now=NOW).sent == 1
    [letter] = post_office.letters()
    [document] = letter.iter_attachments()
    assert document.get_content_type() == "application/pdf"
    assert document.get_content().startswith(b"%PDF-")


def test_an_order_twice_is_one_message(customer: Customer) -> None:
    first = a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=9)])
    assert order([], now=NOW) == 0
    a_message(customer, "reminder_2", [], key=first.key)
    assert Message.objects.get().purpose == "reminder_1"


def test_dry_run_writes_down_what_would_have_left(message: Message, post_office: PostOffice) -> None:
    Creditor.objects.update(released_at=None)
    assert send(as_of=TODAY, now=NOW).withheld == 1
    assert state_of(message) == MessageState.WITHHELD
    assert "F-2025-0143" in message.text
    assert not post_office.letters()
    assert not Delivery.objects.exists()


def test_only_the_invoices_that_are_told_climb(customer: Customer, post_office: PostOffice) -> None:
    told, held, also, paid = (an_invoice(customer, f"F-{n}", 100, days_late=9) for n in range(4))
    message = a_message(customer, "reminder_1", [told, held], also=[paid, also], also_levels=[5, 7])
    from amiable.ledger import hold

    for invoice in (held, paid):
        hold.place(
            kind="dispute", source_ref=f"d:{invoice.pk}", customer=customer, invoice=invoice, since=TODAY, now=NOW
        )
    send(as_of=TODAY, now=NOW)
    message.refresh_from_db()
    assert (message.about, message.also, message.also_levels) == ([told.pk], [also.pk], [7])


def test_a_mailbox_that_does_not_exist_is_not_used_again(message: Message, post_office: PostOffice) -> None:
    post_office.handler.refused = frozenset({"anna@martin.example"})
    assert send(as_of=TODAY, now=NOW).failed == 1
    assert state_of(message) == MessageState.FAILED
    assert "550" in message.verdict
    assert ContactPoint.objects.get().failed_at == NOW or ContactPoint.objects.get().failed_at is not None
    assert Task.objects.get().key == f"address:{message.customer_id}:email"


def test_no_address_is_a_task_too(customer: Customer, post_office: PostOffice) -> None:
    ContactPoint.objects.all().delete()
    a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=9)])
    assert send(as_of=TODAY, now=NOW).withheld == 1
    assert Task.objects.get().kind == "other"


def test_a_busy_mailbox_is_tried_again_later_and_not_for_ever(message: Message, post_office: PostOffice) -> None:
    post_office.handler.busy = frozenset({"anna@martin.example"})
    assert send(as_of=TODAY, now=NOW).later == 1
    assert state_of(message) == MessageState.PLANNED
    assert send(as_of=TODAY, now=NOW + BACK_OFF / 2).later == 0  # too early
    later = NOW
    for _each in range(record.TRIES):  # one of these days is a Sunday, on which it waits
        later += timedelta(days=1)
        send(as_of=TODAY, now=later)
    assert state_of(message) == MessageState.FAILED
    assert message.deliveries.count() == record.TRIES
    assert Task.objects.get().key == f"unsent:{message.pk}"


def test_after_a_busy_time_it_leaves(message: Message, post_office: PostOffice) -> None:
    post_office.handler.busy = frozenset({"anna@martin.example"})
    send(as_of=TODAY, now=NOW)
    post_office.handler.busy = frozenset()
    assert send(as_of=TODAY, now=NOW + 2 * BACK_OFF).sent == 1
    assert [row.outcome for row in message.deliveries.order_by("try_number")] == ["unavailable", "accepted"]


def test_a_server_out_of_reach_costs_no_try(message: Message, post_office: PostOffice, settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.SMTP_PORT = free.getsockname()[1]
    assert send(as_of=TODAY, now=NOW).later == 1
    assert state_of(message) == MessageState.PLANNED
    assert not message.deliveries.exists()


def test_a_missing_setting_loses_nothing(message: Message, settings: Settings) -> None:
    settings.SMTP_HOST = ""
    assert send(as_of=TODAY, now=NOW).without_channel == 1
    assert state_of(message) == MessageState.PLANNED
    assert not message.deliveries.exists()


def deaf_server(hear: int) -> socket.socket:
    """Takes everything up to the final dot of the first message, then hangs up without a word (a server that died)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        peer, _address = listener.accept()
        with peer, peer.makefile("rwb") as line:
            line.write(b"220 here\r\n")
            line.flush()
            while word := line.readline():
                if word.upper().startswith(b"DATA"):
                    line.write(b"354 go on\r\n")
                    line.flush()
                    while line.readline() != b".\r\n":
                        pass
                    return
                line.write(b"250 fine\r\n")
                line.flush()

    threading.Thread(target=talk, daemon=True).start()
    return listener


def test_no_answer_after_the_words_is_in_doubt_and_never_sent_again(
    message: Message, post_office: PostOffice, settings: Settings
) -> None:
    good = settings.SMTP_PORT
    with deaf_server(1) as listener:
        settings.SMTP_PORT = listener.getsockname()[1]
        assert send(as_of=TODAY, now=NOW).in_doubt == 1
    settings.SMTP_PORT = good
    assert state_of(message) == MessageState.IN_DOUBT
    assert Task.objects.get().kind == "check"
    assert send(as_of=TODAY, now=NOW + timedelta(days=1)).sent == 0
    assert not post_office.letters()
    record.settle(message=message, left=False, now=NOW, by=User.objects.create_user("anna"))
    assert state_of(message) == MessageState.WITHHELD
    with pytest.raises(record.UnableToSettle):
        record.settle(message=message, left=True, now=NOW, by=User.objects.get())


def test_what_a_dead_sender_left_is_in_doubt(message: Message, post_office: PostOffice) -> None:
    Message.objects.update(state=MessageState.SENDING)
    Delivery.objects.create(message=message, channel="email", started_at=NOW - timedelta(minutes=1))
    assert send(as_of=TODAY, now=NOW).in_doubt == 1
    assert state_of(message) == MessageState.IN_DOUBT
    assert not post_office.letters()


def test_what_a_living_sender_holds_is_left_alone(message: Message, post_office: PostOffice) -> None:
    Message.objects.update(state=MessageState.SENDING)
    Delivery.objects.create(message=message, channel="email", started_at=NOW - timedelta(minutes=1))
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", [0x53454E44, message.creditor_id])
        try:
            assert send(as_of=TODAY, now=NOW).in_doubt == 0
        finally:
            cursor.execute("SELECT pg_advisory_unlock_shared(%s, %s)", [0x53454E44, message.creditor_id])
    other.close()
    assert state_of(message) == MessageState.SENDING


def test_a_message_waits_for_the_hours_of_contact_where_the_customer_lives(
    message: Message, post_office: PostOffice
) -> None:
    Customer.objects.update(country="FR", postcode="97400")  # Réunion: three hours later in winter
    evening = NOW.replace(hour=17, minute=20)
    assert send(as_of=TODAY, now=evening).later == 1
    message.refresh_from_db()
    assert (message.state, message.not_before) == (
        MessageState.PLANNED,
        NOW.replace(hour=3, minute=0) + timedelta(days=1),
    )
    assert send(as_of=TODAY, now=evening + timedelta(hours=1)).later == 0  # nobody looks at it again before
    assert send(as_of=TODAY, now=NOW + timedelta(days=1)).sent == 1
    assert len(post_office.letters()) == 1


def test_a_receipt_waits_for_no_hour(message: Message, post_office: PostOffice) -> None:
    Message.objects.update(capped=False)
    assert send(as_of=TODAY, now=NOW.replace(hour=23)).sent == 1


def test_two_messages_to_one_customer_know_of_each_other(customer: Customer, post_office: PostOffice) -> None:
    for key in ("one", "two"):
        a_message(customer, "reminder_1", [an_invoice(customer, f"F-{key}", 100, days_late=9)], key=key)
    summary = send(as_of=TODAY, now=NOW)
    assert (summary.sent, summary.withheld) == (1, 1)


def test_two_senders_at_once_never_send_one_message_twice(post_office: PostOffice) -> None:
    many(60)
    start = threading.Barrier(2)
    sent: list[int] = []

    def work() -> None:
        start.wait()
        try:
            sent.append(send(as_of=TODAY, now=NOW).sent)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _each in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    send(as_of=TODAY, now=NOW)  # what one skipped because the other held it
    letters = [letter["Message-ID"] for letter in post_office.letters()]
    assert len(letters) == len(set(letters)) == 60


def many(count: int) -> None:
    creditor = a_creditor()
    for number in range(count):
        customer = a_customer(creditor, f"C{number}", email=f"c{number}@example.org")
        a_message(customer, "reminder_1", [an_invoice(customer, f"F-{number}", 12_345, days_late=9)])
