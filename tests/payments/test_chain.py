"""Tries that follow one another: one story over all channels, until it is paid or nobody goes on with it."""

from datetime import timedelta

import pytest

from amiable.ledger.models import Invoice
from amiable.payments.attempt import abandon_stale, open_attempt
from amiable.payments.chain import close_chains, left_again, rest_chains, take_up, to_continue
from amiable.payments.models import Attempt, Chain
from amiable.payments.reconcile import take_over
from amiable.scenario.respond import payment_arrived, payment_returned
from tests.payments.rows import NOW, TODAY, credit, creditor, customer, invoice, word
from tests.world import allocation

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def tried(row: Invoice, journey: str = "email_link", end: str = "failed", *, days: int = 0) -> Attempt:
    at = NOW + days * DAY
    attempt = open_attempt(
        customer=row.customer,
        amount_minor=row.open_minor,
        currency=row.currency,
        invoices=[row.pk],
        journey=journey,
        now=at,
    )
    payment_arrived(provider="dummy", words=[word(attempt, end, at=at)], now=at)
    return attempt


def test_a_failed_try_goes_on_by_another_channel_in_the_same_chain() -> None:
    row = invoice(customer(creditor()), 10_000)
    chains = [
        tried(row, journey, days=days).chain_id for days, journey in enumerate(["email_link", "sms_link", "agent"])
    ]
    paid = tried(row, "desk_link", "succeeded", days=3)
    assert {*chains, paid.chain_id} == {Chain.objects.get().pk}
    assert Chain.objects.get().closed_at == NOW + 3 * DAY


def test_a_chain_is_over_when_its_invoices_are_paid_by_any_money() -> None:
    row = invoice(customer(creditor()), 10_000)
    tried(row)
    allocation(credit(row.customer, 10_000), row, 10_000)
    assert close_chains(customers=[row.customer_id], now=NOW + DAY) == 1
    assert Chain.objects.get().closed_at == NOW + DAY


def test_while_somebody_pays_the_chain_stays_open() -> None:
    row = invoice(customer(creditor()), 10_000)
    tried(row, end="started")
    allocation(credit(row.customer, 10_000), row, 10_000)
    assert close_chains(customers=[row.customer_id], now=NOW) == 0
    assert rest_chains(now=NOW + 40 * DAY) == 0
    abandon_stale(now=NOW + DAY)
    assert close_chains(now=NOW + DAY) == 1


def test_the_chains_of_others_stay() -> None:
    ours, theirs = (invoice(customer(creditor()), 10_000) for _ in range(2))
    for row in (ours, theirs):
        tried(row)
        allocation(credit(row.customer, 10_000), row, 10_000)
    assert close_chains(now=NOW, creditor=ours.creditor) == 1
    assert Chain.objects.get(closed_at=None).customer == theirs.customer


def test_a_chain_that_nobody_goes_on_with_closes_after_the_creditors_days() -> None:
    patient, quick = customer(creditor()), customer(creditor(policy={"chain_days": 3}))
    for who in (patient, quick):
        tried(invoice(who, 10_000))
    assert rest_chains(now=NOW + 4 * DAY) == 1
    assert Chain.objects.get(closed_at=None).customer == patient
    # A colleague took it up by telephone: it lives on from that day.
    assert take_up(customer=patient, currency="EUR", now=NOW + 10 * DAY) is not None
    assert rest_chains(now=NOW + 23 * DAY) == 0
    assert rest_chains(now=NOW + 25 * DAY) == 1
    later = tried(invoice(patient, 500), days=26)
    assert later.chain.opened_at == NOW + 26 * DAY


def test_what_can_be_gone_on_with() -> None:
    row = invoice(customer(creditor()), 10_000)
    who = {"customer": row.customer, "currency": "EUR"}
    assert to_continue(**who) is None
    first = tried(row)
    assert to_continue(**who) == first
    second = tried(row, "sms_link", "started", days=1)
    assert to_continue(**who) is None  # they are paying just now
    abandon_stale(now=NOW + 2 * DAY)
    assert to_continue(**who) == second
    allocation(credit(row.customer, 10_000), row, 10_000)
    assert to_continue(**who) is None


def test_money_that_is_taken_back_opens_its_chain_again_and_the_next_try_joins_it() -> None:
    row = invoice(customer(creditor()), 10_000)
    who = {"customer": row.customer, "currency": "EUR"}
    first = tried(row, end="succeeded")
    first.refresh_from_db()
    assert (Chain.objects.get().closed_at, to_continue(**who)) == (NOW, None)
    payment_returned(credit=first.credit, amount_minor=10_000, key="bank:1", reason="AM04", now=NOW + 3 * DAY)
    chain = Chain.objects.get()
    assert (chain.closed_at, chain.moved_at) == (None, NOW + 3 * DAY)
    assert to_continue(**who) == first
    row.refresh_from_db()
    again = tried(row, "sms_link", "succeeded", days=4)
    assert again.chain == chain
    chain.refresh_from_db()
    assert chain.closed_at == NOW + 4 * DAY
    assert to_continue(**who) is None


def test_a_newer_story_is_not_mixed_with_one_whose_money_is_taken_back() -> None:
    old, new = (invoice(customer_, 10_000) for customer_ in [customer(creditor())] * 2)
    first = tried(old, end="succeeded")
    tried(new, days=1)
    first.refresh_from_db()
    payment_returned(credit=first.credit, amount_minor=10_000, key="bank:1", reason="AM04", now=NOW + 3 * DAY)
    assert Chain.objects.get(closed_at=None).opened_at == NOW + DAY


def test_money_confirmed_by_the_bank_opens_the_chain_of_the_try_that_told_it() -> None:
    row = invoice(customer(creditor(cash_authority="bank")), 10_000)
    first = tried(row, end="succeeded")
    booked = credit(row.customer, 10_000)
    first.refresh_from_db()
    take_over({first.credit_id: booked}, creditor=row.creditor, as_of=TODAY, now=NOW + DAY)
    payment_returned(credit=booked, amount_minor=10_000, key="bank:1", reason="AM04", now=NOW + 3 * DAY)
    assert Chain.objects.get().closed_at is None
    assert left_again([Attempt.objects.select_related("credit").get()]) == {first.pk: 10_000}
