"""Late interest and the indemnity: reckoned day by day, posted once, corrected by new entries, and only where chosen."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.db import transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from amiable.law.late import late
from amiable.ledger import balance, choose, hold, post
from amiable.ledger.accrue import Summary, accrue
from amiable.ledger.choose import CLAIM, SHOW, WAIVE, Choice, Rule
from amiable.ledger.models import Creditor, Customer, Entry, Invoice
from tests import world

pytestmark = pytest.mark.django_db

BEGAN = date(2025, 1, 1)


def rule(interest: str = CLAIM, indemnity: str = WAIVE, percent: str = "", **more: Any) -> Rule:
    choice = Choice(interest, indemnity, WAIVE, percent)
    return Rule(**{"since": BEGAN, "choices": {"business": choice}, **more})


def owner(*rules: Rule, **fields: Any) -> Creditor:
    """A creditor that has chosen."""
    house = world.creditor(**fields)
    for each in rules:
        choose.choose(creditor=house, rule=each, as_of=each.since, now=world.at(each.since))
    return house


def charges(row: Invoice) -> list[tuple[str, int, date, date]]:
    entries = Entry.objects.filter(invoice=row, period_on__isnull=False).order_by("id")
    return [(each.kind, each.amount_minor, each.effective_on, each.period_on) for each in entries]


def run(house: Creditor, day: date) -> Summary:
    return accrue(creditor=house, as_of=day, now=world.at(day))


def test_each_month_is_posted_once_at_the_rate_of_its_half_year() -> None:
    house = owner(rule())
    row = world.invoice(world.customer(house), 1_000_000, due_on=date(2026, 5, 1))
    assert run(house, date(2026, 6, 5)) == Summary()  # May is over, but the bank may still tell of a payment
    run(house, date(2026, 6, 6))
    run(house, date(2026, 9, 30))
    assert run(house, date(2026, 9, 30)) == Summary()
    # 30 days of May and 30 of June at 12.15 %, then 31 and 31 at 12.40 %
    assert charges(row) == [
        ("interest", 9_986, date(2026, 5, 31), date(2026, 5, 31)),
        ("interest", 9_986, date(2026, 6, 30), date(2026, 6, 30)),
        ("interest", 10_532, date(2026, 7, 31), date(2026, 7, 31)),
        ("interest", 10_532, date(2026, 8, 31), date(2026, 8, 31)),
    ]
    row.refresh_from_db()
    assert (row.open_minor, row.charged_minor, row.settled_on) == (1_041_036, 41_036, None)
