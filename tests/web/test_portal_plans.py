"""The customer's way to pay later: chosen, looked at, accepted, followed and paid; nothing is made by a GET."""

from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from pypdf import PdfReader

from amiable.casework.models import Task
from amiable.core.models import AuditEntry
from amiable.ledger import hold
from amiable.ledger.models import Customer, Hold, Invoice
from amiable.payments.models import Attempt, Plan, Promise
from amiable.payments.plans.offer import offer
from amiable.payments.plans.propose import Capacity
from amiable.payments.plans.state import capacity
from amiable.payments.plans.terms import Terms, schedule
from amiable.web.ui import clock
from tests.payments.rows import creditor, customer, invoice
from tests.web.test_portal import entered, link, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def today() -> date:
    return clock.today()


@pytest.fixture
def anna() -> Customer:
    return customer(creditor(name="Hélia", phone="01 84 80 12 34"), name="Anna Lefèvre", kind="consumer", language="en")


@pytest.fixture
def late(anna: Customer, today: date) -> Invoice:
    return invoice(anna, 60_000, today - timedelta(days=12), reference="F-LATE")


def wish(late: Invoice, first_on: date, count: int = 3, **more: Any) -> dict[str, Any]:
    fields = {
        "about": str(late.pk),
        "currency": "EUR",
        "count": count,
        "first_on": first_on.isoformat(),
        "total": 60_000,
    }
    return fields | {"name": "Anna Lefèvre"} | more


def test_from_the_first_page_to_the_agreement(client: Client, anna: Customer, late: Invoice, today: date) -> None:
    token, first = entered(client, anna), today + timedelta(days=20)
    assert url("plan", token) in client.get(url("home", token)).content.decode()
    page = client.post(url("plan", token), {"invoice": late.pk, "currency": "EUR"}, follow=True)
    assert "In 3 parts 3 × €200.00" in text(page)
    assert "In 6 parts on request 6 × €100.00" in text(page)
    page = client.post(url("plan_look", token), wish(late, first))
    assert text(page).count("€200.00") == 3
    assert "Free of charge" in text(page)
    assert not Plan.objects.exists()
    done = client.post(url("plan_accept", token), wish(late, first), follow=True)
    plan = Plan.objects.get()
    assert (plan.state, plan.origin, plan.accepted_from) == ("agreed", "portal", "127.0.0.1")
    assert "0 of 3 payments made" in text(done)
    paper = b"".join(client.get(url("plan_agreement", token, pk=plan.pk)).streaming_content)  # type: ignore[attr-defined]
    assert "Anna Lefèvre" in PdfReader(BytesIO(paper)).pages[0].extract_text()
    home = text(client.get(url("home", token)))
    assert "Your payment plan" in home
    assert "payment plan" in home
    client.post(url("plan_accept", token), wish(late, first))
    assert Plan.objects.count() == 1


def test_paying_the_next_one_and_everything(client: Client, anna: Customer, late: Invoice, today: date) -> None:
    token = entered(client, anna)
    client.post(url("plan_accept", token), wish(late, today + timedelta(days=5)))
    page = text(client.get(url("plan_one", token, pk=Plan.objects.get().pk)))
    assert "Pay the next one €200.00" in page
    assert "Pay everything €600.00" in page
    client.post(url("pay", token), {"invoice": late.pk, "currency": "EUR", "amount": "200.00"})
    assert (Attempt.objects.get().amount_minor, Attempt.objects.get().invoices) == (20_000, [late.pk])


def test_what_goes_beyond_what_one_may_agree_to_alone_waits(
    client: Client, anna: Customer, late: Invoice, today: date
) -> None:
    token = entered(client, anna)
    page = client.post(url("plan_accept", token), wish(late, today + timedelta(days=5), 6), follow=True)
    assert "A colleague looks at it" in text(page)
    assert (Plan.objects.get().state, Plan.objects.get().accepted_name) == ("proposed", "Anna Lefèvre")
    assert hold.active(as_of=today).filter(invoice=late, kind="plan").exists()


