"""What a message tells of a customer's own payments, promises and plans: the context that texts read it from.

In: a purpose and a customer. Out: what outreach/tell.py fills names with, from the newest rows. It writes nothing.
"""

from typing import Any

from amiable.ledger.models import Credit, CreditKind, Customer
from amiable.payments.models import Attempt, AttemptState, Plan, Promise

PROMISES = {"promise_confirmed", "promise_broken"}
PLANS = {"plan_offered", "plan_agreed", "plan_late"}


def related(*, purpose: str, customer: Customer, currency: str) -> dict[str, Any]:
    """The context for a message of this purpose; empty where the customer has nothing of the kind."""
    theirs = {"customer": customer, "currency": currency}
    if purpose in PROMISES:
        promise = Promise.objects.filter(**theirs).order_by("-taken_at", "-pk").first()
        return {"promise": told_of_promise(promise)} if promise else {}
    if purpose in PLANS:
        plan = Plan.objects.filter(**theirs).order_by("-offered_at", "-pk").first()
        return {"plan": told_of_plan(plan)} if plan else {}
    if purpose == "receipt":
        paid = Credit.objects.filter(**theirs, kind=CreditKind.PAYMENT).order_by("-received_on", "-pk").first()
        return {"payment": {"amount_minor": paid.amount_minor, "received_on": str(paid.received_on)}} if paid else {}
    if purpose == "payment_failed":
        tries = Attempt.objects.filter(**theirs, state=AttemptState.FAILED, ended_at__isnull=False)
        tried = tries.order_by("-ended_at", "-pk").first()
        day = str(tried.ended_at.date()) if tried and tried.ended_at else ""
        return {"payment": {"amount_minor": tried.amount_minor, "failed_on": day}} if tried else {}
    return {}


def told_of_promise(promise: Promise) -> dict[str, Any]:
    return {
        "amount_minor": promise.amount_minor,
        "promised_for": str(promise.promised_for),
        "kept_minor": promise.kept_minor,
    }


def told_of_plan(plan: Plan) -> dict[str, Any]:
    parts = plan.instalments.order_by("due_on", "pk")
    return {
        "total_minor": plan.total_minor,
        "instalments": [
            {"due_on": str(part.due_on), "amount_minor": part.amount_minor, "paid_minor": part.paid_minor}
            for part in parts
        ],
    }
