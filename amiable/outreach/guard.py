"""The last look, for each message at the moment of sending: may this still be said, to whom, about what?

In: Facts. Out: a Verdict each, with a sentence where it says no.
Never: a message about what is paid, held or disputed by now; one that a rail of the law forbids; one to an address
that failed or whose owner does not wish it; anything at all for a creditor whom nobody has released.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_lazy as _

from amiable.casework import survey
from amiable.core.calendar import zones
from amiable.core.words import in_house
from amiable.law.hours import next_open, open_at
from amiable.law.packs import law
from amiable.law.rails import ASKS, AT_ONCE, COLUMNS, SENTENCES, WISHES, judge
from amiable.ledger.models import Medium
from amiable.outreach.gather import Facts, Line

LATE_ONLY = {"reminder_1", "reminder_2", "reminder_3", "formal_notice"}
NOT_YET_ONLY = {"courtesy_notice"}
PAYMENT_LINK = "payment_link"
# A question how it went is under the rails of every contact, but those of money.
STALE_DAYS = 3  # a message that could not leave for so long has missed its moment
PRINTED_DAYS = 14  # a letter waits so long for whoever prints it: its words are those of that day


@dataclass(frozen=True)
class Verdict:
    """Empty `reason`: it may leave, at once or `not_before` a moment. `dry_run`: it may only be written down."""

    reason: str = ""
    not_before: datetime | None = None
    dry_run: bool = False
    no_address: bool = False

    @property
    def leaves(self) -> bool:
        return not (self.reason or self.not_before)


def look(facts: Sequence[Facts]) -> list[Verdict]:
    """A verdict each, in the same order. Lines that may not be spoken of any more are taken out of `facts`."""
    for each in facts:
        _leave_out(each)
    rails = _rails([each for each in facts if each.message.capped or each.message.purpose == survey.PURPOSE])
    return [_verdict(each, rails.get(each.message.pk)) for each in facts]


def _leave_out(facts: Facts) -> None:
    """Settled and held invoices leave a reminder, and so do those whose due date does not fit what it says.

    A link to pay, which a colleague sends, speaks of held invoices too, but of none that is settled.
    """
    purpose = facts.message.purpose
    if not facts.message.capped:
        if purpose == PAYMENT_LINK:
            facts.about = [line for line in facts.about if line.open_minor > 0]
        return

    def stays(line: Line, *, is_about: bool) -> bool:
        if line.open_minor <= line.charges_minor or line.id in facts.held:
            return False
        if purpose in LATE_ONLY:
            return line.due_on < facts.as_of
        return not (is_about and purpose in NOT_YET_ONLY) or line.due_on >= facts.as_of

    facts.about = [line for line in facts.about if stays(line, is_about=True)]
    facts.also = [line for line in facts.also if stays(line, is_about=False)]


def _verdict(facts: Facts, rail: str | None) -> Verdict:
    message = facts.message
    most = PRINTED_DAYS if message.medium == Medium.LETTER else STALE_DAYS
    if facts.as_of - message.as_of > timedelta(days=most):
        return _no(_("It could not leave in time and its moment has passed."))
    asks = message.capped or message.purpose == PAYMENT_LINK
    if asks and not facts.about:
        return _no(_("Nothing that it is about is due any more."))
    if asks and not facts.to_pay_minor:
        return _no(_("The customer’s credit covers what it is about."))
    if facts.not_now and message.purpose == survey.PURPOSE:
        return _no(
            _("An invoice is in dispute, in a moratorium or at an agency: this is not the moment to ask how it went.")
        )
    if facts.opted_out:
        return _no(_("The customer does not wish to be written to at this address."))
    if facts.address is None:
        return Verdict(in_house(_("There is no usable address.")), no_address=True)
    if rail == "hours":
        return Verdict(not_before=_opens(facts))
    if rail and rail != "dry_run":
        return _no(gettext_lazy(SENTENCES[rail]))
    if facts.creditor.released_at is None or facts.creditor.released_at > facts.now:
        return Verdict(in_house(_("Dry run: this is what would have been sent.")), dry_run=True)
    return Verdict()


def _zones(facts: Facts) -> tuple[str, ...]:
    """Where the customer may live; where nobody can tell, the creditor's own time counts."""
    country = facts.customer.country or facts.creditor.country
    return zones(country, facts.customer.postcode) or (facts.creditor.time_zone,)


def _open(facts: Facts) -> bool:
    there = [facts.now.astimezone(ZoneInfo(zone)) for zone in _zones(facts)]
    rules = law(facts.customer.country or facts.creditor.country, there[0].date())
    return open_at(rules, facts.creditor.policy, facts.message.medium, there, facts.wishes.hours)


def _opens(facts: Facts) -> datetime:
    return next_open(
        facts.creditor.policy, facts.message.medium, country=facts.customer.country or facts.creditor.country,
        zones=_zones(facts), now=facts.now, wishes=facts.wishes.hours,
    )  # fmt: skip


def _no(sentence: str | Promise) -> Verdict:
    return Verdict(in_house(sentence))


def _rails(facts: Sequence[Facts]) -> dict[int, str | None]:
    """The first rail that speaks, by message; one question per creditor and country."""
    groups: dict[tuple[int, str, date], list[Facts]] = defaultdict(list)
    for each in facts:
        groups[each.creditor.pk, each.customer.country or each.creditor.country, each.as_of].append(each)
    found: dict[int, str | None] = {}
    for (_creditor, country, as_of), group in groups.items():
        table = pl.DataFrame(
            [_row(each) for each in group], schema={**COLUMNS, **WISHES, **ASKS, **AT_ONCE}, orient="row"
        )
        judged = judge(table, law=law(country, as_of), policy=group[0].creditor.policy)
        for each, rail in zip(group, judged["rail"].to_list(), strict=True):
            found[each.message.pk] = rail
    return found


def _row(facts: Facts) -> dict[str, object]:
    oldest = max(((facts.as_of - line.due_on).days for line in facts.about), default=0)
    return {
        "day": facts.as_of,
        "kind": facts.customer.kind,
        "channel": facts.message.medium,
        "contacts": True,
        "released": facts.creditor.released_at is not None,
        "customer_hold": facts.customer_hold or None,
        "opted_out": facts.opted_out,
        "has_address": facts.address is not None,
        # What a person has confirmed waits for no other task of a person.
        "waiting": facts.waiting and not facts.message.context.get("confirmed"),
        "days_since_contact": facts.days_since_contact,
        "contacts_7d": facts.contacts_7d,
        "calls_7d": facts.calls_7d,
        "days_since_conversation": facts.days_since_conversation,
        "oldest_days_late": oldest,
        "amount_minor": facts.to_pay_minor,
        "minimum_minor": int(facts.message.context.get("minimum_minor", 0)),
        "most_7d": facts.wishes.per_week,
        "asks": facts.message.purpose != survey.PURPOSE,
        "open_now": _open(facts),
    }
