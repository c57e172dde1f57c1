"""Every view of personal data leaves a line in the trail, by one way that no page can forget.

In: an answered request of a colleague. Out: a line for each customer whom it was about; else one about the page itself.
"""

from collections.abc import Callable
from contextvars import ContextVar

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
_looked_at: ContextVar[dict[int, int] | None] = ContextVar("looked_at", default=None)


def customer(row: Customer) -> None:
    """Tells the request that is being answered whom it is about."""
    found = _looked_at.get()
    if found is not None:
        found[row.pk] = row.creditor_id


class Views:
    """Writes the lines when the answer is made; whoever only was turned away saw nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        found: dict[int, int] = {}
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


def _lines(request: HttpRequest, user: User, found: dict[int, int]) -> list[AuditEntry]:
    """What is to be written: the customers, or the page with the row that its address names."""
    now, match = clock.now(), request.resolver_match
    name = (match.url_name or "") if match else ""
    if found:
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
            for pk, creditor in found.items()
        ]
    if match is None or not name or name in BARE or not (ROOMS & set(match.namespaces) or "api" in match.namespace):
        return []
    number = match.kwargs.get("pk")
    ref = number if isinstance(number, int) else None
    return [
        audit.line("page.viewed", now=now, user=user, creditor_ref=creditor, subject=name[:40], subject_ref=ref)
        for creditor in _houses(user, whole=ref is None)
    ]


def _houses(user: User, *, whole: bool) -> list[int | None]:
    """Whose trail a page belongs into: a list shows rows of each creditor of whoever looks; of which a row is, is not known."""
    held = {scope.creditor_ref for scope in getattr(user, "held_scopes", ())}  # web/colleague.py
    return sorted(held) if len(held) == 1 or (whole and held) else [None]
