"""A manager's weekly summary: what to decide first, then what has drifted, the biggest risks, and who does what.

In: a colleague who leads whole creditors, a day. Out: a Page in their language; None when there is nothing to say.
Never: a figure over two currencies, or of a creditor whom they do not lead.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from amiable.casework.models import Dispute, Task, TaskKind
from amiable.core.apart import Apart
from amiable.core.calendar import day_of, end_of_day
from amiable.core.models import Role, Scope, User
from amiable.insight import say
from amiable.insight.board import Board
from amiable.insight.models import Figure
from amiable.insight.report import Boards
from amiable.ledger.models import Creditor
from amiable.outreach import route, tray
from amiable.outreach.draft import Page, Row, Section, address
from amiable.outreach.models import Mailbox, Message, MessageState
from amiable.outreach.speak import amount, day
from amiable.payments.models import Plan, PlanState, Promise, PromiseState
from amiable.portfolio.models import Profile, SegmentSet
from amiable.portfolio.segments import starter

WEEK = timedelta(days=7)
LEADS = (Role.MANAGER, Role.ADMIN)
MOST = 5
Measured = dict[tuple[str, tuple[tuple[str, str], ...]], int]  # minor units by currency and slice
OLD = ("31_60", "61_90", "over_90")  # buckets in which money is at risk


def leads(user: User) -> list[Creditor]:
    """The creditors that this colleague leads as a whole."""
    held = Scope.whole(*LEADS).filter(user=user)
    return list(Creditor.objects.filter(pk__in=held.values("creditor_ref")).order_by("name"))


def weekly(*, user: User, as_of: date, boards: Boards, apart: Apart) -> Page | None:
    """A creditor of whom something cannot be told costs the reader that one alone, and stands in the e-mail by its name."""
    creditors = leads(user)
    with override(user.language):
        sections: list[Section] = []
        figures: list[Row] = []
        untold = {creditor.pk: creditor for creditor in creditors}
        for creditor in creditors:
            named = f"{creditor.name} – " if len(creditors) > 1 else ""
            with apart.each(f"the week of {creditor.key} for colleague {user.pk}"):
                own = _figures(user, creditor, named, as_of)
                sections += _sections(user, creditor, named, as_of)
                figures += own
                del untold[creditor.pk]
            with apart.each(f"the board of direction of {creditor.key}"):
                figures += _direction(boards.of(creditor), named)
        if untold:
            rows = [
                Row(each.name, url=f"{address('figures')}?creditor={each.pk}", bad=True) for each in untold.values()
            ]
            sections.append(Section(_("Could not be told this week"), rows))
        if not sections and not figures:
            return None
        return Page(
            subject=_("Your week – %(day)s") % {"day": day(as_of, user.language)},
            title=_("Your week"),
            lead=_("What to decide, what has drifted since %(day)s, and who does what.")
            % {"day": day(as_of - WEEK, user.language)},
            figures=figures,
            sections=sections,
            kind="weekly",
            button=_("See the figures"),
            url=address("figures"),
        )


Part = tuple[str, Sequence[Row], str, str]  # title, rows, what is not listed, where all of it is


def _sections(user: User, creditor: Creditor, named: str, as_of: date) -> list[Section]:
    return [
        Section(f"{named}{title}", rows, more=more, url=url)
        for title, rows, more, url in _parts(user, creditor, as_of)
        if rows
    ]


def _parts(user: User, creditor: Creditor, as_of: date) -> list[Part]:
    language = user.language
    return [
        (_("To decide"), _to_decide(creditor), "", ""),
        (_("Stopped or stuck"), _stopped(creditor, language, as_of), "", ""),
        (_("Drifting: late by more than 30 days, and growing"), _drifts(creditor, language, as_of), "", ""),
        (_("Biggest risks"), _risks(creditor, language, as_of), _("Every customer who is late"),
         address("customers") + "?overdue=1"),
        (_("Promises broken this week"), *_broken(creditor, language, as_of), ""),
        (_("Disputes past their day"), *_disputes(creditor, as_of), ""),
        (_("Work, person by person"), _workload(creditor, as_of), "", ""),
    ]  # fmt: skip


def _figures(user: User, creditor: Creditor, named: str, as_of: date) -> list[Row]:
    """What is overdue in all, currency by currency, and by how much it moved in a week."""
    now, before = _week(creditor, "amount_overdue", as_of)
    rows = []
    for (currency, part), minor in sorted(now.items()):
        if part:  # a segment's: it is in the total
            continue
        moved = minor - before.get((currency, ()), minor)
        sign = "+" if moved > 0 else ""
        small = _("%(moved)s in a week") % {"moved": sign + amount(moved, currency, user.language)} if moved else ""
        rows.append(
            Row(f"{named}{_('Overdue')}", value=amount(minor, currency, user.language), small=small, bad=moved > 0)
        )
    return rows


def _direction(board: Board, named: str) -> list[Row]:
    """The tiles of the page that goes along, in the creditor's own currency."""
    rows, currency = [], board.asked.currency
    for tile in board.tiles if board.measured else ():
        if tile.key == "amount_overdue" or tile.value is None:  # the first is told above, by the week
            continue
        change = say.change(tile, currency)
        small = " · ".join(each for each in (say.part(tile, currency), change.text if change else "") if each)
        bad = bool(change and change.tone == "bad")
        rows.append(Row(f"{named}{tile.label}", value=say.value(tile, currency), small=small, bad=bad))
    return rows


