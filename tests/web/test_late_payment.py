"""The page of the creditor's choices, the customer's card and its acts, and what the portal says."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from amiable.core.models import AuditEntry, Role
from amiable.ledger import choose
from amiable.ledger.accrue import accrue
from amiable.ledger.models import Creditor, Customer, Entry, Waiver
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
PAGE = "/late-payment/"
# A contract's rate: these tests hold in years whose rates nobody knows yet.
NOTHING = {
    **{f"{who}_{part}": "waive" for who in ("business", "public") for part in ("interest", "indemnity", "fees")},
    "business_percent": "15", "consumer_interest": "waive", "consumer_percent": "", "charges_first": "", "grace_days": "0",
    "wait_days": "0",
}  # fmt: skip


@pytest.fixture
def customer() -> Customer:
    found = rows.customer(rows.creditor("ours"), "Boris SARL", kind="business")
    rows.invoice(found, 1_000_000, late=40)
    return found


@pytest.fixture
def client(customer: Customer) -> Client:
    return rows.desk(rows.colleague("meg", customer.creditor, role=Role.MANAGER))


def keep(client: Client, house: Creditor, act: str = "keep", since_days: int = 60, **said: str) -> str:
    since = (clock.today() - timedelta(days=since_days)).isoformat()
    words = {**NOTHING, "creditor": str(house.pk), "since": since, "act": act, **said}
    return client.post(PAGE, words, follow=True).content.decode()


def test_a_choice_is_tried_out_before_it_is_kept(client: Client, customer: Customer) -> None:
    page = client.get(PAGE).content.decode()
    assert "With this choice nobody is asked for anything" in page
    page = keep(client, customer.creditor, act="look", business_interest="claim", business_indemnity="show")
    assert "€40.00" in page
    assert customer.invoices.get().reference in page
    assert choose.rules(Creditor.objects.get().policy) == []
    page = keep(client, customer.creditor, business_interest="claim", business_indemnity="show")
    assert "The choice is kept." in page
    [rule] = choose.rules(Creditor.objects.get().policy)
    assert rule.of("business") == choose.Choice("claim", "show", "waive", "15")
    assert (
        AuditEntry.objects.get(act="policy.chosen", user__username="meg").detail["after"]["late_payment"][0]["by"]
        == "meg"
    )


def test_what_the_law_or_an_earlier_choice_forbids_is_said_and_not_kept(client: Client, customer: Customer) -> None:
    page = keep(client, customer.creditor, consumer_interest="claim")
    assert "only one that the contract names" in page
    assert "consumer_indemnity" not in page
    keep(client, customer.creditor, business_interest="show")
    assert "Only the first choice may begin in the past" in keep(
        client, customer.creditor, since_days=9, business_interest="claim"
    )
    assert len(choose.rules(Creditor.objects.get().policy)) == 1


def test_a_collector_has_no_page_of_choices(customer: Customer) -> None:
    page = rows.desk(rows.colleague("colin", customer.creditor, role=Role.COLLECTOR)).get(PAGE).content.decode()
    assert "No creditor of yours" in page


def test_the_customer_page_shows_what_is_claimed_and_a_waiver_takes_it_back(client: Client, customer: Customer) -> None:
    keep(client, customer.creditor, business_interest="claim", business_indemnity="claim", business_fees="claim")
    house = Creditor.objects.get()
    accrue(creditor=house, as_of=clock.today(), now=clock.now())
    address = reverse("desk:charges", args=[customer.pk])
    card = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "Claimed" in card
    assert "How it was reckoned" in card
    page = client.get(address).content.decode()
    assert "Indemnity posted: €40.00." in page
    assert "L.441-10" not in card
    act = reverse("desk:act", args=[customer.pk, "waive"])
    words = {"token": "t1", "invoice": "", "kind": "indemnity", "reach": "all", "reason": "Our delivery was late"}
    assert "Waived." in client.post(act, words, follow=True).content.decode()
    client.post(act, words, follow=True)
    assert Waiver.objects.get().reason == "Our delivery was late"
    assert [each.amount_minor for each in Entry.objects.filter(kind="indemnity").order_by("pk")] == [4_000, -4_000]
    assert "Our delivery was late" in client.get(address).content.decode()
    row = customer.invoices.get()
    fee = reverse("desk:act", args=[customer.pk, "charge"])
    client.post(fee, {"token": "t2", "invoice": row.pk, "amount": "12,50", "reason": "Bailiff, no. 17"}, follow=True)
    assert Entry.objects.get(kind="fee").amount_minor == 1_250


def test_costs_are_added_only_where_the_creditor_chose_to_claim_them(client: Client, customer: Customer) -> None:
    words = {"token": "t2", "invoice": customer.invoices.get().pk, "amount": "12,50", "reason": "x"}
    page = client.post(reverse("desk:act", args=[customer.pk, "charge"]), words, follow=True).content.decode()
    assert "Costs are not claimed of these customers" in page
    assert not Entry.objects.filter(kind="fee").exists()
