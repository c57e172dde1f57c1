"""What the pages of the desk say, and what they cost: never more than fifteen queries, however much there is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from amiable import day
from amiable.casework.models import Dispute
from amiable.core.models import AuditEntry, Role, Run, Scope, User
from amiable.insight.board import plans
from amiable.ledger.models import Creditor, Customer
from amiable.payments.allocate import allocate_open
from amiable.payments.models import Promise
from amiable.portfolio import tally
from amiable.portfolio.models import Profile
from amiable.scenario import decide, dispatch, shelf
from amiable.scenario.models import Decision, Scenario
from amiable.web.desk import customers, labels, timeline
from amiable.web.templatetags.amiable_ui import money
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
QUERIES = 15
Limit = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def client(ours: Creditor) -> Client:
    return rows.desk(rows.colleague("camille", ours))


def crowd(ours: Creditor, number: int = 60) -> list[Customer]:
    found = [rows.customer(ours, f"Customer {n:02d}") for n in range(number)]
    for n, each in enumerate(found):
        rows.invoice(each, 10_000 + 100 * n, late=n)
        rows.email(each, f"c{n}@example.org")
    rows.counted()
    return found


def page(client: Client, name: str, *args: object, **query: object) -> str:
    response = client.get(reverse(f"desk:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_no_page_costs_more_than_fifteen_queries(
    ours: Creditor, client: Client, django_assert_max_num_queries: Limit
) -> None:
    found = crowd(ours)
    busy = rows.full(ours, "Anna")
    for n in range(30):
        rows.invoice(busy, 1_000, late=n)
        rows.credit(busy, 500, days_ago=n)
        rows.message(busy)
        rows.task(busy)
    allocate_open(creditor=ours, as_of=clock.today(), now=clock.now())
    rows.case(busy)
    for each in found:
        rows.task(each)
    rows.counted()
    rows.measured()
    Run.objects.create(step="send", as_of=clock.today(), started_at=clock.now(), figures={"sent": 3})
    call = busy.tasks.first()
    assert call is not None
    asked: list[tuple[str, list[int], dict[str, str]]] = [
        ("home", [], {}),
        ("glance", [], {}),
        ("filters", [], {}),
        ("calls", [], {}),
        ("approvals", [], {}),
        ("customers", [], {}),
        ("customers", [], {"q": "Anna 1@", "overdue": "1", "held": "1", "bucket": "31_60"}),
        ("customer", [busy.pk], {}),
        ("happened", [busy.pk], {"page": "2"}),
        ("foreseen", [busy.pk], {}),
        ("awaited", [busy.pk], {}),
        ("task", [call.pk], {}),
        ("call", [call.pk], {}),
        ("message", [busy.messages.all()[0].pk], {}),
        ("act", [busy.pk, "promise"], {}),  # type: ignore[list-item]
        ("runs", [], {}),
        ("figures", [], {}),
        ("reports", [], {}),
        *(("board", [key], {"days": "365"}) for key in plans()),  # type: ignore[list-item]
    ]
    for name, args, query in asked:
        with django_assert_max_num_queries(QUERIES):
            page(client, name, *args, **query)


# One of each kind of thing that somebody types, and what could be several: letters and digits in every mixture.
WORDS = (
    "Anna", "Ana Dupon", "zzzz qqqq", "x9", "C-10482", "FA2026 0045", "abc1234", "AB 12345678", "FR76 3000 6000 0112",
    "403265045", "FR12403265045", "12345", "1 234,50", "1234.50 €", "06 12 34 56 78", "+33 6 12 34 56 78", "anna@house.example",
    "house1.example", "jean2.fr123", "a1b2c3d4e5f6", "%_\\", "1a" * 40,
)  # fmt: skip


def test_no_search_and_no_filter_of_the_list_costs_more_than_fifteen_queries(ours: Creditor, client: Client) -> None:
    rows.full(ours, "Anna")
    rows.colleague("near", rows.creditor("near"))
    rows.counted()
    every = {
        "segment": "late",
        "kind": "business",
        "bucket": "31_60",
        "overdue": "1",
        "held": "1",
        "creditor": str(ours.pk),
    }
    asked = [{name: value} for name, value in every.items()] + [every] + [{"q": words} for words in WORDS]
    asked += [every | {"q": words} for words in WORDS]
    dear = {}
    for query in asked:
        with CaptureQueriesContext(connection) as cost:
            page(client, "customers", **query)
        if len(cost) > QUERIES:
            dear[query.get("q", str(query))] = len(cost)
    assert dear == {}


def test_the_list_shows_who_owes_most_first_and_more_when_asked(ours: Creditor, client: Client) -> None:
    crowd(ours)
    first = page(client, "customers")
    assert first.index("Customer 59") < first.index("Customer 58") < first.index("Customer 20")
    assert "Customer 05" not in first
    more = client.get(
        reverse("desk:customers"), {"page": 2}, headers={"hx-request": "true", "hx-target": "more"}
    ).content.decode()
    assert "Customer 05" in more
    assert "<html" not in more


@pytest.mark.parametrize("words", ["hélo", "HÉLOÏSE dup", "ours-1", "F00001", "heloise@example", "33612345678"])
def test_a_customer_is_found_by_what_is_at_hand(ours: Creditor, client: Client, words: str) -> None:
    wanted = rows.customer(ours, "Héloïse Dupont")
    rows.invoice(wanted, 1_000, late=1)
    point = rows.email(wanted, "heloise@example.org")
    point.contact.points.create(medium="call", value="+33612345678")
    rows.invoice(rows.customer(ours, "Somebody else"), 1_000, late=1, reference="X")
    rows.counted()
    found = page(client, "customers", q=words)
    assert "Héloïse Dupont</a>" in found
    assert "Somebody else" not in found


def test_signs_of_the_search_language_are_only_signs(ours: Creditor, client: Client) -> None:
    rows.customer(ours, "Anna")
    assert "Nobody fits" in page(client, "customers", q="100%_\\")


def test_who_never_had_an_invoice_is_found_too(ours: Creditor, client: Client) -> None:
    rows.customer(ours, "Newcomer")
    assert "Newcomer</a>" in page(client, "customers", q="newc")


def test_filters_narrow_and_nonsense_is_left_out(ours: Creditor, client: Client) -> None:
    young, old, calm = (rows.customer(ours, name) for name in ("Young", "Old", "Calm"))
    rows.invoice(young, 1_000, late=5)
    rows.invoice(old, 1_000, late=100)
    rows.invoice(calm, 1_000, late=-5)
    rows.counted()
    assert "Young</a>" not in page(client, "customers", bucket="over_90")
    assert "Old</a>" in page(client, "customers", bucket="over_90")
    assert "Calm</a>" not in page(client, "customers", overdue="1")
    assert "Nobody fits" in page(client, "customers", held="1")
    assert "Nobody fits" in page(client, "customers", kind="consumer")
    assert "Calm</a>" in page(client, "customers", kind="x", bucket="y", page="-3", creditor="9" * 30)


def test_a_list_is_narrowed_to_what_a_board_counted(ours: Creditor, client: Client) -> None:
    """One creditor, one currency, and those whom no segment holds."""
    other = rows.creditor("other")
    Scope.objects.create(user=User.objects.get(username="camille"), role=Role.MANAGER, creditor_ref=other.pk)
    for of, name, currency in ((ours, "Euro", "EUR"), (ours, "Pound", "GBP"), (other, "Else", "GBP")):
        who = rows.customer(of, name)
        rows.plan(who)
        owed = rows.invoice(who, 1_000, late=3, currency=currency)
        Dispute.objects.create(customer=who, invoice=owed, reason="quality", opened_at=clock.now())
    rows.counted()
    asked = {"creditor": str(ours.pk), "currency": "GBP"}
    for name in ("customers", "disputes"):
        shown = page(client, name, **asked)
        assert "Pound</a>" in shown, name
        assert "Euro</a>" not in shown
        assert "Else</a>" not in shown
        assert "Else</a>" in page(client, name, currency="GBP")
    assert "Else</a>" not in page(client, "plans", creditor=str(ours.pk))
    assert "Euro</a>" in page(client, "plans", creditor=str(ours.pk), currency="EUR")
    Profile.objects.filter(customer__name="Pound").update(segment="")
    Profile.objects.filter(customer__name="Euro").update(segment="late")
    tally.tally([ours, other])
    shown = page(client, "customers", segment="-")
    assert "Pound</a>" in shown
    assert "Euro</a>" not in shown


def test_behind_a_stage_stand_the_customers_who_came_so_far(
    ours: Creditor, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = rows.creditor("theirs")
    for of, name, told in ((ours, "Told", True), (ours, "Silent", False), (theirs, "Foreign", False)):
        who = rows.customer(of, name)
        rows.invoice(who, 1_000 if told else 2_000, late=30)
        rows.case(who, days_ago=9)
        if told:
            rows.message(who, state="sent", as_of=clock.today() - timedelta(days=5), sent_at=clock.now(), capped=True)
    rows.counted()
    asked = {"creditor": str(ours.pk), "since": str(clock.today() - timedelta(days=89)), "until": str(clock.today())}
    assert "2 customers" in page(client, "customers", stage="due", **asked)
    monkeypatch.setattr(customers, "LOOKED_AT", 1)  # the first of the list did not come so far
    shown = page(client, "customers", stage="contacted", **asked)
    assert "Told</a>" in shown
    assert "1 customer" in shown
    assert "Silent</a>" not in shown
    assert "Nobody fits" in page(
        client, "customers", stage="contacted", **asked | {"until": str(clock.today() - timedelta(days=10))}
    )
    assert "Nobody fits" in page(client, "customers", stage="due", **asked | {"creditor": str(theirs.pk)})
    for odd in (
        {"stage": "odd"},
        {"stage": "tried", "until": "yesterday"},
        {"stage": "tried", "creditor": ""},
        {"stage": "tried", "since": "0001-01-01"},
    ):
        assert "Silent</a>" in page(client, "customers", **asked | odd)
    csv = client.get(reverse("desk:list_file", args=["customers", "csv"]), asked | {"stage": "contacted"})
    assert "Told" in (words := b"".join(csv).decode())
    assert "Silent" not in words


def test_amounts_stand_per_currency_and_are_never_added_up(ours: Creditor, client: Client) -> None:
    customer = rows.customer(ours, "Anna")
    rows.invoice(customer, 10_000, late=5)
    rows.invoice(customer, 20_000, late=5, currency="GBP")
    rows.counted()
    for shown in (page(client, "customers"), page(client, "customer", customer.pk), page(client, "glance")):
        assert "€100.00" in shown
        assert "£200.00" in shown
        assert "300.00" not in shown


def test_what_is_shown_is_what_is_left(ours: Creditor, client: Client) -> None:
    customer = rows.customer(ours, "Anna")
    rows.invoice(customer, 10_000, late=5)
    rows.credit(customer, 4_000, days_ago=1)
    allocate_open(creditor=ours, as_of=clock.today(), now=clock.now())
    shown = page(client, "customer", customer.pk)
    assert "€60.00" in shown
    assert "of €100.00" in shown


def test_a_customer_merged_into_another_leads_there(ours: Creditor, client: Client) -> None:
    keep, gone = rows.customer(ours, "Keep"), rows.customer(ours, "Gone")
    Customer.objects.filter(pk=gone.pk).update(merged_into=keep)
    assert client.get(reverse("desk:customer", args=[gone.pk]))["location"] == reverse("desk:customer", args=[keep.pk])


def test_the_timeline_tells_everything_newest_first(ours: Creditor, client: Client) -> None:
    customer = rows.full(ours, "Anna")
    rows.credit(customer, 2_500, days_ago=3)
    allocate_open(creditor=ours, as_of=clock.today(), now=clock.now())
    shelf.stock(now=clock.now())
    Decision.objects.create(
        creditor=ours,
        customer=customer,
        currency="EUR",
        as_of=clock.today(),
        scenario=Scenario.objects.all()[0],
        step="reminder_2",
        level=30,
        channel="email",
        verdict="not",
        rail="gap",
        reason="The last contact is too recent.",
    )
    lines, more = timeline.happened(customer=customer)
    kinds = {line.kind for line in lines}
    assert kinds >= {"invoice", "credit", "allocation", "message", "task", "note", "hold", "dispute", "decision"}
    assert [line.at for line in lines] == sorted((line.at for line in lines), reverse=True)
    assert not more
    shown = page(client, "customer", customer.pk)
    for words in (
        "Not done: Second reminder",
        "The last contact is too recent.",
        "note about Anna",
        "asked for time",
        "€25.00 allocated",
    ):
        assert words in shown
    only = page(client, "happened", customer.pk, show="money")
    assert "note about Anna" not in only
    assert "€25.00 allocated" in only


def test_a_message_is_shown_as_it_was_sent_and_can_run_nothing(ours: Creditor, client: Client) -> None:
    message = rows.message(rows.customer(ours, "Anna"), html="<script>alert(1)</script><p>Bonjour</p>")
    assert 'sandbox=""' in page(client, "message", message.pk)
    body = client.get(reverse("desk:message_body", args=[message.pk]))
    assert "sandbox" in body["Content-Security-Policy"]
    assert "default-src 'none'" in body["Content-Security-Policy"]
    assert body["X-Frame-Options"] == "SAMEORIGIN"


def test_words_of_others_are_never_markup(ours: Creditor, client: Client) -> None:
    customer = rows.customer(ours, "<script>alert(1)</script>")
    rows.invoice(customer, 100, late=3, reference="<b>F1</b>")
    rows.task(customer, context={"words": "<img src=x>"}, title="<i>call</i>")
    rows.counted()
    for shown in (page(client, "customers"), page(client, "customer", customer.pk), page(client, "home")):
        assert "<script>alert" not in shown
        assert "<b>F1" not in shown
        assert "<img src=x" not in shown
        assert "<i>call" not in shown


def test_the_next_step_is_told_with_what_stands_in_its_way(ours: Creditor, client: Client) -> None:
    customer = rows.customer(ours, "Anna", kind="consumer")
    rows.invoice(customer, 10_000, late=10)
    shelf.stock(now=clock.now())
    rows.counted()
    assert "No usable address for this channel." in page(client, "foreseen", customer.pk)
    rows.email(customer, "anna@example.org")
    assert "First reminder" in page(client, "foreseen", customer.pk)


def test_home_says_what_to_do_in_the_order_of_urgency_and_amount(ours: Creditor, client: Client) -> None:
    small, large, waiting, later = (rows.customer(ours, name) for name in ("Small", "Large", "Waiting", "Later"))
    for customer, minor in ((small, 100), (large, 100_000), (waiting, 50)):
        rows.invoice(customer, minor, late=9)
    rows.counted()
    rows.task(small)
    rows.task(large)
    rows.task(waiting, "reply", context={"words": "Where is my copy?"})
    rows.task(later, due_on=clock.today() + timedelta(days=1))
    shown = page(client, "home")
    assert "3 things to do" in shown
    assert shown.index("Waiting</a>") < shown.index("Large</a>") < shown.index("Small</a>")
    assert "Where is my copy?" in shown
    assert "Later</a>" not in shown
    assert "Large</a>" not in page(client, "home", kind="reply")


def test_home_shows_what_needs_an_eye(ours: Creditor, client: Client) -> None:
    customer = rows.customer(ours, "Anna")
    rows.message(customer, state="in_doubt", sent_at=None)
    Promise.objects.create(
        customer=customer, currency="EUR", amount_minor=7_700, promised_for=clock.today(), taken_at=clock.now(), origin="call",
        state="broken", judged_on=clock.today(),
    )  # fmt: skip
    Run.objects.create(
        step="decide", as_of=clock.today(), started_at=clock.now(), ended_at=clock.now(), error="UnableTo: no"
    )
    shown = page(client, "glance")
    for words in ("Messages in doubt", "Broken promises", "€77.00", "Decisions", "failed"):
        assert words in shown


def test_runs_of_a_day_with_what_went_wrong(client: Client) -> None:
    yesterday = clock.today() - timedelta(days=1)
    Run.objects.create(step="send", as_of=yesterday, started_at=clock.now(), ended_at=clock.now(), figures={"sent": 12})
    Run.objects.create(
        step="measure", as_of=clock.today(), started_at=clock.now(), ended_at=clock.now(), error="ValueError: nothing"
    )
    assert "ValueError: nothing" in page(client, "runs")
    shown = page(client, "runs", day=yesterday.isoformat())
    assert "Sending" in shown
    assert ">12<" in shown
    assert page(client, "runs", day="nonsense")


def test_every_step_of_the_day_has_a_name() -> None:
    assert set(day.STEPS) <= set(labels.RUNS)


def test_figures_show_a_dash_where_nothing_was_measured(ours: Creditor, client: Client) -> None:
    assert "Nothing was measured yet" in page(client, "figures")
    crowd(ours, 3)
    rows.measured()
    shown = page(client, "figures")
    for words in (
        "Recovery rate",
        "DSO",
    ):
        assert words in shown
    assert "–" in shown


def test_who_is_named_on_a_board_was_looked_at(ours: Creditor, client: Client) -> None:
    found = crowd(ours, 12)
    rows.measured()
    shown = page(client, "board", "portfolio")
    looked = set(AuditEntry.objects.filter(act="customer.viewed").values_list("subject_ref", flat=True))
    assert looked == {each.pk for each in found if each.name in shown}
    assert len(looked) == 10


def test_a_board_that_is_not_there_and_words_that_are_none(ours: Creditor, client: Client) -> None:
    theirs = rows.creditor("theirs")
    assert client.get(reverse("desk:board", args=["nonsense"])).status_code == 404
    for asked in ({"days": "7"}, {"days": "x"}, {"currency": "XXX"}, {"creditor": str(theirs.pk)}, {"creditor": "x"}):
        shown = page(client, "board", "cash", **asked)
        assert "Theirs" not in shown


def test_figures_are_for_who_sees_the_whole(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("karim", ours, Role.SALES, own=True))
    assert "These figures are of whole creditors" in page(client, "figures")


def test_every_component_stands_on_one_page() -> None:
    shown = Client().get("/dev/ui/", headers={"accept-language": "en"}).content.decode()
    assert "€1,234,567.89" in shown
    assert "This field is required." in shown


def test_empty_pages_teach(client: Client) -> None:
    assert "Nothing waits for you" in page(client, "home")
    assert "No customers yet" in page(client, "customers")
    assert "No run on this day" in page(client, "runs")


def test_the_day_of_the_machine_reaches_the_desk(ours: Creditor, client: Client) -> None:
    """From facts to a task on the desk, with the verbs of the day."""
    customer = rows.customer(ours, "Anna", kind="consumer")
    invoice = rows.invoice(customer, 50_000, late=60)
    type(invoice).objects.filter(pk=invoice.pk).update(reached=30, reached_on=clock.today() - timedelta(days=20))
    rows.email(customer, "anna@example.org")
    rows.counted()
    decide.decide(as_of=clock.today(), now=clock.now())
    dispatch.dispatch(as_of=clock.today(), now=clock.now())
    decided = Decision.objects.get(customer=customer)
    shown = page(client, "customer", customer.pk)
    assert {"do": "Decided:", "ask": "Waits for a word:", "not": "Not done:"}[decided.verdict] in shown


def test_no_page_has_inline_script_or_style(ours: Creditor, client: Client) -> None:
    customer = rows.full(ours, "Anna")
    rows.counted()
    rows.measured()
    for shown in (
        page(client, "home"),
        page(client, "customers"),
        page(client, "customer", customer.pk),
        page(client, "figures"),
        page(client, "board", "portfolio"),
        page(client, "runs"),
    ):
        assert " style=" not in shown
        assert " onclick=" not in shown
        assert "<script>" not in shown


@pytest.mark.parametrize(
    ("minor", "currency", "shown"), [(123456, "EUR", "€1,234.56"), (1234, "JPY", "JP¥1,234"), (None, "EUR", "–")]
)
def test_amounts_in_english(minor: int | None, currency: str, shown: str) -> None:
    from django.utils.translation import override

    with override("en"):
        assert money(minor, currency) == shown


def test_amounts_in_french() -> None:
    from django.utils.translation import override

    with override("fr"):
        assert money(123456789, "EUR") == "1\u00a0234\u00a0567,89\u00a0€"
