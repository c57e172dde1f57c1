"""The acts of the desk as operations: the same forms read them, the same calls do them, and the trail names them alike.

In: what was said, as JSON. Out: the row that the act made. Never: a rule that the desk does not have.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from amiable.core import money
from amiable.ledger.models import Customer, Invoice
from amiable.web.api import room
from amiable.web.api.problem import Problem
from amiable.web.desk import forms
from amiable.web.desk.acts import ACTS, once
from amiable.web.desk.deed import Done
from amiable.web.ui import clock

MOST_OPEN = 500  # invoices among which an act chooses, as on the desk


def perform(
    request: HttpRequest,
    about: int,
    name: str,
    said: Mapping[str, Any],
    *,
    ref: int = 0,
    rows: Callable[[Customer], "QuerySet[Any]"] | None = None,
) -> Any:
    """Does the act about the customer; the newest of `rows` that it made, else the act as it was done."""
    wanted = ACTS[name]
    customer = room.customer(request, about, right=wanted.right)
    token = secrets.token_urlsafe(12)
    form = filled(wanted.form, customer, {**said, "token": token}, ref=ref)
    done = Done(customer, room.asking(request).user, clock.today(), clock.now(), form, ref)
    before = rows(customer).order_by("-pk").values_list("pk", flat=True).first() if rows else None
    once(name, done, lambda: wanted.do(done))
    if rows is None:
        return done
    made = rows(customer).filter(pk__gt=before or 0).order_by("-pk").first()
    if made is None:
        raise Problem(409, _("Nothing was changed by this: it is so already."))
    return made


def filled(
    kind: type[forms.Act],
    customer: Customer,
    said: Mapping[str, Any],
    *,
    ref: int = 0,
    among: Sequence[Invoice] | None = None,
) -> Any:
    """The form of an act with what was said, about the open invoices or those given (`among`); what it refuses is told by
    field, in its own sentences.
    """
    open_invoices = among
    if open_invoices is None:
        open_invoices = list(customer.invoices.filter(open_minor__gt=0).order_by("due_on", "pk")[:MOST_OPEN])
    plain = {key: _plain(value) for key, value in said.items() if value is not None}
    form = kind(plain, customer=customer, invoices=open_invoices, today=clock.today(), ref=ref)
    if not form.is_valid():
        raise Problem(
            422,
            _("Look at the fields that are named."),
            errors=[
                {"field": f"body.{field}" if field != "__all__" else "body", "message": str(sentence)}
                for field, sentences in form.errors.items()
                for sentence in sentences
            ],
        )
    return form


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return str(value)


def typed(minor: int | None, currency: str) -> str | None:
    """An amount as the desk's forms read it."""
    return None if minor is None else str(money.major(minor, currency))


def told(name: str) -> str:
    """The sentence with which the desk tells that it is done."""
    return str(ACTS[name].done)


def currency_of(customer: Customer, invoice: int) -> str:
    """The currency of one of the customer's open invoices; who names another's is told that there is none."""
    found = customer.invoices.filter(pk=invoice).values_list("currency", flat=True).first()
    if found is None:
        raise Problem(
            422,
            _("Look at the fields that are named."),
            errors=[{"field": "body.invoice", "message": _("No such invoice.")}],
        )
    return str(found)
