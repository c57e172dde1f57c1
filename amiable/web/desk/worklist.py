"""What waits for people: which tasks a colleague sees, narrowed as the address says, in the order of their worth.

In: a colleague, the words of an address, now. Out: querysets and rows with their reason. Never: a task of a customer
whom they may not see.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q, QuerySet, Sum

from amiable.casework.entrust import ROLES
from amiable.casework.models import Pace, Task, TaskKind
from amiable.core import money
from amiable.core.models import User
from amiable.ledger.models import Creditor, CustomerKind, Invoice
from amiable.portfolio.models import Profile
from amiable.portfolio.worth import Facts, Worth, worth
from amiable.web.desk import scope, search

MEANT = 1_000  # customers; more mean that too little was typed
SOON = timedelta(minutes=10)  # before an agreed time, the task is there
AGES = (1, 31, 61, 91)
DUES = ("late", "today", "week", "later")
# The order in which kinds are named.
KINDS = [TaskKind.REPLY, TaskKind.CALL, TaskKind.CONFIRM, TaskKind.MANUAL, TaskKind.CHECK, TaskKind.OTHER]


@dataclass(frozen=True)
class Asked:
    """What the address asks for, each word checked; what is unknown is left out."""

    q: str = ""
    kind: str = ""
    creditor: int | None = None
    branch: int | None = None
    who: str = ""  # me, nobody, or the number of a colleague
    segment: str = ""
    least: int | None = None  # overdue, in major units
    age: int | None = None
    due: str = ""
    page: int = 1
    every: bool = False  # everything, although another view is this person's first

    @classmethod
    def read(cls, query: Any) -> "Asked":
        def number(name: str) -> int | None:
            text = query.get(name, "").strip()
            return int(text) if text.isdecimal() and text.isascii() and len(text) < 16 else None

        kind, due, who, age = (query.get(name, "") for name in ("kind", "due", "who", "age"))
        return cls(
            q=query.get("q", "").strip()[:100],
            kind=kind if kind in TaskKind.values else "",
            creditor=number("creditor"),
            branch=number("branch"),
            who=who if who in {"me", "nobody"} or number("who") is not None else "",
            segment=query.get("segment", "")[:40],
            least=number("least"),
            age=int(age) if age.isdecimal() and age.isascii() and len(age) < 3 and int(age) in AGES else None,
            due=due if due in DUES else "",
            page=min(max(number("page") or 1, 1), 1000),
            every=query.get("every") == "1",
        )

    def address(self, **changed: Any) -> str:
        words = {name: getattr(self, name) for name in ("q", "kind", "creditor", "branch", "who", "segment")}
        words |= {"least": self.least, "age": self.age, "due": self.due} | changed
        return "?" + urlencode({name: value for name, value in words.items() if value})

    @property
    def narrowed(self) -> bool:
        return self.address() != "?"

    def without_kind(self) -> "Asked":
        return replace(self, kind="")

    @property
    def elsewhere(self) -> str:
        """The same without the kind: what the chips of the kinds stand in."""
        return self.address(kind="")


@dataclass(frozen=True)
class Row:
    """A task as the list shows it."""

    task: Task
    worth: Worth
    facts: Facts
    owed_minor: int
    currency: str
    pace: Pace
    taken: bool = False  # a colleague has it in hand

    @property
    def gain_minor(self) -> int:
        """The gain expected per minute, in minor units."""
        return round(Decimal(self.worth.gain).scaleb(money.exponent(self.currency)))


def seen(user: User) -> QuerySet[Task]:
    """Every open task of customers whom this user sees."""
    return Task.objects.filter(scope.reach(user, path="customer__", creditor="creditor_id"), done_at=None)


def mine_to_do(user: User, *, today: date) -> Q:
    """The condition that a task is for this user: given to them, to nobody, or late. What waits for a role is shown to
    those who have it, and to everyone once it is late.
    """
    if user.is_superuser:
        return Q(assignee__in=scope.stands_for(user)) | Q(assignee=None) | Q(due_on__lt=today)
    roles = {role for role, held in ROLES.items() if any(each.role == held for each in scope.scopes(user))}
    open_to_me = Q(context__responsible__isnull=True) | Q(context__responsible__in=roles)
    return Q(assignee__in=scope.stands_for(user)) | (Q(assignee=None) & open_to_me) | Q(due_on__lt=today)


def at_hand(user: User, *, today: date, now: datetime) -> QuerySet[Task]:
    """What this user may do now: due, theirs or anybody's, and not before a time that was agreed."""
    return seen(user).filter(mine_to_do(user, today=today), due_on__lte=today).exclude(not_before__gt=now + SOON)


def meant(user: User, asked: Asked) -> list[int] | None:
    """The customers whom the words of the address may mean; None where there are no words."""
    return list(search.find(user, asked.q).values_list("pk", flat=True)[:MEANT]) if asked.q else None


