"""The relation: what customers think, who turns away, what they contest; and whether those who were treated still buy."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from amiable.insight import names, say
from amiable.insight.board import Asked, Cell, Column, Content, Drawn, Line, Link, Section, board
from amiable.insight.kpi import COUNT, DAYS, MONEY, PERCENT, SCORE
from amiable.insight.over import Over, Sum, Sums, Want, over

MONTHS = (3, 6, 12)
KEPT = tuple(f"{what}_kept_{months}m" for months in MONTHS for what in ("customers", "turnover"))
THOUGHT = ("csat", "nps", "satisfaction_change")
LEFT = ("messages_sent", "opt_outs", "complaints")
TILES = (*THOUGHT, "opt_outs", "complaints", "customers_kept_3m", "turnover_kept_3m", "disputes_open")
LEAST = 30  # customers treated: of fewer nothing is concluded
LOSS = 0.05  # of the turnover: less than this is no sign


@board(
    "relation", title=gettext_lazy("Relation"),
    lead=gettext_lazy("What customers think, who turns away, and whether collection costs customers."),
    place=7, keys=(*TILES, *KEPT),
)  # fmt: skip
def relation(asked: Asked) -> Content:
    thought, left, contested, resolved = over(
        asked,
        Want(THOUGHT, ("segment", "after", "step")),
        Want(LEFT, ("segment", "step", "channel")),
        Want(("disputes_open", "amount_disputed", "dispute_age"), ("cause", "age")),
        Want(("disputes_opened", "dispute_days"), ("cause",)),
    )
    stored = {key: asked.tile(key) for key in ("customers_kept_3m", "turnover_kept_3m", "disputes_open")}
    return Content(
        tiles=[
            *(thought.tile(key) for key in THOUGHT), *(left.tile(key) for key in LEFT[1:]), *stored.values(),
        ],
        sections=[
            _stayed(asked),
            _answers(thought, "segment", _("Satisfaction by segment")),
            _answers(thought, "after", _("Satisfaction by occasion")),
            *(
                _turned(left, thought, by, title)
                for by, title in (("segment", _("By segment")), ("step", _("By step")), ("channel", _("By channel")))
            ),
            _disputes(contested, resolved),
        ],
    )  # fmt: skip


def _stayed(asked: Asked) -> Section:
    """Customers and turnover kept after treatment, by the segment at the opening of the case."""
    found: dict[str, dict[str, Sum]] = {}
    for key in KEPT:
        for segment, (value, n, d) in asked.parts(key, "segment").items():
            found.setdefault(segment, {})[key] = Sum(value, n, d)
    order = [key for key in names.segment_names(asked.creditor) if key in found]
    order += sorted(key for key in found if key not in order)
    named = names.named(creditor=asked.creditor, dimension="segment", values=order)
    lines = [
        Line(
            cells=(named[key], *_kept(Sums(found[key]))),
            to=asked.customers(segment=key, currency=""),  # people are counted whatever their currency
        )
        for key in order
    ]
    whole = Sums({key: Sum(each.value, each.numerator, each.denominator) for key, each in asked.now.items()})
    if any(whole[key].d for key in KEPT):
        lines.append(Line(cells=(_("All"), *_kept(whole)), total=True))
    columns = [Column(label=_("Segment"))]
    for months in MONTHS:
        words = {"months": months}
        columns += [
            Column(label=_("Treated %(months)d months ago") % words, unit=COUNT),
            Column(label=_("Kept after %(months)d months") % words, unit=PERCENT, drawn=True, tone=_TONES[months]),
            Column(label=_("Turnover after %(months)d months") % words, unit=PERCENT),
        ]
    return Section(
        key="stayed", title=_("Do customers stay?"), wide=True, drawn=Drawn.BARS, columns=columns, lines=lines,
        says=_verdict(whole) if lines else (), empty=_("No customer was treated 3, 6 or 12 months ago."),
    )  # fmt: skip


_TONES = {3: "accent", 6: "1_30", 12: "not_due"}


def _kept(sums: Sums) -> list[Cell]:
    cells: list[Cell] = []
    for months in MONTHS:
        customers = sums[f"customers_kept_{months}m"]
        cells += [customers.d or 0, customers.value, sums[f"turnover_kept_{months}m"].value]
    return cells


def _verdict(whole: Sums) -> list[str]:
    """Whether collection costs customers, as far as can be said: a comparison of customers with themselves before."""
    for months in MONTHS:
        customers, turnover = whole[f"customers_kept_{months}m"], whole[f"turnover_kept_{months}m"]
        treated = customers.d or 0
        if treated < LEAST or customers.n is None:
            continue
        words = {
            "treated": treated, "months": months, "again": customers.n,
            "share": say.said(customers.n / treated, PERCENT, ""), "turnover": say.said(turnover.value, PERCENT, ""),
        }  # fmt: skip
        told = _(
            "Of %(treated)d customers treated %(months)d months ago, %(again)d have bought again since (%(share)s)."
        )
        if turnover.value is None:
            return [told % words]
        bought = _("They were billed %(turnover)s of what they were billed in as many months before.")
        if turnover.value >= 1 - LOSS:
            end = _("There is no sign that collection costs customers.")
        else:
            end = _(
                "They buy less; whether collection is why, only customers left alone can show: see the experiments."
            )
        return [f"{told % words} {bought % words} {end}"]
    treated = max((whole[f"customers_kept_{months}m"].d or 0 for months in MONTHS), default=0)
    said = ngettext(
        "Too few customers were treated 3 months ago or more (%(n)d) to say whether collection costs customers.",
        "Too few customers were treated 3 months ago or more (%(n)d) to say whether collection costs customers.",
        treated,
    )
    return [said % {"n": treated}]


def _answers(thought: Over, by: str, title: str) -> Section:
    """What customers answered, beside the period before."""
    found, before = thought.parts(by), thought.parts_before(by)
    named = names.named(creditor=thought.asked.creditor, dimension=by, values=[key for (key,) in found])
    lines = []
    for key in names.ordered(found):
        sums, then = found[key], before.get(key, Sums())
        cells = (
            named[key[0]], sums["csat"].d or 0, sums["csat"].value, then["csat"].value, sums["nps"].d or 0, sums["nps"].value,
            then["nps"].value, sums["satisfaction_change"].value,
        )  # fmt: skip
        lines.append(Line(cells=cells))
    return Section(
        key=f"answers-{by}", title=title, drawn=Drawn.BARS, lines=lines, empty=_("Nobody was heard in these days."),
        columns=[
            Column(label=names.head(by)), Column(label=_("Answers"), unit=COUNT),
            Column(label=_("Satisfied"), unit=PERCENT, drawn=True), Column(label=_("Before"), unit=PERCENT),
            Column(label=_("Said whether they recommend"), unit=COUNT),
            Column(label=_("NPS"), unit=SCORE), Column(label=_("Before"), unit=SCORE),
            Column(label=_("Change of the same customers"), unit=SCORE),
        ],
    )  # fmt: skip


def _turned(left: Over, thought: Over, by: str, title: str) -> Section:
    """Who wishes to hear no more and who complains, beside what was sent; with what customers think, where that is known."""
    found, opinions = left.parts(by), thought.parts(by) if by in thought.want.by else {}
    said = {key for key, sums in found.items() if any(sums[name].n for name in LEFT)}
    keys = names.ordered({*said, *opinions})
    named = names.named(creditor=left.asked.creditor, dimension=by, values=[key for (key,) in keys])
    lines = []
    for key in keys:
        sums, csat = found.get(key, Sums()), opinions.get(key, Sums())["csat"]
        opted, complained = sums["opt_outs"], sums["complaints"]
        cells = (
            named[key[0]] if key[0] else _("Of none of them"), sums["messages_sent"].n or 0, opted.n or 0, opted.share,
            complained.n or 0, complained.share, csat.d or 0, csat.value,
        )  # fmt: skip
        lines.append(Line(cells=cells))
    return Section(
        key=f"turned-{by}", title=_("Opt-outs and complaints: %(by)s") % {"by": title.lower()}, lines=lines,
        drawn=Drawn.BARS if any(found[key][name].n for key in found for name in LEFT[1:]) else None,
        empty=_("Nothing left and nobody turned away in these days."),
        columns=[
            Column(label=names.head(by)), Column(label=_("Messages"), unit=COUNT), Column(label=_("Opt-outs"), unit=COUNT),
            Column(label=_("Opt-outs of the messages"), unit=PERCENT, drawn=True, tone="61_90"),
            Column(label=_("Complaints"), unit=COUNT),
            Column(label=_("Complaints of the messages"), unit=PERCENT, drawn=True, tone="1_30"),
            Column(label=_("Answers"), unit=COUNT), Column(label=_("Satisfied"), unit=PERCENT),
        ],
    )  # fmt: skip


def _behind(asked: Asked, cause: str | None) -> Link | None:
    return Link(place="disputes", asks=asked.house | {"reason": str(cause)}) if cause else None


def _disputes(contested: Over, resolved: Over) -> Section:
    """What is contested, by cause and by days since it was opened; and how long an answer took."""
    stand, ages, ended = contested.parts("cause"), contested.parts("cause", "age"), resolved.parts("cause")
    causes = sorted(
        {key for (key,) in (*stand, *ended)},
        key=lambda key: (-(stand.get((key,), Sums())["disputes_open"].n or 0), str(key)),
    )
    named = names.named(creditor=contested.asked.creditor, dimension="cause", values=causes)
    lines = []
    for cause in causes:
        now, over_ = stand.get((cause,), Sums()), ended.get((cause,), Sums())
        by_age = [ages.get((cause, age), Sums())["disputes_open"].n for age in names.AGES]
        standing = [now["disputes_open"].n, *by_age, now["amount_disputed"].n]
        *counted, disputed = [each or 0 if contested.known else None for each in standing]
        cells = (
            named[cause], *counted, now["dispute_age"].value, disputed,
            over_["disputes_opened"].n or 0, over_["dispute_days"].d or 0, over_["dispute_days"].value,
        )  # fmt: skip
        lines.append(Line(cells=cells, to=_behind(contested.asked, cause)))
    tones = ("not_due", "1_30", "61_90", "over_90")
    bands = zip(names.AGES.values(), tones, strict=True)
    return Section(
        key="disputes", title=_("Disputes by cause and age"), wide=True, lines=lines, says=contested.says,
        drawn=Drawn.STACK if stand else None,
        empty=_("Nothing is contested, and nothing was in these days."),
        columns=[
            Column(label=_("Cause")), Column(label=_("Open"), unit=COUNT),
            *(Column(label=str(label), unit=COUNT, drawn=True, tone=tone) for label, tone in bands),
            Column(label=_("Age on average"), unit=DAYS), Column(label=_("In dispute"), unit=MONEY),
            Column(label=_("Disputes opened"), unit=COUNT), Column(label=_("Resolved"), unit=COUNT),
            Column(label=_("Days to resolve"), unit=DAYS),
        ],
    )  # fmt: skip
