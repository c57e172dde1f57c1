"""Invoices sold to a factor: the factor's account is named wherever a customer learns how to pay."""

from datetime import date

import pytest

from amiable.ledger import factor
from amiable.ledger.balance import statement
from amiable.ledger.models import Customer, Sale
from amiable.outreach.statement import epc_text, statement_data, statement_pdf, transfers_of
from tests import world as worlds
from tests.world import DAY, at, later

pytestmark = pytest.mark.django_db
OWN = "FR7630006000011234567890189"
FACTOR = {"name": "Eurofactor", "iban": "DE89 3704 0044 0532 0130 00", "bic": "COBADEFFXXX"}


@pytest.fixture
def who() -> Customer:
    return worlds.customer(worlds.creditor(iban=OWN, bic="AGRIFRPP", policy={"factor": FACTOR}), language="fr")


def transfers(who: Customer, on: date = DAY):
    return [
        (each.name, each.iban, each.amount_minor)
        for each in transfers_of(statement(customer=who, as_of=on), who.creditor, who)
    ]


def test_the_factor_is_paid_for_what_it_bought(who):
    one, two = worlds.invoice(who, 100_00, due_on=later(-10)), worlds.invoice(who, 50_00, due_on=later(-5))
    house = who.creditor.name
    assert transfers(who) == [(house, OWN, 150_00)]
    factor.sell(customer=who, invoices=[one.pk], since=DAY, now=at(DAY))
    assert transfers(who) == [(house, OWN, 50_00), ("Eurofactor", "DE89370400440532013000", 100_00)]
    assert transfers(who, later(-1)) == [(house, OWN, 150_00)]
    factor.sell(customer=who, since=later(1), now=at(DAY))
    assert transfers(who, later(1)) == [("Eurofactor", "DE89370400440532013000", 150_00)]
    factor.buy_back(customer=who, on=later(2), now=at(DAY))
    assert transfers(who, later(2)) == [(house, OWN, 150_00)]
    assert two.pk


def test_credits_are_counted_once_over_both_payees(who):
    one = worlds.invoice(who, 100_00, due_on=later(-10))
    worlds.invoice(who, 50_00, due_on=later(-5))
    worlds.credit(who, 70_00)
    factor.sell(customer=who, invoices=[one.pk], since=DAY, now=at(DAY))
    assert transfers(who) == [("Eurofactor", "DE89370400440532013000", 80_00)]


def test_sold_twice_is_sold_once(who):
    worlds.invoice(who, 100_00)
    for _turn in range(2):
        factor.sell(customer=who, since=DAY, now=at(DAY))
    assert Sale.objects.count() == 1


def test_what_cannot_be_sold_is_one_sentence(who):
    stranger = worlds.invoice(worlds.customer(worlds.creditor()), 100_00)
    with pytest.raises(factor.UnableToSell):
        factor.sell(customer=who, invoices=[stranger.pk], since=DAY, now=at(DAY))
    who.creditor.policy = {"factor": {"name": "X", "iban": "DE00"}}
    with pytest.raises(factor.UnableToSell):
        factor.sell(customer=who, since=DAY, now=at(DAY))


def test_the_statement_names_both_accounts_and_their_codes(who):
    one = worlds.invoice(who, 100_00, due_on=later(-10))
    worlds.invoice(who, 50_00, due_on=later(-5))
    factor.sell(customer=who, invoices=[one.pk], since=DAY, now=at(DAY))
    account = statement(customer=who, as_of=DAY)
    own, theirs = transfers_of(account, who.creditor, who)
    assert "Eurofactor\nDE89370400440532013000\nEUR100.00" in epc_text(theirs)
    assert f"{OWN}\nEUR50.00" in epc_text(own)
    data = statement_data(account, who.creditor, who, "fr")
    assert [each["payee"] for each in data["transfers"]] == ["", "Eurofactor"]
    pdf = statement_pdf(statement=account, creditor=who.creditor, customer=who, language="fr", now=at(DAY))
    assert pdf.startswith(b"%PDF")


def test_one_payee_or_none(who):
    one, two = worlds.invoice(who, 100_00), worlds.invoice(who, 50_00)
    some = factor.Sold(invoices=frozenset([one.pk]))
    house = who.creditor
    assert factor.payee_of(house, some, [one.pk]) == factor.factor_of(house)
    assert factor.payee_of(house, some, [two.pk]) == factor.owner_of(house)
    assert factor.payee_of(house, some, [one.pk, two.pk]) is None
    assert factor.payee_of(house, factor.NOTHING, []) == factor.owner_of(house)
