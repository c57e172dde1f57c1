"""Who is asked how it went: a sample of what ended, nobody twice in 90 days, nobody to whom it would be unkind."""

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, connections, transaction

from amiable.casework import survey
from amiable.casework.dispute import open_dispute
from amiable.casework.models import Dispute, SurveyAnswer, SurveyAsk, Task
from amiable.core.models import Run, User
from amiable.ledger import hold
from amiable.ledger.models import ContactPoint, Credit, Creditor, Customer, Hold
from amiable.outreach.channel import Word
from amiable.outreach.instead import go_on
from amiable.outreach.models import Message, MessageState, OptOut, Reply
from amiable.outreach.receive import hear
from amiable.outreach.record import fail_address
from amiable.outreach.send import send
from amiable.payments.models import Plan
from amiable.payments.reconcile import take_over
from amiable.payments.refund import give_back
from amiable.scenario.poll import poll
from tests import world
from tests.world import DAY, at, later

pytestmark = pytest.mark.django_db
NOW = at(DAY, 9)
YESTERDAY = at(DAY - timedelta(days=1), 15)
SINK = {"email": "console", "sms": "console"}
EVERYBODY: dict[str, object] = {"survey_share": 100, "channels": {"email": "console"}}
SMS: dict[str, object] = {"channels": SINK}


def someone(**fields: object) -> Customer:
    owner = fields.pop("creditor", None) or world.creditor(policy=EVERYBODY)
    return world.customer(owner, **fields)  # type: ignore[arg-type]


def called(who: Customer, when: datetime = YESTERDAY, outcome: str = "promise") -> Task:
    return Task.objects.create(
        creditor=who.creditor, customer=who, kind="call", key=f"call:{who.pk}:{when}:{outcome}", title="Call", outcome=outcome,
        due_on=when.date(), created_at=when, done_at=when,
    )  # fmt: skip


def paid(who: Customer, *, reminded: bool = True) -> None:
    if reminded:
        reminder(who, days=5)
    world.paid(world.invoice(who), known_on=YESTERDAY.date())


def reminder(who: Customer, *, days: int, step: str = "reminder_1") -> Message:
    day = DAY - timedelta(days=days)
    return Message.objects.create(
        key=f"r:{who.pk}:{days}", creditor=who.creditor, customer=who, currency="EUR", purpose="reminder_1", medium="email",
        language="en", tone="warm", as_of=day, step=step, state="sent", created_at=at(day), sent_at=at(day),
    )  # fmt: skip


def wrote(who: Customer) -> Reply:
    julie = User.objects.create(username=f"julie-{who.pk}")
    return Reply.objects.create(
        source="t", external_id=str(who.pk), creditor=who.creditor, customer=who, medium="email", sender="a", text="b",
        at=YESTERDAY, intent="plan", confirmed_intent="plan", confirmed_by=julie, confirmed_at=YESTERDAY,
    )  # fmt: skip


def agreed(who: Customer) -> None:
    Plan.objects.create(
        customer=who, currency="EUR", total_minor=100, state="agreed", offered_at=YESTERDAY, agreed_at=YESTERDAY
    )


def resolved(who: Customer) -> None:
    Dispute.objects.create(
        customer=who, invoice=world.invoice(who), reason="amount", opened_at=YESTERDAY, resolved_at=YESTERDAY,
        resolution="accepted",
    )  # fmt: skip


def ask(who: Customer, day: date = DAY, **how: object) -> list[SurveyAsk]:
    poll(creditor=who.creditor, as_of=day, now=how.get("now") or at(day, 9))  # type: ignore[arg-type]
    return list(SurveyAsk.objects.filter(customer=who).order_by("pk"))


@pytest.mark.parametrize(
    ("ends", "after"),
    [(called, "call"), (wrote, "mail"), (paid, "payment"), (agreed, "plan"), (resolved, "dispute")],
)
def test_what_has_ended_is_asked_about_by_an_e_mail(ends: Callable[[Customer], object], after: str) -> None:
    anna = someone(email="Anna@example.org", language="en")
    ends(anna)
    (found,) = ask(anna)
    assert (found.after, found.medium, found.address, found.asked_on) == (after, "email", "anna@example.org", DAY)
    send(as_of=DAY, now=NOW, carriers=SINK)
    message = Message.objects.get(purpose="survey")
    assert (message.state, message.key) == (MessageState.SENT, f"survey:{found.pk}")
    assert message.html.count("?score=") == 5
    assert "/s/" in message.text
    assert not any(word in message.text.lower() for word in ("overdue", "to pay", "late ", "invoice"))
    # The day again changes nothing, nor does the next one, on which the call is still among the last days'.
    assert len(ask(anna)) == len(ask(anna, later(1))) == 1
    assert Message.objects.filter(purpose="survey").count() == 1