def _to_decide(creditor: Creditor) -> list[Row]:
    plans = Plan.objects.filter(customer__creditor=creditor, state=PlanState.PROPOSED).count()
    words = Task.objects.filter(creditor=creditor, kind=TaskKind.CONFIRM, done_at=None).count()
    kept = Message.objects.filter(creditor=creditor, state=MessageState.WAITING).count()
    doubt = Message.objects.filter(creditor=creditor, state=MessageState.IN_DOUBT).count()
    told = [
        (plans, ngettext("%(n)d plan waits for your agreement", "%(n)d plans wait for your agreement", plans), "plans"),
        (words, ngettext("%(n)d step waits for a word", "%(n)d steps wait for a word", words), "home"),
        (kept, ngettext("%(n)d message waits to be released", "%(n)d messages wait to be released", kept), "sending"),
        (doubt, ngettext("%(n)d message is in doubt", "%(n)d messages are in doubt", doubt), "home"),
    ]
    return [Row(text % {"n": n}, url=address(place)) for n, text, place in told if n]


def _stopped(creditor: Creditor, language: str, as_of: date) -> list[Row]:
    rows = []
    if creditor.stopped_at:
        rows.append(Row(_("Everything is stopped"), address("sending"), small=creditor.stopped_why, bad=True))
    for each in route.stuck(route.routes([creditor]), as_of=as_of):
        text = ngettext("%(n)d message cannot leave", "%(n)d messages cannot leave", each.count) % {"n": each.count}
        rows.append(Row(text, address("channels"), small=each.why, bad=True))
    for lying in tray.lying([creditor], now=end_of_day(as_of)):
        text = ngettext("%(n)d letter waits to be printed", "%(n)d letters wait to be printed", lying.letters)
        since = day(day_of(lying.since, creditor.time_zone), language)
        rows.append(
            Row(text % {"n": lying.letters}, address("letters"), small=_("since %(day)s") % {"day": since}, bad=True)
        )
    for box in Mailbox.objects.filter(creditor=creditor).exclude(trouble=""):
        rows.append(Row(_("The mailbox cannot be read"), address("mailboxes"), small=box.trouble, bad=True))
    return rows


def _drifts(creditor: Creditor, language: str, as_of: date) -> list[Row]:
    """Segments in which more money is late by over 30 days than a week ago; the largest growth first."""
    now, before = (_old_money(told) for told in _week(creditor, "aged_balance", as_of))
    grown = sorted(
        (
            (minor - before.get(key, 0), key, minor)
            for key, minor in now.items()
            if before and minor > before.get(key, 0)
        ),
        reverse=True,
    )
    names = _segments(creditor, language)
    return [
        Row(
            text=names.get(segment, segment) or _("Without a segment"),
            url=address("segments"),
            small=_("now %(amount)s") % {"amount": amount(minor, currency, language)},
            value=f"+{amount(growth, currency, language)}",
            bad=True,
        )
        for growth, (currency, segment), minor in grown[:MOST]
    ]


def _old_money(measured: Measured) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for (currency, parts), minor in measured.items():
        told = dict(parts)
        if told.get("bucket") in OLD:
            key = (currency, told.get("segment", ""))
            found[key] = found.get(key, 0) + minor
    return found


def _week(creditor: Creditor, kpi: str, as_of: date) -> tuple[Measured, Measured]:
    """As it was last measured (of the day before, as a rule), and a week before that day."""
    last = _last(creditor, kpi, as_of)
    before = _last(creditor, kpi, last - WEEK) if last else None
    return _measured(creditor, kpi, last), _measured(creditor, kpi, before)


def _last(creditor: Creditor, kpi: str, as_of: date) -> date | None:
    rows = Figure.objects.filter(creditor=creditor, kpi=kpi, as_of__lte=as_of, as_of__gt=as_of - WEEK)
    return rows.order_by("-as_of").values_list("as_of", flat=True).first()


