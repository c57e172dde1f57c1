"""Whom to reach and where, put right by a person: contacts, their addresses, where the customer lives.

In: a customer, and how it is now. Out: changed rows, and what they were before in the trail.
Never: an address that cannot be one; a wish not to be written to that is lost with the address it was told at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from amiable.casework import task as tasks
from amiable.casework.models import Task
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Contact, ContactPoint, Customer, Medium
from amiable.outreach import dial
from amiable.outreach.address import wanted
from amiable.outreach.models import OptOut

PHONES = (Medium.CALL, Medium.SMS, Medium.WHATSAPP, Medium.IVR)
# What a person may put right about where a customer lives, and in which language they are spoken to.
PLACE = ("street", "postcode", "city", "country", "language")


class UnableToCorrect(UnableTo):
    """This is no address, or somebody has it already."""


@dataclass(frozen=True)
class Person:
    """A contact as it is to be."""

    name: str = ""
    role: str = "main"
    language: str = ""


@dataclass(frozen=True)
class Change:
    """How to put a correction back: the values that were there, by row; `made` are rows that were not there before."""

    contact: int
    person: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[int, tuple[str, str | None, str]] = field(default_factory=dict)
    made: tuple[int, ...] = ()
    new: bool = False


@transaction.atomic
def keep_contact(
    *,
    customer: Customer,
    person: Person,
    now: datetime,
    by: User,
    contact: Contact | None = None,
    addresses: Mapping[int, str] | None = None,
    works_again: Iterable[int] = (),
    more: Iterable[tuple[str, str]] = (),
) -> Change:
    """A contact is made, or changed, with its addresses: `addresses` by the row that has them, `more` new ones by medium.

    Another address, or one said to work again, is used from now on. Raises UnableToCorrect.
    """
    before = {name: getattr(contact, name) for name in ("name", "role", "language")} if contact else {}
    row = contact or Contact(customer=customer, created_at=now)
    row.name, row.role, row.language = person.name.strip(), person.role, person.language
    row.save()
    told = {name: getattr(row, name) for name in ("name", "role", "language")}
    if contact is None:
        _record("contact.added", customer, now, by, contact=row.pk, after=_called(row))
    elif told != before:
        _record("contact.changed", customer, now, by, contact=row.pk, who=_called(row), was=before, now_is=told)
    points, again = {}, set(works_again)
    for point in ContactPoint.objects.select_for_update().filter(contact=row, pk__in=list(addresses or {})):
        text = (addresses or {})[point.pk].strip()
        value = point.value if text == point.value else _read(point.medium, text, customer)
        if value != point.value or (point.pk in again and point.failed_at):
            failed = point.failed_at.isoformat() if point.failed_at else None
            points[point.pk] = (point.value, failed, point.failure)
            _correct(point, value, customer, now=now, by=by)
    made = [_add(row, medium, value, customer, now=now, by=by) for medium, value in more if value.strip()]
    return Change(row.pk, before, points, tuple(pk for one in made for pk in one), contact is None)


@transaction.atomic
def put_back(*, customer: Customer, change: Change, now: datetime, by: User) -> None:
    """Takes a correction back; rows that it made are gone, values are as they were."""
    ContactPoint.objects.filter(contact__customer=customer, pk__in=change.made).delete()
    for pk, (value, failed_at, failure) in change.points.items():
        ContactPoint.objects.filter(contact__customer=customer, pk=pk).update(
            value=value, failed_at=datetime.fromisoformat(failed_at) if failed_at else None, failure=failure
        )
    if change.new:
        Contact.objects.filter(customer=customer, pk=change.contact).delete()
    elif change.person:
        Contact.objects.filter(customer=customer, pk=change.contact).update(**change.person)
    _record("contact.changed", customer, now, by, contact=change.contact, reason=_("taken back"))


@transaction.atomic
def move(*, customer: Customer, to: Mapping[str, str], now: datetime, by: User) -> dict[str, str]:
    """Where the customer lives now, and its language; returns what was there before (nothing: it was so already)."""
    row = Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    before = {name: getattr(row, name) for name in PLACE if name in to and getattr(row, name) != to[name].strip()}
    if not before:
        return {}
    was = _lives(row)
    for name in before:
        setattr(row, name, to[name].strip())
    row.save(update_fields=sorted(before))
    _record("customer.moved", customer, now, by, before=was, after=_lives(row))
    if before.keys() - {"language"}:
        _found(customer, Medium.LETTER, now=now, by=by)
    return before


def _lives(row: Customer) -> str:
    return "\n".join([row.street, f"{row.postcode} {row.city} {row.country}".strip(), row.language]).strip()


def _correct(point: ContactPoint, value: str, customer: Customer, *, now: datetime, by: User) -> None:
    if ContactPoint.objects.filter(contact=point.contact_id, medium=point.medium, value=value).exclude(pk=point.pk):
        raise UnableToCorrect(_("This person has the address “%(value)s” already.") % {"value": value})
    before = point.value
    _take_wishes_along(customer, point.medium, before, value)
    point.value, point.failed_at, point.failure = value, None, ""
    point.save(update_fields=["value", "failed_at", "failure"])
    _record("contact.corrected", customer, now, by, medium=point.medium, point=point.pk, before=before, after=value)
    _found(customer, point.medium, now=now, by=by)


def _take_wishes_along(customer: Customer, medium: str, before: str, after: str) -> None:
    """Who wished no words at the old address wishes none at the new one."""
    for row in OptOut.objects.filter(customer=customer, medium=medium, address__iexact=before, until=None):
        OptOut.objects.get_or_create(
            customer=customer, medium=medium, address=after, until=None,
            defaults={"since": row.since, "origin": row.origin},
        )  # fmt: skip


def _add(contact: Contact, medium: str, text: str, customer: Customer, *, now: datetime, by: User) -> list[int]:
    """A new address; a mobile number serves calls and texts."""
    value = _read(medium, text, customer)
    media = [medium]
    if medium == Medium.CALL and _takes_texts(value):
        media.append(Medium.SMS)
    made = []
    for each in media:
        point, new = ContactPoint.objects.get_or_create(contact=contact, medium=each, value=value)
        if new:
            made.append(point.pk)
        _found(customer, each, now=now, by=by)
    if made:
        _record("contact.corrected", customer, now, by, medium=medium, point=made[0], after=value)
    return made


def _read(medium: str, text: str, customer: Customer) -> str:
    """An address as it is kept. Raises UnableToCorrect with a sentence."""
    value = text.strip()
    if medium == Medium.EMAIL:
        try:
            validate_email(value)
        except ValidationError as error:
            raise UnableToCorrect(_("“%(value)s” is not an e-mail address.") % {"value": value[:60]}) from error
        return value.lower()
    if medium in PHONES:
        number = dial.plain(value, country=customer.country or customer.creditor.country)
        if not (number.startswith("+") and phonenumbers.is_possible_number(phonenumbers.parse(number))):
            raise UnableToCorrect(_("“%(value)s” is not a telephone number.") % {"value": value[:40]})
        return number
    lines = [line.strip() for line in value.splitlines() if line.strip()]
    if len(lines) < 2:
        raise UnableToCorrect(_("A postal address has at least two lines: the street, the postcode with the town."))
    return "\n".join(lines)


def _takes_texts(number: str) -> bool:
    return phonenumbers.number_type(phonenumbers.parse(number)) in dial.TAKES_TEXTS


def _found(customer: Customer, medium: str, *, now: datetime, by: User) -> None:
    """Whoever was asked to find an address need look no more."""
    for task in Task.objects.filter(customer=customer, key=wanted(customer.pk, medium), done_at=None):
        tasks.finish(task=task, outcome="done", now=now, by=by)


def _called(contact: Contact) -> str:
    return contact.name or str(contact.get_role_display())


def _record(act: str, customer: Customer, now: datetime, by: User, **detail: Any) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=customer.creditor_id, subject="customer", subject_ref=customer.pk, **detail
    )
