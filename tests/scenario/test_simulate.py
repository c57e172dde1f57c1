"""Replays and projections through the real engine: rails kept, costs counted, the same seed, the days as they were."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from amiable.casework.models import Task
from amiable.demo.behave import crowd as people
from amiable.demo.world import HISTORY_DAYS, invent
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Entry, Invoice
from amiable.outreach.models import Message
from amiable.portfolio.models import Profile
from amiable.scenario import shelf, simulate
from amiable.scenario.acquaint import acquaint
from amiable.scenario.behaviour import Parameters, parameters
from amiable.scenario.contend import NOBODY, Contender, UnableToSimulate, contender
from amiable.scenario.engine.journey import Journey, UnableToUse, read
from amiable.scenario.live import NEVER, Bills, Crowd, Draws
from amiable.scenario.models import Decision, Scenario
from amiable.scenario.stand import next_working, stand
from amiable.scenario.walk import Walk
from amiable.scenario.world import Luck
from amiable.scenario.world import World as Future
from tests import world as worlds
from tests.conftest import Post
from tests.stories.telling import live
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unmeasured")]
NONE = Contender(NOBODY, ())


@pytest.fixture
def many(db: None) -> Creditor:
    """Sixty customers with 180 invoices, from three weeks before to three weeks after their due date."""
    house = worlds.creditor(key="many", name="Many", policy={"promise_grace_days": 4})
    for n in range(60):
        kind = "consumer" if n % 3 else "business"
        who = worlds.customer(house, kind=kind, phone="+33600000009" if n % 2 else None)
        for m in range(3):
            worlds.invoice(who, 8_000 + 977 * (n + m), due_on=later((n * 7 + m * 13) % 43 - 21))
    return house


def journey(*steps: Mapping[str, Any], applies: str = "") -> Contender:
    return Contender("made", (read({"key": "made", "applies": applies, "steps": list(steps)}, facts=shelf.facts()),))


def mail(level: int, days: int, **more: Any) -> Mapping[str, Any]:
    return {"key": f"mail_{level}", "level": level, "days": days, "channel": "email", "template": "reminder_1", **more}


OFTEN = [mail(n * 10, n * 2) for n in range(1, 16)]


def projected(house: Creditor, first: Contender, second: Contender = NONE, **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"as_of": DAY, "days": 30, "seed": 7}
    return simulate.project(scenario=first, against=second, creditor=house, **known | more)


def replayed(house: Creditor, who: Contender, *, since: date = DAY, days: int = 20) -> dict[str, Any]:
    return simulate.replay(scenario=who, creditor=house, since=since, until=since + timedelta(days=days - 1))


def test_what_goes_to_an_agency_is_no_contact_and_rests_until_its_term(many: Creditor) -> None:
    away = {"key": "away", "level": 15, "days": 6, "action": "place", "agency": "R", "hold_days": 300}
    then, alone = journey(mail(10, 2), away, mail(20, 8)), journey(mail(10, 2))
    for told in (
        projected(many, then, alone)["sweep"][0],
        {"scenario": replayed(many, then), "against": replayed(many, alone)},
    ):
        first, second = told["scenario"], told["against"]
        assert first["by_step"]["away"] > 0
        assert "mail_20" not in first["by_step"]
        # It is no contact, and costs none; it takes a day of its own, on which a first reminder may be paid away.
        assert 0 < first["contacts"] <= second["contacts"]
        assert first["cost_minor"] == first["contacts"] * parameters()["unit_cost_minor"]["email"]


def test_a_scenario_without_steps_is_the_world_that_cures_itself(many: Creditor) -> None:
    found = projected(many, Contender("empty", (Journey("empty", "", (), {}),)), days=20)
    for step in found["sweep"]:
        for name in ("scenario", "against"):
            assert step[name]["cash_by_day"] == found["alone"]["cash_by_day"]
            assert (step[name]["contacts"], step[name]["cost_minor"], step[name]["brought_minor"]) == (0, 0, 0)
    assert 0 < found["alone"]["cash_minor"] < found["open_minor"]
    assert found["ranking"]["better"] == "close"


def test_contacts_bring_money_the_more_the_stronger_they_work_and_more_of_them_cost_more(many: Creditor) -> None:
    often, seldom = journey(*OFTEN), journey(mail(10, 5))
    found = projected(many, often, seldom, days=45)
    brought = [step["scenario"]["brought_minor"] for step in found["sweep"]]
    assert brought == sorted(brought)
    assert brought[-1] > 0
    for step in found["sweep"]:
        first, second = step["scenario"], step["against"]
        assert first["contacts"] > second["contacts"] > 0
        assert first["cost_minor"] == first["contacts"] * parameters()["unit_cost_minor"]["email"]
        assert first["cost_minor"] > second["cost_minor"]
        assert first["cash_minor"] == sum(first["cash_by_day"])
        assert first["cash_minor"] + first["open_minor"] + first["credited_minor"] == found["open_minor"]
        assert step["difference_minor"] == (first["cash_minor"] - first["cost_minor"]) - (
            second["cash_minor"] - second["cost_minor"]
        )


def test_contacts_without_effect_leave_the_money_alone_and_only_cost(
    many: Creditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pay link brings money sooner than a transfer, and a promise or a dispute moves it: they are no dose either.
    numbers = parameters().replaced(link_share=0.0, promise_unasked=0.0, dispute_share=0.0)
    monkeypatch.setattr(simulate, "parameters", lambda: numbers)
    found = projected(many, journey(*OFTEN), effects=(0.0,))
    (step,) = found["sweep"]
    assert step["scenario"]["contacts"] > 50
    assert step["scenario"]["cash_by_day"] == found["alone"]["cash_by_day"]
    assert step["difference_minor"] == -step["scenario"]["cost_minor"]
    assert found["ranking"] == {"holds": True, "better": "against", "sentence": simulate.SENTENCES["against"]}


def test_a_dispute_that_is_open_lasts_as_long_as_its_kind_of_customer_lets_it(
    many: Creditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = parameters().replaced(dispute_days={"median_days": 60, "sigma": 0.0})
    monkeypatch.setattr(simulate, "parameters", lambda: longer)
    row = Invoice.objects.filter(creditor=many).earliest("pk")
    hold.place(customer=row.customer, invoice=row, kind="dispute", source_ref="test", since=DAY, now=at(DAY))
    book = simulate._disputes_ended(stand(creditor=many, currency="EUR", as_of=DAY), longer, seed=1)
    assert book.invoice_holds["until"].item() == pytest.approx(61, abs=1)


def test_what_was_promised_and_contested_before_ends_in_every_world(world: World) -> None:
    for kind, who in (("promise", world.anna), ("dispute", world.boris)):
        bill = worlds.invoice(who, 50_000, due_on=later(-5))
        hold.place(
            kind=kind, source_ref=kind, customer=who, invoice=bill, since=later(-1), until=later(4), now=at(later(-1))
        )
    content = parameters().content
    numbers = Parameters({**content, "desk": {**content["desk"], "disputes_accepted": 1.0}})
    book = stand(creditor=world.house, currency="EUR", as_of=DAY)
    crowd = simulate._people(book, numbers, seed=1)
    crowd.insolvent_on[:] = 0  # nobody pays
    for who_writes in (NONE, journey(mail(10, 90))):
        future = Future(book, who_writes, crowd.twin(), days=6, bank_days=next_working(book, 6))
        for day in range(1, 7):
            future.live(day, Luck.of(seed=1, day=day, crowd=crowd))
        assert future.walk.broken.tolist() == [1, 0]
        assert (future.credited, future.walk.open.tolist()) == (50_000, [50_000, 0])


def test_the_same_seed_gives_the_same_figures_and_another_seed_others(many: Creditor) -> None:
    short: dict[str, Any] = {"days": 12, "effects": (1.0,)}
    first = projected(many, journey(*OFTEN), **short)
    assert first == projected(many, journey(*OFTEN), **short)
    assert first["alone"] != projected(many, journey(*OFTEN), seed=8, **short)["alone"]


def test_nothing_is_written(many: Creditor) -> None:
    tables = (Decision, Message, Task, Profile, Scenario, Entry)
    before = [table.objects.count() for table in tables]
    who = contender(name="businesses,consumers", creditor=many)
    projected(many, who, days=5, effects=(1.0,)), replayed(many, who, days=5)
    assert [table.objects.count() for table in tables] == before


def test_rails_are_kept_no_sunday_and_no_more_contacts_than_the_caps(many: Creditor) -> None:
    found = replayed(many, journey(*OFTEN), days=40)
    told = found["decisions"]
    assert told.height > 200
    assert not (told["day"].dt.weekday() == 7).any()
    assert "day_off" in found["rails"]
    days = told.sort("customer_id", "day").with_columns(
        gap=pl.col("day").diff().dt.total_days().over("customer_id"),
        week=pl.len().rolling("day", period="7d").over("customer_id"),
    )
    assert days["gap"].drop_nulls().min() >= 2
    assert days["week"].max() <= 4
    strict = Creditor.objects.get(pk=many.pk)
    Creditor.objects.filter(pk=many.pk).update(policy={"contacts_per_7_days": 1, "costs": {"channels": {"email": 50}}})
    strict.refresh_from_db()
    less = replayed(strict, journey(*OFTEN), days=40)
    week = less["decisions"].sort("customer_id", "day").select(
        pl.len().rolling("day", period="7d").over("customer_id")
    )  # fmt: skip
    assert week.to_series().max() == 1
    assert "cap" in less["rails"]
    assert less["cost_minor"] == 50 * less["contacts"]


def test_rails_are_kept_in_the_future_too(many: Creditor) -> None:
    portfolio = stand(creditor=many, currency="EUR", as_of=DAY)
    walk = Walk(portfolio, journey(*OFTEN))
    for day in range(1, 22):
        walk.begin(day)
        said = walk.decide(day)
        done = said.filter(pl.col("verdict") == "do") if said.height else said
        assert portfolio.on(day).weekday() < 6 or not done.height
        walk.climb(day, done), walk.contact(day, done)
        assert walk._counted(day, np.arange(portfolio.size), 7).max() <= 4


def test_what_is_held_is_not_spoken_of_and_the_insolvent_pay_nothing(world: World) -> None:
    for who in world.ours:
        worlds.invoice(who, 50_000, due_on=later(-5))
    held = Invoice.objects.get(customer=world.clara)
    hold.place(kind="person", source_ref="t", customer=world.clara, invoice=held, since=later(-3), now=at(later(-3)))
    found = replayed(world.house, journey(mail(10, 3)), since=later(1), days=10)
    people = {world.dora.pk, world.clara.pk}
    assert people.isdisjoint(found["decisions"]["customer_id"].to_list())
    assert found["rails"] == {"insolvency": 1}
    future = projected(world.house, journey(mail(10, 3)), days=90, effects=(1.0,))
    assert all(step["scenario"]["open_minor"] >= 50_000 for step in future["sweep"])


def test_who_is_in_a_hold_out_is_left_alone_until_its_last_day(world: World) -> None:
    worlds.invoice(world.boris, 50_000, due_on=later(-5))
    hold.place(
        kind="holdout", source_ref="experiment:1", customer=world.boris, since=later(-3), until=later(5),
        now=at(later(-3)),
    )  # fmt: skip
    found = replayed(world.house, journey(mail(10, 3)), since=later(1), days=10)
    assert found["rails"] == {"holdout": 1}
    assert found["decisions"]["day"].to_list() == [later(5)]


def test_a_neighbours_money_and_another_currency_are_left_out(world: World) -> None:
    worlds.invoice(world.anna, 10_000, due_on=later(-5))
    worlds.invoice(world.anna, 99_000, due_on=later(-5), currency="USD")
    worlds.invoice(world.nadia, 77_000, due_on=later(-5))
    found = projected(world.house, journey(mail(10, 3)))
    assert (found["customers"], found["invoices"], found["open_minor"]) == (1, 1, 10_000)
    dollars = projected(world.house, journey(mail(10, 3)), currency="USD")
    assert (dollars["currency"], dollars["open_minor"]) == ("USD", 99_000)


def test_a_past_portfolio_stands_as_it_stood(world: World) -> None:
    bill = worlds.invoice(world.anna, 10_000, due_on=later(-20), reached=30, reached_on=later(-2))
    worlds.paid(bill, 4_000, on=later(-5))
    worlds.paid(bill, 6_000, on=later(-1))
    worlds.invoice(world.anna, 7_000, due_on=later(40), issued_on=later(-1))
    (before,) = (stand(creditor=world.house, currency="EUR", as_of=later(-3)) for _ in range(1))
    assert before.open_minor.tolist() == [6_000]
    assert (before.reached.tolist(), before.due.tolist()) == ([0], [-17])
    now = stand(creditor=world.house, currency="EUR", as_of=DAY)
    assert sorted(now.open_minor.tolist()) == [0, 7_000]
    moving = stand(creditor=world.house, currency="EUR", as_of=later(-10), until=DAY)
    posted = sorted(moving.moves.select("day", "amount_minor").iter_rows())
    assert posted == [(5, -4_000), (9, -6_000), (9, 7_000)]


def test_who_was_late_before_and_still_owes_is_slower(many: Creditor) -> None:
    portfolio = stand(creditor=many, currency="EUR", as_of=DAY)
    late = replace(portfolio, due=portfolio.due - 60)
    numbers = parameters()
    crowd, slow = (simulate._people(each, numbers, seed=1) for each in (portfolio, late))
    assert slow.temper.mean() < 0.8 * crowd.temper.mean()


def test_people_known_only_by_their_bills_pay_about_as_those_who_are_known_in_full() -> None:
    """The crowd of the demo lives some months; another is made of what its accounts tell; both live on alone."""
    invented = invent(customers=1_500, days=60, end=date(2026, 11, 20), rng=np.random.default_rng(3))
    known = people(invented, parameters(), seed=3)

    def luck(crowd: Crowd, day: int) -> Draws:
        return Draws(seed=3, day=day, invoices=crowd.amount.size, customers=crowd.kind.size)

    for day in range(-HISTORY_DAYS, 1):
        known.live(day, luck(known, day))
    open_now, done = np.flatnonzero(known.owing(0)), known.paid_on <= 0
    settled = np.bincount(known.customer[done], minlength=known.kind.size)
    late = np.bincount(known.customer[done & (known.paid_on + 2 > known.due)], minlength=known.kind.size)
    bills = Bills(
        start=invented.start, kind=known.kind, customer=known.customer[open_now], issued=known.issued[open_now],
        due=known.due[open_now], amount=known.left[open_now],
    )  # fmt: skip
    told = Crowd(bills, parameters(), seed=4)
    acquaint(told, late=late, settled=settled, seed=4)
    for day in range(1, 31):
        known.live(day, luck(known, day)), told.live(day, luck(told, day))
    for overdue in (False, True):
        which = (bills.due < 0) == overdue
        true, made = (known.paid_on[open_now][which] < NEVER).mean(), (told.paid_on[which] < NEVER).mean()
        assert made == pytest.approx(true, abs=0.1)


@pytest.mark.long
def test_a_replay_of_what_ran_says_what_the_days_decided(many: Creditor, post: Post) -> None:
    """Money comes in meanwhile, calls are made the same day: then step, customer and day agree."""
    days, first = 24, DAY
    bills = list(Invoice.objects.filter(creditor=many).order_by("pk"))
    for n in range(days):
        day = later(n)
        for bill in bills[n::29]:
            bill.refresh_from_db()
            if bill.open_minor and bill.issued_on <= day:
                worlds.paid(bill, bill.open_minor, on=day)
        live(day, day)
        if day.weekday() < 5:
            Task.objects.filter(kind="call", done_at=None).update(done_at=at(day, 14), outcome="no_answer")
    real = {
        (row.customer_id, row.step, row.as_of) for row in Decision.objects.filter(creditor=many).exclude(verdict="not")
    }
    found = replayed(many, contender(name="businesses,consumers", creditor=many), since=first, days=days)
    mine = {(who, step, day) for who, step, _channel, day in found["decisions"].iter_rows()}
    assert len(real) > 100
    assert len(real & mine) >= 0.95 * len(real | mine)
    assert found["by_channel"]["email"] == pytest.approx(
        Message.objects.filter(capped=True, state="sent").count(), rel=0.05
    )


def test_contenders_are_named_by_key_version_file_or_nobody(many: Creditor, tmp_path: Path) -> None:
    shelf.stock(now=at(DAY))
    data = dict(shelf.shipped()[0])
    own = shelf.save(data=data | {"steps": [mail(10, 1)]}, creditor=many, now=at(DAY))
    assert len(contender(name=data["key"], creditor=many).journeys[0].steps) > 1
    assert len(contender(name=f"{data['key']}@{own.version}", creditor=many).journeys[0].steps) == 1
    shelf.activate(own)
    assert len(contender(name=data["key"], creditor=many).journeys[0].steps) == 1
    file = tmp_path / "mine.yaml"
    file.write_text("key: mine\nsteps: [{key: a, level: 10, days: 1, channel: email, template: reminder_1}]\n")
    assert contender(name=str(file), creditor=many).journeys[0].key == "mine"
    assert contender(name="none", creditor=many).journeys == ()
    for wrong in ("", "nothing", "businesses@99", "a b", "../../x", str(tmp_path / "no.yaml"), str(tmp_path)):
        with pytest.raises(UnableToSimulate):
            contender(name=wrong, creditor=many)
    for text in ("[1, 2", "- a", "\x00", "key: mine\nsteps: []\n", "a: &a [*a]", "x" * 300_000):
        file.write_text(text)
        with pytest.raises(UnableToUse):
            contender(name=str(file), creditor=many)
    assert len(contender(name=f"house:{data['key']}", creditor=many).journeys[0].steps) > 1


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_window_that_makes_no_sense_is_refused(many: Creditor, days: int) -> None:
    with pytest.raises(UnableToSimulate):
        projected(many, NONE, days=days)
    with pytest.raises(UnableToSimulate):
        replayed(many, NONE, days=days)


def test_effects_that_make_no_sense_are_refused(many: Creditor) -> None:
    for effects in ((), (-1.0,), (math.inf,), (math.nan,)):
        with pytest.raises(UnableToSimulate):
            projected(many, NONE, effects=effects)


def test_a_creditor_without_anything_open_gives_empty_figures(db: None) -> None:
    house = worlds.creditor()
    found = projected(house, contender(name="businesses", creditor=house))
    assert (found["customers"], found["open_minor"], found["alone"]["cash_minor"]) == (0, 0, 0)
    assert replayed(house, contender(name="businesses", creditor=house))["contacts"] == 0


@pytest.mark.parametrize(
    ("better", "holds", "told"),
    [
        (["scenario"] * 3, True, "scenario"), (["against"] * 3, True, "against"), (["close"] * 3, False, "close"),
        (["scenario", "close", "against"], False, "turns"), (["close", "scenario", "scenario"], False, "sometimes"),
    ],
)  # fmt: skip
def test_a_ranking_holds_only_where_every_strength_says_the_same(better: list[str], holds: bool, told: str) -> None:
    found = simulate.ranking(better)
    assert (found["holds"], found["better"]) == (holds, told)
