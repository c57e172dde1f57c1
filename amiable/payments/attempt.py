"""One try to pay: opened by a person's click, moved on by the provider's words, ended by them or by time.

In: customer, amount, invoices; later words. Out: the attempt and its chain. Never: an attempt for more than is owed, a
success taken back by a late word, a state that depends on the order in which words arrive.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from amiable.core.calendar import day_of
from amiable.core.errors import Refused, UnableTo, Unavailable
from amiable.core.models import User
from amiable.core.money import shown
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.factor import NOTHING, sold_by
from amiable.ledger.models import Creditor, Customer, HoldKind, Invoice
from amiable.payments import acquire, authorise, providers
from amiable.payments.chain import CAME_TO_NOTHING, UNDER_WAY, open_chain, wanted
from amiable.payments.chain import close_chains as close_chains
from amiable.payments.models import Attempt, AttemptState, Mandate
from amiable.payments.providers import Fields, Link, Reference, Word, WordKind

log = logging.getLogger(__name__)
PENDING_DAYS = 21  # after which a debit of which nobody has said anything is given up: eight bank days, and delays
LIVE = (AttemptState.OPENED, AttemptState.STARTED)  # these end by time where nobody goes on with them
ENDED = (AttemptState.SUCCEEDED, *CAME_TO_NOTHING)
# What a word says of the state. Of two words of the same moment the later one in this order counts.
SAYS: Mapping[str, str] = {
    WordKind.STARTED: AttemptState.STARTED,
    WordKind.INPUT_ERROR: AttemptState.STARTED,
    WordKind.ABANDONED: AttemptState.ABANDONED,
    WordKind.PENDING: AttemptState.PENDING,
    WordKind.FAILED: AttemptState.FAILED,
    WordKind.SUCCEEDED: AttemptState.SUCCEEDED,
}
RANK = {state: place for place, state in enumerate((AttemptState.OPENED, *SAYS.values()))}
KEPT = ["state", "state_at", "input_errors", "decline_code", "declined_at", "started_at", "ended_at", "credit"]


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
    plan_ref: int | None = None,
    step: str = "",
    by: User | None = None,
    now: datetime,
) -> Attempt:
    """A new try, in the customer's open chain of that currency; `invoices` in the order of payment, none for all."""
    providers.kind(provider)
    chosen = list(dict.fromkeys(invoices))
    _payable(customer=customer, currency=currency, amount_minor=amount_minor, chosen=chosen, now=now)
    with transaction.atomic():
        return Attempt.objects.create(
            chain=open_chain(customer=customer, currency=currency, now=now),
            creditor_id=customer.creditor_id,
            customer=customer,
            token=secrets.token_urlsafe(24),
            provider=provider,
            journey=journey,
            message_ref=message_ref,
            campaign_ref=campaign_ref,
            plan_ref=plan_ref,
            step=step,
            currency=currency,
            amount_minor=amount_minor,
            invoices=chosen,
            opened_at=now,
            by=by,
        )


def _payable(*, customer: Customer, currency: str, amount_minor: int, chosen: Sequence[int], now: datetime) -> None:
    """Raises UnableToOpenAttempt, with what is wrong, where this cannot be paid."""
    if amount_minor <= 0:
        raise UnableToOpenAttempt(_("The amount must be more than zero."))
    theirs = Invoice.objects.filter(customer=customer, open_minor__gt=0)
    rows = {row.pk: row for row in (theirs.filter(pk__in=chosen) if chosen else theirs.filter(currency=currency))}
    if any(pk not in rows for pk in chosen):
        raise UnableToOpenAttempt(_("One of these invoices is no longer open. Please look at the amounts again."))
    if any(row.currency != currency for row in rows.values()):
        raise UnableToOpenAttempt(_("These invoices are in another currency than the payment."))
    sold = sold_by([customer.pk], as_of=local_day(customer.creditor, now)).get(customer.pk, NOTHING)
    if any(pk in sold for pk in chosen):
        raise UnableToOpenAttempt(_("What was sold to a factor is settled by a transfer to the factor alone."))
    owed = sum(row.open_minor for row in rows.values() if row.pk not in sold)
    if not owed:
        raise UnableToOpenAttempt(_("Nothing is left to pay."))
    if amount_minor > owed:
        most = shown(owed, currency, (get_language() or "fr")[:2])
        raise UnableToOpenAttempt(
            _("That is more than what is open: at most %(amount)s can be paid.") % {"amount": most}
        )


