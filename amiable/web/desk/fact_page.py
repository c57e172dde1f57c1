"""Every fact that a condition may name: what it means, and how it is spread over the customers that the user may see."""

from collections import defaultdict
from typing import Any

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.ledger.models import Creditor
from amiable.portfolio import gather, segments
from amiable.portfolio.distribute import Distribution, distributions
from amiable.portfolio.facts import FACTS
from amiable.portfolio.models import Profile, Refreshed
from amiable.web.desk import scope, segment_words
from amiable.web.desk.segment_pages import may_edit, pick
from amiable.web.ui import clock

KEPT = 3600  # seconds for which a spread is not counted again
WIDTH, HEIGHT, GAP = 100.0, 40.0, 1.0


@require_GET
@scope.inside
def facts(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.visible_creditors(request.user))
    chosen = pick(creditors, request.GET.get("creditor", ""))
    if chosen is None:
        return render(request, "desk/facts.html", {"creditors": []})
    profiles = Profile.objects.filter(
        scope.reach(request.user, path="customer__", creditor="creditor_id"), creditor=chosen
    )
    currencies = sorted(
        set(profiles.order_by().values_list("currency", flat=True).distinct()) | {chosen.currency},
        key=lambda code: (code != chosen.currency, code),
    )
    currency = request.GET.get("currency", "")
    currency = currency if currency in currencies else chosen.currency
    used_by = _used_by(chosen)
    refreshed = Refreshed.objects.filter(creditor=chosen).order_by("-pk").first()
    spread = _spread(request, chosen, currency, refreshed)
    content = {
        "creditors": creditors,
        "creditor": chosen,
        "currencies": currencies,
        "currency": currency,
        "refreshed": refreshed,
        "facts": [_shown(each, used_by[each.fact.name], currency) for each in spread],
        "customers": spread[0].all if spread else 0,
        "known": len(FACTS),
        "may_edit": may_edit(request.user, chosen),
    }
    return render(request, "desk/facts.html", content)


def _spread(request: scope.Asked, creditor: Creditor, currency: str, refreshed: Refreshed | None) -> list[Distribution]:
    """Counted once per refresh and kept for those who see the whole creditor; for the others, of their customers."""
    reach = scope.reach(request.user, path="customer__", creditor="creditor_id")
    profiles = Profile.objects.filter(reach, creditor=creditor, currency=currency)
    day = refreshed.as_of if refreshed else clock.today()
    whole = scope.sees_whole_of(request.user, creditor.pk)
    if not whole or refreshed is None:
        return distributions(profiles=profiles, as_of=day)
    key = f"facts:{creditor.pk}:{currency}:{refreshed.pk}"
    kept: list[tuple[Any, ...]] | None = cache.get(key)
    if kept is None:
        found = distributions(profiles=profiles, as_of=day)
        # The facts themselves carry translations, and are found again by name.
        cache.set(key, [(each.fact.name, each.known, each.all, each.middle, each.bars) for each in found], KEPT)
        return found
    named = {fact.name: fact for fact in FACTS}
    return [Distribution(named[name], *rest) for name, *rest in kept if name in named]


def _used_by(creditor: Creditor) -> dict[str, list[str]]:
    """By fact, the segments in force whose condition names it."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in segments.active(creditor.pk):
        for name in gather.names([each.get("when", "")]):
            found[name].append(segment_words.label(each))
    return found


def _shown(spread: Distribution, used_by: list[str], currency: str) -> dict[str, Any]:
    fact = spread.fact
    most = max((bar.customers for bar in spread.bars), default=0) or 1
    width = WIDTH / (len(spread.bars) or 1)
    bars = [
        {
            "label": segment_words.bar(fact, bar),
            "customers": bar.customers,
            "share": bar.customers / (spread.known or 1),
            "x": f"{at * width + GAP / 2:.2f}",
            "w": f"{max(min(width, 20) - GAP, 0.5):.2f}",
            "h": f"{max(HEIGHT * bar.customers / most, 0.6 if bar.customers else 0):.2f}",
            "y": f"{HEIGHT - max(HEIGHT * bar.customers / most, 0.6 if bar.customers else 0):.2f}",
            "long": f"{100 * bar.customers / most:.2f}",
        }
        for at, bar in enumerate(spread.bars)
    ]
    unit = currency if fact.unit == "money" else str(segment_words.UNITS[fact.unit])
    middle = None if spread.middle is None else segment_words.number(fact, spread.middle)
    return {
        "fact": fact,
        "unit": unit,
        "known": spread.known,
        "share_known": spread.known / (spread.all or 1),
        "middle": middle,
        "bars": bars,
        "even": fact.unit not in {"text", "yes"},
        "used_by": used_by,
    }
