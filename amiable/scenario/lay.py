"""What the day's decisions ask of people: calls, words to give, messages by hand, work to do, what goes to a higher role.

Comes in: decisions with their steps. Goes out: tasks and notifications, each once however often the day is run.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

from django.utils import translation
from django.utils.translation import gettext_lazy

from amiable.casework.models import TaskKind
from amiable.casework.pass_up import Wish, pass_up
from amiable.scenario.engine.journey import PLACE
from amiable.scenario.models import Decision, Verdict

Steps = Mapping[tuple[int, str], Mapping[str, Any]]
KINDS = {"call": TaskKind.CALL, "manual": TaskKind.MANUAL, "task": TaskKind.OTHER, "escalate": TaskKind.OTHER}
TITLES = {
    "ask": gettext_lazy("Confirm the formal notice"),
    "call": gettext_lazy("Call about overdue invoices"),
    "manual": gettext_lazy("Send the message by hand"),
    "task": gettext_lazy("Look after the overdue invoices"),
    "escalate": gettext_lazy("Take over: the steps before did not help"),
    PLACE: gettext_lazy("Hand over to an agency"),
}
HIGHER = ("credit_manager", "admin")  # to whom the first, and any further, escalation of a journey goes


def lay(decisions: Iterable[Decision], steps: Steps, *, as_of: date, now: datetime) -> int:
    """The tasks of these decisions, for the persons responsible; returns how many are new.

    `steps`: the settings of each step, by scenario version and key, in the order of the journey.
    """
    wanted = [each for each in decisions if each.verdict == Verdict.ASK or each.action in KINDS]
    return pass_up([_wish(each, steps) for each in wanted], as_of=as_of, now=now)


def _wish(decision: Decision, steps: Steps) -> Wish:
    step = steps[decision.scenario_id, decision.step]
    asks = decision.verdict == Verdict.ASK
    return Wish(
        key=_key(decision), customer=decision.customer, kind=TaskKind.CONFIRM if asks else KINDS[decision.action],
        title=partial(title, decision, step), role=_role(decision, steps), case_id=decision.case_id,
        invoices=(*decision.about, *decision.also), tells=decision.action == "escalate" and not asks,
        context={
            "decision": decision.pk, "step": decision.step, "action": step.get("action", ""), "currency": decision.currency,
            "amount_minor": decision.facts.get("amount_minor", 0),
            "days_late": decision.facts.get("oldest_days_late", 0),
        },
    )  # fmt: skip


def _key(decision: Decision) -> str:
    kind = TaskKind.CONFIRM if decision.verdict == Verdict.ASK else KINDS[decision.action]
    return f"{decision.action if kind == TaskKind.OTHER else kind}:{decision.pk}"


def _role(decision: Decision, steps: Steps) -> str:
    """Whose work it is: of the role named; an escalation goes one role higher each time, and who leads hands over.

    Empty: of whoever collects.
    """
    step = steps[decision.scenario_id, decision.step]
    if step.get("action") == PLACE:
        return str(step.get("responsible") or HIGHER[0])
    if step.get("responsible") or decision.action != "escalate":
        return str(step.get("responsible", ""))
    unnamed = [
        key
        for (scenario, key), each in steps.items()
        if scenario == decision.scenario_id and each.get("action") == "escalate" and not each.get("responsible")
    ]
    return HIGHER[min(unnamed.index(decision.step), len(HIGHER) - 1)]


def title(decision: Decision, step: Mapping[str, Any], language: str) -> str:
    """What is to be done: as the scenario says it in that language, else in words of our own."""
    own = step.get("title") or {}
    with translation.override(language):
        asks = "ask" if decision.verdict == Verdict.ASK else decision.action
        house = str(TITLES[PLACE if step.get("action") == PLACE else asks])
    return str(own.get(language[:2]) or house)
