"""A scenario is looked at before it is kept: what cannot be reached, comes too often, must be said or may not be said.

Comes in: a scenario's data, the law, a creditor's rules and texts. Goes out: findings. Errors keep it from being saved.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext

from amiable.core.conditions import UnableToRead
from amiable.law.packs import Law, law
from amiable.law.rails import CALLS
from amiable.ledger.models import ContactPoint, Creditor, Customer, Medium
from amiable.outreach.address import RINGS
from amiable.outreach.house import Place, own_texts, speaks
from amiable.outreach.mentions import Text
from amiable.outreach.proof import text
from amiable.scenario import gather
from amiable.scenario.check_branches import branches
from amiable.scenario.check_course import Course, Reaches, course
from amiable.scenario.check_words import Texts, words
from amiable.scenario.engine.channel import CHANNELS
from amiable.scenario.engine.journey import read
from amiable.scenario.finding import ERROR, Finding

HOME = "FR"  # the law by which the house's own scenarios are judged


def check(
    data: Any,
    *,
    facts: Mapping[str, Any],
    law: Law,
    policy: Mapping[str, Any],
    texts: Texts,
    reaches: Reaches,
    carried: Collection[str] = CHANNELS,
) -> list[Finding]:
    """What is to be said about a scenario, errors first; one that cannot even be read has a single finding.

    `carried`: the channels that something carries for whom the scenario is looked at.
    """
    try:
        journey = read(data, facts=facts)
    except UnableToRead as error:
        return [Finding(ERROR, "unreadable", "", sentence(error))]
    judged = Course(journey=journey, facts=facts, law=law, policy=policy)
    found = [*course(judged, reaches=reaches, carried=carried), *branches(judged), *words(judged, texts=texts)]
    places = {step.key: place for place, step in enumerate(journey.steps)}
    return sorted(found, key=lambda finding: (not finding.stops, places.get(finding.step, -1)))


def examine(data: Any, *, creditor: Creditor | None, facts: Mapping[str, Any], as_of: date) -> list[Finding]:
    """The check with a creditor's own law, policy, texts, customers and carriers; without one, for the whole house."""
    return check(
        data,
        facts=facts,
        law=law(creditor.country if creditor else HOME, as_of),
        policy=creditor.policy if creditor else {},
        texts=texts_of(creditor),
        reaches=_reaches(creditor),
        carried=gather.carried([creditor])[creditor.pk] if creditor else CHANNELS,
    )


def sentence(error: UnableToRead) -> str:
    """What an error of reading says, in the reader's language; an error may be told inside another one's sentence."""
    values = {
        name: sentence(value) if isinstance(value, UnableToRead) else value for name, value in error.values.items()
    }
    said = gettext(error.sentence)  # marked where it is raised, on a floor without Django
    return said % values if values else said


def texts_of(creditor: Creditor | None) -> Texts:
    """The texts that messages of this creditor use: its own approved ones, else the house's."""
    own = own_texts()

    def find(template: str, medium: str, audience: str, language: str, tone: str) -> Text:
        place = Place(template, medium, language, audience, tone)
        spoken = speaks(place, creditor=creditor.pk if creditor else None, own=own)
        return text(spoken.source, spoken.subject, language, medium)

    return find


@dataclass(frozen=True)
class _Addresses:
    """Who can be reached how; asked only for what a scenario uses, and once."""

    customers: QuerySet[Customer]
    known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def __call__(self, kind: str, channel: str) -> bool:
        if (kind, channel) not in self.known:
            self.known[kind, channel] = self._any(kind, channel)
        return self.known[kind, channel]

    def _any(self, kind: str, channel: str) -> bool:
        of_kind = self.customers.filter(kind=kind)
        media = RINGS[Medium.IVR] if channel in CALLS else (channel,)
        usable = Q(
            Exists(ContactPoint.objects.filter(contact__customer=OuterRef("pk"), medium__in=media, failed_at=None))
        )
        if channel == Medium.LETTER:
            usable |= ~Q(street="") & ~Q(city="")
        return of_kind.filter(usable).exists() or not of_kind.exists()


def _reaches(creditor: Creditor | None) -> Reaches:
    customers = Customer.objects.filter(merged_into=None)
    return _Addresses(customers.filter(creditor=creditor) if creditor else customers)
