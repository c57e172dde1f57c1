"""Asks the providers for what their hooks have not said: what became of tries to pay, and what could not be delivered.

In: attempts without an end, or with one that a later try on the same page may have changed; accounts. Out: the same words,
on the same way, as by the hook. Never: one asked without end or without pause; a silent provider that keeps others waiting.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q

from amiable.core.errors import AmiableError, Unavailable
from amiable.ledger.models import Creditor
from amiable.payments import acquire
from amiable.payments.models import Attempt, AttemptState
from amiable.scenario.respond import payment_arrived

log = logging.getLogger(__name__)
FIRST, LAST = timedelta(minutes=10), timedelta(days=1)  # the first pause, which doubles, and the longest
WITHIN = timedelta(days=45)
UNDELIVERED = timedelta(days=5)  # how far back an account is asked; hooks try again for about three days
AT_ONCE = 200
# How often at most: a bank may take weeks for its no, a page is closed within hours, a refusal is seldom the last word.
MOST = {
    AttemptState.PENDING: 50,
    AttemptState.OPENED: 9,
    AttemptState.STARTED: 9,
    AttemptState.ABANDONED: 9,
    AttemptState.FAILED: 4,
}


@dataclass
class Summary:
    """`heard`: attempts about which something new was said; `missed`: words that had not been delivered; `silent`:
    accounts that could not be asked.
    """

    asked: int = 0
    heard: int = 0
    missed: int = 0
    silent: int = 0


def inquire(*, now: datetime, creditor: Creditor | None = None, most: int = AT_ONCE) -> Summary:
    """Asks about the attempts whose turn it is, those longest without a word first; then each account for what it missed."""
    summary, silent = Summary(), set[tuple[int, str]]()
    for attempt in _due(now, creditor)[:most]:
        account = (attempt.creditor_id, attempt.provider)
        if account in silent:
            continue
        try:
            summary.asked += 1
            summary.heard += ask(attempt=attempt, now=now)
        except Unavailable as error:
            silent.add(account)
            log.warning("%s says nothing about the payments of %s: %s", attempt.provider, attempt.creditor, error)
        except AmiableError as error:
            log.warning("%s refuses to speak of %s: %s", attempt.provider, attempt, error)
    for owner, key in acquire.accounts():
        if (owner.pk, key) not in silent and creditor in (None, owner) and not _missed(owner, key, summary, now):
            silent.add((owner.pk, key))
    summary.silent = len(silent)
    return summary


def _missed(owner: Creditor, key: str, summary: Summary, now: datetime) -> bool:
    """What the hook could not deliver in the last days; whether the provider could be asked at all."""
    try:
        words = list(acquire.acquirer(owner, key).missed(since=now - UNDELIVERED, now=now))
    except AmiableError as error:
        log.warning("%s does not tell what it could not deliver to %s: %s", key, owner, error)
        return False
    for word in words:
        try:
            told = payment_arrived(provider=key, words=[word], now=now, creditor=owner)
        except AmiableError as error:
            log.warning("A word of %s for %s is put off: %s", key, owner, error)
        else:
            summary.missed += 1 - told.replayed
    return True


def ask(*, attempt: Attempt, now: datetime) -> bool:
    """Asks about one attempt; whether anything new was said. Raises Refused or Unavailable."""
    pause = min(FIRST * 2 ** min(attempt.asks, 10), LAST)
    # Counted first: whatever happens next, it is not asked again before its time.
    Attempt.objects.filter(pk=attempt.pk).update(asks=F("asks") + 1, ask_at=now + pause)
    words = list(acquire.acquirer(attempt.creditor, attempt.provider).ask(attempt, now=now))
    owner = acquire.whose_hook(attempt.creditor, attempt.provider)
    return bool(words) and payment_arrived(provider=attempt.provider, words=words, now=now, creditor=owner).moved > 0


def _due(now: datetime, creditor: Creditor | None) -> list[Attempt]:
    turn = Q(ask_at=None, opened_at__lte=now - FIRST) | Q(ask_at__lte=now)
    patience = Q()
    for state, times in MOST.items():
        patience |= Q(state=state, asks__lt=times)
    # One that no provider was ever told of has nothing to be asked for; of a charge, the answer alone may have been lost.
    told = ~Q(external_id="") | Q(state=AttemptState.PENDING)
    rows = Attempt.objects.filter(turn, patience, told, opened_at__gte=now - WITHIN)
    if creditor is not None:
        rows = rows.filter(creditor=creditor)
    return list(rows.select_related("creditor", "customer").order_by("ask_at", "opened_at")[:AT_ONCE])
