"""What a campaign brought: who was written to, who opened, clicked, tried to pay, paid, and who wants no more of it.

In: a campaign. Out: its Tally, counted from the rows as they are. Nothing is written.
"""

from collections import Counter
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Q, QuerySet

from amiable.outreach.models import Event, EventKind, Message, MessageState
from amiable.payments.models import Attempt, AttemptState
from amiable.scenario.models import Campaign, Verdict

DAYS = 14  # after a message, in which a payment or an opt-out is counted with it

# Money on the invoices that a message spoke of, from the day on which it left and so many days long.
_PAID = """
SELECT count(DISTINCT m.customer_id), coalesce(sum(-e.amount_minor), 0)::bigint
FROM outreach_message m JOIN ledger_creditor d ON d.id = m.creditor_id
JOIN ledger_entry e ON e.invoice_id = ANY(m.about) AND e.kind IN ('allocation', 'reversal')
  AND e.effective_on >= (m.sent_at AT TIME ZONE d.time_zone)::date
  AND e.effective_on < (m.sent_at AT TIME ZONE d.time_zone)::date + %(days)s
JOIN ledger_credit c ON c.id = e.credit_id AND c.kind = 'payment'
WHERE m.campaign_ref = %(campaign)s AND m.state IN ('sent', 'in_doubt')
"""
_OPTED_OUT = """
SELECT count(DISTINCT o.customer_id) FROM outreach_message m
JOIN outreach_optout o ON o.customer_id = m.customer_id AND o.medium = m.medium AND o.since >= m.sent_at
  AND o.since < m.sent_at + %(days)s * interval '1 day' AND o.origin NOT LIKE 'reply:%%'
WHERE m.campaign_ref = %(campaign)s AND m.state IN ('sent', 'in_doubt')
"""


@dataclass(frozen=True)
class Tally:
    """`withheld`: why and how many, the rails of the day and the last look together, the most frequent first."""

    listed: int
    waiting: int  # not looked at yet, or held back so far
    ordered: int
    on_the_way: int
    sent: int
    withheld: tuple[tuple[str, int], ...]
    failed: int
    opened: int
    clicked: int
    attempts: int
    not_completed: int
    input_errors: int
    paid: int
    paid_minor: int
    opted_out: int


def tally(*, campaign: Campaign) -> Tally:
    """Counts a campaign's messages and what followed them."""
    verdicts = Counter(dict(campaign.recipients.order_by().values_list("verdict").annotate(n=Count("pk"))))
    held_back = campaign.recipients.filter(verdict=Verdict.NOT).order_by().values_list("reason")
    withheld = Counter(dict(held_back.annotate(n=Count("pk"))))
    messages = Message.objects.filter(campaign_ref=campaign.pk)
    states = Counter(dict(messages.order_by().values_list("state").annotate(n=Count("pk"))))
    at_last = messages.filter(state=MessageState.WITHHELD).order_by().values_list("verdict")
    withheld.update(dict(at_last.annotate(n=Count("pk"))))
    events = Event.objects.filter(message__campaign_ref=campaign.pk)
    attempts = Attempt.objects.filter(campaign_ref=campaign.pk).aggregate(
        all=Count("pk"),
        not_completed=Count("pk", filter=Q(state__in=[AttemptState.FAILED, AttemptState.ABANDONED])),
        errors=Count("pk", filter=Q(input_errors__gt=0)),
    )
    with connection.cursor() as cursor:
        cursor.execute(_PAID, {"campaign": campaign.pk, "days": DAYS})
        paid, paid_minor = cursor.fetchone()
        cursor.execute(_OPTED_OUT, {"campaign": campaign.pk, "days": DAYS})
        opted_out = cursor.fetchone()[0]
    return Tally(
        listed=sum(verdicts.values()),
        waiting=verdicts[""] + verdicts[Verdict.NOT],
        ordered=verdicts[Verdict.DO],
        on_the_way=states[MessageState.PLANNED] + states[MessageState.SENDING],
        sent=states[MessageState.SENT] + states[MessageState.IN_DOUBT],
        withheld=tuple(withheld.most_common()),
        failed=states[MessageState.FAILED],
        # Who clicked has opened, even where no picture told so.
        opened=_told(events, EventKind.OPENED, EventKind.CLICKED),
        clicked=_told(events, EventKind.CLICKED),
        attempts=attempts["all"],
        not_completed=attempts["not_completed"],
        input_errors=attempts["errors"],
        paid=paid,
        paid_minor=paid_minor,
        opted_out=opted_out,
    )


def _told(events: QuerySet[Event], *kinds: str) -> int:
    """Messages of which something of these kinds was told."""
    return events.filter(kind__in=kinds).values("message").distinct().count()
