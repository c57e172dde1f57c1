"""Two records of one customer made one at the desk: compared first, meant, once; and nobody's who is out of reach."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from amiable.casework.models import Note
from amiable.core.models import AuditEntry, Role
from amiable.ledger.models import Branch, Customer, Sale
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Customer:
    found = rows.full(rows.creditor("ours"), "Anna Dupont")
    rows.counted()
    return found


@pytest.fixture
def double(anna: Customer) -> Customer:
    found = rows.customer(anna.creditor, "Dupont Anna")
    rows.invoice(found, 5_000, late=9)
    rows.email(found, "anna dupont@example.org")
    Note.objects.create(customer=found, text="Moved", at=clock.now())
    rows.counted()
    return found


@pytest.fixture
def client(anna: Customer) -> Client:
    return rows.desk(rows.colleague("vera", anna.creditor, Role.MANAGER))


def post(client: Client, at: Customer, other: Customer, *, stays: Customer, **said: str) -> Any:
    words = {"with": str(other.pk), "stays": str(stays.pk), "meant": "on"} | said
    return client.post(reverse("desk:same", args=[at.pk]), words)


def test_the_other_record_is_found_compared_and_made_one_with_this(
    anna: Customer, double: Customer, client: Client, django_assert_max_num_queries: Any
) -> None:
    page = reverse("desk:same", args=[anna.pk])
    assert page in client.get(reverse("desk:customer", args=[anna.pk])).content.decode()
    found = client.get(page, {"q": "Dupont"}).content.decode()
    assert f"?with={double.pk}" in found
    assert f"?with={anna.pk}" not in found
    with django_assert_max_num_queries(15):
        shown = client.get(page, {"with": double.pk}).content.decode()
    for words in (anna.number, double.number, "€100.00", "€50.00", "anna dupont@example.org", "the same"):
        assert words in shown
    assert AuditEntry.objects.filter(act="customer.viewed", subject_ref=double.pk).exists()

    for _click in range(2):
        assert post(client, anna, double, stays=anna)["location"] == reverse("desk:customer", args=[anna.pk])
    double.refresh_from_db()
    assert double.merged_into == anna
    assert anna.invoices.count() == 2
    assert anna.notes.filter(text="Moved").exists()
    told = AuditEntry.objects.get(act="customer.merged")
    assert (told.user.username, told.subject_ref, told.detail["absorbed"]) == ("vera", anna.pk, double.pk)


def test_the_other_may_be_the_one_that_stays(anna: Customer, double: Customer, client: Client) -> None:
    for _click in range(2):
        assert post(client, anna, double, stays=double)["location"] == reverse("desk:customer", args=[double.pk])
    anna.refresh_from_db()
    assert anna.merged_into == double


def test_it_has_to_be_meant_and_a_refusal_is_a_sentence(anna: Customer, double: Customer, client: Client) -> None:
    assert (
        "Please say that you have compared both." in post(client, anna, double, stays=anna, meant="").content.decode()
    )
    stranger = rows.customer(anna.creditor, "Somebody")
    assert post(client, anna, double, stays=stranger).status_code == 200
    Sale.objects.create(customer=double, since=clock.today(), created_at=clock.now())
    assert "sold to the factor as a whole" in post(client, anna, double, stays=anna).content.decode()
    double.refresh_from_db()
    assert double.merged_into is None


def test_who_is_out_of_reach_of_another_creditor_or_gone_cannot_be_the_same(anna: Customer, client: Client) -> None:
    theirs = rows.customer(rows.creditor("theirs"), "Anna Dupont")
    gone, kept = rows.customer(anna.creditor, "Gone"), rows.customer(anna.creditor, "Kept")
    Customer.objects.filter(pk=gone.pk).update(merged_into=kept)
    page = reverse("desk:same", args=[anna.pk])
    for other in (theirs, gone, anna):
        assert client.get(page, {"with": other.pk}).status_code == 404
        assert post(client, anna, other, stays=anna).status_code == 404
    for nonsense in ("x", "9" * 30, "-1"):
        assert client.get(page, {"with": nonsense}).status_code == 404
    assert client.post(page).status_code == 404
    assert f"?with={theirs.pk}" not in client.get(page, {"q": "Dupont"}).content.decode()


def test_a_manager_of_a_branch_merges_with_nobody_of_another_branch(anna: Customer, double: Customer) -> None:
    lyon = Branch.objects.create(creditor=anna.creditor, code="L", name="Lyon")
    Customer.objects.filter(pk=anna.pk).update(branch=lyon)
    client = rows.desk(rows.colleague("bea", anna.creditor, Role.MANAGER, branch=lyon))
    assert post(client, anna, double, stays=anna).status_code == 404
    collector = rows.desk(rows.colleague("karim", anna.creditor, Role.COLLECTOR))
    assert post(collector, anna, double, stays=anna).status_code == 404
    assert "/same/" not in collector.get(reverse("desk:customer", args=[anna.pk])).content.decode()
