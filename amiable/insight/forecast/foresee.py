"""The money to expect from what is open, by currency and week, as it could be known on a day.

In: a creditor, a day. Out: weeks with low, middle and high, their parts, the plain reference. Never: invoices that are not
issued yet; a figure where too little was ever paid to know; a sum over two currencies.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl
from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.insight import say
from amiable.insight.forecast.gather import Known, gather
from amiable.insight.forecast.habits import Floats, Habits, learn
from amiable.insight.forecast.weeks import LEAST, Spread, Weeks, band, chances, plain, spreads, summed
from amiable.ledger.models import Creditor

WEEKS, MOST_WEEKS = 13, 52


class UnableToForesee(UnableTo):
    """The day or the number of weeks makes no forecast."""


@dataclass(frozen=True, kw_only=True)
class Week:
    """What comes from `since` to `until`, in minor units: four times out of five between `low` and `high`; `upto_…`: all that
    comes until then. `parts`: of the middle. `plain`: had everybody paid at due date plus their mean delay.
    """

    number: int
    since: date
    until: date
    low: int
    middle: int
    high: int
    upto_low: int
    upto_middle: int
    upto_high: int
    parts: dict[str, int]
    plain: int
    came: int | None = None  # once the week is over


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One currency: what is open and expected at all, what was paid already (`netted`), what is left out (`outside`)."""

    currency: str
    open_minor: int
    netted_minor: int
    outside_minor: int
    weeks: tuple[Week, ...]

    @property
    def later_minor(self) -> int:
        """What comes after the last week, or never."""
        return max(self.open_minor - self.weeks[-1].upto_middle, 0) if self.weeks else 0


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a day could tell. `why`: the key of why there is nothing, where there is nothing; `sentence` says it."""

    as_of: date
    currencies: tuple[Expected, ...] = ()
    why: str = ""
    learnt_from: int = 0  # payments seen
    habits: Habits | None = field(default=None, repr=False)

    @property
    def sentence(self) -> str:
        return sentence(self.why, as_of=self.as_of, seen=self.learnt_from)


def sentence(why: str, *, as_of: date, seen: int = 0) -> str:
    """Why a day tells nothing, in words."""
    if why == "no_past":
        return _("No invoice of the year before %(day)s was known by then.") % {"day": say.said(as_of, None, "")}
    if why == "nothing_open":
        return _("Nothing is open on %(day)s from which money could be expected.") % {"day": say.said(as_of, None, "")}
    if why == "too_little":
        told = _(
            "Too little has been paid to know how customers pay: %(seen)s payments in a year; %(least)s are needed."
        )
        return told % {"seen": seen, "least": LEAST}
    if why == "not_made":
        return _("No forecast was made in the week before %(day)s: the day's run makes it.") % {
            "day": say.said(as_of, None, "")
        }
    return ""


def foresee(*, creditor: Creditor, as_of: date, weeks: int = WEEKS, today: date | None = None) -> Outlook:
    """Reckons the forecast of a day with what was known then. `today`: a day after it is refused."""
    check(as_of=as_of, weeks=weeks, today=today)
    return outlook(gather(creditor=creditor, as_of=as_of), weeks=weeks)


def check(*, as_of: date, weeks: int, today: date | None) -> None:
    if not 1 <= weeks <= MOST_WEEKS:
        raise UnableToForesee(_("A forecast looks from 1 to %(most)s weeks ahead.") % {"most": MOST_WEEKS})
    if today is not None and as_of > today:
        raise UnableToForesee(
            _("%(day)s is still to come: a forecast is made from what is known by its day.")
            % {"day": say.said(as_of, None, "")}
        )


def outlook(known: Known, *, weeks: int) -> Outlook:
    """The forecast that what was known gives."""
    habits = learn(known.rows, as_of=known.as_of)
    seen = sum(habits.seen.values())
    why = _silence(known, seen)
    if why:
        return Outlook(as_of=known.as_of, why=why, learnt_from=seen, habits=habits)
    paid = chances(habits, known.open, as_of=known.as_of, weeks=weeks)
    currency = known.open["currency"].to_numpy()
    off = spreads(known.rows, as_of=known.as_of, weeks=weeks)
    found = []
    for code in sorted(set(currency)):
        told = summed(known.open.filter(pl.col("currency") == code), paid[currency == code])
        found.append(_expected(known, told, str(code), off.get(str(code), (Spread(), Spread())), weeks))
    return Outlook(as_of=known.as_of, currencies=tuple(found), learnt_from=seen, habits=habits)


def _silence(known: Known, seen: int) -> str:
    if known.rows.is_empty():
        return "no_past"
    if known.open.is_empty():
        return "nothing_open"
    return "too_little" if seen < LEAST else ""


def _expected(known: Known, told: Weeks, currency: str, off: tuple[Spread, Spread], weeks: int) -> Expected:
    alone, together = off
    low, high = band(told.middle, told.variance, told.skew, told.most, alone)
    upto = np.minimum(np.cumsum(told.middle), told.most)
    upto_low, upto_high = band(upto, told.upto_variance, told.upto_skew, told.most, together)
    bills = known.bills.filter(pl.col("currency") == currency)
    reference = plain(known.past, bills, as_of=known.as_of, weeks=weeks)
    made = [
        Week(
            number=n + 1, since=known.as_of + timedelta(days=7 * n + 1), until=known.as_of + timedelta(days=7 * n + 7),
            low=round(low[n]), middle=round(told.middle[n]), high=round(high[n]), upto_low=round(upto_low[n]),
            upto_middle=round(upto[n]), upto_high=round(upto_high[n]), plain=round(reference[n]), parts=_parts(told.parts, n),
        )
        for n in range(weeks)
    ]  # fmt: skip
    return Expected(
        currency=currency,
        open_minor=round(told.most),
        netted_minor=known.netted.get(currency, 0),
        outside_minor=known.outside.get(currency, 0),
        weeks=tuple(made),
    )


def _parts(parts: dict[str, Floats], week: int) -> dict[str, int]:
    return {name: round(value[week]) for name, value in parts.items() if round(value[week])}
