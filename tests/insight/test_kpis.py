"""Each KPI against an example worked by hand, over a real PostgreSQL."""

from datetime import UTC, date, datetime, timedelta

import pytest

from amiable.insight.kpi import declared
from amiable.insight.measure import UnableToMeasure, figures, measure
from amiable.insight.models import Figure
from amiable.ledger.models import Entry
from amiable.outreach.models import Message, OptOut
from amiable.payments.models import Attempt
from amiable.portfolio.models import Membership
from amiable.scenario.models import Campaign, Recipient
from tests.insight.rows import (
    DAY,
    NOW,
    attempt,
    before,
    case,
    creditor,
    customer,
    invoice,
    message,
    paid,
    received,
    task,
    triple,
)

pytestmark = pytest.mark.django_db


def test_each_kpi_says_what_it_is() -> None:
    for key, each in declared().items():
        assert each.key == key
        assert str(each.label)
        assert str(each.formula)
        assert each.sources
    assert {"recovery_rate", "dso", "aged_balance", "overdue_contacted", "transactions_started"} <= set(declared())


def test_recovery_is_what_came_in_of_what_was_overdue_when_the_case_opened() -> None:
    helia = creditor()
    anna, boris = customer(helia, "A"), customer(helia, "B")
    old = invoice(anna, 10_000, issued=before(80), due=before(60))
    morning = invoice(anna, 7_000, issued=before(80), due=before(60))
    paid(morning, 7_000, on=before(50))  # the day of the opening, before it: not part of what was due
    case(anna, on=before(50), overdue=10_000)
    paid(old, 4_000, on=before(50))  # the same day, after it
    paid(old, 1_000, on=before(10), kind="credit_note")
    new = invoice(anna, 99_000, issued=before(45), due=before(30))  # came later: not part of this case's opening
    paid(new, 99_000, on=before(20))
    other = invoice(boris, 5_000, issued=before(60), due=before(40))
    case(boris, on=before(30), overdue=5_000)
    Entry.objects.create(kind="interest", invoice=other, amount_minor=300, effective_on=before(5), known_at=NOW)
    Entry.objects.create(kind="write_off", invoice=other, amount_minor=-2_000, effective_on=before(4), known_at=NOW)
    assert triple(helia, "recovery_rate") == (4_000 / 15_000, 4_000, 15_000)


def test_recovery_of_a_past_day_leaves_out_what_came_later() -> None:
    helia = creditor()
    anna = customer(helia)
    old = invoice(anna, 10_000, issued=before(80), due=before(60))
    case(anna, on=before(50), overdue=10_000)
    paid(old, 3_000, on=before(20))
    paid(old, 7_000, on=before(5))
    measure(as_of=before(10), now=NOW)
    reading = figures(creditor=helia, as_of=before(10), keys=["recovery_rate"])["recovery_rate"]
    assert (reading.numerator, reading.denominator) == (3_000, 10_000)


def test_recovery_without_cases_is_a_dash() -> None:
    assert triple(creditor(), "recovery_rate") == (None, None, None)


def test_money_received_counts_once() -> None:
    helia = creditor()
    anna = customer(helia)
    bank = received(anna, 5_000, on=before(3))
    received(anna, 5_000, on=before(4), provisional=True, confirmed_by=bank)
    received(anna, 800, on=before(29))
    received(anna, 900, on=before(30))  # a day too old
    received(anna, 700, on=before(2), kind="credit_note")
    Entry.objects.create(kind="refund", credit=bank, amount_minor=-1_000, effective_on=DAY, known_at=NOW)
    assert triple(helia, "received_30d") == (4_800.0, 4_800, None)


