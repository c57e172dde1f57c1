"""What is taken along from the desk: boards, lists, reports as they were sent; each scoped, each in the trail."""

import io
from typing import Any

import pytest
from django.urls import reverse
from openpyxl import load_workbook
from pypdf import PdfReader

from amiable.core.models import AuditEntry, Role, Scope
from amiable.ledger.models import Branch, Creditor, Customer
from amiable.outreach.models import Memo
from amiable.web.desk import list_files
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
FORMULA = '=HYPERLINK("http://evil.example")'
KINDS = ("pdf", "xlsx", "csv", "parquet")


@pytest.fixture
def theirs() -> Creditor:
    return rows.creditor("theirs")


def taken(response: Any) -> bytes:
    assert response.status_code == 200
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    return b"".join(response.streaming_content)


def board(kind: str, **query: object) -> str:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return reverse("desk:board_file", args=["direction", kind]) + (f"?{words}" if words else "")


def test_a_board_is_taken_along_in_four_kinds(ours: Creditor) -> None:
    rows.invoice(rows.customer(ours, "Anna"), 10_000, late=40)
    rows.counted()
    rows.measured()
    client = rows.desk(user := rows.colleague("camille", ours))
    found = {kind: taken(client.get(board(kind, creditor=ours.pk, currency="EUR", days=30))) for kind in KINDS}
    assert len(PdfReader(io.BytesIO(found["pdf"])).pages) == 1
    assert load_workbook(io.BytesIO(found["xlsx"])).sheetnames[0] == "Direction"
    assert b"tiles,2,amount_overdue,Value,money,10000.0" in found["csv"]
    assert found["parquet"][:4] == b"PAR1"
    trail = AuditEntry.objects.filter(user=user, act="figures.exported", creditor_ref=ours.pk)
    assert sorted(entry.detail["kind"] for entry in trail) == sorted(KINDS)
    page = client.get(reverse("desk:board", args=["direction"])).content.decode()
    for kind in KINDS:
        assert f"/figures/direction.{kind}?creditor={ours.pk}" in page


def test_a_board_of_another_creditor_is_no_file(ours: Creditor, theirs: Creditor) -> None:
    client = rows.desk(rows.colleague("camille", ours))
    for kind in KINDS:
        assert client.get(board(kind, creditor=theirs.pk)).status_code == 404
    assert client.get(board("pdf", creditor="x")).status_code == 404
    assert client.get(reverse("desk:board_file", args=["nothing", "pdf"])).status_code == 404
    assert client.get(board("exe")).status_code == 404
    part = rows.desk(rows.colleague("karim", ours, Role.SALES, own=True))
    assert part.get(board("pdf", creditor=ours.pk)).status_code == 404
    assert not AuditEntry.objects.filter(act="figures.exported").exists()


def listed(room: str, kind: str, user: Any, **query: object) -> bytes:
    return taken(rows.desk(user).get(reverse("desk:list_file", args=[room, kind]), query))


def test_the_list_of_customers_is_taken_along_as_it_is_narrowed(ours: Creditor, theirs: Creditor) -> None:
    anna, boris = rows.full(ours, FORMULA), rows.customer(ours, "Boris")
    rows.invoice(boris, 5_000, late=-3, currency="USD")
    rows.full(theirs, "Zoe")
    rows.counted()
    user = rows.colleague("camille", ours)
    page = load_workbook(io.BytesIO(listed("customers", "xlsx", user)))["Customers"]
    told = {row[0].value: row for row in page.iter_rows(min_row=4)}
    assert {FORMULA, "Boris", "Total EUR", "Total USD"} == set(told)
    assert (told[FORMULA][0].data_type, told[FORMULA][6].value) == ("s", 100)
    assert told["Boris"][6].value == 0
    assert told["Boris"][7].number_format == "[$US$]#,##0.00"
    assert told[FORMULA][14].value == "yes"  # held
    late = listed("customers", "csv", user, overdue="1").decode()
    assert "Boris" not in late
    assert f"'{FORMULA}".replace('"', '""') in late
    assert anna.number in late
    entry = AuditEntry.objects.filter(user=user, act="customers.exported").latest("pk")
    assert entry.detail["asked"] == {"overdue": "1"}


