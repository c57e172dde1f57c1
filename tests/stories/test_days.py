"""Told day by day through the real daily cycle, with a real mail server: what each customer hears, and what not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from amiable import day
from amiable.casework.models import Case, Task
from amiable.core.models import Role, Run, Scope, User
from amiable.insight.models import Figure
from amiable.ledger.models import Creditor, Invoice
from amiable.outreach.channel import Parcel, Receipt
from amiable.outreach.channels.email_smtp import EmailSmtp
from amiable.outreach.models import Memo, Message
from amiable.payments.attempt import open_again
from amiable.payments.models import Chain
from amiable.portfolio.models import Membership, Profile
from amiable.scenario import respond
from amiable.scenario.models import Decision
from amiable.scenario.sayings import CallOutcome, Disputes, Promises
from amiable.web.ui import clock
from tests import world as worlds
from tests.conftest import Post, text_of
from tests.stories.telling import live, pays_by_link, portal_link, provider_tells, refusals, steps
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unmeasured")]


@pytest.mark.usefixtures("whole_day")
def test_anna_forgets_and_pays_by_the_link_in_the_reminder(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = worlds.invoice(world.anna, 12_050, due_on=later(7))
    live(later(1), later(2))
    live(later(10), later(11))
    assert steps(world.anna) == [(later(2), "courtesy_notice"), (later(11), "reminder_1")]
    notice, reminder = post.to("anna@example.org")
    assert bill.reference in text_of(notice)
    assert bill.reference in text_of(reminder)
    case = Case.objects.get(customer=world.anna)
    assert (case.opened_on, case.closed_on) == (later(11), None)

    pays_by_link(text_of(reminder), world.anna, now=at(later(11), 19), monkeypatch=monkeypatch)
    bill.refresh_from_db(), case.refresh_from_db()
    assert (bill.open_minor, bill.settled_on) == (0, later(11))
    assert (case.closed_on, case.closed_because) == (later(11), "paid")
    live(later(12), later(16))
    _notice, _reminder, thanks = post.to("anna@example.org")
    assert "€120.50" in thanks["Subject"]
    assert bill.reference in text_of(thanks)
    assert len(steps(world.anna)) == 2


def test_what_the_bank_takes_back_goes_on_where_it_stood(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anna paid after the first reminder, and her bank takes it back: the same case, the next step, one story of tries."""
    julie = User.objects.create(username="julie", email="julie@helia.example")
    Scope.objects.create(user=julie, role=Role.COLLECTOR, creditor_ref=world.house.pk)
    bill = worlds.invoice(world.anna, 12_050, due_on=DAY)
    live(later(4), later(4))
    [reminder] = post.to("anna@example.org")
    attempt = pays_by_link(text_of(reminder), world.anna, now=at(later(4), 19), monkeypatch=monkeypatch)
    case, chain = Case.objects.get(), Chain.objects.get()
    assert (case.closed_because, chain.closed_at is None) == ("paid", False)
    live(later(5), later(5))
    monkeypatch.setattr(clock, "now", lambda: at(later(7), 15))
    assert provider_tells(attempt, "charged_back", now=at(later(7), 15)).status_code == 200
    bill.refresh_from_db(), case.refresh_from_db(), chain.refresh_from_db()
    assert (bill.open_minor, case.closed_on, chain.closed_at) == (12_050, None, None)
    visitor, link = Client(headers={"accept-language": "en"}), portal_link(text_of(reminder))
    visitor.post(f"{link}identify/", {"answer": world.anna.number})
    page = visitor.get(f"{link}paid/{attempt.token}/").content.decode()
    assert "The money went back" in page
    assert "Paid. Thank you." not in page
    assert Task.objects.get(key__startswith="returned:").customer == world.anna
    live(later(8), later(8))
    live(later(14), later(15))
    assert [step for _day, step in steps(world.anna)][:2] == ["reminder_1", "reminder_2"]
    told = [each["Subject"] for each in post.to("anna@example.org")]
    assert [("returned by your bank" in each) for each in told].count(True) == 1
    assert Case.objects.count() == 1
    again = open_again(attempt=attempt, journey="desk_link", provider="dummy", now=at(later(16), 10))
    assert again.chain == chain