def test_the_step_before_what_ended_is_kept() -> None:
    anna = someone()
    reminder(anna, days=9, step="reminder_1")
    reminder(anna, days=4, step="reminder_2")
    called(anna)
    assert ask(anna)[0].step == "reminder_2"


def test_of_several_things_the_rarer_one_is_asked_about() -> None:
    anna = someone()
    for ends in (paid, called, agreed):
        ends(anna)
    assert [each.after for each in ask(anna)] == ["plan"]


@pytest.mark.parametrize("first", [date(2028, 2, 10), date(2027, 2, 10), date(2026, 12, 5)])
def test_nobody_is_asked_twice_in_ninety_days_leap_day_or_not(first: date) -> None:
    anna = someone(creditor=world.creditor(policy=EVERYBODY, released_at=at(DAY)))
    for days in (0, 89, 90):
        called(anna, at(first + timedelta(days=days - 1), 15))
    assert len(ask(anna, first)) == 1
    assert len(ask(anna, first + timedelta(days=89))) == 1
    assert len(ask(anna, first + timedelta(days=90))) == 2


def test_the_database_itself_refuses_a_second_ask() -> None:
    anna = someone()
    words = {"customer": anna, "after": "call", "subject_ref": "task:1", "medium": "email", "asked_at": NOW}
    SurveyAsk.objects.create(asked_on=date(2028, 2, 1), **words)
    with pytest.raises(IntegrityError, match="survey_once_in_90_days"), transaction.atomic():
        SurveyAsk.objects.create(asked_on=date(2028, 4, 30), **words)  # 89 days: February has 29
    SurveyAsk.objects.create(asked_on=date(2028, 5, 1), **words)
    # What was told elsewhere keeps nobody from being asked, and a second creditor's customer is somebody else.
    SurveyAsk.objects.create(asked_on=date(2028, 5, 1), **words | {"medium": "", "void_since": NOW})
    SurveyAsk.objects.create(asked_on=date(2028, 5, 1), **words | {"customer": someone()})


@pytest.mark.django_db(transaction=True)
def test_the_day_and_the_portal_at_the_same_moment_ask_once() -> None:
    """The day has drawn Anna while she answers on the portal: whoever is second waits, and finds her asked."""
    anna = someone()
    called(anna)
    done: list[dict[str, int]] = []

    def day() -> None:
        try:
            done.append(poll(creditor=anna.creditor, as_of=DAY, now=NOW))
        finally:
            connections.close_all()

    second = threading.Thread(target=day)
    with transaction.atomic():
        survey.offer(customer=anna, after="visit", subject_ref="visit:1", now=NOW - timedelta(seconds=1))
        second.start()
        second.join(timeout=0.5)
        assert second.is_alive(), "it waits for what the first one will have done"
    second.join(timeout=20)
    assert done == [{"drawn": 1, "asked": 0}]
    assert [each.medium for each in SurveyAsk.objects.all()] == ["portal"]
    assert not Message.objects.exists()


def _opts_out(who: Customer) -> None:
    OptOut.objects.create(customer=who, medium="email", since=NOW - timedelta(days=9), origin="portal")


def _disputes_anew(who: Customer) -> None:
    open_dispute(invoice=world.invoice(who), reason="amount", words="", as_of=DAY, now=NOW, by=None)


def _held(kind: str) -> Callable[[Customer], None]:
    return lambda who: void(
        hold.place(kind=kind, source_ref=f"{kind}:1", customer=who, since=DAY - timedelta(days=2), now=NOW)
    )


def void(_result: object) -> None:
    """A row was wanted, not its value."""


def _invoice_held(kind: str) -> Callable[[Customer], None]:
    return lambda who: void(
        hold.place(
            kind=kind,
            source_ref=f"{kind}:1",
            customer=who,
            invoice=world.invoice(who),
            since=DAY - timedelta(days=2),
            now=NOW,
        )
    )


