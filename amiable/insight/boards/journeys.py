"""From due to paid: how far customers come and where they are lost; by step, channel, scenario and text."""

from typing import Any

from django.db.models import Count, Min, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.insight import names, say
from amiable.insight.board import Asked, Cell, Column, Content, Drawn, Line, Link, Section, board
from amiable.insight.grains.recovery import CASE_DAYS, STAGES
from amiable.insight.kpi import COUNT, DAYS, MONEY, PERCENT
from amiable.insight.over import Over, Parts, Sum, Sums, Want, over
from amiable.scenario.models import Scenario

CASES = (
    "recovery_rate", "due_contacted", "due_reached", "due_tried", "cure_rate", "self_cure_rate", "time_to_cure",
)  # fmt: skip
CONTACTS = ("messages_sent", "contact_rate", "answer_rate", "opt_outs", "complaints")
TRIES = ("transactions_started", "transactions_not_completed", "amount_completed")
WAYS = ("step", "channel", "template", "tone")


@board(
    "journeys", title=gettext_lazy("Journeys"),
    lead=gettext_lazy("From due to paid: where customers come on, and where they are lost."),
    place=4, keys=CASES,
)  # fmt: skip
def journeys(asked: Asked) -> Content:
    # Cases need their time: those of the last 30 days alone would look as if nothing came.
    cases, contacts, tries = over(
        asked, Want(CASES, ("stage", "scenario", "version"), CASE_DAYS), Want(CONTACTS, WAYS), Want(TRIES, WAYS)
    )
    return Content(
        tiles=[*(asked.tile(key) for key in CASES), contacts.tile("contact_rate")],
        sections=[
            _funnel(asked, cases),
            _ways(_("By step"), "step", contacts, tries),
            _ways(_("By channel"), "channel", contacts, tries),
            _scenarios(cases),
            _texts(contacts, tries),
        ],
    )


def _funnel(asked: Asked, cases: Over) -> Section:
    """What was due in the cases that came so far; and of those that came no further, what was received all the same.

    Beside it the shares as they were measured at the end of the period before, of cases as young as these were then.
    """
    now = {stage: sums["recovery_rate"] for (stage,), sums in cases.parts("stage").items()}
    amounts, titles = (
        _amounts(now),
        (_("Overdue at the opening"), _("Contacted"), _("Reached"), _("Tried to pay"), _("Paid after a try")),
    )
    alike = cases.asked.days == CASE_DAYS
    before = [None, *(asked.ended(key) if alike else None for key in CASES[1:4]), None]
    lines = []
    for place, title in enumerate(titles if amounts[0] else ()):
        lost = amounts[place] - amounts[place + 1] if place + 1 < len(amounts) else None
        came = (now.get(STAGES[place], Sum()).n or 0) if place + 1 < len(STAGES) else None
        cells = (
            title, amounts[place], amounts[place] / amounts[0], before[place], lost, came,
            None if lost is None else lost - (came or 0),
        )  # fmt: skip
        lines.append(Line(cells=cells, to=_came(cases.asked, place)))
    return Section(
        key="funnel", title=_("From due to paid"), wide=True, drawn=Drawn.FUNNEL, lines=lines, says=_told(cases, now),
        empty=_("No case with money overdue was opened in these days."),
        columns=[
            Column(label=_("So far came")), Column(label=_("Amount"), unit=MONEY, drawn=True),
            Column(label=_("Share"), unit=PERCENT), Column(label=_("In the period before"), unit=PERCENT),
            Column(label=_("Came no further"), unit=MONEY), Column(label=_("Of it received all the same"), unit=MONEY),
            Column(label=_("Not received"), unit=MONEY),
        ],
    )  # fmt: skip


def _came(asked: Asked, place: int) -> Link:
    """The customers who came so far; at the end, the tries that they paid."""
    if place == len(STAGES):
        return Link(place="payments", asks=asked.house | {"days": str(asked.days), "show": "paid"})
    return asked.customers(stage=STAGES[place], since=asked.since.isoformat(), until=asked.as_of.isoformat())


def _amounts(stages: dict[Any, Sum]) -> list[int]:
    """What was due at each stage or further, and what those who tried to pay brought."""
    due = [sum(stages.get(stage, Sum()).d or 0 for stage in STAGES[place:]) for place in range(len(STAGES))]
    return [*due, stages.get(STAGES[-1], Sum()).n or 0]


def _told(cases: Over, now: dict[Any, Sum]) -> list[str]:
    due, came = sum(each.d or 0 for each in now.values()), sum(each.n or 0 for each in now.values())
    if not due:
        return []
    tried, currency = now.get(STAGES[-1], Sum()).n or 0, cases.asked.currency
    amounts = {"due": due, "came": came, "tried": tried, "same": came - tried}
    words = cases.spoken | {name: say.said(minor, MONEY, currency) for name, minor in amounts.items()}
    return [
        _(
            "Of %(due)s that were overdue at the opening of the cases from %(since)s to %(until)s, %(came)s came in: %(tried)s "
            "from customers who tried to pay after a contact, %(same)s from the others, by transfer or otherwise."
        )
        % words,
        _("Letters cannot tell whether they were read: who got nothing else counts as contacted, not as reached."),
    ]


