"""What dashboards read: the forecast of a day as it was kept, and how good earlier ones were.

In: a creditor, a day. Out: weeks, scores, or a sentence. Never: anything reckoned anew; a forecast looked at with what came to be
known later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from amiable.insight.forecast.foresee import WEEKS, Expected, Outlook, Week, check
from amiable.insight.forecast.score import Score, Sum, score
from amiable.insight.models import Forecast, ForecastWeek
from amiable.ledger.models import Creditor

FRESH_DAYS = 9  # an older forecast is no forecast of today: last Sunday's is one until next Monday's run
LOOKED_AT = 26  # past forecasts, one a week
MONTH = 4  # weeks


@dataclass(frozen=True, kw_only=True)
class Past(Sum):
    """One earlier forecast of four weeks, which are over."""

    as_of: date


@dataclass(frozen=True, kw_only=True)
class HowGood:
    """Of one currency: the scores of the first week ahead, of every week, of four weeks together; the last forecasts whose
    four weeks are over, the newest first; and the first weeks that are over, each by the forecast of the day before it."""

    currency: str
    first: Score
    every: Score
    four: Score
    past: tuple[Past, ...]
    weeks: tuple[Week, ...] = ()


def expected(*, creditor: Creditor, as_of: date, weeks: int = WEEKS, today: date | None = None) -> Outlook:
    """The newest forecast that was kept in the nine days that end with a day. A sentence where there is none."""
    check(as_of=as_of, weeks=weeks, today=today)
    fresh = Forecast.objects.filter(creditor=creditor, as_of__lte=as_of, as_of__gt=as_of - timedelta(days=FRESH_DAYS))
    made = fresh.defer("habits").order_by("-as_of").first()
    if made is None:
        return Outlook(as_of=as_of, why="not_made")
    rows: dict[str, list[Week]] = {}
    for row in made.weeks.filter(number__lte=weeks).order_by("currency", "number"):
        rows.setdefault(row.currency, []).append(_week(row))
    found = [
        Expected(
            currency=code, open_minor=made.beside[code]["open"], netted_minor=made.beside[code]["netted"],
            outside_minor=made.beside[code]["outside"], weeks=tuple(these),
        )
        for code, these in rows.items()
    ]  # fmt: skip
    return Outlook(as_of=made.as_of, currencies=tuple(found), why=made.why, learnt_from=made.learnt_from)


def how_good(*, creditor: Creditor, as_of: date) -> tuple[HowGood, ...]:
    """How good the forecasts kept in the half year before a day were, by currency; empty where none is over."""
    since = as_of - timedelta(days=7 * LOOKED_AT)
    rows = ForecastWeek.objects.filter(
        forecast__creditor=creditor, forecast__as_of__lt=as_of, forecast__as_of__gte=since, until__lte=as_of,
        came_minor__isnull=False,
    )  # fmt: skip
    told: dict[str, dict[date, list[Week]]] = {}
    for row in rows.select_related("forecast").defer("forecast__habits").order_by("forecast__as_of", "number"):
        told.setdefault(row.currency, {}).setdefault(row.forecast.as_of, []).append(_week(row))
    return tuple(judged(code, made) for code, made in sorted(told.items()))


def judged(currency: str, made: dict[date, list[Week]]) -> HowGood:
    """The scores of forecasts whose weeks tell what came."""
    weeks = [week for each in made.values() for week in each]
    months = {day: [week for week in each if week.number <= MONTH] for day, each in made.items()}
    past = [_past(day, each) for day, each in sorted(months.items(), reverse=True) if len(each) == MONTH]
    return HowGood(
        currency=currency,
        first=score([_sum(week) for week in weeks if week.number == 1]),
        every=score([_sum(week) for week in weeks]),
        four=score(past),
        past=tuple(past),
        weeks=tuple(week for week in sorted(weeks, key=lambda week: week.since) if week.number == 1),
    )


def _sum(week: Week) -> Sum:
    return Sum(low=week.low, middle=week.middle, high=week.high, plain=week.plain, came=week.came or 0)


def _past(day: date, weeks: Sequence[Week]) -> Past:
    last = weeks[-1]
    return Past(
        as_of=day, low=last.upto_low, middle=last.upto_middle, high=last.upto_high, plain=sum(week.plain for week in weeks),
        came=sum(week.came or 0 for week in weeks),
    )  # fmt: skip


def _week(row: ForecastWeek) -> Week:
    return Week(
        number=row.number, since=row.since, until=row.until, low=row.low_minor, middle=row.middle_minor, high=row.high_minor,
        upto_low=row.upto_low_minor, upto_middle=row.upto_middle_minor, upto_high=row.upto_high_minor, parts=row.parts,
        plain=row.plain_minor, came=row.came_minor,
    )  # fmt: skip