def test_aged_balance_by_segment_and_age_and_never_over_two_currencies() -> None:
    helia = creditor()
    anna, boris = customer(helia, "A"), customer(helia, "B")
    Membership.objects.create(customer=anna, currency="EUR", segment="loyal", since=before(90), until=before(10))
    Membership.objects.create(customer=anna, currency="EUR", segment="late", since=before(10))
    invoice(anna, 100, issued=before(20), due=DAY)  # the due day is not late
    invoice(anna, 200, issued=before(40), due=before(30))
    partly = invoice(anna, 400, issued=before(60), due=before(31))
    paid(partly, 150, on=before(1))
    invoice(boris, 1_000, issued=before(200), due=before(91))
    settled_later = invoice(boris, 50, issued=before(200), due=before(61))
    paid(settled_later, 50, on=DAY + timedelta(days=1))  # after the day
    invoice(boris, 77_700, issued=before(5), due=before(1), currency="GBP")
    measure(as_of=DAY, now=NOW)
    reading = figures(creditor=helia, as_of=DAY)["aged_balance"]
    assert {(each["segment"], each["bucket"]): value[1] for each, value in reading.slices} == {
        ("late", "not_due"): 100,
        ("late", "1_30"): 200,
        ("late", "31_60"): 250,
        ("", "61_90"): 50,
        ("", "over_90"): 1_000,
    }
    assert reading.numerator == 1_600
    assert triple(helia, "amount_overdue") == (1_500.0, 1_500, 1_600)
    assert triple(helia, "amount_overdue", "GBP") == (77_700.0, 77_700, 77_700)


def test_a_day_that_has_not_come_is_not_measured() -> None:
    creditor()
    with pytest.raises(UnableToMeasure, match="when that day has come"):
        measure(as_of=DAY + timedelta(days=1), now=NOW)


def test_dso_counts_the_billing_back_month_by_month() -> None:
    helia = creditor()
    anna = customer(helia)
    invoice(anna, 30_000, issued=date(2026, 5, 10), due=date(2026, 6, 9))
    april = invoice(anna, 20_000, issued=date(2026, 4, 10), due=date(2026, 5, 10))
    paid(april, 12_000, on=date(2026, 5, 12))
    march = invoice(anna, 10_000, issued=date(2026, 3, 10), due=date(2026, 4, 10))
    paid(march, 6_000, on=date(2026, 4, 12))
    received(anna, 2_000, on=date(2026, 5, 20))  # not used yet: owed 42 000 − 2 000
    # 40 000 = May 30 000 (31 days) + half of April's 20 000 (15 of 30 days)
    assert triple(helia, "dso") == (46.0, 40_000, 50_000)


def test_dso_is_nought_when_all_is_paid_and_a_dash_when_billing_does_not_explain_it() -> None:
    helia, valmont = creditor(), creditor("valmont")
    whole = invoice(customer(helia), 500, issued=before(20), due=before(1))
    paid(whole, 500, on=DAY)
    invoice(customer(valmont), 500, issued=date(2019, 1, 1), due=date(2019, 2, 1))
    assert triple(helia, "dso")[:2] == (0.0, 0)
    assert triple(valmont, "dso")[:2] == (None, 500)


def test_transactions_by_journey() -> None:
    helia = creditor()
    anna = customer(helia)
    for journey, state, errors in [
        ("email_link", "succeeded", 1),
        ("email_link", "abandoned", 2),
        ("email_link", "failed", 0),
        ("email_link", "started", 0),  # under way: neither
        ("email_link", "opened", 0),  # never began
        ("portal", "succeeded", 0),
    ]:
        attempt(anna, journey, state, errors=errors)
    attempt(anna, "portal", "abandoned", days=31)
    assert triple(helia, "transactions_started") == (5.0, 5, None)
    assert triple(helia, "transactions_input_error") == (2.0, 2, 5)
    assert triple(helia, "transactions_not_completed") == (2.0, 2, 5)
    reading = figures(creditor=helia, as_of=DAY)["transactions_not_completed"]
    assert reading.slices == [
        ({"journey": "email_link"}, (2.0, 2, 4)), ({"journey": "portal"}, (0.0, 0, 1)), ({"segment": ""}, (2.0, 2, 5)),
    ]  # fmt: skip


