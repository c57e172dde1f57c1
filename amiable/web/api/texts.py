"""The texts of messages: which speak, versions of one's own with their approval, and a look at what a customer would read."""

from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Query, Router, Schema
from pydantic import Field

from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.outreach import keep
from amiable.outreach.house import AUDIENCES, LANGUAGES, Place, own_texts, speaks
from amiable.outreach.models import Template, Tone
from amiable.outreach.proof import WRITTEN, possible
from amiable.outreach.sandbox import LONGEST, UnableToCompose
from amiable.web.api import room
from amiable.web.api.problem import Problem, not_found
from amiable.web.api.shape import Counted, Id, Key, Ref, Said
from amiable.web.api.told import told
from amiable.web.desk import scope, text_look
from amiable.web.desk import text_words as words
from amiable.web.ui import clock

router = Router(tags=["texts"])

TextOut = told(
    Template, "creditor", "key", "medium", "language", "audience", "tone", "version", "subject", "body", "written_at",
    "written_by", "approved_at", "approved_by", "retired_at", "retired_by", name="Text",
    doc="One version of a text. The newest that is approved and not put away speaks at its place.",
)  # fmt: skip
Medium = Literal[tuple(medium.value for medium in WRITTEN)]  # type: ignore[valid-type]
Source = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]*$", strict=True)]


class Texts(FilterSchema):
    creditor: Id | None = None
    key: Key | None = None
    medium: Medium | None = None  # type: ignore[valid-type]
    language: Literal[LANGUAGES] | None = None  # type: ignore[valid-type]
    state: Literal["draft", "approved", "retired"] | None = None

    def filter_state(self, value: str | None) -> Q:
        states = {
            None: Q(), "draft": Q(approved_at=None, retired_at=None), "retired": Q(retired_at__isnull=False),
            "approved": Q(approved_at__isnull=False, retired_at=None),
        }  # fmt: skip
        return states[value]


class At(Schema):
    """Where a text stands: for what, by which medium, in which language, for whom, in which tone."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
    medium: Medium  # type: ignore[valid-type]
    language: Literal[LANGUAGES]  # type: ignore[valid-type]
    audience: Literal[AUDIENCES]  # type: ignore[valid-type]
    tone: Tone


class SaidAt(At, Said):
    creditor: Ref


class AsksAt(At):
    creditor: Id


class WritesText(SaidAt):
    """`text` begins with its head between two lines of `---` (subject, preheader), where it has one."""

    text: Source
    after: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)] = Field(
        description="The newest version at this place that you have seen; 0: none."
    )


class LooksAtText(SaidAt):
    text: Source
    customer: Ref | None = Field(None, description="For whom it is filled in; empty: an invented one.")


class TextLook(Schema):
    """As its reader would get it now, and what is to be said against it; `stops`: it cannot be approved so."""

    subject: str
    text: str
    html: str
    stops: bool
    sentences: list[str]


class Speaks(Schema):
    """The text that speaks at a place; `at` is where it stands, `version` empty where it is the house's."""

    at: At
    text: str
    version: int | None


def _rows(user: User) -> QuerySet[Template]:
    return Template.objects.filter(creditor__in=scope.visible_creditors(user).values("pk"))


room.shelf(router, "/texts", name="text", many="texts", schema=TextOut, filters=Texts, rows=_rows)


def _place(said: At) -> Place:
    place = Place(said.key, said.medium, said.language, said.audience, Tone(said.tone).value)
    if not possible(place):
        raise Problem(422, _("No text can stand there."))
    return place


def _administered(request: HttpRequest, pk: int) -> Template:
    found = room.row(_rows(room.asking(request).user).select_related("creditor", "written_by"), pk)
    room.creditor(request, found.creditor_id or 0, right="administer")
    return found


@room.get(router, "/spoken-text", response=Speaks, name="get_spoken_text", summary="Read the text that speaks")
def spoken(request: HttpRequest, asked: Query[AsksAt]) -> Any:
    """At a place for a creditor: its own, the house's, or the nearest one that stands in."""
    house: Creditor = room.row(scope.visible_creditors(room.asking(request).user), asked.creditor)
    try:
        found = speaks(_place(asked), creditor=house.pk, own=own_texts())
    except UnableToCompose as error:
        raise not_found() from error
    text = words.typed(found.row) if found.row else found.source
    return {"at": vars(found.place), "text": text, "version": found.row.version if found.row else None}


@room.post(
    router,
    "/text-previews",
    right="administer",
    response=TextLook,
    name="look_at_text",
    summary="See what would be read",
)
def look(request: HttpRequest, said: LooksAtText) -> Any:
    """Filled in for a customer; nothing is kept."""
    user, place = room.asking(request).user, _place(said)
    house = room.creditor(request, said.creditor, right="administer")
    reader = room.customer(request, said.customer) if said.customer else None
    proof = keep.read_again(said.text, place, creditor=house, now=clock.now())
    if proof.mistake:
        raise Problem(
            422, _("Look at the fields that are named."), errors=[{"field": "body.text", "message": proof.mistake}]
        )
    rendered = text_look.look(said.text, place, reader, agent=str(user)).rendered
    return {
        "subject": rendered.subject, "text": rendered.text, "html": rendered.html, "stops": bool(proof.stops),
        "sentences": [str(each) for each in proof.sentences],
    }  # fmt: skip


@room.post(router, "/texts", right="administer", response={201: TextOut}, name="write_text", summary="Write a text")
def write(request: HttpRequest, said: WritesText) -> Any:
    """A draft; it speaks once another person has approved it."""
    house = room.creditor(request, said.creditor, right="administer")
    by = room.asking(request).user
    return keep.keep(_place(said), creditor=house, source=said.text, seen=said.after, now=clock.now(), by=by)


@room.post(
    router, "/texts/{pk}/approve", right="administer", response=TextOut, name="approve_text", summary="Approve a draft"
)
def approve(request: HttpRequest, pk: Id) -> Any:
    """From then on it speaks. Who wrote it does not approve it, unless nobody else could."""
    return keep.approve(_administered(request, pk), now=clock.now(), by=room.asking(request).user)


@room.post(
    router, "/texts/{pk}/give-up", right="administer", response=TextOut, name="give_up_text", summary="Give a draft up"
)
def give_up(request: HttpRequest, pk: Id) -> Any:
    found = _administered(request, pk)
    keep.give_up(found, now=clock.now(), by=room.asking(request).user)
    found.refresh_from_db()
    return found


@room.post(
    router, "/house-texts", right="administer", response=Counted, name="go_back_to_house_text",
    summary="Let the house's text speak again",
)  # fmt: skip
def back_to_house(request: HttpRequest, said: SaidAt) -> Any:
    """All versions of the creditor's own at this place are put away."""
    house = room.creditor(request, said.creditor, right="administer")
    by = room.asking(request).user
    return {"count": keep.back_to_house(_place(said), creditor=house, now=clock.now(), by=by)}