def _measured(creditor: Creditor, kpi: str, on: date | None) -> Measured:
    """The newest word of a day, by currency and slice; nothing where there is no such day."""
    if on is None:
        return {}
    rows = Figure.objects.filter(creditor=creditor, kpi=kpi, as_of=on).order_by("measured_at", "pk")
    told = rows.values_list("currency", "slice", "numerator")
    kept = {(currency, tuple(sorted(part.items()))): minor for currency, part, minor in told}
    return {key: minor for key, minor in kept.items() if minor is not None}


def _segments(creditor: Creditor, language: str) -> dict[str, str]:
    own = SegmentSet.objects.filter(creditor=creditor, active_since__isnull=False).order_by("-version").first()
    return {
        each["key"]: str(each["label"].get(language) or each["key"])
        for each in [*starter(), *(own.segments if own else ())]
    }


def _risks(creditor: Creditor, language: str, as_of: date) -> list[Row]:
    rows = Profile.objects.filter(creditor=creditor, overdue_minor__gt=0).select_related("customer")
    return [
        Row(
            text=row.customer.name,
            url=address("customer", row.customer_id),
            small=ngettext("oldest invoice %(n)d day late", "oldest invoice %(n)d days late", row.days_past_due(as_of))
            % {"n": row.days_past_due(as_of)},
            value=amount(row.overdue_minor, row.currency, language),
        )
        for row in rows.order_by("-overdue_minor", "customer_id")[:MOST]
    ]


def _broken(creditor: Creditor, language: str, as_of: date) -> tuple[list[Row], str]:
    broken = Promise.objects.filter(
        customer__creditor=creditor, state=PromiseState.BROKEN, judged_on__gt=as_of - WEEK, judged_on__lte=as_of
    )
    rows = [
        Row(
            text=row.customer.name, url=address("customer", row.customer_id), small=str(row.taken_by or ""),
            value=amount(row.amount_minor - row.kept_minor, row.currency, language),
        )
        for row in broken.select_related("customer", "taken_by").order_by("-amount_minor", "pk")[:MOST]
    ]  # fmt: skip
    sums = broken.values_list("currency").annotate(n=Count("pk"), minor=Sum("amount_minor") - Sum("kept_minor"))
    told = [
        ngettext("%(n)d in all: %(amount)s", "%(n)d in all: %(amount)s", n)
        % {"n": n, "amount": amount(minor, currency, language)}
        for currency, n, minor in sums.order_by("currency")
    ]
    return rows, ", ".join(told)


def _disputes(creditor: Creditor, as_of: date) -> tuple[list[Row], str]:
    open_ones = Dispute.objects.filter(customer__creditor=creditor, resolved_at=None, due_on__lt=as_of)
    late = open_ones.select_related("customer", "invoice", "owner").order_by("due_on", "pk")
    count = late.count()
    rows = [
        Row(
            text=f"{row.customer.name} – {row.invoice.reference}", url=address("customer", row.customer_id),
            small=" · ".join(part for part in (str(row.get_reason_display()), str(row.owner or "")) if part), bad=True,
            value=_("%(n)d d") % {"n": (as_of - row.due_on).days if row.due_on else 0},
        )
        for row in late[:MOST]
    ]  # fmt: skip
    more = ngettext("%(n)d more", "%(n)d more", count - MOST) % {"n": count - MOST} if count > MOST else ""
    return rows, more


def _workload(creditor: Creditor, as_of: date) -> list[Row]:
    """What waits with each person, and what they did in the week; the fullest desk first."""
    since, until = end_of_day(as_of - WEEK, creditor.time_zone), end_of_day(as_of, creditor.time_zone)
    waiting = {
        who: (n, late) for who, n, late in Task.objects.filter(creditor=creditor, done_at=None, due_on__lte=as_of)
        .order_by().values_list("assignee").annotate(n=Count("pk"), late=Count("pk", filter=Q(due_on__lt=as_of)))
    }  # fmt: skip
    done = dict(
        Task.objects.filter(creditor=creditor, done_at__gte=since, done_at__lt=until).exclude(done_by=None)
        .order_by().values_list("done_by").annotate(n=Count("pk"))
    )  # fmt: skip
    people = User.objects.in_bulk([pk for pk in {*waiting, *done} if pk])
    rows = []
    for who in sorted({*waiting, *done}, key=lambda pk: (-waiting.get(pk, (0, 0))[0], pk or 0)):
        n, late = waiting.get(who, (0, 0))
        small = ngettext("%(n)d done this week", "%(n)d done this week", done.get(who, 0)) % {"n": done.get(who, 0)}
        if late:
            small += " · " + ngettext("%(n)d late", "%(n)d late", late) % {"n": late}
        text = str(people[who]) if who in people else _("Nobody yet")
        rows.append(Row(text, small=small, value=ngettext("%(n)d waits", "%(n)d wait", n) % {"n": n}, bad=late > 0))
    return rows
