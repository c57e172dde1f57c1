"""Facts of a day: a past day reads later as it was computed then; leap days, second currencies, second creditors."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from amiable.casework.models import Dispute, Task
from amiable.ledger import hold, post
from amiable.ledger.models import Allocation, Customer, Invoice
from amiable.outreach.gather import gather as last_look
from amiable.outreach.models import Event, Message, OptOut, Reply
from amiable.payments.models import Attempt, Chain, Mandate, Plan, Promise
from amiable.portfolio import facts, moves, segments
from amiable.portfolio.gather import gather
from amiable.portfolio.models import Membership, Profile
from amiable.portfolio.refresh import refresh
from tests import world
from tests.world import DAY, at, later

pytestmark = pytest.mark.django_db
DAYS = 45


def message(who: Customer, day: date, **fields: Any) -> Message:
    known = {
        "key": f"m:{Message.objects.count()}", "creditor": who.creditor, "customer": who, "currency": "EUR",
        "purpose": "reminder_1",
        "medium": "email", "language": "fr", "tone": "warm", "as_of": day, "state": "sent", "created_at": at(day),
    }  # fmt: skip
    return Message.objects.create(**known | fields)


def _opened(who: Customer, day: date) -> None:
    row = message(who, day)
    Event.objects.create(source="t", external_id=row.key, message=row, kind="opened", at=at(day, 9))


def _promised(who: Customer, day: date) -> None:
    Promise.objects.create(
        customer=who, currency="EUR", amount_minor=100, promised_for=day, taken_at=at(day, 9), origin="call"
    )


def _judged(who: Customer, day: date) -> None:
    Promise.objects.filter(customer=who, judged_on=None).update(state="broken", judged_on=day)


def _failed_to_pay(who: Customer, day: date) -> None:
    chain = Chain.objects.filter(customer=who, closed_at=None).first() or Chain.objects.create(
        creditor=who.creditor, customer=who, currency="EUR", opened_at=at(day), moved_at=at(day)
    )
    Attempt.objects.create(
        chain=chain, creditor=who.creditor, customer=who, token=f"a{Attempt.objects.count()}", provider="dummy",
        journey="email_link", currency="EUR", amount_minor=100, state="failed", opened_at=at(day, 9), started_at=at(day, 9),
        ended_at=at(day, 10),
    )  # fmt: skip


def _opted_out(who: Customer, day: date) -> None:
    OptOut.objects.create(
        customer=who, medium="email", since=at(day, 9), until=at(day + timedelta(days=3)), origin="t",
        address=f"{OptOut.objects.count()}@martin.example",
    )  # fmt: skip


SAID: dict[str, Callable[[Customer, date], object]] = {
    "opened": _opened,
    "promised": _promised,
    "judged": _judged,
    "failed": _failed_to_pay,
    "opted out": _opted_out,
    "replied": lambda who, day: Reply.objects.create(
        source="t", external_id=str(Reply.objects.count()), customer=who, medium="email", sender="a", text="b", at=at(day)
    ),
    "rated": lambda who, day: world.survey_answer(who, 7, now=at(day, 9)),
    "planned": lambda who, day: Plan.objects.create(
        customer=who, currency="EUR", total_minor=1, reason="temporary", offered_at=at(day), agreed_at=at(day),
        **({"state": "broken", "ended_on": day + timedelta(days=6)} if day.day % 2 else {"state": "agreed"}),
    ),
    "mandated": lambda who, day: Mandate.objects.create(
        customer=who, provider="t", token=f"k{Mandate.objects.count()}", reference=f"m{Mandate.objects.count()}", scheme="core",
        asked_at=at(day), signed_on=day, ended_on=day + timedelta(days=5),
    ),
    "vulnerable": lambda who, day: hold.place(
        kind="vulnerable", source_ref=f"v:{day}", customer=who, since=day, until=day + timedelta(days=4), now=at(day)
    ),
}  # fmt: skip


def something_happens(rng: random.Random, who: Customer, day: date) -> None:
    """One thing that a day may bring; it counts from that day and is known that day."""
    now = at(day, 11)
    what = rng.choice(
        [
            "invoice",
            "invoice",
            "paid",
            "paid",
            "credit",
            "reverse",
            "hold",
            "message",
            "call",
            "dispute",
            "settle",
            *SAID,
        ]
    )
    if what in SAID:
        SAID[what](who, day)
        return
    open_ones = list(Invoice.objects.filter(customer=who, open_minor__gt=0).order_by("pk"))
    if what == "invoice":
        currency = rng.choice(["EUR", "EUR", "JPY"])
        world.invoice(
            who,
            rng.randint(1, 90_000),
            issued_on=day,
            due_on=day + timedelta(days=rng.randint(0, 20)),
            currency=currency,
        )
    elif what == "credit":
        world.credit(who, rng.randint(1, 9_000), received_on=day)
    elif what == "paid" and open_ones:
        row = rng.choice(open_ones)
        world.paid(row, rng.choice([row.open_minor, max(1, row.open_minor // 2)]), on=day)
    elif what == "reverse":
        done = Allocation.objects.filter(credit__customer=who, reverses=None, reversed_by=None).first()
        if done:
            post.reverse(allocation=done, as_of=day, now=now)
    elif what == "hold" and open_ones:
        hold.place(
            kind="claimed", source_ref=f"claimed:{day}:{open_ones[0].pk}", customer=who, invoice=open_ones[0], since=day,
            until=day + timedelta(days=7), now=now,
        )  # fmt: skip
    elif what == "message":
        message(who, day)
    elif what == "call":
        Task.objects.create(
            creditor=who.creditor, customer=who, kind="call", key=f"t:{Task.objects.count()}", due_on=day, created_at=now,
            done_at=at(day, 0, 30), outcome="voicemail",
        )  # fmt: skip
    elif what == "dispute" and open_ones and not open_ones[0].disputes.exists():
        Dispute.objects.create(customer=who, invoice=open_ones[0], reason="amount", opened_at=now)
    elif what == "settle":
        Dispute.objects.filter(customer=who, resolved_at=None).update(resolved_at=now, resolution="settled")


def of_day(day: date) -> pl.DataFrame:
    return facts.compute(as_of=day).sort("customer_id", "currency")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_facts_of_a_past_day_are_what_they_were_computed_to_be_on_that_day(seed: int) -> None:
    rng = random.Random(seed)
    people = [world.customer(world.creditor()) for _ in range(2)]
    world.invoice(people[0], 5_000, issued_on=DAY, currency="JPY")
    seen: dict[date, pl.DataFrame] = {}
    for number in range(DAYS):
        for who in people:
            for _ in range(rng.randint(0, 2)):
                something_happens(rng, who, later(number))
        seen[later(number)] = of_day(later(number))
    for day, then in seen.items():
        now = of_day(day)
        assert_frame_equal(now, then)
    assert max(table.height for table in seen.values()) >= 3


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_refresh_of_what_changed_gives_what_a_refresh_of_everyone_would(seed: int) -> None:
    rng = random.Random(seed)
    people = [world.customer(world.creditor()) for _ in range(3)]
    day, fewer = 0, 0
    for _ in range(40):
        day += rng.choice([1, 1, 1, 1, 2, 5, 30, 59])  # days on which nobody looked, once more than a month of them
        for who in rng.sample(people, rng.randint(0, 2)):
            # Sometimes a thing is told late: it counts from a day that has been refreshed before.
            something_happens(rng, who, later(day - rng.choice([0, 0, 0, 1, 9])))
        before = Profile.objects.count()
        fewer += refresh(as_of=later(day))["profiles"] < before
        kept = facts.stored(as_of=later(day)).sort("customer_id", "currency")
        assert_frame_equal(kept, of_day(later(day)), check_row_order=True)
        told = gather(Profile.objects.all(), as_of=later(day))
        want = told.with_columns(segments.assign(told, segments.starter()).alias("wanted"))
        assert want.filter(pl.col("wanted") != pl.col("stands")).is_empty()
    assert fewer > 5  # else this would have compared everyone with everyone


def test_what_commits_after_a_refresh_began_is_not_lost() -> None:
    """The mark of a change is seen when the change is: not before, and not never."""
    who = world.customer(world.creditor())
    world.invoice(who, 500)
    refresh(as_of=DAY)
    world.invoice(who, 300, issued_on=later(-40), due_on=later(-10))  # dated long before, known now
    assert refresh(as_of=DAY)["profiles"] == 1
    assert Profile.objects.get().open_minor == 800
    assert refresh(as_of=DAY)["profiles"] == 0  # nothing is new any more


def profile(who: Customer, as_of: date, currency: str = "EUR") -> dict[str, Any]:
    """The columns of a profile, and the facts as conditions read them where they have another name."""
    refresh(as_of=as_of)
    row = Profile.objects.filter(customer=who, currency=currency).values().get()
    table = facts.for_conditions(facts.stored(as_of=as_of), facts.declared())
    mine = (pl.col("customer_id") == who.pk) & (pl.col("currency") == currency)
    return table.filter(mine).row(0, named=True) | row


def test_exposure_age_and_counts_of_one_customer_in_two_currencies() -> None:
    who = world.customer(world.creditor())
    for days in (-100, -61, -60, -31, -30, -1, 0, 5):
        world.invoice(who, 1_000, due_on=later(days))
    world.invoice(who, 700, due_on=later(-3), currency="JPY")
    world.credit(who, 250)
    told = profile(who, DAY)
    names = (
        "open",
        "not_due",
        "overdue",
        "overdue_1_30",
        "overdue_31_60",
        "overdue_61_90",
        "overdue_over_90",
        "credit",
    )
    assert [told[f"{name}_minor"] for name in names] == [8_000, 2_000, 6_000, 2_000, 2_000, 1_000, 1_000, 250]
    assert (told["open_count"], told["overdue_count"], told["dpd"]) == (8, 6, 100)
    yen = profile(who, DAY, "JPY")
    assert (yen["open_minor"], yen["credit_minor"], yen["dpd"]) == (700, 0, 3)


def test_money_reads_in_major_units_of_its_own_currency() -> None:
    who = world.customer(world.creditor(), turnover_minor=5_000_00, credit_limit_minor=100_00)
    for currency, amount in (("EUR", 12_345), ("JPY", 12_345), ("TND", 12_345)):
        world.invoice(who, amount, currency=currency)
    table = facts.for_conditions(facts.compute(as_of=later(1)), facts.declared()).sort("currency")
    assert table["overdue"].to_list() == [123.45, 12_345.0, 12.345]
    assert table["turnover"].to_list() == [5_000.0] * 3  # declared in the creditor's currency
    assert table["credit_limit"].to_list() == [100.0] * 3


def test_nobody_at_all_gives_an_empty_table_with_every_fact() -> None:
    table = facts.for_conditions(facts.compute(as_of=DAY), facts.declared())
    assert table.is_empty()
    assert {name: table.schema[name] for name in facts.schema()} == facts.schema()
    assert refresh(as_of=DAY) == {"profiles": 0, "moves": 0}


def test_a_leap_day_is_a_day_like_any_other() -> None:
    leap = date(2028, 2, 29)
    row = world.invoice(world.customer(world.creditor()), 1_000, due_on=date(2028, 2, 28))
    assert profile(row.customer, leap)["dpd"] == 1
    assert profile(row.customer, date(2028, 3, 1))["dpd"] == 2
    world.paid(row, on=leap)
    after = profile(row.customer, date(2029, 2, 27))
    assert (after["settled_12m"], after["late_12m"], after["days_late_12m"]) == (1, 1, 1.0)
    assert profile(row.customer, date(2029, 3, 1))["settled_12m"] == 0


def test_a_call_closed_because_the_customer_paid_was_no_contact() -> None:
    who = world.customer(world.creditor())
    world.invoice(who)
    Task.objects.create(
        creditor=who.creditor,
        customer=who,
        kind="call",
        key="t1",
        due_on=DAY,
        created_at=at(DAY),
        done_at=at(DAY, 9),
        outcome="settled",
    )
    told = profile(who, DAY)
    assert (told["last_contact_days"], told["contacts_7d"]) == (None, 0)


def test_seven_days_hold_seven_days_of_contacts() -> None:
    who = world.customer(world.creditor())
    world.invoice(who)
    for days in (0, -6, -7, -29, -30):
        message(who, later(days))
    message(who, later(-1), key="withheld", state="withheld")
    message(who, later(-2), key="receipt", capped=False)
    told = profile(who, DAY)
    assert (told["contacts_7d"], told["contacts_30d"], told["last_contact_days"]) == (2, 4, 0)


def test_a_call_and_what_was_sent_instead_are_one_contact_as_for_the_last_look() -> None:
    who = world.customer(world.creditor())
    world.invoice(who)
    rang = message(who, later(-7), medium="ivr")
    message(who, later(-6), medium="sms", instead_of=rang)
    message(who, later(-3), medium="ivr", state="failed")
    told, [looked] = profile(who, DAY), last_look([message(who, DAY, state="planned")], as_of=DAY, now=at(DAY))
    assert (told["contacts_7d"], told["calls_7d"], told["last_contact_days"]) == (1, 1, 6)
    assert (looked.contacts_7d, looked.calls_7d, looked.days_since_contact) == (1, 1, 6)
    assert (told["emails_30d"], told["calls_30d"], told["contacts_30d"]) == (0, 1, 1)


def test_what_was_absorbed_by_a_merge_leaves_the_portfolio() -> None:
    owner = world.creditor()
    keep, absorb = world.customer(owner), world.customer(owner)
    world.invoice(absorb, 500), world.invoice(keep, 300)
    refresh(as_of=DAY)
    post.merge(keep=keep, absorb=absorb, now=at(DAY))
    refresh(as_of=later(1))
    assert list(Profile.objects.values_list("customer", "open_minor")) == [(keep.pk, 800)]


def test_nobody_can_be_asked_for() -> None:
    owner = world.creditor()
    world.invoice(world.customer(owner), 500, due_on=DAY)
    assert refresh(as_of=DAY, customers=[]) == {"profiles": 0, "moves": 0}
    refresh(as_of=DAY)
    assert gather(Profile.objects.filter(pk__in=[]), as_of=DAY).is_empty()
    assert gather(Profile.objects.filter(creditor=owner), as_of=DAY).height == 1
    assert moves.by_month(memberships=Membership.objects.none(), since=DAY) == []


def test_a_refresh_of_some_leaves_the_others_as_they_were() -> None:
    owner = world.creditor()
    one, two = world.customer(owner), world.customer(owner)
    world.invoice(one), world.invoice(two)
    refresh(as_of=DAY)
    assert refresh(as_of=later(1), customers=[one.pk])["profiles"] == 1
    assert dict(Profile.objects.values_list("customer", "as_of")) == {one.pk: later(1), two.pk: DAY}
    assert Membership.objects.filter(customer=two).count() == 1
