"""Two records of one customer become one, on every floor: what was said, promised, wished and decided goes along.

In: the customer to keep and the one to absorb. Out: one customer. Never: a wish to be left alone that is lost.
"""

from datetime import date, datetime

from django.db import models, transaction

from amiable.casework.models import (
    Case,
    Dispute,
    Escalation,
    Note,
    Notification,
    SurveyAnswer,
    SurveyAsk,
    Task,
    Word,
)
from amiable.casework.survey import REST_DAYS
from amiable.core.models import User
from amiable.ledger import post
from amiable.ledger.models import Customer, Hold, HoldKind
from amiable.outreach.models import Message, OptOut, Reply
from amiable.payments.models import Attempt, Chain, Mandate, Match, Plan, Promise, StandingOrder
from amiable.portfolio.models import Membership, Profile
from amiable.portfolio.refresh import refresh
from amiable.scenario.models import Recipient, Verdict

# Decisions and scores stay with the record that they were made about; everything that acts on tomorrow moves.
MOVED: tuple[type[models.Model], ...] = (
    Task, Dispute, Note, Escalation, Word, Notification, Message, Reply, Attempt, Match, Promise, Plan, SurveyAnswer,
)  # fmt: skip


@transaction.atomic
def unite(*, keep: Customer, absorb: Customer, now: datetime, by: User | None = None) -> Customer:
    """Merges the ledgers (see ledger.post.merge) and moves what the floors above know. Raises UnableToPost."""
    # The arm of an experiment is that of the record that stays: another's hold-out does not come along.
    Hold.objects.filter(customer=absorb, kind=HoldKind.HOLDOUT).delete()
    kept = post.merge(keep=keep, absorb=absorb, now=now, by=by)
    for model in MOVED:
        model._default_manager.filter(customer=absorb).update(customer=kept)
    _unite_open(Case, "closed_on", kept, absorb, now.date())
    _unite_open(Chain, "closed_at", kept, absorb, now)
    _unite_open(StandingOrder, "ended_at", kept, absorb, now)
    Case.objects.filter(customer=absorb, closed_on__isnull=False, closed_because="").update(closed_because="merged")
    Case.objects.filter(customer=absorb).update(customer=kept)
    Chain.objects.filter(customer=absorb).update(customer=kept)
    StandingOrder.objects.filter(customer=absorb).update(customer=kept)
    for mandate in Mandate.objects.filter(
        customer=absorb
    ):  # one that both have stays where it is: the other is as good
        known = Mandate.objects.filter(customer=kept, provider=mandate.provider, reference=mandate.reference)
        if not mandate.reference or not known.exists():
            Mandate.objects.filter(pk=mandate.pk).update(customer=kept)
    for wish in OptOut.objects.filter(customer=absorb):
        OptOut.objects.get_or_create(
            customer=kept, medium=wish.medium, address=wish.address, until=wish.until,
            defaults={"since": wish.since, "origin": wish.origin},
        )  # fmt: skip
    _unite_asks(kept, absorb, now)
    _unite_lists(kept, absorb)
    Profile.objects.filter(customer=absorb).delete()
    Membership.objects.filter(customer=absorb, until=None).update(until=now.date())
    refresh(as_of=now.date(), customers=[kept.pk])
    return kept


def _unite_open(model: type[models.Model], field: str, keep: Customer, absorb: Customer, at: object) -> None:
    """Where both have one open in a currency, the absorbed one ends: there may be only one."""
    theirs = model._default_manager.filter(**{"customer": keep, f"{field}__isnull": True}).values_list(
        "currency", flat=True
    )
    doubled = model._default_manager.filter(
        **{"customer": absorb, f"{field}__isnull": True, "currency__in": list(theirs)}
    )
    doubled.update(**{field: at})


def _unite_asks(keep: Customer, absorb: Customer, now: datetime) -> None:
    """Of two asks within 90 days the later one counts from now on; the other stays, with its answer."""
    counting: list[date] = []
    both = SurveyAsk.objects.filter(customer__in=[keep, absorb], void_since=None)
    for pk, asked_on in both.order_by("-asked_on", "-pk").values_list("pk", "asked_on"):
        if counting and (counting[-1] - asked_on).days < REST_DAYS:
            SurveyAsk.objects.filter(pk=pk).update(void_since=now)
        else:
            counting.append(asked_on)
    SurveyAsk.objects.filter(customer=absorb).update(customer=keep)


def _unite_lists(keep: Customer, absorb: Customer) -> None:
    """On a campaign's list once, and written to once: whoever of the two was first."""
    for theirs in Recipient.objects.filter(customer=absorb):
        mine = Recipient.objects.filter(campaign=theirs.campaign_id, customer=keep)
        if not mine.exists():
            Recipient.objects.filter(pk=theirs.pk).update(customer=keep)
        elif theirs.verdict == Verdict.DO:
            mine.exclude(verdict=Verdict.DO).update(
                verdict=theirs.verdict, rail="", reason=theirs.reason, decided_on=theirs.decided_on, about=theirs.about
            )
