"""The forecast over a real ledger: what is expected, by which day, what is left out; and as it was known on a day."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from django.utils.translation import override

from amiable.casework.dispute import open_dispute, resolve_dispute
from amiable.insight.forecast import divide
from amiable.insight.forecast.foresee import Outlook, UnableToForesee
from amiable.insight.forecast.gather import MARKS, gather, since
from amiable.insight.forecast.keep import keep
from amiable.insight.forecast.of_customer import Awaited, Foretold, of_customer
from amiable.insight.models import Forecast
from amiable.ledger import hold, post
from amiable.ledger.models import Customer, Invoice, Sale
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Attempt, Instalment, Mandate, Plan, PlanState, Promise, StandingOrder
from tests.insight.forecast_rows import payers, told
from tests.world import DAY, World, at, build, credit, invoice, later, paid

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return payers()


def middle(outlook: Outlook, currency: str = "EUR") -> list[int]:
    [one] = [each for each in outlook.currencies if each.currency == currency]
    return [week.middle for week in one.weeks]


def test_each_customer_is_expected_by_their_own_habit(world: World) -> None:
    """Due in three days: Emil's money comes in the first week, Boris's in the second."""
    invoice(world.emil, 10_000, due_on=later(3))
    emil = middle(told(world))
    assert emil[0] > 7_000
    invoice(world.boris, 10_000, due_on=later(3))
    both = middle(told(world))
    assert both[1] - emil[1] > 6_000
    assert both[0] - emil[0] < 2_500
    [one] = told(world).currencies
    assert (one.open_minor, one.netted_minor, one.outside_minor) == (20_000, 0, 0)
    first = one.weeks[0]
    assert (first.since, first.until) == (later(1), later(7))
    assert first.low <= first.middle <= first.high
    assert first.plain == 10_000  # Emil on his day; Boris's mean lies in the second week
    assert one.later_minor == one.open_minor - one.weeks[-1].upto_middle


def test_a_day_is_seen_with_what_was_known_by_its_evening(world: World) -> None:
    open_ = invoice(world.emil, 10_000, due_on=later(3))
    secret = invoice(world.boris, 99_000, due_on=later(3), known_at=at(later(5)))
    before = told(world)
    paid(open_, on=later(2))
    late = invoice(world.emil, 5_000, due_on=DAY - timedelta(days=9))
    seen = told(world)
    paid(late, on=DAY - timedelta(days=9), known_on=later(20))  # it came before the day, and was learnt after it
    credit(world.emil, 3_000, received_on=DAY - timedelta(days=1), known_at=at(later(6)))
    post.write_off(invoice=secret, amount_minor=99_000, reason="x", as_of=later(9), now=at(later(9)))
    assert middle(told(world)) == middle(seen)
    assert sum(middle(seen)) > sum(middle(before)) > 9_000
    [one] = told(world).currencies
    assert one.open_minor == 15_000


def test_what_has_been_paid_already_is_not_expected_again(world: World) -> None:
    invoice(world.emil, 10_000, due_on=later(3))
    invoice(world.emil, 7_000, due_on=later(9))
    credit(world.emil, 12_000)
    credit(world.boris, 5_000)  # nothing of Boris's is open: it nets nothing of another customer's
    [one] = told(world).currencies
    assert (one.open_minor, one.netted_minor) == (5_000, 12_000)
    assert sum(week.middle for week in one.weeks) <= 5_000


def test_sold_invoices_and_the_insolvent_are_left_out_and_named(world: World) -> None:
    sold = invoice(world.emil, 10_000, due_on=later(3))
    invoice(world.dora, 20_000, due_on=later(3))
    invoice(world.boris, 1_000, due_on=later(3))
    Sale.objects.create(customer=world.emil, invoice=sold, since=DAY, created_at=at(DAY))
    [one] = told(world).currencies
    assert (one.open_minor, one.outside_minor) == (1_000, 30_000)
    Sale.objects.update(until=later(5))
    hold.lift(source_ref="bodacc:1", on=later(5))
    [one] = told(world, as_of=later(6)).currencies
    assert (one.open_minor, one.outside_minor) == (31_000, 0)


def test_a_promise_moves_the_money_to_its_day(world: World) -> None:
    """Emil pays on the day; this one he has promised for four weeks later."""
    late = invoice(world.emil, 10_000, due_on=DAY)
    without = middle(told(world))
    promise(world.emil, late, for_=later(24))
    [one] = told(world).currencies
    assert one.weeks[0].middle < without[0] / 3
    assert one.weeks[3].parts["promise"] > 2_000
    assert sum(sum(week.parts.values()) for week in one.weeks) == pytest.approx(sum(middle(told(world))), abs=20)


def test_promises_of_who_breaks_them_are_worth_less(world: World) -> None:
    """What is learnt of promises is what became of the invoices: kept on the day, or paid weeks later."""
    for n in range(12):
        day = DAY - timedelta(days=60 + 8 * n)
        for who, delay in ((world.boris, 25), (world.emil, 0)):
            which = invoice(who, due_on=day - timedelta(days=20))
            promise(who, which, for_=day, taken=day - timedelta(days=5))
            paid(which, on=day + timedelta(days=delay))
    for who in (world.boris, world.emil):
        promise(who, invoice(who, 10_000, due_on=DAY - timedelta(days=20)), for_=later(3))
    keep(creditor=world.house, as_of=DAY, now=at(DAY))
    boris, emil = of(world.boris), of(world.emil)
    assert emil.day is not None
    assert boris.day is not None
    assert emil.day <= later(4)
    assert boris.day > later(14)
    assert emil.reason == "Promised for 5 Mar 2026. Of 12 invoices promised in a year, 12 were paid in time."
    assert "0 were paid in time" in boris.reason


def test_a_promise_long_past_says_nothing_any_more(world: World) -> None:
    late = invoice(world.emil, 10_000, due_on=DAY - timedelta(days=60))
    promise(world.emil, late, for_=DAY - timedelta(days=29), taken=DAY - timedelta(days=40))
    assert gather(creditor=world.house, as_of=DAY).open["part"].to_list() == ["promise"]
    assert gather(creditor=world.house, as_of=later(1)).open["part"].to_list() == ["due"]


def parts(world: World, day: date) -> list[tuple[Any, ...]]:
    return gather(creditor=world.house, as_of=day).open.sort("due_on").select("part", "day", "minor").rows()


def test_the_end_of_a_word_ends_that_word_alone(world: World) -> None:
    """A promise that was renewed: what the first one was says nothing of the second; each has its own end."""
    due = DAY - timedelta(days=20)
    late = invoice(world.emil, 10_000, due_on=due)
    promise(world.emil, late, for_=later(5))
    promise(world.emil, late, for_=later(40), taken=later(12))
    assert parts(world, later(11)) == [("promise", later(5), 10_000)]
    assert parts(world, later(36)) == [("promise", later(40), 10_000)]  # 30 days after the first one's day
    assert parts(world, later(70)) == [("due", due, 10_000)]
    # The end of a word that no longer counted does not hide the next one's.
    promise(world.emil, late, for_=later(80), taken=later(71))
    dispute = open_dispute(invoice=late, reason="amount", as_of=later(60), now=at(later(60)))
    resolve_dispute(dispute=dispute, resolution="refused", as_of=later(75), now=at(later(75)))
    assert parts(world, later(80)) == [("promise", later(80), 10_000)]
    assert parts(world, later(110)) == [("due", due, 10_000)]


def test_what_is_sold_or_stopped_is_out_whatever_is_said_later(world: World) -> None:
    sold = invoice(world.emil, 10_000, due_on=DAY)
    sale = Sale.objects.create(customer=world.emil, invoice=sold, since=DAY, created_at=at(DAY))
    hold.place(kind="moratorium", source_ref="m:1", customer=world.emil, since=later(1), now=at(later(1)))
    promise(world.emil, sold, for_=later(9), taken=later(2))
    assert parts(world, later(3)) == []
    hold.lift(source_ref="m:1", on=later(5))
    assert parts(world, later(6)) == []  # still sold
    Sale.objects.filter(pk=sale.pk).update(until=later(7))
    assert parts(world, later(7)) == [("promise", later(9), 10_000)]


def test_an_amount_told_of_several_invoices_is_expected_once(world: World) -> None:
    """A hundred promised on two of eighty, of which one had been paid in part: sixty on it, forty on the other."""
    first, second = (invoice(world.emil, 8_000, due_on=DAY - timedelta(days=n)) for n in (30, 20))
    paid(first, 2_000, on=DAY - timedelta(days=10))
    both = promise(world.emil, first, for_=later(3))
    Promise.objects.filter(pk=both.pk).update(amount_minor=10_000, invoices=[second.pk, first.pk], taken_at=at(DAY))
    told_of = gather(creditor=world.house, as_of=DAY).open.sort("due_on", "part", descending=[False, True])
    assert told_of.select("part", "minor").rows() == [("promise", 6_000), ("promise", 4_000), ("due", 4_000)]
    Promise.objects.filter(pk=both.pk).update(amount_minor=5_000)
    told_of = gather(creditor=world.house, as_of=DAY).open.sort("due_on", "part", descending=[False, True])
    assert told_of.select("part", "minor").rows() == [("promise", 5_000), ("due", 1_000), ("due", 8_000)]
    # What comes on the first is no reason to expect more on the second.
    Promise.objects.filter(pk=both.pk).update(amount_minor=10_000)
    paid(first, 6_000, on=later(1))
    told_of = gather(creditor=world.house, as_of=later(1)).open.sort("part", descending=True)
    assert told_of.select("part", "minor").rows() == [("promise", 4_000), ("due", 4_000)]


def test_an_amount_debited_of_several_invoices_is_expected_once(world: World) -> None:
    first, second = (invoice(world.emil, 8_000, due_on=DAY - timedelta(days=n)) for n in (30, 20))
    tried = open_attempt(
        customer=world.emil, amount_minor=10_000, currency="EUR", invoices=[second.pk, first.pk], journey="portal",
        now=at(DAY),
    )  # fmt: skip
    Attempt.objects.filter(pk=tried.pk).update(state="pending", started_at=at(DAY))
    rows = gather(creditor=world.house, as_of=DAY).open.sort("due_on", "part")
    assert rows.select("part", "minor").rows() == [("debit", 8_000), ("debit", 2_000), ("due", 6_000)]


def test_a_plan_stands_in_the_place_of_its_invoices(world: World) -> None:
    owed = invoice(world.emil, 30_000, due_on=DAY - timedelta(days=50))
    plan = agreed(world.emil, owed, days=(5, 33, 61))
    rows = gather(creditor=world.house, as_of=DAY).open.sort("day")
    assert rows["part"].to_list() == ["plan"] * 3
    assert rows["minor"].to_list() == [10_000] * 3
    [one] = told(world).currencies
    assert one.weeks[0].parts["plan"] > one.weeks[2].parts.get("plan", 0)
    paid(owed, 14_000, on=later(5))
    rows = gather(creditor=world.house, as_of=later(5)).open.sort("day")
    assert rows["minor"].to_list() == [6_000, 10_000]
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.BROKEN, ended_on=later(50))
    rows = gather(creditor=world.house, as_of=later(50)).open
    assert rows.select("part", "minor").rows() == [("due", 16_000)]
    assert gather(creditor=world.house, as_of=later(49)).open["part"].unique().to_list() == ["plan"]


def test_a_plan_never_brings_more_than_is_open(world: World) -> None:
    owed = invoice(world.emil, 30_000, due_on=DAY - timedelta(days=50))
    agreed(world.emil, owed, days=(5, 33, 61))
    credit(world.emil, 12_000)
    assert gather(creditor=world.house, as_of=DAY).open["minor"].sum() == 18_000


def test_the_contested_part_waits_apart_and_comes_back_when_it_is_settled(world: World) -> None:
    bill = invoice(world.clara, 10_000, due_on=DAY - timedelta(days=5))
    dispute = open_dispute(invoice=bill, reason="amount", amount_minor=4_000, as_of=DAY, now=at(DAY))
    rows = gather(creditor=world.house, as_of=DAY).open.sort("minor")
    assert rows.select("part", "minor").rows() == [("dispute", 4_000), ("due", 6_000)]
    resolve_dispute(dispute=dispute, resolution="refused", as_of=later(8), now=at(later(8)))
    assert gather(creditor=world.house, as_of=later(8)).open.select("part", "minor").rows() == [("due", 10_000)]
    assert gather(creditor=world.house, as_of=later(7)).open.height == 2


def test_what_ended_in_credit_notes_is_no_money(world: World) -> None:
    """Of fifteen contested invoices all ended without money; the next one is not expected either, and an uncontested one is."""
    for n in range(15):
        day = DAY - timedelta(days=60 + 6 * n)
        bill = invoice(world.clara, due_on=day)
        open_dispute(invoice=bill, reason="quality", as_of=day, now=at(day))
        post.write_off(
            invoice=bill,
            amount_minor=10_000,
            reason="x",
            as_of=day + timedelta(days=9),
            now=at(day + timedelta(days=9)),
        )
    bill = invoice(world.clara, 10_000, due_on=DAY)
    open_dispute(invoice=bill, reason="quality", as_of=DAY, now=at(DAY))
    [one] = told(world).currencies
    assert one.weeks[-1].upto_middle < 2_500


def test_a_standing_order_debits_on_the_due_date(world: World) -> None:
    """Boris pays ten days late by hand; what falls due after his word is debited on the day."""
    mandate = Mandate.objects.create(customer=world.boris, provider="dummy", token="t", asked_at=at(DAY), signed_on=DAY)
    StandingOrder.objects.create(customer=world.boris, currency="EUR", mandate=mandate, given_at=at(DAY))
    invoice(world.boris, 10_000, due_on=later(3))
    invoice(world.boris, 5_000, due_on=DAY - timedelta(days=2))
    [one] = told(world).currencies
    assert one.weeks[0].parts["debit"] > 6_000
    StandingOrder.objects.update(ended_at=at(later(1)))
    assert gather(creditor=world.house, as_of=later(1)).open["part"].to_list() == ["due", "due"]


def test_currencies_and_creditors_stay_apart(world: World) -> None:
    invoice(world.emil, 10_000, due_on=later(3))
    invoice(world.emil, 777, due_on=later(3), currency="JPY")
    invoice(world.nadia, 50_000, due_on=later(3))
    outlook = told(world)
    assert [(each.currency, each.open_minor) for each in outlook.currencies] == [("EUR", 10_000), ("JPY", 777)]
    assert 400 < middle(outlook, "JPY")[0] <= 777


def test_where_nothing_can_be_told_a_sentence_says_why() -> None:
    world = build()
    with override("en"):
        assert told(world).sentence == "No invoice of the year before 2 Mar 2026 was known by then."
        paid(invoice(world.anna), on=DAY)
        assert told(world).sentence == "Nothing is open on 2 Mar 2026 from which money could be expected."
        invoice(world.anna)
        outlook = told(world)
        assert outlook.currencies == ()
        assert "1 payments in a year; 20 are needed" in outlook.sentence
        assert told(world, as_of=date(2001, 1, 1)).why == "no_past"
        with pytest.raises(UnableToForesee, match="still to come"):
            told(world, as_of=later(1), today=DAY)
        with pytest.raises(UnableToForesee, match="from 1 to 52 weeks"):
            told(world, weeks=0)


def test_one_customer_alone_is_a_house_too(world: World) -> None:
    lone = [row.pk for row in (world.anna, world.boris, world.clara, world.dora)]
    Invoice.objects.filter(customer__in=lone, open_minor__gt=0).delete()
    invoice(world.emil, 10_000, due_on=later(3))
    [one] = told(world).currencies
    assert one.weeks[0].low < one.weeks[0].middle <= one.weeks[0].high <= 10_000


def test_a_customer_is_told_invoice_by_invoice_with_reasons(world: World) -> None:
    due = invoice(world.boris, 10_000, due_on=later(3))
    covered = invoice(world.boris, 5_000, due_on=DAY - timedelta(days=30))
    credit(world.boris, 5_000)
    fresh = invoice(world.anna, 10_000, due_on=later(3))
    invoice(world.dora, 10_000, due_on=later(3))
    with override("en"):
        nothing = of_customer(customer=world.boris, as_of=DAY)
        assert (nothing.lines, nothing.silence[:26]) == ((), "No forecast was made in th")
    keep(creditor=world.house, as_of=DAY, now=at(DAY))
    with override("en"):
        first, second = of_customer(customer=world.boris, as_of=later(1)).lines
        assert (first.invoice, first.day, first.chance) == (covered.pk, None, None)
        assert first.reason == "Covered by money or a credit note that is there already."
        assert second.invoice == due.pk
        assert second.early is not None
        assert second.day is not None
        assert later(9) <= second.day <= later(15)
        assert second.early <= second.day
        assert second.reason == "Pays 10 days after the due date as a rule (15 invoices in a year)."
        anna = of(world.anna)
        assert anna.invoice == fresh.pk
        assert anna.reason.startswith("Few invoices")
        assert of(world.dora).day is None
        assert of_customer(customer=world.clara, as_of=DAY) == Foretold()
        Forecast.objects.update(why="too_little", learnt_from=7)  # the house's guesses are no customer's habit
        told_little = of_customer(customer=world.boris, as_of=DAY)
        assert (told_little.lines, "7 payments in a year" in told_little.silence) == ((), True)


def test_open_items_loaded_late_do_not_make_the_past_look_slow() -> None:
    """A load of open items alone is seen from its day; one that brings settled invoices too is seen whole."""
    day = date(2026, 1, 1)
    rows = pl.DataFrame({
        "issued_on": [day] * 4, "known_on": [date(2026, 2, 1)] * 2 + [date(2026, 2, 2)] * 2,
        "until": [None, date(2026, 2, 20), None, date(2026, 1, 20)],
    })  # fmt: skip
    assert since(rows)["since"].to_list() == [date(2026, 2, 1)] * 2 + [day] * 2


def test_the_newest_word_about_an_invoice_counts() -> None:
    """A dispute that is resolved after a plan began takes nothing away from the plan."""
    lived = pl.DataFrame({
        "invoice": [1, 2], "due_on": [DAY] * 2, "since": [DAY - timedelta(days=30)] * 2, "until": [None, later(9)],
        "amount": [100] * 2,
    }, schema_overrides={"until": pl.Date})  # fmt: skip
    marks = pl.DataFrame(
        [
            (1, "dispute", 1, DAY, DAY, None), (1, "plan", 2, later(5), None, None),
            (1, "end:dispute", 1, later(7), None, None),
            (2, "promise", 1, DAY, later(20), 40), (2, "end:promise", 1, later(50), None, None),
        ],
        schema=MARKS, orient="row",
    )  # fmt: skip
    cut = divide.segments(lived, marks).select("invoice", "part", "since", "until", "paid").sort("invoice", "since")
    month = DAY - timedelta(days=30)
    assert cut.rows() == [
        (1, "due", month, DAY, False), (1, "dispute", DAY, later(5), False), (1, "plan", later(5), None, True),
        (2, "due", month, DAY, False), (2, "promise", DAY, later(9), True),
    ]  # fmt: skip


def promise(who: Customer, which: Invoice, *, for_: date, taken: date = DAY) -> Promise:
    return Promise.objects.create(
        customer=who, currency="EUR", amount_minor=which.amount_minor, promised_for=for_, invoices=[which.pk],
        taken_at=at(taken), origin="call",
    )  # fmt: skip


def agreed(who: Customer, owed: Invoice, *, days: tuple[int, ...]) -> Plan:
    plan = Plan.objects.create(
        customer=who, currency="EUR", total_minor=owed.amount_minor, invoices=[owed.pk], state=PlanState.AGREED,
        offered_at=at(DAY), agreed_at=at(DAY),
    )  # fmt: skip
    part = owed.amount_minor // len(days)
    Instalment.objects.bulk_create(Instalment(plan=plan, due_on=later(day), amount_minor=part) for day in days)
    return plan


def of(who: Customer) -> Awaited:
    with override("en"):
        [one] = of_customer(customer=who, as_of=DAY).lines
    return one