def _ways(title: str, by: str, contacts: Over, tries: Over) -> Section:
    """What left, whom it reached, who tried and what they paid, by step or channel; each with what was lost on the way."""
    sent, tried, asked = contacts.parts(by), tries.parts(by), tries.asked
    keys = names.ordered({*sent, *tried})
    named = names.named(creditor=asked.creditor, dimension=by, values=[key for (key,) in keys])
    says = [
        _(
            "A try to pay may follow a message that nobody was seen to open. What came by transfer is of no message alone."
        )
    ]
    if contacts.mixed:
        says.append(_mixed(asked.currency))
    return Section(
        key=f"by-{by}", title=title, drawn=Drawn.BARS, says=says if keys else (),
        empty=_("Nothing left and nobody tried to pay in these days."),
        lines=[
            Line(
                cells=(named[key[0]] if key[0] else _("Of none of them"), *_way(sent, tried, key)),
                to=_behind(asked, by, key[0]),
            )
            for key in keys
        ],
        columns=[Column(label=names.head(by)), *_counted()],
    )  # fmt: skip


def _counted() -> list[Column]:
    return [
        Column(label=_("Sent or called"), unit=COUNT), Column(label=_("Known to be reached"), unit=COUNT),
        Column(label=_("Share reached"), unit=PERCENT, drawn=True, tone="accent"), Column(label=_("Tries to pay"), unit=COUNT),
        Column(label=_("Tries lost"), unit=COUNT), Column(label=_("Share of tries lost"), unit=PERCENT, drawn=True, tone="61_90"),
        Column(label=_("Paid by tries"), unit=MONEY),
    ]  # fmt: skip


def _way(sent: Parts, tried: Parts, key: tuple[Any, ...]) -> tuple[Cell, ...]:
    """What was counted of one part. Where nothing left or nobody tried, there is no share."""
    out, tries = sent.get(key, Sums()), tried.get(key, Sums())
    reached, lost = out["contact_rate"], tries["transactions_not_completed"]
    return (
        (out["messages_sent"].n or 0) + (out["answer_rate"].d or 0),
        reached.n, reached.value, tries["transactions_started"].n or 0,
        lost.n or 0, lost.share,
        tries["amount_completed"].n or 0,
    )  # fmt: skip


def _behind(asked: Asked, by: str, key: str | None) -> Link | None:
    """The tries behind a step."""
    if by != "step" or key is None:
        return None
    return Link(place="payments", asks=asked.house | {"days": str(asked.days), "by": by, "key": key})


def _mixed(currency: str) -> str:
    said = _("Messages and calls are counted whatever their currency; tries and amounts are in %(currency)s.")
    return said % {"currency": currency}


def _pages(asked: Asked) -> dict[tuple[str, int], Link]:
    """Where each version of a scenario stands; not that of which the house and the creditor have one each."""
    rows = Scenario.objects.filter(Q(creditor=None) | Q(creditor=asked.creditor)).order_by().values("key", "version")
    sole = rows.annotate(n=Count("pk"), only=Min("pk")).filter(n=1).values_list("key", "version", "only")
    return {(key, version): Link(place="scenario", args=(pk,), asks=asked.house) for key, version, pk in sole}


def _scenarios(cases: Over) -> Section:
    """What became of the cases of each version of a scenario."""
    found = cases.parts("scenario", "version")
    named = names.named(creditor=cases.asked.creditor, dimension="scenario", values={key for key, _version in found})
    pages = _pages(cases.asked)
    lines = []
    for key, version in sorted(found, key=lambda pair: (pair[0] is None, str(pair[0]), pair[1] or 0)):
        sums = found[key, version]
        cured, alone = sums["cure_rate"], sums["self_cure_rate"]
        title = (
            named[key] if version is None else _("%(scenario)s, version %(n)s") % {"scenario": named[key], "n": version}
        )
        lines.append(
            Line(
                cells=(
                    title, cured.d, sums["recovery_rate"].d, sums["recovery_rate"].value, cured.n, cured.value, alone.n,
                    alone.value, sums["time_to_cure"].value,
                ),
                to=pages.get((key, version)),
            )
        )  # fmt: skip
    return Section(
        key="scenarios", title=_("By scenario"), wide=True, lines=lines, empty=_("No case was opened in these days."),
        says=[_mixed_cases(cases.asked.currency)] if cases.mixed else (),
        columns=[
            Column(label=_("Scenario")), Column(label=_("Cases"), unit=COUNT),
            Column(label=_("Overdue at the opening"), unit=MONEY),
            Column(label=_("Recovery rate"), unit=PERCENT), Column(label=_("Cured"), unit=COUNT),
            Column(label=_("Cure rate"), unit=PERCENT), Column(label=_("Cured by themselves"), unit=COUNT),
            Column(label=_("Self-cure rate"), unit=PERCENT), Column(label=_("Time to cure"), unit=DAYS),
        ],
    )  # fmt: skip


def _mixed_cases(currency: str) -> str:
    return _("Cases are counted whatever their currency; amounts are in %(currency)s.") % {"currency": currency}


def _texts(contacts: Over, tries: Over) -> Section:
    """What each text brought, in each of its tones; and what customers answered to it."""
    by = ("template", "tone")
    sent, tried = contacts.parts(*by), tries.parts(*by)
    keys = names.ordered(key for key in sent if key[0])
    creditor = tries.asked.creditor
    texts = names.named(creditor=creditor, dimension="template", values={key[0] for key in keys})
    tones = names.named(creditor=creditor, dimension="tone", values={key[1] for key in keys})
    return Section(
        key="texts", title=_("By text and tone"), wide=True, empty=_("Nothing was sent in these days."),
        lines=[
            Line(
                cells=(
                    texts[key[0]], tones[key[1]], *_way(sent, tried, key), sent[key]["opt_outs"].n,
                    sent[key]["complaints"].n,
                )
            )
            for key in keys
        ],
        columns=[
            Column(label=_("Text")), Column(label=_("Tone")), *_counted(), Column(label=_("Opt-outs"), unit=COUNT),
            Column(label=_("Complaints"), unit=COUNT),
        ],
    )  # fmt: skip