def test_late_customers_contacted_by_message_or_call() -> None:
    helia = creditor()
    written, called, receipt_only, long_ago, withheld, punctual = (customer(helia, name) for name in "ABCDEF")
    for who in (written, called, receipt_only, long_ago, withheld):
        invoice(who, 100, issued=before(40), due=before(10))
    invoice(punctual, 100, issued=before(5), due=DAY)
    message(written, days=29)
    message(punctual, days=2)
    message(receipt_only, days=1, capped=False)
    message(long_ago, days=30)
    message(withheld, days=1, state="withheld")
    task(called, "call", days=0)
    assert triple(helia, "overdue_contacted") == (0.4, 2, 5)
    assert triple(helia, "messages_sent") == (3.0, 3, None)
    OptOut.objects.create(customer=written, medium="email", address="a@example.org", since=NOW, origin="one_click")
    assert triple(helia, "opt_outs") == (1.0, 1, 3)


def test_the_days_of_a_creditor_end_at_its_own_midnight() -> None:
    helia = creditor()
    anna = customer(helia)
    message(anna, days=0)
    Message.objects.update(sent_at=datetime(2026, 5, 31, 22, 30, tzinfo=UTC))  # half past midnight in Paris
    assert triple(helia, "messages_sent")[1] == 0
    assert triple(creditor("azores", time_zone="Atlantic/Azores"), "messages_sent")[1] == 0


def test_measuring_again_writes_only_what_changed() -> None:
    helia = creditor()
    anna = customer(helia)
    owed = invoice(anna, 1_000, issued=before(40), due=before(10))
    first = measure(as_of=DAY, now=NOW)
    assert first.written > 0
    assert first.unchanged == 0
    again = measure(as_of=DAY, now=NOW + timedelta(hours=1))
    assert (again.written, again.unchanged) == (0, first.written)
    paid(owed, 1_000, on=DAY)
    later = measure(as_of=DAY, now=NOW + timedelta(hours=2))
    assert 0 < later.written < first.written
    newest = figures(creditor=helia, as_of=DAY)
    assert newest["amount_overdue"].numerator == 0
    assert newest["aged_balance"].slices == []  # what is gone is not shown
    totals = Figure.objects.filter(kpi="amount_overdue", slice={}).order_by("measured_at")
    assert [row.numerator for row in totals] == [1_000, 0]
    assert measure(as_of=DAY, now=NOW + timedelta(hours=3)).written == 0


def test_history_is_a_value_per_day_and_creditors_do_not_mix() -> None:
    helia, valmont = creditor(), creditor("valmont")
    invoice(customer(helia), 1_000, issued=before(40), due=before(2))
    for days in (3, 2, 1, 0):
        measure(as_of=before(days), now=NOW)
    reading = figures(creditor=helia, as_of=DAY)["amount_overdue"]
    assert reading.history == [(before(3), 0.0), (before(2), 0.0), (before(1), 1_000.0), (DAY, 1_000.0)]
    assert reading.as_of == DAY
    assert figures(creditor=valmont, as_of=DAY)["amount_overdue"].value == 0.0
    assert figures(creditor=helia, as_of=before(2))["amount_overdue"].value == 0.0


