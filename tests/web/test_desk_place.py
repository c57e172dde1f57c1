"""A case goes to an agency, is seen there, and comes back: by hand, or because it was paid."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from amiable.casework.close import close_settled
from amiable.casework.models import Placement
from amiable.core.models import AuditEntry, Role
from amiable.ledger import hold
from amiable.ledger.models import Branch, Customer
from amiable.payments.allocate import allocate_open
from amiable.web.desk import acts
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Customer:
    found = rows.customer(rows.creditor("ours"), "Anna")
    rows.invoice(found, 10_000, late=60)
    rows.case(found)
    rows.counted()
    return found


@pytest.fixture
def client(anna: Customer) -> Client:
    return rows.desk(rows.colleague("vera", anna.creditor, Role.MANAGER))


@pytest.fixture
def agent(anna: Customer) -> Client:
    user = rows.colleague("agent", anna.creditor, Role.AGENCY)
    user.scopes.update(agency="Recouvra")
    return rows.desk(user)


def do(client: Client, customer: Customer, act: str, **said: str) -> Any:
    address = reverse("desk:act", args=[customer.pk, act])
    answers = [client.post(address, {"token": f"token-{act}", **said}, follow=True) for _n in range(2)]
    assert {answer.status_code for answer in answers} == {200}
    return answers[0]


def held(customer: Customer) -> bool:
    return hold.active(as_of=clock.today()).filter(customer=customer, kind="placed").exists()


def page(client: Client, customer: Customer) -> str:
    return client.get(reverse("desk:customer", args=[customer.pk])).content.decode()


def test_handed_over_it_rests_and_the_agency_sees_it_until_it_is_taken_back(
    anna: Customer, client: Client, agent: Client
) -> None:
    mine = reverse("desk:customer", args=[anna.pk])
    assert agent.get(mine).status_code == 404
    assert "/act/agency/" in page(client, anna)
    assert "Recouvra" in client.get(reverse("desk:act", args=[anna.pk, "agency"])).content.decode()
    do(client, anna, "agency", agency=" Recouvra ")
    assert Placement.objects.get().agency == "Recouvra"
    assert held(anna)
    assert agent.get(mine).status_code == 200
    shown = page(client, anna)
    assert "/act/recall/" in shown
    assert "/act/agency/" not in shown
    rows.credit(anna, 2_500, days_ago=0)
    allocate_open(creditor=anna.creditor, as_of=clock.today(), now=clock.now())
    listed = client.get(reverse("desk:placements")).content.decode()
    for words in ("Anna", "Recouvra", "€25.00", "/act/recall/"):
        assert words in listed
    file = client.get(reverse("desk:placements"), {"format": "csv"}).content.decode("utf-8-sig").splitlines()
    assert [len(file), file[1].split(",")[0], "75.00" in file[1], "25.00" in file[1]] == [2, "Recouvra", True, True]
    assert AuditEntry.objects.get(act="placements.exported").detail["rows"] == 1
    do(client, anna, "recall", outcome="part_paid")
    assert not held(anna)
    assert agent.get(mine).status_code == 404
    assert "Anna" not in client.get(reverse("desk:placements")).content.decode()
    assert "paid in part" in client.get(reverse("desk:placements"), {"show": "back"}).content.decode()
    acts = AuditEntry.objects.filter(act__startswith="case.").order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["case.handed_over", "case.taken_back"]


def test_each_act_has_a_name_of_its_own() -> None:
    sources = (acts.acts_talk, acts.acts_agree, acts.acts_rest, acts.acts_place, acts.acts_money, acts.acts_people)
    assert len(acts.ACTS) == sum(len(source.ACTS) for source in sources)


def test_what_cannot_be_handed_over_is_told(anna: Customer, client: Client) -> None:
    do(client, anna, "agency", agency="Recouvra")
    again = client.post(reverse("desk:act", args=[anna.pk, "agency"]), {"token": "another", "agency": "Other"})
    assert "lies with Recouvra already" in again.content.decode()
    nothing = rows.customer(anna.creditor, "Boris")
    for act, said, words in (
        ("agency", {"agency": "Recouvra"}, "no open case"),
        ("recall", {"outcome": "paid"}, "Nothing of this customer"),
    ):
        answer = client.post(reverse("desk:act", args=[nothing.pk, act]), {"token": f"b-{act}", **said})
        assert words in answer.content.decode()
    assert Placement.objects.count() == 1


def test_what_is_paid_while_it_is_away_is_away_no_longer(anna: Customer, client: Client) -> None:
    do(client, anna, "agency", agency="Recouvra")
    rows.credit(anna, 10_000, days_ago=0)
    allocate_open(creditor=anna.creditor, as_of=clock.today(), now=clock.now())
    assert close_settled(as_of=clock.today() + timedelta(days=1), now=clock.now()) == 1
    assert Placement.objects.get().outcome == "paid"
    assert not hold.active(as_of=clock.today() + timedelta(days=1)).filter(customer=anna, kind="placed").exists()


def test_what_is_given_up_while_it_is_away_was_not_paid_there(anna: Customer, client: Client) -> None:
    do(client, anna, "agency", agency="Recouvra")
    do(client, anna, "write_off", invoice=str(anna.invoices.get().pk), amount="100.00", reason="No hope")
    assert close_settled(as_of=clock.today() + timedelta(days=1), now=clock.now()) == 1
    assert Placement.objects.get().outcome == "withdrawn"


def test_only_who_may_and_only_what_is_in_reach(anna: Customer, client: Client, agent: Client) -> None:
    do(client, anna, "agency", agency="Recouvra")
    assert "Anna" in agent.get(reverse("desk:placements")).content.decode()
    other = rows.colleague("other", anna.creditor, Role.AGENCY)
    other.scopes.update(agency="Another")
    for asked in ({}, {"agency": "Recouvra"}, {"show": "back"}, {"format": "csv"}):
        assert "Anna" not in rows.desk(other).get(reverse("desk:placements"), asked).content.decode()
    karim = rows.desk(rows.colleague("karim", anna.creditor, Role.COLLECTOR))
    assert "/act/recall/" not in karim.get(reverse("desk:placements")).content.decode()
    assert (
        karim.post(reverse("desk:act", args=[anna.pk, "recall"]), {"token": "t", "outcome": "paid"}).status_code == 404
    )
    lyon = Branch.objects.create(creditor=anna.creditor, code="L", name="Lyon")
    bea = rows.desk(rows.colleague("bea", anna.creditor, Role.BRANCH, branch=lyon))
    assert "Anna" not in bea.get(reverse("desk:placements")).content.decode()
