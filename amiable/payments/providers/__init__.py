"""The port of payment providers: one file each, found by the registry; hook addresses and contract tests follow.

In: an attempt, or a provider's call. Out: where the customer pays, or words about attempts, verified.
Never: HTML, a posting, a card number; a call whose signature does not hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from amiable.core import registry
from amiable.core.errors import NotConfigured, Refused

if TYPE_CHECKING:
    from amiable.payments.models import Attempt, Mandate


class WordKind(StrEnum):
    STARTED = "started"
    INPUT_ERROR = "input_error"
    PENDING = "pending"  # given to a bank, which says days later whether it pays
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"  # taken back by the payer's bank: a dispute, a returned debit
    SAVED = "saved"  # a way to pay that may be charged again
    ENDED = "ended"  # one that may no longer be


MONEY = frozenset({WordKind.SUCCEEDED, WordKind.REFUNDED, WordKind.CHARGED_BACK})  # these name a payment and an amount


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A way to pay as the provider keeps it for us; `payer` is how it knows the customer."""

    reference: str
    payer: str = ""
    scheme: str = ""  # card, sepa_debit
    label: str = ""  # what the customer knows it by: "Visa •••• 4242"
    expires_on: date | None = None
    authority: str = ""  # the reference of the debit authority, where the scheme has one


@dataclass(frozen=True, kw_only=True)
class Word:
    """One thing that a provider says about an attempt.

    `external_id` is the identity of what is said (which thing, and what became of it), not of the call: told by the
    hook, told again under another event or asked for later, it is the same word.
    """

    external_id: str
    kind: WordKind
    at: datetime
    attempt: str = ""  # our token, as it was told to the provider, or its own name of the attempt
    payment: str = ""  # the provider's identity of the money
    amount_minor: int = 0
    currency: str = ""
    detail: str = ""  # why it was declined or taken back, in the provider's code
    method: str = "card"
    saved: Saved | None = None
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A page of the provider where the customer pays."""

    url: str
    external_id: str = ""


@dataclass(frozen=True)
class Fields:
    """The provider's own fields on a page of ours: what is typed goes from the browser to the provider.

    `script`: the provider's, loaded from its own address; ours beside it is static/providers/<key>.js and reads
    `values` (never a secret key). `policy`: what the page's Content-Security-Policy must let in, by directive.
    """

    script: str
    values: Mapping[str, str]
    policy: Mapping[str, tuple[str, ...]]
    external_id: str = ""


@dataclass(frozen=True)
class Reference:
    """The provider's identity of something that needs no page; what comes of it is told as words."""

    external_id: str


class PSP(ABC):
    """A payment provider with one creditor's settings. `supports` names what it can do:

    page (the customer goes to it), fields (its fields stand on our page), refund, save (keeps a way to pay), charge
    (uses it while the customer is away), debit (answers days later), moto (a colleague types for a customer on the phone), keypad
    (the customer types on a telephone; such a provider stands beside the one of the pay page).
    """

    key: ClassVar[str] = ""
    label: ClassVar[str | Promise] = ""
    supports: ClassVar[frozenset[str]] = frozenset()
    # Codes of a refusal that mean a typing error. None: its page keeps them to itself, so it cannot be measured.
    input_errors: ClassVar[frozenset[str] | None] = frozenset()
    hook_events: ClassVar[tuple[str, ...]] = ()  # what its hook is to be told, as it calls it
    hook_version: ClassVar[str] = ""  # the version of its interface in which it is to be told

    Config: ClassVar[type[forms.Form]] = forms.Form

    def __init__(self, config: Mapping[str, Any]) -> None:
        form = self.Config(dict(config))
        if not form.is_valid():
            name = next(iter(form.errors))
            known = form.fields.get(name)
            raise NotConfigured(
                _("The payment provider “%(provider)s” is not set up: look at its setting “%(setting)s”.")
                % {"provider": self.label, "setting": known.label if known and known.label else name}
            )
        self.config: dict[str, Any] = form.cleaned_data

    @classmethod
    def offered(cls) -> bool:
        """Whether anybody may choose it here."""
        return True

    @classmethod
    def on_a_page(cls) -> bool:
        """Whether it can take the payments of the portal."""
        return bool(cls.supports & {"page", "fields"})

    def can(self, what: str) -> bool:
        """Whether it can do this with these settings."""
        return what in self.supports

    def origins(self) -> tuple[str, ...]:
        """Where its pages live, so that the Content-Security-Policy of ours lets a form lead there."""
        return ()

    def test(self) -> str:
        """Asks the provider whether the settings hold; what it answered, in a sentence. Raises Refused or Unavailable."""
        return _("The settings of “%(provider)s” are complete.") % {"provider": self.label}

    @abstractmethod
    def create(self, attempt: "Attempt", *, return_url: str, now: datetime) -> Link | Fields | Reference:
        """Tells the provider what is to be paid, or finds what it was told before. Raises Refused or Unavailable."""

    @abstractmethod
    def events(self, request: HttpRequest, *, now: datetime) -> Iterable[Word]:
        """What a call of the provider says, its signature verified. Raises Refused with a sentence."""

    @abstractmethod
    def refund(self, *, attempt: "Attempt", amount_minor: int, key: str, now: datetime) -> Reference:
        """Asks the provider to give money back, once for each `key`. Raises Refused or Unavailable; the word about it
        comes by `events`.
        """

    def ask(self, attempt: "Attempt", *, now: datetime) -> Iterable[Word]:
        """What the provider knows of an attempt, in the words in which its hook would have told it."""
        return ()

    def missed(self, *, since: datetime, now: datetime) -> Iterable[Word]:
        """What its hook has tried to tell since then and could not, oldest first. Raises Refused or Unavailable."""
        return ()

    def confirm(self, attempt: "Attempt", *, token: str, return_url: str, now: datetime) -> Reference:
        """Pays with what was typed into its fields and is now known to it under `token`. Raises Refused or Unavailable."""
        raise Refused(self._cannot())

    def charge(self, attempt: "Attempt", *, mandate: "Mandate", now: datetime) -> Reference:
        """Charges a saved way to pay, the customer being away. A decline comes as a word. Raises Refused or Unavailable."""
        raise Refused(self._cannot())

    def save(self, mandate: "Mandate", *, return_url: str, now: datetime) -> Link | Fields:
        """Lets the customer enter a way to pay without paying now. Raises Refused or Unavailable."""
        raise Refused(self._cannot())

    def let_go(self, mandate: "Mandate", *, now: datetime) -> None:
        """The customer has taken a saved way to pay back: the provider is to forget it too. Raises Refused or Unavailable."""
        return None

    def _cannot(self) -> str:
        return _("The payment provider “%(provider)s” cannot do that.") % {"provider": self.label}


@cache
def providers() -> dict[str, type[PSP]]:
    from amiable.payments import providers as package

    return registry.discover(package, PSP, entry_point="amiable.providers")  # type: ignore[type-abstract]


def kind(key: str) -> type[PSP]:
    """The provider of this key. Raises Refused where there is none."""
    found = providers().get(key)
    if found is None or not found.offered():
        raise Refused(_("No payment provider is called “%(key)s” here.") % {"key": key})
    return found
