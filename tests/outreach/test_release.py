"""Who lets words leave: everything stopped and taken up again, and a day's reminders let go by a person."""

from datetime import timedelta

import pytest

from amiable.core.models import AuditEntry, User
from amiable.ledger.models import Creditor, Customer
from amiable.outreach import release
from amiable.outreach.models import Message, MessageState, Release
from amiable.outreach.order import withdraw
from amiable.outreach.send import send
from tests.outreach.conftest import PostOffice
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def creditor() -> Creditor:
    return a_creditor()


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna")


def reminded(creditor: Creditor, number: str, purpose: str = "reminder_1", **more: object) -> Message:
    customer: Customer = a_customer(creditor, number, email=f"{number}@martin.example")
    return a_message(customer, purpose, [an_invoice(customer, f"F-{number}", 12_300, days_late=9)], **more)


def states() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("state", flat=True))


def test_nothing_leaves_while_everything_is_stopped(creditor: Creditor, anna: User, post_office: PostOffice) -> None:
    reminded(creditor, "1")
    other = a_creditor(key="other")
    reminded(other, "2")
    release.stop(creditor=creditor, why="Wrong file imported", now=NOW, by=anna)
    assert send(as_of=TODAY, now=NOW).sent == 1  # the other creditor's
    assert states() == [MessageState.PLANNED, MessageState.SENT]
    with pytest.raises(release.UnableToRelease):
        release.stop(creditor=creditor, why="", now=NOW, by=anna)
    release.resume(creditor=creditor, now=NOW, by=anna)
    assert send(as_of=TODAY, now=NOW).sent == 1
    with pytest.raises(release.UnableToRelease):
        release.resume(creditor=creditor, now=NOW, by=anna)
    acts = AuditEntry.objects.filter(creditor_ref=creditor.pk).order_by("id").values_list("act", flat=True)
    assert list(acts) == ["creditor.stopped", "creditor.resumed"]


def test_reminders_wait_for_a_person_and_answers_do_not(
    creditor: Creditor, anna: User, post_office: PostOffice
) -> None:
    release.choose(creditor=creditor, hand=True, now=NOW, by=anna)
    first, second, third = (reminded(creditor, number) for number in "123")
    reminded(creditor, "4", "receipt", context={"payment": {"amount": 100, "received_on": TODAY.isoformat()}})
    assert send(as_of=TODAY, now=NOW).sent == 1
    assert release.let_go(creditor=creditor, messages=[first.pk, 999], leave=True, now=NOW, by=anna) == 1
    assert release.let_go(creditor=creditor, messages=[second.pk], leave=False, now=NOW, by=anna) == 1
    assert send(as_of=TODAY, now=NOW).sent == 1
    assert states() == ["sent", "withheld", "waiting", "sent"]
    with pytest.raises(release.UnableToRelease):
        release.let_go(creditor=creditor, messages=[first.pk, second.pk], leave=True, now=NOW, by=anna)
    send(as_of=TODAY + timedelta(days=4), now=NOW + timedelta(days=4))
    third.refresh_from_db()
    assert (third.state, bool(third.verdict)) == (MessageState.WITHHELD, True)


def test_all_that_wait_now_are_released_and_nothing_that_comes_later(
    creditor: Creditor, anna: User, post_office: PostOffice
) -> None:
    release.choose(creditor=creditor, hand=True, now=NOW, by=anna)
    for number in "123":
        reminded(creditor, number)
    reminded(creditor, "4", "reminder_2")
    release.let_all_go(creditor=creditor, medium="", purpose="reminder_1", leave=True, now=NOW, by=anna)
    reminded(creditor, "5")
    assert send(as_of=TODAY, now=NOW).sent == 3
    assert states() == ["sent"] * 3 + ["waiting"] * 2
    assert Release.objects.get().done_at == NOW
    assert send(as_of=TODAY, now=NOW).sent == 0


def test_what_waits_is_withdrawn_with_its_campaign(creditor: Creditor, anna: User) -> None:
    release.choose(creditor=creditor, hand=True, now=NOW, by=anna)
    message = reminded(creditor, "1", campaign_ref=7)
    assert withdraw(campaign_ref=7) == 1
    message.refresh_from_db()
    assert message.state == MessageState.WITHHELD