def _house(**fields: object) -> Callable[[Customer], None]:
    def change(who: Customer) -> None:
        Creditor.objects.filter(pk=who.creditor_id).update(**fields)
        who.creditor.refresh_from_db()

    return change


def _told_today(who: Customer) -> None:
    """A receipt is no reminder, and is said all the same."""
    reminder(who, days=0)
    Message.objects.update(purpose="receipt", capped=False)


def _has_formal_notice(who: Customer) -> None:
    """Days ago, and what it is about is still owed."""
    reminder(who, days=9)
    Message.objects.update(purpose="formal_notice", about=[world.invoice(who).pk])


def _waits_for_a_person(who: Customer) -> None:
    Task.objects.create(
        creditor=who.creditor, customer=who, kind="reply", key="w", title="Answer", due_on=DAY, created_at=NOW
    )


def _reminded_today(who: Customer) -> None:
    reminder(who, days=0)


@pytest.mark.parametrize(
    "trouble",
    [
        _opts_out, _disputes_anew, _waits_for_a_person, _reminded_today, _told_today, _has_formal_notice, _house(stopped_at=NOW),
        _house(released_at=None), *map(_held, ("insolvency", "vulnerable", "holdout", "person")),
        *map(_invoice_held, ("moratorium", "placed", "dispute")),
    ],
)  # fmt: skip
def test_who_is_not_asked(trouble: Callable[[Customer], None]) -> None:
    anna = someone(phone="+33600000009")
    ContactPoint.objects.create(contact=anna.contacts.get(), medium="sms", value="+33600000009")
    called(anna)
    trouble(anna)
    assert ask(anna) == []


@pytest.mark.parametrize("trouble", [_disputes_anew, _waits_for_a_person, _held("vulnerable"), _opts_out])
def test_what_happens_between_asking_and_sending_is_looked_at_once_more(trouble: Callable[[Customer], None]) -> None:
    anna = someone()
    called(anna)
    ask(anna)
    trouble(anna)
    send(as_of=DAY, now=NOW, carriers=SINK)
    message = Message.objects.get(purpose="survey")
    assert message.state == MessageState.WITHHELD
    assert message.verdict
    # Nobody was asked: the next thing that ends may be asked about.
    assert SurveyAsk.objects.get().void_since is not None
    Task.objects.update(done_at=YESTERDAY)
    Dispute.objects.all().delete()
    Hold.objects.all().delete()
    OptOut.objects.all().delete()
    assert [each.void_since is None for each in ask(anna, later(1))] == [False, True]


@pytest.mark.parametrize("kind", ["moratorium", "placed", "dispute"])
def test_an_invoice_held_meanwhile_for_something_harder_withholds_the_question(kind: str) -> None:
    anna = someone()
    called(anna)
    ask(anna)
    _invoice_held(kind)(anna)
    send(as_of=DAY, now=NOW, carriers=SINK)
    assert Message.objects.get(purpose="survey").state == MessageState.WITHHELD


def test_an_ask_counts_while_anything_of_it_has_left_and_no_longer() -> None:
    """The e-mail bounces, the SMS instead is withheld: nobody was asked. Who has answered was, whatever became of the message."""
    anna = someone(creditor=world.creditor(policy=EVERYBODY | SMS))
    ContactPoint.objects.create(contact=anna.contacts.get(), medium="sms", value="+33600000009")
    called(anna)
    (found,) = ask(anna)
    send(as_of=DAY, now=NOW, carriers=SINK)
    mail = Message.objects.get()
    known = mail.deliveries.get().external_id
    bounced = Word(kind="bounced", external_id="b1", message_external_id=known, at=NOW, permanent=True)
    hear(source="console", words=[bounced], now=NOW)
    found.refresh_from_db()
    assert (found.void_since, found.address) == (None, "+33600000009"), "it goes on by SMS, to another address"
    _disputes_anew(anna)
    send(as_of=DAY, now=at(DAY, 11), carriers=SINK)
    assert Message.objects.get(medium="sms").state == MessageState.WITHHELD
    found.refresh_from_db()
    assert found.void_since is not None
    SurveyAsk.objects.update(void_since=None)
    SurveyAnswer.objects.create(customer=anna, ask=found, score=8, answered_at=NOW)
    survey.let_go([found.pk], now=NOW)
    assert survey.asked_lately(customer=anna, as_of=DAY) == found


