"""What Stripe says, in our words: of an event of its hook, and of its objects as they are asked for, by the same rules.

In: Stripe's objects as plain dictionaries (docs.stripe.com/api). Out: words, each named after the object and what became
of it. Never: a word about what is not ours, or more of an object than its name and state kept.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from amiable.payments.providers import Saved, Word, WordKind

Thing = Mapping[str, Any]

# The events that our hook is to be told, and no others.
EVENTS = (
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.succeeded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "setup_intent.succeeded",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "mandate.updated",
)
# Codes of an error or a decline that mean: typed wrongly.
INPUT_ERRORS = frozenset(
    {
        "incorrect_number", "invalid_number", "incorrect_cvc", "invalid_cvc", "invalid_expiry_month",
        "invalid_expiry_year", "incorrect_zip", "incorrect_address", "invalid_owner_name",
    }
)  # fmt: skip
BRANDS = {
    "amex": "American Express", "cartes_bancaires": "CB", "diners": "Diners Club", "discover": "Discover", "jcb": "JCB",
    "mastercard": "Mastercard", "unionpay": "UnionPay", "visa": "Visa",
}  # fmt: skip
METHODS = {"card": "card", "sepa_debit": "direct_debit"}  # as the ledger calls them
UNTOUCHED = {"warning_needs_response", "warning_under_review", "warning_closed", "prevented"}  # no money has moved
GONE_WRONG = {"failed", "canceled"}


def of_event(event: Thing) -> list[Word]:
    """An event of the hook; those that mean nothing to us say nothing."""
    thing, at = event["data"]["object"], moment(event["created"])
    if event["type"] not in EVENTS:
        return []
    match thing["object"]:
        case "payment_intent":
            return of_intent(thing, at=at)
        case "charge":
            return of_charge(thing, at=at)
        case "refund":
            return of_refund(thing, at=at)
        case "dispute":
            return of_dispute(thing, at=at)
        case "payment_method":
            return _of_method(thing, at=at, detached=event["type"] == "payment_method.detached")
        case "mandate" if thing["status"] == "inactive":
            ended = Saved(reference=_id(thing.get("payment_method")), authority=thing["id"])
            return [_word(thing, WordKind.ENDED, "inactive", at=at, saved=ended)]
    return []


def of_intent(intent: Thing, *, at: datetime) -> list[Word]:
    """A PaymentIntent: its state says it all, whatever the event was called. One without our token is not ours."""
    token, status = _token(intent), intent["status"]
    if not token:
        return []
    if status == "succeeded":
        return [_paid(intent["id"], token, intent, intent.get("amount_received") or intent["amount"], at=at)]
    if status == "processing":
        return [_word(intent, WordKind.PENDING, "processing", at=at, attempt=token)]
    if status == "requires_action":
        return [_word(intent, WordKind.STARTED, "action", at=at, attempt=token)]
    if status == "canceled":
        return [_word(intent, WordKind.ABANDONED, "canceled", at=at, attempt=token)]
    error = intent.get("last_payment_error")
    if not error:
        return []
    code = str(error.get("decline_code") or error.get("code") or "")
    what = f"failed:{_id(intent.get('latest_charge')) or error.get('charge') or ''}:{code}"
    kind = WordKind.INPUT_ERROR if code in INPUT_ERRORS else WordKind.FAILED
    return [_word(intent, kind, what, at=at, attempt=token, detail=code[:60])]


def of_charge(charge: Thing, *, at: datetime) -> list[Word]:
    """A successful charge says besides by what it was paid, and what was saved with it where that was wished."""
    token, intent = _token(charge), _id(charge.get("payment_intent"))
    if not token or not intent or charge["status"] != "succeeded":
        return []
    details = charge.get("payment_method_details") or {}
    scheme = str(details.get("type", ""))
    amount = charge.get("amount_captured") or charge["amount"]
    words = [_paid(intent, token, charge, amount, at=at, method=METHODS.get(scheme, scheme))]
    kept = _saved(charge.get("payment_method"), charge.get("customer"), scheme, details.get(scheme) or {})
    if charge["metadata"].get("save") and kept is not None:
        words.append(_word(charge, WordKind.SAVED, "saved", at=at, attempt=token, saved=kept))
    return words


def of_refund(refund: Thing, *, at: datetime) -> list[Word]:
    """Money that goes back to the customer; where that fails, it is ours again as new money."""
    intent = _id(refund.get("payment_intent"))
    if not intent:
        return []
    money = {"amount_minor": refund["amount"], "currency": refund["currency"].upper()}
    told = {"attempt": intent, **money}
    words = [
        _word(refund, WordKind.REFUNDED, "refunded", at=moment(refund["created"]), payment=intent, **told)
    ]  # fmt: skip
    if refund.get("status") in GONE_WRONG:
        why = str(refund.get("failure_reason") or "")[:60]
        again = _word(
            refund, WordKind.SUCCEEDED, "returned", at=at, payment=refund["id"], detail=why, method="", **told
        )
        words.append(again)
    return words


def of_dispute(dispute: Thing, *, at: datetime) -> list[Word]:
    """A charge-back, or a returned debit, which nobody can win. Won, the money is ours again as new money."""
    intent = _id(dispute.get("payment_intent"))
    if not intent or dispute["status"] in UNTOUCHED:
        return []
    told = {"attempt": intent, "amount_minor": dispute["amount"], "currency": dispute["currency"].upper()}
    why = str(dispute.get("reason") or "")[:60]
    since = moment(dispute["created"])
    words = [_word(dispute, WordKind.CHARGED_BACK, "withdrawn", at=since, payment=intent, detail=why, **told)]
    if dispute["status"] == "won":
        words.append(_word(dispute, WordKind.SUCCEEDED, "reinstated", at=at, payment=dispute["id"], method="", **told))
    return words


def of_setup(setup: Thing, *, at: datetime) -> list[Word]:
    """A SetupIntent with its `payment_method` in full."""
    method = setup.get("payment_method")
    if setup["status"] != "succeeded" or not _token(setup) or not isinstance(method, Mapping):
        return []
    scheme = method["type"]
    kept = _saved(method["id"], setup.get("customer"), scheme, method.get(scheme) or {}, _id(setup.get("mandate")))
    if kept is None:
        return []
    return [_word(setup, WordKind.SAVED, "saved", at=at, attempt=_token(setup), saved=kept)]


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _of_method(method: Thing, *, at: datetime, detached: bool) -> list[Word]:
    """A card that its bank has renewed, or one that was taken away at Stripe."""
    if detached:
        return [_word(method, WordKind.ENDED, "detached", at=at, saved=Saved(reference=method["id"]))]
    scheme = method["type"]
    kept = _saved(method["id"], method.get("customer"), scheme, method.get(scheme) or {})
    if kept is None:
        return []
    return [_word(method, WordKind.SAVED, f"updated:{kept.label[-4:]}:{kept.expires_on}", at=at, saved=kept)]


def _paid(intent: str, token: str, thing: Thing, amount: int, *, at: datetime, method: str = "") -> Word:
    """The one payment that a PaymentIntent can lead to, told by itself or by its charge."""
    types = thing.get("payment_method_types") or []
    known = method or (METHODS.get(types[0], types[0]) if len(types) == 1 else "")
    return Word(
        external_id=f"{intent}:succeeded",
        kind=WordKind.SUCCEEDED,
        attempt=token,
        at=at,
        payment=intent,
        amount_minor=amount,
        currency=thing["currency"].upper(),
        method=known,
        raw=_kept(thing),
    )


def _saved(method: Any, payer: Any, scheme: str, details: Thing, authority: str = "") -> Saved | None:
    """A card or an account as its owner knows it. Other ways to pay cannot be charged again by us."""
    if not _id(method) or scheme not in METHODS:
        return None
    last = details.get("last4") or ""
    if scheme == "card":
        brand = str(details.get("brand") or "")
        month, year = details.get("exp_month"), details.get("exp_year")
        return Saved(
            reference=_id(method),
            payer=_id(payer),
            scheme=scheme,
            label=f"{BRANDS.get(brand, brand.title())} •••• {last}".strip(),
            expires_on=date(year, month, monthrange(year, month)[1]) if month and year else None,
        )
    return Saved(
        reference=_id(method), payer=_id(payer), scheme=scheme, label=f"IBAN {details.get('country') or ''} •••• {last}",
        authority=authority or str(details.get("mandate") or ""),
    )  # fmt: skip


def _word(thing: Thing, kind: WordKind, what: str, *, at: datetime, attempt: str = "", **more: Any) -> Word:
    return Word(external_id=f"{thing['id']}:{what}"[:200], kind=kind, attempt=attempt, at=at, raw=_kept(thing), **more)


def _kept(thing: Thing) -> dict[str, Any]:
    """Enough to find it at Stripe; names, addresses and the ends of numbers stay there."""
    return {"object": thing["object"], "id": thing["id"], "status": thing.get("status", "")}


def _token(thing: Thing) -> str:
    return str((thing.get("metadata") or {}).get("attempt") or "")


def _id(thing: Any) -> str:
    """The name of what is told in full or by its name only."""
    return str(thing["id"] if isinstance(thing, Mapping) else thing or "")
