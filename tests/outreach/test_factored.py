"""Messages about invoices that were sold name the factor's account, and no other."""

import pytest

from amiable.ledger import factor
from amiable.outreach.express import express
from amiable.outreach.gather import gather
from amiable.outreach.models import Message
from tests import world as worlds
from tests.ledger.test_factor import FACTOR, OWN
from tests.world import DAY, at, later

pytestmark = pytest.mark.django_db


def test_a_message_names_the_account_that_is_to_be_paid():
    house = worlds.creditor(iban=OWN, policy={"factor": FACTOR})
    who = worlds.customer(house)
    bills = [worlds.invoice(who, 100_00, due_on=later(-10)), worlds.invoice(who, 50_00, due_on=later(-9))]
    message = Message.objects.create(
        key="m1", creditor=house, customer=who, currency="EUR", purpose="reminder", medium="email", tone="warm", language="fr",
        as_of=DAY, about=[bill.pk for bill in bills], created_at=at(DAY),
    )  # fmt: skip

    def told() -> dict:
        return express(gather([message], as_of=DAY, now=at(DAY))[0])

    assert (told()["factor"], told()["by_transfer"]) == ("", True)
    assert told()["creditor"]["iban"].replace(" ", "") == OWN
    factor.sell(customer=who, invoices=[bills[0].pk], since=DAY, now=at(DAY))
    assert told()["by_transfer"] is False  # two payees: the statement and the page name both
    factor.sell(customer=who, invoices=[bills[1].pk], since=DAY, now=at(DAY))
    assert (told()["factor"], told()["by_transfer"]) == ("Eurofactor", True)
    assert told()["creditor"]["iban"].replace(" ", "") == "DE89370400440532013000"
