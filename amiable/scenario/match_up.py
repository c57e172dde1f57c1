"""Money that was nobody's is matched, by the day or by a person, and what follows from it follows at once.

In: a creditor, or a person's word on one credit. Out: matches, and their consequences. Never: half of it; each call is
one transaction, and the same word twice is refused with a sentence.
"""

from collections.abc import Mapping
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from amiable.core.models import User
from amiable.ledger.models import Credit, CreditKind, Creditor, Customer, Invoice
from amiable.payments.accept import UnableToMatch, accept, undo
from amiable.payments.arrange import judge_again
from amiable.payments.attempt import local_day
from amiable.payments.match import Summary, match
from amiable.payments.matching import ItemKind
from amiable.payments.models import LineKind, Match, MatchState
from amiable.scenario.respond import money_matched


@transaction.atomic
def match_money(*, creditor: Creditor, as_of: date, now: datetime) -> Summary:
    """Looks at all of a creditor's money that waits, applies what is sure, and lets follow what follows."""
    done = match(creditor=creditor, as_of=as_of, now=now)
    money_matched(credits=done.credits, now=now)
    return done


@transaction.atomic
def choose(*, proposal: Match, now: datetime, by: User) -> Match:
    """A person confirms one of the proposals."""
    return _make(proposal, proposal.credit, now=now, by=by)


@transaction.atomic
def give(*, credit: Credit, customer: Customer, parts: Mapping[int, int], now: datetime, by: User) -> Match:
    """A person says whose money it is, and how much of it goes to which invoices; what is left stays on account."""
    if customer.creditor_id != credit.creditor_id or customer.merged_into_id:
        raise UnableToMatch(_("This customer cannot receive this money."))
    if sum(parts.values()) > credit.open_minor:
        raise UnableToMatch(_("This is more than the payment holds."))
    if any(amount <= 0 for amount in parts.values()):
        raise UnableToMatch(_("Each amount must be more than zero."))
    fit = set(
        Invoice.objects.filter(pk__in=parts, creditor=credit.creditor_id, currency=credit.currency).values_list(
            "pk", flat=True
        )
    )
    if fit != set(parts):
        raise UnableToMatch(_("Only invoices of the same creditor and currency can receive this money."))
    said = Match(
        credit=credit, customer=customer, confidence=1.0, reasons=[["person", {}]], looked_at=now,
        parts=[[ItemKind.INVOICE, invoice, amount, 0] for invoice, amount in parts.items()],
        rest_minor=credit.open_minor - sum(parts.values()),
    )  # fmt: skip
    return _make(said, credit, now=now, by=by)


@transaction.atomic
def put_aside(*, credit: Credit, kind: str, now: datetime, by: User) -> Match:
    """A person says that it is not a customer's payment, and what it is."""
    if kind not in LineKind.values or kind == LineKind.CUSTOMER:
        raise UnableToMatch(_("Say what it is instead: a payout, an own transfer, a fee, something else."))
    proposed = credit.matches.filter(state=MatchState.PROPOSED, kind=kind).first()
    said = proposed or Match(credit=credit, kind=kind, confidence=1.0, reasons=[["person", {}]], looked_at=now)
    return _make(said, credit, now=now, by=by)


@transaction.atomic
def take_back(*, made: Match, now: datetime, by: User) -> Match:
    """A match is undone; the money waits again, for a person."""
    creditor = made.credit.creditor
    as_of = local_day(creditor, now)
    undone = undo(match=made, as_of=as_of, now=now, by=by)
    invoices = [ref for kind, ref, *_rest in made.parts if kind == ItemKind.INVOICE]
    judge_again(invoices=invoices, as_of=as_of, now=now)
    match(creditor=creditor, as_of=as_of, now=now, only=[made.credit_id])
    return undone


def _make(said: Match, credit: Credit, *, now: datetime, by: User) -> Match:
    creditor = credit.creditor
    done = accept(matches=[said], creditor=creditor, as_of=local_day(creditor, now), now=now, by=by)
    if not done:
        held = Credit.objects.filter(pk=credit.pk, customer=None, kind=CreditKind.PAYMENT, open_minor__gt=0).exists()
        if not held:
            raise UnableToMatch(_("Somebody has matched this payment already."))
        raise UnableToMatch(_("What was proposed has been paid or changed meanwhile. Look again."))
    if said.pk is None:
        Match.objects.filter(credit=credit, state=MatchState.PROPOSED).delete()
        said.save()
    money_matched(credits=[credit.pk], now=now)
    return said
