"""Whom to reach and where: contacts with what they allow and wish, where a customer lives, and who looks after them."""

from typing import Annotated, Any, Literal

from django.db.models import Prefetch, QuerySet
from ninja import FilterSchema, Router
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.casework.models import Word
from amiable.core.models import User
from amiable.ledger.models import Consent, Contact, ContactPoint, ContactRole, Medium, Preference
from amiable.web.api import customers, deeds, room
from amiable.web.api.customers import ContactOut, CustomerOut, OfCustomer
from amiable.web.api.shape import Flag, Id, Ref, Said
from amiable.web.api.told import told

router = Router(tags=["contacts"])

Name = Annotated[str, Field(max_length=120, pattern=r"^[^\x00]*$", strict=True)]
Address = Annotated[str, Field(max_length=320, pattern=r"^[^\x00]*$", strict=True)]
Language = Literal["", "fr", "en"]
ConsentOut = told(
    Consent, "contact", "medium", "given", "at", "origin", name="Consent", doc="The newest of a medium counts."
)
PreferenceOut = told(
    Preference, "contact", "medium", "hours", "per_week", "at", "origin", name="Preference",
    doc="How a person wishes to be reached; the newest counts.",
)  # fmt: skip
WordOut = told(
    Word, "customer", "user", "question", "by", "asked_at", "expires_at", "answered_at", "answer", "told", name="Word",
    doc="A colleague was asked by e-mail what they know, and answers by a link.",
)  # fmt: skip


class OfContact(FilterSchema):
    contact: Id | None = None
    customer: Annotated[Id | None, FilterLookup("contact__customer")] = None


class AddsContact(Said):
    """A name, an e-mail address or a telephone number is needed."""

    customer: Ref
    name: Name = ""
    role: ContactRole = ContactRole.OTHER
    language: Language = Field("", description="Empty: as the customer.")
    email: Address = ""
    phone: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$", strict=True)] = ""


class Point(Said):
    id: Ref
    value: Address
    works_again: Flag = Field(False, description="It had failed, and is used again.")


class CorrectsContact(Said):
    """What is left out stays as it is; `email` and `phone` add an address."""

    name: Name | None = None
    role: ContactRole | None = None
    language: Language | None = None
    points: list[Point] = Field([], max_length=50)
    email: Address = ""
    phone: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$", strict=True)] = ""


class Place(Said):
    """The whole of it: what is left out is empty."""

    street: Annotated[str, Field(max_length=160, pattern=r"^[^\x00]*$", strict=True)] = ""
    postcode: Annotated[str, Field(max_length=12, pattern=r"^[^\x00]*$", strict=True)] = ""
    city: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$", strict=True)] = ""
    country: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$", strict=True)]
    language: Language = Field("", description="Empty: as the creditor.")


class GivesCharge(Said):
    responsible: Ref | None = Field(None, description="A colleague; empty: nobody.")


class Wishes(Said):
    reached: list[Medium] = Field(max_length=6, description="By what the person may be reached.")
    medium: Medium | None = None
    weekdays: Annotated[str, Field(max_length=60, strict=True, pattern=r"^[0-9:\- ]*$")] = ""
    saturday: Annotated[str, Field(max_length=60, strict=True, pattern=r"^[0-9:\- ]*$")] = ""
    per_week: Annotated[int, Field(ge=1, le=14, strict=True)] | None = None
    language: Literal["fr", "en"]


class AsksWord(Said):
    customer: Ref
    user: Ref
    question: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$", strict=True)] = ""


def people(user: User) -> QuerySet[Contact]:
    points = Prefetch("points", ContactPoint.objects.order_by("pk"))
    return room.mine(user, Contact.objects.select_related("customer").prefetch_related(points), outside=True)


def _of_contacts(model: Any) -> room.Rows:
    return lambda user: room.mine(user, model.objects.all(), path="contact__customer__", outside=True)


room.shelf(router, "/contacts", name="contact", many="contacts", schema=ContactOut, rows=people, filters=OfCustomer)
room.shelf(
    router, "/consents", name="consent", many="consents", schema=ConsentOut, filters=OfContact,
    rows=_of_contacts(Consent),
)  # fmt: skip
room.shelf(
    router, "/preferences", name="preference", many="preferences", schema=PreferenceOut, filters=OfContact,
    rows=_of_contacts(Preference),
)  # fmt: skip
room.shelf(router, "/words", name="word", many="words", schema=WordOut, filters=OfCustomer, rows=room.own(Word))


def _corrected(said: CorrectsContact, found: Contact) -> dict[str, Any]:
    """The desk's form asks for every address that there is."""
    kept: dict[str, Any] = {f"point_{point.pk}": point.value for point in found.points.all()}
    for point in said.points:
        kept[f"point_{point.id}"] = point.value
        if point.works_again:
            kept[f"works_{point.id}"] = ["yes"]
    named = {name: getattr(found, name) for name in ("name", "role", "language")}
    return kept | named | said.dict(exclude={"points"}, exclude_none=True)


def _wished(said: Wishes, _found: Contact) -> dict[str, Any]:
    return said.dict() | {
        "reached": [medium.value for medium in said.reached],
        "medium": said.medium and said.medium.value,
    }


deeds.makes(
    router, "/contacts", act="person", said=AddsContact, response=ContactOut, name="add_contact",
    summary="Add a contact",
)  # fmt: skip
deeds.changes(
    router, "/contacts/{pk}/correct", act="person", said=CorrectsContact, response=ContactOut, rows=people,
    words=_corrected, name="correct_contact", summary="Correct a contact",
    doc="A corrected address is used again at once; the old one stays in the trail.",
)  # fmt: skip
deeds.changes(
    router, "/contacts/{pk}/wishes", act="wishes", said=Wishes, response=ContactOut, rows=people, words=_wished,
    name="note_wishes", summary="How a person wishes to be reached",
    doc="It narrows what the scenario and the law allow; it never widens it.",
)  # fmt: skip
deeds.changes(
    router, "/customers/{pk}/address", act="place", said=Place, response=CustomerOut, rows=customers.seen, about=True,
    name="correct_address", summary="Correct where a customer lives", doc="It counts from the next letter on.",
)  # fmt: skip
deeds.changes(
    router, "/customers/{pk}/responsible", act="entrust", said=GivesCharge, response=CustomerOut, rows=customers.seen,
    about=True, name="entrust_customer", summary="Change who is in charge",
    doc="Takes over the open case, and the tasks that lay with the one before.",
)  # fmt: skip
deeds.makes(
    router, "/words", act="word", said=AsksWord, response=WordOut, name="ask_word",
    summary="Ask a colleague for a word", doc="They answer by clicking in an e-mail, without an account.",
)  # fmt: skip