def test_boris_promises_by_phone_breaks_it_and_is_back_at_his_step(world: World, post: Post) -> None:
    worlds.invoice(world.boris, 80_000, due_on=later(-20), reached=30, reached_on=later(-8))
    live(DAY, DAY)
    assert steps(world.boris) == [(DAY, "call")]
    call = Task.objects.get(customer=world.boris, kind="call")
    promise = Promises(amount_minor=80_000, currency="EUR", promised_for=later(9))
    saying = CallOutcome(task_id=call.pk, outcome="promise", promise=promise)
    respond.customer_said(customer=world.boris, saying=saying, now=at(DAY, 15), origin="call")
    live(later(8), later(9))
    assert steps(world.boris) == [(DAY, "call")]
    live(later(10), later(10))
    again = Task.objects.get(customer=world.boris, key__startswith="promise:")
    assert (again.done_at, again.due_on) == (None, later(10))
    live(later(14), later(14))
    assert steps(world.boris) == [(DAY, "call")]  # somebody is to ring first
    told = CallOutcome(task_id=again.pk, outcome="no_answer")
    respond.customer_said(customer=world.boris, saying=told, now=at(later(14), 15), origin="call")
    live(later(16), later(16))
    assert steps(world.boris) == [(DAY, "call"), (later(16), "formal_notice")]
    assert post.letters() == []  # a person has not confirmed it yet


def test_a_confirmed_formal_notice_leaves_the_next_morning_and_is_asked_for_once(world: World, post: Post) -> None:
    from amiable.core.models import User
    from amiable.scenario import dispatch

    bill = worlds.invoice(world.boris, 80_000, due_on=later(-40), reached=40, reached_on=later(-13))
    live(DAY, DAY)
    waits = Task.objects.get(customer=world.boris, kind="confirm")
    boss = User.objects.create(username="boss")
    assert dispatch.confirm(task=waits, as_of=DAY, now=at(DAY, 10), by=boss) == 1
    assert dispatch.confirm(task=waits, as_of=DAY, now=at(DAY, 11), by=boss) == 0
    live(later(1), later(3))
    assert len(post.to("boris@example.org")) == 1
    assert Task.objects.filter(kind="confirm").count() == 1
    bill.refresh_from_db()
    assert (bill.reached, bill.reached_on) == (50, DAY)


def test_clara_disputes_one_of_two_and_hears_only_of_the_other(world: World, post: Post) -> None:
    contested, plain = (worlds.invoice(world.clara, 30_000, due_on=later(-1)) for _ in range(2))
    saying = Disputes(invoice=contested.pk, reason="quality", words="Broken")
    respond.customer_said(customer=world.clara, saying=saying, now=at(later(-1), 15), origin="portal")
    live(later(1), later(2))
    live(later(10), later(11))
    received, first, second = post.to("clara@example.org")
    assert contested.reference in text_of(received)
    assert plain.reference not in text_of(received)
    for letter in (first, second):
        assert plain.reference in text_of(letter)
        assert contested.reference not in text_of(letter)
    about = Message.objects.filter(about__contains=[contested.pk])
    assert list(about.values_list("purpose", flat=True)) == ["dispute_received"]
    assert not Message.objects.filter(also__contains=[contested.pk]).exists()
    contested.refresh_from_db()
    assert contested.reached == 0


def test_dora_is_never_written_to_and_the_refusal_is_recorded_once(world: World, post: Post) -> None:
    worlds.invoice(world.dora, 50_000, due_on=later(-3))
    live(DAY, later(6))
    assert post.to("dora@example.org") == []
    assert refusals(world.dora) == [(DAY, "reminder_1", "insolvency")]
    assert not Case.objects.filter(customer=world.dora).exists()


