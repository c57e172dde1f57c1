"""What was recovered, and the tries to pay: started, not completed, with an input error, in numbers and amounts; by what led to
them, and over time."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.insight import jump, names
from amiable.insight.board import Asked, Cell, Column, Content, Drawn, Line, Link, Section, board
from amiable.insight.grains.recovery import CASE_DAYS
from amiable.insight.kpi import COUNT, MONEY, PERCENT
from amiable.insight.over import Over, Sums, Want, over

RECOVERED, BY_CAMPAIGN = "recovery_rate", "campaign_recovery"
STARTED, COMPLETED = "transactions_started", "transactions_completed"
LOST, MISTYPED = "transactions_not_completed", "transactions_input_error"
AMOUNTS = ("amount_started", "amount_completed", "amount_not_completed", "amount_input_error")
TILES = (STARTED, LOST, MISTYPED, "amount_started", "amount_not_completed", "amount_input_error")
BY = ("journey", "campaign", "step", "channel")
LISTED = {"journey", "campaign", "step"}  # by which the page of payments shows the tries


@board(
    "payments", title=gettext_lazy("Payments"),
    lead=gettext_lazy("What was recovered; which tries to pay begin, which do not end, and where customers stumble."),
    place=5, keys=(RECOVERED, BY_CAMPAIGN, *TILES),
)  # fmt: skip
def payments(asked: Asked) -> Content:
    (tries,) = over(asked, Want((*TILES, COMPLETED, "amount_completed"), BY, course=True))
    titles = (_("By journey"), _("By campaign"), _("By step"), _("By channel"))
    return Content(
        tiles=[asked.tile(RECOVERED), *(tries.tile(key, to=_behind(asked)) for key in TILES)],
        alarms=jump.alarms(asked),
        sections=[
            _whole(tries),
            _history(tries),
            _recovered(asked, RECOVERED, "journey", _("Recovered, by journey")),
            _recovered(asked, RECOVERED, "step", _("Recovered, by step")),
            _recovered(asked, BY_CAMPAIGN, "campaign", _("Recovered, by campaign")),
            *(_parted(tries, by, title) for by, title in zip(BY, titles, strict=True)),
            _amounts(tries, "journey", _("Amounts by journey")),
            _amounts(tries, "campaign", _("Amounts by campaign")),
        ],
    )


def _whole(tries: Over) -> Section:
    """What became of all of them, in numbers and amounts, beside the period before."""
    now, before = tries.total, tries.before
    rows = [
        (_("Tries started"), STARTED, "amount_started"), (_("Completed"), COMPLETED, "amount_completed"),
        (_("Not completed"), LOST, "amount_not_completed"), (_("With an input error"), MISTYPED, "amount_input_error"),
    ]  # fmt: skip
    lines = [
        Line(
            cells=(
                title, now[key].n, now[key].share, before[key].n, before[key].share, now[amount].n, now[amount].share,
                before[amount].n,
            )
        )
        for title, key, amount in rows
    ]  # fmt: skip
    return Section(
        key="whole", title=_("What became of the tries"), wide=True, lines=lines if now[STARTED].n else (),
        says=[*_unmeasured(now), _("A try that is still under way is neither completed nor lost.")] if now[STARTED].n else (),
        empty=_("Nobody tried to pay in these days."),
        columns=[
            Column(label=_("Tries to pay")), Column(label=_("Number"), unit=COUNT), Column(label=_("Share"), unit=PERCENT),
            Column(label=_("Number before"), unit=COUNT), Column(label=_("Share before"), unit=PERCENT),
            Column(label=_("Amount"), unit=MONEY), Column(label=_("Share of the amount"), unit=PERCENT),
            Column(label=_("Amount before"), unit=MONEY),
        ],
    )  # fmt: skip


def _unmeasured(sums: Sums) -> list[str]:
    """What of the input errors cannot be known."""
    started, measured = sums[STARTED].n or 0, sums[MISTYPED].d or 0
    if not started or (sums[MISTYPED].n is not None and measured == started):
        return []
    if sums[MISTYPED].n is None:
        return [_("The provider's page keeps typing errors to itself: input errors are not measurable here.")]
    words = {"measured": measured, "started": started}
    return [
        _("Input errors are told of %(measured)d of %(started)d tries; the page of the others keeps them to itself.")
        % words
    ]


def _history(tries: Over) -> Section:
    """The two shares over time."""
    return Section(
        key="history", title=_("Over time"), wide=True, drawn=Drawn.LINES, empty=_("Nobody tried to pay in these days."),
        lines=[
            Line(cells=(day, sums[STARTED].n, sums[LOST].n, sums[LOST].share, sums[MISTYPED].n, sums[MISTYPED].share))
            for day, sums in (tries.spans() if tries.total[STARTED].n else ())
        ],
        columns=[
            Column(label=_("Period from")), Column(label=_("Tries started"), unit=COUNT),
            Column(label=_("Not completed"), unit=COUNT),
            Column(label=_("Share not completed"), unit=PERCENT, drawn=True, tone="61_90"),
            Column(label=_("With an input error"), unit=COUNT),
            Column(label=_("Share with an input error"), unit=PERCENT, drawn=True, tone="1_30"),
        ],
    )  # fmt: skip


def _parted(tries: Over, by: str, title: str) -> Section:
    """The numbers of each part with their shares, now and before; most tries first."""
    found, before = _sorted(tries, by), tries.parts_before(by)
    lines = []
    for key, name, sums in found:
        then = before.get((key,), Sums())
        cells = (
            name, sums[STARTED].n, sums[LOST].n, sums[LOST].share, then[LOST].share, sums[MISTYPED].n,
            sums[MISTYPED].share, then[MISTYPED].share,
        )  # fmt: skip
        lines.append(Line(cells=cells, to=_behind(tries.asked, by, key)))
    return Section(
        key=f"by-{by}", title=title, drawn=Drawn.BARS, lines=lines, empty=_nothing(tries, by),
        columns=[
            Column(label=names.head(by)), Column(label=_("Tries started"), unit=COUNT),
            Column(label=_("Not completed"), unit=COUNT),
            Column(label=_("Share not completed"), unit=PERCENT, drawn=True, tone="61_90"),
            Column(label=_("Before"), unit=PERCENT), Column(label=_("With an input error"), unit=COUNT),
            Column(label=_("Share with an input error"), unit=PERCENT, drawn=True, tone="1_30"),
            Column(label=_("Before"), unit=PERCENT),
        ],
    )  # fmt: skip


def _amounts(tries: Over, by: str, title: str) -> Section:
    """The amounts of each part with their shares."""
    lines = []
    for key, name, sums in _sorted(tries, by):
        cells: list[Cell] = [name, sums["amount_started"].n]
        for amount in AMOUNTS[1:]:
            cells += [sums[amount].n, sums[amount].share]
        lines.append(Line(cells=tuple(cells), to=_behind(tries.asked, by, key)))
    return Section(
        key=f"amounts-{by}", title=title, wide=True, lines=lines, empty=_nothing(tries, by),
        columns=[
            Column(label=names.head(by)), Column(label=_("Amount started"), unit=MONEY),
            Column(label=_("Amount completed"), unit=MONEY),
            Column(label=_("Share"), unit=PERCENT), Column(label=_("Amount not completed"), unit=MONEY),
            Column(label=_("Share"), unit=PERCENT), Column(label=_("Amount with an input error"), unit=MONEY),
            Column(label=_("Share"), unit=PERCENT),
        ],
    )  # fmt: skip


def _recovered(asked: Asked, key: str, by: str, title: str) -> Section:
    """What came of what was owed, by the way that it came, as measured and as measured when the period before ended: a case
    needs its time, and one of last week must not stand beside one of months ago. The most first, last what came without.
    """
    found, whole = asked.parts(key, by), asked.now[key]
    ended = asked.then[key].slices if asked.ended(key) is not None else ()
    before = {pairs[by]: value[0] for pairs, value in ended if set(pairs) == {by}}
    named = names.named(creditor=asked.creditor, dimension=by, values=found)
    order = sorted((part for part in found if found[part][1]), key=lambda part: (-(found[part][1] or 0), str(part)))
    lines = []
    for part in order:
        (share, minor, owed), then = found[part], before.get(part)
        to = Link(place="campaign", args=(part,), asks=asked.house) if by == "campaign" else None
        lines.append(Line(cells=(named[part], minor, owed, share, then), to=to))
    rest = (whole.numerator or 0) - sum(found[part][1] or 0 for part in order)
    if rest and whole.denominator:
        lines.append(Line(cells=(str(names.NONE[by]), rest, whole.denominator, rest / whole.denominator, None)))
    if len(lines) > 1:
        cells = (_("Together"), whole.numerator, whole.denominator, whole.value, asked.ended(key))
        lines.append(Line(cells=cells, total=True))
    told = _("Of cases opened and of campaigns sent in the last %(days)d days.") % {"days": CASE_DAYS}
    return Section(
        key=f"recovered-{by}", title=title, drawn=Drawn.BARS, lines=lines, says=[told] if lines else (),
        empty=_("Nothing was recovered of these days.") if whole.denominator else _("Nothing was to be recovered in these days."),
        columns=[
            Column(label=names.head(by)), Column(label=_("Money received"), unit=MONEY),
            Column(label=_("Of what was owed"), unit=MONEY),
            Column(label=_("Share"), unit=PERCENT, drawn=True, tone="accent"), Column(label=_("Before"), unit=PERCENT),
        ],
    )  # fmt: skip


def _sorted(tries: Over, by: str) -> list[tuple[Any, str, Sums]]:
    """Each part with its name, the one with most tries first; nothing where all are of none: they are the whole."""
    found = {key: sums for (key,), sums in tries.parts(by).items()}
    if set(found) == {None}:
        return []
    named = names.named(creditor=tries.asked.creditor, dimension=by, values=found)
    order = sorted(found, key=lambda key: (key is None, -(found[key][STARTED].n or 0), str(key)))
    return [(key, named[key], found[key]) for key in order]


def _nothing(tries: Over, by: str) -> str:
    """Why there is no part."""
    if not tries.total[STARTED].n:
        return _("Nobody tried to pay in these days.")
    return _("All tries to pay of these days stand under “%(part)s”.") % {"part": names.NONE[by]}


def _behind(asked: Asked, by: str = "", key: Any = None) -> Link | None:
    """The tries themselves; of a part only where the page can show it."""
    asks = asked.house | {"days": str(asked.days)}
    if by and by not in LISTED:
        return None
    return Link(place="payments", asks=asks | ({"by": by, "key": "" if key is None else str(key)} if by else {}))
