"""Every view of personal data leaves a line in the trail, by one way that no page can forget.

In: an answered request of a colleague. Out: a line for each customer whom it was about; else one about the page itself.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from amiable.core import audit
from amiable.core.models import AuditEntry, User
from amiable.ledger.models import Customer
from amiable.web.ui import clock

# Pages that hold nobody's data. What is not named here is recorded, so that a new page is, too.
BARE = {
    "login", "logout", "language", "theme", "live", "account", "facts", "runs", "rules", "channels", "channel", "channel_act",
    "acquirer", "acquirer_act", "mailboxes", "mailbox", "figures",
    "scenarios", "scenario", "scenario_edit", "segments", "segments_edit", "segments_rows", "texts", "text", "text_new",
    "news_wishes", "news_unsubscribe",
    "text_version", "campaign_rows", "experiment", "pay_link", "imports",
}  # fmt: skip
ROOMS = {"desk"}


@dataclass
class Looked:
    """What one request looks at: customers with their creditors; else a place, with the row that it is about."""

    customers: dict[int, int] = field(default_factory=dict)
    place: str = ""
    ref: int | None = None


_looked_at: ContextVar[Looked | None] = ContextVar("looked_at", default=None)


def customer(row: Customer) -> None:
    """Tells the request that is being answered whom it is about."""
    found = _looked_at.get()
    if found is not None:
        found.customers[row.pk] = row.creditor_id


def place(name: str, ref: int | None = None) -> None:
    """Tells the request that is being answered what it reads, where its address does not say so: an operation of the API."""
    found = _looked_at.get()
    if found is not None:
        found.place, found.ref = name, ref


class Views:
    """Writes the lines when the answer is made; whoever only was turned away saw nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        found = Looked()
        before = _looked_at.set(found)
        try:
            response = self.get_response(request)
        finally:
            _looked_at.reset(before)
        if response.status_code == 200 and isinstance(request.user, User):
            lines = _lines(request, request.user, found)
            if lines:
                audit.views_once(lines)
        return response


def _lines(request: HttpRequest, user: User, found: Looked) -> list[AuditEntry]:
    """What is to be written: the customers, or the page with the row that its address names."""
    now, match = clock.now(), request.resolver_match
    name, ref = found.place, found.ref
    if not name and match and ROOMS & set(match.namespaces):
        pk = match.kwargs.get("pk")
        name, ref = match.url_name or "", pk if isinstance(pk, int) else None
    if found.customers:
        return [
            audit.line(
                "customer.viewed",
                now=now,
                user=user,
                creditor_ref=creditor,
                subject="customer",
                subject_ref=pk,
                page=name,
            )
            for pk, creditor in found.customers.items()
        ]
    if not name or name in BARE:
        return []
    return [
        audit.line("page.viewed", now=now, user=user, creditor_ref=creditor, subject=name[:40], subject_ref=ref)
        for creditor in _houses(user, whole=ref is None)
    ]


def _houses(user: User, *, whole: bool) -> list[int | None]:
    """Whose trail a page belongs into: a list shows rows of each creditor of whoever looks; of which a row is, is not known."""
    held = {scope.creditor_ref for scope in getattr(user, "held_scopes", ())}  # web/colleague.py
    return sorted(held) if len(held) == 1 or (whole and held) else [None]
