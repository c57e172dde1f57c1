"""Segments and campaigns: who belongs together by rule, and who is written to once, by a frozen list."""

import hashlib
import json
from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import FilterSchema, Header, Router, Schema
from pydantic import Field

from amiable.core.models import User
from amiable.ledger.models import Creditor, Medium
from amiable.outreach.models import Tone
from amiable.portfolio import facts, segments
from amiable.portfolio import preview as ahead
from amiable.portfolio.models import SegmentSet
from amiable.scenario import campaign as verbs
from amiable.scenario.check import sentence
from amiable.scenario.models import Campaign, Recipient
from amiable.web.api import room
from amiable.web.api.policy import Seen, seen_as, tagged
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Currency, Day, Id, Line, Ref, Said, Words
from amiable.web.api.told import told
from amiable.web.desk import campaign_pages, scope
from amiable.web.ui import clock

router = Router(tags=["segments and campaigns"])

SegmentSetOut = told(SegmentSet, "creditor", "version", "segments", "active_since", "made_by", name="SegmentSet")
CampaignOut = told(
    Campaign, "creditor", "name", "filter", "currency", "minimum_minor", "template", "tone", "channel", "starts_on", "ends_on",
    "made_at", "made_by", "frozen_at", "released_at", "stopped_at", name="Campaign",
)  # fmt: skip
RecipientOut = told(
    Recipient, "campaign", "customer", "segment", "verdict", "rail", "reason", "decided_on", "about", "amount_minor",
    name="Recipient",
)  # fmt: skip


class Sets(FilterSchema):
    creditor: Id | None = None
    active: bool | None = None

    def filter_active(self, value: bool | None) -> Q:
        return Q() if value is None else Q(active_since__isnull=not value)


class Campaigns(FilterSchema):
    creditor: Id | None = None
    frozen: bool | None = None

    def filter_frozen(self, value: bool | None) -> Q:
        return Q() if value is None else Q(frozen_at__isnull=not value)


class Recipients(FilterSchema):
    campaign: Id | None = None
    customer: Id | None = None
    verdict: Literal["", "do", "not"] | None = None


class Label(Said):
    fr: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00]*$", strict=True)]
    en: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00]*$", strict=True)]


class Segment(Said):
    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", strict=True)]
    label: Label
    when: Words = Field("", description="A condition over facts; empty: everybody who is left.")


class Orders(Said):
    """In their order: the first that matches wins."""

    creditor: Ref
    segments: list[Segment] = Field(min_length=1, max_length=60)


class Draws(Orders):
    """In their order: the first that matches wins. `after`: the newest version that you have seen, 0 for none."""

    after: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]


class CampaignWords(Said):
    name: Annotated[Line, Field(max_length=120)]
    filter: Words = ""
    currency: Currency
    minimum_minor: Annotated[int, Field(ge=0, le=2**50, strict=True)] = 0
    template: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$", strict=True)]
    tone: Tone
    channel: Medium
    starts_on: Day
    ends_on: Day


class Drafts(CampaignWords):
    creditor: Ref


class Group(Schema):
    segment: str
    customers: int
    amount_minor: int


class Preview(Schema):
    customers: int
    amount_minor: int
    groups: list[Group]


class Moved(Schema):
    customers: int


class FactOut(Schema):
    """What is known of each customer, as conditions of segments, campaigns and steps name it."""

    name: str
    unit: str
    meaning: str


class WouldHold(Schema):
    """Whom a segment would hold and holds now, and how many fit it when nothing stands before it; money by currency."""

    key: str = Field(description="Empty: in no segment.")
    customers: int
    before: int
    alone: int
    overdue_minor: dict[str, int]


class WouldMove(Schema):
    """From one segment to another; empty is no segment."""

    origin: str
    target: str
    customers: int
    overdue_minor: dict[str, int]


class SegmentsAhead(Schema):
    """What segments that are not kept would do; a customer who owes in two currencies counts in each."""

    customers: int
    moved: int
    matches: list[WouldHold]
    moves: list[WouldMove] = Field(description="The largest first.")


def sets(user: User) -> QuerySet[SegmentSet]:
    """Those of the creditors whom one sees, and the house's own."""
    houses = scope.visible_creditors(user)
    return SegmentSet.objects.filter(
        Q(creditor__in=houses.values("pk")) | (Q(creditor=None) if houses.exists() else Q(pk__in=[]))
    )


def campaigns(user: User) -> QuerySet[Campaign]:
    return campaign_pages.seen(user)


room.shelf(
    router, "/segment-sets", name="segment_set", many="segment_sets", schema=SegmentSetOut, filters=Sets, rows=sets
)
room.shelf(
    router, "/campaigns", name="", many="campaigns", schema=CampaignOut, filters=Campaigns, rows=campaigns, one=False
)
room.shelf(
    router, "/campaign-recipients", name="campaign_recipient", many="campaign_recipients", schema=RecipientOut,
    filters=Recipients,
    rows=lambda user: Recipient.objects.filter(campaign__in=campaigns(user).values("pk")),
)  # fmt: skip


@room.post(
    router,
    "/segment-sets",
    right="administer",
    response={201: SegmentSetOut},
    name="draft_segments",
    summary="Write a new version of the segments",
)
def draw(request: HttpRequest, said: Draws) -> Any:
    """A draft; refused when somebody wrote another version since the one you have seen."""
    house, rules = _ordered(request, said)
    return segments.save(
        creditor=house, segments=rules, now=clock.now(), by=room.asking(request).user, after=said.after
    )


