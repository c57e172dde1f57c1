"""One try to pay: opened by a person's click, moved on by the provider's words, ended by them or by time.

In: customer, amount, invoices; later words. Out: the attempt and its chain. Never: an attempt for more than is owed, a
success taken back by a late word.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.calendar import day_of
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, HoldKind, Invoice
from amiable.payments import acquire, providers
from amiable.payments.models import Attempt, AttemptState, Chain
from amiable.payments.providers import Fields, Link, Reference, Word, WordKind

LIVE = (AttemptState.OPENED, AttemptState.STARTED)  # these end by time where nobody goes on with them
UNDER_WAY = (*LIVE, AttemptState.PENDING)
PENDING_DAYS = 21  # a bank that has not said no by then has paid: eight bank days for a debit, holidays and delays
COURSE = {
    WordKind.STARTED,
    WordKind.INPUT_ERROR,
    WordKind.PENDING,
    WordKind.SUCCEEDED,
    WordKind.FAILED,
    WordKind.ABANDONED,
}


class UnableToOpenAttempt(UnableTo):
    """There is nothing to pay in the way asked for."""


def open_attempt(
    *,
    customer: Customer,
    amount_minor: int,
    currency: str,
    invoices: Sequence[int],
    journey: str,
    provider: str = "dummy",
    message_ref: int | None = None,
    campaign_ref: int | None = None,
    step: str = "",
    by: User | None = None,
    now: datetime,
) -> Attempt:
    """A new try, in the customer's open chain of that currency; `invoices` in the order of payment."""
    providers.kind(provider)
    wanted = list(dict.fromkeys(invoices))
    residuals = dict(
        Invoice.objects.filter(customer=customer, currency=currency, open_minor__gt=0).values_list("id", "open_minor")
    )
    if any(invoice not in residuals for invoice in wanted):
        raise UnableToOpenAttempt(_("One of these invoices is no longer open. Please look at the amounts again."))
    owed = sum(residuals[invoice] for invoice in wanted) if wanted else sum(residuals.values())
    if not 0 < amount_minor <= owed:
        raise UnableToOpenAttempt(_("The amount must be more than nothing and not more than what is open."))
    with transaction.atomic():
        return Attempt.objects.create(
            chain=_open_chain(customer=customer, currency=currency, now=now),
            creditor_id=customer.creditor_id,
            customer=customer,
            token=secrets.token_urlsafe(24),
            provider=provider,
            journey=journey,
            message_ref=message_ref,
            campaign_ref=campaign_ref,
            step=step,
            currency=currency,
            amount_minor=amount_minor,
            invoices=wanted,
            opened_at=now,
            by=by,
        )


def pay_page(*, attempt: Attempt, return_url: str, now: datetime) -> Link | Fields:
    """Where the customer pays: on the provider's page, or in its fields on ours; asked again, the same.

    Asks the provider, outside any transaction. Raises Refused or Unavailable.
    """
    answer = acquire.acquirer(attempt.creditor, attempt.provider).create(attempt, return_url=return_url, now=now)
    if isinstance(answer, Reference):
        raise UnableToOpenAttempt(_("This provider has no page to pay on."))
    known_as(attempt, answer.external_id)
    return answer


def confirm(*, attempt: Attempt, token: str, return_url: str, now: datetime) -> None:
    """Pays with what was typed into the provider's fields and is known to it under `token`; what came of it is told by
    its words. Raises Refused or Unavailable.
    """
    acquirer = acquire.acquirer(attempt.creditor, attempt.provider)
    known_as(attempt, acquirer.confirm(attempt, token=token, return_url=return_url, now=now).external_id)


def known_as(attempt: Attempt, external_id: str) -> None:
    """Keeps the provider's own name of an attempt."""
    if external_id and external_id != attempt.external_id:
        attempt.external_id = external_id
        attempt.save(update_fields=["external_id"])


def move_on(*, attempt: Attempt, word: Word) -> None:
    """Takes one word into a locked attempt, in any order: money beats refusal, an end beats a beginning. Not saved."""
    if word.kind == WordKind.INPUT_ERROR:
        attempt.input_errors += 1
    if word.kind in COURSE:
        attempt.started_at = min(filter(None, [attempt.started_at, word.at]))
    before = attempt.state
    if word.kind == WordKind.SUCCEEDED:
        attempt.state = AttemptState.SUCCEEDED
    elif word.kind == WordKind.FAILED and before != AttemptState.SUCCEEDED:
        attempt.state, attempt.decline_code = AttemptState.FAILED, word.detail
    elif word.kind == WordKind.PENDING and _may_wait(attempt, word):
        attempt.state = AttemptState.PENDING
    elif word.kind == WordKind.ABANDONED and before in LIVE:
        attempt.state = AttemptState.ABANDONED
    elif word.kind in {WordKind.STARTED, WordKind.INPUT_ERROR} and before == AttemptState.OPENED:
        attempt.state = AttemptState.STARTED
    if attempt.state != before and attempt.state not in UNDER_WAY:
        attempt.ended_at = max(word.at, attempt.opened_at)


