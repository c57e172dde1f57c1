"""What carriers tell later: each word counts once, a bounce for good closes the address, a complaint is a wish."""

from datetime import timedelta

import pytest

from amiable.casework.models import Task
from amiable.ledger.models import ContactPoint, Customer
from amiable.outreach.channel import Word
from amiable.outreach.models import Delivery, Event, EventKind, Message, OptOut
from amiable.outreach.receive import hear
from tests.outreach.rows import NOW, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db


@pytest.fixture
def message() -> Message:
    customer = a_customer(a_creditor())
    message = a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=9)])
    Delivery.objects.create(
        message=message, channel="email", external_id="<1@lumen.example>", started_at=NOW, ended_at=NOW
    )
    return message


def word(kind: str, *, of: str = "<1@lumen.example>", **more: object) -> Word:
    return Word(external_id=f"{kind}-1", message_external_id=of, kind=kind, at=NOW, **more)  # type: ignore[arg-type]


def test_a_word_told_ten_times_counts_once(message: Message) -> None:
    told = [hear(source="email", words=[word(EventKind.DELIVERED)], now=NOW) for _each in range(10)]
    assert [(each.new, each.replayed) for each in told] == [(1, 0)] + [(0, 1)] * 9
    assert Event.objects.get().message == message


def test_a_bounce_for_good_closes_the_address_and_asks_for_another(message: Message) -> None:
    bounce = word(EventKind.BOUNCED, permanent=True, reason="550 gone")
    hear(source="email", words=[bounce, bounce], now=NOW)
    point = ContactPoint.objects.get()
    assert point.failed_at == NOW
    assert point.failure == "550 gone"
    assert Task.objects.count() == 1


def test_a_bounce_that_may_pass_closes_nothing(message: Message) -> None:
    hear(source="email", words=[word(EventKind.BOUNCED, reason="452 full")], now=NOW)
    assert ContactPoint.objects.get().failed_at is None


def test_a_complaint_is_a_wish_not_to_be_written_to(message: Message) -> None:
    hear(source="email", words=[word(EventKind.COMPLAINED)], now=NOW)
    assert OptOut.objects.get().address == message.address


def test_a_word_about_nothing_of_ours_is_kept_and_changes_nothing(message: Message) -> None:
    strange = word(EventKind.BOUNCED, of="<strange@x>", permanent=True)
    told = hear(source="email", words=[strange], now=NOW + timedelta(1))
    assert (told.new, told.unknown) == (1, 1)
    assert Event.objects.get().message is None
    assert Customer.objects.get().opt_outs.count() == 0
    assert ContactPoint.objects.get().failed_at is None


def test_a_creditors_channel_speaks_of_its_own_messages_only(message: Message) -> None:
    other = a_creditor(key="other", name="Other")
    bounce = word(EventKind.BOUNCED, permanent=True)
    assert hear(source="mailgun:2", words=[bounce], now=NOW, creditor=other).unknown == 1
    assert ContactPoint.objects.get().failed_at is None
    assert hear(source="mailgun:1", words=[bounce], now=NOW, creditor=message.creditor).unknown == 0
    assert ContactPoint.objects.get().failed_at == NOW


def test_what_the_database_cannot_keep_is_left_out_of_the_raw_words(message: Message) -> None:
    hear(source="email", words=[word(EventKind.DELIVERED, raw={"said": "a\0b", "when": NOW})], now=NOW)
    assert Event.objects.get().raw["said"] == "ab"
