"""Accounts of one person are told in one e-mail: once, with each account's own figures, and only where nothing forbids it."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client

from amiable.ledger.hold import active
from amiable.ledger.models import ContactPoint, Creditor, Customer, Hold
from amiable.outreach.channel import Word
from amiable.outreach.models import Delivery, EventKind, Message, MessageState, OptOut
from amiable.outreach.receive import hear
from amiable.outreach.send import send
from amiable.scenario.react import undo
from amiable.scenario.respond import reply_heard
from amiable.web.ui import clock
from tests.outreach.conftest import PostOffice
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db(transaction=True)
SHARED = "compta@groupe.example"


@pytest.fixture
def creditor() -> Creditor:
    return a_creditor()


def reminded(
    creditor: Creditor, number: str, purpose: str = "reminder_1", *, email: str = SHARED, **more: object
) -> Message:
    customer: Customer = a_customer(creditor, number, email=email, kind="business", name=f"Société {number}")
    return a_message(customer, purpose, [an_invoice(customer, f"F-{number}", 12_300, days_late=9)], **more)


def test_three_accounts_of_one_address_are_one_email(creditor: Creditor, post_office: PostOffice) -> None:
    first, second, third = (
        reminded(creditor, "A"),
        reminded(creditor, "B", "reminder_2", level=30),
        reminded(creditor, "C"),
    )
    alone = reminded(creditor, "D", email="other@elsewhere.example")
    assert send(as_of=TODAY, now=NOW).sent == 4
    letters = {letter["To"].addresses[0].addr_spec: letter for letter in post_office.letters()}
    assert len(letters) == len(post_office.letters()) == 2
    words = letters[SHARED].get_body(("plain",)).get_content()
    for number in "ABC":
        assert f"Société {number}" in words
        assert f"F-{number}" in words
    assert words.count("123,00") >= 3
    assert "3 comptes" in letters[SHARED]["Subject"]
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.SENT}
    assert Delivery.objects.count() == 2
    second.refresh_from_db()
    assert second.told_in is None  # the highest step speaks for the others
    assert {each.pk for each in second.tells.all()} == {first.pk, third.pk}
    assert alone.pk not in {each.pk for each in second.tells.all()}
    assert Message.objects.get(pk=first.pk).text == Message.objects.get(pk=second.pk).text


def test_two_currencies_of_one_customer_are_one_email(creditor: Creditor, post_office: PostOffice) -> None:
    message = reminded(creditor, "A")
    customer = message.customer
    pounds = an_invoice(customer, "GB-1", 5_000, days_late=9, currency="GBP")
    a_message(customer, "reminder_1", [pounds], currency="GBP", key="pounds")
    assert send(as_of=TODAY, now=NOW).sent == 2
    [letter] = post_office.letters()
    assert "GB-1" in letter.get_body(("plain",)).get_content()


def test_a_formal_notice_and_what_other_colleagues_see_stand_alone(creditor: Creditor, post_office: PostOffice) -> None:
    from amiable.ledger.models import Branch

    reminded(creditor, "A")
    reminded(creditor, "B", "formal_notice", tone="firm", level=50)
    elsewhere = reminded(creditor, "C")
    Customer.objects.filter(pk=elsewhere.customer_id).update(
        branch=Branch.objects.create(creditor=creditor, code="N", name="Nord")
    )
    assert send(as_of=TODAY, now=NOW).sent == 3
    assert len(post_office.letters()) == 3


def test_what_becomes_of_the_email_becomes_of_all_it_told(creditor: Creditor, post_office: PostOffice) -> None:
    reminded(creditor, "A")
    reminded(creditor, "B")
    post_office.handler.busy = frozenset({SHARED})
    assert send(as_of=TODAY, now=NOW).later == 2
    assert set(Message.objects.values_list("state", "told_in")) == {(MessageState.PLANNED, None)}
    post_office.handler.busy = frozenset()
    post_office.handler.refused = frozenset({SHARED})
    assert send(as_of=TODAY, now=NOW + timedelta(hours=1)).failed == 2
    assert not ContactPoint.objects.filter(failed_at=None).exists()


def test_two_private_persons_at_one_address_are_told_apart(creditor: Creditor, post_office: PostOffice) -> None:
    for number in "AB":
        reminded(creditor, number)
    Customer.objects.update(kind="consumer")
    assert send(as_of=TODAY, now=NOW).sent == 2
    first, second = (letter.get_body(("plain",)).get_content() for letter in post_office.letters())
    assert ("F-A" in first) != ("F-A" in second)
    assert ("F-B" in first) != ("F-B" in second)


def test_one_click_closes_the_address_for_every_account_it_told(
    creditor: Creditor, post_office: PostOffice, client: Client
) -> None:
    reminded(creditor, "A")
    reminded(creditor, "B")
    send(as_of=TODAY, now=NOW)
    [letter] = post_office.letters()
    path = urlsplit(letter["List-Unsubscribe"].strip().strip("<>")).path
    with clock.told_by(lambda: NOW):
        assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert set(OptOut.objects.values_list("customer__number", "address")) == {("A", SHARED), ("B", SHARED)}


def test_an_answer_to_it_lets_every_account_rest_until_it_is_read(creditor: Creditor, post_office: PostOffice) -> None:
    reminded(creditor, "A")
    reminded(creditor, "B")
    send(as_of=TODAY, now=NOW)
    reply = reply_heard(
        source="imap:1", external_id="<r@x>", sender=SHARED, text="Bonjour, tout est réglé depuis mardi.", at=NOW,
        now=NOW, answers=[Delivery.objects.get().external_id], creditor=creditor.pk,
    )  # fmt: skip
    assert set(Hold.objects.values_list("customer__number", flat=True)) == {"A", "B"}
    undo(reply, as_of=TODAY, now=NOW)
    assert not active(as_of=TODAY + timedelta(days=1)).exists()


def test_a_complaint_about_it_is_a_wish_of_all(creditor: Creditor, post_office: PostOffice) -> None:
    reminded(creditor, "A")
    reminded(creditor, "B")
    send(as_of=TODAY, now=NOW)
    word = Word(
        external_id="c1", message_external_id=Delivery.objects.get().external_id, kind=EventKind.COMPLAINED, at=NOW
    )
    hear(source="email", words=[word], now=NOW)
    assert OptOut.objects.count() == 2