@pytest.mark.parametrize("room", list(list_files.LISTS))
def test_a_list_is_in_the_trail_of_each_creditor_whose_rows_it_holds(
    ours: Creditor, theirs: Creditor, room: str
) -> None:
    user = rows.colleague("camille", ours)
    Scope.objects.create(user=user, role=Role.MANAGER, creditor_ref=theirs.pk)
    Scope.objects.create(user=user, role=Role.MANAGER, creditor_ref=rows.creditor("empty").pk)
    for each in (rows.full(ours, "Anna"), rows.full(ours, "Boris"), rows.full(theirs, "Zoe")):
        rows.plan(each)
        rows.begun(each)
    rows.counted()
    for each in (ours, theirs):  # payments are of one creditor at a time
        listed(room, "csv", user, creditor=each.pk)
    lines = AuditEntry.objects.filter(act=f"{room}.exported").values_list("creditor_ref", "detail__rows")
    assert set(lines) == {(ours.pk, 2), (theirs.pk, 1)}


@pytest.mark.parametrize("room", list(list_files.LISTS))
def test_no_list_holds_what_lies_out_of_reach(ours: Creditor, theirs: Creditor, room: str) -> None:
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    here, there, zoe = rows.full(ours, "Here"), rows.full(ours, "There"), rows.full(theirs, "Zoe")
    Customer.objects.filter(pk=here.pk).update(branch=lyon)
    for each in (here, there, zoe):
        rows.plan(each)
        rows.begun(each)
    rows.counted()
    whole, branch = rows.colleague("camille", ours), rows.colleague("bea", ours, Role.BRANCH, branch=lyon)
    for kind in ("xlsx", "csv"):
        assert listed(room, kind, whole, creditor=theirs.pk)[:2] in (b"PK", b"\xef\xbb")
    assert b"Zoe" not in listed(room, "csv", whole, creditor=theirs.pk)
    told = listed(room, "csv", whole).decode()
    assert "Here" in told
    assert "There" in told
    assert "Zoe" not in told
    mine = listed(room, "csv", branch).decode()
    assert "Here" in mine
    assert "There" not in mine
    nobody = listed(room, "csv", rows.colleague("nobody")).decode()
    assert nobody.count("\n") == 1  # the headings
    assert rows.desk(whole).get(reverse("desk:list_file", args=[room, "exe"])).status_code == 404


def test_a_list_that_is_too_long_is_refused_with_a_sentence(ours: Creditor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_files, "MOST", 1)
    for name in ("Anna", "Boris"):
        rows.full(ours, name)
    rows.counted()
    client = rows.desk(rows.colleague("camille", ours))
    response = client.get(reverse("desk:list_file", args=["customers", "csv"]), {"overdue": "1"}, follow=True)
    assert response.redirect_chain == [("/customers/?overdue=1", 302)]
    assert "A file holds 1 rows" in response.content.decode()
    assert b"Anna" in taken(client.get(reverse("desk:list_file", args=["customers", "csv"]), {"q": "Anna"}))


def test_a_report_is_seen_again_as_it_was_sent(ours: Creditor, theirs: Creditor) -> None:
    kept, other = rows.report(ours, b"%PDF-1.7 ours"), rows.report(theirs, b"%PDF-1.7 theirs")
    for each, name in ((kept, "Camille Martin"), (other, "Nina Noir")):
        Memo.objects.create(
            key=name, address=f"{name[0]}@x.example", name=name, language="en", subject="s", text="t", html="h",
            attached=[{"name": "direction.pdf", "sha256": each.content["sha256"], "size": 13}], created_at=clock.now(),
        )  # fmt: skip
    client = rows.desk(user := rows.colleague("camille", ours))
    page = client.get(reverse("desk:reports")).content.decode()
    assert reverse("desk:report", args=[kept.pk]) in page
    assert reverse("desk:report", args=[other.pk]) not in page
    assert ("Camille Martin" in page, "Nina Noir" in page) == (True, False)
    assert taken(client.get(reverse("desk:report", args=[kept.pk]))) == b"%PDF-1.7 ours"
    assert client.get(reverse("desk:report", args=[other.pk])).status_code == 404
    assert AuditEntry.objects.get(user=user, act="report.exported").subject_ref == kept.pk
