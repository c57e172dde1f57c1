"""What people and rules post: write-off, charges, small balances, doubtful debts, two records made one."""

from datetime import timedelta

import pytest

from amiable.core.models import AuditEntry
from amiable.ledger import balance, hold, post
from amiable.ledger.models import Contact, Entry, Hold, Invoice
from tests import world

pytestmark = pytest.mark.django_db
WHEN = {"as_of": world.later(60), "now": world.at(world.later(60))}


def test_a_write_off_takes_no_more_than_is_open() -> None:
    row = world.invoice(world.customer(world.creditor()), 500)
    with pytest.raises(post.UnableToPost, match=row.reference):
        post.write_off(invoice=row, amount_minor=501, reason="dispute", **WHEN)
    with pytest.raises(post.UnableToPost):
        post.write_off(invoice=row, amount_minor=0, reason="dispute", **WHEN)
    post.write_off(invoice=row, amount_minor=500, reason="dispute", **WHEN)
    row.refresh_from_db()
    assert (row.open_minor, row.settled_on) == (0, world.later(60))
    assert AuditEntry.objects.get(act="invoice.written_off").detail["amount_minor"] == 500
    assert balance.statement(customer=row.customer, as_of=world.later(59)).open_minor == 500


def test_small_balances_are_what_is_left_of_paid_invoices_and_never_small_invoices() -> None:
    owner = world.creditor(policy={"small_balance_minor": 100})
    who = world.customer(owner)
    paid, small = world.invoice(who, 5_000), world.invoice(who, 90)
    fresh, much = world.invoice(who, 5_000, due_on=world.later(31)), world.invoice(who, 5_000)
    world.paid(paid, 4_950), world.paid(fresh, 4_950), world.paid(much, 4_000)
    assert post.write_off_small(creditor=owner, **WHEN) == 1
    assert post.write_off_small(creditor=owner, **WHEN) == 0
    left = dict(Invoice.objects.values_list("pk", "open_minor"))
    assert (left[paid.pk], left[small.pk], left[fresh.pk], left[much.pk]) == (0, 90, 50, 1_000)


def test_without_a_limit_nothing_is_written_off() -> None:
    owner = world.creditor()
    world.paid(world.invoice(world.customer(owner), 5_000), 4_999)
    assert post.write_off_small(creditor=owner, **WHEN) == 0


def test_a_small_balance_in_a_currency_without_cents_is_not_taken_for_cents() -> None:
    owner = world.creditor(policy={"small_balance_minor": 100})
    row = world.invoice(world.customer(owner), 5_000, currency="JPY")
    world.paid(row, 4_950)
    assert post.write_off_small(creditor=owner, **WHEN) == 0


def test_charges_add_to_what_is_owed_and_know_only_two_kinds() -> None:
    row = world.invoice(world.customer(world.creditor()), 500)
    post.charge(invoice=row, kind="indemnity", amount_minor=4_000, reason="D.441-5", **WHEN)
    row.refresh_from_db()
    assert (row.open_minor, row.amount_minor) == (4_500, 500)
    for kind, amount in (("write_off", 5), ("interest", 0), ("interest", -5)):
        with pytest.raises(post.UnableToPost):
            post.charge(invoice=row, kind=kind, amount_minor=amount, reason="", **WHEN)


def test_a_refund_takes_only_what_is_left() -> None:
    money = world.credit(world.customer(world.creditor()), 500)
    post.refund(credit=money, amount_minor=300, reason="asked", **WHEN)
    with pytest.raises(post.UnableToPost):
        post.refund(credit=money, amount_minor=300, reason="asked", **WHEN)
    assert Entry.objects.filter(kind="refund").count() == 1


def test_doubtful_is_another_account_of_the_same_debt() -> None:
    row = world.invoice(world.customer(world.creditor()), 500)
    post.transfer_to_doubtful(invoice=row, now=WHEN["now"])
    stored = Invoice.objects.get(pk=row.pk)
    assert (stored.account, stored.open_minor) == ("doubtful", 500)


def test_merging_moves_what_is_owed_people_and_holds_and_keeps_the_old_number_pointing() -> None:
    owner = world.creditor()
    keep, absorb, older = (world.customer(owner) for _ in range(3))
    post.merge(keep=absorb, absorb=older, now=WHEN["now"])
    row, money = world.invoice(absorb, 500), world.credit(absorb, 200)
    hold.place(kind="dispute", source_ref="dispute:1", customer=absorb, invoice=row, since=world.DAY, now=WHEN["now"])
    post.merge(keep=keep, absorb=absorb, now=WHEN["now"])
    for each in (row, money, absorb, older):
        each.refresh_from_db()
    assert row.customer == money.customer == absorb.merged_into == older.merged_into == keep
    assert Contact.objects.filter(customer=keep).count() == 3
    assert Hold.objects.get().customer == keep
    assert balance.statement(customer=keep, as_of=world.later(1)).net_minor == 300


def test_a_merge_never_ends_a_hold_early() -> None:
    owner = world.creditor()
    keep, absorb = world.customer(owner), world.customer(owner)
    how = {"kind": "person", "source_ref": "desk:anna", "now": WHEN["now"]}
    hold.place(customer=keep, since=world.later(5), until=world.later(10), **how)
    hold.place(customer=absorb, since=world.DAY, until=None, **how)
    post.merge(keep=keep, absorb=absorb, now=WHEN["now"])
    for day in (0, 7, 90):
        assert hold.active(as_of=world.later(day)).filter(customer=keep).exists()


@pytest.mark.parametrize("case", ["itself", "stranger", "merged"])
def test_what_cannot_be_merged(case: str) -> None:
    owner = world.creditor()
    keep, absorb = world.customer(owner), world.customer(world.creditor() if case == "stranger" else owner)
    if case == "merged":
        post.merge(keep=world.customer(owner), absorb=absorb, now=WHEN["now"])
        absorb.refresh_from_db()
    with pytest.raises(post.UnableToPost):
        post.merge(keep=keep, absorb=keep if case == "itself" else absorb, now=WHEN["now"])


def test_a_hold_acts_from_its_first_day_to_the_day_before_its_end() -> None:
    who = world.customer(world.creditor())
    how = {"kind": "person", "source_ref": "desk:1", "customer": who, "now": WHEN["now"]}
    hold.place(since=world.DAY, **how)
    again = hold.place(since=world.DAY, until=world.later(9), **how)
    assert Hold.objects.get() == again
    acts = [hold.active(as_of=world.DAY + timedelta(days=day)).exists() for day in (-1, 0, 8, 9)]
    assert acts == [False, True, True, False]
    assert hold.lift(source_ref="desk:1", on=world.later(4)) == 1
    assert hold.lift(source_ref="desk:1", on=world.later(6)) == 0
    assert not hold.active(as_of=world.later(4)).exists()
    hold.place(since=world.later(20), **how | {"source_ref": "desk:2"})
    assert hold.lift(source_ref="desk:2", on=world.later(10)) == 1
    assert not hold.active(as_of=world.later(20)).exists()
