"""Postal addresses: what fits the window, in which lines, and what is not usable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.ledger.models import Contact, ContactPoint, Customer
from amiable.outreach.address import addresses
from amiable.outreach.envelope import LINES, SIGNS, block, told, window
from tests.outreach.rows import NOW, a_creditor, a_customer


def test_the_last_line_is_in_capitals_and_a_long_line_is_wrapped_between_words() -> None:
    lines = block(
        "Société coopérative d’exploitation agricole du Val de Saône\n3 rue du Lac\n69003 Lyon Cedex 03",
        country="FR",
        sender="FR",
    )
    assert lines == [
        "Société coopérative d’exploitation",
        "agricole du Val de Saône",
        "3 rue du Lac",
        "69003 LYON CEDEX 03",
    ]


@pytest.mark.parametrize(
    ("country", "sender", "last"),
    [("DE", "FR", "ALLEMAGNE"), ("FR", "DE", "FRANKREICH"), ("FR", "GB", "FRANCE"), ("US", "FR", "ÉTATS-UNIS")],
)
def test_abroad_the_country_is_named_in_the_language_of_the_sender(country: str, sender: str, last: str) -> None:
    lines = block("Anna Martin\nHauptstr. 3\n10115 Berlin", country=country, sender=sender)
    assert lines == ["Anna Martin", "Hauptstr. 3", "10115 BERLIN", last]


def test_a_country_that_was_told_is_not_named_twice() -> None:
    lines = block("Anna Martin\nHauptstr. 3\n10115 Berlin\nGermany", country="DE", sender="FR")
    assert lines == ["Anna Martin", "Hauptstr. 3", "10115 BERLIN", "ALLEMAGNE"]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Anna Martin",
        "Anna Martin\n69003 Lyon",
        " \n\n ,\n",
        "A\n" * 7,
        "Anna\n" + "x" * 39 + "\n69003 Lyon",
        "mot " * 60 + "\nrue\nLyon",
        "株式会社山田\n3 rue du Lac\n69003 Lyon",  # the fonts of letters have no such signs
    ],
)
def test_what_is_too_short_or_does_not_fit_is_not_usable(value: str) -> None:
    assert block(value, country="FR", sender="FR") is None


@given(value=st.text(max_size=320), country=st.sampled_from(["FR", "DE", "GB", "", "XX"]))
def test_no_address_leaves_the_window_or_loses_a_word(value: str, country: str) -> None:
    lines = block(value, country=country, sender="FR")
    if lines is None:
        return
    assert 3 <= len(lines) <= LINES
    assert all(0 < len(line) <= SIGNS for line in lines)
    kept = "".join("".join(lines).split()).upper()
    for word in value.upper().split():
        assert word.strip(" ,;") in kept or word.strip(" ,;") == ""


@pytest.mark.parametrize(
    ("changes", "there"),
    [
        ({}, True), ({"street": ""}, False), ({"city": ""}, False), ({"postcode": ""}, False), ({"name": " "}, False),
        ({"postcode": "", "country": "IE"}, True),
    ],
)  # fmt: skip
def test_an_address_has_name_street_postcode_and_city(changes: dict[str, str], there: bool) -> None:
    known = {"name": "Anna", "street": "3 rue du Lac", "postcode": "69003", "city": "Lyon", "country": "FR"} | changes
    assert bool(told(**known)) is there


def test_a_british_postcode_has_a_line_of_its_own() -> None:
    value = told(name="Amy", street="1 Low Lane", postcode="SW1A 1AA", city="London", country="GB")
    assert block(value, country="GB", sender="GB") == ["Amy", "1 Low Lane", "LONDON", "SW1A 1AA"]


def test_the_window_is_where_the_country_has_it() -> None:
    assert (window("FR").left, window("BE").left, window("XX").left) == (False, False, False)
    assert window("DE").left
    assert window("CH") == window("DE")
    assert window("IE") == window("GB")


@pytest.mark.django_db
class TestWhichAddress:
    @pytest.fixture
    def customer(self) -> Customer:
        return a_customer(a_creditor())

    def known(self, customer: Customer) -> list[tuple[str, bool]]:
        rows = addresses([customer], medium="letter", now=NOW)[customer.pk]
        return [(row.value.replace("\n", " / "), row.usable) for row in rows]

    def a_point(self, customer: Customer, value: str, **changes: object) -> ContactPoint:
        return ContactPoint.objects.create(
            contact=Contact.objects.get(customer=customer), medium="letter", value=value, **changes
        )

    def test_the_customers_own_comes_first_then_those_of_contacts(self, customer: Customer) -> None:
        self.a_point(customer, "Anna Martin\nchez Boris\n69001 Lyon")
        assert self.known(customer) == [
            ("Anna Martin / 3 rue du Lac / 69003 Lyon", True),
            ("Anna Martin / chez Boris / 69001 Lyon", True),
        ]

    def test_one_that_came_back_is_not_used_again_until_it_changes(self, customer: Customer) -> None:
        self.a_point(customer, "Anna Martin\n3 rue du Lac\n69003 Lyon", failed_at=NOW)
        assert self.known(customer) == [("Anna Martin / 3 rue du Lac / 69003 Lyon", False)]
        customer.street = "5 rue du Lac"
        assert self.known(customer)[0] == ("Anna Martin / 5 rue du Lac / 69003 Lyon", True)

    def test_a_wish_for_no_letters_closes_them_all(self, customer: Customer) -> None:
        customer.opt_outs.create(medium="letter", since=NOW, origin="portal")
        assert [usable for _value, usable in self.known(customer)] == [False]

    def test_a_contact_who_refused_letters_gets_none_at_home_either(self, customer: Customer) -> None:
        Contact.objects.get(customer=customer).consents.create(medium="letter", given=False, at=NOW, origin="portal")
        assert [usable for _value, usable in self.known(customer)] == [False]

    def test_without_contacts_the_customer_is_reached_all_the_same(self, customer: Customer) -> None:
        Contact.objects.all().delete()
        assert self.known(customer) == [("Anna Martin / 3 rue du Lac / 69003 Lyon", True)]

    def test_an_address_that_lacks_something_is_no_address(self, customer: Customer) -> None:
        customer.city = ""
        assert self.known(customer) == []