def test_the_sms_instead_goes_to_no_number_at_which_somebody_was_asked() -> None:
    owner = world.creditor(policy=EVERYBODY | SMS)
    first, second = (world.customer(owner, email=mail) for mail in ("", "gone@example.org"))
    for who in (first, second):
        ContactPoint.objects.create(contact=who.contacts.get(), medium="sms", value="+33600000009")
        called(who)
    assert poll(creditor=owner, as_of=DAY, now=NOW)["asked"] == 2
    mail = Message.objects.get(customer=second)
    fail_address(mail, mail.address, "gone", now=NOW)
    assert Message.objects.filter(customer=second).count() == 1


def test_nobody_is_asked_by_a_way_that_carries_nothing() -> None:
    anna = someone(email="")
    ContactPoint.objects.create(contact=anna.contacts.get(), medium="sms", value="+33600000009")
    called(anna)
    assert ask(anna) == [], "no channel for SMS: it would wait, and nobody could ask for 90 days"


def test_the_link_of_a_later_sms_ends_with_its_ask() -> None:
    anna = someone(creditor=world.creditor(policy=EVERYBODY | SMS))
    ContactPoint.objects.create(contact=anna.contacts.get(), medium="sms", value="+33600000009")
    called(anna)
    (found,) = ask(anna)
    mail = Message.objects.get()
    mail.state = MessageState.FAILED
    mail.save()
    go_on(mail, now=at(later(2), 9))
    send(as_of=later(2), now=at(later(2), 11), carriers=SINK)
    sms = Message.objects.get(medium="sms")
    assert sms.state == MessageState.SENT
    assert survey.token(ask=found.pk, asked_at=found.asked_at) in sms.text, sms.verdict


def test_an_sms_where_there_is_no_e_mail_and_in_the_hours_of_sms_only() -> None:
    anna = someone(email="", kind="consumer", creditor=world.creditor(policy=EVERYBODY | SMS))
    ContactPoint.objects.create(contact=anna.contacts.get(), medium="sms", value="+33600000009")
    called(anna)
    (found,) = ask(anna, now=at(DAY, 6))
    assert (found.medium, found.address) == ("sms", "+33600000009")
    send(as_of=DAY, now=at(DAY, 6), carriers=SINK)
    message = Message.objects.get()
    assert message.state == MessageState.PLANNED
    assert message.not_before is not None
    assert message.not_before > at(DAY, 7)
    send(as_of=DAY, now=at(DAY, 11), carriers=SINK)
    message.refresh_from_db()
    assert message.state == MessageState.SENT
    assert "/s/" in message.text


def test_a_survey_is_neither_kept_back_by_a_reminder_nor_counted_as_one() -> None:
    anna = someone()
    reminder(anna, days=1)
    called(anna)  # spoken to yesterday: no reminder may follow, a question may
    ask(anna)
    send(as_of=DAY, now=NOW, carriers=SINK)
    assert Message.objects.get(purpose="survey").state == MessageState.SENT
    assert not Message.objects.get(purpose="survey").capped


@pytest.mark.parametrize(
    ("policy", "released"),
    [(EVERYBODY, None), ({"survey_share": 0}, at(DAY)), ({"survey_share": "many"}, at(DAY)), ({"survey_share": 400}, at(DAY))],
)  # fmt: skip
def test_nobody_is_asked_in_dry_run_or_where_the_creditor_asks_nobody(
    policy: dict[str, object], released: object
) -> None:
    anna = someone(creditor=world.creditor(policy=policy, released_at=released))
    called(anna)
    assert ask(anna) == []
    assert not Message.objects.exists()


def test_a_sunday_keeps_its_peace_and_takes_nobody_off_the_list() -> None:
    anna = someone()
    friday, sunday = later(-3), later(-1)
    called(anna, at(friday, 15))
    assert ask(anna, sunday) == []
    assert [each.asked_on for each in ask(anna, DAY)] == [DAY]


