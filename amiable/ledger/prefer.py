"""How people wish to be reached: said in full each time, kept as rows, read as of any moment.

In: a contact's wishes. Out: a Preference row where something changed. Never: a wish that nobody can read or keep.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from amiable.core.conditions import UnableToRead
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.law.hours import DAYS, read
from amiable.ledger.models import Contact, Medium, Preference


class UnableToPrefer(UnableTo):
    """This wish cannot be kept."""


@dataclass(frozen=True)
class Wishes:
    """How one person wishes to be reached; empty: no wish."""

    medium: str = ""
    hours: Mapping[str, str] = field(default_factory=dict)  # windows by kind of day: weekdays, saturday, sunday
    per_week: int | None = None


NONE = Wishes()


def prefer(*, contact: Contact, wishes: Wishes, now: datetime, origin: str, by: User | None = None) -> bool:
    """Keeps what a person wishes from now on; False where it was so already."""
    _check(wishes)
    if preferred([contact.pk], now=now).get(contact.pk, NONE) == wishes:
        return False
    Preference.objects.create(
        contact=contact, medium=wishes.medium, hours=dict(wishes.hours), per_week=wishes.per_week, at=now, origin=origin,
        by=by,
    )  # fmt: skip
    return True


def preferred(contacts: Iterable[int], *, now: datetime) -> dict[int, Wishes]:
    """What each of these people had wished by that moment; who said nothing is not there."""
    rows = Preference.objects.filter(contact__in=list(contacts), at__lte=now).order_by("contact_id", "-at", "-id")
    newest = rows.distinct("contact_id").values_list("contact_id", "medium", "hours", "per_week")
    return {contact: Wishes(medium, hours, per_week) for contact, medium, hours, per_week in newest}


def _check(wishes: Wishes) -> None:
    if wishes.medium and wishes.medium not in Medium.values:
        raise UnableToPrefer(f"There is no medium called {wishes.medium!r}.")
    if wishes.per_week is not None and wishes.per_week < 1:
        raise UnableToPrefer("Contacts are at least one a week; who wants none closes the address.")
    try:
        windows = [read(text) for text in wishes.hours.values()]
    except UnableToRead as error:
        raise UnableToPrefer(str(error)) from error
    if set(wishes.hours) - set(DAYS) or (wishes.hours and not any(windows)):
        raise UnableToPrefer("Hours stand beside weekdays, saturday or sunday, and at least one of them is open.")
