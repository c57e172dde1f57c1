"""The port of payment providers: one file each, found by the registry; hook addresses and contract tests follow.

In: an attempt, or a provider's call. Out: where the customer pays, or words about attempts, verified.
Never: HTML, a posting, a card number; a call whose signature does not hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest

from amiable.core import registry
from amiable.core.errors import Refused

if TYPE_CHECKING:
    from amiable.payments.models import Attempt, Mandate


class WordKind(StrEnum):
    STARTED = "started"
    INPUT_ERROR = "input_error"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"
    REFUNDED = "refunded"


@dataclass(frozen=True, kw_only=True)
class Word:
    """One thing that a provider says about an attempt. `external_id` is the identity of the saying itself."""

    external_id: str
    kind: WordKind
    attempt: str  # our token, as it was told to the provider
    at: datetime
    payment: str = ""  # the provider's identity of the money
    amount_minor: int = 0
    currency: str = ""
    detail: str = ""  # why it was declined, in the provider's code
    method: str = "card"
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A page of the provider where the customer pays."""

    url: str
    external_id: str = ""


@dataclass(frozen=True)
class Reference:
    """The provider's identity of something that needs no page."""

    external_id: str


class PSP(ABC):
    """A payment provider. `supports` names what it can do: page, refund, token, debit."""

    key: ClassVar[str] = ""
    label: ClassVar[str] = ""
    supports: ClassVar[frozenset[str]] = frozenset()
    # Codes of a refusal that mean a typing error. None: its page keeps them to itself, so it cannot be measured.
    input_errors: ClassVar[frozenset[str] | None] = frozenset()

    def origins(self) -> tuple[str, ...]:
        """Where its pages live, so that the Content-Security-Policy of ours lets a form lead there."""
        return ()

    @abstractmethod
    def create(self, attempt: "Attempt", *, return_url: str, now: datetime) -> Link | Reference:
        """Tells the provider what is to be paid. Raises Refused or Unavailable."""

    @abstractmethod
    def events(self, request: HttpRequest, *, now: datetime) -> Iterable[Word]:
        """What a call of the provider says, its signature verified. Raises Refused with a sentence."""

    def charge(self, attempt: "Attempt", *, mandate: "Mandate", now: datetime) -> Reference:
        """Charges a saved way to pay, the customer being away. A decline comes as a word. Raises Refused or Unavailable."""
        raise Refused("This provider cannot charge a saved way to pay.")

    @abstractmethod
    def refund(self, *, attempt: "Attempt", amount_minor: int, now: datetime) -> Reference:
        """Asks the provider to give money back. Raises Refused or Unavailable; the word about it comes by `events`."""


@cache
def providers() -> dict[str, type[PSP]]:
    from amiable.payments import providers as package

    return registry.discover(package, PSP, entry_point="amiable.providers")  # type: ignore[type-abstract]


def provider(key: str) -> PSP:
    """The provider of this key. Raises Refused where there is none."""
    found = providers().get(key)
    if found is None:
        raise Refused(f"No payment provider is called {key!r}.")
    return found()