def test_transactions_by_campaign_step_and_segment_and_by_amount() -> None:
    helia = creditor()
    anna = customer(helia)
    Membership.objects.create(customer=anna, currency="EUR", segment="late", since=before(90), until=before(1))
    Membership.objects.create(customer=anna, currency="EUR", segment="good", since=before(1))
    attempt(anna, "email_link", "failed", days=2)
    attempt(anna, "email_link", "succeeded", errors=1, days=1)
    Attempt.objects.filter(state="failed").update(campaign_ref=7, amount_minor=300)
    Attempt.objects.filter(state="succeeded").update(step="reminder_1")
    measure(as_of=DAY, now=NOW)
    read = figures(creditor=helia, as_of=DAY)
    parts = {next(iter(each.items())): value[1:] for each, value in read["transactions_not_completed"].slices}
    assert parts == {
        ("journey", "email_link"): (1, 2), ("campaign", 7): (1, 1), ("step", "reminder_1"): (0, 1), ("segment", "late"): (1, 1),
        ("segment", "good"): (0, 1),
    }  # fmt: skip
    assert (read["amount_not_completed"].numerator, read["amount_not_completed"].denominator) == (300, 400)
    assert read["amount_input_error"].numerator == 100


def test_what_a_providers_page_hides_is_not_measurable(monkeypatch: pytest.MonkeyPatch) -> None:
    helia = creditor()
    anna = customer(helia)
    attempt(anna, "email_link", "succeeded")
    attempt(anna, "portal", "succeeded", errors=1)
    Attempt.objects.filter(journey="email_link").update(provider="secretive")
    reading = triple(helia, "transactions_input_error")
    assert reading == (1.0, 1, 1)  # only of the tries that are told of
    read = figures(creditor=helia, as_of=DAY)["transactions_input_error"]
    assert read.slices == [
        ({"journey": "email_link"}, (None, None, 1)), ({"journey": "portal"}, (1.0, 1, 1)), ({"segment": ""}, (1.0, 1, 1)),
    ]  # fmt: skip
    Attempt.objects.filter(journey="portal").delete()
    assert triple(helia, "transactions_input_error") == (None, None, 1)


def test_recovery_by_segment_journey_and_step() -> None:
    helia = creditor()
    anna, boris = customer(helia, "A"), customer(helia, "B")
    Membership.objects.create(customer=anna, currency="EUR", segment="late", since=before(90), until=before(20))
    Membership.objects.create(customer=boris, currency="EUR", segment="good", since=before(90))
    for who in (anna, boris):
        owed = invoice(who, 10_000, issued=before(80), due=before(60))
        case(who, on=before(50), overdue=10_000)
        if who == anna:
            by_link = paid(owed, 4_000, on=before(30), provisional=True)
            attempt(anna, "sms_link", "succeeded", days=30)
            Attempt.objects.update(credit=by_link, step="reminder_2")
            paid(owed, 1_000, on=before(20))  # a transfer
    measure(as_of=DAY, now=NOW)
    reading = figures(creditor=helia, as_of=DAY)["recovery_rate"]
    assert (reading.numerator, reading.denominator) == (5_000, 20_000)
    assert {next(iter(each.items())): value[1:] for each, value in reading.slices} == {
        ("segment", "late"): (5_000, 10_000), ("segment", "good"): (0, 10_000), ("journey", "sms_link"): (4_000, 20_000),
        ("journey", "other"): (1_000, 20_000), ("step", "reminder_2"): (4_000, 20_000),
    }  # fmt: skip


def test_recovery_of_a_campaign_is_what_came_soon_after_its_message() -> None:
    helia = creditor()
    anna, boris = customer(helia, "A"), customer(helia, "B")
    spring = Campaign.objects.create(
        creditor=helia, name="Spring", template="reminder_1", channel="email", starts_on=before(40), ends_on=before(20)
    )
    for who, days in ((anna, 5), (boris, 25)):
        owed = invoice(who, 10_000, issued=before(80), due=before(60))
        Recipient.objects.create(campaign=spring, customer=who, amount_minor=10_000)
        message(who, days=30)
        Message.objects.filter(customer=who).update(campaign_ref=spring.pk, about=[owed.pk])
        paid(owed, 6_000, on=before(30 - days))
    measure(as_of=DAY, now=NOW)
    reading = figures(creditor=helia, as_of=DAY)["campaign_recovery"]
    assert reading.slices == [({"campaign": spring.pk}, (0.3, 6_000, 20_000))]
