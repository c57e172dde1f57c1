"""Journeys, payments, team and relation: worked by hand, fair to people, and silent where nothing is known."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse

from amiable.casework.models import Dispute
from amiable.core.models import User
from amiable.insight.board import Board, Section, show
from amiable.insight.boards import relation
from amiable.insight.came import came
from amiable.insight.grains.recovery import STAGES
from amiable.insight.kpi import Unit
from amiable.insight.measure import measure
from amiable.insight.over import Sum, Sums, Want, over
from amiable.ledger.models import Creditor
from amiable.outreach.models import Event, Message
from amiable.payments.models import Attempt, Promise
from amiable.portfolio.models import Membership
from amiable.scenario.models import Campaign, Recipient, Scenario
from tests.insight.rows import (
    DAY,
    NOW,
    at,
    attempt,
    before,
    case,
    creditor,
    customer,
    invoice,
    message,
    paid,
    task,
)
from tests.world import survey_answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
BOARDS = ("journeys", "payments", "team", "relation")


def shown(of: Creditor, key: str, *, days: int = 30, later: int = 0, currency: str = "") -> Board:
    return show(key=key, creditor=of, as_of=DAY + timedelta(days=later), days=days, currency=currency)


def section(board: Board, key: str) -> Section:
    return next(each for each in board.sections if each.key == key)


def lines(board: Board, key: str) -> dict[Any, tuple[Any, ...]]:
    return {line.cells[0]: line.cells[1:] for line in section(board, key).lines}


def tile(board: Board, key: str) -> tuple[float | None, float | None]:
    return next((each.value, each.before) for each in board.tiles if each.key == key)


def measured(of: Creditor | None = None) -> Creditor:
    helia = of or creditor()
    measure(as_of=DAY, now=NOW)
    return helia


@pytest.mark.parametrize("key", BOARDS)
def test_an_empty_portfolio_says_nothing_wrong(key: str) -> None:
    helia = creditor()
    for told in (shown(helia, key), shown(measured(helia), key, later=1)):
        assert all(
            each.value is None for each in told.tiles if each.unit in {Unit.PERCENT, Unit.DAYS, Unit.SCORE, Unit.PRICE}
        )
        assert [each.key for each in told.sections if each.lines] == []
        assert all(each.empty for each in told.sections)
        assert list(told.alarms) == []


@pytest.mark.parametrize("key", BOARDS)
def test_days_after_the_last_measuring_are_not_known(key: str) -> None:
    helia = creditor()
    anna = customer(helia)
    attempt(anna, "portal", "failed")
    message(anna, days=2)
    task(anna, "call", days=2, outcome="refused", done_by=User.objects.create(username="julie"))
    measured(helia)
    assert any(each.lines for each in shown(helia, key, later=1).sections)  # measured only yesterday
    late = shown(helia, key, later=40)  # nothing was measured in these days
    assert [each.value for each in late.tiles if each.value is not None] == []
    assert [each.key for each in late.sections if each.lines] == []


@pytest.mark.parametrize("key", BOARDS)
def test_what_a_board_asks_of_the_database(key: str, django_assert_max_num_queries: Any) -> None:
    helia = creditor()
    anna, julie = customer(helia), User.objects.create(username="julie")
    attempt(anna, "portal", "failed")
    message(anna, days=2)
    task(anna, "call", days=2, outcome="refused", done_by=julie)
    measured(helia)
    with django_assert_max_num_queries(10):
        shown(helia, key)


def test_every_leak_between_due_and_paid_is_named() -> None:
    helia = creditor()
    people = {name: customer(helia, name) for name in ("silent", "told", "reached", "tried")}
    for who in people.values():
        case(who, on=before(40), overdue=1_000)
        owed = invoice(who, 1_000, issued=before(80), due=before(50))
        paid(owed, {"silent": 300, "told": 0, "reached": 500, "tried": 900}[who.number] or 1, on=before(3))
    for name, days in (("told", 35), ("reached", 30), ("tried", 20)):
        sent = message(people[name], days=days)
        if name == "reached":
            Event.objects.create(source="t", external_id="1", message=sent, kind="opened", at=at(29))
    attempt(people["tried"], "email_link", "succeeded", days=10)
    told = shown(measured(helia), "journeys")
    assert lines(told, "funnel") == {
        "Overdue at the opening": (4_000, 1.0, None, 1_000, 300, 700),
        "Contacted": (3_000, 0.75, None, 1_000, 1, 999),
        "Reached": (2_000, 0.5, None, 1_000, 500, 500),
        "Tried to pay": (1_000, 0.25, None, 100, None, 100),
        "Paid after a try": (900, 0.225, None, None, None, None),
    }
    # Behind each stage stand those who came so far; behind the end, the tries that were paid.
    leads = [each.to for each in section(told, "funnel").lines if each.to]
    since, until = date.fromisoformat(leads[0].asks["since"]), date.fromisoformat(leads[0].asks["until"])
    behind = [came(creditor=helia, stage=stage, since=since, until=until, currency="EUR") for stage in STAGES]
    names = {who.pk: name for name, who in people.items()}
    assert [{names[pk] for pk in found} for found in behind] == [
        {"silent", "told", "reached", "tried"}, {"told", "reached", "tried"}, {"reached", "tried"}, {"tried"}
    ]  # fmt: skip
    among = [pk for pk, name in names.items() if name != "reached"]
    some = came(creditor=helia, stage="contacted", since=since, until=until, among=among)
    assert {names[pk] for pk in some} == {"told", "tried"}
    assert [each.asks.get("stage") for each in leads] == [*STAGES, None]
    assert (leads[-1].place, leads[-1].asks["show"]) == ("payments", "paid")
    assert came(creditor=helia, stage="due", since=since, until=until, currency="USD") == []
    assert came(creditor=helia, stage="due", since=since, until=before(41)) == []
    assert "€40.00" in section(told, "funnel").says[0]
    assert "€17.01 came in" in section(told, "funnel").says[0]
    whole = next(each for each in told.tiles if each.key == "recovery_rate")
    assert whole.numerator == 1_701  # what came all the same and after a try add up to the rate


def test_the_share_before_is_of_cases_as_young_as_these_were() -> None:
    helia = creditor()
    anna = customer(helia)
    case(anna, on=before(60), overdue=1_000)
    invoice(anna, 1_000, issued=before(90), due=before(70))
    message(anna, days=35)
    measure(as_of=before(40), now=NOW)
    measure(as_of=before(30), now=NOW)
    told = shown(measured(helia), "journeys")
    assert lines(told, "funnel")["Contacted"][1:3] == (1.0, 1.0)
    assert lines(shown(helia, "journeys", days=365), "funnel")["Contacted"][2] is None


def test_what_left_and_what_it_brought_by_step() -> None:
    helia = creditor()
    anna = customer(helia)
    for days, step in ((3, "reminder_1"), (4, "reminder_1"), (5, "")):
        sent = message(anna, days=days)
        type(sent).objects.filter(pk=sent.pk).update(step=step)
    Event.objects.create(source="t", external_id="1", message=sent, kind="opened", at=at(2))
    for state in ("succeeded", "failed", "started"):
        attempt(anna, "email_link", state)
    Attempt.objects.update(step="reminder_1")
    told = shown(measured(helia), "journeys")
    assert lines(told, "by-step") == {
        "First reminder": (2, 0, 0.0, 3, 1, pytest.approx(1 / 3), 100), "Of none of them": (1, 1, 1.0, 0, 0, None, 0),
    }  # fmt: skip
    link = section(told, "by-step").lines[0].to
    assert link is not None
    assert (link.place, link.asks["key"]) == ("payments", "reminder_1")


def test_letters_that_cannot_tell_are_a_dash() -> None:
    helia = creditor()
    message(customer(helia), days=3, medium="letter")
    assert lines(shown(measured(helia), "journeys"), "by-channel")["Letter"][:3] == (1, None, None)


def tries(helia: Creditor) -> None:
    anna = customer(helia)
    for state, errors, days in (
        ("succeeded", 0, 3),
        ("failed", 2, 4),
        ("abandoned", 0, 12),
        ("started", 0, 1),
        ("failed", 0, 40),
    ):
        attempt(anna, "portal", state, errors=errors, days=days)


def test_the_clients_three_figures_with_their_shares_and_the_period_before() -> None:
    helia = creditor()
    tries(helia)
    message(customer(helia, "old"), days=120)  # so that the days before are kept
    told = shown(measured(helia), "payments")
    assert tile(told, "transactions_started") == (4.0, 1.0)
    assert tile(told, "transactions_not_completed") == (2.0, 1.0)
    assert tile(told, "amount_input_error") == (100.0, 0.0)
    assert lines(told, "whole")["Not completed"] == (2, 0.5, 1, 1.0, 200, 0.5, 100)
    assert lines(told, "by-journey")["Portal"] == (4, 2, 0.5, 1.0, 1, 0.25, 0.0)
    assert lines(told, "amounts-journey")["Portal"] == (400, 100, 0.25, 200, 0.5, 100, 0.25)
    weeks = [line.cells[1] for line in section(told, "history").lines]
    assert (sum(weeks), 0 in weeks) == (4, True)  # a week without a try is there
    assert all(line.cells[3] is None for line in section(told, "history").lines if not line.cells[1])


def test_what_was_recovered_by_journey_step_and_campaign() -> None:
    helia = creditor()
    anna, boris = customer(helia, "A"), customer(helia, "B")
    for who in (anna, boris):
        case(who, on=before(40), overdue=1_000)
        invoice(who, 1_000, issued=before(80), due=before(50))
    attempt(anna, "email_link", "succeeded", days=10)
    by_link = paid(anna.invoices.get(), 600, on=before(10))
    Attempt.objects.update(credit=by_link, step="reminder_1")
    paid(boris.invoices.get(), 300, on=before(5))
    spring = Campaign.objects.create(
        creditor=helia, name="Spring", template="reminder_1", channel="email", starts_on=before(30), ends_on=before(20)
    )  # fmt: skip
    Recipient.objects.create(campaign=spring, customer=anna, amount_minor=1_000)
    message(anna, days=15)
    Message.objects.update(campaign_ref=spring.pk, about=[anna.invoices.get().pk])
    told = shown(measured(helia), "payments")
    assert lines(told, "recovered-journey") == {
        "Link in an e-mail": (600, 2_000, 0.3, None), "By another way": (300, 2_000, 0.15, None),
        "Together": (900, 2_000, 0.45, None),
    }  # fmt: skip
    assert lines(told, "recovered-step")["First reminder"] == (600, 2_000, 0.3, None)
    (line,) = section(told, "recovered-campaign").lines
    assert line.to is not None
    assert (line.to.place, line.to.args) == ("campaign", (spring.pk,))
    assert lines(told, "recovered-campaign") == {"Spring": (600, 1_000, 0.6, None)}
    assert tile(told, "recovery_rate") == (0.45, None)
    assert lines(told, "recovered-step")["Without a reminder"] == (300, 2_000, 0.15, None)
    assert section(shown(helia, "payments", currency="GBP"), "recovered-journey").lines == []


def test_recovery_stands_beside_what_was_measured_of_cases_as_young_as_these() -> None:
    helia = creditor()
    anna, boris = customer(helia, "A"), customer(helia, "B")
    for who, opened, tried in ((anna, 60, 25), (boris, 15, 10)):
        case(who, on=before(opened), overdue=1_000)
        attempt(who, "email_link", "succeeded", days=tried)
        credit = paid(invoice(who, 1_000, issued=before(120), due=before(80)), 500, on=before(tried))
        Attempt.objects.filter(customer=who).update(credit=credit)
    measure(as_of=before(30), now=NOW)  # nothing had come of the first case then
    told = shown(measured(helia), "payments")
    assert lines(told, "recovered-journey")["Link in an e-mail"] == (1_000, 2_000, 0.5, None)
    assert tile(told, "recovery_rate") == (0.5, 0.0)


def test_the_period_before_is_not_known_where_nothing_was_kept() -> None:
    helia = creditor()
    attempt(customer(helia), "portal", "failed")
    told = shown(measured(helia), "payments")
    assert tile(told, "transactions_not_completed") == (1.0, None)
    assert lines(told, "whole")["Not completed"][2:4] == (None, None)


def test_currencies_do_not_mix() -> None:
    helia = creditor()
    tries(helia)
    Attempt.objects.filter(state="failed").update(currency="GBP")
    measured(helia)
    assert tile(shown(helia, "payments"), "transactions_started")[0] == 3
    assert tile(shown(helia, "payments", currency="GBP"), "transactions_started")[0] == 1
    assert lines(shown(helia, "payments", currency="GBP"), "whole")["Not completed"][:2] == (1, 1.0)


def test_what_a_provider_keeps_to_itself_is_a_dash_and_a_sentence() -> None:
    helia = creditor()
    tries(helia)
    Attempt.objects.update(provider="elsewhere")
    told = shown(measured(helia), "payments")
    assert tile(told, "transactions_input_error")[0] is None
    assert lines(told, "whole")["With an input error"][:2] == (None, None)
    assert "not measurable" in section(told, "whole").says[0]
    Attempt.objects.filter(state="failed").update(provider="dummy")
    measure(as_of=DAY, now=NOW + timedelta(hours=1))
    assert "told of 1 of 4" in section(shown(helia, "payments"), "whole").says[0]


def test_a_jump_of_input_errors_stands_first() -> None:
    helia = creditor()
    who = customer(helia)
    for n in range(40):
        attempt(who, "portal", "succeeded", errors=int(n < 15), days=2)
        attempt(who, "portal", "succeeded", errors=int(n < 2), days=15)
    (alarm,) = shown(measured(helia), "payments").alarms
    assert "“Portal”: 15 of 40" in alarm.text
    assert alarm.to is not None
    assert alarm.to.asks["show"] == "input_error"


def test_the_team_is_told_fairly() -> None:
    helia = creditor()
    anna = customer(helia)
    julie, karim = (User.objects.create(username=name, first_name=name.title()) for name in ("julie", "karim"))
    for n in range(20):
        task(anna, "call", days=3, outcome="promise" if n < 5 else "voicemail", done_by=julie)
    task(anna, "call", days=3, outcome="promise", done_by=karim)
    task(anna, "check", days=3, done_by=karim)
    task(anna, "call", days=None, assignee=karim, due_on=before(2))
    task(anna, "call", days=None)
    Promise.objects.create(
        customer=anna, currency="EUR", amount_minor=1_000, promised_for=before(5), taken_at=at(9), origin="call",
        state="kept", judged_on=before(4), kept_minor=1_000, taken_by=karim,
    )  # fmt: skip
    told = shown(measured(helia), "team")
    assert lines(told, "calls") == {
        "Julie": (20, 5, 0.25, 5, 0.25, 5, None), "Karim": (1, 1, None, 1, None, 1, None),
        "Together": (21, 6, pytest.approx(6 / 21), 6, pytest.approx(6 / 21), 6, None),
    }  # fmt: skip
    assert "fewer than 20" in section(told, "calls").says[0]
    assert lines(told, "work") == {
        "Julie": (0, 0, 0, 20, None), "Karim": (0, 1, 1, 2, None), "Without a colleague": (1, 0, 1, 0, None),
    }  # fmt: skip
    assert lines(told, "promises") == {"Karim": (1, 1, None, 1_000, 1_000)}
    assert lines(told, "cost")["Call"][0] == 21
    assert [line.cells[0] for line in section(told, "work").lines] == ["Julie", "Karim", "Without a colleague"]


def test_tasks_that_are_done_do_not_wait_on_the_board() -> None:
    helia = creditor()
    anna = customer(helia)
    waiting = task(anna, "call", days=None)
    measure(as_of=before(31), now=NOW)
    waiting.delete()
    assert section(shown(measured(helia), "team", days=90), "work").lines == []


def kept(customers: tuple[int, int], turnover: tuple[int, int] | None) -> str:
    sums = {"customers_kept_3m": Sum(None, *customers)}
    if turnover:
        sums["turnover_kept_3m"] = Sum(turnover[0] / turnover[1], *turnover)
    (said,) = relation._verdict(Sums(sums))
    return said


@pytest.mark.parametrize(
    ("customers", "turnover", "says"),
    [
        ((0, 0), None, "Too few"),
        ((20, 29), (100, 100), "Too few"),
        ((28, 30), (99, 100), "no sign that collection costs customers"),
        ((15, 30), (70, 100), "They buy less"),
        ((28, 30), None, "28 have bought again since (93.3%)."),
    ],
)
def test_whether_collection_costs_customers(
    customers: tuple[int, int], turnover: tuple[int, int] | None, says: str
) -> None:
    assert says in kept(customers, turnover)


def test_who_stays_and_who_turns_away_by_segment() -> None:
    helia = creditor()
    for n in range(3):
        who = customer(helia, f"C{n}")
        Membership.objects.create(customer=who, currency="EUR", segment="forgetful", since=before(300))
        case(who, on=before(100), overdue=100)
        invoice(who, 1_000, issued=before(120), due=before(110))
        if n:
            invoice(who, 500, issued=before(50), due=before(20))
        message(who, days=3)
    told = shown(measured(helia), "relation")
    row = lines(told, "stayed")["Forgetful"]
    assert row[:3] == (3, pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert row[3:] == (0, None, None, 0, None, None)
    assert "Too few customers were treated 3 months ago or more (3)" in section(told, "stayed").says[0]
    assert lines(told, "turned-segment")["Forgetful"][:5] == (3, 0, 0.0, 0, 0.0)


def test_what_customers_think_by_segment_and_occasion() -> None:
    helia = creditor()
    anna, boris = customer(helia, "A"), customer(helia, "B")
    Membership.objects.create(customer=anna, currency="EUR", segment="forgetful", since=before(300))
    survey_answer(anna, 9, recommend=10, now=at(3), after="payment", step="reminder_1")
    survey_answer(boris, 2, now=at(3), after="dispute")
    told = shown(measured(helia), "relation")
    assert tile(told, "csat") == (0.5, None)
    assert lines(told, "answers-segment") == {
        "Forgetful": (1, 1.0, None, 1, 100.0, None, None), "No segment": (1, 0.0, None, 0, None, None, None),
    }  # fmt: skip
    assert [row[0] for row in lines(told, "answers-after").values()] == [1, 1]
    assert lines(told, "turned-step")["First reminder"] == (0, 0, None, 0, None, 1, 1.0)


def test_a_period_ends_with_the_last_measured_day_and_stands_beside_one_as_long() -> None:
    helia = creditor()
    anna = customer(helia)
    for days in (0, 29, 30, 59):
        message(anna, days=days)
    told = shown(measured(helia), "relation", later=1)  # of the running day nothing is known yet
    assert (told.asked.as_of, told.asked.since) == (DAY, before(29))
    assert told.measured_on == DAY
    assert lines(told, "turned-channel")["E-mail"][0] == 2
    funnel = over(told.asked, Want(("messages_sent",)))[0]
    assert (funnel.total["messages_sent"].n, funnel.before["messages_sent"].n) == (2, 2)


def test_a_share_of_long_ago_is_not_the_end_of_the_period_before() -> None:
    helia = creditor()
    anna = customer(helia)
    case(anna, on=before(80), overdue=1_000)
    message(anna, days=75)
    measure(as_of=before(50), now=NOW)  # twenty days before the period before ended
    told = shown(measured(helia), "journeys")
    assert tile(told, "due_contacted") == (1.0, None)
    assert lines(told, "funnel")["Contacted"][2] is None


@pytest.mark.parametrize("key", BOARDS)
def test_no_link_leads_to_more_than_its_creditor(key: str) -> None:
    helia = creditor()
    anna = customer(helia)
    Membership.objects.create(customer=anna, currency="EUR", segment="forgetful", since=before(300))
    label = {"label": {"en": "Soft"}}
    scenario = Scenario.objects.create(creditor=helia, key="soft", version=2, state="active", data=label, made_at=NOW)
    case(anna, on=before(92), overdue=1_000)
    case(customer(helia, "C2"), on=before(20), overdue=1_000, scenario_ref=scenario.pk)
    task(anna, "call", days=None)
    attempt(anna, "portal", "failed")
    message(anna, days=3)
    Dispute.objects.create(
        customer=anna, invoice=invoice(anna, 500, issued=before(60), due=before(30)), reason="quality",
        opened_at=at(9),
    )  # fmt: skip
    told = shown(measured(helia), key)
    links = [line.to for each in told.sections for line in each.lines if line.to]
    assert [to for to in links if to.asks.get("creditor") != str(helia.pk)] == []
    assert all(reverse(f"desk:{to.place}", args=to.args) for to in links)
    if key == "journeys":
        assert ("scenario", (scenario.pk,)) in {(to.place, to.args) for to in links}
    if key == "team":
        assert [to.asks["who"] for to in links if to.place == "home"] == ["nobody"]
    if key == "relation":
        assert {to.place for to in links} == {"customers", "disputes"}
        assert [dict(to.asks) for to in links if to.place == "customers"] == [
            {"creditor": str(helia.pk), "segment": "forgetful"}
        ]
        assert [dict(to.asks) for to in links if to.place == "disputes"] == [told.asked.house | {"reason": "quality"}]


def test_a_past_day_says_of_which_day_a_stock_is_told() -> None:
    helia = creditor()
    julie = User.objects.create(username="julie")
    task(customer(helia), "call", days=None, assignee=julie)
    task(customer(helia, "C2"), "call", days=33, outcome="refused", done_by=julie)
    measure(as_of=date(2026, 4, 30), now=NOW)
    measured(helia)
    past = show(key="team", creditor=helia, as_of=date(2026, 5, 20), days=30)
    assert section(past, "work").says == [
        "As it stood on 30 Apr 2026: of months that are over, only the last day is kept."
    ]
    assert section(shown(helia, "team"), "work").says == []
    gone = show(key="team", creditor=helia, as_of=date(2026, 4, 29), days=30)
    assert section(gone, "work").says == ["How it stood in these days is not kept."]
    assert lines(gone, "work")["julie"] == (None, None, None, 1, None)
