"""What happened is told: once, soon, and only where the creditor tells such things."""

from datetime import datetime, timedelta

import pytest

from amiable.casework.dispute import open_dispute, resolve_dispute, settle_disputes
from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.outreach.models import Message, MessageState
from amiable.outreach.send import send
from amiable.payments.allocate import allocate
from amiable.payments.arrange import promise
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Attempt
from amiable.payments.plans.judge import judge_plans
from amiable.scenario import respond
from amiable.scenario.announce import LOOK_BACK, PATIENCE, announce
from tests import world
from tests.payments.plan_rows import FIRST, accept, offered, then
from tests.payments.rows import NOW, TODAY, credit, word

pytestmark = pytest.mark.django_db
SINK = {"email": "console", "sms": "console"}


@pytest.fixture
def anna() -> Customer:
    return world.customer(world.creditor(name="Ateliers Moreau", currency="EUR"), language="en", name="Anna Lefèvre")


def pay(row: Invoice, *kinds: str, amount_minor: int | None = None) -> Attempt:
    attempt = open_attempt(
        customer=row.customer, amount_minor=amount_minor or row.open_minor, currency="EUR", invoices=[row.pk],
        journey="portal", now=NOW,
    )  # fmt: skip
    for kind in kinds:
        respond.payment_arrived(provider="dummy", words=[word(attempt, kind)], now=NOW)
    return Attempt.objects.get(pk=attempt.pk)


def sent(now: datetime = NOW) -> Message:
    """The one message that was ordered, sent."""
    announce(now=now)
    send(as_of=TODAY, now=now, carriers=SINK)
    message = Message.objects.get()
    assert message.state == MessageState.SENT, message.verdict
    return message


def test_a_payment_by_link_is_thanked_for_once(anna: Customer) -> None:
    row = world.invoice(anna, 12_345, reference="F-1")
    pay(row, "succeeded")
    assert announce(now=NOW) == {"receipt": 1}
    assert announce(now=NOW + timedelta(hours=3)) == {}
    message = sent()
    assert (message.purpose, message.about, message.capped) == ("receipt", [row.pk], False)
    assert "€123.45" in message.subject
    assert "F-1" in message.text


def test_what_the_bank_tells_days_later_is_no_news_to_whoever_sent_it(anna: Customer) -> None:
    row = world.invoice(anna, 12_345)
    allocate(credit=credit(anna, 12_345), as_of=TODAY, now=NOW, invoices=[row.pk], rule="named")
    assert announce(now=NOW) == {}


def test_old_things_are_no_news(anna: Customer) -> None:
    pay(world.invoice(anna, 500), "succeeded")
    assert announce(now=NOW + LOOK_BACK) == {}


def test_a_try_that_failed_is_told_when_nobody_has_tried_again(anna: Customer) -> None:
    pay(world.invoice(anna, 9_900, reference="F-9"), "failed")
    assert announce(now=NOW) == {}, "who is still at it needs no message"
    message = sent(NOW + PATIENCE)
    assert message.purpose == "payment_failed"
    assert "€99.00" in message.subject
    assert "did not go through" in message.text


@pytest.mark.parametrize("then", [(), ("succeeded",), ("started",)])
def test_who_tried_again_is_not_told_of_the_first_try(anna: Customer, then: tuple[str, ...]) -> None:
    row = world.invoice(anna, 9_900)
    pay(row, "failed")
    pay(row, *then)
    assert "payment_failed" not in announce(now=NOW + PATIENCE)


def test_a_promise_is_confirmed_in_writing(anna: Customer) -> None:
    row = world.invoice(anna, 40_000)
    promise(
        customer=anna, amount_minor=25_000, currency="EUR", promised_for=TODAY + timedelta(days=5), invoices=[row.pk],
        origin="call", as_of=TODAY, now=NOW,
    )  # fmt: skip
    message = sent()
    assert message.purpose == "promise_confirmed"
    assert "€250.00" in message.subject


def test_a_dispute_is_confirmed_and_its_answer_told_with_our_words(anna: Customer) -> None:
    row = world.invoice(anna, 40_000, reference="F-7")
    dispute = open_dispute(invoice=row, reason="quality", as_of=TODAY, now=NOW)
    assert announce(now=NOW) == {"dispute_received": 1}
    nora = User.objects.create(username="nora")
    said = "The second delivery was complete, signed by you."
    resolve_dispute(dispute=dispute, resolution="refused", answer=said, as_of=TODAY, now=NOW, by=nora)
    assert announce(now=NOW) == {"dispute_answered": 1}
    send(as_of=TODAY, now=NOW, carriers=SINK)
    message = Message.objects.get(purpose="dispute_answered")
    assert "F-7" in message.subject
    assert said in message.text


