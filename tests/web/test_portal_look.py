"""A colleague sees the portal as the customer finds it: nothing is sent, opened or counted, and the view is in the trail."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from amiable.core.models import AuditEntry, Role
from amiable.outreach.models import Event
from amiable.payments.models import Attempt
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
    with CaptureQueriesContext(connection) as cost:
        answer = desk.get(reverse("desk:portal_body", args=[anna.pk]))
    told = answer.content.decode()
    assert len(cost) <= 25, "the portal's own cost, and who asks"
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