def open_again(*, attempt: Attempt, journey: str, provider: str, now: datetime, **origin: Any) -> Attempt:
    """The same once more, for what is still open of it."""
    rows = list(wanted(attempt))
    if not rows:
        raise UnableToOpenAttempt(_("Nothing is left to pay."))
    place = {pk: n for n, pk in enumerate(attempt.invoices)}
    rows.sort(key=lambda row: (place.get(row.pk, 0), row.due_on, row.pk))
    return open_attempt(
        customer=attempt.customer,
        amount_minor=min(attempt.amount_minor, sum(row.open_minor for row in rows)),
        currency=attempt.currency,
        invoices=[row.pk for row in rows] if attempt.invoices else [],
        journey=journey,
        provider=provider,
        now=now,
        **origin,
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


def charge_saved(
    *,
    mandate: Mandate,
    amount_minor: int,
    currency: str,
    invoices: Sequence[int],
    journey: str,
    plan_ref: int | None = None,
    now: datetime,
) -> Attempt:
    """Charges a saved method while the customer is away. What `plan_ref` names is collected by one try at a time.

    The try is written down, and committed, before the provider is asked. It comes back as it stands then: failed where the
    provider refused, else pending; the provider's word, or its answer to being asked, brings the end. Raises
    UnableToOpenAttempt, Refused where the provider is not there at all.
    """
    customer = mandate.customer.merged_into or mandate.customer
    usable = authorise.usable(customer=mandate.customer, as_of=local_day(customer.creditor, now))
    if not usable.filter(pk=mandate.pk).exists():
        raise UnableToOpenAttempt(_("The authority to debit has ended; another way to pay is needed."))
    psp = acquire.acquirer(customer.creditor, mandate.provider)
    if not psp.can("charge"):
        raise UnableToOpenAttempt(_("This provider cannot charge a saved method."))
    with transaction.atomic(durable=True):
        Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
        running = Attempt.objects.filter(plan_ref=plan_ref, state__in=(AttemptState.OPENED, *UNDER_WAY))
        if plan_ref is not None and (found := running.first()):
            return found
        attempt = open_attempt(
            customer=customer, amount_minor=amount_minor, currency=currency, invoices=invoices, journey=journey,
            provider=mandate.provider, plan_ref=plan_ref, now=now,
        )  # fmt: skip
        attempt.state, attempt.started_at, attempt.state_at = AttemptState.PENDING, now, now
        keep(attempt=attempt, before=AttemptState.OPENED, now=now)
    return _charge(psp, attempt, mandate, now)


def _charge(psp: providers.PSP, attempt: Attempt, mandate: Mandate, now: datetime) -> Attempt:
    try:
        answer = psp.charge(attempt, mandate=mandate, now=now)
    except Refused as error:
        log.warning("The charge %s was refused: %s", attempt.token, error)
        refusal = Word(
            external_id=f"refused_{attempt.token}",
            kind=WordKind.FAILED,
            attempt=attempt.token,
            at=now,
            detail="refused",
        )
        with transaction.atomic():
            attempt = Attempt.objects.select_for_update(of=("self",)).select_related("creditor").get(pk=attempt.pk)
            before = attempt.state
            move_on(attempt=attempt, word=refusal)
            keep(attempt=attempt, before=before, now=now)
        return attempt
    except Unavailable as error:
        log.warning("Whether the charge %s reached the provider is not known: %s", attempt.token, error)
        return attempt
    known_as(attempt, answer.external_id)
    Mandate.objects.filter(pk=mandate.pk).update(last_used_on=local_day(attempt.creditor, now))
    return attempt


def move_on(*, attempt: Attempt, word: Word) -> None:
    """Takes one word into a locked attempt. Not saved.

    The newest word counts, whenever it arrives, and money beats every other word: the same words, in any order, lead to
    the same state. What says nothing of the try itself (money given back) changes nothing.
    """
    state = SAYS.get(word.kind)
    if state is None:
        return
    attempt.started_at = min(filter(None, [attempt.started_at, word.at]))
    if word.kind == WordKind.INPUT_ERROR or (word.kind == WordKind.FAILED and mistyped(attempt.provider, word.detail)):
        attempt.input_errors += 1
    if word.kind == WordKind.FAILED and (
        attempt.declined_at is None or (word.at, word.detail) > (attempt.declined_at, attempt.decline_code)
    ):
        attempt.declined_at, attempt.decline_code = word.at, word.detail
    if _counts(attempt, state, word.at):
        attempt.state, attempt.state_at = state, word.at
        attempt.ended_at = max(word.at, attempt.opened_at) if state in ENDED else None


def _counts(attempt: Attempt, state: str, at: datetime) -> bool:
    """Whether a word decides the state: against what decides it now."""
    if attempt.state == AttemptState.OPENED or attempt.state_at is None:
        return True
    if AttemptState.SUCCEEDED in (state, attempt.state):
        first = at < attempt.state_at  # of two words about the money the first one tells when it came
        return state == AttemptState.SUCCEEDED and (attempt.state != AttemptState.SUCCEEDED or first)
    return (at, RANK[state]) > (attempt.state_at, RANK[attempt.state])


def mistyped(provider: str, decline_code: str) -> bool:
    """Whether the provider's code for a refusal means that something was typed wrongly."""
    psp = providers.providers().get(provider)
    return bool(psp and psp.input_errors and decline_code in psp.input_errors)


def keep(*, attempt: Attempt, before: str, now: datetime) -> None:
    """Saves an attempt that words have moved on from the state `before`, and what follows from it for reminders."""
    attempt.save(update_fields=KEPT)
    _hold_while_paying(attempt=attempt, before=before, now=now)


def abandon_stale(*, now: datetime, creditor: Creditor | None = None) -> int:
    """Ends the attempts (with one creditor's customers) that nobody finished in time; a word told later still counts.

    A debit under way at the bank is left its days: its customer has nothing more to do.
    """
    left = Q(state__in=LIVE) & Q(opened_at__lt=now - timedelta(minutes=settings.ATTEMPT_ABANDONED_MINUTES))
    silent = Q(state=AttemptState.PENDING, opened_at__lt=now - timedelta(days=PENDING_DAYS))
    whose = Q() if creditor is None else Q(creditor=creditor)
    with transaction.atomic():
        stale = list(
            Attempt.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(whose, left | silent)
            .select_related("customer", "creditor")
            .order_by("id")
        )
        for attempt in stale:
            if attempt.state in UNDER_WAY:
                _lift(attempt=attempt, on=local_day(attempt.creditor, now))
            # That nobody said anything is older than any word that is still on its way.
            attempt.state_at = attempt.state_at or attempt.opened_at
            attempt.state, attempt.ended_at = AttemptState.ABANDONED, now
        Attempt.objects.bulk_update(stale, ["state", "state_at", "ended_at"], batch_size=1000)
    return len(stale)


def local_day(creditor: Creditor, at: datetime) -> date:
    """The date on the creditor's wall."""
    return day_of(at, creditor.time_zone)


def _hold_while_paying(*, attempt: Attempt, before: str, now: datetime) -> None:
    """Nobody is reminded while they pay: a hold stands from the attempt's start to its end, at most until tomorrow, or
    for the days that a bank takes.
    """
    today = local_day(attempt.creditor, now)
    if attempt.state in UNDER_WAY and attempt.state != before:
        days = PENDING_DAYS if attempt.state == AttemptState.PENDING else 1
        rows: list[Invoice | None] = list(Invoice.objects.filter(id__in=attempt.invoices))
        hold.place_on(
            rows or [None],
            kind=HoldKind.PAYMENT,
            source_ref=f"attempt:{attempt.pk}",
            customer=attempt.customer,
            since=today,
            until=today + timedelta(days=days),
            reason=in_house(gettext_lazy("A payment is under way.")),
            now=now,
        )
    elif before in UNDER_WAY and attempt.state not in UNDER_WAY:
        _lift(attempt=attempt, on=today)


def _lift(*, attempt: Attempt, on: date) -> None:
    hold.lift(source_ref=f"attempt:{attempt.pk}", on=on)
