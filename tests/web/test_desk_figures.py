"""Boards and the page of every figure: for whom, about what, and never an error however it is asked."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.formats import date_format
from openpyxl import load_workbook
from pypdf import PdfReader

from amiable.core.models import AuditEntry, Role, Scope
from amiable.insight.measure import measure
from amiable.insight.models import Figure
from amiable.ledger.models import Branch, Creditor
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


@pytest.fixture
def busy(ours: Creditor) -> Creditor:
    """Two branches with messages, one of which has a name that a spreadsheet would reckon with; a call; measured."""
    julie = rows.colleague("julie", ours, Role.COLLECTOR)
    for name, count in (("=1+1", 2), ("Lyon", 1)):
        branch = Branch.objects.create(creditor=ours, code=name, name=name)
        who = rows.customer(ours, f"At {name}", branch=branch)
        for _n in range(count):
            rows.message(
                who, state="sent", sent_at=clock.now() - timedelta(days=2), as_of=clock.today() - timedelta(days=2)
            )
        rows.task(who, done_at=clock.now() - timedelta(days=2), done_by=julie, outcome="refused")
    rows.measured()
    return ours


@pytest.fixture
def client(ours: Creditor) -> Client:
    return rows.desk(rows.colleague("sophie", ours))


def told(client: Client, name: str = "explore", *args: object, **asked: object) -> str:
    answer = client.get(reverse(f"desk:{name}", args=args), asked)
    assert answer.status_code == 200
    page = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ACCOUNTANT, Role.COLLECTOR])
def test_what_colleagues_did_is_for_who_leads_them(busy: Creditor, role: Role) -> None:
    other = rows.desk(rows.colleague("other", busy, role))
    assert other.get(reverse("desk:board", args=["team"])).status_code == 404
    assert "Team" not in told(other, "board", "payments")
    shown = told(other, kpi="answer_rate", by="collector")
    assert "Julie" not in shown.title()
    assert "Colleague" not in shown
    found = other.get("/api/figures", {"kpi": "answer_rate"}).content.decode()
    assert "collector" not in found
    assert '"kpi"' in found


def test_who_leads_sees_the_team(busy: Creditor, client: Client) -> None:
    assert "Team" in told(client, "board", "team")
    assert "Julie" in told(client, kpi="answer_rate", by="collector").title()
    assert Figure.objects.filter(slice__has_key="collector").exists()
    assert "collector" in client.get("/api/figures", {"kpi": "answer_rate"}).content.decode()


def test_a_right_at_one_creditor_shows_no_team_of_another(busy: Creditor) -> None:
    theirs = rows.creditor("theirs")
    user = rows.colleague("both", theirs, Role.MANAGER)
    Scope.objects.create(user=user, role=Role.AUDITOR, creditor_ref=busy.pk)
    client = rows.desk(user)
    shown = told(client, "board", "team", creditor=busy.pk)
    assert "Julie" not in shown.title()
    assert "Team" not in told(client, "board", "payments", creditor=busy.pk)
    assert "Julie" not in told(client, creditor=busy.pk, kpi="answer_rate", by="collector").title()


def answer(client: Client, **asked: object) -> str:
    """What is said of the one figure, without the lists in which every figure stands."""
    page = client.get(reverse("desk:explore"), asked).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition('id="answer"')[2].partition("</section>")[0]))


def test_every_figure_says_how_it_is_counted(busy: Creditor, client: Client) -> None:
    shown = told(client)
    for words in (
        "Recovery rate",
        "Net promoter score (NPS)",
        "more is better",
        "casework.SurveyAnswer",
        "Last measured",
    ):
        assert words in shown


def test_a_figure_is_parted_and_narrowed(busy: Creditor, client: Client) -> None:
    shown = told(client, kpi="messages_sent", by=["branch", "channel"])
    assert "Lyon E-mail 1" in shown
    assert "All together 3" in shown
    lyon = Branch.objects.get(name="Lyon").pk
    narrow = told(client, kpi="messages_sent", by="channel", branch=lyon)
    assert "Branch: Lyon" in narrow
    assert "All together 1" in narrow
    assert "No branch" in told(client, kpi="messages_sent", by="channel", branch="-")


def test_what_is_seen_is_taken_along(busy: Creditor, client: Client) -> None:
    asked = {"kpi": "messages_sent", "by": "branch"}
    found = {kind: client.get(reverse("desk:explore"), asked | {"format": kind}) for kind in ("csv", "xlsx", "pdf")}
    assert found["csv"]["Content-Type"].startswith("text/csv")
    lines = list(csv.reader(io.StringIO(found["csv"].content.decode())))
    assert lines[0] == ["branch", "kpi", "unit", "currency", "value", "numerator", "denominator"]
    assert sorted(line[0] for line in lines[1:]) == ["'=1+1", "Lyon"]
    book = load_workbook(io.BytesIO(found["xlsx"].content))
    cells = [[cell.value for cell in row] for row in book.worksheets[-1].iter_rows()]
    assert [row[:2] for row in cells if row[0] in ("=1+1", "Lyon", "Together")] == [
        ["=1+1", 2], ["Lyon", 1], ["Together", 3]
    ]  # fmt: skip
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(found["pdf"].content)).pages)
    assert "Messages sent" in words
    assert "Lyon" in words
    trail = AuditEntry.objects.filter(act="figures.exported", creditor_ref=busy.pk)
    assert [(each.detail["kpi"], each.detail["kind"], each.detail["by"]) for each in trail.order_by("pk")] == [
        ("messages_sent", kind, ["branch"]) for kind in found
    ]


def test_a_figure_is_told_over_time(busy: Creditor, client: Client) -> None:
    sent = clock.today() - timedelta(days=2)
    monday = sent - timedelta(days=sent.weekday())
    shown = answer(client, kpi="messages_sent", by="week")
    assert f"Week Messages sent {monday.day} {date_format(monday, 'M Y')} 3" in shown
    assert f"{sent.day} {date_format(sent, 'M Y')} 3" in answer(client, kpi="messages_sent", by="day")
    page = client.get(reverse("desk:explore"), {"kpi": "messages_sent", "by": "week"})
    end = min(monday + timedelta(days=6), page.context["question"].until)
    assert f"since={monday}&until={end}" in page.context["rows"][0]["names"][0][1]
    offered = [name for name, *_ in client.get(reverse("desk:explore"), {"kpi": "tasks_late"}).context["choices"][0][1]]
    assert "period" in offered
    assert "week" not in offered  # how things stood is kept at the ends of months alone


def test_the_numbers_of_a_board_are_those_of_its_page(busy: Creditor, client: Client) -> None:
    page = client.get(reverse("desk:board", args=["journeys"])).context["board"]
    taken = client.get(reverse("desk:board_file", args=["journeys", "csv"]))
    rows_ = list(csv.DictReader(io.StringIO(b"".join(taken.streaming_content).decode())))  # type: ignore[attr-defined]
    section = next(each for each in page.sections if each.key == "by-channel")
    for column, cell in zip(section.columns[1:], section.lines[0].cells[1:], strict=True):
        told = [
            row
            for row in rows_
            if (row["part"], row["name"], row["column"]) == ("by-channel", section.lines[0].cells[0], column.label)
        ]
        assert [float(row["value"]) for row in told] == ([] if cell is None else [cell])
    assert {row["as_of"] for row in rows_} == {(clock.today() - timedelta(days=1)).isoformat()}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"kpi": "dso", "by": "segment"}, "cannot be parted"),
        ({"kpi": "nonsense"}, "Recovery rate –"),
        ({"kpi": "csat", "by": ["segment", "after", "branch", "sector"]}, "there is nothing from"),
        ({"kpi": "messages_sent", "since": "2031-01-01", "until": "2031-02-01"}, "before it begins"),
        ({"kpi": "messages_sent", "since": "nonsense", "until": "9999-99-99"}, "All together 3"),
        ({"kpi": "messages_sent", "by": "branch", "since": "0001-01-01"}, "All together 3"),
        ({"kpi": "messages_sent", "by": "branch", "branch": "1 OR 1=1"}, "All together 3"),
        ({"kpi": "messages_sent", "by": "branch", "branch": "999999999999999"}, "there is nothing from"),
        (
            {"kpi": "messages_sent", "by": "nonsense", "currency": "XXX", "creditor": "x", "days": "-1"},
            "Messages sent 3",
        ),
        ({"kpi": "tasks_late", "by": ["period", "task"]}, "Tasks past their day: there is nothing from"),
    ],
)
def test_however_it_is_asked(busy: Creditor, client: Client, asked: dict[str, object], says: str) -> None:
    asked = {"by": "channel"} | asked if asked.get("since") == "nonsense" else asked
    assert says in answer(client, **asked)
    assert client.get(reverse("desk:explore"), asked | {"format": "csv"}).status_code == 200


def test_nothing_measured_is_a_sentence(ours: Creditor, client: Client) -> None:
    assert "Nothing was measured yet" in told(client)
    for board in ("journeys", "payments", "team", "relation"):
        assert "Nothing was measured yet" in told(client, "board", board)


def test_a_period_that_has_not_come_is_a_sentence(ours: Creditor, client: Client) -> None:
    measure(as_of=clock.today() - timedelta(days=20), now=clock.now())
    assert "has not come yet" in told(client, kpi="csat", since=(clock.today() - timedelta(days=5)).isoformat())


def test_another_creditor_is_as_if_it_were_not_there(busy: Creditor, client: Client) -> None:
    theirs = rows.creditor("theirs")
    rows.message(
        rows.customer(theirs, "Zoe"), state="sent", sent_at=clock.now() - timedelta(days=2), as_of=clock.today()
    )
    rows.measured()
    assert "All together 3" in told(client, kpi="messages_sent", by="channel", creditor=theirs.pk)
    branch = rows.desk(rows.colleague("karim", busy, Role.SALES, own=True))
    assert "These figures are of whole creditors" in told(branch)


def test_no_page_counts_the_running_day(busy: Creditor, client: Client) -> None:
    """Measured too early, it would stand as half a day beside whole ones."""
    yesterday = clock.today() - timedelta(days=1)
    measure(as_of=clock.today(), now=clock.now())
    for asked in ({}, {"as_of": clock.today().isoformat()}):
        board = client.get("/api/boards/journeys", asked | {"creditor": busy.pk, "days": 30}).json()
        assert (board["as_of"], board["since"]) == (yesterday.isoformat(), (yesterday - timedelta(days=29)).isoformat())
    answer = client.get(reverse("desk:board", args=["journeys"]))
    assert answer.context["board"].asked.as_of == yesterday
    assert date_format(yesterday, "j M Y") in told(client, "board", "direction")
    assert client.get(reverse("desk:explore"), {"until": "2199-01-01"}).context["question"].until == yesterday


@pytest.mark.parametrize("page", ["journeys", "payments", "team", "relation", "explore"])
def test_each_page_asks_the_database_little(
    busy: Creditor, client: Client, page: str, django_assert_max_num_queries: object
) -> None:
    address = reverse("desk:explore") if page == "explore" else reverse("desk:board", args=[page])
    asked = {"kpi": "messages_sent", "by": ["branch", "channel", "step"]} if page == "explore" else {}
    client.get(address, asked)
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        answer = client.get(address, asked)
    assert len(answer.content) < 500_000
