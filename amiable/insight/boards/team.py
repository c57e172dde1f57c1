"""The team: what waits with whom, what was done, what calls and promises came to; with numbers beside shares, fair to people."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.insight import names
from amiable.insight.board import Asked, Column, Content, Drawn, Line, Link, Section, board
from amiable.insight.costs import costs
from amiable.insight.kpi import COUNT, MONEY, PERCENT, PRICE
from amiable.insight.over import Over, Sum, Sums, Want, over

FEW = 20  # calls or promises: a share of fewer says more about chance than about a person
WHO = "collector"
TILES = (
    "workload", "tasks_late", "tasks_finished", "answer_rate", "right_party_rate", "promise_rate", "promises_kept",
    "cost_per_contact",
)  # fmt: skip
CALLS = ("answer_rate", "right_party_rate", "promise_rate")
AGREED = ("promises_kept", "promised_received")


@board(
    "team", title=gettext_lazy("Team"), lead=gettext_lazy("What waits, what was done, and what came of it."),
    place=6, keys=TILES, act="see_team",
)  # fmt: skip
def team(asked: Asked) -> Content:
    waiting, done, calls, agreed, spent = over(
        asked,
        Want(("tasks_late",), (WHO,)),
        Want(("tasks_finished",), (WHO, "task")),
        Want(CALLS, (WHO,)),
        Want(AGREED, (WHO,)),
        Want(("cost", "cost_per_contact"), ("channel",)),
    )
    known = {key for each in (waiting, done, calls, agreed) for (key,) in each.parts(WHO)}
    people = names.named(creditor=asked.creditor, dimension=WHO, values=known)
    return Content(
        tiles=[
            asked.tile("workload"), asked.tile("tasks_late"), done.tile("tasks_finished"),
            *(calls.tile(key) for key in CALLS), agreed.tile("promises_kept"), spent.tile("cost_per_contact"),
        ],
        sections=[
            _work(waiting, done, people), _calls(calls, people), _agreed(agreed, people), _kinds(done), _spent(spent),
        ],
    )  # fmt: skip


def _fair(told: Sum) -> float | None:
    """A share, where it is of enough to mean something."""
    return told.share if (told.d or 0) >= FEW else None


def _few(sums: Iterable[Sum]) -> list[str]:
    if not any(0 < (each.d or 0) < FEW for each in sums):
        return []
    said = _("A share of fewer than %(few)d is not shown: it would say more about chance than about a person.")
    return [said % {"few": FEW}]


def _ordered(keys: Iterable[Any], people: dict[Any, str]) -> list[Any]:
    """People by name, and last what is nobody's: a table of colleagues is no ranking."""
    return sorted(keys, key=lambda key: (key is None, people[key].casefold(), key or 0))


def _work(waiting: Over, done: Over, people: dict[Any, str]) -> Section:
    stand, made, before = waiting.parts(WHO), done.parts(WHO), done.parts_before(WHO)
    lines = []
    for key in _ordered({key for (key,) in (*stand, *made)}, people):
        late, told = stand.get((key,), Sums())["tasks_late"], made.get((key,), Sums())["tasks_finished"]
        then = before.get((key,), Sums())["tasks_finished"].n if before else None
        waits = ((late.d or 0) - (late.n or 0), late.n or 0, late.d or 0) if waiting.known else (None, None, None)
        asks = {"creditor": str(waiting.asked.creditor.pk), "who": str(key or "nobody")}
        cells = (people[key], *waits, told.n or 0, _nought(then, before))
        lines.append(Line(cells=cells, to=Link(place="home", asks=asks) if late.d else None))
    return Section(
        key="work", title=_("Work, person by person"), wide=True, lines=lines, says=waiting.says,
        drawn=Drawn.STACK if stand else None,
        empty=_("Nobody has a task, and none was done in these days."),
        columns=[
            Column(label=_("Colleague")), Column(label=_("Waits, in time"), unit=COUNT, drawn=True, tone="not_due"),
            Column(label=_("Waits, past its day"), unit=COUNT, drawn=True, tone="61_90"),
            Column(label=_("Waits in all"), unit=COUNT), Column(label=_("Tasks done"), unit=COUNT),
            Column(label=_("Done in the period before"), unit=COUNT),
        ],
    )  # fmt: skip


def _nought(then: int | None, before: Any) -> int | None:
    """Who did nothing before did none; where nothing is known of before, nothing is said."""
    return (then or 0) if before else None


