"""One box finds customers and invoices by what a person has at hand; best first, with what it was found by.

In: whoever asks, and the words. Out: hits among what they may see. Never: a customer beyond their scopes, nor a reading of
a whole table: each question has an index, and an end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer
from amiable.portfolio.models import Profile
from amiable.web.desk import scope
from amiable.web.desk.search_asks import ASKS, ASKS_OF_AGENCY, ASKS_WITH_AT, Asked, Found
from amiable.web.ui import clock

SHOWN = 12  # under the box
MOST = 200  # on the page, and wherever search narrows a list
LATELY = timedelta(days=90)  # within which a payment is found by its amount


@dataclass(frozen=True)
class Hit:
    """A customer, by what they were found, and what they owe per currency: (currency, open, overdue)."""

    customer: Customer
    found: Found
    owes: list[tuple[str, int, int]]


def look(user: User, text: str, *, most: int = SHOWN) -> list[Hit]:
    """The best hits; of two that fit alike, whoever owes more."""
    best = _best(user, text, list(scope.visible_creditors(user).values_list("pk", "country")), most=most)
    rows = scope.customers_for(user, outside=True).filter(merged_into=None).select_related("creditor")
    seen = rows.in_bulk(list(best))
    owes: dict[int, list[tuple[str, int, int]]] = {}
    inside = scope.reach(
        user, path="customer__", creditor="creditor_id"
    )  # what is owed in all is not an agency's affair
    figures = Profile.objects.filter(inside, customer__in=list(seen)).order_by("currency")
    for pk, currency, left, late in figures.values_list("customer_id", "currency", "open_minor", "overdue_minor"):
        owes.setdefault(pk, []).append((currency, left, late))
    hits = [Hit(customer, best[pk], owes.get(pk, [])) for pk, customer in seen.items()]
    hits.sort(key=lambda hit: (-hit.found.rank, -max((late for *_r, late in hit.owes), default=0), hit.customer.name))
    return hits[:most]


def find(user: User, text: str) -> QuerySet[Customer]:
    """The customers whom the text may mean, among those this user sees."""
    meant = meaning(user, text, scope.visible_creditors(user))
    return scope.customers_for(user).filter(merged_into=None, pk__in=meant)


def meaning(user: User, text: str, creditors: Iterable[Creditor]) -> list[int]:
    """Whom the text may mean; `creditors`: those that this user sees."""
    return list(_best(user, text, [(each.pk, each.country) for each in creditors], most=MOST))


def _best(user: User, text: str, creditors: Sequence[tuple[int, str]], *, most: int) -> dict[int, Found]:
    """Each customer that was found, by what fits best."""
    words = " ".join(text.split())[:120]
    if len(words) < 2:
        return {}
    asked = Asked(user, words, dict(creditors), clock.today() - LATELY, most)
    asks = (ASKS_WITH_AT if "@" in words else ASKS) if creditors else ()
    best: dict[int, Found] = {}
    for ask in (*asks, *ASKS_OF_AGENCY) if scope.agencies(user) else asks:
        for found in ask(asked):
            if found.customer_id not in best or best[found.customer_id].rank < found.rank:
                best[found.customer_id] = found
    top = sorted(best.values(), key=lambda found: -found.rank)[: max(most, 3 * SHOWN)]
    return {found.customer_id: found for found in top}


@require_GET
@scope.inside
def search(request: scope.Asked) -> HttpResponse:
    """The page; or, as somebody types, the list under the box."""
    words = request.GET.get("q", "").strip()
    typing = request.headers.get("HX-Target") == "found"
    content: dict[str, Any] = {"q": words, "hits": look(request.user, words, most=SHOWN if typing else MOST)}
    content["house"] = scope.of_house(request.user)
    content["told"] = _("Nothing found.") if words and not content["hits"] else ""
    return render(request, "desk/_found.html" if typing else "desk/search.html", content)
