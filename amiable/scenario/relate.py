"""What a message tells of a customer's own payments, promises and plans: the context that texts read it from.

In: a purpose and a customer. Out: what outreach/tell.py fills names with, from the newest rows. It writes nothing.
"""

from collections.abc import Mapping
from typing import Any

from amiable.ledger.models import Credit, CreditKind, Customer
from amiable.payments.attempt import local_day
from amiable.payments.models import Attempt, AttemptState, Plan, Promise

PROMISES = {"promise_confirmed", "promise_broken"}
PLANS = {"plan_offered", "plan_agreed", "plan_due", "plan_late"}


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
        return {"payment": told_of_payment(paid)} if paid else {}
    if purpose == "payment_failed":
        tries = Attempt.objects.filter(**theirs, state=AttemptState.FAILED, ended_at__isnull=False)
        tried = tries.select_related("creditor").order_by("-ended_at", "-pk").first()
        return {"payment": told_of_failure(tried)} if tried else {}
    return {}


# A provider's code for a refusal, as one of the reasons that a customer may read (outreach/tell.py). Codes that say more
# about suspicion than about the account (lost, stolen, fraud) are told as a plain refusal.
REASONS: Mapping[str, str] = {
    "insufficient_funds": "insufficient",
    "withdrawal_count_limit_exceeded": "insufficient",
    "card_velocity_exceeded": "insufficient",
    "expired_card": "expired",
    "account_closed": "account",
    "bank_account_restricted": "account",
    "debit_not_authorized": "account",
    "processing_error": "technical",
    "issuer_not_available": "technical",
    "try_again_later": "technical",
}


def told_of_payment(credit: Credit) -> dict[str, Any]:
    return {"amount_minor": credit.amount_minor, "received_on": str(credit.received_on)}


def told_of_failure(tried: Attempt) -> dict[str, Any]:
    assert tried.ended_at is not None  # a try that failed has ended
    failure = REASONS.get(tried.decline_code, "refused") if tried.decline_code else ""
    day = local_day(tried.creditor, tried.ended_at)
    return {"amount_minor": tried.amount_minor, "failed_on": str(day), "failure": failure}


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
        "answer_by": str(plan.answer_by or ""),
        "debit": plan.mandate.label if plan.mandate else "",
        "instalments": [
            {"due_on": str(part.due_on), "amount_minor": part.amount_minor, "paid_minor": part.paid_minor}
            for part in parts
        ],
    }
