"""Cash, portfolio and direction: what each says of known rows, and of nothing, little, another currency: never a nought."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import translation

from amiable.insight import over_time, prove
from amiable.insight.board import Asked, Board, Cell, Drawn, Section, Tile, plans, show
from amiable.insight.measure import measure
from amiable.insight.models import Figure, Forecast, ForecastWeek, Report
from amiable.insight.recall import recall, step
from amiable.insight.slices import UnableToSlice, slice_up
from amiable.ledger.models import Creditor, Customer
from amiable.payments.models import Promise
from amiable.portfolio.models import Membership, Profile
from amiable.scenario.models import Assignment, Experiment, Scenario
from tests.insight.rows import DAY, NOW, at, before, creditor, customer, invoice, paid, received

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
OURS = ("direction", "cash", "portfolio")


def told(of: Creditor, key: str, **fields: Any) -> Board:
    return show(key=key, creditor=of, **{"as_of": DAY, "days": 30} | fields)


def section(board: Board, key: str) -> Section:
    return next(each for each in board.sections if each.key == key)


def tile(board: Board, key: str) -> Tile:
    return next(each for each in board.tiles if each.key == key)


def cells(found: Section) -> list[tuple[Cell, ...]]:
    return [line.cells for line in found.lines]


def figure(of: Creditor, kpi: str, day: date, value: float | None, *, currency: str = "EUR", **more: Any) -> None:
    numerator = None if value is None else int(value)
    Figure.objects.create(
        creditor=of, kpi=kpi, as_of=day, currency=currency, value=value, measured_at=NOW, **{"numerator": numerator} | more
    )  # fmt: skip


def forecast(of: Creditor, day: date, *, came: Sequence[int | None] = (), currency: str = "EUR", why: str = "") -> None:
    """Thirteen weeks of 90 to 110, of which some have come."""
    made = Forecast.objects.create(
        creditor=of, as_of=day, made_at=NOW, why=why, learnt_from=40,
        beside={} if why else {currency: {"open": 2_000, "netted": 30, "outside": 70}},
    )  # fmt: skip
    for n in range(0 if why else 13):
        ForecastWeek.objects.create(
            forecast=made, currency=currency, number=n + 1, since=day + timedelta(days=7 * n + 1),
            until=day + timedelta(days=7 * n + 7), low_minor=90, middle_minor=100, high_minor=110, upto_low_minor=95 * (n + 1),
            upto_middle_minor=100 * (n + 1), upto_high_minor=105 * (n + 1), plain_minor=120, parts={"due": 60, "promise": 40},
            came_minor=came[n] if n < len(came) else None,
        )  # fmt: skip


@pytest.mark.parametrize("key", OURS)
@pytest.mark.parametrize("days", [30, 365])
def test_an_empty_portfolio_has_sentences_and_dashes(key: str, days: int) -> None:
    board = told(creditor(), key, days=days)
    assert not board.measured
    assert [each.value for each in board.tiles if each.value is not None] == []
    assert [each.key for each in board.sections if each.lines or not each.empty] == []
    assert not board.alarms


@pytest.mark.parametrize("key", OURS)
def test_an_empty_portfolio_that_was_measured_has_no_wrong_nought(key: str) -> None:
    helia = creditor()
    measure(as_of=DAY, now=NOW)
    board = told(helia, key)
    assert board.measured_on == DAY
    shares = [each for each in board.tiles if each.unit.value == "percent"]
    assert all(each.value is None for each in shares)
    assert {each.before for each in board.tiles} == {None}
    assert not board.alarms


def test_a_period_before_the_first_figure_and_figures_of_yesterday() -> None:
    helia = creditor()
    figure(helia, "amount_overdue", before(1), 500)
    figure(helia, "dso", before(31), 40)
    board = told(helia, "direction")
    assert board.measured_on == before(1)
    assert (tile(board, "amount_overdue").value, tile(board, "amount_overdue").before) == (500, None)
    # What was measured 31 days ago is of the period before, and says nothing of today.
    assert (tile(board, "dso").value, tile(board, "dso").before) == (None, 40)
    assert cells(section(told(helia, "portfolio"), "overdue")) == [(before(1), 500.0, None), (DAY, None, None)]


def test_a_figure_that_is_too_old_is_not_the_end_of_the_period_before() -> None:
    helia = creditor()
    figure(helia, "dso", before(30 + 7), 40)
    assert tile(told(helia, "direction"), "dso").before is None
    figure(helia, "dso", before(30 + 6), 41)
    assert tile(told(helia, "direction"), "dso").before == 41


def test_the_newest_word_of_a_day_counts_and_currencies_do_not_mix() -> None:
    helia = creditor()
    for value, measured in ((100, at(0)), (300, at(-1)), (200, at(1))):
        Figure.objects.create(
            creditor=helia, kpi="amount_overdue", as_of=DAY, currency="EUR", value=value, measured_at=measured
        )  # fmt: skip
    figure(helia, "amount_overdue", DAY, 7, currency="GBP")
    figure(creditor("other"), "amount_overdue", DAY, 9)
    assert tile(told(helia, "direction"), "amount_overdue").value == 300
    assert tile(told(helia, "direction", currency="GBP"), "amount_overdue").value == 7
    assert tile(told(helia, "direction", currency="USD"), "amount_overdue").value is None


@pytest.mark.parametrize(("days", "apart"), [(30, 1), (90, 7), (365, 14)])
def test_a_long_course_is_told_in_few_points_with_the_period_before_beside(days: int, apart: int) -> None:
    helia = creditor()
    for n in range(2 * days):
        figure(helia, "dso", before(n), n)
    assert step(days) == apart
    now, then = recall(creditor=helia, currency="EUR", as_of=DAY, days=days, keys=["dso"])
    assert (now["dso"].value, then["dso"].value) == (0, days)
    points = over_time.course(Asked(creditor=helia, currency="EUR", as_of=DAY, days=days, keys=("dso",)), "dso")
    assert [(each.now, each.before) for each in points[-2:]] == [(apart, days + apart), (0, days)]
    assert len(points) == -(-days // apart) <= 30


def test_spans_stand_beside_the_ones_before_and_are_cut_alike() -> None:
    weeks = over_time.spans(as_of=date(2026, 5, 27), days=30)
    assert len(weeks) == 5
    assert (weeks[-1].since, weeks[-1].until) == (date(2026, 5, 25), date(2026, 5, 27))
    assert (weeks[-1].before_since, weeks[-1].before_until) == (date(2026, 4, 20), date(2026, 4, 22))
    assert weeks[0].before_since + timedelta(weeks=5) == weeks[0].since == weeks[-1].before_since + timedelta(weeks=1)
    months = over_time.spans(as_of=date(2028, 2, 29), days=365)
    assert len(months) == 12
    assert (months[-1].before_since, months[-1].before_until) == (date(2027, 2, 1), date(2027, 2, 28))
    assert (months[0].since, months[0].before_until) == (date(2027, 3, 1), date(2026, 3, 31))


def test_money_received_by_week_beside_the_weeks_before() -> None:
    helia = creditor()
    anna = customer(helia)
    for amount, days in ((100, 0), (200, 8), (400, 36)):
        received(anna, amount, on=before(days))
    received(anna, 9_000, on=before(1), currency="GBP")
    measure(as_of=DAY, now=NOW)
    found = section(told(helia, "cash"), "received")
    assert [row[1:] for row in cells(found)] == [(0, None), (0, None), (0, 0), (200, 0), (100, 400)]
    assert "€3.00, against €4.00 in the same time before" in found.says[0]
    pounds = section(told(helia, "cash", currency="GBP"), "received")
    assert cells(pounds)[-1][1] == 9_000


def test_months_of_which_nothing_is_kept_are_a_dash() -> None:
    helia = creditor()
    received(customer(helia), 100, on=before(40))
    measure(as_of=DAY, now=NOW)
    found = section(told(helia, "cash", days=365), "received")
    assert cells(found) == [("Apr 2026", 100, None), ("May 2026", 0, None)]
    assert not found.says


def test_the_forecast_with_its_band_its_parts_and_what_lies_outside() -> None:
    helia = creditor()
    forecast(helia, before(35), came=(95, 105, 100, 130))
    forecast(helia, before(28), came=(80, 100, 100, 100))
    forecast(helia, before(0))
    board = told(helia, "cash")
    found = section(board, "expected")
    assert found.drawn is Drawn.BAND
    drawn = [column.label for column in found.columns if column.drawn]
    assert drawn == ["At least", "Expected", "At most", "Due date and mean delay", "Came"]
    assert cells(found)[:3] == [
        (before(34), 90, 100, 110, 120, 95), (before(27), 90, 100, 110, 120, 80),
        (DAY + timedelta(days=1), 90, 100, 110, 120, None),
    ]  # fmt: skip
    assert "€4.00 is expected: four times out of five between €3.80 and €4.20" in found.says[0]
    assert "Of €20.00 that may come, €7.00 is expected after these 13 weeks, or never." in found.says[1]
    assert [word[:5] for word in found.says[2:]] == ["€0.70", "€0.30"]
    assert tile(board, "expected_4w").value == 400
    made = section(board, "parts")
    assert [column.label for column in made.columns] == ["Week from", "At the customers’ habit", "Promises", "Expected"]
    assert cells(made)[0] == (DAY + timedelta(days=1), 60, 40, 100)
    good = section(board, "how-good")
    assert cells(good)[1] == (before(35), 400, 380, 420, 430, pytest.approx(-30 / 430), 480)
    # 20 of 380 and 30 of 430 off; the reference 100 and 50; one of two bands held.
    assert (
        "In the last 2 forecasts of four weeks, what came was 6.2% off on average (due date and mean delay: 18.5%)"
        in (good.says[0])
    )
    assert "the band held 50 of 100 times" in good.says[0]


@pytest.mark.parametrize("key", ["cash", "direction"])
@pytest.mark.parametrize(("why", "says"), [("too_little", "40 payments in a year"), ("", "No forecast was made")])
def test_without_a_forecast_there_is_a_sentence(key: str, why: str, says: str) -> None:
    helia = creditor()
    if why:
        forecast(helia, DAY, why=why)
    found = section(told(helia, key), "expected")
    assert not found.lines
    assert says in found.empty


def test_a_forecast_of_another_currency_is_no_forecast_of_this_one() -> None:
    helia = creditor()
    forecast(helia, DAY, currency="GBP")
    board = told(helia, "cash")
    assert "Nothing is open in EUR" in section(board, "expected").empty
    assert tile(board, "expected_4w").value is None
    assert tile(told(helia, "cash", currency="GBP"), "expected_4w").value == 400


def portfolio() -> tuple[Creditor, list[Customer]]:
    """Twelve customers who owe more and more, the last of them in two segments; one invoice each, some in another currency."""
    helia = creditor()
    people = [customer(helia, f"C{n:02d}") for n in range(12)]
    for n, who in enumerate(people):
        invoice(who, 1_000 * (n + 1), issued=before(130), due=before(100 if n % 2 else -5))
        segment = "good" if n < 6 else "late"
        Membership.objects.create(
            customer=who, currency="EUR", segment=segment, since=before(20), open_minor=1_000 * (n + 1)
        )
        Profile.objects.create(
            creditor=helia, customer=who, currency="EUR", as_of=DAY, segment=segment, open_minor=1_000 * (n + 1),
            overdue_minor=1_000 * (n + 1) if n % 2 else 0,
        )  # fmt: skip
    invoice(people[0], 900_000, issued=before(30), due=before(10), currency="GBP")
    return helia, people


def test_the_portfolio_by_age_and_segment_leads_to_the_customers() -> None:
    helia, _people = portfolio()
    measure(as_of=DAY, now=NOW)
    found = section(told(helia, "portfolio"), "ageing")
    assert cells(found) == [
        ("good", 9_000, 0, 0, 0, 12_000, 21_000), ("late", 27_000, 0, 0, 0, 30_000, 57_000),
        ("Together", 36_000, 0, 0, 0, 42_000, 78_000),
    ]  # fmt: skip
    assert found.lines[-1].total
    to = found.lines[0].to
    assert to is not None
    words = {"creditor": str(helia.pk), "currency": "EUR"}
    assert (to.place, dict(to.asks)) == ("customers", words | {"segment": "good"})
    pounds = section(told(helia, "portfolio", currency="GBP"), "ageing")
    assert cells(pounds)[0][0] == "No segment"
    assert [dict(line.to.asks) for line in pounds.lines if line.to] == [words | {"currency": "GBP", "segment": "-"}]
    assert cells(section(told(helia, "portfolio"), "risk"))[0] == ("late", 57_000, 30_000, 30_000 / 57_000)


def test_the_ten_who_owe_most_and_their_part_of_the_whole() -> None:
    helia, people = portfolio()
    measure(as_of=DAY, now=NOW)
    board = told(helia, "portfolio")
    found = section(board, "concentration")
    assert [row[0] for row in cells(found)] == [f"C{n:02d}" for n in range(11, 1, -1)]
    assert cells(found)[0] == ("C11", 12_000, 12 / 78, 12_000, "late")
    assert found.says == ["The first 10 owe 96.2% of what is open."]
    assert tile(board, "concentration").value == pytest.approx(75 / 78)
    pounds = section(told(helia, "portfolio", currency="GBP"), "concentration")
    assert [(row[0], row[2]) for row in cells(pounds)] == [("C00", 1.0)]
    # What became of them since does not change what was measured.
    Profile.objects.update(overdue_minor=1, segment="good")
    assert cells(section(told(helia, "portfolio"), "concentration"))[0] == ("C11", 12_000, 12 / 78, 12_000, "late")
    assert cells(section(told(helia, "portfolio"), "concentration"))[1][3:] == (0, "late")
    # Who was merged into another since is not shown any more, nor counted in what is said of those who are.
    Customer.objects.filter(pk=people[11].pk).update(merged_into=people[10])
    found = section(told(helia, "portfolio"), "concentration")
    assert cells(found)[0][0] == "C10"
    assert found.says == ["The first 9 owe 80.8% of what is open."]


def test_whoever_leaves_a_segment_is_a_move_with_what_was_open() -> None:
    helia, people = portfolio()
    for n, (segment, since) in enumerate((("late", 5), ("late", 3), ("good", 200))):
        if n < 2:
            Membership.objects.filter(customer=people[n]).update(until=before(since))
            Membership.objects.create(
                customer=people[n], currency="EUR", segment=segment, since=before(since), open_minor=40 + n
            )  # fmt: skip
    Membership.objects.filter(customer=people[6]).update(until=before(2))  # to no segment
    Membership.objects.filter(customer=people[7]).update(until=before(1))
    Membership.objects.create(customer=people[7], currency="EUR", segment="good", since=before(1))  # before it was kept
    stranger = customer(creditor("other"))
    Membership.objects.create(customer=stranger, currency="EUR", segment="good", since=before(9), until=before(3))
    measure(as_of=DAY, now=NOW)
    found = section(told(helia, "portfolio"), "moves")
    assert cells(found) == [("good", "late", 2, 81), ("late", "good", 1, None), ("late", "No segment", 1, None)]
    assert found.says == ["No segment gained most (+1), good lost most (−1)."]
    assert section(told(helia, "portfolio", currency="GBP"), "moves").lines == []


def test_roll_rates_stand_beside_those_of_the_period_before() -> None:
    helia = creditor()
    for day, value in ((DAY, 0.4), (before(30), 0.6)):
        figure(helia, "roll_rate", day, value, numerator=40, denominator=100)
        Figure.objects.create(
            creditor=helia, kpi="roll_rate", as_of=day, currency="EUR", slice={"was": "1_30"}, value=value, numerator=40,
            denominator=100, measured_at=NOW,
        )  # fmt: skip
    assert cells(section(told(helia, "portfolio"), "rolling")) == [("1–30 days", 100, 0.4, 0.6)]


def test_the_one_page_says_what_somebody_should_read_first() -> None:
    helia = creditor()
    anna = customer(helia)
    figure(helia, "amount_overdue", DAY, 1_200)
    figure(helia, "amount_overdue", before(30), 1_000)
    forecast(helia, before(35), came=(10, 10, 10, 10))
    for n in range(6):
        Promise.objects.create(
            customer=anna, currency="EUR", amount_minor=10, promised_for=before(5), taken_at=at(20), judged_on=before(4),
            state="kept" if n == 0 else "broken",
        )  # fmt: skip
    figure(helia, "promises_kept", DAY, 1 / 6, numerator=1, denominator=6)
    said = [each.text for each in told(helia, "direction").alarms]
    assert said == [
        "Overdue has grown by 20.0%: €12.00, from €10.00 on 1 May 2026.",
        "From 27 Apr 2026 to 24 May 2026, €0.40 came: less than the €3.80 to €4.20 that was expected.",
        "Of 6 promises judged in the last 90 days, 5 were broken.",
    ]
    Figure.objects.all().delete()
    ForecastWeek.objects.update(came_minor=100)
    assert not told(helia, "direction").alarms


def trial(of: Creditor, **fields: Any) -> Experiment:
    scenario = Scenario.objects.create(
        creditor=of, key="b", version=Scenario.objects.count() + 1, state="active", data={}, made_at=NOW
    )  # fmt: skip
    return Experiment.objects.create(
        **{"creditor": of, "key": f"x{scenario.pk}", "name": "Softer", "champion": scenario, "holdout_share": 0.2} | fields
    )  # fmt: skip


def test_what_treatment_really_brought_is_weighed_once_a_day_and_read() -> None:
    helia = creditor()
    one = trial(helia, since=before(60), until=before(-10))
    for n in range(80):
        who = customer(helia, f"{n}")
        arm = "holdout" if n % 2 else "champion"
        Assignment.objects.create(
            experiment=one, customer=who, arm=arm, propensity=0.5, assigned_on=before(40), unit=who.pk
        )
        owed = invoice(who, 1_000, issued=before(90), due=before(50))
        if arm == "champion" and n % 8:
            paid(owed, 1_000, on=before(30))
    assert prove.prove(creditor=helia, as_of=DAY, now=NOW) == {"weighed": 2}
    assert prove.prove(creditor=helia, as_of=DAY, now=NOW) == {"weighed": 2}
    assert Report.objects.count() == 1
    board = told(helia, "direction")
    found = section(board, "proved")
    assert cells(found)[0] == ("Softer", before(60), 14, 80, 0.75, None, 0.0)
    assert len(found.says) == 1
    assert found.says[0].startswith(
        "Softer – Recovery rate: leaving customers alone brings 75.0 points less in 30 days"
    )
    assert "own currency" in section(told(helia, "direction", currency="GBP"), "proved").empty


def test_an_experiment_that_is_over_is_carried_on_and_then_forgotten() -> None:
    helia = creditor()
    one = trial(helia, since=before(200), until=before(150))
    assert prove.prove(creditor=helia, as_of=before(110), now=NOW) == {"weighed": 2}
    report = Report.objects.get()
    report.content["told"][0]["arms"] = {"champion": 0.5}
    report.save()
    prove.prove(creditor=helia, as_of=before(100), now=NOW)
    assert Report.objects.get(as_of=before(100)).content == report.content
    one.until = before(400)
    one.save()
    assert prove.prove(creditor=helia, as_of=DAY, now=NOW) == {"weighed": 0}
    assert prove.brought(creditor=helia, as_of=DAY) == []


@pytest.mark.parametrize("key", OURS)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_link_leads_somewhere_and_every_number_is_typed(key: str, language: str) -> None:
    helia, _people = portfolio()
    forecast(helia, DAY)
    measure(as_of=DAY, now=NOW)
    with translation.override(language):
        board = told(helia, key)
    assert key in plans()
    links = [each.to for each in [*board.tiles, *board.alarms] if each.to]
    links += [line.to for each in board.sections for line in each.lines if line.to]
    assert links
    assert [to for to in links if to.place != "customer" and to.asks.get("creditor") != str(helia.pk)] == []
    for to in links:
        assert reverse(f"desk:{to.place}", args=to.args)
    for each in board.sections:
        for line in each.lines:
            assert len(line.cells) == len(each.columns)
            told_wrong = [
                cell
                for cell, column in zip(line.cells, each.columns, strict=True)
                if column.unit is not None and isinstance(cell, str | date)
            ]
            assert told_wrong == []


def test_a_flow_is_told_by_week_and_by_day_and_a_stock_by_month_only() -> None:
    helia = creditor()
    anna = customer(helia)
    for amount, days in ((100, 0), (200, 5), (400, 7)):
        received(anna, amount, on=before(days))
    measure(as_of=DAY, now=NOW)
    asked = {"creditor": helia, "since": before(20), "until": DAY}
    weeks = slice_up(key="received_30d", by=("week",), **asked)
    assert [(part.by, part.value) for part in weeks.parts] == [((date(2026, 5, 18),), 400), ((date(2026, 5, 25),), 300)]
    days = slice_up(key="received_30d", by=("day",), **asked)
    assert [part.value for part in days.parts] == [400, 200, 100]
    with pytest.raises(
        UnableToSlice,
        match="cannot be parted by “Week”; it can be by: Age, Age 30 days before, Segment, Branch, Sector, Month",
    ):
        slice_up(key="amount_overdue", by=("week",), **asked)