def test_a_dispute_that_ended_because_the_invoice_was_paid_needs_no_answer(anna: Customer) -> None:
    row = world.invoice(anna, 40_000)
    open_dispute(invoice=row, reason="quality", as_of=TODAY, now=NOW - LOOK_BACK)
    allocate(credit=credit(anna, 40_000), as_of=TODAY, now=NOW, invoices=[row.pk])
    assert settle_disputes(invoices=[row.pk], as_of=TODAY, now=NOW) == 1
    assert announce(now=NOW) == {}


def test_the_creditor_chooses_what_is_told_and_others_see_none_of_it(anna: Customer) -> None:
    pay(world.invoice(anna, 500), "succeeded")
    assert announce(now=NOW, creditor=world.creditor()) == {}
    anna.creditor.policy = {"announce": {"receipt": False}}
    anna.creditor.save()
    assert announce(now=NOW) == {}
    anna.creditor.policy = {"announce": {"payment_failed": False}}
    anna.creditor.save()
    assert announce(now=NOW, creditor=anna.creditor) == {"receipt": 1}


def test_who_has_no_e_mail_gets_a_text_message(anna: Customer) -> None:
    Creditor.objects.update(policy={"channels": {"sms": "console_sms"}})
    boris = world.customer(anna.creditor, email="", phone="+33612345678", language="fr")
    boris.contacts.get().points.create(medium="sms", value="+33612345678")
    pay(world.invoice(boris, 500), "succeeded")
    announce(now=NOW)
    send(as_of=TODAY, now=NOW, carriers=SINK)
    assert list(Message.objects.order_by("id").values_list("medium", "state")) == [
        ("email", "withheld"),
        ("sms", "sent"),
    ]
    assert "5,00" in Message.objects.get(medium="sms").text


def told(now: datetime) -> list[str]:
    """The purposes of what is newly told at a moment, sent."""
    before = set(Message.objects.values_list("pk", flat=True))
    announce(now=now)
    send(as_of=now.date(), now=now, carriers=SINK)
    return sorted(Message.objects.exclude(pk__in=before).values_list("purpose", flat=True))


def test_a_plan_is_told_at_each_of_its_turns(anna: Customer) -> None:
    bill = world.invoice(anna, 60_000, due_on=TODAY - timedelta(days=20))
    nora = User.objects.create(username="nora")
    plan = offered(anna, [bill], by=nora)
    assert told(NOW) == ["plan_offered"]
    accept(plan)
    assert told(NOW) == ["plan_agreed"]
    soon, missed = FIRST - timedelta(days=2), FIRST + timedelta(days=9)
    assert told(then(soon)) == ["plan_due"]
    due = Message.objects.get(purpose="plan_due")
    assert "5\xa0April 2026" in due.subject
    assert "€200.00" in due.text
    assert told(then(soon)) == []
    judge_plans(as_of=missed, now=then(missed))
    assert told(then(missed)) == ["plan_late"]
    late = Message.objects.get(purpose="plan_late")
    plan.refresh_from_db()
    assert (late.tone, late.context["answer_by"]) == ("warm", str(plan.answer_by))
    assert not {message.verdict for message in Message.objects.all()} - {""}


def test_who_builds_a_plan_on_the_portal_is_not_offered_it_by_mail(anna: Customer) -> None:
    plan = offered(anna, [world.invoice(anna, 60_000)], count=1, origin="portal")
    assert told(NOW) == []
    accept(plan)
    assert told(NOW) == ["plan_agreed"]
    assert Message.objects.get().subject == "Noted: your payment on 5\xa0April 2026"


def test_money_that_a_bank_took_back_is_told(anna: Customer) -> None:
    row = world.invoice(anna, 9_900, reference="F-9")
    money = credit(anna, 9_900)
    allocate(credit=money, as_of=TODAY, now=NOW, invoices=[row.pk], rule="named")
    respond.payment_returned(credit=money, amount_minor=9_900, key="bank:1", reason="AM04", now=NOW)
    message = sent()
    assert (message.purpose, message.about) == ("payment_failed", [row.pk])
    assert "€99.00" in message.subject
    assert "returned by your bank" in message.subject
    assert "Nothing was" not in message.html, "it had come: not a word of money that was never taken"
