"""Every view of personal data is in the trail, once an hour; what was refused is not."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.template.backends.django import Template
from django.urls import reverse

from amiable.core import audit
from amiable.core.models import AuditEntry, Role, Scope
from amiable.web.ui import clock
from tests.web import desk_rows as rows
from tests.web.test_desk_scope import addresses

pytestmark = pytest.mark.django_db
Limit = Callable[..., AbstractContextManager[Any]]


def views() -> set[tuple[str, str, int | None]]:
    lines = AuditEntry.objects.filter(act__endswith=".viewed")
    return set(lines.values_list("act", "subject", "subject_ref"))


def test_a_look_at_a_customer_is_one_line_an_hour() -> None:
    ours = rows.creditor("ours")
    anna = rows.customer(ours, "Anna")
    user = rows.colleague("camille", ours)
    client = rows.desk(user)
    for _time in range(3):
        client.get(reverse("desk:customer", args=[anna.pk]))
        client.get(reverse("desk:happened", args=[anna.pk]))
    line = AuditEntry.objects.get(act="customer.viewed")
    assert (line.user, line.creditor_ref, line.subject, line.subject_ref) == (user, ours.pk, "customer", anna.pk)
    rows.desk(rows.colleague("boris", ours)).get(reverse("desk:customer", args=[anna.pk]))
    assert AuditEntry.objects.filter(act="customer.viewed").count() == 2


def test_the_next_hour_is_another_line() -> None:
    user, now = rows.colleague("camille"), clock.now().replace(minute=59, second=59)
    for moment in (now, now, now + timedelta(seconds=1), now + timedelta(minutes=30)):
        audit.viewed(user=user, act="customer.viewed", subject="customer", subject_ref=7, now=moment)
    assert AuditEntry.objects.count() == 2


def test_every_page_about_a_row_leaves_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = rows.creditor("ours")
    anna = rows.full(ours, "Anna")
    rows.counted()
    written: list[AuditEntry] = []
    monkeypatch.setattr(audit, "views_once", written.extend)
    monkeypatch.setattr(Template, "render", lambda *_words: "")  # what the pages say is read elsewhere
    client = rows.desk(rows.colleague("camille", ours, Role.ADMIN))
    client.raise_request_exception = False  # a letter of these small rows cannot be printed
    silent, shown = set(), 0
    for name, address in {"home": "/", **addresses(anna)}.items():
        written.clear()
        answer = client.get(address)
        if answer.streaming:
            b"".join(
                answer.streaming_content
            )  # read to its end, a file is closed; close() would end the connection too
        shown += answer.status_code == 200
        if answer.status_code == 200 and not written:
            silent.add(name)
    assert shown > 60, "pages that fell over say nothing"
    # Settings of the house, which name nobody.
    assert silent <= {"mailbox", "scenario", "scenario_edit", "experiment", "channel", "acquirer"}


def test_a_list_is_looked_at_in_the_trail_of_each_creditor_of_who_looks() -> None:
    ours, theirs = rows.creditor("ours"), rows.creditor("theirs")
    user = rows.colleague("camille", ours)
    Scope.objects.create(user=user, role=Role.MANAGER, creditor_ref=theirs.pk)
    for _time in range(2):
        rows.desk(user).get(reverse("desk:customers"))
    lines = AuditEntry.objects.filter(act="page.viewed", subject="customers").values_list("creditor_ref", flat=True)
    assert sorted(lines) == [ours.pk, theirs.pk]
    audrey = rows.desk(rows.colleague("audrey", theirs, Role.AUDITOR))
    assert "camille" in audrey.get("/audit/", {"act": "page.viewed"}).content.decode()


def test_what_is_refused_is_no_view() -> None:
    theirs = rows.customer(rows.creditor("theirs"), "Zoe")
    client = rows.desk(rows.colleague("camille", rows.creditor("ours")))
    assert client.get(reverse("desk:customer", args=[theirs.pk])).status_code == 404
    assert views() == set()


def test_it_costs_one_query(django_assert_max_num_queries: Limit) -> None:
    user, now = rows.colleague("camille"), clock.now()
    with django_assert_max_num_queries(1):
        audit.viewed(user=user, act="customer.viewed", subject="customer", subject_ref=7, now=now)