def narrowed(user: User, asked: Asked, *, today: date, now: datetime, meant: list[int] | None = None) -> QuerySet[Task]:
    """The tasks that the address asks for. `meant`: the customers whom its words may mean."""
    if asked.due == "later":
        later = Q(due_on__gt=today) | Q(not_before__gt=now)
        rows = seen(user).filter(later, mine_to_do(user, today=today), due_on__gte=today)
    elif asked.who == "me" and not asked.due:
        rows = (
            seen(user).filter(assignee__in=scope.stands_for(user), due_on__lte=today).exclude(not_before__gt=now + SOON)
        )
    elif asked.due == "week":
        rows = seen(user).filter(mine_to_do(user, today=today), due_on__lte=today + timedelta(days=7))
    elif asked.who not in {"", "me", "nobody"}:
        rows = seen(user).filter(due_on__lte=today)  # the work of a colleague
    else:
        rows = at_hand(user, today=today, now=now)
    by_due = {"late": Q(due_on__lt=today), "today": Q(due_on=today)}
    rows = rows.filter(by_due.get(asked.due, Q()))
    if asked.who == "me":
        rows = rows.filter(assignee__in=scope.stands_for(user))
    elif asked.who == "nobody":
        rows = rows.filter(assignee=None)
    elif asked.who:
        rows = rows.filter(assignee=int(asked.who))
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if asked.creditor:
        rows = rows.filter(creditor=asked.creditor)
    if asked.branch:
        rows = rows.filter(customer__branch=asked.branch)
    if asked.segment:
        rows = rows.filter(segment=asked.segment)
    if asked.least is not None:
        rows = rows.filter(_at_least(user, asked.least, asked.creditor))
    if asked.age:
        rows = rows.filter(oldest_due_on__lte=today - timedelta(days=asked.age), owed_minor__gt=0)
    if meant is not None:
        rows = rows.filter(customer__in=meant)
    return rows


def _at_least(user: User, amount: int, creditor: int | None) -> Q:
    """So much overdue, in each creditor's own currency."""
    found = Q(pk__in=[])
    for currency, creditors in _currencies(user).items():
        minor = int(Decimal(amount).scaleb(money.exponent(currency)))
        meant = [pk for pk in creditors if creditor in (None, pk)]
        found |= Q(creditor__in=meant, owed_minor__gte=minor)
    return found


def _currencies(user: User) -> dict[str, list[int]]:
    """The creditors whom this user sees by their currency, read once per request."""
    kept: dict[str, list[int]] | None = user.__dict__.get("_desk_currencies")
    if kept is None:
        kept = defaultdict(list)
        for pk, currency in scope.visible_creditors(user).values_list("pk", "currency"):
            kept[currency].append(pk)
        user.__dict__["_desk_currencies"] = kept
    return kept


def ordered(rows: QuerySet[Task], due: str = "") -> QuerySet[Task]:
    """Who waits first, an agreed time before all; then the most that a minute may bring. What comes later, by its day."""
    if due == "later":
        return rows.order_by("due_on", "rank", F("gain").desc(), "id")
    return rows.order_by("rank", F("gain").desc(), "due_on", "id")


def told(tasks: Iterable[Task], *, paces: Mapping[str, Pace], today: date, now: datetime, user: User) -> list[Row]:
    """The rows of a page, with the customer's facts and what is overdue at this moment; two queries for all."""
    tasks = list(tasks)
    customers = {task.customer_id for task in tasks}
    profiles = {(row.customer_id, row.currency): row for row in Profile.objects.filter(customer__in=customers)}
    open_now = Invoice.objects.filter(customer__in=customers, open_minor__gt=0, due_on__lt=today)
    owed = {
        (row["customer"], row["currency"]): row["minor"]
        for row in open_now.values("customer", "currency").annotate(minor=Sum("open_minor"))
    }
    rows = []
    for task in tasks:
        currency = str(task.context.get("currency") or task.creditor.currency)
        facts = _facts(task, profiles.get((task.customer_id, currency)), currency, today)
        rows.append(
            Row(
                task,
                worth(kind=task.kind, facts=facts, minutes=paces[task.kind].minutes),
                facts,
                owed.get((task.customer_id, currency), 0),
                currency,
                paces[task.kind],
                bool(task.taken_until and task.taken_until > now and task.taken_by_id != user.pk),
            )
        )
    return rows


def _facts(task: Task, profile: Profile | None, currency: str, today: date) -> Facts:
    consumer = task.customer.kind == CustomerKind.CONSUMER
    if profile is None:
        return Facts(consumer=consumer)
    return Facts(
        overdue=float(money.major(max(profile.overdue_minor - profile.disputed_minor, 0), currency)),
        days_late=profile.days_past_due(today),
        habit=profile.days_late_12m,
        calls=profile.calls_30d,
        answered=profile.calls_answered_90d,
        kept=profile.promises_kept,
        broken=profile.promises_broken,
        consumer=consumer,
    )


def creditors_of(user: User) -> list[Creditor]:
    return list(scope.visible_creditors(user))