def _may_wait(attempt: Attempt, word: Word) -> bool:
    """Whether the bank has it now: not when its answer was known already; a refused customer may have tried again."""
    if attempt.state == AttemptState.FAILED:
        return attempt.ended_at is not None and word.at > attempt.ended_at
    return attempt.state in (*LIVE, AttemptState.ABANDONED)


def keep(*, attempt: Attempt, before: str, now: datetime) -> None:
    """Saves an attempt that words have moved on from the state `before`, and what follows from it for reminders."""
    attempt.save(update_fields=["state", "input_errors", "decline_code", "started_at", "ended_at", "credit"])
    _hold_while_paying(attempt=attempt, before=before, now=now)


def abandon_stale(*, now: datetime, creditor: Creditor | None = None) -> int:
    """Ends the attempts (with one creditor's customers) that nobody finished in time; a success told later still counts."""
    before = now - timedelta(minutes=settings.ATTEMPT_ABANDONED_MINUTES)
    whose = Q() if creditor is None else Q(creditor=creditor)
    with transaction.atomic():
        stale = list(
            Attempt.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(whose, state__in=LIVE, opened_at__lt=before)
            .select_related("customer", "creditor")
            .order_by("id")
        )
        for attempt in stale:
            was_started = attempt.state == AttemptState.STARTED
            attempt.state, attempt.ended_at = AttemptState.ABANDONED, now
            if was_started:
                _lift(attempt=attempt, on=local_day(attempt.creditor, now))
        Attempt.objects.bulk_update(stale, ["state", "ended_at"], batch_size=1000)
    return len(stale)


# What the last success of a chain wanted to pay has nothing open any more; without invoices it wanted to pay all.
_CLOSE_CHAINS = """
UPDATE payments_chain c SET closed_at = %(now)s
FROM (SELECT DISTINCT ON (chain_id) chain_id, customer_id, currency, invoices FROM payments_attempt
      WHERE customer_id = ANY(%(customers)s) AND state = 'succeeded' ORDER BY chain_id, ended_at DESC, id DESC) last
WHERE last.chain_id = c.id AND c.closed_at IS NULL AND c.customer_id = ANY(%(customers)s) AND NOT EXISTS (
  SELECT FROM ledger_invoice i WHERE i.customer_id = last.customer_id AND i.currency = last.currency AND i.open_minor > 0
    AND (i.id = ANY(last.invoices) OR cardinality(last.invoices) = 0))
"""


def close_chains(*, customers: Iterable[int], now: datetime) -> int:
    """Closes the open chains in which the last success has settled what it was meant for."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE_CHAINS, {"customers": list(customers), "now": now})
        return int(cursor.rowcount)


def local_day(creditor: Creditor, at: datetime) -> date:
    """The date on the creditor's wall."""
    return day_of(at, creditor.time_zone)


def _open_chain(*, customer: Customer, currency: str, now: datetime) -> Chain:
    chain, _made = Chain.objects.get_or_create(
        customer=customer,
        currency=currency,
        closed_at__isnull=True,
        defaults={"creditor_id": customer.creditor_id, "opened_at": now},
    )
    return chain


def _hold_while_paying(*, attempt: Attempt, before: str, now: datetime) -> None:
    """Nobody is reminded while they pay: a hold stands from the attempt's start to its end, at most until tomorrow, or as
    long as a bank may take for its answer.
    """
    today = local_day(attempt.creditor, now)
    if attempt.state != before and attempt.state in (AttemptState.STARTED, AttemptState.PENDING):
        rows: list[Invoice | None] = list(Invoice.objects.filter(id__in=attempt.invoices))
        hold.place_on(
            rows or [None],
            kind=HoldKind.PAYMENT,
            source_ref=f"attempt:{attempt.pk}",
            customer=attempt.customer,
            since=today,
            until=today + timedelta(days=PENDING_DAYS if attempt.state == AttemptState.PENDING else 1),
            reason=in_house(gettext_lazy("A payment is under way.")),
            now=now,
        )
    elif before in (AttemptState.STARTED, AttemptState.PENDING) and attempt.state not in UNDER_WAY:
        _lift(attempt=attempt, on=today)


def _lift(*, attempt: Attempt, on: date) -> None:
    hold.lift(source_ref=f"attempt:{attempt.pk}", on=on)