def test_emil_pays_early_and_hears_nothing_more(world: World, post: Post) -> None:
    bill = worlds.invoice(world.emil, 9_900, due_on=later(7))
    money: list[object] = []

    def pays(today: date) -> None:
        if today == later(3):
            money.append(worlds.credit(world.emil, 9_900, received_on=today, reference=bill.reference))

    live(later(2), later(4), then=pays)
    live(later(11), later(12))
    assert steps(world.emil) == [(later(2), "courtesy_notice")]
    assert len(post.to("emil@example.org")) == 1
    bill.refresh_from_db()
    assert (bill.open_minor, bill.settled_on) == (0, later(4))


def test_the_neighbours_customer_hears_only_of_his_own(world: World, post: Post) -> None:
    ours = [worlds.invoice(who, 30_000, due_on=later(-4)) for who in world.ours]
    theirs = worlds.invoice(world.nadia, 30_000, due_on=later(-4))
    live(DAY, DAY)
    (letter,) = post.to("nadia@example.org")
    assert theirs.reference in text_of(letter)
    assert "Voisin" in str(letter["From"])
    assert not any(bill.reference in text_of(letter) for bill in ours)
    for heard in post.letters():
        if "nadia" not in str(heard["To"]):
            assert theirs.reference not in text_of(heard)
            assert "Voisin" not in heard.as_string()
    heard_of_it = [letter.split("@")[0] for letter in post.recipients()]
    assert sorted(heard_of_it) == ["anna", "boris", "clara", "emil", "nadia"]


def test_a_creditor_in_dry_run_decides_and_writes_to_nobody(world: World, post: Post) -> None:
    type(world.house).objects.filter(pk=world.house.pk).update(released_at=None)
    worlds.invoice(world.anna, 9_900, due_on=later(-10))
    live(DAY, later(2))
    assert post.letters() == []
    assert refusals(world.anna) == [(DAY, "reminder_1", "dry_run")]
    assert Invoice.objects.get().reached == 0


def test_old_debts_at_the_first_import_go_on_from_their_last_reminder_one_step_at_a_time(
    world: World, post: Post
) -> None:
    old = [worlds.invoice(who, 30_000, due_on=later(-90), reached=20, reached_on=later(-60)) for who in world.ours]
    untold = worlds.invoice(world.nadia, 30_000, due_on=later(-90))
    live(DAY, later(4))
    assert steps(world.boris) == [(DAY, "reminder_2")]
    assert steps(world.nadia) == [(DAY, "reminder_1")]  # no step is jumped over, however old the debt is
    assert sorted(post.recipients()).count("boris@example.org") == 1
    assert {bill.reached for bill in Invoice.objects.filter(pk__in=[bill.pk for bill in old])} == {20, 30}
    untold.refresh_from_db()
    assert untold.reached == 20


def test_sundays_and_holidays_are_quiet_and_made_up_for(world: World, post: Post) -> None:
    worlds.invoice(world.boris, 30_000, due_on=date(2026, 4, 3) - timedelta(days=1))  # due 2 April: step on Sunday 5
    live(date(2026, 4, 5), date(2026, 4, 7))
    assert steps(world.boris) == [(date(2026, 4, 7), "reminder_1")]  # the 6th is Easter Monday
    assert refusals(world.boris) == [(date(2026, 4, 5), "reminder_1", "day_off")]


