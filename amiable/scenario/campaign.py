"""A campaign is drafted, looked at, frozen, released and stopped, each by a person.

In: a filter over facts, a text, a channel, a window. Out: a Campaign, and on freezing its list of Recipients.
Never: a list that changes after it was frozen, a message before a person released it, a text that hurts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from django.db import transaction

from amiable.core import audit
from amiable.core.conditions import N_, parse
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.outreach import route
from amiable.outreach.guard import LATE_ONLY, NOT_YET_ONLY
from amiable.outreach.house import ANSWERS, keys
from amiable.outreach.models import Template, Tone
from amiable.outreach.order import withdraw
from amiable.portfolio import facts
from amiable.portfolio.gather import gather, names
from amiable.portfolio.models import Profile
from amiable.scenario import shelf
from amiable.scenario.check import examine
from amiable.scenario.models import Campaign, Recipient

# Texts that answer something, or that a person confirms one by one, are no campaign's.
NOT_FOR_MANY = {"formal_notice", *ANSWERS}
LONGEST_WINDOW = 60  # days: the facts of the frozen list are those of its first
TOLD = ("open", "overdue", "not_due", "dpd", "credit")  # facts that every recipient keeps
SETTINGS = (
    "name", "filter", "currency", "minimum_minor", "template", "tone", "channel", "starts_on", "ends_on",
)  # fmt: skip


class UnableToCampaign(UnableTo):
    """The campaign cannot be as it is wished for, or not now; `setting` names the one that is wrong."""

    def __init__(self, sentence: str, setting: str = "", **values: object) -> None:
        super().__init__(sentence % values if values else sentence)
        self.sentence, self.setting, self.values = sentence, setting, values


@dataclass(frozen=True)
class Group:
    """Of a preview: so many in one segment, and what the message would be about."""

    segment: str
    customers: int
    amount_minor: int


@dataclass(frozen=True)
class Preview:
    """Whom a campaign would hold if it were frozen now. The rails are asked on the day, not here."""

    customers: int
    amount_minor: int
    groups: tuple[Group, ...]


def texts(creditor: Creditor) -> list[str]:
    """The texts that a campaign may use: the house's and the creditor's approved ones, but for NOT_FOR_MANY."""
    own = Template.objects.filter(creditor=creditor, approved_at__isnull=False, retired_at=None)
    return sorted({*keys(), *own.values_list("key", flat=True)} - NOT_FOR_MANY)


@transaction.atomic
def draft(*, creditor: Creditor, as_of: date, now: datetime, by: User, **settings: Any) -> Campaign:
    """Keeps a new draft. `settings` are SETTINGS; raises UnableToCampaign, or UnableToRead about the filter."""
    made = Campaign(creditor=creditor, made_at=now, made_by=by, **{name: settings[name] for name in SETTINGS})
    check(made, as_of=as_of)
    made.save()
    return made


@transaction.atomic
def revise(campaign: Campaign, *, as_of: date, now: datetime, by: User, **settings: Any) -> Campaign:
    """Writes a draft anew; what is frozen does not change."""
    kept = _locked(campaign)
    if kept.frozen_at or kept.stopped_at:
        raise UnableToCampaign(N_("Only a draft can be changed; what is frozen stays as it is."))
    for name in SETTINGS:
        setattr(kept, name, settings[name])
    kept.made_at, kept.made_by = now, by
    check(kept, as_of=as_of)
    kept.save()
    return kept


def check(campaign: Campaign, *, as_of: date) -> None:
    """Raises UnableToCampaign with the first setting that cannot be, or UnableToRead about the filter."""
    wrong = {
        "name": (not campaign.name.strip(), N_("Give the campaign a name.")),
        "template": (
            campaign.template not in texts(campaign.creditor),
            N_("This text does not exist, or is none to be sent to many."),
        ),
        "tone": (campaign.tone not in Tone.values, N_("There is no such tone.")),
        "channel": (not route.in_use(campaign.creditor, campaign.channel), N_("Nothing carries this channel yet.")),
        "currency": (
            len(campaign.currency) != 3 or not campaign.currency.isupper(), N_("A currency has three letters."),
        ),
        "minimum_minor": (campaign.minimum_minor < 0, N_("The least amount cannot be below zero.")),
        "starts_on": (campaign.starts_on > campaign.ends_on, N_("The first day comes after the last one.")),
        "ends_on": (
            campaign.ends_on < as_of or campaign.ends_on > campaign.starts_on + timedelta(days=LONGEST_WINDOW),
            N_("The window ends today at the earliest, and lasts 60 days at most."),
        ),
    }  # fmt: skip
    for setting, (found, sentence) in wrong.items():
        if found:
            raise UnableToCampaign(sentence, setting)
    parse(campaign.filter, shelf.facts())
    _said_well(campaign, as_of)


def _said_well(campaign: Campaign, as_of: date) -> None:
    """Raises UnableToCampaign where the text lacks what the law asks of it, or says to these people what it may not.

    The check of scenarios says so, of a scenario for the same people with this one step.
    """
    day = -1 if campaign.template in NOT_YET_ONLY else 1
    step = {
        "key": campaign.template,
        "level": 1,
        "days": day,
        "channel": campaign.channel,
        "template": campaign.template,
    }
    data = {"key": "campaign", "applies": campaign.filter, "steps": [step | {"tone": campaign.tone}]}
    findings = examine(data, creditor=campaign.creditor, facts=shelf.facts(), as_of=as_of)
    if wrong := next((finding for finding in findings if finding.stops), None):
        raise UnableToCampaign(wrong.sentence, "filter" if not wrong.step else "template")


def matching(campaign: Campaign, *, as_of: date) -> pl.DataFrame:
    """The customers for whom the filter holds and of whom the text has something to speak, with `amount_minor`."""
    condition = parse(campaign.filter, shelf.facts())
    about = spoken_of(campaign.template)
    profiles = Profile.objects.filter(
        creditor=campaign.creditor_id, currency=campaign.currency, **{f"{about}_minor__gt": 0}
    )
    table = gather(profiles, as_of=as_of, naming=[campaign.filter, *TOLD]).rename({"stands": "segment"})
    amount = pl.col(f"{about}_minor") - pl.col("credit_minor")
    return (
        table.with_columns(amount.alias("amount_minor"))
        .filter(condition)
        .filter((pl.col("amount_minor") > 0) & (pl.col("amount_minor") >= campaign.minimum_minor))
        .sort("customer_id")
    )


def spoken_of(template: str) -> str:
    """The fact that tells how much a text of this purpose is about."""
    return "overdue" if template in LATE_ONLY else "not_due" if template in NOT_YET_ONLY else "open"


def preview(campaign: Campaign, *, as_of: date) -> Preview:
    """How many, how much, in which segments; nothing is written, and the campaign need not be kept yet."""
    found = matching(campaign, as_of=as_of)
    groups = found.group_by("segment").agg(n=pl.len(), minor=pl.col("amount_minor").sum())
    return Preview(
        found.height,
        int(found["amount_minor"].sum()),
        tuple(Group(*row) for row in groups.sort(["n", "segment"], descending=[True, False]).iter_rows()),
    )


@transaction.atomic
def freeze(campaign: Campaign, *, as_of: date, now: datetime, by: User) -> int:
    """Writes the list as the facts are today; returns how many are on it."""
    kept = _locked(campaign)
    if kept.frozen_at or kept.stopped_at:
        raise UnableToCampaign(N_("The list is frozen already."))
    check(kept, as_of=as_of)
    found = matching(kept, as_of=as_of)
    if not found.height:
        raise UnableToCampaign(N_("Nobody is on this list: there is nothing to freeze."), "filter")
    told = [name for name in dict.fromkeys([*TOLD, *_named(kept)]) if name in found.columns]
    Recipient.objects.bulk_create(
        [
            Recipient(
                campaign=kept, customer_id=row["customer_id"], segment=row["segment"], amount_minor=row["amount_minor"],
                facts={name: row[name] for name in told},
            )
            for row in found.iter_rows(named=True)
        ],
        batch_size=5_000,
    )  # fmt: skip
    kept.frozen_at, kept.frozen_by = now, by
    kept.save(update_fields=["frozen_at", "frozen_by"])
    _audit("campaign.frozen", kept, now=now, by=by, recipients=found.height)
    return found.height


def _named(campaign: Campaign) -> Iterable[str]:
    return sorted(names([campaign.filter]) & set(facts.schema()))


@transaction.atomic
def thaw(campaign: Campaign, *, now: datetime, by: User) -> None:
    """Back to a draft: the list is given up. Only before it was released."""
    kept = _locked(campaign)
    if not kept.frozen_at or kept.released_at or kept.stopped_at:
        raise UnableToCampaign(N_("Only a frozen list that waits for its release can be given up."))
    given_up, _each = Recipient.objects.filter(campaign=kept).delete()
    kept.frozen_at = kept.frozen_by = None
    kept.save(update_fields=["frozen_at", "frozen_by"])
    _audit("campaign.thawed", kept, now=now, by=by, recipients=given_up)


@transaction.atomic
def release(campaign: Campaign, *, as_of: date, now: datetime, by: User) -> None:
    """A person says yes to the frozen list: from its first day on, the day's run writes to it."""
    kept = _locked(campaign)
    if not kept.frozen_at or kept.released_at or kept.stopped_at:
        raise UnableToCampaign(N_("Only a frozen list that waits for its release can be released."))
    if kept.ends_on < as_of:
        raise UnableToCampaign(N_("Its window is over."))
    kept.released_at, kept.released_by = now, by
    kept.save(update_fields=["released_at", "released_by"])
    _audit("campaign.released", kept, now=now, by=by, recipients=kept.recipients.count())


@transaction.atomic
def stop(campaign: Campaign, *, now: datetime, by: User) -> int:
    """Ends it for good: nobody else is written to, and what is ordered and has not left does not leave."""
    kept = _locked(campaign)
    if kept.stopped_at:
        raise UnableToCampaign(N_("The campaign has been stopped."))
    kept.stopped_at, kept.stopped_by = now, by
    kept.save(update_fields=["stopped_at", "stopped_by"])
    kept_back = withdraw(campaign_ref=kept.pk)
    _audit("campaign.stopped", kept, now=now, by=by, kept_back=kept_back)
    return kept_back


def _locked(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",)).select_related("creditor").get(pk=campaign.pk)


def _audit(act: str, campaign: Campaign, *, now: datetime, by: User, **more: Any) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=campaign.creditor_id, subject="campaign", subject_ref=campaign.pk,
        name=campaign.name, **more,
    )  # fmt: skip
