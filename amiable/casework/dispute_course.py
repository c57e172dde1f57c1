"""The course of a dispute, by its category: within how many business days it is answered, by whom, by which steps.

In: a creditor and a reason. Out: a Course: what the creditor declares (policy `disputes`), else what is usual.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from amiable.casework.entrust import ROLES
from amiable.casework.models import DisputeReason
from amiable.ledger.models import Creditor

POLICY = "disputes"
MOST_STEPS = 12
# What is usual; a creditor's own steps are sentences of its own.
STEPS: Mapping[str, Promise] = {
    "compare": _("Compare the invoice with the order and the contract"),
    "proof": _("Find the proof of delivery"),
    "ask_sales": _("Ask the salesperson"),
    "ask_service": _("Ask whoever did the work"),
    "find_owner": _("Find out for whom the invoice is"),
    "credit_note": _("Have the credit note issued"),
    "answer": _("Answer the customer"),
}


@dataclass(frozen=True)
class Course:
    days: int
    role: str
    steps: tuple[str, ...]


USUAL: Mapping[str, Course] = {
    DisputeReason.AMOUNT: Course(5, "accountant", ("compare", "credit_note", "answer")),
    DisputeReason.NOT_RECEIVED: Course(5, "customer_service", ("proof", "ask_service", "answer")),
    DisputeReason.QUALITY: Course(10, "sales", ("ask_sales", "ask_service", "answer")),
    DisputeReason.NOT_MINE: Course(3, "collector", ("find_owner", "answer")),
    DisputeReason.CREDIT_EXPECTED: Course(10, "accountant", ("compare", "credit_note")),
    DisputeReason.OTHER: Course(5, "collector", ("ask_sales", "answer")),
}


def course_of(creditor: Creditor, reason: str) -> Course:
    usual, told = USUAL[reason], creditor.policy.get(POLICY, {}).get(reason, {})
    role = told.get("role") or usual.role
    return Course(
        days=int(told.get("days") or usual.days),
        role=role if role in ROLES else usual.role,
        steps=tuple(told.get("steps") or usual.steps)[:MOST_STEPS],
    )


def begun(course: Course) -> list[dict[str, Any]]:
    """The steps as a new dispute keeps them, none of them done."""
    return [{"key": each} if each in STEPS else {"text": each[:200]} for each in course.steps]


def step_label(step: Mapping[str, Any]) -> str:
    key = step.get("key", "")
    return str(STEPS[key]) if key in STEPS else str(step.get("text") or key)
