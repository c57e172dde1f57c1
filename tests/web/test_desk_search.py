"""The search box: each kind of thing a person has at hand finds whom it should, best first, and never beyond a scope."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from amiable.core.models import User
from amiable.ledger.models import Contact, ContactPoint, Creditor, Customer
from amiable.payments.models import Statement, StatementLine
from amiable.web.desk import search
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> Creditor:
    return rows.creditor("ours")


@pytest.fixture
def anna(house: Creditor) -> User:
    return rows.colleague("anna", house)


@pytest.fixture
def oeuvre(house: Creditor) -> Customer:
    """One customer with everything by which people look for someone; and others around."""
    found = rows.customer(house, "Œuvre Sociale d’Évreux", number="C-10482", siren="403265045")
    rows.invoice(found, 123_450, late=12, reference="FA-2026-004521")
    contact = Contact.objects.create(customer=found, name="Jérôme Lefèvre", created_at=clock.now())
    ContactPoint.objects.create(contact=contact, medium="email", value="compta@oeuvre-evreux.example")
    ContactPoint.objects.create(contact=contact, medium="call", value="+33612345678")
    money = rows.credit(found, 98_701, days_ago=5)
    statement = Statement.objects.create(
        creditor=house, source="bank:x", external_id="1", iban="FR7630006000011234567890189", currency="EUR",
        opened_on=clock.today(), closed_on=clock.today(), known_at=clock.now(),
    )  # fmt: skip
    StatementLine.objects.create(
        statement=statement, external_id="1", booked_on=clock.today(), value_on=clock.today(), currency="EUR",
        amount_minor=98_701, payer_iban="FR1420041010050500013M02606", credit=money,
    )  # fmt: skip
    for n in range(30):
        rows.invoice(rows.customer(house, f"Garage Martin {n}"), 1_000 + n, late=n)
    rows.counted()
    return found


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("Œuvre sociale", "name"),
        ("oeuvre SOCIALE", "name"),
        ("evreux", "name"),
        ("sociale oeuvre", "name"),
        ("oevure sociale", "name"),
        ("ouvre socialle", "name"),
        ("C-10482", "number"),
        ("c-10482", "number"),
        ("10482", "number"),
        ("403 265 045", "siren"),
        ("403265045", "siren"),
        ("403 265 045 00017", "siren"),
        ("FR 83 403265045", "siren"),
        ("compta@oeuvre-evreux.example", "email"),
        ("@oeuvre-evreux", "email"),
        ("MPTA@Oeuvre-Ev", "email"),
        ("06 12 34 56 78", "phone"),
        ("+33 6.12.34.56.78", "phone"),
        ("0033612345678", "phone"),
        ("345678", "phone"),
        ("FA-2026-004521", "invoice"),
        ("fa-2026-0045", "invoice"),
        ("4521", "invoice"),
        ("1 234,50", "amount"),
        ("1234.5", "amount"),
        ("1 234,50 €", "amount"),
        ("987,01", "paid"),
        ("13M02606", "iban"),
        ("FR14 2004 1010 0505 0001 3M02 606", "iban"),
        ("lefevre", "contact"),
    ],
)
def test_whatever_is_at_hand_finds_them_first(anna: User, oeuvre: Customer, typed: str, what: str) -> None:
    best = search.look(anna, typed)[0]
    assert best.customer == oeuvre
    assert best.found.what == what


def test_what_means_nothing_finds_nobody(anna: User, oeuvre: Customer) -> None:
    for typed in (
        "",
        " ",
        "x",
        "zzzzqqqq",
        "%",
        "__",
        "\\",
        "999999999999999999999999",
        "'; --",
        "9,9,9",
        "(",
        "٣٤٥",
        "²³¹",
    ):
        assert search.look(anna, typed) == [], typed


def test_the_one_who_owes_more_comes_first(anna: User, house: Creditor) -> None:
    for name, minor in (("Dupont A", 100), ("Dupont B", 900), ("Dupont C", 500)):
        rows.invoice(rows.customer(house, name), minor, late=5)
    rows.counted()
    assert [hit.customer.name[-1] for hit in search.look(anna, "dupont")] == ["B", "C", "A"]


def test_what_lies_outside_the_scope_is_not_found(oeuvre: Customer) -> None:
    stranger = rows.colleague("zoe", rows.creditor("theirs"))
    nobody = rows.colleague("nobody")
    for typed in ("oeuvre", "C-10482", "403265045", "0612345678", "FA-2026-004521", "1234,50", "13M02606", "lefevre"):
        assert search.look(stranger, typed) == []
        assert search.look(nobody, typed) == []
        assert not search.find(stranger, typed).exists()


def test_the_list_under_the_box_and_the_page(anna: User, oeuvre: Customer) -> None:
    client = rows.desk(anna)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        page = client.get(reverse("desk:search"), {"q": "1234,50"}).content.decode()
    assert len(asked) <= 15
    assert "Œuvre Sociale" in page
    assert "€1,234.50" in page
    typing = client.get(reverse("desk:search"), {"q": "oeuvre"}, headers={"hx-request": "true", "hx-target": "found"})
    assert 'role="option"' in typing.content.decode()
    assert "<html" not in typing.content.decode()
    assert "Nobody fits" in client.get(reverse("desk:search"), {"q": "zzzzqqqq"}).content.decode()
    assert "looking for" in client.get(reverse("desk:search")).content.decode()
