"""The page of a customer: what is owed and what stands against it, how it pays, who looks after it, and why this segment."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from amiable.core.models import Role
from amiable.insight.forecast.keep import keep
from amiable.insight.forecast.of_customer import of_customer
from amiable.ledger import hold, post
from amiable.ledger.models import Branch, Creditor, Customer, Hold, Sale
from amiable.payments.allocate import allocate
from amiable.payments.models import Promise
from amiable.portfolio.models import Score
from amiable.web.desk import awaited, exposure, habit, inside, known, labels
from amiable.web.desk.habit import Habit
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(ours: Creditor) -> Customer:
    return rows.customer(ours, "Anna")


@pytest.fixture
def client(ours: Creditor) -> Client:
    return rows.desk(rows.colleague("camille", ours))


def page(client: Client, name: str, customer: Customer) -> str:
    response = client.get(reverse(f"desk:{name}", args=[customer.pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_each_part_of_what_is_owed_stands_for_itself(client: Client, anna: Customer) -> None:
    late, planned = rows.invoice(anna, 10_000, late=5), rows.invoice(anna, 4_000, late=-5)
    post.charge(
        invoice=late, kind="fee", amount_minor=1_500, reason="bailiff", as_of=clock.today(), now=clock.now(),
        by=rows.colleague("mo", anna.creditor),
    )  # fmt: skip
    Sale.objects.create(customer=anna, invoice=late, since=clock.today(), created_at=clock.now())
    hold.place(kind="plan", source_ref="plan:1", customer=anna, invoice=planned, since=clock.today(), now=clock.now())
    money = rows.suspense(anna.creditor)
    money.customer = anna
    money.save()
    shown = page(client, "customer", anna)
    for words in (
        "In a payment plan",
        "€40.00",
        "Interest and costs in it",
        "€15.00",
        "Sold to the factor",
        "€7.77",
        "sold",
    ):
        assert words in shown
    [sums] = exposure.exposures(
        lines=exposure.lines(invoices=list(anna.invoices.all()), holds=list(Hold.objects.all()), today=clock.today()),
        credits=[],
        holds=[],
        suspense={"EUR": 777},
    )
    assert (sums.overdue_minor, sums.not_due_minor, sums.planned_minor) == (11_500, 4_000, 4_000)
    assert (sums.charged_minor, sums.suspense_minor, sums.open_count) == (1_500, 777, 2)


def test_money_in_suspense_in_another_currency_is_never_added(client: Client, anna: Customer) -> None:
    rows.invoice(anna, 10_000, late=5)
    sums = exposure.exposures(lines=[], credits=[], holds=[], suspense={"GBP": 500, "EUR": 300})
    assert {(each.currency, each.suspense_minor) for each in sums} == {("GBP", 500), ("EUR", 300)}


def settled(anna: Customer, minor: int, *, late: int, days_ago: int, **more: object) -> None:
    """An invoice paid `days_ago`, `late` days after (before) it was due."""
    bill = rows.invoice(anna, minor, late=days_ago + late, **more)
    currency = str(more.get("currency", "EUR"))
    money = rows.credit(anna, minor, days_ago=days_ago, currency=currency)
    allocate(
        credit=money, invoices=[bill.pk], as_of=clock.today() - timedelta(days=days_ago), now=clock.now(), rule="named"
    )
    bill.refresh_from_db()
    assert bill.settled_on is not None


def of(anna: Customer) -> list[Habit]:
    return habit.habits(customer=anna.pk, today=clock.today())


def test_the_habit_is_weighted_by_amount_and_kept_apart_by_currency(client: Client, anna: Customer) -> None:
    settled(anna, 30_000, late=10, days_ago=0)
    settled(anna, 10_000, late=-10, days_ago=0)
    settled(anna, 5_000, late=3, days_ago=0, currency="GBP")
    euros, pounds = of(anna)
    assert (euros.currency, pounds.currency) == ("EUR", "GBP")
    [month] = euros.months
    assert (month.count, month.minor, month.late_minor, month.days, month.late_share) == (2, 40_000, 30_000, 5.0, 0.75)
    shown = page(client, "habit", anna)
    for words in ("As a table", "75%", "€400.00", "£50.00", "100%"):
        assert words in shown


def test_every_bar_stays_in_the_picture(anna: Customer) -> None:
    for days_ago, late in ((0, 200), (40, -25), (100, 0)):
        settled(anna, 1_000, late=late, days_ago=days_ago)
    [euros] = of(anna)
    for month in euros.months:
        assert habit.LEFT <= month.x <= month.x + month.width <= habit.WIDTH
        assert 0 <= month.y <= month.y + month.height <= habit.HEIGHT
    assert 0 in {days for _y, days in euros.scale}
    assert all(0 <= y <= habit.HEIGHT for y, _days in euros.scale)


def test_who_never_paid_is_told_what_will_stand_there(client: Client, anna: Customer) -> None:
    rows.invoice(anna, 1_000, late=5)
    assert of(anna) == []
    assert "No invoice settled yet" in page(client, "habit", anna)


def test_written_off_is_no_payment(anna: Customer) -> None:
    bill, by = rows.invoice(anna, 1_000, late=5), rows.colleague("mo", anna.creditor)
    post.write_off(invoice=bill, amount_minor=1_000, reason="x", as_of=clock.today(), now=clock.now(), by=by)
    assert of(anna) == []


def test_when_money_is_expected_and_why(client: Client, anna: Customer) -> None:
    """Anna pays ten days late; one invoice falls due tomorrow, one is promised, one is sold."""
    assert "am-card" not in page(client, "awaited", anna)  # nothing is open: no block
    for n in range(22):
        settled(anna, 1_000, late=10, days_ago=20 + 9 * n)
    usual, promised, sold = (rows.invoice(anna, 10_000 + n, late=late) for n, late in enumerate((-1, 5, 4)))
    shown = page(client, "awaited", anna)
    assert "No forecast was made in the week before" in shown
    assert "<table" not in shown
    Sale.objects.create(customer=anna, invoice=sold, since=clock.today(), created_at=clock.now())
    Promise.objects.create(
        customer=anna, currency="EUR", amount_minor=10_001, promised_for=clock.today() + timedelta(days=6), origin="call",
        invoices=[promised.pk], taken_at=clock.now(),
    )  # fmt: skip
    keep(creditor=anna.creditor, as_of=clock.today(), now=clock.now())
    shown = page(client, "awaited", anna)
    for bill in (usual, promised, sold):
        assert bill.reference in shown
    for words in ("Pays 10 days after the due date as a rule (22 invoices in a year).", "Promised for", "not expected",
                  "Sold, or stopped by insolvency proceedings", "€100.02", "between"):  # fmt: skip
        assert words in shown
    awaited_day = of_customer(customer=anna, as_of=clock.today()).lines[-1].day
    assert awaited_day is not None
    assert abs((awaited_day - usual.due_on).days - 10) <= 2


def test_of_many_invoices_the_first_are_shown_and_the_others_asked_for(client: Client, anna: Customer) -> None:
    for n in range(22):
        settled(anna, 1_000, late=10, days_ago=20 + 9 * n)
    for n in range(awaited.SHOWN + 3):
        rows.invoice(anna, 1_000, late=n)
    keep(creditor=anna.creditor, as_of=clock.today(), now=clock.now())
    shown = page(client, "awaited", anna)
    assert (shown.count("<tr data-row"), "Show the other 3" in shown) == (awaited.SHOWN, True)
    assert shown.count("Pays 10 days after") == 2  # each reason once: as usual, and later than usual
    whole = client.get(reverse("desk:awaited", args=[anna.pk]), {"all": "1"}).content.decode()
    assert (whole.count("<tr data-row"), "Show the other" in whole) == (awaited.SHOWN + 3, False)


def test_who_looks_after_a_customer(ours: Creditor, client: Client, anna: Customer) -> None:
    karim, kim = rows.colleague("karim", ours, Role.SALES), rows.colleague("kim", ours, Role.COLLECTOR)
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    rows.colleague("bea", ours, Role.BRANCH, branch=lyon)
    Customer.objects.filter(pk=anna.pk).update(salesperson=karim, branch=lyon)
    case = rows.case(anna)
    case.responsible = kim
    case.save()
    anna.refresh_from_db()
    assert [(str(who), own) for _role, who, own in inside.inside(anna)] == [
        ("kim", True), ("karim", False), ("bea", False), ("camille", False),
    ]  # fmt: skip
    shown = page(client, "inside", anna)
    assert reverse("desk:act", args=[anna.pk, "entrust"]) in shown
    assert "entrust" not in page(rows.desk(rows.colleague("ada", ours, Role.AUDITOR)), "inside", anna)


def test_a_segment_tells_the_facts_that_made_it_true(ours: Creditor, client: Client, anna: Customer) -> None:
    Customer.objects.filter(pk=anna.pk).update(key_account=True)
    rows.invoice(anna, 1_000, late=5)
    rows.counted(anna)
    anna.refresh_from_db()
    [segment] = known.segments(anna, labels.segment_rules(Creditor.objects.filter(pk=ours.pk)))
    assert segment.when == "key_account"
    assert [value for _meaning, value in segment.facts] == ["yes"]
    assert "Why this segment" in page(client, "known", anna)


def test_a_score_is_told_with_its_reasons_and_none_is_invented(client: Client, anna: Customer) -> None:
    assert "Scores" not in page(client, "known", anna)
    for days, value in ((5, 0.2), (0, 0.81)):
        Score.objects.create(
            customer=anna, currency="EUR", key="late_risk", model_version="3", as_of=clock.today() - timedelta(days=days),
            value=value, reasons=["paid late 4 times"],
        )  # fmt: skip
    shown = page(client, "known", anna)
    assert "0.81" in shown
    assert "0.20" not in shown
    assert "paid late 4 times" in shown


def test_the_group_is_told_as_far_as_one_may_see_it(ours: Creditor, client: Client, anna: Customer) -> None:
    holding, sister, hidden = (rows.customer(ours, name) for name in ("Holding", "Sister SARL", "Hidden"))
    Customer.objects.filter(pk__in=[anna.pk, sister.pk, hidden.pk]).update(parent=holding)
    rows.invoice(sister, 5_000, late=9)
    rows.counted(sister)
    shown = page(client, "known", anna)
    for words in ("Holding", "Parent", "Sister SARL", "€50"):
        assert words in shown
    karim = rows.colleague("karim", ours, Role.SALES, own=True)
    Customer.objects.filter(pk__in=[anna.pk, sister.pk]).update(salesperson=karim)
    told = page(rows.desk(karim), "known", anna)
    assert "Sister SARL" in told
    assert "Hidden" not in told
    assert "Holding" not in told


def test_what_is_loaded_after_costs_no_more_than_fifteen_queries(client: Client, anna: Customer) -> None:
    rows.case(anna)
    rows.invoice(anna, 1_000, late=50)
    rows.counted(anna)
    for name in ("known", "inside", "habit", "awaited", "customer", "happened"):
        with CaptureQueriesContext(connection) as asked:
            page(client, name, anna)
        assert len(asked) <= 15, name
