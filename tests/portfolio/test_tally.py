"""Sums that are kept say what the profiles say, whatever a list is narrowed by."""

from datetime import timedelta

import pytest
from django.db.models import Count, Sum
from django.test import Client
from django.urls import reverse

from amiable.ledger.models import Creditor, Customer
from amiable.portfolio import tally
from amiable.portfolio.models import Profile, Total
from amiable.portfolio.refresh import refresh
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Creditor:
    """Three customers late by different spans, one of them in two currencies, one not due yet, one merged away."""
    ours = rows.creditor("ours")
    for name, days in (("Anna", 5), ("Boris", 40), ("Clara", 200), ("Dora", -10), ("Emil", 70)):
        rows.invoice(rows.customer(ours, name), 10_000, late=days)
    anna = Customer.objects.get(name="Anna")
    rows.invoice(anna, 777, late=3, currency="GBP")
    Customer.objects.filter(name="Emil").update(merged_into=anna)
    rows.counted()
    return ours


def test_the_sums_are_those_of_the_profiles(ours: Creditor) -> None:
    kept = Profile.objects.filter(creditor=ours, customer__merged_into=None).values("currency")
    said = kept.annotate(n=Count("pk"), open=Sum("open_minor"), late=Sum("overdue_minor")).order_by("currency")
    told = Total.objects.values("currency").annotate(
        n=Sum("customers"), open=Sum("open_minor"), late=Sum("overdue_minor")
    )
    assert list(told.order_by("currency")) == list(said)


@pytest.mark.parametrize("band", tally.BANDS)
def test_a_band_of_age_finds_who_has_something_in_it(ours: Creditor, band: str) -> None:
    column = "not_due_minor" if band == "not_due" else f"overdue_{band}_minor"
    here = Profile.objects.filter(creditor=ours, customer__merged_into=None, **{f"{column}__gt": 0})
    told = Total.objects.filter(tally.within(tally.BANDS[band])).aggregate(n=Sum("customers"))["n"]
    assert (told or 0) == here.count()


def test_a_next_refresh_adds_up_anew_and_leaves_other_creditors_alone(ours: Creditor) -> None:
    other = rows.creditor("other")
    rows.invoice(rows.customer(other, "Zoe"), 5_000, late=1)
    refresh(as_of=clock.today(), creditor=other)
    rows.invoice(Customer.objects.get(name="Dora"), 300, late=8)
    refresh(as_of=clock.today() + timedelta(days=1), creditor=ours)
    late = Total.objects.filter(creditor=ours, currency="EUR").aggregate(late=Sum("overdue_minor"))["late"]
    assert late == 30_300
    assert Total.objects.get(creditor=other).open_minor == 5_000


def test_the_list_says_what_its_filter_leaves(ours: Creditor) -> None:
    client: Client = rows.desk(rows.colleague("vera", ours))
    page = client.get(reverse("desk:customers"), {"bucket": "31_60"})
    assert [(each["currency"], each["number"]) for each in page.context["totals"]] == [("EUR", 1)]
    whole = client.get(reverse("desk:customers"), {"overdue": "1"}).context["totals"]
    assert {each["currency"]: each["number"] for each in whole} == {"EUR": 3, "GBP": 1}
