"""The next steps of a customer, if nothing changes: when, what, for how much, and what stands in their way."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.ledger.models import Medium
from amiable.scenario import decide
from amiable.scenario.engine.foresee import Foreseen
from amiable.scenario.models import Verdict
from amiable.web.desk import labels, scenario_words, scope
from amiable.web.ui import clock

AHEAD, STEPS = 90, 8  # how far the next steps are foreseen: days, and how many are shown


@require_GET
@scope.inside
def foreseen(request: scope.Asked, pk: int) -> HttpResponse:
    """Asked for after the page is there, since the engine is run."""
    found = scope.customer_or_404(request.user, pk)
    steps = decide.preview(customer=found, as_of=clock.today(), now=clock.now(), days=AHEAD, steps=STEPS)
    return render(request, "desk/_foreseen.html", {"customer": found, "told": [foresee(step) for step in steps]})


def foresee(step: Foreseen) -> dict[str, Any]:
    """A step to come in words: when, what, for how much, and what stands in its way."""
    media = {**dict(Medium.choices)}
    return {
        "on": step.on,
        "currency": step.currency,
        "what": labels.step(step.step),
        "channel": "" if step.step == step.channel else media.get(step.channel) or _inside(step.action),
        "by_hand": step.action == "manual",
        "ask": step.verdict == Verdict.ASK,
        "refused": step.verdict == Verdict.NOT,
        "why": labels.rail(step.rail) if step.rail else "",
        "count": len(step.invoices),
        "minor": step.amount_minor,
    }


def _inside(action: str) -> str:
    """What the house does by itself."""
    return str(scenario_words.ACTIONS.get(action, action))
