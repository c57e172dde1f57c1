"""Cash: what came, what is expected week by week and of what it is made, and how good that was in the past."""

from collections.abc import Sequence

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from amiable.insight import names, over_time, say
from amiable.insight.board import Asked, Column, Content, Drawn, Line, Link, Section, Tile, board
from amiable.insight.forecast.foresee import Expected, Outlook, Week, sentence
from amiable.insight.forecast.habits import PARTS
from amiable.insight.forecast.read import MONTH, HowGood, expected, how_good
from amiable.insight.kpi import MONEY, PERCENT

TILES = ("received_30d", "promised_received", "plans_kept", "collection_effectiveness")
OVER, SHOWN = 8, 12  # past weeks before those to come; past forecasts shown
NAMED = {
    "due": _("At the customers’ habit"),
    "promise": _("Promises"),
    "plan": _("Plans"),
    "debit": _("Direct debits"),
    "dispute": _("Disputes resolved"),
}
TONES = {"due": "accent", "promise": "info", "plan": "held", "debit": "good", "dispute": "warn"}


@board(
    "cash", title=_("Cash"), lead=_("What came in, what is to come and how sure that is."), place=2, keys=TILES
)  # fmt: skip
def cash(asked: Asked) -> Content:
    told, own, good, over = outlook(asked)
    return Content(
        tiles=[asked.tile("received_30d"), _tile(own), *(asked.tile(key, to=_place(asked, key)) for key in TILES[1:])],
        sections=[
            _expected(asked, told, own, over), received(asked, over_time.received(asked)), _made_of(asked, told, own),
            _how_good(asked, good),
        ],
    )  # fmt: skip


def outlook(asked: Asked) -> tuple[Outlook, Expected | None, HowGood | None, Sequence[Week]]:
    """What is expected, in the board's currency too; how good that was, and the last weeks that are over."""
    told = expected(creditor=asked.creditor, as_of=asked.as_of)
    scores = how_good(creditor=asked.creditor, as_of=asked.as_of)
    own = next((each for each in told.currencies if each.currency == asked.currency), None)
    good = next((each for each in scores if each.currency == asked.currency), None)
    return told, own, good, good.weeks[-OVER:] if good else ()


def band(*more: Column) -> list[Column]:
    """The columns of a forecast by week; `more` stand before what came."""
    return [
        Column(label=gettext("Week from")),
        Column(label=gettext("At least"), unit=MONEY, tone="accent", drawn=True),
        Column(label=gettext("Expected"), unit=MONEY, tone="accent", drawn=True),
        Column(label=gettext("At most"), unit=MONEY, tone="accent", drawn=True),
        *more,
        Column(label=gettext("Came"), unit=MONEY, tone="info", drawn=True),
    ]


def _place(asked: Asked, key: str) -> Link | None:
    return Link(place="plans", asks=asked.house) if key == "plans_kept" else None


def _tile(own: Expected | None) -> Tile:
    """What four weeks are to bring."""
    week = own.weeks[min(MONTH, len(own.weeks)) - 1] if own and own.weeks else None
    return Tile(
        key="expected_4w", label=gettext("Expected in four weeks"), unit=MONEY, good=1,
        value=float(week.upto_middle) if week else None,
        formula=gettext(
            "What is open now and likely to come in the four weeks after the day of the forecast: from each customer’s own "
            "delays, promises, plans, direct debits and disputes."
        ),
    )  # fmt: skip


def why_none(asked: Asked, told: Outlook) -> str:
    """Why there is no forecast in this currency."""
    if told.why:
        return sentence(told.why, as_of=told.as_of, seen=told.learnt_from)
    return gettext("Nothing is open in %(currency)s from which money could be expected.") % {"currency": asked.currency}


def four_weeks(asked: Asked, own: Expected | None) -> list[str]:
    """What the next four weeks bring, in a sentence."""
    if own is None or len(own.weeks) < MONTH:
        return []
    first, last = own.weeks[0], own.weeks[MONTH - 1]
    words = {
        "since": say.said(first.since, None, ""), "until": say.said(last.until, None, ""),
        "middle": say.said(last.upto_middle, MONEY, asked.currency), "low": say.said(last.upto_low, MONEY, asked.currency),
        "high": say.said(last.upto_high, MONEY, asked.currency),
    }  # fmt: skip
    return [
        gettext(
            "From %(since)s to %(until)s, %(middle)s is expected: four times out of five between %(low)s and %(high)s."
        )
        % words
    ]


def _expected(asked: Asked, told: Outlook, own: Expected | None, over: Sequence[Week]) -> Section:
    says = [*four_weeks(asked, own), *_beside(asked, own)]
    weeks = [*(week for week in over if not own or week.until < own.weeks[0].since), *(own.weeks if own else ())]
    return Section(
        key="expected", title=gettext("Expected by week"), drawn=Drawn.BAND, wide=True,
        columns=band(Column(label=gettext("Due date and mean delay"), unit=MONEY, tone="plain", drawn=True, dashed=True)),
        lines=[
            Line(cells=(week.since, week.low, week.middle, week.high, week.plain, week.came)) for week in weeks
        ] if own else [],
        empty=why_none(asked, told), says=says,
    )  # fmt: skip


