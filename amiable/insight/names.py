"""What the values of dimensions are called in the reader's language: segments, steps, channels, colleagues, campaigns.

In: a creditor, a dimension, values. Out: a name for each; a value that nobody named reads as it is, none as a dash.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from django.utils.translation import get_language, gettext_lazy

from amiable.casework.models import DisputeReason, SurveyAfter, TaskKind
from amiable.core.language import day
from amiable.core.models import User
from amiable.ledger.kinds import Medium
from amiable.ledger.models import Branch, Creditor
from amiable.outreach.models import Tone
from amiable.payments.models import Journey
from amiable.portfolio import segments
from amiable.portfolio.models import SegmentSet
from amiable.scenario.models import Campaign, Scenario

Names = Mapping[Any, Any]  # texts, lazy ones too

# Purposes of messages and steps of scenarios share their names.
STEPS = {
    "courtesy_notice": gettext_lazy("Courtesy notice"),
    "reminder_1": gettext_lazy("First reminder"),
    "reminder_2": gettext_lazy("Second reminder"),
    "reminder_3": gettext_lazy("Third reminder"),
    "call": gettext_lazy("Call"),
    "formal_notice": gettext_lazy("Formal notice"),
    "statement": gettext_lazy("Statement of account"),
    "receipt": gettext_lazy("Receipt"),
    "promise_confirmed": gettext_lazy("Promise confirmed"),
    "invoice_copy": gettext_lazy("Copy of an invoice"),
    "promise_broken": gettext_lazy("Promise broken"),
    "plan_offered": gettext_lazy("Plan offered"),
    "plan_agreed": gettext_lazy("Plan agreed"),
    "plan_due": gettext_lazy("Instalment to come"),
    "plan_late": gettext_lazy("Plan late"),
    "payment_failed": gettext_lazy("Payment failed"),
    "payment_link": gettext_lazy("Link to pay"),
    "dispute_received": gettext_lazy("Dispute received"),
    "dispute_answered": gettext_lazy("Dispute answered"),
    "dispute_message": gettext_lazy("About a dispute"),
    "hardship_help": gettext_lazy("Help in hardship"),
    "early_warning": gettext_lazy("Early warning"),
    "survey": gettext_lazy("Satisfaction survey"),
    "own_words": gettext_lazy("Message of a colleague"),
}
BANDS = {
    "not_due": gettext_lazy("Not yet due"),
    "1_30": gettext_lazy("1–30 days"),
    "31_60": gettext_lazy("31–60 days"),
    "61_90": gettext_lazy("61–90 days"),
    "over_90": gettext_lazy("over 90 days"),
}
AGES = {
    "0_7": gettext_lazy("up to 7 days"),
    "8_30": gettext_lazy("8–30 days"),
    "31_60": gettext_lazy("31–60 days"),
    "over_60": gettext_lazy("over 60 days"),
}
STAGES = {
    "due": gettext_lazy("Not contacted"),
    "contacted": gettext_lazy("Contacted, not known to be reached"),
    "reached": gettext_lazy("Reached, no try to pay"),
    "tried": gettext_lazy("Tried to pay"),
}
WAYS_IN = {"other": gettext_lazy("By another way")}  # money that no try to pay brought
# What each dimension is called.
HEADS = {
    "period": gettext_lazy("Month"),
    "week": gettext_lazy("Week"),
    "day": gettext_lazy("Day"),
    "segment": gettext_lazy("Segment"),
    "origin": gettext_lazy("Segment before"),
    "scenario": gettext_lazy("Scenario"),
    "version": gettext_lazy("Version"),
    "stage": gettext_lazy("How far it came"),
    "step": gettext_lazy("Step"),
    "channel": gettext_lazy("Channel"),
    "template": gettext_lazy("Text"),
    "tone": gettext_lazy("Tone"),
    "journey": gettext_lazy("Journey"),
    "campaign": gettext_lazy("Campaign"),
    "collector": gettext_lazy("Colleague"),
    "task": gettext_lazy("Kind of task"),
    "agency": gettext_lazy("Agency"),
    "branch": gettext_lazy("Branch"),
    "sector": gettext_lazy("Sector"),
    "bucket": gettext_lazy("Age"),
    "was": gettext_lazy("Age 30 days before"),
    "cause": gettext_lazy("Cause"),
    "age": gettext_lazy("Age"),
    "after": gettext_lazy("Occasion"),
    "months": gettext_lazy("Months since"),
}
# What a part without a value is: not nothing, but those for whom it does not apply.
NONE = {
    "segment": gettext_lazy("No segment"),
    "origin": gettext_lazy("No segment"),
    "campaign": gettext_lazy("Without a campaign"),
    "collector": gettext_lazy("Without a colleague"),
    "step": gettext_lazy("Without a reminder"),
    "scenario": gettext_lazy("Without a scenario"),
    "channel": gettext_lazy("Without a channel"),
    "journey": gettext_lazy("Without a try to pay"),
    "branch": gettext_lazy("No branch"),
    "sector": gettext_lazy("No sector"),
}


def step(key: str) -> str:
    """A step or purpose as people say it; one that nobody named here reads as its key."""
    return str(STEPS.get(key) or key.replace("_", " ").capitalize())


def named(*, creditor: Creditor, dimension: str, values: Iterable[Any]) -> dict[Any, str]:
    """A name for each of the values of a dimension."""
    wanted = list(values)
    known = _KNOWN[dimension](creditor, wanted) if dimension in _KNOWN else {}
    return {value: _name(dimension, value, known) for value in wanted}


def _name(dimension: str, value: Any, known: Names) -> str:
    if value in (None, ""):
        return str(NONE.get(dimension, "–"))
    return str(known.get(value) or known.get(str(value)) or value)


def head(dimension: str) -> str:
    """A dimension as people say it; one that nobody named here reads as its key."""
    return str(HEADS.get(dimension) or dimension.replace("_", " ").capitalize())


def ordered(keys: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Parts with steps as they follow one another, others by their words, and last what is of none."""
    climb = list(STEPS)
    return sorted(
        keys, key=lambda key: [(x in (None, ""), climb.index(x) if x in climb else len(climb), str(x)) for x in key]
    )


