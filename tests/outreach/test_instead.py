"""What fails for good one way goes the next way of its step: once, as one contact, and never around a wish."""

from datetime import timedelta

import pytest

from amiable.casework.models import Task, TaskKind
from amiable.ledger.models import Contact, ContactPoint, Customer
from amiable.outreach.channel import Word
from amiable.outreach.gather import gather
from amiable.outreach.models import Delivery, EventKind, Message, MessageState, OptOut
from amiable.outreach.receive import hear
from amiable.outreach.send import send
from tests.outreach.conftest import PostOffice
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, a_message, an_invoice


@pytest.fixture
def customer() -> Customer:
    customer = a_customer(a_creditor(policy={"channels": {"sms": "console_sms", "letter": "letter"}}))
    ContactPoint.objects.create(contact=Contact.objects.get(), medium="sms", value="+33612345678")
    return customer


def reminded(customer: Customer, *fallback: str, **more: object) -> Message:
    invoice = an_invoice(customer, "F-1", 12_300, days_late=9)
    return a_message(customer, "reminder_1", [invoice], fallback=fallback, **more)


def bounced(message: Message, *, days: int = 1) -> None:
    Message.objects.filter(pk=message.pk).update(state=MessageState.SENT, sent_at=NOW)
    Delivery.objects.create(message=message, channel="x", external_id=f"<{message.pk}>", started_at=NOW, ended_at=NOW)
    word = Word(
        external_id=f"b{message.pk}", message_external_id=f"<{message.pk}>", kind=EventKind.BOUNCED, at=NOW,
        permanent=True,
    )  # fmt: skip
    hear(source="x", words=[word, word], now=NOW + timedelta(days=days))


@pytest.mark.django_db(transaction=True)
def test_a_mailbox_that_does_not_exist_is_answered_by_the_next_channel(
    customer: Customer, post_office: PostOffice
) -> None:
    message = reminded(customer, "letter", "sms")
    post_office.handler.refused = frozenset({"anna@martin.example"})
    ContactPoint.objects.filter(medium="letter").delete()
    Customer.objects.update(street="", city="")  # nowhere to write a letter to
    send(as_of=TODAY, now=NOW, carriers={"email": "email"})
    other = Message.objects.get(instead_of=message)
    assert (other.medium, other.address, other.state) == ("sms", "+33612345678", MessageState.PLANNED)
    assert (other.about, other.level, other.tone) == (message.about, message.level, message.tone)
    assert Task.objects.get().key == f"address:{customer.pk}:email"


@pytest.mark.django_db
def test_a_bounce_told_twice_orders_one_message_which_is_the_same_contact(customer: Customer) -> None:
    message = reminded(customer, "sms")
    bounced(message)
    other = Message.objects.get(instead_of=message)
    assert other.as_of == TODAY + timedelta(days=1)
    [facts] = gather([other], as_of=other.as_of, now=NOW + timedelta(days=1))
    assert (facts.days_since_contact, facts.contacts_7d) == (None, 0)
    later = a_message(customer, "reminder_2", [], key="later", as_of=other.as_of)
    Message.objects.filter(pk=other.pk).update(state=MessageState.SENT, sent_at=NOW)
    [facts] = gather([later], as_of=other.as_of, now=NOW + timedelta(days=1))
    assert (facts.days_since_contact, facts.contacts_7d) == (0, 1)


@pytest.mark.django_db
def test_after_the_last_channel_a_colleague_calls(customer: Customer) -> None:
    message = reminded(customer, "sms", "call")
    bounced(message)
    bounced(Message.objects.get(instead_of=message))
    assert Message.objects.count() == 2
    call = Task.objects.get(kind=TaskKind.CALL)
    assert call.context["invoices"] == message.about


@pytest.mark.django_db
def test_without_another_channel_or_against_a_wish_nothing_more_is_ordered(customer: Customer) -> None:
    bounced(reminded(customer))
    OptOut.objects.create(customer=customer, medium="sms", since=NOW, origin="reply")
    bounced(a_message(customer, "reminder_2", [], key="again", fallback=["sms"]))
    assert not Message.objects.filter(instead_of__isnull=False).exists()