def _beside(asked: Asked, own: Expected | None) -> list[str]:
    """What no week holds: paid already, left out, later or never."""
    if own is None:
        return []
    words = {
        "open": say.said(own.open_minor, MONEY, asked.currency), "later": say.said(own.later_minor, MONEY, asked.currency),
        "outside": say.said(own.outside_minor, MONEY, asked.currency),
        "netted": say.said(own.netted_minor, MONEY, asked.currency), "n": len(own.weeks),
    }  # fmt: skip
    told = [gettext("Of %(open)s that may come, %(later)s is expected after these %(n)s weeks, or never.") % words]
    if own.outside_minor:
        told.append(
            gettext("%(outside)s is left out: insolvent customers, invoices sold, or no date that can be known.")
            % words
        )
    if own.netted_minor:
        told.append(gettext("%(netted)s is paid already by money that waits for its invoice.") % words)
    return told


def received(asked: Asked, came: Sequence[over_time.Came]) -> Section:
    """What came in each span of the period, beside the period before."""
    monthly = asked.days > over_time.MONTHLY
    shown = [each for each in came if each.minor is not None or each.before_minor is not None]
    months = [each.span.since for each in shown]
    told = names.named(creditor=asked.creditor, dimension="period", values=months) if monthly else {}
    title = (
        gettext("Received by month, beside the year before")
        if monthly
        else gettext("Received by week, beside the weeks before")
    )
    both = [each for each in shown if each.minor is not None and each.before_minor is not None]
    return Section(
        key="received", title=title, drawn=Drawn.BARS,
        columns=[
            Column(label=gettext("Month") if monthly else gettext("Week from")),
            Column(label=gettext("Money received"), unit=MONEY, tone="accent", drawn=True),
            Column(
                label=gettext("A year before") if monthly else gettext("The period before"), unit=MONEY, tone="plain", drawn=True
            ),
        ],
        lines=[
            Line(cells=(told.get(each.span.since, each.span.since), each.minor, each.before_minor)) for each in shown
        ],
        empty=gettext("Nothing is known of money received in these days."), says=_compared(asked, both),
    )  # fmt: skip


def _compared(asked: Asked, both: Sequence[over_time.Came]) -> list[str]:
    now, before = sum(each.minor or 0 for each in both), sum(each.before_minor or 0 for each in both)
    if not both:
        return []
    words = {
        "now": say.said(now, MONEY, asked.currency), "before": say.said(before, MONEY, asked.currency),
        "since": say.said(both[0].span.since, None, ""), "until": say.said(both[-1].span.until, None, ""),
    }  # fmt: skip
    return [gettext("From %(since)s to %(until)s: %(now)s, against %(before)s in the same time before.") % words]


def _made_of(asked: Asked, told: Outlook, own: Expected | None) -> Section:
    weeks = own.weeks if own else ()
    parts = [part for part in PARTS if any(week.parts.get(part) for week in weeks)]
    return Section(
        key="parts", title=gettext("Of what the expected money is made"), drawn=Drawn.STACK,
        columns=[
            Column(label=gettext("Week from")),
            *(Column(label=str(NAMED[part]), unit=MONEY, tone=TONES[part], drawn=True) for part in parts),
            Column(label=gettext("Expected"), unit=MONEY),
        ],
        lines=[
            Line(cells=(week.since, *(week.parts.get(part, 0) for part in parts), week.middle)) for week in weeks
        ],
        empty=why_none(asked, told),
    )  # fmt: skip


def _how_good(asked: Asked, good: HowGood | None) -> Section:
    past = good.past if good else ()
    return Section(
        key="how-good", title=gettext("How good the forecasts were"), wide=True,
        columns=[
            Column(label=gettext("Forecast of")),
            Column(label=gettext("Expected in four weeks"), unit=MONEY),
            Column(label=gettext("At least"), unit=MONEY),
            Column(label=gettext("At most"), unit=MONEY),
            Column(label=gettext("Came"), unit=MONEY),
            Column(label=gettext("Off by"), unit=PERCENT),
            Column(label=gettext("Due date and mean delay"), unit=MONEY),
        ],
        lines=[
            Line(
                cells=(
                    each.as_of, each.middle, each.low, each.high, each.came, _off(each.middle, each.came), each.plain
                )
            )
            for each in past[:SHOWN]
        ],
        empty=gettext("No forecast of four weeks is over yet: how good they are is told from the fifth week on."),
        says=_scored(good),
    )  # fmt: skip


def _off(middle: int, came: int) -> float | None:
    """Above nothing: too much was expected."""
    return (middle - came) / came if came > 0 else None


def _scored(good: HowGood | None) -> list[str]:
    """How far off the forecasts were, beside the plain reference."""
    if good is None or good.four.error_share is None or good.four.plain_error_share is None:
        return []
    four = good.four
    assert four.inside is not None
    words = {
        "n": four.sums, "off": say.said(four.error_share, PERCENT, ""), "plain": say.said(four.plain_error_share, PERCENT, ""),
        "held": round(100 * four.inside),
    }  # fmt: skip
    if four.sums == 1:
        one = gettext(
            "The one forecast of four weeks that is over was off by %(off)s (due date and mean delay: %(plain)s)."
        )
        return [one % words]
    many = gettext(
        "In the last %(n)s forecasts of four weeks, what came was %(off)s off on average (due date and mean delay: %(plain)s); "
        "the band held %(held)s of 100 times, where 80 are meant."
    )
    return [many % words]