@room.get(router, "/facts", response=list[FactOut], name="list_facts", summary="List what conditions may name")
def known(request: HttpRequest) -> Any:
    """Each fact with its unit: money in major units of the customer's currency, shares from 0 to 1."""
    return [{"name": each.name, "unit": each.unit, "meaning": str(each.meaning)} for each in facts.FACTS]


@room.post(
    router, "/segment-previews", right="administer", response=SegmentsAhead, name="preview_segments",
    summary="What segments would hold and move",
)  # fmt: skip
def look_ahead(request: HttpRequest, said: Orders) -> Any:
    """Over the customers as they are known today; nothing is kept."""
    house, rules = _ordered(request, said)
    return ahead.preview(creditor=house, segments=rules, as_of=clock.today())


def _ordered(request: HttpRequest, said: Orders) -> tuple[Creditor, list[dict[str, Any]]]:
    """The creditor and its rules, when each of them can be as it is."""
    house = room.creditor(request, said.creditor, right="administer")
    rules = [each.dict() for each in said.segments]
    if wrong := segments.faults(rules):
        errors = [
            {
                "field": "body.segments" if each.at is None else f"body.segments.{each.at}",
                "message": sentence(each.error),
            }
            for each in wrong
        ]
        raise Problem(422, _("Some segments cannot be as they are."), errors=errors)
    return house, rules


@room.post(
    router,
    "/segment-sets/{pk}/activate",
    right="administer",
    response=Moved,
    name="activate_segments",
    summary="Put segments in force",
)
def activate(request: HttpRequest, pk: Id) -> Any:
    """Every customer is placed anew; tells how many moved."""
    found = room.row(sets(room.asking(request).user), pk)
    if found.creditor_id is None:
        raise Problem(403, _("Your role does not do that for this creditor."))
    room.creditor(request, found.creditor_id, right="administer")
    by = room.asking(request).user
    return {"customers": segments.activate(drafted=found, as_of=clock.today(), now=clock.now(), by=by)}


def _mark(found: Campaign) -> str:
    """What changes with every change of a campaign."""
    row = {name: str(value) for name, value in vars(found).items() if not name.startswith("_")}
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:24]


def _campaign(request: HttpRequest, pk: int) -> Campaign:
    found = room.row(campaigns(room.asking(request).user), pk)
    room.creditor(request, found.creditor_id, right="administer")
    return found


def _how(request: HttpRequest) -> dict[str, Any]:
    return {"as_of": clock.today(), "now": clock.now(), "by": room.asking(request).user}


@room.get(router, "/campaigns/{pk}", response=CampaignOut, name="get_campaign", summary="Read one campaign")
def read(request: HttpRequest, pk: Id, response: HttpResponse) -> Any:
    """With its ETag, by which a draft is changed."""
    found = room.row(campaigns(room.asking(request).user), pk)
    tagged(response, _mark(found))
    return found


@room.get(router, "/campaigns/{pk}/preview", response=Preview, name="preview_campaign", summary="Whom it would hold")
def preview(request: HttpRequest, pk: Id) -> Any:
    """If it were frozen now."""
    found = room.row(campaigns(room.asking(request).user), pk)
    return verbs.preview(found, as_of=clock.today())


@room.post(
    router,
    "/campaigns",
    right="administer",
    response={201: CampaignOut},
    name="draft_campaign",
    summary="Write a draft",
)
def draft(request: HttpRequest, said: Drafts) -> Any:
    house = room.creditor(request, said.creditor, right="administer")
    return verbs.draft(creditor=house, **_how(request), **said.dict(exclude={"creditor"}))


@room.put(
    router,
    "/campaigns/{pk}",
    right="administer",
    response=CampaignOut,
    name="revise_campaign",
    summary="Change a draft",
)
def revise(
    request: HttpRequest, response: HttpResponse, pk: Id, said: CampaignWords, if_match: Header[Seen | None] = None
) -> Any:
    """Needs If-Match; what is frozen stays as it is."""
    found = _campaign(request, pk)
    found = Campaign.objects.select_for_update().get(pk=found.pk)
    seen_as(if_match, _mark(found))
    kept = verbs.revise(found, **_how(request), **said.dict())
    kept.refresh_from_db()
    tagged(response, _mark(kept))
    return kept


@room.post(
    router,
    "/campaigns/{pk}/freeze",
    right="administer",
    response=CampaignOut,
    name="freeze_campaign",
    summary="Freeze the list",
)
def freeze(request: HttpRequest, pk: Id) -> Any:
    return _acted(request, pk, lambda found: verbs.freeze(found, **_how(request)))


@room.post(
    router,
    "/campaigns/{pk}/thaw",
    right="administer",
    response=CampaignOut,
    name="thaw_campaign",
    summary="Give the list up",
)
def thaw(request: HttpRequest, pk: Id) -> Any:
    return _acted(request, pk, lambda found: verbs.thaw(found, now=clock.now(), by=room.asking(request).user))


@room.post(
    router,
    "/campaigns/{pk}/release",
    right="administer",
    response=CampaignOut,
    name="release_campaign",
    summary="Release it",
)
def release(request: HttpRequest, pk: Id) -> Any:
    """The day's run writes to the list within its window."""
    return _acted(request, pk, lambda found: verbs.release(found, **_how(request)))


@room.post(
    router, "/campaigns/{pk}/stop", right="administer", response=CampaignOut, name="stop_campaign", summary="Stop it"
)
def stop(request: HttpRequest, pk: Id) -> Any:
    """Nobody else is written to."""
    return _acted(request, pk, lambda found: verbs.stop(found, now=clock.now(), by=room.asking(request).user))


def _acted(request: HttpRequest, pk: int, act: Any) -> Campaign:
    found = _campaign(request, pk)
    act(found)
    found.refresh_from_db()
    return found
