"""Portfolio: what is open by age and segment, on whom it hangs, what gets older, and who goes from one segment to another."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import polars as pl
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from amiable.insight import names, over_time, say
from amiable.insight.board import Asked, Column, Content, Drawn, Line, Link, Section, board
from amiable.insight.grains.moves import MOVES
from amiable.insight.kpi import COUNT, DAYS, MONEY, PERCENT, declared
from amiable.insight.measure import Value
from amiable.insight.sum_up import Ask, sum_up
from amiable.ledger.balance import BUCKETS
from amiable.ledger.models import Customer

TILES = (
    "aged_balance", "amount_overdue", "at_risk_share", "days_delinquent", "concentration",
)  # fmt: skip
DSO = ("dso", "dso_simple", "dso_best")
MOVED, MOST = ("segment_moves", "amount_moved"), 12  # the largest moves shown


@board(
    "portfolio", title=_("Portfolio"), lead=_("What is open, how old it is, on whom it hangs and where it goes."),
    place=3, keys=(*TILES, *DSO, "overdue_share", "roll_rate"),
)  # fmt: skip
def portfolio(asked: Asked) -> Content:
    to = {
        "aged_balance": asked.customers(), "amount_overdue": asked.customers(overdue="1"),
        "at_risk_share": asked.customers(bucket=BUCKETS[-1]),
    }  # fmt: skip
    labels = names.segment_names(asked.creditor)
    return Content(
        tiles=[asked.tile(key, to=to.get(key)) for key in TILES],
        sections=[
            ageing(asked, labels), overdue(asked), _shares(asked), _concentration(asked, labels), _risk(asked, labels),
            _rolling(asked), _moves(asked, labels), _dso(asked),
        ],
    )  # fmt: skip


def _segment(labels: Mapping[str, str], key: str | None) -> str:
    return labels.get(key or "", key or str(names.NONE["segment"]))


def ageing(asked: Asked, labels: Mapping[str, str]) -> Section:
    """What is open by segment and age; each segment leads to its customers."""
    found = asked.crossed("aged_balance", "segment", "bucket")
    held = {segment for segment, _bucket in found}
    ordered = [key for key in labels if key in held] + sorted(held - set(labels))
    sums = {key: [_minor(found.get((key, bucket))) for bucket in BUCKETS] for key in ordered}
    lines = [
        Line(cells=(_segment(labels, key), *sums[key], sum(sums[key])), to=asked.customers(segment=key))
        for key in ordered
    ]
    whole = [sum(each[place] for each in sums.values()) for place in range(len(BUCKETS))]
    if len(lines) > 1:
        lines.append(Line(cells=(gettext("Together"), *whole, sum(whole)), to=asked.customers(), total=True))
    return Section(
        key="ageing", title=gettext("What is open, by segment and age"), drawn=Drawn.STACK, wide=True,
        columns=[
            Column(label=gettext("Segment")),
            *(Column(label=str(names.BANDS[bucket]), unit=MONEY, tone=bucket, drawn=True) for bucket in BUCKETS),
            Column(label=gettext("Open"), unit=MONEY),
        ],
        lines=lines, empty=gettext("Nothing is open."),
    )  # fmt: skip


def _minor(value: tuple[float | None, int | None, int | None] | None) -> int:
    """A slice that is not there has nothing in it: all that is open is parted."""
    return (value[1] or 0) if value else 0


def overdue(asked: Asked) -> Section:
    """The amount overdue, beside the period before."""
    points = over_time.course(asked, "amount_overdue")
    return Section(
        key="overdue", title=gettext("Overdue over time"), drawn=Drawn.LINES,
        columns=[
            Column(label=gettext("Day")),
            Column(label=gettext("Overdue"), unit=MONEY, tone="accent", drawn=True),
            Column(label=gettext("The period before"), unit=MONEY, tone="plain", drawn=True, dashed=True),
        ],
        lines=[Line(cells=(each.day, each.now, each.before)) for each in points],
        empty=gettext("Nothing was measured in these days."),
    )  # fmt: skip


def _shares(asked: Asked) -> Section:
    late, risk = (over_time.course(asked, key) for key in ("overdue_share", "at_risk_share"))
    risky = {each.day: each.now for each in risk}
    lines = [Line(cells=(each.day, each.now, risky.get(each.day))) for each in late]
    return Section(
        key="shares", title=gettext("Overdue and at risk, as parts of what is open"), drawn=Drawn.LINES,
        columns=[
            Column(label=gettext("Day")),
            Column(label=gettext("Overdue"), unit=PERCENT, tone="accent", drawn=True),
            Column(label=gettext("Over 90 days late"), unit=PERCENT, tone="over_90", drawn=True),
        ],
        lines=lines if any(cell is not None for line in lines for cell in line.cells[1:]) else [],
        empty=gettext("Nothing was open in these days of which a part could be told."),
    )  # fmt: skip


def _largest(asked: Asked, labels: Mapping[str, str]) -> list[Line]:
    """The ten who owe most as they stood on the measured day; who is no more known is left out."""
    told: dict[int, tuple[Value, str | None]] = {}
    ages: dict[int, dict[str, int]] = defaultdict(dict)
    for pairs, value in asked.now["concentration"].slices:
        if "bucket" in pairs:
            ages[int(pairs["customer"])][pairs["bucket"]] = value[1] or 0
        else:
            told[int(pairs["customer"])] = value, pairs.get("segment")
    people = Customer.objects.filter(creditor=asked.creditor, pk__in=told, merged_into=None).in_bulk()
    lines = []
    for pk in sorted(people, key=lambda pk: (-(told[pk][0][1] or 0), pk)):
        (share, minor, _whole), group = told[pk]
        # Of days that were measured before ages were kept, neither is known.
        late = sum(ages[pk].values()) - ages[pk].get(BUCKETS[0], 0) if ages[pk] else None
        segment = _segment(labels, group) if ages[pk] else None
        lines.append(Line(cells=(people[pk].name, minor, share, late, segment), to=Link(place="customer", args=(pk,))))
    return lines


def _concentration(asked: Asked, labels: Mapping[str, str]) -> Section:
    lines, whole, says = _largest(asked, labels), asked.now["concentration"].denominator, []
    if whole and len(lines) > 1:
        shown = sum(line.cells[1] for line in lines if isinstance(line.cells[1], int))
        words = {"n": len(lines), "share": say.said(shown / whole, PERCENT, "")}
        says = [gettext("The first %(n)s owe %(share)s of what is open.") % words]
    return Section(
        key="concentration", title=gettext("Who owes most"), says=says, wide=True,
        columns=[
            Column(label=gettext("Customer")),
            Column(label=gettext("Open"), unit=MONEY),
            Column(label=gettext("Of all that is open"), unit=PERCENT),
            Column(label=gettext("Overdue"), unit=MONEY),
            Column(label=gettext("Segment")),
        ],
        lines=lines, empty=gettext("Nothing is open."),
    )  # fmt: skip


def _risk(asked: Asked, labels: Mapping[str, str]) -> Section:
    """How much of each segment is over 90 days late, the largest amount first."""
    found = asked.parts("at_risk_share", "segment")
    ordered = sorted(found, key=lambda key: (-(found[key][1] or 0), key))
    return Section(
        key="risk", title=gettext("At risk: over 90 days late, by segment"),
        columns=[
            Column(label=gettext("Segment")),
            Column(label=gettext("Open"), unit=MONEY),
            Column(label=gettext("Over 90 days late"), unit=MONEY),
            Column(label=gettext("At-risk share"), unit=PERCENT),
        ],
        lines=[
            Line(
                cells=(_segment(labels, key), found[key][2], found[key][1], found[key][0]),
                to=asked.customers(bucket=BUCKETS[-1], segment=key),
            )
            for key in ordered
        ],
        empty=gettext("Nothing is open."),
    )  # fmt: skip


def _rolling(asked: Asked) -> Section:
    """What of each age is still open 30 days later, beside the same a period before."""
    now = asked.parts("roll_rate", "was")
    ended = asked.ended("roll_rate") is not None
    before = {
        pairs["was"]: value[0] for pairs, value in asked.then["roll_rate"].slices if ended and set(pairs) == {"was"}
    }
    return Section(
        key="rolling", title=gettext("Roll rates: what is still open 30 days later"),
        columns=[
            Column(label=gettext("Age 30 days ago")),
            Column(label=gettext("Open then"), unit=MONEY),
            Column(label=gettext("Roll rate"), unit=PERCENT),
            Column(label=gettext("Before"), unit=PERCENT),
        ],
        lines=[
            Line(cells=(str(names.BANDS[band]), now[band][2], now[band][0], before.get(band)))
            for band in BUCKETS
            if band in now
        ],
        empty=gettext("Nothing that is late now was open 30 days ago."),
    )  # fmt: skip


def _moved(asked: Asked) -> list[dict[str, Any]]:
    """The sums of the moves of the period, the largest number first."""
    ask = Ask(
        grain=MOVES, since=asked.since, until=asked.as_of, by=("currency", "origin", "segment"), sums=MOVES.sums
    )  # fmt: skip
    (found,) = sum_up(asked.shelf, ask)
    rows = found.filter(pl.col("currency") == asked.currency)
    sums = rows.group_by("origin", "segment").agg(each for kpi in MOVED for each in declared()[kpi].sums)
    return sorted(sums.iter_rows(named=True), key=lambda part: (-part["segment_moves.n"], str(part)))


def _moves(asked: Asked, labels: Mapping[str, str]) -> Section:
    """From which segment to which."""
    parts = _moved(asked)
    counted: dict[str | None, int] = defaultdict(int)
    for part in parts:
        counted[part["segment"]] += part["segment_moves.n"]
        counted[part["origin"]] -= part["segment_moves.n"]
    words = {"creditor": str(asked.creditor.pk)}
    rest = sum(part["segment_moves.n"] for part in parts[MOST:])
    says = [gettext("The largest moves are shown; %(n)s further customers moved.") % {"n": rest}] if rest else []
    return Section(
        key="moves", title=gettext("Moves between segments in the period"), says=[*_net(counted, labels), *says],
        columns=[
            Column(label=gettext("From")),
            Column(label=gettext("To")),
            Column(label=gettext("Customers"), unit=COUNT),
            Column(label=gettext("Open on that day"), unit=MONEY),
        ],
        lines=[
            Line(
                cells=(
                    _segment(labels, part["origin"]), _segment(labels, part["segment"]), part["segment_moves.n"],
                    part["amount_moved.n"],
                ),
                to=Link(place="segments_moves", asks=words),
            )
            for part in parts[:MOST]
        ],
        empty=gettext("Nobody went from one segment to another in these days."),
    )  # fmt: skip


def _net(counted: Mapping[str | None, int], labels: Mapping[str, str]) -> list[str]:
    """Which segment gained most customers and which lost most."""
    if not any(counted.values()):
        return []
    most = max(counted, key=lambda key: (counted[key], str(key)))
    least = min(counted, key=lambda key: (counted[key], str(key)))
    words = {
        "most": _segment(labels, most), "gained": counted[most], "least": _segment(labels, least), "lost": -counted[least],
    }  # fmt: skip
    return [gettext("%(most)s gained most (+%(gained)s), %(least)s lost most (−%(lost)s).") % words]


def _dso(asked: Asked) -> Section:
    courses = [over_time.course(asked, key) for key in DSO]
    days = sorted({point.day for each in courses for point in each if point.now is not None})
    values = [{point.day: point.now for point in each} for each in courses]
    return Section(
        key="dso", title=gettext("DSO in days, three ways"), drawn=Drawn.LINES,
        columns=[
            Column(label=gettext("Day")),
            Column(label=gettext("Count-back"), unit=DAYS, tone="accent", drawn=True),
            Column(label=gettext("Simple"), unit=DAYS, tone="info", drawn=True),
            Column(label=gettext("Best possible"), unit=DAYS, tone="plain", drawn=True, dashed=True),
        ],
        lines=[Line(cells=(day, *(each.get(day) for each in values))) for day in days],
        empty=gettext("Too little was billed to tell days of sales."),
        says=[gettext("Best possible: if everybody paid on the due date. What lies above it is lateness.")] if days else [],
    )  # fmt: skip
