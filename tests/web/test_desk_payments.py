"""The page of payments: figures by what parts them, the tries behind them, and nothing of anybody else's."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from amiable.ledger.models import Creditor, Customer
from amiable.payments.models import Attempt, Chain
from amiable.portfolio.models import Membership
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


def tried(
    who: Customer, journey: str, state: str, *, minor: int = 10_000, errors: int = 0, days: int = 1, **more: object
) -> None:
    at = clock.now() - timedelta(days=days)
    chain, _new = Chain.objects.get_or_create(
        creditor=who.creditor, customer=who, currency="EUR", defaults={"opened_at": at, "moved_at": at}
    )
    Attempt.objects.create(
        chain=chain, creditor=who.creditor, customer=who, token=f"T{Attempt.objects.count()}", journey=journey, currency="EUR",
        amount_minor=minor, state=state, input_errors=errors, opened_at=at, started_at=at, **{"provider": "dummy"} | more,
    )  # fmt: skip


@pytest.fixture
def anna(ours: Creditor) -> Customer:
    found = rows.customer(ours, "Anna")
    Membership.objects.create(
        customer=found, currency="EUR", segment="forgetful", since=clock.today() - timedelta(days=60)
    )
    tried(found, "email_link", "succeeded")
    tried(found, "email_link", "failed", errors=2, decline_code="expired_card", step="reminder_1")
    tried(found, "sms_link", "abandoned", provider="secretive")
    tried(found, "portal", "succeeded", days=100)
    return found


@pytest.fixture
def client(ours: Creditor) -> Client:
    return rows.desk(rows.colleague("sophie", ours))


def read(client: Client, **asked: object) -> str:
    page = client.get(reverse("desk:payments"), asked).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2].partition("</main>")[0]))


def test_the_figures_by_journey(client: Client, anna: Customer) -> None:
    rows.measured()
    page = read(client)
    assert "Link in an e-mail 2 €200.00 1 50.0% €100.00 1 50.0% €100.00 1 50.0% €100.00" in page
    assert "Link in an SMS 1 €100.00 0 0.0% €0.00 1 100.0% €100.00 not measurable" in page
    assert "Portal" not in page.partition("The tries")[0].partition("By journey")[2]
    assert "the card has expired" in page
    assert "Portal 1 €100.00" in read(client, days=365)


@pytest.mark.parametrize(
    ("by", "name"), [("segment", "Forgetful"), ("step", "First reminder"), ("campaign", "No campaign")]
)
def test_the_other_parts(client: Client, anna: Customer, by: str, name: str) -> None:
    assert f"{name} " in read(client, by=by)


def test_a_figure_leads_to_its_tries(client: Client, anna: Customer) -> None:
    tries = read(client, by="journey", key="sms_link", show="not_completed").partition("The tries")[2]
    assert "Abandoned" in tries
    assert "expired" not in tries
    assert "No such try" in read(client, by="campaign", key="x")
    assert "No such try" in read(client, by="journey", key="sms_link", show="paid")


def test_nothing_of_others_and_of_own_customers_only(ours: Creditor, anna: Customer) -> None:
    stranger = rows.customer(rows.creditor("theirs"), "Zoe")
    tried(stranger, "agent", "succeeded")
    boris = rows.customer(ours, "Boris")
    tried(boris, "portal", "succeeded")
    seller = rows.colleague("seller", ours, role="sales", own=True)
    Customer.objects.filter(pk=boris.pk).update(salesperson=seller)
    page = read(rows.desk(seller))
    assert "Boris" in page
    assert "Anna" not in page
    assert "Recovery rate" not in page  # it is of the whole creditor
    whole = read(rows.desk(rows.colleague("manager", ours)))
    assert "Zoe" not in whole
    assert "Anna" in whole
    assert rows.desk(seller).get(reverse("desk:chain", args=[Chain.objects.get(customer=anna).pk])).status_code == 404


def test_without_any_try_the_page_says_what_will_stand_there(client: Client) -> None:
    assert "Nobody has tried to pay yet" in read(client)
