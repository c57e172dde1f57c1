"""Two records of one customer: nothing that was said or wished is lost."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from amiable.casework.models import Case, Note
from amiable.ledger.models import Customer, Sale
from amiable.ledger.post import UnableToPost
from amiable.outreach.models import OptOut
from amiable.payments.models import Mandate, StandingOrder
from amiable.portfolio.models import Profile
from amiable.scenario.unite import MOVED, unite
from tests import world as tell

NOW = datetime(2026, 9, 14, 9, tzinfo=ZoneInfo("Europe/Paris"))

pytestmark = pytest.mark.django_db


def test_wishes_notes_and_cases_go_along_and_one_case_stays_open() -> None:
    creditor = tell.creditor()
    keep, absorb = tell.customer(creditor, name="Anna"), tell.customer(creditor, name="Anna bis")
    tell.invoice(absorb, 5000, due_on=date(2026, 8, 1))
    for each in (keep, absorb):
        Case.objects.create(creditor=creditor, customer=each, currency="EUR", opened_on=date(2026, 9, 1))
    Note.objects.create(customer=absorb, text="Rings back on Monday", at=NOW)
    OptOut.objects.create(customer=absorb, medium="email", since=NOW, origin="portal")

    united = unite(keep=keep, absorb=absorb, now=NOW)

    assert united.pk == keep.pk
    assert Note.objects.get().customer_id == keep.pk
    assert OptOut.objects.filter(customer=keep, medium="email", until=None).exists()
    assert Case.objects.filter(customer=keep, closed_on=None).count() == 1
    assert Case.objects.get(customer=keep, closed_on__isnull=False).closed_because == "merged"
    assert Profile.objects.get().overdue_minor == 5000


# What unite and merge look at one by one, and what stays with the record that it was made about.
APART = {
    "Customer", "Contact", "Invoice", "Credit", "Sale", "Waiver", "Hold", "Case", "SurveyAsk", "OptOut", "Chain", "Mandate",
    "StandingOrder", "Profile", "Membership", "Recipient",
}  # fmt: skip
STAY = {"Score", "Decision", "Assignment"}


def test_every_row_that_names_a_customer_goes_along_or_has_its_reason_to_stay() -> None:
    fields = Customer._meta.get_fields(include_hidden=True)
    naming = {field.related_model.__name__ for field in fields if field.auto_created and field.is_relation}
    assert naming == {model.__name__ for model in MOVED} | APART | STAY


def test_who_belonged_to_the_absorbed_one_belongs_to_the_one_that_stays() -> None:
    creditor = tell.creditor()
    above, keep, absorb = (tell.customer(creditor) for _n in range(3))
    child = tell.customer(creditor, parent=absorb, payer=absorb)
    Customer.objects.filter(pk=absorb.pk).update(parent=above, payer=keep)
    Customer.objects.filter(pk=keep.pk).update(parent=absorb)
    unite(keep=keep, absorb=absorb, now=NOW)
    child.refresh_from_db()
    keep.refresh_from_db()
    assert (child.parent, child.payer) == (keep, keep)
    assert (keep.parent, keep.payer) == (above, None)


def test_an_order_to_debit_and_a_card_that_both_have_are_one() -> None:
    creditor = tell.creditor()
    keep, absorb = tell.customer(creditor), tell.customer(creditor)
    for each in (keep, absorb):
        words = {"provider": "stripe", "reference": "pm_1", "token": f"t{each.pk}", "asked_at": NOW}
        card = Mandate.objects.create(customer=each, **words)
        StandingOrder.objects.create(customer=each, currency="EUR", mandate=card, given_at=NOW)
    Mandate.objects.create(customer=absorb, provider="stripe", reference="pm_2", token="t", asked_at=NOW)
    unite(keep=keep, absorb=absorb, now=NOW)
    assert set(Mandate.objects.filter(customer=keep).values_list("reference", flat=True)) == {"pm_1", "pm_2"}
    assert StandingOrder.objects.get(customer=keep, ended_at=None).mandate.customer == keep
    assert StandingOrder.objects.filter(customer=keep).count() == 2


def test_what_is_sold_as_a_whole_becomes_one_only_with_what_is_sold_too() -> None:
    creditor = tell.creditor()
    keep, absorb = tell.customer(creditor), tell.customer(creditor)
    Sale.objects.create(customer=absorb, since=date(2026, 9, 1), created_at=NOW)
    with pytest.raises(UnableToPost):
        unite(keep=keep, absorb=absorb, now=NOW)
    Sale.objects.create(customer=keep, since=date(2026, 9, 1), created_at=NOW)
    unite(keep=keep, absorb=absorb, now=NOW)
    assert Sale.objects.get(customer=keep, until=None).invoice is None