def test_one_payment_on_a_date(client: Client, anna: Customer, late: Invoice, today: date) -> None:
    token = entered(client, anna)
    client.post(url("plan_accept", token), wish(late, today + timedelta(days=30), 1))
    assert list(Plan.objects.get().instalments.values_list("due_on", "amount_minor")) == [
        (today + timedelta(days=30), 60_000)
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0}, {"count": 10_000}, {"count": "three"}, {"first_on": "2026-02-30"[:7]}, {"first_on": "1999-01-01"},
        {"first_on": "2999-01-01"}, {"about": ""}, {"about": "999999"}, {"currency": "USD"}, {"total": "59999"},
        {"name": " "}, {"monthly": "a lot"}, {"about": "1" * 40}, {"mandate": "77"},
    ],
)  # fmt: skip
def test_bad_input_makes_no_plan_and_says_one_sentence(
    client: Client, anna: Customer, late: Invoice, today: date, wrong: dict[str, Any]
) -> None:
    token = entered(client, anna)
    told = wish(late, today + timedelta(days=20)) | wrong
    if wrong.get("first_on") == "2026-02":
        client.post(url("plan_accept", token), told)
        assert Plan.objects.get().instalments.count() == 3  # an unreadable day is the day proposed
        return
    page = client.post(url("plan_accept", token), told, follow=True)
    assert page.status_code == 200
    assert page.content.decode().count('class="notice error"') == 1
    assert not Plan.objects.exists()


def test_means_stay_out_of_addresses_and_of_the_trail(
    client: Client, anna: Customer, late: Invoice, today: date
) -> None:
    token = entered(client, anna)
    told = wish(late, today + timedelta(days=20), 2, income="1850.55", charges="1700", reason="temporary")
    page = client.post(url("plan_look", token), told)
    assert "may be too much" in text(page)
    assert "1850" not in "".join(part for part in page.content.decode().split('"') if "?" in part)
    page = client.post(url("plan_look", token), told | {"instead": 8})
    assert "In 8 parts" in text(page)
    client.post(url("plan_accept", token), told)
    assert capacity(Plan.objects.get()) == Capacity(income_minor=185_055, charges_minor=170_000)
    assert "185055" not in str(list(AuditEntry.objects.values_list("detail", flat=True)))
    wrong = client.post(url("plan_accept", token), told | {"income": "x1850"})
    assert "1850" not in wrong["Location"]


def test_the_lightest_first_and_a_person_beside_for_somebody_fragile(
    client: Client, anna: Customer, late: Invoice, today: date
) -> None:
    hold.place(kind="vulnerable", source_ref="desk:1", customer=anna, since=today, now=clock.now())
    token = entered(client, anna)
    page = client.get(url("plan", token), {"about": late.pk, "currency": "EUR"})
    said = text(page)
    assert said.index("Would you rather talk") < said.index("In 12 parts") < said.index("All on one day")
    client.post(url("plan_talk", token))
    assert Task.objects.get().title in {"Asks to be called", "Demande à être rappelé"}
    assert Hold.objects.filter(kind="person").exists()


def test_an_offer_of_a_colleague_is_read_and_accepted(
    client: Client, anna: Customer, late: Invoice, today: date
) -> None:
    made = offer(
        customer=anna, currency="EUR", invoices=[late.pk], level="manager", origin="desk", as_of=today, now=clock.now(),
        terms=Terms(schedule(total_minor=60_000, count=5, first_on=today + timedelta(days=9)), guarantee="a cheque"),
    )  # fmt: skip
    token = entered(client, anna)
    assert "A way to pay in parts, for you" in text(client.get(url("home", token)))
    page = text(client.get(url("plan_one", token, pk=made.pk)))
    assert page.count("€120.00") == 5
    assert "a cheque" in page
    client.post(url("plan_accept_one", token, pk=made.pk), {"name": "Anna"})
    made.refresh_from_db()
    assert (made.state, made.accepted_name) == ("agreed", "Anna")


def test_a_creditor_may_close_it(client: Client, anna: Customer, late: Invoice, today: date) -> None:
    anna.creditor.policy = {"plans": {"portal": False}}
    anna.creditor.save()
    token = entered(client, anna)
    assert url("plan", token) not in client.get(url("home", token)).content.decode()
    client.post(url("plan_accept", token), wish(late, today + timedelta(days=20)))
    assert not Plan.objects.exists()


def test_every_room_asks_first_and_no_other_customer_sees_it(
    client: Client, anna: Customer, late: Invoice, today: date
) -> None:
    visitor = Client()
    token = entered(client, anna)
    client.post(url("plan_accept", token), wish(late, today + timedelta(days=20)))
    made = Plan.objects.get()
    stranger = customer(anna.creditor)
    other = entered(client, stranger)
    for name in ("plan_one", "plan_agreement"):
        assert visitor.get(url(name, link(anna), pk=made.pk)).status_code == 302
        assert client.get(url(name, other, pk=made.pk)).status_code == 404
    for name in ("plan_look", "plan_accept", "plan_talk"):
        assert visitor.post(url(name, link(anna)), wish(late, today)).status_code == 302
        assert client.get(url(name, token)).status_code == 405
    assert client.post(url("plan_accept_one", other, pk=made.pk), {"name": "x"}).status_code == 404
    client.post(url("plan_accept", other), wish(late, today + timedelta(days=20)))
    assert (Plan.objects.count(), Promise.objects.count()) == (1, 0)
