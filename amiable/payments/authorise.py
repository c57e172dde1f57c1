"""Ways to pay that a customer lets us use again: asked for, saved with the provider, used, ended.

In: a customer's consent; later the provider's words. Out: Mandate rows. Never: a number of a card or an account; one
that has ended or run out among those that can be charged.
"""

import logging
import secrets
from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from amiable.core import audit
from amiable.core.errors import AmiableError
from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer
from amiable.payments import acquire
from amiable.payments.models import Attempt, Mandate
from amiable.payments.providers import Fields, Link, Word

log = logging.getLogger(__name__)


@transaction.atomic
def ask_for(*, customer: Customer, provider: str, now: datetime, attempt: Attempt | None = None) -> Mandate:
    """The wish to keep a way to pay: with the payment of `attempt`, or by itself (`enter_page`)."""
    known = Mandate.objects.filter(customer=customer, provider=provider).exclude(payer="").order_by("-pk").first()
    wish, _new = Mandate.objects.get_or_create(
        token=attempt.token if attempt else secrets.token_urlsafe(24),
        defaults={"customer": customer, "provider": provider, "asked_at": now, "payer": known.payer if known else ""},
    )
    return wish


def enter_page(*, mandate: Mandate, return_url: str, now: datetime) -> Link | Fields:
    """Where the customer enters it without paying. Asks the provider. Raises Refused or Unavailable."""
    acquirer = acquire.acquirer(mandate.customer.creditor, mandate.provider)
    return acquirer.save(mandate, return_url=return_url, now=now)


def usable(*, customer: Customer, as_of: date) -> QuerySet[Mandate]:
    """What can be charged on a day, the newest first."""
    theirs = Q(customer=customer) | Q(customer__merged_into=customer)
    saved = Mandate.objects.filter(theirs, ended_on=None, signed_on__isnull=False)
    return saved.filter(Q(expires_on=None) | Q(expires_on__gte=as_of)).order_by("-signed_on", "-pk")


def saved(*, word: Word, creditor: Creditor | None, as_of: date) -> Mandate | None:
    """Keeps what the provider says it has saved; None where nobody asked for it. A late word wakes no ended one."""
    assert word.saved is not None
    wish = _known(word, creditor)
    if wish is None:
        return None
    told = word.saved
    same = Mandate.objects.filter(customer=wish.customer_id, provider=wish.provider, reference=told.reference)
    if (before := same.exclude(pk=wish.pk).first()) is not None:
        if wish.signed_on is None:
            wish.delete()
        wish = before  # the same card once more: what was kept of it is renewed
        wish.ended_on = None
    wish.reference, wish.payer, wish.authority = told.reference, told.payer or wish.payer, told.authority
    wish.scheme, wish.label, wish.expires_on = told.scheme, told.label, told.expires_on
    wish.signed_on = wish.signed_on or as_of
    wish.save()
    return wish


def ended(*, word: Word, creditor: Creditor | None, as_of: date) -> None:
    """The provider says that it can no longer be used."""
    assert word.saved is not None
    told = word.saved
    rows = Mandate.objects.filter(
        Q(reference=told.reference) & ~Q(reference="") | Q(authority=told.authority) & ~Q(authority="")
    )
    if creditor is not None:
        rows = rows.filter(customer__creditor=creditor)
    rows.filter(ended_on=None).update(ended_on=as_of)


def end(*, mandate: Mandate, as_of: date, now: datetime, by: User | None = None, origin: str = "") -> None:
    """The customer, or a colleague for them, takes it back: it is never charged again. The provider is told to forget it;
    where it does not hear, it is ours that counts.
    """
    customer = mandate.customer
    with transaction.atomic():
        Mandate.objects.filter(pk=mandate.pk, ended_on=None).update(ended_on=as_of)
        audit.record(
            "mandate.ended", now=now, user=by, actor="" if by else origin, creditor_ref=customer.creditor_id,
            subject="customer", subject_ref=customer.pk, mandate=mandate.pk,
        )  # fmt: skip
    if mandate.reference:
        try:
            acquire.acquirer(customer.creditor, mandate.provider).let_go(mandate, now=now)
        except AmiableError as error:
            log.warning("%s was not told to forget %s: %s", mandate.provider, mandate, error)


def lock(*, words: Iterable[Word], provider: str) -> None:
    """Two calls about one way to pay queue here."""
    tokens = {word.attempt for word in words if word.saved is not None and word.attempt}
    if tokens:
        list(Mandate.objects.select_for_update().filter(provider=provider, token__in=tokens).order_by("id"))


def _known(word: Word, creditor: Creditor | None) -> Mandate | None:
    """What was asked for; or, where the word is about itself only, what was saved."""
    assert word.saved is not None
    rows = (
        Mandate.objects.filter(token=word.attempt)
        if word.attempt
        else Mandate.objects.filter(reference=word.saved.reference)
    )
    return (rows.filter(customer__creditor=creditor) if creditor else rows).select_related("customer").first()