def test_the_power_fails_while_messages_leave_and_nobody_is_written_to_twice(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in world.ours:
        worlds.invoice(who, 30_000, due_on=later(-10))
    carry, taken = EmailSmtp.send, 0

    def fails_after_the_second(channel: EmailSmtp, parcel: Parcel) -> Receipt:
        nonlocal taken
        receipt = carry(channel, parcel)
        taken += 1
        if taken == 2:
            raise RuntimeError("power cut")
        return receipt

    with monkeypatch.context() as broken:
        broken.setattr(EmailSmtp, "send", fails_after_the_second)
        with pytest.raises(RuntimeError, match="power cut"):
            live(DAY, DAY)
    assert len(set(post.recipients())) == len(post.recipients()) >= 2
    live(DAY, DAY)
    everyone = ["anna@example.org", "boris@example.org", "clara@example.org", "emil@example.org"]
    assert sorted(post.recipients()) == everyone
    doubtful = Message.objects.filter(state="in_doubt").count()
    assert 1 <= doubtful <= 4  # told to a person, never sent again
    live(later(3), later(3))
    assert sorted(post.recipients()) == everyone
    assert Task.objects.filter(key__startswith="in_doubt:").count() == doubtful


def test_a_day_that_stops_after_sending_is_caught_up_with_before_anything_is_decided(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = worlds.invoice(world.boris, 30_000, due_on=later(-1))
    with monkeypatch.context() as broken:
        broken.setitem(day.STEPS, "advance", lambda *_: {}["power cut"])  # type: ignore[arg-type]
        with pytest.raises(KeyError):
            live(later(2), later(2))
    bill.refresh_from_db()
    assert bill.reached == 0
    live(later(7), later(8))
    bill.refresh_from_db()
    assert (bill.reached, bill.reached_on) == (20, later(2))
    assert len(post.to("boris@example.org")) == 1


def test_while_the_mail_server_is_away_nothing_is_said_twice(world: World, post: Post, settings: Any) -> None:
    bill = worlds.invoice(world.anna, 30_000, due_on=later(5))
    port, settings.SMTP_PORT = settings.SMTP_PORT, 1
    live(DAY, later(1))
    assert post.letters() == []
    settings.SMTP_PORT = port
    live(later(2), later(3))
    assert len(post.to("anna@example.org")) == 1
    bill.refresh_from_db()
    assert bill.reached == 10


def test_the_same_day_run_again_changes_nothing(world: World, post: Post) -> None:
    for who in (*world.ours, world.nadia):
        worlds.invoice(who, 30_000, due_on=later(-10))
        worlds.invoice(who, 20_000, due_on=later(-30), reached=30, reached_on=later(-11))
    live(DAY, DAY)
    before = snapshot()
    again = live(DAY, DAY)[DAY]
    assert snapshot() == before
    assert (again["dispatch"], again["send"]["sent"], again["advance"]) == (
        {"ordered": 0, "tasks": 0, "held": 0, "placed": 0, "addresses": 0},
        0,
        {"climbed": 0},
    )


def snapshot() -> list[object]:
    tables = (Message, Decision, Task, Case, Invoice, Profile, Membership)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def test_a_rehearsal_says_what_the_day_will_do_and_does_none_of_it(world: World, post: Post) -> None:
    worlds.invoice(world.anna, 30_000, due_on=later(-10))
    worlds.invoice(world.boris, 80_000, due_on=later(-20), reached=30, reached_on=later(-8))
    before = snapshot()
    foretold = day.run_day(as_of=DAY, now=at(DAY), dry_run=True)
    assert snapshot() == before
    assert post.letters() == []
    real = live(DAY, DAY)[DAY]
    assert {name: real[name] for name in foretold} == foretold
    assert foretold["dispatch"] == {"ordered": 1, "tasks": 1, "held": 0, "placed": 0, "addresses": 0}


def standing(owner: Creditor) -> list[object]:
    """What the day leaves of a creditor, without the numbers of rows."""
    return [
        sorted(Decision.objects.filter(creditor=owner).values_list("customer", "as_of", "step", "verdict", "rail", "about")),
        sorted(Message.objects.filter(creditor=owner).values_list("customer", "purpose", "state", "text")),
        sorted(Invoice.objects.filter(creditor=owner).values_list("id", "open_minor", "reached")),
        sorted(Profile.objects.filter(creditor=owner).values_list("customer", "as_of", "segment", "overdue_minor")),
        sorted(Figure.objects.filter(creditor=owner).values_list("kpi", "as_of", "currency", "numerator")),
    ]  # fmt: skip


def test_one_creditors_day_touches_nobody_elses_and_is_the_same_as_within_everyones(world: World, post: Post) -> None:
    for who in (world.anna, world.boris, world.nadia):
        worlds.invoice(who, 30_000, due_on=later(-20))
    figures = day.run_day(as_of=DAY, now=at(DAY), clock=lambda: at(DAY, 8, 5), creditor=world.house)
    assert figures["send"]["sent"] == 2
    assert standing(world.neighbour) == [[], [], [(world.nadia.invoices.get().pk, 30_000, 0)], [], []]
    assert set(Run.objects.values_list("creditor_ref", flat=True)) == {world.house.pk}
    ours = standing(world.house)
    live(DAY, DAY)  # everyone's day finds the house's done, and does the neighbour's
    assert standing(world.house) == ours
    assert sorted(letter.split("@")[0] for letter in post.recipients()) == ["anna", "boris", "nadia"]


@pytest.mark.usefixtures("whole_day")
def test_figures_are_of_days_that_are_over_and_missed_ones_are_made_up_for(world: World, post: Post) -> None:
    world.neighbour.time_zone = "America/Los_Angeles"  # where it is still the evening before when our day is run
    world.neighbour.save()

    def measured(owner: Creditor) -> list[int]:
        days = Figure.objects.filter(creditor=owner).order_by("as_of").values_list("as_of", flat=True).distinct()
        return [(each - DAY).days for each in days]

    live(DAY, DAY)
    assert (measured(world.house), measured(world.neighbour)) == ([-1], [-2])
    live(later(3), later(3))
    assert (measured(world.house), measured(world.neighbour)) == ([-1, 0, 1, 2], [-2, -1, 0, 1])


@contextmanager
def other_session() -> Iterator[Any]:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.close()


def test_who_works_for_two_hears_at_the_end_of_the_last_day(world: World) -> None:
    both, one = (User.objects.create(username=name, email=f"{name}@example.org") for name in ("both", "one"))
    for user, creditor in ((both, world.house), (both, world.neighbour), (one, world.house)):
        Scope.objects.create(user=user, role=Role.COLLECTOR, creditor_ref=creditor.pk)
    ours = day.Cycle(as_of=DAY, now=at(DAY), clock=lambda: at(DAY, 8), creditor=world.house)

    def readers(cycle: day.Cycle) -> list[User]:
        return list(day._readers(cycle).order_by("pk"))

    def ran(
        step: str, when: date = DAY, error: str = "", *, ended: bool = True, whose: int | None = world.neighbour.pk
    ) -> None:
        Run.objects.create(
            step=step,
            as_of=when,
            creditor_ref=whose,
            started_at=at(when),
            ended_at=at(when) if ended else None,
            error=error,
        )

    assert readers(ours) == readers(replace(ours, creditor=None)) == [both, one]  # nobody else's day is run by itself
    ran("digests", later(-3))
    assert readers(ours) == [one], "the neighbour's day is run by itself, and has yet to come"
    ran("listen", error="the disk was full")
    assert readers(ours) == [both, one], "a day that failed keeps nobody waiting"
    ran("send", ended=False)
    assert readers(ours) == [both, one], "nor does one that was killed: nobody holds its lock"
    with other_session() as theirs:
        theirs.execute("SELECT pg_advisory_lock(%s, %s)", [day._LOCK, world.neighbour.pk])
        ran("listen")
        assert readers(ours) == [one], "it is run once more"
        ran("digests", ended=False)
        assert readers(ours) == [one]
        ran("digests")
        assert readers(ours) == [both, one]
        ran("listen")
        assert readers(ours) == [one], "what an earlier run told is not what this one will"
        ran("digests", whose=None)
        assert readers(ours) == [both, one], "everyone's day has told all"


def test_who_waited_in_vain_gets_a_list_at_noon_once(world: World, post: Post) -> None:
    both, one = (User.objects.create(username=name, email=f"{name}@example.org") for name in ("both", "one"))
    for user, creditor in ((both, world.house), (both, world.neighbour), (one, world.house)):
        Scope.objects.create(user=user, role=Role.COLLECTOR, creditor_ref=creditor.pk)
    Task.objects.create(
        creditor=world.house, customer=world.anna, kind="call", key="c", title="Call", due_on=DAY, created_at=at(DAY)
    )
    Run.objects.create(
        step="digests",
        as_of=later(-3),
        creditor_ref=world.neighbour.pk,
        started_at=at(later(-3)),
        ended_at=at(later(-3)),
    )
    day.run_day(as_of=DAY, now=at(DAY), clock=lambda: at(DAY, 8, 5), creditor=world.house)
    assert [memo.user for memo in Memo.objects.all()] == [one]
    for _hour in range(2):
        day.sweep_up(as_of=DAY, now=at(DAY, 12))
        assert [memo.user for memo in Memo.objects.order_by("pk")] == [one, both]
    day.run_day(as_of=later(1), now=at(later(1)), clock=lambda: at(later(1), 8, 5))
    assert day.sweep_up(as_of=later(1), now=at(later(1), 12)) == {}, "everyone has been told"


def test_a_creditors_day_keeps_the_same_and_everyones_away_but_not_the_neighbours(world: World, post: Post) -> None:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_lock_shared(%s), pg_advisory_lock(%s, %s)", [day._LOCK, day._LOCK, world.house.pk]
        )
        with pytest.raises(day.UnableToRun):
            day.run_day(as_of=DAY, now=at(DAY), creditor=world.house)
        with pytest.raises(day.UnableToRun):
            day.run_day(as_of=DAY, now=at(DAY))
        assert day.run_day(as_of=DAY, now=at(DAY), creditor=world.neighbour)["decide"]["do"] == 0
        cursor.execute("SELECT pg_advisory_unlock_all()")  # the server ends a closed session in its own time
    other.close()
    assert set(Run.objects.values_list("creditor_ref", flat=True)) == {world.neighbour.pk}
    assert day.run_day(as_of=DAY, now=at(DAY), creditor=world.house)["decide"]["do"] == 0


def test_the_page_behind_the_link_says_why_in_words_for_the_customer(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.invoice(world.anna, 30_000, due_on=later(-5))
    live(DAY, DAY)
    (letter,) = post.to("anna@example.org")
    monkeypatch.setattr(clock, "now", lambda: at(DAY, 12))
    visitor, link = Client(), portal_link(text_of(letter))
    visitor.post(f"{link}identify/", {"answer": world.anna.number})
    page = visitor.get(link).content.decode()
    assert "Past its due date, at least one invoice was not paid yet" in page
    assert "The step is due" not in page


def test_who_was_called_is_asked_how_it_went_the_day_after_their_confirmation(world: World, post: Post) -> None:
    """Emil promised on the telephone: the promise is confirmed the next morning, and the question waits for the one after."""
    Creditor.objects.filter(pk=world.house.pk).update(policy={"survey_share": 100})
    worlds.invoice(world.emil, 20_000, due_on=later(-20), reached=30, reached_on=later(-1))
    call = Task.objects.create(
        creditor=world.house, customer=world.emil, kind="call", key="c", title="Call", due_on=DAY, created_at=at(DAY)
    )
    promise = Promises(amount_minor=20_000, currency="EUR", promised_for=later(9))
    saying = CallOutcome(task_id=call.pk, outcome="promise", promise=promise)
    respond.customer_said(customer=world.emil, saying=saying, now=at(DAY, 15), origin="call")
    live(later(1), later(5))
    mine = Message.objects.filter(customer=world.emil).order_by("pk")
    assert list(mine.values_list("purpose", "as_of", "state")) == [
        ("promise_confirmed", later(1), "sent"), ("survey", later(2), "sent"),
    ]  # fmt: skip
    assert "/s/" in text_of(post.to("emil@example.org")[-1])
