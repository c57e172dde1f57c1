"""The trail: everything that is asked for and nothing of another house, page by page, as a file, for good."""

import csv
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from amiable.core import audit
from amiable.core.models import AuditEntry, Role, Scope, User
from amiable.ledger.models import Creditor, Customer
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs() -> Creditor:
    return rows.creditor("theirs")


@pytest.fixture
def audrey(ours: Creditor) -> User:
    return rows.colleague("audrey", ours, Role.AUDITOR)


def told(
    customer: Customer, act: str = "hold.placed", *, by: User | None = None, hours: int = 0, **detail: Any
) -> None:
    audit.record(
        act, now=clock.now() - timedelta(hours=hours), user=by, creditor_ref=customer.creditor_id, subject="customer",
        subject_ref=customer.pk, **detail,
    )  # fmt: skip


def lines(client: Client, **asked: Any) -> list[str]:
    """The details of the lines that are shown, newest first."""
    page = client.get("/audit/", asked)
    assert page.status_code == 200
    return [str(each["line"].detail.get("n", "")) for each in page.context["lines"]]


def test_each_way_of_asking(ours: Creditor, audrey: User) -> None:
    anna, boris = rows.customer(ours, "Anna"), rows.customer(ours, "Boris")
    karim = rows.colleague("karim", ours)
    told(anna, by=karim, n=1, reason="asked for time", hours=50)
    told(boris, by=karim, n=2, reason="insolvency", hours=2)
    told(anna, "payment.taken", by=audrey, n=3, hours=1)
    client = rows.desk(audrey)
    assert lines(client) == ["3", "2", "1"]
    assert lines(client, person=karim.pk) == ["2", "1"]
    assert lines(client, act="payment.taken") == ["3"]
    assert lines(client, customer="anna") == lines(client, customer=anna.number) == ["3", "1"]
    assert lines(client, customer="An") == []
    assert lines(client, words="insolvency") == ["2"]
    assert lines(client, words="time asked") == ["1"]
    assert lines(client, subject="customer", ref=boris.pk) == ["2"]
    assert lines(client, until=(clock.today() - timedelta(days=2)).isoformat()) == ["1"]
    assert "1" not in lines(client, since=(clock.today() - timedelta(days=1)).isoformat())


@pytest.mark.parametrize(
    "asked",
    [
        {"person": "x"}, {"person": "9" * 30}, {"since": "2026-13-45"}, {"before": "nonsense"}, {"before": "2026-01-01_5"},
        {"words": "'\"&|!("}, {"creditor": "-1"}, {"ref": "²"}, {"act": "x" * 500}, {"customer": "%"},
    ],
)  # fmt: skip
def test_nonsense_is_harmless(asked: dict[str, str], audrey: User) -> None:
    assert rows.desk(audrey).get("/audit/", asked).status_code == 200


def test_another_house_is_not_told_in_any_way(ours: Creditor, theirs: Creditor, audrey: User) -> None:
    zoe = rows.customer(theirs, "Zoe")
    told(zoe, n=9, reason="secret")
    stranger = rows.colleague("stranger", theirs)
    both = rows.colleague("both", ours)
    Scope.objects.create(user=both, role=Role.SALES, creditor_ref=theirs.pk)
    # What names no creditor is told of people who work here and nowhere else.
    for who in (stranger, both, audrey):
        audit.record("page.viewed", now=clock.now(), user=who, subject="inbox", subject_ref=who.pk, n=who.username)
    client = rows.desk(audrey)
    assert lines(client) == ["audrey"]
    for asked in ({"creditor": theirs.pk}, {"customer": "Zoe"}, {"words": "secret"}, {"person": stranger.pk}):
        assert "9" not in lines(client, **asked), asked
        page = client.get("/audit/", asked).content.decode()
        assert "stranger" not in page
        assert "Zoe</a>" not in page


@pytest.mark.parametrize("role", Role.values)
def test_who_reads_the_trail(role: str, ours: Creditor) -> None:
    client = rows.desk(rows.colleague("c", ours, role))
    assert (client.get("/audit/").status_code == 200) == (role in {"manager", "admin", "auditor"})
    narrowed = rows.desk(rows.colleague("n", ours, role, own=True))
    assert narrowed.get("/audit/").status_code == 404


def test_older_pages_go_on_where_the_last_ended(ours: Creditor, audrey: User) -> None:
    anna, moment = rows.customer(ours, "Anna"), clock.now()
    # Many lines of one instant: the number of the line decides.
    AuditEntry.objects.bulk_create(
        audit.line("hold.placed", now=moment, creditor_ref=ours.pk, subject="customer", subject_ref=anna.pk, n=n)
        for n in range(120)
    )
    client, seen, before = rows.desk(audrey), [], ""
    for _page in range(3):
        page = client.get("/audit/", {"before": before} if before else {})
        seen += [each["line"].detail["n"] for each in page.context["lines"]]
        before = page.context["before"]
    assert seen == list(range(119, -1, -1))
    assert before == ""


def test_the_file_holds_the_same_lines_and_no_formula(ours: Creditor, audrey: User) -> None:
    anna = rows.customer(ours, "Anna")
    told(anna, by=audrey, n=1, reason="=cmd()")
    audit.record("note", now=clock.now(), actor="=1+1", creditor_ref=ours.pk, subject="customer")
    client = rows.desk(audrey)
    answer = client.get("/audit/", {"format": "csv", "customer": "Anna"})
    table = list(csv.reader(b"".join(answer.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]
    assert len(table) == 2
    assert table[1][1:4] == ["audrey", "hold.placed", "Ours"]
    everything = b"".join(client.get("/audit/", {"format": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert ",'=1+1," in everything
    exported = AuditEntry.objects.filter(act="audit.exported").order_by("pk").first()
    assert exported is not None
    assert (exported.detail, exported.creditor_ref) == ({"asked": {"customer": "Anna"}}, ours.pk)


def test_nobody_changes_the_trail(ours: Creditor) -> None:
    told(rows.customer(ours, "Anna"))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else its own pending checks would refuse a TRUNCATE
    changes = ("UPDATE core_auditentry SET act = 'x'", "DELETE FROM core_auditentry", "TRUNCATE core_auditentry")
    for words in (*changes, "TRUNCATE core_user CASCADE"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(words)


def test_the_page_costs_few_queries(ours: Creditor, audrey: User, django_assert_max_num_queries: Any) -> None:
    for n in range(60):
        told(rows.customer(ours, f"C{n}"), by=audrey, n=n)
    client = rows.desk(audrey)
    with django_assert_max_num_queries(15):
        client.get("/audit/")


def test_a_customers_name_is_shown_to_who_may_see_it(ours: Creditor, audrey: User) -> None:
    anna = rows.customer(ours, "Anna")
    told(anna, by=audrey)
    assert reverse("desk:customer", args=[anna.pk]) in rows.desk(audrey).get("/audit/").content.decode()
