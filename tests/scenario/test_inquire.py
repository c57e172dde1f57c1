"""What a lost call never said is asked for: in time, with patience, on the same way, and one silent provider stops no other."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from amiable.core.errors import Unavailable
from amiable.ledger.models import Credit, Invoice
from amiable.payments.attempt import abandon_stale, open_attempt
from amiable.payments.models import Attempt, ProviderEvent
from amiable.payments.providers import Word, WordKind, dummy
from amiable.scenario import inquire
from tests.payments.rows import NOW, creditor, customer, invoice

pytestmark = pytest.mark.django_db
LATER = NOW + inquire.FIRST


@pytest.fixture(autouse=True)
def _home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost words lie in a folder of the test."""
    monkeypatch.setattr(dummy, "home", lambda: tmp_path)


def tried(row: Invoice, now: datetime = NOW) -> Attempt:
    found = open_attempt(
        customer=row.customer, amount_minor=row.open_minor, currency="EUR", invoices=[row.pk], journey="portal", now=now
    )
    found.external_id = f"session_{found.token}"
    found.save(update_fields=["external_id"])
    return found


def lost(attempt: Attempt, *kinds: WordKind, now: datetime = NOW) -> None:
    money = (attempt.amount_minor, attempt.currency)
    dummy.lose([dummy.event(attempt.token, kind, now=now, money=money) for kind in kinds])


def row_of(amount: int = 10_000) -> Invoice:
    return invoice(customer(creditor()), amount)


def test_a_lost_success_is_found_once() -> None:
    row = row_of()
    attempt = tried(row)
    lost(attempt, WordKind.STARTED, WordKind.SUCCEEDED)
    assert inquire.inquire(now=NOW + timedelta(minutes=9)).asked == 0
    summary = inquire.inquire(now=LATER)
    attempt.refresh_from_db(), row.refresh_from_db()
    assert (summary.asked, summary.heard, attempt.state, row.open_minor) == (1, 1, "succeeded", 0)
    assert ProviderEvent.objects.count() == 2
    assert inquire.inquire(now=LATER + timedelta(days=1)).asked == 0
    assert Credit.objects.count() == 1


def test_it_is_asked_with_longer_and_longer_pauses_and_then_no_more() -> None:
    attempt = tried(row_of())
    asked = []
    now = NOW
    while now < NOW + timedelta(days=30):
        asked += [now - NOW] * inquire.inquire(now=now).asked
        # Every ten minutes while that can make a difference, then as often as changes nothing about the pauses.
        now += timedelta(minutes=10 if now - NOW < timedelta(hours=3) else 160)
    assert len(asked) == 9
    assert asked[:4] == [timedelta(minutes=minutes) for minutes in (10, 20, 40, 80)]
    attempt.refresh_from_db()
    assert attempt.state == "opened"


def test_a_bank_is_asked_for_weeks_and_says_no_at_last() -> None:
    row = row_of()
    attempt = tried(row)
    lost(attempt, WordKind.PENDING)
    inquire.inquire(now=LATER)
    attempt.refresh_from_db()
    assert attempt.state == "pending"
    assert abandon_stale(now=NOW + timedelta(days=9)) == 0
    lost(attempt, WordKind.FAILED, now=NOW + timedelta(days=9))
    for day in range(1, 12):
        inquire.inquire(now=NOW + timedelta(days=day))
    attempt.refresh_from_db()
    assert attempt.state == "failed"


def test_what_time_has_ended_is_asked_too_and_money_counts() -> None:
    row = row_of()
    attempt = tried(row)
    assert abandon_stale(now=NOW + timedelta(minutes=31)) == 1
    lost(attempt, WordKind.SUCCEEDED)
    inquire.inquire(now=NOW + timedelta(minutes=40))
    row.refresh_from_db()
    assert row.open_minor == 0


def test_a_silent_provider_is_asked_once_a_run_and_keeps_no_other_from_being_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent, other = creditor(), creditor()
    rows = [invoice(customer(silent), 1_000) for _n in range(3)] + [invoice(customer(other), 1_000)]
    attempts = [tried(row) for row in rows]
    lost(attempts[-1], WordKind.SUCCEEDED)
    speaks = dummy.Dummy.ask

    def ask(self: dummy.Dummy, attempt: Attempt, *, now: datetime) -> Iterable[Word]:
        if attempt.creditor_id == silent.pk:
            raise Unavailable("Nobody answers.")
        return speaks(self, attempt, now=now)

    monkeypatch.setattr(dummy.Dummy, "ask", ask)
    summary = inquire.inquire(now=LATER)
    assert (summary.asked, summary.heard, summary.silent) == (2, 1, 1)


def test_one_creditor_is_asked_about_where_only_one_is_meant() -> None:
    mine, theirs = creditor(), creditor()
    for owner in (mine, theirs):
        tried(invoice(customer(owner), 1_000))
    assert inquire.inquire(now=LATER, creditor=mine).asked == 1
