"""Takes a provider's words in: each once, in any order. Out: what they did to attempts, and the money that is new.

Never: the same event twice, the same money twice, a word about an attempt that is moving under another hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from amiable.core.errors import Unavailable
from amiable.core.words import in_house
from amiable.ledger.models import CashAuthority, Credit, CreditKind
from amiable.payments import refund
from amiable.payments.attempt import keep, local_day, move_on
from amiable.payments.models import Attempt, ProviderEvent
from amiable.payments.providers import Word, WordKind


@dataclass
class Received:
    """`paid`: attempts with the money that is new; `moved`: all attempts that a new word was about."""

    paid: list[tuple[Attempt, Credit]] = field(default_factory=list)
    refunded: list[Credit] = field(default_factory=list)
    moved: list[Attempt] = field(default_factory=list)
    replayed: int = 0
    unknown: int = 0

    @property
    def credits(self) -> list[Credit]:
        return [credit for _attempt, credit in self.paid]


def record(*, provider: str, words: Sequence[Word], now: datetime) -> Received:
    """Records each word as an event, moves its attempt on, and makes a credit of money that has arrived.

    Stands in its caller's transaction. Raises Unavailable when the same event is being told by another call.
    """
    received = Received()
    # Locked before anything is read of it, by id: two calls about one attempt queue here, however their words are ordered.
    attempts = {
        attempt.token: attempt
        for attempt in Attempt.objects.select_for_update(of=("self",), no_key=True)
        .filter(provider=provider, token__in={word.attempt for word in words})
        .select_related("creditor", "customer")
        .order_by("id")
    }
    fresh = _fresh(provider, words, attempts, now)
    received.replayed = len(words) - len(fresh)
    before = {attempt.pk: attempt.state for attempt in attempts.values()}
    for word in sorted(fresh, key=lambda word: (word.at, word.external_id)):
        attempt = attempts.get(word.attempt)
        if attempt is None:
            received.unknown += 1
        else:
            _take(received, attempt=attempt, word=word, now=now)
    for attempt in received.moved:
        keep(attempt=attempt, before=before[attempt.pk], now=now)
    return received


def _fresh(provider: str, words: Sequence[Word], attempts: Mapping[str, Attempt], now: datetime) -> list[Word]:
    """The words that were never told before, each once, written down as events."""
    told = {word.external_id: word for word in words}
    known = ProviderEvent.objects.filter(provider=provider, external_id__in=told)
    for external_id in known.values_list("external_id", flat=True):
        del told[external_id]
    events = [
        ProviderEvent(
            provider=provider, external_id=word.external_id, attempt=attempts.get(word.attempt), kind=word.kind, at=word.at,
            received_at=now, raw=word.raw,
        )
        for word in told.values()
    ]  # fmt: skip
    try:
        ProviderEvent.objects.bulk_create(events)
    except IntegrityError as error:
        raise Unavailable("The same event is being told by another call.") from error
    return list(told.values())


def _take(received: Received, *, attempt: Attempt, word: Word, now: datetime) -> None:
    move_on(attempt=attempt, word=word)
    if attempt not in received.moved:
        received.moved.append(attempt)
    if word.kind == WordKind.SUCCEEDED:
        credit, new = _credit(attempt=attempt, word=word, now=now)
        if new:
            received.paid.append((attempt, credit))
    elif word.kind == WordKind.REFUNDED:
        received.refunded.append(_give_back(attempt=attempt, word=word, now=now))


def _credit(*, attempt: Attempt, word: Word, now: datetime) -> tuple[Credit, bool]:
    """The money itself, known by the provider's payment: told under two events it is still one credit."""
    customer = attempt.customer.merged_into or attempt.customer
    credit, new = Credit.objects.get_or_create(
        creditor=attempt.creditor,
        source=source(attempt.provider),
        external_id=word.payment,
        defaults={
            "customer": customer,
            "kind": CreditKind.PAYMENT,
            "reference": word.payment[:140],
            "received_on": local_day(attempt.creditor, word.at),
            "currency": word.currency,
            "amount_minor": word.amount_minor,
            "open_minor": word.amount_minor,
            "method": word.method[:20],
            "provisional": attempt.creditor.cash_authority != CashAuthority.PSP,
            "known_at": now,
        },
    )
    if attempt.credit_id is None:
        attempt.credit = credit
    return credit, new


def _give_back(*, attempt: Attempt, word: Word, now: datetime) -> Credit:
    credit = Credit.objects.filter(
        creditor=attempt.creditor, source=source(attempt.provider), external_id=word.payment
    ).first()
    if credit is None:
        # Nothing is kept of this call, so that the provider tells it again once it has told the payment.
        raise Unavailable("This refund is about a payment that has not been told yet.")
    as_of = local_day(attempt.creditor, now)
    refund.give_back(
        credit=credit,
        amount_minor=word.amount_minor,
        reason=in_house(_("Refunded by the provider")),
        as_of=as_of,
        now=now,
    )
    return credit


def source(provider: str) -> str:
    """The name under which the ledger knows money told by a provider."""
    return f"psp:{provider}"
