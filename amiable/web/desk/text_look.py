"""A text as its reader would get it now: filled for a real customer, or with the sample where there is nobody yet.

In: a text as it is typed, its place, a customer. Out: what would leave, and what is to be said against it. Nothing is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer, CustomerKind, Invoice
from amiable.outreach.compose import check
from amiable.outreach.gather import matters
from amiable.outreach.guard import LATE_ONLY, NOT_YET_ONLY
from amiable.outreach.house import Place
from amiable.outreach.models import Message, Template
from amiable.outreach.names import example, sample
from amiable.outreach.press import letter_page
from amiable.outreach.render import Rendered, render_all
from amiable.outreach.segment import Segments, segment
from amiable.portfolio.models import Profile
from amiable.scenario.relate import related
from amiable.web.desk import scope
from amiable.web.ui import clock

OFFERED = 25  # customers among whom one is chosen
PARTS = 3  # of the plan that stands for one where the customer has none


@dataclass(frozen=True)
class Look:
    """`invented`: the customer has no such payment, promise or plan, so figures stand in for it."""

    rendered: Rendered
    segments: Segments | None
    invented: bool = False


def people(user: User, place: Place, *, creditor: Creditor | None, words: str) -> list[Customer]:
    """Customers to whom such a text could go and whom this user sees; those who owe most first."""
    rows = scope.customers_for(user).filter(merged_into=None)
    consumers = Q(kind=CustomerKind.CONSUMER)
    rows = rows.filter(consumers if place.audience == "consumer" else ~consumers)
    if creditor:
        rows = rows.filter(creditor=creditor)
    if words.strip():
        rows = rows.filter(Q(name__icontains=words.strip()) | Q(number__icontains=words.strip()))
    owing = Profile.objects.filter(customer__in=rows, open_minor__gt=0).order_by("-overdue_minor", "customer_id")
    offered = list(dict.fromkeys(owing.values_list("customer_id", flat=True)[: OFFERED * 2]))[:OFFERED]
    if not offered:
        offered = list(rows.order_by("name").values_list("pk", flat=True)[:OFFERED])
    known = Customer.objects.select_related("creditor").in_bulk(offered)
    return [known[pk] for pk in offered]


def look(source: str, place: Place, customer: Customer | None, *, subject: str = "", agent: str = "") -> Look:
    """What would leave. Raises UnableTo with a sentence."""
    if customer is None:
        known = sample(place.language)
        filled = check(source, subject=subject, language=place.language, known=known, medium=place.medium, example=example(place.language))  # noqa: E501  # fmt: skip
        return _looked(Rendered(*filled), place)
    today, now = clock.today(), clock.now()
    message, invented = _message(place, customer, today, agent)
    key = (customer.creditor_id, place.key, place.medium, place.language, place.audience, place.tone)
    row = Template(body=source, subject=subject, language=place.language)
    [rendered] = render_all(matters([message], as_of=today, now=now), {key: row})
    if isinstance(rendered, UnableTo):
        raise rendered
    if rendered.letter:
        rendered = replace(rendered, html=letter_page(rendered.letter))
    return _looked(rendered, place, invented)


def _looked(rendered: Rendered, place: Place, invented: bool = False) -> Look:
    return Look(rendered, segment(rendered.text) if place.medium == "sms" else None, invented)


def _message(place: Place, customer: Customer, today: date, agent: str) -> tuple[Message, bool]:
    """The message about what the customer has open; it is never kept."""
    rows = list(Invoice.objects.filter(customer=customer, open_minor__gt=0).order_by("due_on", "pk"))
    currency = rows[0].currency if rows else customer.creditor.currency
    mine = [row for row in rows if row.currency == currency]
    if place.key in LATE_ONLY:
        mine = [row for row in mine if row.due_on < today]
    elif place.key in NOT_YET_ONLY:
        mine = [row for row in mine if row.due_on >= today]
    if not mine and place.key in LATE_ONLY | NOT_YET_ONLY:
        raise UnableTo(_("Nothing is open at this customer that such a text would be about: choose another one."))
    told = related(purpose=place.key, customer=customer, currency=currency)
    context = {**(told or _invented(mine, today)), "colleague": agent, "survey": {"after": "payment"}}
    message = Message(
        creditor_id=customer.creditor_id, customer=customer, currency=currency, medium=place.medium, purpose=place.key,
        tone=place.tone, as_of=today, language=place.language, about=[row.pk for row in mine], context=context,
    )  # fmt: skip
    return message, not told and place.key.startswith(("plan_", "promise_", "receipt", "payment_failed"))


def _invented(rows: list[Invoice], today: date) -> Mapping[str, Any]:
    """A payment, a promise and a plan over what is open, so that a text about one can be read before there is one."""
    total = sum(row.open_minor for row in rows) or 12_345
    days = [today + timedelta(days=30 * n - 10) for n in range(PARTS)]
    return {
        "payment": {"amount_minor": total, "received_on": str(today), "failed_on": str(today)},
        "promise": {"amount_minor": total, "promised_for": str(today - timedelta(days=2))},
        "plan": {
            "total_minor": total,
            "answer_by": str(today + timedelta(days=7)),
            "instalments": [
                {"due_on": str(day), "amount_minor": total // PARTS + (total % PARTS if n == 0 else 0)}
                for n, day in enumerate(days)
            ],
        },
    }
