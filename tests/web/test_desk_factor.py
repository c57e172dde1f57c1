"""Invoices are sold to the factor at the desk, and bought back: the customer is told whom to pay, a mistake is taken back."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from amiable.core.models import AuditEntry, Role
from amiable.ledger.models import Creditor, Customer, Sale
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
FACTOR = {"name": "Eurofactor", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}


@pytest.fixture
def anna() -> Customer:
    return rows.full(rows.creditor("ours", policy={"factor": FACTOR}), "Anna")


@pytest.fixture
def client(anna: Customer) -> Client:
    return rows.desk(rows.colleague("vera", anna.creditor, Role.MANAGER))


def offered(client: Client, customer: Customer) -> set[str]:
    shown = client.get(reverse("desk:customer", args=[customer.pk])).content.decode()
    return set(re.findall(r"/act/(sell|buy_back)/", shown))


def do(client: Client, customer: Customer, act: str, **said: Any) -> str:
    """The filling-in posted twice, as by a double click; what the page says then."""
    address = reverse("desk:act", args=[customer.pk, act])
    answers = [client.post(address, {"token": f"{act} {said}"[:40], **said}, follow=True) for _n in range(2)]
    return str(answers[0].content.decode())


def undo(client: Client, customer: Customer, act: str, page: str) -> None:
    address = reverse("desk:act_undone", args=[customer.pk, act])
    token = re.search(rf'action="{address}".*?name="undo" value="([^"]+)"', page, flags=re.S)
    assert token, page
    client.post(address, {"undo": token[1]})


def test_sold_by_mistake_sold_in_earnest_and_bought_back(anna: Customer, client: Client) -> None:
    bill, today = anna.invoices.get(), clock.today().isoformat()
    assert offered(client, anna) == {"sell"}
    told = do(client, anna, "sell", invoices=[bill.pk], since=today)
    assert "Sold. From the day on the factor is to be paid." in told
    assert Sale.objects.filter(invoice=bill, until=None).count() == 1
    assert offered(client, anna) == {"sell", "buy_back"}
    undo(client, anna, "sell", told)
    assert not Sale.objects.exists()

    do(client, anna, "sell", everything="on", since=today)
    page = client.get(reverse("desk:customer", args=[anna.pk])).content.decode()
    assert "Sold to the factor: all invoices" in page
    assert offered(client, anna) == {"buy_back"}
    told = do(client, anna, "buy_back")
    assert Sale.objects.get().until == clock.today()
    undo(client, anna, "buy_back", told)
    assert Sale.objects.get().until is None
    acts = list(AuditEntry.objects.filter(act__startswith="invoices.").order_by("pk").values_list("act", flat=True))
    assert acts == ["invoices.sold", "invoices.sold", "invoices.bought_back"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "Tick the invoices that are sold, or all of them."),
        ({"everything": "on", "since": "2099-01-01"}, "The day lies within a year of today."),
        ({"invoices": ["999999"], "everything": "on"}, "999999"),
    ],
)
def test_what_cannot_be_sold_is_told_beside_its_field(
    anna: Customer, client: Client, said: dict[str, Any], words: str
) -> None:
    assert words in do(client, anna, "sell", **{"since": clock.today().isoformat()} | said)
    assert not Sale.objects.exists()


def test_only_where_there_is_a_factor_and_for_whom_it_may(anna: Customer, client: Client) -> None:
    collector = rows.desk(rows.colleague("camille", anna.creditor, Role.COLLECTOR))
    assert offered(collector, anna) == set()
    assert collector.get(reverse("desk:act", args=[anna.pk, "sell"])).status_code == 404
    rules = {"creditor": anna.creditor_id, "factor_name": "Eurofactor", "factor_iban": "DE00 1234"}
    assert "This is not an IBAN" in client.post(reverse("desk:rules"), rules).content.decode()
    Sale.objects.create(customer=anna, since=clock.today(), created_at=clock.now())
    kept = client.post(reverse("desk:rules"), {"creditor": anna.creditor_id})
    assert "Invoices are sold to the factor: buy them back first." in kept.content.decode()
    Sale.objects.all().delete()
    client.post(reverse("desk:rules"), {"creditor": anna.creditor_id})
    assert "factor" not in Creditor.objects.get().policy
    assert offered(client, anna) == set()
    client.post(reverse("desk:rules"), rules | {"factor_iban": " DE89 3704 0044 0532 0130 00 "})
    assert Creditor.objects.get().policy["factor"] == {"name": "Eurofactor", "iban": "DE89 3704 0044 0532 0130 00"}
    assert offered(client, anna) == {"sell"}