def _kinds(done: Over) -> Section:
    """What kinds of work were done."""
    found = {key: sums["tasks_finished"] for (key,), sums in done.parts("task").items()}
    before = done.parts_before("task")
    named = names.named(creditor=done.asked.creditor, dimension="task", values=found)
    return Section(
        key="kinds", title=_("Work by kind"), drawn=Drawn.BARS, empty=_("No task was done in these days."),
        lines=[
            Line(cells=(named[key], found[key].n, _nought(before.get((key,), Sums())["tasks_finished"].n, before)))
            for key in sorted(found, key=lambda key: (-(found[key].n or 0), str(key)))
        ],
        columns=[
            Column(label=_("Kind")), Column(label=_("Tasks done"), unit=COUNT, drawn=True),
            Column(label=_("Done in the period before"), unit=COUNT),
        ],
    )  # fmt: skip


def _calls(calls: Over, people: dict[Any, str]) -> Section:
    """Calls that were made, answered, answered by the right person, and that ended with a promise."""
    found = {key: sums for (key,), sums in calls.parts(WHO).items() if sums["answer_rate"].d}
    lines = [Line(cells=(people[key], *_called(found[key]))) for key in _ordered(found, people)]
    whole = calls.total
    if len(lines) > 1:
        lines.append(Line(cells=(_("Together"), *_called(whole)), total=True))
    return Section(
        key="calls", title=_("Calls"), wide=True, lines=lines, empty=_("Nobody called in these days."),
        says=_few(each for sums in found.values() for each in (sums["answer_rate"], sums["promise_rate"])),
        columns=[
            Column(label=_("Colleague")), Column(label=_("Calls"), unit=COUNT), Column(label=_("Answered"), unit=COUNT),
            Column(label=_("Answer rate"), unit=PERCENT), Column(label=_("Right person"), unit=COUNT),
            Column(label=_("Of the calls"), unit=PERCENT), Column(label=_("Promises"), unit=COUNT),
            Column(label=_("Of those spoken with"), unit=PERCENT),
        ],
    )  # fmt: skip


def _called(sums: Sums) -> tuple[float | None, ...]:
    answered, right, promised = (sums[key] for key in CALLS)
    return (answered.d or 0, answered.n, _fair(answered), right.n, _fair(right), promised.n, _fair(promised))


def _agreed(agreed: Over, people: dict[Any, str]) -> Section:
    """Promises by who took them: those whose day was judged, and what came of them."""
    found = {key: sums for (key,), sums in agreed.parts(WHO).items() if sums["promises_kept"].d}
    lines = []
    for key in _ordered(found, people):
        kept, money = found[key]["promises_kept"], found[key]["promised_received"]
        by = people[key] if key else _("By the customers themselves")
        cells = (by, kept.d, kept.n, _fair(kept), money.d, money.n)
        lines.append(Line(cells=cells))
    return Section(
        key="promises", title=_("Promises"), wide=True, lines=lines, empty=_("No promise was judged in these days."),
        says=_few(sums["promises_kept"] for sums in found.values()),
        columns=[
            Column(label=_("Taken by")), Column(label=_("Judged"), unit=COUNT), Column(label=_("Promises kept"), unit=COUNT),
            Column(label=_("Share kept"), unit=PERCENT), Column(label=_("Promised"), unit=MONEY),
            Column(label=_("Received of it"), unit=MONEY),
        ],
    )  # fmt: skip


def _spent(spent: Over) -> Section:
    """What contacts and work cost, by channel; work that is of no channel in a line of its own."""
    found = {key: sums for (key,), sums in spent.parts("channel").items() if sums["cost"].n}
    asked = spent.asked
    named = names.named(creditor=asked.creditor, dimension="channel", values=found)
    note = str(costs(asked.creditor.policy).note)
    return Section(
        key="cost", title=_("What it cost"), empty=_("Nothing was spent in these days."), says=[note] if note else (),
        lines=[
            Line(
                cells=(
                    named[key] if key else _("Work beside contacts, and agencies"), found[key]["cost_per_contact"].d or None,
                    found[key]["cost"].n, found[key]["cost_per_contact"].value if key else None,
                )
            )
            for key in sorted(found, key=lambda key: (key is None, -(found[key]["cost"].n or 0), str(key)))
        ],
        columns=[
            Column(label=_("Channel")), Column(label=_("Contacts"), unit=COUNT), Column(label=_("Cost"), unit=MONEY),
            Column(label=_("Cost per contact"), unit=PRICE),
        ],
    )  # fmt: skip
