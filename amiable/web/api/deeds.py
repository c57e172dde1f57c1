"""The acts of the desk as operations: the same forms read them, the same calls do them, and the trail names them alike.

In: what was said, as JSON. Out: the row that the act made, and in the header Undo what takes it back. Never: a rule that
the desk does not have.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms as django_forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Router, Schema

from amiable.core import money
from amiable.core.models import User
from amiable.ledger.models import Customer, Invoice
from amiable.web.api import room
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Id, Said
from amiable.web.desk import deed, forms
from amiable.web.desk.acts import ACTS, once
from amiable.web.desk.deed import Done
from amiable.web.ui import clock

MOST_OPEN = 500  # invoices among which an act chooses, as on the desk


def makes(
    router: Router,
    path: str,
    *,
    act: str,
    said: type[Said],
    response: type[Schema],
    name: str,
    summary: str,
    doc: str = "",
    words: Callable[[Any], Mapping[str, Any]] | None = None,
) -> None:
    """An act about the customer whom the body names, by its own name or in other `words`; the row that it makes comes back."""

    def do(request: HttpRequest, said: said) -> Any:  # type: ignore[valid-type]
        return made(perform(request, said.customer, act, words(said) if words else told_by(said)))  # type: ignore[attr-defined]

    do.__doc__ = doc
    _added(router, path, act, {201: response}, name, summary)(do)


def changes(
    router: Router,
    path: str,
    *,
    act: str,
    response: Any,
    rows: Callable[[User], "QuerySet[Any]"],
    name: str,
    summary: str,
    said: type[Said] | None = None,
    doc: str = "",
    words: Callable[[Any, Any], Mapping[str, Any]] | None = None,
    about: bool = False,
) -> None:
    """An act about a row of a customer's, or about the customer themselves (`about`); the row as it is then comes back.
    `words` has the row beside what was said of it.
    """

    def done(request: HttpRequest, pk: int, said: Any) -> Any:
        found = room.row(rows(room.asking(request).user), pk)
        told = {} if said is None else words(said, found) if words else told_by(said)
        perform(request, pk if about else found.customer_id, act, told, ref=0 if about else pk)
        return rows(room.asking(request).user).get(pk=pk)

    def bare(request: HttpRequest, pk: Id) -> Any:
        return done(request, pk, None)

    def filled_in(request: HttpRequest, pk: Id, said: said) -> Any:  # type: ignore[valid-type]
        return done(request, pk, said)

    do = filled_in if said else bare
    do.__doc__ = doc
    _added(router, path, act, response, name, summary)(do)


def _added(router: Router, path: str, act: str, response: Any, name: str, summary: str) -> Callable[[Any], Any]:
    undo = ACTS[act].undo is not None
    return room.post(router, path, right=ACTS[act].right, response=response, name=name, undo=undo, summary=summary)


def told_by(said: Schema) -> dict[str, Any]:
    """What a body says beside the customer whom it is about."""
    return said.dict(exclude={"customer"})


def perform(
    request: HttpRequest,
    about: int,
    name: str,
    said: Mapping[str, Any],
    *,
    ref: int = 0,
) -> Done:
    """Does the act about the customer; the act as it was done."""
    wanted = ACTS[name]
    customer = room.customer(request, about, right=wanted.right)
    token = room.asking(request).wish
    form = filled(wanted.form, customer, {**said, "token": token}, ref=ref, by=room.asking(request).user)
    done = Done(customer, room.asking(request).user, clock.today(), clock.now(), form, ref)
    if not once(name, done, lambda: wanted.do(done)):
        raise Problem(409, _("This Idempotency-Key was used for another request."))
    if wanted.undo and done.back:
        to = reverse("desk:act_undone", args=[customer.pk, name])
        room.asking(request).told["Undo"] = deed.sealed(done.by, to, done.back | {"token": token})
    return done


def made(done: Done) -> Any:
    """The row that an act made: its own, whatever others do at the same moment."""
    if not done.made:
        raise Problem(409, _("Nothing was changed by this: it is so already."))
    done.made[-1].refresh_from_db()
    return done.made[-1]


def made_by(done: Done) -> list[int]:
    """The rows that an act made, where it makes several."""
    return [row.pk for row in done.made]


def _typed(customer: Customer, said: Mapping[str, Any]) -> dict[str, Any]:
    """An amount in minor units as the desk's forms read it, in the currency that is named or the invoice's."""
    told = dict(said)
    if "amount_minor" in told:
        minor = told.pop("amount_minor")
        currency = told.get("currency") or (currency_of(customer, told["invoice"]) if "invoice" in told else "")
        told["amount"] = typed(minor, currency)
    return told


def filled(
    kind: type[forms.Act],
    customer: Customer,
    said: Mapping[str, Any],
    *,
    ref: int = 0,
    among: Sequence[Invoice] | None = None,
    by: User | None = None,
    under: str = "body",
) -> Any:
    """The form of an act with what was said, about the open invoices or those given (`among`); what it refuses is told by
    field, in its own sentences.
    """
    said = _typed(customer, said)
    open_invoices = among
    if open_invoices is None:
        open_invoices = list(customer.invoices.filter(open_minor__gt=0).order_by("due_on", "pk")[:MOST_OPEN])
    files = {key: value for key, value in said.items() if key == "attached"}
    form = kind(
        plain({key: value for key, value in said.items() if key not in files}), files, customer=customer,
        invoices=open_invoices, today=clock.today(), by=by, ref=ref,
    )  # fmt: skip
    valid(form, under=under)
    if said.get("currency", "") not in ("", form.cleaned_data.get("currency", said.get("currency", ""))):
        other = _("These invoices are in another currency than the payment.")
        raise Problem(422, other, errors=[{"field": f"{under}.currency", "message": other}])
    return form


def valid(form: Any, *, under: str = "body") -> Any:
    """The form, when it is well filled in; what it refuses is told by field, in its own sentences."""
    if not form.is_valid():
        raise Problem(422, _("Look at the fields that are named."), errors=wrong(form, under=under))
    return form


def wrong(form: django_forms.Form, *, under: str = "body") -> list[dict[str, str]]:
    """What a form refuses, as problems name it."""
    return [
        {"field": f"{under}.{field}" if field != "__all__" else under, "message": str(sentence)}
        for field, sentences in form.errors.items()
        for sentence in sentences
    ]


def plain(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as a form gets it from a page; what is empty is not there."""
    return {key: _plain(value) for key, value in said.items() if value is not None and value is not False}


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