def segment_names(creditor: Creditor) -> dict[str, str]:
    """The segments of a creditor, in their order."""
    own = SegmentSet.objects.filter(creditor=creditor, active_since__isnull=False).order_by("-version").first()
    rules = [*segments.starter(), *(own.segments if own else ())]
    return {each["key"]: _labelled(each) for each in rules}


def _labelled(told: Mapping[str, Any]) -> str:
    label = told["label"]
    return str(label.get((get_language() or "fr")[:2], label["en"]))


def _scenarios(creditor: Creditor, _wanted: list[Any]) -> Names:
    rows = Scenario.objects.filter(creditor=None) | Scenario.objects.filter(creditor=creditor)
    return {key: _labelled(data) for key, data in rows.order_by("version").values_list("key", "data")}


def _dated(pattern: str) -> Callable[[Creditor, list[Any]], Names]:
    def told(_creditor: Creditor, wanted: list[Any]) -> Names:
        return {each: day(each, pattern, (get_language() or "fr")[:2]) for each in wanted if isinstance(each, date)}

    return told


def _of(choices: Any) -> Callable[[Creditor, list[Any]], Names]:
    return lambda _creditor, _wanted: dict(choices.choices)


_KNOWN: Mapping[str, Callable[[Creditor, list[Any]], Names]] = {
    "segment": lambda creditor, _wanted: segment_names(creditor),
    "scenario": _scenarios,
    "step": lambda _creditor, wanted: {each: step(each) for each in wanted if each},
    "template": lambda _creditor, wanted: {each: step(each) for each in wanted if each},
    "bucket": lambda _creditor, _wanted: BANDS,
    "was": lambda _creditor, _wanted: BANDS,
    "age": lambda _creditor, _wanted: AGES,
    "after": _of(SurveyAfter),
    "channel": _of(Medium),
    "tone": _of(Tone),
    "journey": lambda _creditor, _wanted: {**dict(Journey.choices), **WAYS_IN},
    "stage": lambda _creditor, _wanted: STAGES,
    "cause": _of(DisputeReason),
    "task": _of(TaskKind),
    "period": _dated("LLL y"),
    "week": _dated("d MMM y"),
    "day": _dated("d MMM y"),
    "origin": lambda creditor, _wanted: segment_names(creditor),
    "collector": lambda _creditor, wanted: {row.pk: str(row) for row in User.objects.filter(pk__in=_ids(wanted))},
    "campaign": lambda creditor, wanted: {
        row.pk: row.name for row in Campaign.objects.filter(creditor=creditor, pk__in=_ids(wanted))
    },
    "branch": lambda creditor, wanted: {
        row.pk: row.name for row in Branch.objects.filter(creditor=creditor, pk__in=_ids(wanted))
    },
}  # fmt: skip


def _ids(wanted: list[Any]) -> list[int]:
    return [int(each) for each in wanted if each not in (None, "")]
