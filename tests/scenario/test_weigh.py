"""What experiments brought: the interval covers the truth as often as it says, and money is counted as it came."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from amiable.core.models import User
from amiable.ledger.models import Invoice
from amiable.scenario import experiment, shelf, weigh
from amiable.scenario.models import Assignment, Experiment
from tests import world as worlds
from tests.world import DAY, World, at, later


def arm(rng: np.random.Generator, number: int, pays: float, *, share: float, group: int = 1) -> pl.DataFrame:
    """Customers who owe very different sums, pay all of it with some chance, in groups that pay alike."""
    owed = rng.lognormal(6, 1.2, number).astype(np.int64) + 1
    unit = np.arange(number) // group
    paid = rng.random(unit.max() + 1)[unit] < pays
    return pl.DataFrame({
        "unit": unit, "propensity": np.full(number, share), "denominator": owed, "numerator": np.where(paid, owed, 0),
        "arm": ["challenger" if share == 0.3 else "champion"] * number, "spared": [False] * number,
    })  # fmt: skip


@pytest.mark.parametrize("group", [1, 4])
def test_the_interval_holds_the_truth_nineteen_times_in_twenty(group: int) -> None:
    rng = np.random.default_rng(7)
    within = 0
    for _ in range(1_000):
        one, other = arm(rng, 1_200, 0.45, share=0.3, group=group), arm(rng, 2_800, 0.40, share=0.7, group=group)
        found = weigh.difference(one, other, arm="challenger")
        assert found.low is not None
        assert found.high is not None
        within += found.low <= 0.05 <= found.high
    assert 0.925 <= within / 1_000 <= 0.97  # groups taken for single customers would come to 0.67


def test_the_interval_is_the_one_that_drawing_again_gives() -> None:
    rng = np.random.default_rng(3)
    one, other = arm(rng, 800, 0.5, share=0.3), arm(rng, 1_500, 0.4, share=0.7)
    found = weigh.difference(one, other, arm="challenger")

    def again(rows: pl.DataFrame) -> float:
        drawn = rows[rng.integers(0, rows.height, rows.height)]
        return float(drawn["numerator"].sum()) / float(drawn["denominator"].sum())

    low, high = np.quantile([again(one) - again(other) for _ in range(2_000)], [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.012)
    assert found.high == pytest.approx(high, abs=0.012)


def test_chances_that_changed_meanwhile_do_not_bend_the_share() -> None:
    """Late payers are drawn mostly for the challenger, early ones mostly for the champion: no difference at all."""
    rng = np.random.default_rng(11)
    good, bad = arm(rng, 4_000, 0.8, share=0.2), arm(rng, 4_000, 0.2, share=0.8)

    def drawn(rows: pl.DataFrame, chance: float, start: int) -> pl.DataFrame:
        kept = rows.filter(pl.Series(rng.random(rows.height) < chance))
        return kept.with_columns(pl.lit(chance).alias("propensity"), pl.col("unit") + start)

    challenger = pl.concat([drawn(good, 0.2, 0), drawn(bad, 0.8, 10_000)])
    champion = pl.concat([drawn(good, 0.8, 0), drawn(bad, 0.2, 10_000)])
    found = weigh.difference(challenger, champion, arm="challenger")
    assert found.points is not None
    assert abs(found.points) < 0.05

    def plain(rows: pl.DataFrame) -> float:
        return float(rows["numerator"].sum()) / float(rows["denominator"].sum())

    assert plain(challenger) - plain(champion) < -0.2


def test_how_many_more_are_needed_is_enough() -> None:
    rng = np.random.default_rng(0)
    found = weigh.difference(arm(rng, 300, 0.44, share=0.5), arm(rng, 300, 0.40, share=0.5), arm="challenger")
    assert (found.verdict, found.points is not None) == ("open", True)
    assert found.needed > 0
    enough = found.needed + 300
    truth = found.points or 0
    told = [
        weigh.difference(
            arm(rng, enough, 0.4 + truth, share=0.5), arm(rng, enough, 0.4, share=0.5), arm="challenger"
        ).verdict
        for _ in range(100)
    ]
    assert 65 <= sum(verdict in {"more", "less"} for verdict in told) <= 95  # four times out of five


def test_too_few_say_nothing() -> None:
    rng = np.random.default_rng(5)
    found = weigh.difference(arm(rng, 12, 0.9, share=0.5), arm(rng, 400, 0.1, share=0.5), arm="challenger")
    assert (found.verdict, found.points, found.needed) == ("few", None, 18)


def begun(world: World) -> Experiment:
    shelf.stock(now=at(DAY))
    champion = next(each for each in shelf.in_force(world.house.pk) if each.key == "businesses")
    boss = User.objects.create(username="boss")
    return experiment.start(
        creditor=world.house, champion=champion, name="x", holdout_share=0.2, until=later(60), as_of=DAY, now=at(DAY),
        by=boss,
    )  # fmt: skip


@pytest.mark.django_db
def test_money_counts_from_the_draw_to_the_end_of_the_window_and_nothing_else(world: World) -> None:
    trial = begun(world)

    def drawn(arm: str, on: date = DAY, **how: object) -> dict[str, object]:
        who = worlds.customer(world.house)
        Assignment.objects.create(
            experiment=trial, customer=who, arm=arm, propensity=0.2, assigned_on=on, unit=who.pk, **how
        )
        return {"who": who, "bill": worlds.invoice(who, 10_000, due_on=later(-4))}

    def bill(row: dict[str, object]) -> Invoice:
        assert isinstance(row["bill"], Invoice)
        return row["bill"]

    worlds.paid(bill(drawn("champion")), 6_000, on=DAY)  # on the first day: counts
    worlds.paid(bill(drawn("champion")), 6_000, on=later(-1))  # before: owes 4,000
    worlds.paid(bill(drawn("champion")), 6_000, on=later(13))  # on the last day of 14
    worlds.paid(bill(drawn("champion")), 6_000, on=later(14))  # after it
    note = worlds.credit(world.boris, 10_000, kind="credit_note")
    noted = drawn("holdout")
    note.__class__.objects.filter(pk=note.pk).update(customer=noted["who"])
    note.refresh_from_db()
    worlds.allocation(note, bill(noted), 10_000, on=later(3))  # a credit note is no money
    late = drawn("holdout", on=later(10))  # too lately drawn for any window
    later_bill = worlds.invoice(late["who"], 5_000, due_on=later(40))  # type: ignore[arg-type]
    assert later_bill.pk
    found = weigh.weigh(experiment=trial, as_of=later(20))
    first, second = found.horizons
    told = {each.arm: (each.customers, each.owed_minor, each.got_minor) for each in first.arms}
    assert told["champion"] == (4, 34_000, 12_000)
    assert told["holdout"] == (1, 10_000, 0)
    assert [each.customers for each in second.arms] == [0, 0, 0]
    assert found.customers == {"champion": 4, "challenger": 0, "holdout": 2}
    month = weigh.weigh(experiment=trial, as_of=later(31)).horizons[1]
    assert {each.arm: each.got_minor for each in month.arms}["champion"] == 18_000


@pytest.mark.django_db
def test_who_could_not_be_held_out_is_not_compared_with_the_hold_out(world: World) -> None:
    trial = begun(world)
    for arm, spared, number in (("champion", True, 40), ("champion", False, 20), ("holdout", False, 40)):
        for _ in range(number):
            who = worlds.customer(world.house)
            Assignment.objects.create(
                experiment=trial, customer=who, arm=arm, propensity=0.5, assigned_on=DAY, unit=who.pk, spared=spared
            )
            which = worlds.invoice(who, 10_000, due_on=later(-4))
            if spared:
                worlds.paid(which, on=later(2))
    first = weigh.weigh(experiment=trial, as_of=later(20)).horizons[0]
    (told,) = first.differences
    assert told.verdict == "few"  # without the forty who paid there are too few champions
