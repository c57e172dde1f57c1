"""Twilio <Pay>: the card goes from the keys of a telephone to Twilio, and from there to the bank's gateway (its Pay Connector).

In: signed calls about a try to pay, whose address names the try, the amount and when the card was asked for. Out: words.
Never: a number of a card: Twilio tells which field is being typed, and at the end the last four digits.

A try has one end. What leads to it is told as of its beginning, so that a word that comes late takes no end back.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core import twilio
from amiable.core.errors import Refused
from amiable.payments.models import Attempt
from amiable.payments.providers import PSP, Reference, Word, WordKind

# What <Pay> calls a field that was typed wrongly (ErrorType). Nothing typed in time (`timeout`) is no typing error.
MISTYPED = frozenset({
    "invalid-card-number", "invalid-card-type", "invalid-date", "invalid-security-code", "invalid-postal-code",
    "input-matching-failed",
})  # fmt: skip
LEFT = frozenset({"caller-hung-up", "caller-interrupted-with-star"})
DECLINED = frozenset({"payment-connector-error", "too-many-failed-attempts", "validation-error", "internal-error"})
FIELDS = ("payment-card-number", "expiration-date", "security-code", "postal-code", "payment-processing")
PAID = "success"
# What is kept of a call: which field, what was wrong with it, the card as it may be shown.
KEPT = (
    "CallSid",
    "For",
    "Attempt",
    "ErrorType",
    "Result",
    "PaymentCardType",
    "PayErrorCode",
    "PaymentConfirmationCode",
)


class Config(forms.Form):
    account_sid = forms.RegexField(twilio.ACCOUNT, label=gettext_lazy("Account SID"), max_length=34)
    auth_token = forms.CharField(label=gettext_lazy("Auth token"), max_length=200, widget=forms.PasswordInput)
    connector = forms.CharField(
        label=gettext_lazy("Pay Connector"), max_length=64, initial="Default",
        help_text=gettext_lazy("Its unique name at Twilio (Voice, Pay Connectors): the way to your bank’s gateway."),
    )  # fmt: skip


class TwilioPay(PSP):
    key = "twilio_pay"
    label = gettext_lazy("Twilio <Pay> (keys of a telephone)")
    supports = frozenset({"keypad"})
    input_errors = MISTYPED
    Config = Config

    def create(self, attempt: Attempt, *, return_url: str, now: datetime) -> Reference:
        raise Refused(_("Twilio takes a card from the keys of a telephone: it has no page to pay on."))

    def refund(self, *, attempt: Attempt, amount_minor: int, key: str, now: datetime) -> Reference:
        raise Refused(
            _(
                "Twilio cannot give money back: do it at the gateway behind it, and the accounts or the bank will tell it."
            )
        )

    def events(self, request: HttpRequest, *, now: datetime) -> Iterable[Word]:
        twilio.believe(request, account_sid=self.config["account_sid"], auth_token=self.config["auth_token"])
        named, said = request.GET, request.POST
        try:
            asked: dict[str, Any] = {
                "attempt": named["attempt"], "since": datetime.fromtimestamp(int(named["since"]), tz=UTC), "now": now,
                "amount_minor": int(named["amount"]), "currency": named["currency"],
            }  # fmt: skip
        except (KeyError, ValueError, OverflowError) as error:
            raise Refused(_("The call is signed, but it names no try to pay.")) from error
        if said.get("Result"):
            return [_end(said, **asked)]
        if said.get("For") in FIELDS:
            return [_step(said, **asked)]
        raise Refused(_("The call is signed, but it says nothing of a payment."))


def about(attempt: Attempt) -> dict[str, str | int]:
    """What stands in each address that Twilio calls about a try: all that its words need, under its signature."""
    since = int((attempt.started_at or attempt.opened_at).timestamp())
    return {"attempt": attempt.token, "amount": attempt.amount_minor, "currency": attempt.currency, "since": since}


def begun(attempt: Attempt, *, call: str, now: datetime) -> Word:
    """The caller is being asked for the card: said by ourselves, since we ask."""
    raw = {"CallSid": call}
    return Word(external_id=f"{attempt.token}:begun", kind=WordKind.STARTED, at=now, attempt=attempt.token, raw=raw)


def broken_off(attempt: Attempt, *, now: datetime) -> Word:
    """A colleague has taken the call back while the card was being typed."""
    return Word(external_id=f"{attempt.token}:taken_back", kind=WordKind.ABANDONED, at=now, attempt=attempt.token)


def _step(said: Mapping[str, str], *, attempt: str, since: datetime, **_asked: Any) -> Word:
    """A field is asked for; with an error: what was typed before was wrong. Once for each of Twilio's own counts."""
    wrong = said.get("ErrorType", "")[:60]
    kind = WordKind.INPUT_ERROR if wrong in MISTYPED else WordKind.STARTED
    name = ":".join([attempt, said["For"], said.get("Attempt", "")[:4], wrong])
    return Word(external_id=name[:200], kind=kind, at=since, attempt=attempt, detail=wrong, raw=_kept(said))


def _end(
    said: Mapping[str, str], *, attempt: str, amount_minor: int, currency: str, now: datetime, since: datetime
) -> Word:
    """How it ended: told at two of our addresses, it is one word."""
    result = said["Result"]
    money: dict[str, Any] = {}
    if result == PAID:
        kind, why = WordKind.SUCCEEDED, ""
        code = said.get("PaymentConfirmationCode", "")[:140]
        money = {"payment": code or attempt, "amount_minor": amount_minor, "currency": currency}
    elif result in LEFT:
        kind, why = WordKind.ABANDONED, result
    elif result in DECLINED:
        kind, why = WordKind.FAILED, (said.get("PayErrorCode") or result)[:60]
    else:
        raise Refused(_("The call is signed, but nobody knows how this payment ended."))
    return Word(
        external_id=f"{attempt}:{kind}", kind=kind, at=now, attempt=attempt, detail=why, raw=_kept(said), **money
    )


def _kept(said: Mapping[str, str]) -> dict[str, str]:
    """What may be kept; of the card its last four digits, which Twilio masks and we cut off once more."""
    kept = {name: said[name][:200] for name in KEPT if said.get(name)}
    digits = "".join(sign for sign in said.get("PaymentCardNumber", "") if sign.isdecimal())[-4:]
    return kept | ({"last_four": digits} if digits else {})
