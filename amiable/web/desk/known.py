"""What is known of a customer beside the money: its segments and scores with their reasons, its group.

In: a customer that the colleague may see. Out: a fragment, asked for after the page is there. Nothing is invented: where no
model has spoken there is no score.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from amiable.core.models import User
from amiable.ledger.models import Customer
from amiable.portfolio import facts
from amiable.portfolio.gather import gather, names
from amiable.portfolio.models import Profile, Score
from amiable.web.desk import labels, scope, segment_words
from amiable.web.templatetags.amiable_ui import money_short
from amiable.web.ui import clock

RELATIVES = 12


@dataclass(frozen=True)
class Segment:
    """Where a customer stands in one currency, and the facts that make it true."""

    currency: str
    label: str
    when: str
    facts: list[tuple[str, str]] = field(default_factory=list)


@require_GET
@scope.inside
def shown(request: scope.Asked, pk: int) -> HttpResponse:
    found = scope.customer_or_404(request.user, pk, related=("creditor",))
    rules = labels.segment_rules(scope.visible_creditors(request.user).filter(pk=found.creditor_id))
    content = {
        "customer": found,
        "segments": segments(found, rules),
        "scores": scores(found),
        "group": group(found, request.user),
    }
    return render(request, "desk/_known.html", content)


def segments(customer: Customer, rules: Mapping[str, Mapping[str, Any]]) -> list[Segment]:
    """The segment in each currency with the facts that its rule names, as they stand today."""
    profiles = {row.currency: row.segment for row in Profile.objects.filter(customer=customer).exclude(segment="")}
    texts = [str(rules.get(key, {}).get("when", "")) for key in profiles.values()]
    wanted = names(texts)
    told: dict[str, dict[str, Any]] = {}
    if wanted:
        table = gather(Profile.objects.filter(customer=customer), as_of=clock.today(), naming=texts)
        told = {row["currency"]: row for row in table.to_dicts()}
    meant = labels.names(rules)
    found = []
    for (currency, key), when in zip(profiles.items(), texts, strict=True):
        named = names([when])
        words = [
            (str(fact.meaning), _value(fact, told[currency][fact.name], currency))
            for fact in facts.FACTS
            if fact.name in named
        ]
        found.append(Segment(currency, meant.get(key, key), when, words))
    return found


def _value(fact: facts.Fact, value: Any, currency: str) -> str:
    """A fact as people read it."""
    if value is None:
        return _("not known")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return segment_words.value(fact, value)
    if fact.unit == "money":
        return f"{segment_words.number(fact, float(value))} {currency}"
    return segment_words.number(fact, float(value))


def scores(customer: Customer) -> list[Score]:
    """The newest word of each model, with its reasons."""
    rows = Score.objects.filter(customer=customer).order_by("key", "currency", "-as_of")
    return list(rows.distinct("key", "currency"))


def group(customer: Customer, user: User) -> list[tuple[str, Customer, str]]:
    """Those who belong together with the customer and whom this user sees: how, who, and what is overdue there."""
    kin = (
        Q(pk__in=[ref for ref in (customer.parent_id, customer.payer_id) if ref])
        | Q(parent=customer)
        | Q(payer=customer)
    )
    if customer.parent_id:
        kin |= Q(parent=customer.parent_id)
    overdue = Profile.objects.filter(customer=OuterRef("pk"), overdue_minor__gt=0).order_by("-overdue_minor")
    rows = (
        scope.customers_for(user)
        .filter(kin, merged_into=None)
        .exclude(pk=customer.pk)
        .annotate(owed=Subquery(overdue.values("overdue_minor")[:1]), owed_in=Subquery(overdue.values("currency")[:1]))
        .order_by("name", "pk")[:RELATIVES]
    )
    return [(_how(row, customer), row, money_short(row.owed, row.owed_in) if row.owed else "") for row in rows]


def _how(row: Customer, customer: Customer) -> str:
    ways: Iterable[tuple[bool, str]] = (
        (row.pk == customer.parent_id, _("Parent")),
        (row.pk == customer.payer_id, _("Pays for it")),
        (row.parent_id == customer.pk, _("Subsidiary")),
        (row.payer_id == customer.pk, _("Is paid for by it")),
        (bool(row.parent_id) and row.parent_id == customer.parent_id, _("Sister")),
    )
    return ", ".join(words for true, words in ways if true)
