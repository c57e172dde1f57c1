"""Habits and weeks by hand-worked sums and by properties; and the real file, where it is there."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.insight.forecast import habits, weeks
from amiable.insight.forecast.habits import ROWS, learn, offsets, packed, unpacked, waiting
from amiable.insight.forecast.score import Sum, score
from amiable.insight.forecast.weeks import Spread, arrived, band, chances, plain, spreads, standing, summed

DAY = date(2026, 6, 1)
FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "invoices" / "ibm_accounts_receivable.csv"


def row(customer: int, *, due: int, paid: int | None, **fields: Any) -> dict[str, Any]:
    """An invoice due so many days from DAY, paid so many days from DAY (not yet: None)."""
    known: dict[str, Any] = {
        "part": "due", "customer": customer, "group": "business", "day": DAY + timedelta(days=due),
        "since": DAY + timedelta(days=due - 30), "until": None if paid is None else DAY + timedelta(days=paid), "paid": True,
        "share": 1.0, "currency": "EUR", "minor": 10_000,
    }  # fmt: skip
    return known | fields


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    made = pl.DataFrame(rows, schema=dict(ROWS))
    return made.with_columns(due_on=pl.col("day"))


def chance(rows: pl.DataFrame, asked: pl.DataFrame, days: int) -> float:
    ages = np.array([(DAY - day).days for day in asked["day"]])
    return float(1 - waiting(learn(rows, as_of=DAY), asked, ages=ages, ahead=np.array([days]))[0, 0])


def test_the_chance_of_a_day_is_the_paid_of_those_that_waited_on_it() -> None:
    rows = table(*(row(n, due=-100, paid=-100 + (5 if n < 60 else 9)) for n in range(100)))
    mine = offsets(rows, as_of=DAY, days=365)
    ends, exposed = habits._counts(mine)
    fifth, ninth = (int(np.searchsorted(habits.EDGES, day, side="right") - 1) for day in (5, 9))
    assert (ends[fifth], exposed[fifth], ends[ninth], exposed[ninth]) == (60, 100, 40, 40)
    assert ends.sum() == 100
    assert exposed.sum() == 60 * 36 + 40 * 40  # each day from the issue to the payment


@given(st.lists(st.tuples(st.integers(-80, 900), st.integers(0, 400)), min_size=1, max_size=40))
def test_every_day_of_waiting_is_counted_once(spans: list[tuple[int, int]]) -> None:
    """Whatever the bins are: the days at risk and the ends are those of the rows."""
    rows = pl.DataFrame({
        "first": [max(-59, min(first, habits.LAST)) for first, _ in spans],
        "last": [max(-59, min(first + length, habits.LAST)) for first, length in spans],
        "ended": [n % 2 == 0 for n in range(len(spans))],
    })  # fmt: skip
    ends, exposed = habits._counts(rows)
    assert exposed.sum() == (rows["last"] - rows["first"] + 1).sum()
    assert (exposed > -1e-9).all()
    assert (ends <= exposed + 1e-9).all()
    assert ends.sum() == rows["ended"].sum()


def test_what_still_waits_counts_too() -> None:
    """Forty paid after five days; forty more waited a hundred days in vain. Counting the paid alone would say: all by day ten."""
    paid = [row(n, due=-200, paid=-195) for n in range(40)]
    asked = table(row(99, due=0, paid=None))
    both = table(*paid, *(row(50 + n, due=-100, paid=None) for n in range(40)))
    assert chance(table(*paid), asked, 30) > 0.75
    assert 0.35 < chance(both, asked, 30) < 0.65


def test_a_customer_of_few_invoices_is_like_its_group_and_one_of_many_like_itself() -> None:
    crowd = [row(n, due=-60 - n, paid=-60 - n + 2) for n in range(80)]
    slow = [row(500, due=-60 - n, paid=-60 - n + 30) for n in range(30)]
    new = [row(600, due=-90, paid=-60)]
    rows = table(*crowd, *slow, *new)
    by = {who: chance(rows, table(row(who, due=0, paid=None)), 7) for who in (500, 600, 700)}
    assert by[500] < 0.25
    assert by[500] + 0.2 < by[600] < by[700]
    assert chance(rows, table(row(500, due=0, paid=None)), 40) > 0.75


def test_a_year_old_habit_moves_as_everybody_moved_of_late() -> None:
    """All pay on day 20 until a quarter ago, on day 3 since; a customer without a newer invoice is expected earlier as well."""
    old = [row(n, due=-300 + n % 100, paid=-280 + n % 100) for n in range(200)]
    new = [row(n, due=-60 + n % 50, paid=-57 + n % 50) for n in range(100, 200)]
    asked = table(row(5, due=0, paid=None))
    assert chance(table(*old, *new), asked, 7) > 2 * chance(table(*old), asked, 7)


def test_only_what_was_known_on_the_day_is_learnt() -> None:
    rows = table(*(row(n, due=-30, paid=-25 if n % 2 else 40) for n in range(40)))
    hidden = rows.with_columns(until=pl.when(pl.col("until") <= DAY).then("until"))
    assert packed(learn(rows, as_of=DAY)) == packed(learn(hidden, as_of=DAY))


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(-300, 60), st.integers(-30, 90)), max_size=60),
    st.integers(-120, 900),
)
def test_chances_are_chances_whatever_the_past(past: list[tuple[int, int, int]], age: int) -> None:
    rows = table(*(row(who, due=due, paid=due + delay) for who, due, delay in past))
    told = learn(rows, as_of=DAY)
    asked = table(row(1, due=0, paid=None), row(9, due=0, paid=None, part="dispute", group="other"))
    stays = waiting(told, asked, ages=np.array([age, age]), ahead=np.arange(1, 366))
    assert ((stays >= 0) & (stays <= 1)).all()
    assert (np.diff(stays, axis=1) <= 1e-12).all()
    kept = waiting(unpacked(packed(told), told.own), asked, ages=np.array([age, age]), ahead=np.array([30]))
    assert np.allclose(kept[:, 0], stays[:, 29], atol=1e-3)


def test_chunks_of_customers_tell_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(*(row(n % 17, due=-3 * n, paid=-3 * n + n % 17) for n in range(100)))
    asked = table(*(row(n, due=0, paid=None, minor=n + 1) for n in reversed(range(20))))
    whole = chances(learn(rows, as_of=DAY), asked, as_of=DAY, weeks=4)
    monkeypatch.setattr(habits, "CHUNK", 3)
    assert np.array_equal(chances(learn(rows, as_of=DAY), asked, as_of=DAY, weeks=4), whole)


def test_parts_add_up_and_the_band_lies_around_the_middle() -> None:
    rows = table(*(row(n % 9, due=-100 - n, paid=-90 - n) for n in range(60)))
    asked = table(
        row(1, due=-3, paid=None), row(2, due=4, paid=None, part="promise"), row(2, due=1, paid=None, minor=5)
    )
    told = summed(asked, chances(learn(rows, as_of=DAY), asked, as_of=DAY, weeks=6))
    assert np.allclose(sum(told.parts.values()), told.middle)
    assert told.middle.sum() <= told.most == 20_005
    low, high = band(told.middle, told.variance, told.skew, told.most, Spread())
    assert (low <= told.middle).all()
    assert (told.middle <= high).all()
    assert low.min() >= 0
    assert high.max() <= told.most


def test_invoices_of_one_customer_make_a_wider_band_than_those_of_many() -> None:
    paid = np.full((40, 1), 0.5)
    one = summed(table(*(row(1, due=0, paid=None) for _ in range(40))), paid)
    many = summed(table(*(row(n, due=0, paid=None) for n in range(40))), paid)
    assert one.variance[0] > 10 * many.variance[0]


def test_the_reference_is_the_due_date_and_the_customers_mean_delay() -> None:
    past = table(*(row(1, due=-50, paid=-40) for _ in range(5)), *(row(2, due=-50, paid=-50) for _ in range(5)))
    bills = table(row(1, due=0, paid=None), row(2, due=0, paid=None), row(3, due=-90, paid=None))
    # The mean of all is 5 days; 1 is drawn to 7.5, 2 to 2.5; who is later than their mean pays tomorrow.
    assert plain(past, bills, as_of=DAY, weeks=3).tolist() == [20_000, 10_000, 0]


def test_a_score_by_hand() -> None:
    told = score(
        [Sum(low=80, middle=100, high=120, plain=150, came=90), Sum(low=80, middle=100, high=120, plain=50, came=130)]
    )
    assert (told.sums, told.error_minor, told.plain_error_minor, told.inside) == (2, 20, 70, 0.5)
    assert told.bias == pytest.approx(-20 / 220)
    assert told.pinball_minor == round((0.1 * 10 + 0.1 * 30 + 0.1 * 50 + 0.9 * 10) / 4)
    assert score([]).bias is None
    assert score([Sum(low=0, middle=5, high=9, plain=0, came=0)]).error_share is None


def test_the_band_is_the_guess_where_nothing_was_measured() -> None:
    assert spreads(table(), as_of=DAY, weeks=4) == {}
    assert weeks._fit([]) == Spread()


@pytest.mark.skipif(not FILE.exists(), reason="the shared data folder is not here")
def test_on_a_real_file_it_beats_due_date_and_mean_and_the_band_holds() -> None:
    """The figures of docs/algorithms/forecast.md, over ten of its weeks."""
    rows = ibm()
    error: dict[str, list[float]] = {"own": [], "plain": []}
    inside = []
    for back in range(10):
        day = date(2013, 10, 7) - timedelta(days=28 * back)
        told, open_ = learn(rows, as_of=day), standing(rows, as_of=day)
        made = summed(open_, chances(told, open_, as_of=day, weeks=4))
        came = arrived(open_, as_of=day, weeks=4)
        low, high = band(made.middle, made.variance, made.skew, made.most, spreads(rows, as_of=day, weeks=4)["EUR"][0])
        inside += list((came >= low) & (came <= high))
        error["own"].append(float(np.abs(made.middle - came).sum()))
        error["plain"].append(float(np.abs(plain(rows, open_, as_of=day, weeks=4) - came).sum()))
    assert sum(error["own"]) < 0.75 * sum(error["plain"])
    assert 0.6 <= np.mean(inside) <= 0.95


def ibm() -> pl.DataFrame:
    told = pl.read_csv(FILE)

    def day(name: str) -> pl.Expr:
        return pl.col(name).str.to_date("%m/%d/%Y")

    return told.select(
        part=pl.lit("due"), customer=pl.col("customerID").rank("dense").cast(pl.Int64), group=pl.lit("business"),
        day=day("DueDate"), since=day("InvoiceDate"), until=day("SettledDate"), paid=pl.lit(True), share=pl.lit(1.0),
        currency=pl.lit("EUR"), minor=(pl.col("InvoiceAmount") * 100).round().cast(pl.Int64), due_on=day("DueDate"),
    )  # fmt: skip
