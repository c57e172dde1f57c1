"""Takes a provider's words in: each once, in any order. Out: what they did to attempts, and the money that is new.

Never: the same word twice, the same money twice, a word about an attempt that is moving under another hand, a word of
one creditor's provider about another's attempt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from amiable.core.errors import Unavailable
from amiable.core.words import in_house
from amiable.ledger.models import CashAuthority, Credit, CreditKind, Creditor
from amiable.ledger.post import keep_apart
from amiable.payments import authorise, refund
from amiable.payments.attempt import keep, local_day, move_on
from amiable.payments.models import Attempt, ProviderEvent
from amiable.payments.providers import Word, WordKind

LEAVING = {WordKind.REFUNDED, WordKind.CHARGED_BACK}


@dataclass
class Received:
    """`paid`: attempts with the money that is new; `taken_back`: money that a bank took back, with the word that told it;
    `moved`: all attempts that a new word was about.
    """

    paid: list[tuple[Attempt, Credit]] = field(default_factory=list)
    refunded: list[Credit] = field(default_factory=list)
    taken_back: list[tuple[Credit, Word]] = field(default_factory=list)
    moved: list[Attempt] = field(default_factory=list)
    replayed: int = 0
    unknown: int = 0

    @property
    def credits(self) -> list[Credit]:
        return [credit for _attempt, credit in self.paid]


def record(*, provider: str, words: Sequence[Word], now: datetime, creditor: Creditor | None = None) -> Received:
    """Records each word as an event, moves its attempt on, and makes a credit of money that has arrived.

    `creditor`: by whose hook they came; they are about nobody else. Stands in its caller's transaction. Raises
    Unavailable when the same word is being told by another call.
    """
    received = Received()
    attempts = _attempts(provider, words, creditor)
    authorise.lock(words=words, provider=provider)
    fresh = _fresh(provider, words, attempts, creditor, now)
    received.replayed = len(words) - len(fresh)
    before = {attempt.pk: attempt.state for attempt in attempts.values()}
    # Money comes before it goes, whatever their clocks say.
    for word in sorted(fresh, key=lambda word: (word.kind in LEAVING, word.at, word.external_id)):
        attempt = attempts.get(word.attempt)
        if word.saved is not None:
            received.unknown += not _keep(word, attempt, creditor, now)
        elif attempt is None:
            received.unknown += 1
        else:
            _take(received, attempt=attempt, word=word, now=now)
    for attempt in received.moved:
        keep(attempt=attempt, before=before[attempt.pk], now=now)
    return received


def _attempts(provider: str, words: Sequence[Word], creditor: Creditor | None) -> dict[str, Attempt]:
    """The attempts by what the words call them, or the payments that they led to.

    Locked before anything is read of them, by id: two calls about one attempt queue here, however their words are
    ordered. Their customers come first, as in a merge; and no query that waits for a row joins another table: what a
    merge changes meanwhile would make the row vanish from it, and the money with it.
    """
    names = {word.attempt for word in words if word.attempt}
    whose = {} if creditor is None else {"creditor": creditor}
    paid = list(
        Credit.objects.filter(source=source(provider), external_id__in=names, **whose).values_list("pk", flat=True)
    )
    named = Q(token__in=names) | Q(external_id__in=names) | Q(credit__in=paid)
    rows = dict(Attempt.objects.filter(named, provider=provider, **whose).values_list("pk", "customer"))
    keep_apart(rows.values())
    list(Attempt.objects.select_for_update(no_key=True).filter(pk__in=rows).order_by("pk"))
    found = {}
    for attempt in Attempt.objects.filter(pk__in=rows).select_related("creditor", "customer", "credit").order_by("pk"):
        found[attempt.token] = attempt
        for name in (attempt.external_id, attempt.credit.external_id if attempt.credit else ""):
            if name:
                found.setdefault(name, attempt)
    return found


def _fresh(
    provider: str, words: Sequence[Word], attempts: Mapping[str, Attempt], creditor: Creditor | None, now: datetime
) -> list[Word]:
    """The words that were never told before, each once, written down as events."""
    told = {word.external_id: word for word in words}
    known = ProviderEvent.objects.filter(provider=provider, creditor=creditor, external_id__in=told)
    for external_id in known.values_list("external_id", flat=True):
        del told[external_id]
    events = [
        ProviderEvent(
            provider=provider, creditor=creditor, external_id=word.external_id, attempt=attempts.get(word.attempt),
            kind=word.kind, at=word.at, received_at=now, raw=word.raw,
        )
        for word in told.values()
    ]  # fmt: skip
    try:
        ProviderEvent.objects.bulk_create(events)
    except IntegrityError as error:
        raise Unavailable("The same event is being told by another call.") from error
    return list(told.values())


def _keep(word: Word, attempt: Attempt | None, creditor: Creditor | None, now: datetime) -> bool:
    """A way to pay was saved, or has ended; False where nothing of ours is meant."""
    owner = creditor or (attempt.creditor if attempt else None)
    as_of = local_day(owner, now) if owner else now.date()
    if word.kind == WordKind.ENDED:
        authorise.ended(word=word, creditor=creditor, as_of=as_of)
        return True
    return authorise.saved(word=word, creditor=creditor, as_of=as_of) is not None


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
    elif word.kind == WordKind.CHARGED_BACK:
        received.taken_back.append((_told(attempt, word), word))


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


def _told(attempt: Attempt, word: Word) -> Credit:
    """The credit that a word about leaving money means."""
    credit = Credit.objects.filter(
        creditor=attempt.creditor, source=source(attempt.provider), external_id=word.payment
    ).first()
    if credit is None:
        # Nothing is kept of this call, so that the provider tells it again once it has told the payment.
        raise Unavailable("This is about a payment that has not been told yet.")
    return credit


def _give_back(*, attempt: Attempt, word: Word, now: datetime) -> Credit:
    """What was given back at our wish; money that another word took out meanwhile is not taken twice."""
    told = _told(attempt, word)
    credit = told.confirmed_by or told
    held = refund.held_by(credit)
    if held:
        refund.give_back(
            credit=credit,
            amount_minor=min(word.amount_minor, held),
            reason=in_house(_("Refunded by the provider")),
            as_of=local_day(attempt.creditor, now),
            now=now,
        )
    return credit


def source(provider: str) -> str:
    """The name under which the ledger knows money told by a provider."""
    return f"psp:{provider}"
