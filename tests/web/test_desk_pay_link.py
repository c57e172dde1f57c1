"""A colleague gives a link to pay: sent or shown, with what was chosen; the portal opens with it; the chain goes on."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from amiable import day
from amiable.core.models import AuditEntry
from amiable.ledger.models import ContactPoint, Creditor, Customer, Invoice
from amiable.outreach.models import Message
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Attempt, Chain
from amiable.scenario.respond import payment_arrived
from amiable.web.ui import clock
from tests.payments.rows import word
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(ours: Creditor) -> Customer:
    found = rows.customer(ours, "Anna", postcode="75011", language="en")
    point = rows.email(found, "anna@example.org")
    ContactPoint.objects.create(contact=point.contact, medium="sms", value="+33600000001")
    return found


@pytest.fixture
def client(ours: Creditor, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(day, "send_soon", lambda: None)
    return rows.desk(rows.colleague("sophie", ours, role="collector"))


def give(client: Client, customer: Customer, chosen: list[Invoice], ref: int = 0, **more: Any) -> Any:
    said = {
        "token": "t1",
        "how": "sms",
        "currency": "EUR",
        "invoices": [row.pk for row in chosen],
        "amount": "",
    } | more
    name, args = ("act_on", [customer.pk, "link", ref]) if ref else ("act", [customer.pk, "link"])
    return client.post(reverse(f"desk:{name}", args=args), said)


def failed(row: Invoice, journey: str = "email_link") -> Attempt:
    attempt = open_attempt(
        customer=row.customer,
        amount_minor=row.open_minor,
        currency="EUR",
        invoices=[row.pk],
        journey=journey,
        now=clock.now(),
    )
    payment_arrived(
        provider="dummy", words=[word(attempt, "failed", at=clock.now(), detail="expired_card")], now=clock.now()
    )
    return attempt


def test_a_link_by_sms_asks_for_what_was_chosen(client: Client, anna: Customer) -> None:
    first, second = rows.invoice(anna, 10_000, late=20), rows.invoice(anna, 5_000, late=5)
    rows.invoice(anna, 7_000, late=1)
    assert give(client, anna, [first, second], amount="60").status_code == 302
    message = Message.objects.get()
    assert (message.purpose, message.medium, message.address, message.capped) == (
        "payment_link", "sms", "+33600000001", False,
    )  # fmt: skip
    assert message.about == [first.pk, second.pk]
    assert message.context == {
        "pay": {"invoices": [first.pk, second.pk], "amount_minor": 6_000, "currency": "EUR"}, "by": "sophie",
    }  # fmt: skip
    assert AuditEntry.objects.filter(act="desk.link", user__username="sophie", subject_ref=anna.pk).count() == 1
    give(client, anna, [first, second], amount="60")  # the same filling-in again
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"amount": "0"}, "more than zero"),
        ({"amount": "-5"}, "more than zero"),
        ({"amount": "12.345"}, "not an amount"),
        ({"amount": "100.01"}, "at most €100.00 can be paid"),
        ({"invoices": []}, "required"),
        ({"currency": "USD"}, "Select a valid choice"),
        ({"how": "fax"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_asked_is_said(client: Client, anna: Customer, more: dict[str, Any], sentence: str) -> None:
    page = give(client, anna, [rows.invoice(anna, 10_000, late=20)], **more)
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert not Message.objects.exists()


def test_a_link_that_is_shown_opens_the_portal_with_it(client: Client, anna: Customer) -> None:
    first, _second = rows.invoice(anna, 10_000, late=20), rows.invoice(anna, 5_000, late=5)
    leads = give(client, anna, [first], how="show", amount="40")
    page = client.get(leads["Location"]).content.decode()
    assert "€40.00" in page
    assert "data:image/svg+xml" in page
    assert not Message.objects.exists()
    url = re.search(r'value="https?://[^/]+(/p/[^"]+)"', page)
    assert url
    visitor = Client(headers={"accept-language": "en"})
    visitor.post(f"{url[1]}identify/", {"answer": "75011"})
    home = visitor.get(url[1]).content.decode()
    assert re.search(rf'value="{first.pk}" data-minor="10000" checked', home)
    assert 'name="part" value="4000"' in home
    assert home.count(" checked") == 1
    visitor.post(f"{url[1]}pay/", {"invoice": first.pk, "part": "4000"})
    attempt = Attempt.objects.get()
    assert (attempt.journey, attempt.amount_minor, attempt.invoices) == ("desk_link", 4_000, [first.pk])


def test_a_failed_try_goes_on_by_an_sms_of_a_colleague(client: Client, anna: Customer) -> None:
    row = rows.invoice(anna, 10_000, late=20)
    rows.invoice(anna, 5_000, late=2)
    tried = failed(row)
    page = client.get(reverse("desk:stories", args=[anna.pk])).content.decode()
    address = reverse("desk:act_on", args=[anna.pk, "link", tried.pk])
    assert address in page
    assert "the card has expired" in page
    form = client.get(address).content.decode()
    assert form.count(" checked") == 2  # the way, and the invoice of the try
    give(client, anna, [row], ref=tried.pk)
    message = Message.objects.get()
    again = open_attempt(
        customer=anna, amount_minor=10_000, currency="EUR", invoices=[row.pk], journey="sms_link", message_ref=message.pk,
        now=timezone.now(),
    )  # fmt: skip
    payment_arrived(provider="dummy", words=[word(again, "succeeded", at=timezone.now())], now=timezone.now())
    chain = Chain.objects.get()
    assert (again.chain, chain.closed_at is not None) == (tried.chain, True)
    story = client.get(reverse("desk:chain", args=[chain.pk])).content.decode()
    for said in ("Link in an e-mail", "Link to pay", "by sophie", "Link in an SMS", "2 tries", "Paid: "):
        assert said in story
    assert story.index("Link in an e-mail") < story.index("Link to pay") < story.index("Link in an SMS")


def test_the_receipt_is_in_the_timeline(client: Client, anna: Customer) -> None:
    paid = rows.credit(anna, 10_000, days_ago=1)
    note = rows.credit(anna, 500, days_ago=1, kind="credit_note")
    page = client.get(reverse("desk:customer", args=[anna.pk])).content.decode()
    address = reverse("desk:receipt", args=[paid.pk])
    assert address in page
    answer = client.get(address)
    assert answer["Content-Type"] == "application/pdf"
    assert b"".join(answer.streaming_content).startswith(b"%PDF")
    assert client.get(reverse("desk:receipt", args=[note.pk])).status_code == 404


def test_the_worker_is_asked_to_send_at_once_and_only_once(db: None) -> None:
    for _time in range(2):
        day.send_soon()
    assert ProcrastinateJob.objects.filter(task_name="amiable.day.soon").count() == 1
