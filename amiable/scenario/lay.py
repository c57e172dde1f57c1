"""What the day's decisions ask of people: calls, words to give, messages by hand, work to do, what goes to a higher role.

Comes in: decisions with their steps. Goes out: tasks and notifications, each once however often the day is run.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy

from amiable.casework.entrust import all_of, by_rule, in_charge
from amiable.casework.models import NotificationKind, Task, TaskKind
from amiable.casework.notify import notify
from amiable.core.models import User
from amiable.ledger.models import Customer
from amiable.scenario.models import Decision, Verdict

Steps = Mapping[tuple[int, str], Mapping[str, Any]]
KINDS = {"call": TaskKind.CALL, "manual": TaskKind.MANUAL, "task": TaskKind.OTHER, "escalate": TaskKind.OTHER}
TITLES = {
    "ask": gettext_lazy("Confirm the formal notice"),
    "call": gettext_lazy("Call about overdue invoices"),
    "manual": gettext_lazy("Send the message by hand"),
    "task": gettext_lazy("Look after the overdue invoices"),
    "escalate": gettext_lazy("Take over: the steps before did not help"),
}
HIGHER = ("credit_manager", "admin")  # to whom the first, and any further, escalation of a journey goes


def lay(decisions: Iterable[Decision], steps: Steps, *, as_of: date, now: datetime) -> int:
    """The tasks of these decisions, for the persons responsible; returns how many are new.

    `steps`: the settings of each step, by scenario version and key, in the order of the journey.
    """
    wanted = [each for each in decisions if each.verdict == Verdict.ASK or each.action in KINDS]
    keys = {_key(each): each for each in wanted}
    known = set(Task.objects.filter(key__in=keys).values_list("key", flat=True))
    fresh = [each for key, each in keys.items() if key not in known]
    roles = {each.pk: _role(each, steps) for each in fresh}
    charged = _charged(fresh, roles, as_of=as_of)
    Task.objects.bulk_create(
        [
            _task(each, steps[each.scenario_id, each.step], roles[each.pk], charged.get(each.pk), as_of=as_of, now=now)
            for each in fresh
        ],
        ignore_conflicts=True,
    )
    raised = [each for each in fresh if each.verdict == Verdict.DO and each.action == "escalate"]
    for each in raised:
        _tell(each, steps[each.scenario_id, each.step], roles[each.pk], charged.get(each.pk), as_of=as_of, now=now)
    return len(fresh)


def _key(decision: Decision) -> str:
    kind = TaskKind.CONFIRM if decision.verdict == Verdict.ASK else KINDS[decision.action]
    return f"{decision.action if kind == TaskKind.OTHER else kind}:{decision.pk}"


def _role(decision: Decision, steps: Steps) -> str:
    """Whose work it is: of the role named; an escalation goes one role higher each time. Empty: of whoever collects."""
    step = steps[decision.scenario_id, decision.step]
    if step.get("responsible") or decision.action != "escalate":
        return str(step.get("responsible", ""))
    unnamed = [
        key
        for (scenario, key), each in steps.items()
        if scenario == decision.scenario_id and each.get("action") == "escalate" and not each.get("responsible")
    ]
    return HIGHER[min(unnamed.index(decision.step), len(HIGHER) - 1)]


def _charged(decisions: Iterable[Decision], roles: Mapping[int, str], *, as_of: date) -> dict[int, User]:
    """The person of each decision, where there is one; where no role is named, whom a rule makes the collector."""
    by_role: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        by_role[roles[decision.pk]].append(decision)
    found: dict[int, User] = {}
    for role, theirs in by_role.items():
        customers = {each.customer_id: each.customer for each in theirs}
        about: dict[int, list[int]] = defaultdict(list)
        for each in theirs:
            about[each.customer_id] += [*each.about, *each.also]
        told: dict[str, Any] = {"customers": list(customers.values()), "as_of": as_of, "about": about}
        users = in_charge(role=role, **told) if role else by_rule(role="collector", **told)
        found |= {each.pk: users[each.customer_id] for each in theirs if each.customer_id in users}
    return found


def _task(
    decision: Decision, step: Mapping[str, Any], role: str, assignee: User | None, *, as_of: date, now: datetime
) -> Task:
    kind = TaskKind.CONFIRM if decision.verdict == Verdict.ASK else KINDS[decision.action]
    context = {
        "decision": decision.pk, "step": decision.step, "currency": decision.currency,
        "amount_minor": decision.facts.get("amount_minor", 0), "invoices": [*decision.about, *decision.also],
        "days_late": decision.facts.get("oldest_days_late", 0),
    }  # fmt: skip
    return Task(
        creditor_id=decision.creditor_id, customer_id=decision.customer_id, case_id=decision.case_id, kind=kind,
        key=_key(decision), title=title(decision, step, settings.LANGUAGE_CODE)[:200], due_on=as_of, created_at=now,
        assignee=assignee,
        context=context | ({"responsible": role} if role else {}),
    )  # fmt: skip


def title(decision: Decision, step: Mapping[str, Any], language: str) -> str:
    """What is to be done: as the scenario says it in that language, else in words of our own."""
    own = step.get("title") or {}
    with translation.override(language):
        house = str(TITLES["ask" if decision.verdict == Verdict.ASK else decision.action])
    return str(own.get(language[:2]) or house)


def _tell(
    decision: Decision, step: Mapping[str, Any], role: str, assignee: User | None, *, as_of: date, now: datetime
) -> None:
    """A line for whoever takes it over; for everyone of that role where nobody alone does."""
    customer: Customer = decision.customer
    for user in [assignee] if assignee else all_of(role=role, customer=customer, as_of=as_of):
        notify(
            users=[user],
            text=f"{customer.name}: {title(decision, step, user.language)}",
            key=f"escalate:{decision.pk}",
            kind=NotificationKind.ESCALATION,
            customer=customer,
            now=now,
        )
