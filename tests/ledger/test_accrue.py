"""Late interest and the indemnity: reckoned day by day, posted once, corrected by new entries, and only where chosen."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils.translation import override
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from amiable.casework.close import close_settled
from amiable.casework.models import Case
from amiable.law.late import late
from amiable.ledger import balance, choose, hold, post, waive
from amiable.ledger.accrue import Summary, accrue
from amiable.ledger.charges import charges as account
from amiable.ledger.choose import CLAIM, SHOW, WAIVE, Choice, Rule
from amiable.ledger.models import Creditor, Entry, Invoice
from amiable.portfolio.refresh import refresh
from amiable.scenario.gather import ALWAYS, candidates
from tests import world
from tests.ledger.test_at_once import at_once

pytestmark = pytest.mark.django_db

BEGAN = date(2025, 1, 1)


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


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


def test_a_part_payment_lowers_the_base_from_its_day_on_and_what_ran_before_stays_due() -> None:
    house = owner(rule())
    row = world.invoice(world.customer(house), 100_000, due_on=date(2026, 2, 28))
    world.paid(row, 60_000, on=date(2026, 3, 11))
    run(house, date(2026, 4, 10))
    # ten days on 1,000.00 and 21 on 400.00 at 12.15 %
    expected = Fraction(1215, 10_000) * (100_000 * 10 + 40_000 * 21) / 365
    assert [amount for _kind, amount, *_ in charges(row)] == [round(expected)]


def test_a_leap_day_is_one_more_day_and_the_year_stays_365() -> None:
    house = owner(rule(since=date(2023, 12, 1)))
    row = world.invoice(world.customer(house), 36_500_000, due_on=date(2024, 1, 31))
    run(house, date(2024, 3, 10))
    assert charges(row)[0][1] == 29 * 14_500  # 14.50 % in the first half of 2024


def test_an_invoice_paid_late_is_charged_to_the_day_before_and_stays_settled() -> None:
    house = owner(rule(indemnity=CLAIM))
    who = world.customer(house)
    row = world.invoice(who, 100_000, due_on=date(2026, 3, 2))
    world.paid(row, on=date(2026, 3, 12))
    run(house, date(2026, 3, 12))
    assert charges(row) == [
        ("indemnity", 4_000, date(2026, 3, 3), date(2026, 3, 2)),
        ("interest", 300, date(2026, 3, 12), date(2026, 3, 31)),  # nine days
    ]
    row.refresh_from_db()
    assert (row.open_minor, row.settled_on) == (4_300, date(2026, 3, 12))
    shown = balance.statement(customer=who, as_of=date(2026, 3, 12))
    assert shown.net_minor == 4_300
    assert run(house, date(2026, 6, 1)) == Summary()  # nothing runs on charges
    world.paid(row, 4_300, on=date(2026, 6, 2))
    row.refresh_from_db()
    assert (row.open_minor, row.settled_on) == (0, date(2026, 3, 12))


def test_an_invoice_paid_on_time_or_within_the_days_of_grace_costs_nothing() -> None:
    house = owner(rule(indemnity=CLAIM, grace_days=3))
    who = world.customer(house)
    for days in (-1, 0, 3):
        world.paid(world.invoice(who, due_on=date(2026, 3, 2)), on=date(2026, 3, 2) + timedelta(days=days))
    late_row = world.invoice(who, due_on=date(2026, 3, 2))
    world.paid(late_row, on=date(2026, 3, 6))
    run(house, date(2026, 5, 1))
    assert {entry.invoice_id for entry in Entry.objects.filter(kind="indemnity")} == set()
    assert not Entry.objects.filter(period_on__isnull=False).exclude(invoice=late_row).exists()


def test_a_payment_told_late_corrects_by_a_new_entry_and_gives_back_what_was_paid_too_much() -> None:
    house = owner(rule(indemnity=CLAIM))
    who = world.customer(house)
    row = world.invoice(who, 100_000, due_on=date(2026, 3, 31))
    run(house, date(2026, 5, 10))
    [indemnity, april] = charges(row)
    assert (indemnity[1], april[1]) == (4_000, 999)
    world.paid(row, 104_999, on=date(2026, 4, 10), known_on=date(2026, 5, 20))  # told on 20 May: 21 days too much
    run(house, date(2026, 5, 20))
    assert charges(row)[2] == ("interest", 300 - 999, date(2026, 5, 20), date(2026, 4, 30))
    row.refresh_from_db()
    money = who.credits.get()
    assert (row.charged_minor, row.open_minor + 104_999 - money.open_minor) == (4_300, 104_300)
    assert run(house, date(2026, 5, 21)) == Summary()


def test_a_payment_of_the_due_day_told_late_takes_the_indemnity_back() -> None:
    house = owner(rule(interest=WAIVE, indemnity=CLAIM))
    row = world.invoice(world.customer(house), due_on=date(2026, 3, 31))
    run(house, date(2026, 4, 4))
    assert charges(row) == []
    run(house, date(2026, 4, 6))
    world.paid(row, on=date(2026, 3, 31), known_on=date(2026, 4, 20))
    run(house, date(2026, 4, 20))
    assert [amount for _kind, amount, *_ in charges(row)] == [4_000, -4_000]
    row.refresh_from_db()
    assert (row.open_minor, row.charged_minor) == (0, 0)


def test_money_that_has_left_again_lets_the_interest_run_on() -> None:
    house = owner(rule())
    row = world.invoice(world.customer(house), 100_000, due_on=date(2026, 3, 31))
    world.paid(row, on=date(2026, 4, 11))
    run(house, date(2026, 4, 11))
    assert [amount for _kind, amount, *_ in charges(row)] == [333]
    [paid] = row.allocations.all()
    post.reverse(allocation=paid, as_of=date(2026, 4, 21), now=world.at(date(2026, 4, 21)))
    assert run(house, date(2026, 4, 25)) == Summary()  # April is not over again
    run(house, date(2026, 5, 10))
    assert [amount for _kind, amount, *_ in charges(row)] == [333, 333]  # the ten days from the 21st on


@pytest.mark.parametrize(("kind", "expected"), [("dispute", 666), ("moratorium", 666), ("promise", 999)])
def test_no_interest_runs_on_the_days_of_a_dispute(kind: str, expected: int) -> None:
    house = owner(rule())
    row = world.invoice(world.customer(house), 100_000, due_on=date(2026, 3, 31))
    hold.place(
        kind=kind, source_ref="x:1", customer=row.customer, invoice=row, since=date(2026, 4, 6), until=date(2026, 4, 16),
        now=world.at(date(2026, 4, 6)),
    )  # fmt: skip
    run(house, date(2026, 5, 10))
    assert [amount for _kind, amount, *_ in charges(row)] == [expected]


def test_a_dispute_about_a_part_stops_that_part() -> None:
    house = owner(rule())
    row = world.invoice(world.customer(house), 100_000, due_on=date(2026, 3, 31))
    hold.place(
        kind="dispute", source_ref="x:1", customer=row.customer, invoice=row, since=date(2026, 3, 1), amount_minor=40_000,
        now=world.at(date(2026, 3, 1)),
    )  # fmt: skip
    run(house, date(2026, 5, 10))
    assert [amount for _kind, amount, *_ in charges(row)] == [round(Fraction(1215 * 60_000 * 30, 3_650_000))]


def test_consumers_are_asked_for_nothing_and_the_law_refuses_the_rest() -> None:
    house = owner(rule(indemnity=CLAIM))
    world.invoice(world.customer(house, kind="consumer"), due_on=date(2026, 3, 31))
    assert run(house, date(2026, 7, 1)) == Summary()
    for choice, words in (
        (Choice(indemnity=SHOW), "no fixed indemnity"),
        (Choice(fees=CLAIM), "Costs of collection cannot"),
        (Choice(interest=CLAIM), "only one that the contract names"),
        (Choice(interest="charge"), "nothing else"),
        (Choice(interest=CLAIM, percent="12,5,1"), "number such as"),
    ):
        wanted = Rule(date(2026, 8, 1), {"consumer": choice})
        with pytest.raises(choose.UnableToChoose, match=words):
            choose.choose(creditor=house, rule=wanted, as_of=date(2026, 8, 1), now=world.at(date(2026, 8, 1)))


def test_a_contract_rate_is_kept_between_the_floor_of_the_law_and_what_was_agreed() -> None:
    house = owner(rule(percent="8,00"))
    row = world.invoice(world.customer(house), 1_000_000, due_on=date(2026, 5, 31))
    run(house, date(2026, 8, 10))
    june, july = (amount for _kind, amount, *_ in charges(row))
    assert june == round(Fraction(1_000_000 * 800 * 30, 3_650_000))  # above 3 × 2.62 %
    assert july == round(Fraction(1_000_000 * 825 * 31, 3_650_000))  # below 3 × 2.75 %: the floor counts


def test_in_another_currency_only_a_contract_rate_runs_and_no_indemnity() -> None:
    by_law, agreed = owner(rule(indemnity=CLAIM)), owner(rule(indemnity=CLAIM, percent="9"))
    rows = [
        world.invoice(world.customer(each), 1_000_000, due_on=date(2026, 3, 31), currency=currency)
        for each, currency in ((by_law, "USD"), (agreed, "JPY"))
    ]
    assert run(by_law, date(2026, 5, 10)) == Summary(without_rate=1)
    run(agreed, date(2026, 5, 10))
    assert [charges(row) for row in rows] == [
        [], [("interest", round(Fraction(1_000_000 * 900 * 30, 3_650_000)), date(2026, 4, 30), date(2026, 4, 30))],
    ]  # fmt: skip


def test_in_the_united_kingdom_the_rate_of_the_beginning_stays_and_the_sum_follows_the_size() -> None:
    house = owner(rule(indemnity=CLAIM), country="GB", currency="GBP", time_zone="Europe/London")
    who = world.customer(house)
    rows = [
        world.invoice(who, amount, due_on=date(2025, 12, 15), currency="GBP") for amount in (99_999, 100_000, 1_000_000)
    ]
    run(house, date(2026, 2, 10))
    assert [charges(row)[0][1] for row in rows] == [4_000, 7_000, 10_000]
    # 12.25 % (4.25 + 8) in December and, though the Bank Rate fell to 3.75, in January
    assert charges(rows[2])[2][1] == round(Fraction(1_000_000 * 1225 * 31, 3_650_000))


def test_a_half_year_without_a_rate_is_not_guessed() -> None:
    assert (
        late("FR", "business", date(2031, 1, 1)).rate(contract=None, currency="EUR", half=date(2031, 1, 1)).why
        == "unknown"
    )
    house = owner(rule(since=date(2030, 12, 1)))
    row = world.invoice(world.customer(house), due_on=date(2030, 12, 31))
    assert run(house, date(2031, 3, 10)) == Summary(without_rate=1)
    assert charges(row) == []


def test_a_choice_rules_its_own_days_and_is_not_sprung_on_old_debts() -> None:
    house = owner(rule(interest=SHOW, indemnity=WAIVE, since=date(2026, 1, 1)))
    row = world.invoice(world.customer(house), 100_000, due_on=date(2026, 3, 31))
    assert run(house, date(2026, 5, 10)) == Summary()
    with pytest.raises(choose.UnableToChoose, match="first choice"):
        choose.choose(
            creditor=house, rule=rule(since=date(2026, 4, 1)), as_of=date(2026, 5, 16), now=world.at(date(2026, 5, 16))
        )
    later = rule(indemnity=CLAIM, since=date(2026, 5, 16))
    choose.choose(creditor=house, rule=later, as_of=date(2026, 5, 16), now=world.at(date(2026, 5, 16)))
    run(house, date(2026, 6, 10))
    assert [(kind, amount) for kind, amount, *_ in charges(row)] == [("interest", 533)]  # sixteen days of May


def test_where_charges_are_paid_first_the_principal_falls_by_the_rest_only() -> None:
    first, later = (owner(rule(charges_first=each)) for each in (True, False))
    rows = [world.invoice(world.customer(each), 1_000_000, due_on=date(2026, 3, 31)) for each in (first, later)]
    for house, row in zip((first, later), rows, strict=True):
        run(house, date(2026, 5, 10))
        world.paid(row, 509_986, on=date(2026, 5, 11))
        run(house, date(2026, 6, 10))
    may = [charges(row)[1][1] for row in rows]
    assert may == [
        round(Fraction(1215 * (1_000_000 * 10 + base * 21), 3_650_000)) for base in (500_000, 490_014)
    ]  # fmt: skip


def test_years_claimed_at_once_come_to_the_same_as_month_by_month_in_either_order() -> None:
    for charges_first in (True, False):
        told = []
        for days in ([date(2026, 9, 10)], [date(2026, month, 10) for month in range(2, 10)]):
            house = owner(rule(charges_first=charges_first))
            row = world.invoice(world.customer(house), 1_000_000, due_on=date(2025, 11, 3))
            for day in days:
                run(house, day)
                if day >= date(2026, 5, 1) and not row.allocations.exists():
                    world.paid(row, 300_000, on=date(2026, 5, 5))
            run(house, date(2026, 9, 12))
            told.append(sum(amount for _kind, amount, *_ in charges(row)))
        assert told[0] == told[1]


# -- against a reckoning day by day --------------------------------------------------------------------------------------

DAYS = st.integers(-20, 200)
ACTS = st.lists(
    st.tuples(st.sampled_from(["pay", "pay", "pay", "hold", "back", "run"]), DAYS, st.integers(1, 70_000)), max_size=8
)
START = date(2026, 3, 31)


def by_day(row: Invoice, until: date, percent: dict[date, Fraction]) -> int:
    """The same, told naively: for each day what was left of the invoice, money before charges; each month rounded."""
    months: dict[date, Fraction] = {}
    moves = [(each.effective_on, each.amount_minor) for each in row.entries.exclude(kind__in=["interest", "indemnity"])]
    holds = list(row.holds.filter(kind="dispute"))
    day = row.due_on + timedelta(days=1)
    while day <= until:
        left = max(0, sum(amount for on, amount in moves if on <= day))
        stopped = any(each.since <= day < each.until for each in holds)
        rate = percent[date(day.year, 1 if day.month <= 6 else 7, 1)]
        month = day.replace(day=1)
        months[month] = months.get(month, Fraction(0)) + (0 if stopped else left * rate / 36_500)
        day += timedelta(days=1)
    return sum(int(each + Fraction(1, 2)) for each in months.values())


@settings(max_examples=25, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(acts=ACTS)
def test_whatever_happened_the_books_come_to_what_the_days_say(acts: list[Any]) -> None:
    with transaction.atomic():
        house = owner(rule(since=date(2026, 1, 1), wait_days=0))
        row = world.invoice(world.customer(house), 100_000, due_on=START)
        done = []
        for number, (what, days, amount) in enumerate(acts):
            on = START + timedelta(days=days)
            row.refresh_from_db()
            if what == "pay" and row.open_minor:
                done.append(world.paid(row, min(amount, row.open_minor), on=on).allocations.get())
            elif what == "back" and done:
                taken = done.pop()
                if not taken.__class__.objects.filter(reverses=taken).exists():
                    post.reverse(allocation=taken, as_of=on, now=world.at(on))
            elif what == "hold":
                hold.place(
                    kind="dispute", source_ref=f"x:{number}", customer=row.customer, invoice=row, since=on,
                    until=on + timedelta(days=amount % 40 + 1), now=world.at(on),
                )  # fmt: skip
            elif what == "run":
                run(house, on)
        # The day is run every morning: what was settled long ago is not looked at again.
        run(house, START + timedelta(days=max((days for _what, days, _amount in acts), default=0) + 1))
        end = date(2026, 12, 31)
        run(house, date(2027, 1, 1))
        row.refresh_from_db()
        percent = {date(2026, 1, 1): Fraction("12.15"), date(2026, 7, 1): Fraction("12.40")}
        assert row.charged_minor == by_day(row, end, percent)
        assert row.open_minor == sum(entry.amount_minor for entry in row.entries.all()) >= 0
        assert run(house, date(2027, 1, 1)).posted == 0
        shown = balance.statement(customer=row.customer, as_of=date(2027, 1, 1))
        assert sum(line.open_minor for line in shown.invoices) == row.open_minor
        transaction.set_rollback(True)


def test_what_a_person_waives_is_taken_back_by_a_new_entry_with_who_and_why() -> None:
    house = owner(rule(indemnity=CLAIM))
    who = world.customer(house)
    row, other = (world.invoice(who, 100_000, due_on=date(2026, 3, 31)) for _ in range(2))
    run(house, date(2026, 5, 10))
    day = {"as_of": date(2026, 5, 11), "now": world.at(date(2026, 5, 11))}
    with pytest.raises(waive.UnableToWaive, match="say why"):
        waive.waive(customer=who, source_ref="desk:0", reason=" ", **day)
    waive.waive(customer=who, invoice=row, kind="indemnity", source_ref="desk:1", reason="Good customer", **day)
    assert [amount for _kind, amount, *_ in charges(row)] == [4_000, 999, -4_000]
    waive.waive(customer=who, source_ref="desk:2", reason="Our invoice was late", since=date(2026, 5, 11), **day)
    run(house, date(2026, 7, 1))
    assert [amount for _kind, amount, *_ in charges(other)] == [4_000, 999, 333]  # ten days of May
    waive.end(source_ref="desk:2", on=date(2026, 6, 1))
    run(house, date(2026, 7, 6))
    assert [amount for _kind, amount, *_ in charges(other)][3:] == [999]
    told = account(creditor=house, invoices=[row.pk, other.pk], as_of=date(2026, 7, 6))
    assert (told[row.pk].posted, told[row.pk].waived_minor) == ({"interest": 999 + 333 + 999}, 699)
    assert told[other.pk].running_minor == 204  # six days of July at 12.40 %
    assert [piece.mode for piece in told[other.pk].pieces] == ["claim", "claim", "waived", "claim", "claim"]


def test_waiving_what_has_been_paid_gives_the_money_back_to_the_customer() -> None:
    house = owner(rule(indemnity=CLAIM, interest=WAIVE))
    row = world.invoice(world.customer(house), 100_000, due_on=date(2026, 3, 31))
    run(house, date(2026, 5, 10))
    money = world.paid(row, 104_000, on=date(2026, 5, 11))
    day = {"as_of": date(2026, 5, 12), "now": world.at(date(2026, 5, 12))}
    waive.waive(customer=row.customer, source_ref="desk:1", reason="Agreed", **day)
    row.refresh_from_db(), money.refresh_from_db()
    assert (row.charged_minor, row.open_minor, money.open_minor) == (0, 100_000, 104_000)


def test_shown_is_computed_and_never_posted() -> None:
    house = owner(rule(interest=SHOW, indemnity=SHOW))
    row = world.invoice(world.customer(house), 100_000, due_on=date(2026, 3, 31))
    assert run(house, date(2026, 5, 10)) == Summary()
    told = account(creditor=house, invoices=[row.pk], as_of=date(2026, 5, 10))[row.pk]
    assert (told.shown, told.posted, told.principal_minor) == ({"interest": 999 + 333, "indemnity": 4_000}, {}, 100_000)


def test_the_worked_example_of_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "algorithms" / "interest.md").read_text()
    told = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| (\w+) \| ([\d.]+) \|$", text, re.M)
    house = owner(rule(indemnity=CLAIM, since=date(2026, 1, 1)))
    row = world.invoice(world.customer(house), 1_000_000, due_on=date(2026, 5, 1))
    world.paid(row, 400_000, on=date(2026, 7, 1))
    hold.place(
        kind="dispute", source_ref="x:1", customer=row.customer, invoice=row, since=date(2026, 8, 10), until=date(2026, 8, 20),
        amount_minor=100_000, now=world.at(date(2026, 8, 10)),
    )  # fmt: skip
    world.paid(row, 600_000, on=date(2026, 9, 15))
    run(house, date(2026, 9, 30))
    found = sorted((str(on), kind, f"{Decimal(amount) / 100:.2f}") for kind, amount, on, _period in charges(row))
    assert len(told) == 6
    assert found == told
    row.refresh_from_db()
    assert (row.settled_on, row.open_minor) == (date(2026, 9, 15), 39_124)
    pieces = account(creditor=house, invoices=[row.pk], as_of=date(2026, 9, 30))[row.pk].pieces
    for came in re.findall(r"\| (\d+\.\d{4}) \|$", text, re.M):
        assert float(_of(pieces, came)) == pytest.approx(float(came), abs=0.00005)


def _of(pieces: list[Any], came: str) -> Fraction:
    """The sum of the pieces of the row whose amount is told: those of one month and one base."""
    sums: dict[tuple[int, int], Fraction] = {}
    for each in pieces:
        key = (each.since.month, each.base_minor)
        sums[key] = sums.get(key, Fraction(0)) + each.exact_minor / 100
    return min(sums.values(), key=lambda value: abs(value - Fraction(came)))


def test_a_plan_freezes_the_interest_of_its_invoices_while_it_is_kept() -> None:
    house = owner(rule())
    who = world.customer(house)
    row, other = (world.invoice(who, 100_000, due_on=date(2026, 3, 31)) for _ in range(2))
    day = date(2026, 4, 11)
    for _ in range(2):
        waive.freeze(customer=who, invoices=[row], source_ref="plan:7", reason="Plan 7", as_of=day, now=world.at(day))
    waive.end(source_ref="plan:7", on=date(2026, 4, 21))
    run(house, date(2026, 5, 10))
    assert [charges(each)[0][1] for each in (row, other)] == [666, 999]


@pytest.mark.django_db(transaction=True)
def test_two_hands_that_post_at_once_post_once() -> None:
    house = owner(rule(indemnity=CLAIM))
    rows = [world.invoice(world.customer(house), 100_000, due_on=date(2026, 3, 31)) for _ in range(5)]
    told = at_once(*[lambda: run(house, date(2026, 5, 10))] * 4)
    assert told == {"done": 4}
    assert {len(charges(row)) for row in rows} == {2}


def test_charges_start_no_reminder_and_keep_no_case_open() -> None:
    house = owner(rule(indemnity=CLAIM))
    who = world.customer(house)
    owing, paid_late = (world.invoice(who, 100_000, due_on=date(2026, 3, 31)) for _ in range(2))
    world.paid(paid_late, on=date(2026, 4, 10))
    run(house, date(2026, 4, 20))
    paid_late.refresh_from_db()
    assert paid_late.open_minor == 4_300
    with transaction.atomic(), candidates(as_of=date(2026, 4, 21), moments=ALWAYS) as table:
        assert table["invoice"].to_list() == [owing.pk]
    refresh(as_of=date(2026, 4, 21))
    profile = who.profiles.get()
    assert (profile.open_minor, profile.overdue_count, profile.oldest_due_on) == (108_300, 1, date(2026, 3, 31))
    case = Case.objects.create(
        creditor=house, customer=who, currency="EUR", opened_on=date(2026, 4, 5), opened_overdue_minor=200_000
    )
    assert close_settled(as_of=date(2026, 4, 21)) == 0
    world.paid(owing, on=date(2026, 4, 22))
    assert close_settled(as_of=date(2026, 4, 23)) == 1
    case.refresh_from_db()
    assert case.closed_because == "paid"


def test_a_small_rest_is_written_off_with_the_charges_in_it() -> None:
    house = owner(rule(), policy={"small_balance_minor": 500})
    row = world.invoice(world.customer(house), 100_000, due_on=date(2026, 3, 2))
    world.paid(row, on=date(2026, 3, 12))
    run(house, date(2026, 3, 12))
    assert post.write_off_small(creditor=house, as_of=date(2026, 4, 12), now=world.at(date(2026, 4, 12))) == 1
    assert run(house, date(2026, 5, 10)) == Summary()
    row.refresh_from_db()
    assert (row.open_minor, row.charged_minor, row.settled_on) == (0, 300, date(2026, 3, 12))
