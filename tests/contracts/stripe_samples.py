"""Calls of Stripe's hook, written after its documentation (docs.stripe.com/api, version 2026-10-28), and their signature."""

import itertools
import json
from datetime import datetime
from typing import Any

from amiable.payments.providers import signed, stripe
from tests.payments.rows import NOW

CONFIG = {"publishable_key": "pk_test_51Amiable", "secret_key": "sk_test_51Amiable", "webhook_secret": "whsec_4miable"}
_number = itertools.count(1)


def sign(body: bytes, at: datetime, secret: str = CONFIG["webhook_secret"]) -> dict[str, str]:
    return {"Stripe-Signature": signed.signature(body, secret=secret.encode(), now=at)}


def event(kind: str, thing: dict[str, Any], *, at: datetime = NOW, **more: Any) -> bytes:
    """An event as the hook is sent it: pretty-printed, with the object as it was then."""
    content = {
        "id": f"evt_{next(_number):024}",
        "object": "event",
        "api_version": stripe.VERSION,
        "created": int(at.timestamp()),
        "data": {"object": thing},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_1", "idempotency_key": None},
        "type": kind,
    }
    return json.dumps(content | more, indent=2).encode()


def intent(token: str, status: str = "succeeded", **more: Any) -> dict[str, Any]:
    thing = {
        "id": "pi_3Amiable",
        "object": "payment_intent",
        "amount": 12_345,
        "amount_received": 12_345 if status == "succeeded" else 0,
        "canceled_at": None,
        "client_secret": "pi_3Amiable_secret_x",
        "created": int(NOW.timestamp()),
        "currency": "eur",
        "customer": None,
        "last_payment_error": None,
        "latest_charge": "ch_3Amiable" if status in {"succeeded", "processing"} else None,
        "livemode": False,
        "metadata": {"attempt": token} if token else {},
        "payment_method": "pm_1Amiable",
        "payment_method_types": ["card", "sepa_debit", "link"],
        "status": status,
    }
    return thing | more


def refused(token: str, code: str, decline_code: str = "", charge: str = "ch_3Refused", **more: Any) -> dict[str, Any]:
    error = {
        "charge": charge, "code": code, "decline_code": decline_code or None, "message": "Your card was declined.",
        "type": "card_error",
    }  # fmt: skip
    return intent(token, "requires_payment_method", last_payment_error=error, latest_charge=charge, **more)


def charge(token: str, scheme: str = "card", **more: Any) -> dict[str, Any]:
    details = {
        "card": {
            "brand": "visa",
            "country": "FR",
            "exp_month": 2,
            "exp_year": 2028,
            "funding": "debit",
            "last4": "4242",
        },
        "sepa_debit": {"bank_code": "30006", "country": "FR", "last4": "2606", "mandate": "mandate_1Amiable"},
    }[scheme]
    thing = {
        "id": "ch_3Amiable",
        "object": "charge",
        "amount": 12_345,
        "amount_captured": 12_345,
        "amount_refunded": 0,
        "created": int(NOW.timestamp()),
        "currency": "eur",
        "customer": "cus_Amiable",
        "disputed": False,
        "metadata": {"attempt": token} if token else {},
        "payment_intent": "pi_3Amiable",
        "payment_method": "pm_1Amiable",
        "payment_method_details": {"type": scheme, scheme: details},
        "status": "succeeded",
    }
    return thing | more


def refund(**more: Any) -> dict[str, Any]:
    thing = {
        "id": "re_3Amiable",
        "object": "refund",
        "amount": 4_000,
        "charge": "ch_3Amiable",
        "created": int(NOW.timestamp()),
        "currency": "eur",
        "metadata": {},
        "payment_intent": "pi_3Amiable",
        "reason": None,
        "status": "succeeded",
    }
    return thing | more


def dispute(status: str = "needs_response", **more: Any) -> dict[str, Any]:
    thing = {
        "id": "du_1Amiable",
        "object": "dispute",
        "amount": 12_345,
        "balance_transactions": [],
        "charge": "ch_3Amiable",
        "created": int(NOW.timestamp()),
        "currency": "eur",
        "is_charge_refundable": False,
        "metadata": {},
        "payment_intent": "pi_3Amiable",
        "reason": "fraudulent",
        "status": status,
    }
    return thing | more


def setup(token: str, **more: Any) -> dict[str, Any]:
    thing = {
        "id": "seti_1Amiable",
        "object": "setup_intent",
        "created": int(NOW.timestamp()),
        "customer": "cus_Amiable",
        "mandate": None,
        "metadata": {"attempt": token},
        "payment_method": "pm_1Amiable",
        "payment_method_types": ["card", "sepa_debit"],
        "status": "succeeded",
        "usage": "off_session",
    }
    return thing | more


def method(scheme: str = "card", **more: Any) -> dict[str, Any]:
    details = charge("", scheme)["payment_method_details"]
    thing = {"id": "pm_1Amiable", "object": "payment_method", "created": 1, "customer": "cus_Amiable", "metadata": {}}
    return thing | details | more
