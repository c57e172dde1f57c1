"""The door of the portal: a signed link says who is meant, one light question says that it is they.

In: a link. Out: the visit, in the customer's language. Never: a name, an invoice or an address before the answer; an
answer tried without end; a change by a GET.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from ipaddress import ip_address
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.crypto import constant_time_compare

from amiable.core import audit, links
from amiable.core.models import AuditEntry
from amiable.ledger.models import Creditor, Customer

R = TypeVar("R", bound=HttpResponseBase)

PURPOSE = "portal"
TRIES = 5  # wrong answers within an hour, over all links, browsers and telephones of a customer
REFUSED = ("portal.refused", "voice.refused")
PERIOD = timedelta(hours=1)
KNOWN_FOR = timedelta(hours=2)


@dataclass(frozen=True)
class Visit:
    """Who came by which link, when; `message_ref` is the message that carried it (0: none), `asked` what a colleague put
    into the link to be paid.
    """

    token: str
    customer: Customer
    message_ref: int
    now: datetime
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def creditor(self) -> Creditor:
        return self.customer.creditor


Inner = Callable[..., HttpResponseBase]  # (request, visit, ...)
View = Callable[..., HttpResponseBase]  # (request, token, ...)


def arrives(view: Inner) -> View:
    """Reads the link and speaks the customer's language; whoever holds the link may see such a view."""

    @wraps(view)
    def door(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponseBase:
        from amiable.web.ui import clock

        now = clock.now()
        try:
            visit = _visit(token, now=now)
        except links.Expired:
            return closed(request, reason="expired", status=410)
        except (links.UnableToOpen, Customer.DoesNotExist):
            return closed(request, reason="invalid", status=404)
        with translation.override(_language(request, visit)):
            return _private(view(request, visit, **kwargs))

    return door


def known(view: Inner) -> View:
    """As `arrives`, for views that show details or act: who has not answered yet is led to the question."""

    @wraps(view)
    def inner(request: HttpRequest, visit: Visit, **kwargs: Any) -> HttpResponseBase:
        if not is_known(request, visit):
            return redirect("portal:home", token=visit.token)
        return view(request, visit, **kwargs)

    return arrives(inner)


def is_known(request: HttpRequest, visit: Visit) -> bool:
    since = request.session.get("portal", {}).get(str(visit.customer.pk))
    return since is not None and visit.now - datetime.fromisoformat(since) < KNOWN_FOR


def tries_left(visit: Visit) -> int:
    return tries_of(visit.customer, now=visit.now)


def tries_of(customer: Customer, *, now: datetime) -> int:
    """Wrong answers that are still allowed; kept in the trail, so that no browser or telephone can forget them."""
    wrong = AuditEntry.objects.filter(
        subject="customer", subject_ref=customer.pk, act__in=REFUSED, at__gt=now - PERIOD
    ).count()
    return max(0, TRIES - wrong)


def identify(request: HttpRequest, visit: Visit, answer: str) -> bool:
    """Whether the answer is the customer's number or postcode; remembered in the session for this customer."""
    right = admit(visit.customer, right=_matches(visit.customer, answer), now=visit.now, by="portal")
    if right:
        request.session.cycle_key()
        request.session["portal"] = request.session.get("portal", {}) | {str(visit.customer.pk): visit.now.isoformat()}
    return right


def admit(customer: Customer, *, right: bool, now: datetime, by: str) -> bool:
    """Counts an answer to the light check, given on the portal or on the telephone (`by`); whether it opens the door."""
    with transaction.atomic():
        # One answer at a time, so that many sent at once are not one try.
        Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
        if not tries_of(customer, now=now):
            return False
        audit.record(
            f"{by}.entered" if right else f"{by}.refused",
            now=now,
            actor=by,
            creditor_ref=customer.creditor_id,
            subject="customer",
            subject_ref=customer.pk,
        )
    return right


def address_of(request: HttpRequest) -> str | None:
    """From which address somebody comes; behind the proxy of a server, what that proxy says."""
    told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() if settings.PRODUCTION else ""
    try:
        return str(ip_address(told or request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def closed(request: HttpRequest, *, reason: str, status: int) -> HttpResponse:
    return _private(render(request, "portal/closed.html", {"reason": reason}, status=status))


def choose_language(request: HttpRequest, language: str) -> None:
    if language in dict(settings.LANGUAGES):
        request.session["portal_language"] = language


def spoken(*languages: str) -> str:
    """The first of these languages that the portal speaks."""
    ours = dict(settings.LANGUAGES)
    return next((language[:2] for language in languages if language[:2] in ours), settings.LANGUAGE_CODE)


def _visit(token: str, *, now: datetime) -> Visit:
    content = links.read(PURPOSE, token, now=now)
    customer = Customer.objects.select_related("creditor", "merged_into__creditor").get(pk=content["c"])
    return Visit(
        token=token,
        customer=customer.merged_into or customer,
        message_ref=int(content.get("m") or 0),
        now=now,
        asked=content.get("pay") or {},
    )


def _language(request: HttpRequest, visit: Visit) -> str:
    chosen: str = request.session.get("portal_language", "")
    return spoken(chosen, visit.customer.language, visit.creditor.language)


def _matches(customer: Customer, answer: str) -> bool:
    given = _plain(answer)
    absorbed = customer.merged.values_list("number", flat=True)  # the number on the invoice may be an older one
    expected = [_plain(text) for text in (customer.number, customer.postcode, *absorbed)]
    # Each is compared, so that the time taken does not say which one was nearly right.
    same = [bool(text) and constant_time_compare(given, text) for text in expected]
    return any(same)


def _plain(text: str) -> str:
    """Letters and digits only, without case or accents: "k 0012" is "K-0012"."""
    bare = unicodedata.normalize("NFKD", text)[:80]
    return "".join(sign for sign in bare if sign.isalnum()).casefold()


def _private(response: R) -> R:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
