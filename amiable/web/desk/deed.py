"""What an act about a customer is, and one act as it reaches the domain (acts.py has them all); how it is told, and undone.

An act that can be taken back says so: its message has a button that posts sealed words to the address that takes it
back. Never: an Undo by somebody else, at another address, or after ten minutes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Model, Q, TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core import links
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Customer
from amiable.outreach.models import Message
from amiable.web.desk import forms, scope
from amiable.web.ui import clock

UNDO_WITHIN = timedelta(minutes=10)
UNDO = "undo "  # what the tags of such a message begin with: then the address, and the token


class UnableToUndo(UnableTo):
    """What was done cannot be taken back by this button any more."""


@dataclass(frozen=True)
class Done:
    """One act as it reaches the domain: about whom, by whom, when, and what was filled in."""

    customer: Customer
    by: User
    as_of: date
    now: datetime
    form: forms.Act
    ref: int
    leads_to: list[str] = field(default_factory=list)  # a page with a policy of its own, where the act goes on
    back: dict[str, Any] = field(default_factory=dict)  # what must be known to take it back; nothing: it cannot be
    made: list[Model] = field(default_factory=list)  # the rows that it made, by which the API tells it

    @property
    def said(self) -> dict[str, Any]:
        return self.form.cleaned_data


def ordered(act: Done, key: str) -> None:
    """What the act ordered under this key, one message for each currency: it is taken back by the key."""
    rows = Message.objects.filter(Q(key=key) | Q(key__startswith=f"{key}:"), customer=act.customer)
    act.made.extend(rows.order_by("pk"))
    act.back["key"] = key


@dataclass(frozen=True)
class Undoing:
    """An act as it is taken back: `words` is what the act itself left in `back`."""

    customer: Customer
    by: User
    as_of: date
    now: datetime
    words: dict[str, Any]


@dataclass(frozen=True)
class About:
    """What decides which acts a customer's page offers: whether a provider told a payment and whether a card can be typed on a
    telephone (None: look it up), whether copies of invoices are kept, whether a case is open, whether it lies with an agency,
    and what is sold to the factor.
    """

    customer: Customer
    anything_open: bool
    paid: bool | None = None
    keypad: bool | None = None
    copies: bool = False
    case: bool = False
    placed: bool = False  # with an outside agency
    sold: bool = False  # something, or all of it
    sold_whole: bool = False


def always(about: About) -> bool:
    return True


def with_open(about: About) -> bool:
    return about.anything_open


class Group(TextChoices):
    """Where the menu shows an act; those of no group are found beside the row that they are about."""

    TALK = "talk", gettext_lazy("Talk and write")
    AGREE = "agree", gettext_lazy("Agree")
    REST = "rest", gettext_lazy("Let rest")
    MONEY = "money", gettext_lazy("Money")
    PEOPLE = "people", gettext_lazy("People and addresses")


@dataclass(frozen=True)
class Act:
    title: Promise
    button: Promise
    done: Promise
    right: str
    form: type[forms.Act]
    do: Callable[[Done], Any]
    icon: str
    key: str = ""
    explains: Promise | str = ""
    group: str = ""
    needs: Callable[[About], bool] = always
    undo: Callable[[Undoing], Any] | None = None
    goes_on: bool = False  # with a try to pay that came to nothing, which `ref` names
    at_once: bool = False  # nothing to fill in: a click does it
    then: Callable[[Done], str] | None = None  # what opens over the page, after every click, the second one too
    template: str = "act"
    near: bool = False  # at hand without opening the menu
    short: Promise | str = ""  # what its button there says, where the title is long


def told(request: scope.Asked, text: str, *, undo: tuple[str, dict[str, Any]] | None = None) -> None:
    """Says what was done. `undo`: the address that takes it back, and what it needs to know to do so (JSON)."""
    messages.success(request, text, extra_tags=_button(request.user, *undo) if undo else "")


def taken_back(request: scope.Asked) -> dict[str, Any]:
    """What an Undo brings back to the address that it was made for. Raises UnableToUndo."""
    to, words = opened(request.POST.get("undo", ""), by=request.user)
    if to != request.path:
        raise UnableToUndo(_("Only who did it can undo it here."))
    return words


def opened(token: str, *, by: User) -> tuple[str, dict[str, Any]]:
    """The address that a sealed Undo was made for, and its words. Raises UnableToUndo."""
    try:
        content = links.read("desk.undo", token, now=clock.now())
    except links.UnableToOpen as error:
        raise UnableToUndo(_("It is too late to undo this here. It can still be changed by hand.")) from error
    if content["by"] != by.pk:
        raise UnableToUndo(_("Only who did it can undo it here."))
    return content["to"], content["words"]


def sealed(by: User, address: str, words: dict[str, Any]) -> str:
    """What takes an act back, once brought to its address by who did it."""
    content = {"to": address, "by": by.pk, "words": words}
    return links.sign("desk.undo", content, expires=clock.now() + UNDO_WITHIN, short=True)


def _button(user: User, address: str, words: dict[str, Any]) -> str:
    return f"{UNDO}{address} {sealed(user, address, words)}"


def button_of(tags: str) -> dict[str, str]:
    """What `told` put into the tags of a message, apart; empty where there is no way back."""
    address, _space, token = tags.removeprefix(UNDO).partition(" ")
    return {"address": address, "token": token} if tags.startswith(UNDO) else {}
