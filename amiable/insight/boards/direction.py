"""One page for who directs the house: what came and will come, what is late, what it cost, whether customers stay, and what
treatment really brought."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from amiable.insight import jump, names, prove, say
from amiable.insight.board import Alarm, Asked, Column, Content, Drawn, Line, Link, Section, Tile, board
from amiable.insight.boards.cash import band, four_weeks, outlook, why_none
from amiable.insight.costs import USUAL_SHARE
from amiable.insight.forecast.foresee import Expected, Outlook, Week
from amiable.insight.forecast.read import MONTH, HowGood
from amiable.insight.kpi import COUNT, DAYS, MONEY, PERCENT
from amiable.ledger.balance import BUCKETS
from amiable.scenario.models import Arm

TILES = (
    "recovery_rate", "received_30d", "amount_overdue", "dso", "cost_per_euro", "customers_kept_3m", "turnover_kept_3m", "csat",
    "transactions_not_completed", "transactions_input_error",
)  # fmt: skip
# What is worth a sentence: a tenth more overdue; fewer than half of the promises kept, of five at least.
GROWN = 0.1
KEPT, JUDGED = 0.5, 5


@board(
    "direction", title=_("Direction"), lead=_("What it brought, what it cost, and whether customers stay."),
    place=1, keys=(*TILES, "aged_balance", "promises_kept"), brief=True,
)  # fmt: skip
def direction(asked: Asked) -> Content:
    told, own, good, over = outlook(asked)
    return Content(
        tiles=[_tile(asked, key) for key in TILES],
        sections=[_expected(asked, told, own, over), _ageing(asked), _proved(asked)],
        alarms=[
            *_overdue_grows(asked),
            *_off(asked, good),
            *jump.alarms(asked),
            *_promises_broken(asked),
        ],
    )


def _board(asked: Asked, key: str) -> Link:
    return Link(place="board", args=(key,), asks=asked.house | {"days": str(asked.days)})


def _tile(asked: Asked, key: str) -> Tile:
    to = {
        "received_30d": _board(asked, "cash"),
        "amount_overdue": asked.customers(overdue="1"),
        "dso": _board(asked, "portfolio"),
        "transactions_not_completed": Link(place="payments", asks=asked.house | {"days": str(asked.days)}),
        "transactions_input_error": Link(place="payments", asks=asked.house | {"days": str(asked.days)}),
    }
    usual = gettext("Usual: %(share)s of a claim’s value (Forrester Consulting, September 2020).")
    notes = {"cost_per_euro": usual % {"share": say.said(USUAL_SHARE, PERCENT, "")}}
    return asked.tile(key, to=to.get(key), note=notes.get(key, ""))


def _expected(asked: Asked, told: Outlook, own: Expected | None, over: Sequence[Week]) -> Section:
    """The last weeks, what was expected of them and what came; and the four weeks to come."""
    ahead = own.weeks[:MONTH] if own else ()
    weeks = [*(week for week in over if not ahead or week.until < ahead[0].since), *ahead]
    return Section(
        key="expected", title=gettext("Received against expected"), drawn=Drawn.BAND,
        columns=band(),
        lines=[
            Line(cells=(week.since, week.low, week.middle, week.high, week.came), to=_board(asked, "cash"))
            for week in weeks
        ],
        empty=why_none(asked, told), says=four_weeks(asked, own) if own else [why_none(asked, told)] if weeks else [],
    )  # fmt: skip


def _ageing(asked: Asked) -> Section:
    """What is open by age, beside how it was when the period before ended."""
    now = _by_age(asked.now["aged_balance"].slices)
    before = _by_age(asked.then["aged_balance"].slices) if asked.ended("aged_balance") is not None else {}
    return Section(
        key="ageing", title=gettext("What is open, by age"), drawn=Drawn.BARS,
        columns=[
            Column(label=gettext("Age")),
            Column(label=gettext("Open"), unit=MONEY, tone="accent", drawn=True),
            Column(label=gettext("At the end of the period before"), unit=MONEY, tone="plain", drawn=True),
        ],
        lines=[
            Line(
                cells=(str(names.BANDS[band]), now.get(band, 0), before.get(band, 0) if before else None),
                to=asked.customers(bucket=band),
            )
            for band in BUCKETS
        ]
        if now
        else [],
        empty=gettext("Nothing is open."),
    )  # fmt: skip


def _by_age(slices: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for pairs, (_value, minor, _whole) in slices:
        if "bucket" in pairs:
            found[pairs["bucket"]] = found.get(pairs["bucket"], 0) + (minor or 0)
    return found


def _proved(asked: Asked) -> Section:
    """Experiments and hold-outs: what would have come anyway, and what the rival brings."""
    found = prove.brought(creditor=asked.creditor, as_of=asked.as_of) if _whole(asked) else []
    says = [f"{each.experiment} – {sentence}" for each in _telling(found) for sentence in each.sentences]
    empty = gettext(
        "No experiment runs: a hold-out, or a challenger beside the scenario in force, would tell what would have come anyway."
    )
    if not _whole(asked):
        words = {"currency": asked.creditor.currency}
        empty = gettext("Experiments are weighed in %(currency)s, the creditor’s own currency.") % words
    return Section(
        key="proved", title=gettext("What treatment really brought"), wide=True,
        columns=[
            Column(label=gettext("Experiment")),
            Column(label=gettext("Since")),
            Column(label=gettext("Within"), unit=DAYS),
            Column(label=gettext("Customers"), unit=COUNT),
            *(Column(label=str(Arm(arm).label), unit=PERCENT) for arm in Arm.values),
        ],
        lines=[
            Line(
                cells=(
                    str(each.experiment), each.experiment.since, each.days, sum(each.customers.values()),
                    *(each.arms.get(arm) for arm in Arm.values),
                ),
                to=Link(place="experiment", args=(each.experiment.champion_id,), asks={"creditor": str(asked.creditor.pk)}),
            )
            for each in found
        ],
        empty=empty, says=says,
    )  # fmt: skip


def _telling(found: list[prove.Brought]) -> list[prove.Brought]:
    """Of each experiment, the longest time of which something can be said; else the shortest, which says how many it needs."""
    chosen: dict[int, prove.Brought] = {}
    for each in sorted(found, key=lambda each: each.days):
        if each.experiment.pk not in chosen or any(one.verdict != "few" for one in each.differences):
            chosen[each.experiment.pk] = each
    return [each for each in found if chosen[each.experiment.pk] is each]


def _whole(asked: Asked) -> bool:
    return asked.currency == asked.creditor.currency


def _overdue_grows(asked: Asked) -> list[Alarm]:
    now, before = asked.now["amount_overdue"].value, asked.ended("amount_overdue")
    if now is None or not before or now < before * (1 + GROWN):
        return []
    words = {
        "share": say.said(now / before - 1, PERCENT, ""), "now": say.said(now, MONEY, asked.currency),
        "before": say.said(before, MONEY, asked.currency), "day": say.said(asked.before, None, ""),
    }  # fmt: skip
    text = gettext("Overdue has grown by %(share)s: %(now)s, from %(before)s on %(day)s.") % words
    return [Alarm(text=text, to=asked.customers(overdue="1"))]


def _off(asked: Asked, good: HowGood | None) -> list[Alarm]:
    """The newest forecast of four weeks that is over, where what came lies outside its band."""
    last = good.past[0] if good and good.past else None
    if last is None or last.low <= last.came <= last.high:
        return []
    words = {
        "since": say.said(last.as_of + timedelta(days=1), None, ""),
        "until": say.said(last.as_of + timedelta(weeks=MONTH), None, ""), "came": say.said(last.came, MONEY, asked.currency),
        "low": say.said(last.low, MONEY, asked.currency), "high": say.said(last.high, MONEY, asked.currency),
    }  # fmt: skip
    less = gettext("From %(since)s to %(until)s, %(came)s came: less than the %(low)s to %(high)s that was expected.")
    more = gettext("From %(since)s to %(until)s, %(came)s came: more than the %(low)s to %(high)s that was expected.")
    short = last.came < last.low
    return [Alarm(text=(less if short else more) % words, to=_board(asked, "cash"), bad=short)]


def _promises_broken(asked: Asked) -> list[Alarm]:
    reading = asked.now["promises_kept"]
    if reading.value is None or (reading.denominator or 0) < JUDGED or reading.value >= KEPT:
        return []
    words = {"broken": (reading.denominator or 0) - (reading.numerator or 0), "n": reading.denominator}
    text = gettext("Of %(n)s promises judged in the last 90 days, %(broken)s were broken.") % words
    return [Alarm(text=text, to=_board(asked, "cash"))]
