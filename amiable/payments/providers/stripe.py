"""Stripe (docs.stripe.com): its Payment Element on our page, saved ways to pay, SEPA debits, payments by phone.

In: an attempt, or a signed call. Out: requests, each write with its idempotency key; words. Never: a number of a card or
an account: what comes to us from the browser is the name of a confirmation token.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from amiable.core.errors import Refused, Unavailable
from amiable.core.money import exponent
from amiable.payments.models import Attempt, Journey, Mandate
from amiable.payments.providers import PSP, Fields, Link, Reference, Word, stripe_words
from amiable.payments.providers.signed import verify
from amiable.payments.providers.stripe_words import moment

VERSION = "2026-10-28.endive"  # of the interface: every request asks for it, and the hook is to be set to it
SCRIPT = "https://js.stripe.com/endive/stripe.js"  # the script of the same name goes with it
POLICY = {
    "script-src": ("https://js.stripe.com", "https://*.js.stripe.com"),
    "frame-src": ("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"),
    "connect-src": ("https://api.stripe.com",),
}
SECONDS = 20  # to wait for an answer
TOKEN = re.compile(r"^ctoken_[A-Za-z0-9]{1,120}$")
BY_PHONE = {Journey.AGENT, Journey.IVR, Journey.IVR_AGENT}
# How Stripe counts: all others in hundredths, the Icelandic crown and the shilling of Uganda too.
WHOLE = {
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
}  # fmt: skip
THOUSANDTHS = {"BHD", "JOD", "KWD", "OMR", "TND"}
OVER = {"succeeded", "processing", "canceled"}


class Config(forms.Form):
    publishable_key = forms.RegexField(
        r"^pk_(test|live)_\w+$", label=gettext_lazy("Publishable key"), max_length=200,
        help_text=gettext_lazy("Begins with pk_live_ or pk_test_; the customer's browser sees it."),
    )  # fmt: skip
    secret_key = forms.RegexField(
        r"^[sr]k_(test|live)_\w+$", label=gettext_lazy("Secret key"), max_length=200, widget=forms.PasswordInput,
        help_text=gettext_lazy("Better a restricted key (rk_) that may write payments, refunds and customers only."),
    )  # fmt: skip
    webhook_secret = forms.RegexField(
        r"^whsec_[\w+/=]+$", label=gettext_lazy("Signing secret of the hook"), max_length=200, widget=forms.PasswordInput,
        help_text=gettext_lazy("Stripe shows it when the address below has been entered there."),
    )  # fmt: skip
    moto = forms.BooleanField(
        label=gettext_lazy("Payments by phone"), required=False,
        help_text=gettext_lazy("Only once Stripe has allowed this account to take them (MOTO)."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        modes = {found[name].split("_")[1] for name in ("publishable_key", "secret_key") if found.get(name)}
        if len(modes) > 1:
            self.add_error("publishable_key", _("One key is for tests and the other for real money."))
        return found


class Stripe(PSP):
    key = "stripe"
    label = "Stripe"
    supports = frozenset({"fields", "refund", "save", "charge", "debit", "moto"})
    input_errors = stripe_words.INPUT_ERRORS
    hook_events = stripe_words.EVENTS
    hook_version = VERSION
    Config = Config

    def can(self, what: str) -> bool:
        return what in self.supports and (what != "moto" or bool(self.config["moto"]))

    def test(self) -> str:
        with _asking():
            self._client().v1.payment_intents.list({"limit": 1})
        if "_live_" in self.config["secret_key"]:
            return _("Stripe answers. These keys are for real money.")
        return _("Stripe answers. These keys are for tests: no money moves.")

    def create(self, attempt: Attempt, *, return_url: str, now: datetime) -> Link | Fields:
        """A PaymentIntent, made once; on the phone none yet, since it must be made and confirmed at once."""
        _counted_alike(attempt.currency)
        if attempt.journey in BY_PHONE:
            if not self.can("moto"):
                raise Refused(_("Stripe has not been set up for payments by phone. Send a payment link instead."))
            amount = {"amount": str(attempt.amount_minor), "currency": attempt.currency.lower()}
            return self._fields("moto", return_url, **amount)
        with _asking():
            intents = self._client().v1.payment_intents
            if attempt.external_id:
                intent = intents.retrieve(attempt.external_id)
            else:
                intent = intents.create(self._order(attempt), _once(f"{attempt.token}:create"))
        if intent.status in OVER:
            return Link(url=return_url, external_id=intent.id)
        return self._fields("payment", return_url, intent.id, secret=str(intent.client_secret))

    def confirm(self, attempt: Attempt, *, token: str, return_url: str, now: datetime) -> Reference:
        """Paid on the phone: the browser has given the fields to Stripe and tells us the name of what it got for them."""
        if not TOKEN.match(token) or not self.can("moto") or attempt.journey not in BY_PHONE:
            raise Refused(_("This is not what Stripe's fields give back. Nothing was paid."))
        paying = {"confirmation_token": token, "payment_method_options": {"card": {"moto": True}}}
        with _asking(), _declined() as answer:
            intents, key = self._client().v1.payment_intents, _once(f"{attempt.token}:{token}")
            if attempt.external_id:
                answer.append(intents.confirm(attempt.external_id, paying, key).id)
            else:
                order = self._order(attempt) | {"confirm": True, "payment_method_types": ["card"], **paying}
                answer.append(intents.create(order, key).id)
        return Reference(external_id=answer[0])

    def charge(self, attempt: Attempt, *, mandate: Mandate, now: datetime) -> Reference:
        """The customer is away: a bank that wants to ask them says no (authentication_required), and they are sent a link."""
        order = self._order(attempt) | {
            "customer": mandate.payer,
            "payment_method": mandate.reference,
            "payment_method_types": [mandate.scheme],
            "confirm": True,
        }
        if attempt.journey in BY_PHONE and mandate.scheme == "card" and self.can("moto"):
            order["payment_method_options"] = {"card": {"moto": True}}
        else:
            order["off_session"] = True
        with _asking(), _declined() as answer:
            answer.append(self._client().v1.payment_intents.create(order, _once(f"{attempt.token}:charge")).id)
        return Reference(external_id=answer[0])

    def save(self, mandate: Mandate, *, return_url: str, now: datetime) -> Fields:
        order = {"customer": self._payer(mandate), "usage": "off_session", "metadata": {"attempt": mandate.token}}
        with _asking():
            setup = self._client().v1.setup_intents.create(order, _once(f"{mandate.token}:save"))
        return self._fields("setup", return_url, setup.id, secret=str(setup.client_secret))

    def let_go(self, mandate: Mandate, *, now: datetime) -> None:
        with _asking():
            self._client().v1.payment_methods.detach(mandate.reference, {}, _once(f"{mandate.token}:let_go"))

    def refund(self, *, attempt: Attempt, amount_minor: int, key: str, now: datetime) -> Reference:
        paid = attempt.credit.external_id if attempt.credit else attempt.external_id
        order = {"payment_intent": paid, "amount": amount_minor, "metadata": {"attempt": attempt.token}}
        with _asking():
            return Reference(self._client().v1.refunds.create(order, _once(f"{attempt.token}:refund:{key}")).id)

    def ask(self, attempt: Attempt, *, now: datetime) -> list[Word]:
        with _asking():
            client = self._client().v1
            intent = self._found(attempt)
            if intent is None:
                return []
            charge = told if isinstance(told := intent.get("latest_charge"), Mapping) else {}
            # A card is paid when it is charged; a debit was told to the bank then, and has been paid some time since.
            since = charge.get("created") or intent.get("canceled_at") or intent["created"]
            at = now if (charge.get("payment_method_details") or {}).get("type") == "sepa_debit" else moment(since)
            words = stripe_words.of_charge(charge, at=at) if charge.get("payment_method_details") else []
            words += stripe_words.of_intent(intent, at=at)
            theirs = {"payment_intent": intent["id"], "limit": 100}
            if charge.get("amount_refunded"):
                for one in client.refunds.list(theirs).data:
                    words += stripe_words.of_refund(one.to_dict(), at=now)
            if charge.get("disputed"):
                for dispute in client.disputes.list(theirs).data:
                    words += stripe_words.of_dispute(dispute.to_dict(), at=now)
        return list({word.external_id: word for word in reversed(words)}.values())

    def missed(self, *, since: datetime, now: datetime) -> list[Word]:
        asked = {"delivery_success": False, "types": list(stripe_words.EVENTS), "limit": 100}
        with _asking():
            page = self._client().v1.events.list(asked | {"created": {"gte": int(since.timestamp())}})
            events = [event.to_dict() for event in reversed(page.data)]
        return [word for event in events for word in self._of(event)]

    def _found(self, attempt: Attempt) -> dict[str, Any] | None:
        """The PaymentIntent of an attempt; by our token, where its name was lost with the answer to our request."""
        intents, more = self._client().v1.payment_intents, {"expand": ["latest_charge"]}
        if attempt.external_id:
            return dict(intents.retrieve(attempt.external_id, more).to_dict())
        query = {"query": f"metadata['attempt']:'{attempt.token}'", "limit": 1}
        named = intents.search(query).data
        return dict(intents.retrieve(named[0].id, more).to_dict()) if named else None

    def events(self, request: HttpRequest, *, now: datetime) -> Iterable[Word]:
        secret = self.config["webhook_secret"].encode()
        verify(request.body, request.headers.get("Stripe-Signature", ""), secret=secret, now=now)
        try:
            return self._of(json.loads(request.body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(_("The call is signed, but it is not an event as Stripe tells them.")) from error

    def _of(self, event: Mapping[str, Any]) -> list[Word]:
        """An event in words. What was saved by a SetupIntent is not in its event: it is looked up."""
        if event["type"] != "setup_intent.succeeded":
            return stripe_words.of_event(event)
        setup = event["data"]["object"]
        if not (setup.get("metadata") or {}).get("attempt"):
            return []
        with _asking():
            found = self._client().v1.setup_intents.retrieve(setup["id"], {"expand": ["payment_method"]})
        return stripe_words.of_setup(found.to_dict(), at=moment(event["created"]))

    def _order(self, attempt: Attempt) -> dict[str, Any]:
        """What is to be paid. Where the customer wishes to keep the way to pay, it is saved with the payment."""
        _counted_alike(attempt.currency)
        order: dict[str, Any] = {
            "amount": attempt.amount_minor,
            "currency": attempt.currency.lower(),
            "metadata": {"attempt": attempt.token},
        }
        wish = Mandate.objects.filter(token=attempt.token, provider=self.key).select_related("customer").first()
        if wish is not None:
            order |= {"customer": self._payer(wish), "setup_future_usage": "off_session"}
            order["metadata"]["save"] = "yes"
        return order

    def _payer(self, wish: Mandate) -> str:
        """Stripe's name of the customer; it learns their number with the creditor, and nothing else from us."""
        if wish.payer:
            return wish.payer
        order = {"metadata": {"customer": wish.customer.number}}
        with _asking():
            return str(self._client().v1.customers.create(order, _once(f"{wish.token}:payer")).id)

    def _fields(self, mode: str, return_url: str, external_id: str = "", **values: str) -> Fields:
        known = {"mode": mode, "key": self.config["publishable_key"], "return": return_url}
        return Fields(SCRIPT, known | values | {"locale": (get_language() or "")[:2] or "auto"}, POLICY, external_id)

    def _client(self) -> Any:
        import stripe  # takes half a second, which only those wait for who use it

        return stripe.StripeClient(
            self.config["secret_key"],
            stripe_version=VERSION,
            base_addresses={"api": settings.STRIPE_API},
            max_network_retries=1,
            http_client=stripe.RequestsClient(timeout=SECONDS),
        )


def _counted_alike(currency: str) -> None:
    """Raises Refused for a currency that Stripe counts in other units than the books: a hundredth would be paid."""
    theirs = 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2
    if exponent(currency) != theirs:
        raise Refused(_("Payments in %(currency)s cannot be taken here.") % {"currency": currency})


def _once(key: str) -> dict[str, str]:
    return {"idempotency_key": key}


@contextmanager
def _asking() -> Iterator[None]:
    """Stripe's errors as ours."""
    import stripe

    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        raise Unavailable(_("Stripe cannot be asked now; try again in a moment.")) from error
    except stripe.StripeError as error:
        told = {"said": error.user_message or error.code or type(error).__name__}
        raise Refused(_("Stripe said no: %(said)s") % told) from error


@contextmanager
def _declined() -> Iterator[list[str]]:
    """A declined card is no error of the call: the PaymentIntent stands, and its words say why. In the list: its name."""
    import stripe

    names: list[str] = []
    try:
        yield names
    except stripe.CardError as error:
        intent = error.error.payment_intent if error.error else None
        names.append(str(intent["id"]) if intent else "")