@pytest.mark.parametrize(
    ("country", "ended", "asked"),
    [("DE", date(2026, 12, 24), date(2026, 12, 28)), ("GB", date(2026, 12, 24), date(2026, 12, 29))],
)
def test_days_on_which_nobody_speaks_lose_no_day(country: str, ended: date, asked: date) -> None:
    anna = someone(creditor=world.creditor(policy=EVERYBODY, country=country))
    called(anna, at(ended, 15))
    for days in range(1, (asked - ended).days):
        assert ask(anna, ended + timedelta(days=days)) == []
    assert [each.asked_on for each in ask(anna, asked)] == [asked]


def test_days_without_a_run_lose_nothing_and_a_fortnight_is_the_end_of_it() -> None:
    anna, boris = someone(), someone()
    for who, days in ((anna, 9), (boris, 18)):
        called(who, at(DAY - timedelta(days=days), 15))
        ran = DAY - timedelta(days=days)
        Run.objects.create(
            step="surveys", creditor_ref=who.creditor_id, as_of=ran, started_at=at(ran), ended_at=at(ran)
        )
        Run.objects.create(
            step="surveys", as_of=DAY - timedelta(days=1), started_at=NOW, ended_at=NOW, error="It broke."
        )
    assert [len(ask(who)) for who in (anna, boris)] == [1, 0]


def test_money_that_left_again_is_not_thanked_for() -> None:
    anna, boris, clara = (someone(creditor=world.creditor(policy=EVERYBODY)) for _n in range(3))
    for who in (anna, boris, clara):
        paid(who)
    for who, amount in ((anna, 10_000), (boris, 100)):
        give_back(credit=Credit.objects.get(customer=who), amount_minor=amount, reason="x", as_of=DAY, now=YESTERDAY)
    assert [len(ask(who)) for who in (anna, boris, clara)] == [0, 0, 1]


def test_money_counts_from_when_it_was_matched_and_what_the_bank_confirms_is_the_same_payment() -> None:
    anna = someone()
    reminder(anna, days=12)
    bill = world.invoice(anna)
    told = world.credit(anna, received_on=DAY - timedelta(days=9))
    assert ask(anna) == []
    world.allocation(told, bill, 10_000, known_at=YESTERDAY)
    booked = world.credit(anna, received_on=DAY - timedelta(days=8))
    take_over({told.pk: booked}, creditor=anna.creditor, as_of=DAY, now=NOW)
    (found,) = ask(anna)
    assert found.subject_ref == f"credit:{told.pk}"


def test_what_nobody_took_part_in_is_not_asked_about() -> None:
    anna, boris, clara = (someone(creditor=world.creditor(policy=EVERYBODY)) for _n in range(3))
    called(anna, outcome="voicemail")
    paid(boris, reminded=False)  # by bank, of themselves: there was nothing between us
    reminder(boris, days=0)  # nor does what was said later count
    Message.objects.update(as_of=DAY - timedelta(days=1))
    called(clara, at(DAY - timedelta(days=5), 15))  # too long ago: the day before yesterday was a Sunday
    assert [ask(who) for who in (anna, boris, clara)] == [[], [], []]


def test_one_person_who_looks_after_two_customers_is_asked_once() -> None:
    owner = world.creditor(policy=EVERYBODY)
    first, second = (world.customer(owner, email="Accounts@example.org") for _n in range(2))
    called(first)
    called(second)
    assert poll(creditor=owner, as_of=DAY, now=NOW) == {"drawn": 2, "asked": 1}
    assert poll(creditor=owner, as_of=later(1), now=at(later(1), 9))["asked"] == 0


def test_a_part_is_drawn_the_same_one_whenever_it_is_drawn() -> None:
    owner = world.creditor(policy=EVERYBODY | {"survey_share": 30}, key="helia-draws")
    for _n in range(60):
        called(world.customer(owner))
    done = poll(creditor=owner, as_of=DAY, now=NOW)
    assert 6 <= done["asked"] <= 32
    drawn = set(SurveyAsk.objects.values_list("customer", flat=True))
    Message.objects.all().delete()
    SurveyAsk.objects.all().delete()
    # On the day after, the same calls are among the last days': the same are drawn.
    poll(creditor=owner, as_of=later(1), now=at(later(1), 9))
    assert set(SurveyAsk.objects.values_list("customer", flat=True)) == drawn


def test_nothing_of_another_creditor() -> None:
    ours, theirs = someone(), someone()
    called(theirs)
    assert poll(creditor=ours.creditor, as_of=DAY, now=NOW) == {"drawn": 0, "asked": 0}
