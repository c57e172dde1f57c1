"""The day's word for every campaign that runs: who of its list is written to today, who waits, and why.

In: frozen lists, open invoices, the rails. Out: orders of messages, and each recipient's verdict with its reason.
Never: two messages of one campaign to a customer, or one beside another contact of the day.
"""

from collections import Counter
from datetime import date, datetime

import polars as pl
from django.db import transaction

from amiable.core.conditions import N_
from amiable.law.packs import law
from amiable.law.rails import SENTENCES, judge, time_bar
from amiable.ledger.models import Creditor
from amiable.outreach.guard import LATE_ONLY, NOT_YET_ONLY
from amiable.outreach.models import Message, MessageState
from amiable.outreach.order import Order, order
from amiable.scenario import gather
from amiable.scenario.models import Campaign, Decision, Recipient, Verdict

# What keeps a campaign from a customer beside the rails of every contact.
OTHER_CONTACT, NOTHING = "other_contact", "nothing_to_say"
WAITS = {
    OTHER_CONTACT: N_("Another message or call is meant for the customer on that day."),
    NOTHING: N_("Nothing is open that the campaign would speak of."),
}
LISTED = N_("The customer is on the list of the campaign.")


@transaction.atomic
def canvass(*, as_of: date, now: datetime, creditor: Creditor | None = None) -> dict[str, int]:
    """Orders the messages of the day for all campaigns that run, or those of a creditor. Safe to repeat.

    Returns how many recipients were looked at, how many messages were ordered, and how many wait or are left out.
    """
    campaigns = Campaign.objects.filter(
        released_at__isnull=False, stopped_at=None, starts_on__lte=as_of, ends_on__gte=as_of
    )
    if creditor:
        campaigns = campaigns.filter(creditor=creditor)
    total: Counter[str] = Counter(campaigns=0, looked_at=0, ordered=0, not_today=0)
    for campaign in campaigns.select_related("creditor").order_by("pk"):
        total.update(_one(campaign, as_of=as_of, now=now), campaigns=1)
    return dict(total)


def _one(campaign: Campaign, *, as_of: date, now: datetime) -> dict[str, int]:
    waiting = {each.customer_id: each for each in campaign.recipients.exclude(verdict=Verdict.DO).order_by("pk")}
    if not waiting:
        return {"looked_at": 0}
    told = {row["customer_id"]: row for row in _judged(campaign, list(waiting), as_of).iter_rows(named=True)}
    busy = _busy(list(waiting), as_of)
    orders, changed = [], []
    for customer, recipient in waiting.items():
        row = told.get(customer)
        rail = NOTHING if row is None else OTHER_CONTACT if customer in busy else row["rail"] or ""
        if row and not rail:
            orders.append(_order(campaign, row, as_of))
        if not rail or recipient.rail != rail:
            changed.append(_decided(recipient, row if not rail else None, rail, as_of))
    Recipient.objects.bulk_update(
        changed, ["verdict", "rail", "reason", "decided_on", "about", "amount_minor"], batch_size=2_000
    )
    return {"looked_at": len(waiting), "ordered": order(orders, now=now), "not_today": len(waiting) - len(orders)}


def _decided(recipient: Recipient, row: dict[str, object] | None, rail: str, as_of: date) -> Recipient:
    recipient.verdict = Verdict.NOT if rail else Verdict.DO
    recipient.rail, recipient.decided_on = rail, as_of
    recipient.reason = {**SENTENCES, **WAITS, "": LISTED}[rail]
    if row:
        recipient.about, recipient.amount_minor = row["about"], row["amount_minor"]  # type: ignore[assignment]
    return recipient


def _judged(campaign: Campaign, customers: list[int], as_of: date) -> pl.DataFrame:
    """The recipients with something to speak of: what, how much, and the rail that says no."""
    with gather.candidates(as_of=as_of, moments=gather.ALWAYS, only=customers) as invoices:
        rows = gather.customers(as_of=as_of, steps=()).filter(pl.col("currency") == campaign.currency)
    parts = [pl.DataFrame(schema={"customer_id": pl.Int64, "rail": pl.String})]
    for (country,), part in rows.group_by("country", maintain_order=True):
        rules = law(str(country) or campaign.creditor.country, as_of)
        about = _about(campaign.template, part, invoices.filter(~pl.col("held")), time_bar(rules))
        asked = part.join(about, on="customer_id").with_columns(
            channel=pl.lit(campaign.channel),
            contacts=pl.lit(True),
            has_address=pl.col(f"has_{campaign.channel}"),
            opted_out=pl.col(f"out_{campaign.channel}"),
            amount_minor=pl.col("about_minor") - pl.col("credit_minor"),
            minimum_minor=pl.lit(campaign.minimum_minor, dtype=pl.Int64),
        )
        parts.append(judge(asked, law=rules, policy=campaign.creditor.policy))
    return pl.concat(parts, how="diagonal_relaxed")


def _about(template: str, rows: pl.DataFrame, invoices: pl.DataFrame, bar: pl.Expr) -> pl.DataFrame:
    """By customer the invoices that the text speaks of, oldest first, as the last look would leave them in it."""
    late = pl.col("days_late")
    fitting = late > 0 if template in LATE_ONLY else late <= 0 if template in NOT_YET_ONLY else pl.lit(True)
    mine = invoices.filter(fitting).join(rows.select("customer_id", "currency", "kind"), on=["customer_id", "currency"])
    old = late > bar
    return (
        mine.filter(~old | old.all().over("customer_id"))  # too old to be claimed: only where there is no other
        .sort("customer_id", "days_late", "invoice", descending=[False, True, False])
        .group_by("customer_id", maintain_order=True)
        .agg(about="invoice", about_minor=pl.col("open_minor").sum(), oldest_days_late=late.max())
    )


def _busy(customers: list[int], as_of: date) -> set[int]:
    """To whom something else is said that day: a step of the scenario, or a message that has not left yet."""
    spoken = Decision.objects.filter(as_of=as_of, customer_id__in=customers).exclude(verdict=Verdict.NOT)
    on_the_way = Message.objects.filter(
        customer_id__in=customers, capped=True, state__in=[MessageState.PLANNED, MessageState.SENDING]
    )
    return set(spoken.values_list("customer_id", flat=True)) | set(on_the_way.values_list("customer_id", flat=True))


def _order(campaign: Campaign, row: dict[str, object], as_of: date) -> Order:
    return Order(
        key=f"campaign:{campaign.pk}:{row['customer_id']}", creditor_id=campaign.creditor_id,
        customer_id=row["customer_id"], currency=campaign.currency, purpose=campaign.template, medium=campaign.channel,  # type: ignore[arg-type]
        tone=campaign.tone, as_of=as_of, about=row["about"], campaign_ref=campaign.pk,  # type: ignore[arg-type]
        context={"minimum_minor": campaign.minimum_minor},
    )  # fmt: skip
