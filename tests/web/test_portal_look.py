"""A colleague sees the portal as the customer finds it: nothing is sent, opened or counted, and the view is in the trail."""

import re
from typing import Any

import pytest
from django.urls import reverse

from amiable.core.models import AuditEntry, Role
from amiable.ledger.models import Branch, Customer
from amiable.outreach.models import Event
from amiable.payments.models import Attempt
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


def test_it_reads_as_the_customer_reads_it_and_changes_nothing() -> None:
    ours = rows.creditor("ours")
    anna = rows.full(ours, "Anna")
    anna.language = "fr"
    anna.save()
    vera = rows.colleague("vera", ours, Role.AUDITOR)
    desk = rows.desk(vera)
    desk.cookies["django_language"] = "en"
    before = Attempt.objects.count(), Event.objects.count()
    page = desk.get(reverse("desk:portal", args=[anna.pk]))
    assert reverse("desk:portal_body", args=[anna.pk]) in page.content.decode()
    answer = desk.get(reverse("desk:portal_body", args=[anna.pk]))
    told = answer.content.decode()
    assert 'lang="fr"' in told
    assert "Anna" in told
    assert anna.invoices.get().reference in told
    assert not re.search(r'(href|action)="[^"]*/p/', told), "nothing leads anywhere"
    policy = answer["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "form-action 'none'" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert (Attempt.objects.count(), Event.objects.count()) == before
    assert not AuditEntry.objects.filter(actor="portal").exists(), "nobody came to the portal"
    seen = AuditEntry.objects.filter(user=vera, subject="customer", subject_ref=anna.pk).values_list("act", flat=True)
    assert set(seen) >= {"portal.viewed", "customer.viewed"}


def test_the_portal_of_nobody_opens_nothing_and_others_portals_do_not_exist() -> None:
    ours = rows.creditor("ours")
    anna = rows.full(ours, "Anna")
    stranger = rows.desk(rows.colleague("zoe", rows.creditor("theirs")))
    for name in ("portal", "portal_body"):
        assert stranger.get(reverse(f"desk:{name}", args=[anna.pk])).status_code == 404
        assert stranger.post(reverse(f"desk:{name}", args=[anna.pk])).status_code == 405
    assert stranger.get("/p/-/").status_code == 404


def test_a_customer_who_owes_nothing_sees_that_all_is_settled() -> None:
    ours = rows.creditor("ours")
    anna = rows.customer(ours, "Anna")
    desk = rows.desk(rows.colleague("vera", ours))
    assert desk.get(reverse("desk:portal_body", args=[anna.pk])).status_code == 200


@pytest.mark.parametrize("state", ["offered", "agreed"])
def test_it_costs_no_more_than_any_page(state: str, django_assert_max_num_queries: Any) -> None:
    ours = rows.creditor("ours")
    anna = rows.full(ours, "Anna")
    for n in range(10):
        rows.document(rows.invoice(anna, 1_000, late=n))
        rows.credit(anna, 100, days_ago=n)
    rows.begun(anna)
    rows.plan(anna, state=state, offered_at=clock.now())
    desk = rows.desk(rows.colleague("vera", ours))
    with django_assert_max_num_queries(15):
        told = desk.get(reverse("desk:portal_body", args=[anna.pk])).content.decode()
    assert all(row.reference in told for row in anna.invoices.filter(open_minor__gt=0))


def test_a_record_that_was_merged_shows_nothing_of_the_one_that_stays() -> None:
    ours = rows.creditor("ours")
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    kept, gone = rows.full(ours, "Kept"), rows.full(ours, "Gone")
    Customer.objects.filter(pk=gone.pk).update(merged_into=kept, branch=lyon)
    bea = rows.desk(rows.colleague("bea", ours, Role.BRANCH, branch=lyon))
    for name in ("portal", "portal_body"):
        answer = bea.get(reverse(f"desk:{name}", args=[gone.pk]))
        assert answer["location"] == reverse(f"desk:{name}", args=[kept.pk])
        assert bea.get(answer["location"]).status_code == 404
    note = reverse("desk:act", args=[gone.pk, "note"])
    assert bea.post(note, {"token": "t", "text": "x"}).status_code == 404, "nothing is done about a pointer"
