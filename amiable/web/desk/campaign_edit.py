"""The editor of a campaign: filter, text, channel and window, with whom it would hold seen while it is written.

In: what a person filled in. Out: the page again with a sentence at what is wrong, or a draft. Only those who administer
the whole creditor come here.
"""

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core.conditions import N_, UnableToRead
from amiable.core.money import UnreadableAmount, major, minor
from amiable.ledger.models import Creditor, Medium
from amiable.outreach import route
from amiable.outreach.models import Tone
from amiable.portfolio import segments
from amiable.scenario import campaign as verbs
from amiable.scenario import shelf
from amiable.scenario.engine.channel import CHANNELS
from amiable.scenario.models import Campaign
from amiable.web.desk import campaign_words as words
from amiable.web.desk import labels, scenario_words, scope, segment_edit, segment_words
from amiable.web.desk.campaign_pages import campaign_or_404
from amiable.web.desk.segment_edit import administered
from amiable.web.ui import clock


@require_http_methods(["GET", "POST"])
@scope.inside
def new(request: scope.Asked) -> HttpResponse:
    asked = request.POST if request.method == "POST" else request.GET
    chosen = administered(list(scope.whole_creditors(request.user, act="administer")), asked.get("creditor", ""))
    today = clock.today()
    blank = Campaign(
        creditor=chosen, name="", filter="", currency=chosen.currency, template="reminder_1", tone=Tone.WARM,
        channel=Medium.EMAIL, starts_on=today, ends_on=today, minimum_minor=0,
    )  # fmt: skip
    return _edited(request, blank)


@require_http_methods(["GET", "POST"])
@scope.inside
def edit(request: scope.Asked, pk: int) -> HttpResponse:
    found = campaign_or_404(request.user, pk, act="administer")
    if found.frozen_at or found.stopped_at:
        messages.warning(request, _("Only a draft can be changed; what is frozen stays as it is."))
        return redirect("desk:campaign", pk)
    return _edited(request, found)


def _edited(request: scope.Asked, base: Campaign) -> HttpResponse:
    if request.method == "GET":
        return _page(request, base)
    how: dict[str, Any] = {"as_of": clock.today(), "now": clock.now(), "by": request.user}
    try:
        settings = read(request.POST, base.currency)
        kept = (
            verbs.revise(base, **how, **settings) if base.pk else verbs.draft(creditor=base.creditor, **how, **settings)
        )
    except UnableToRead as error:
        return _page(request, base, setting="filter", wrong=words.wrong(error))
    except verbs.UnableToCampaign as error:
        return _page(request, base, setting=error.setting, wrong=words.wrong(error))
    messages.success(request, _("Kept as a draft. Look at the list, then freeze it."))
    return redirect("desk:campaign", kept.pk)


def read(post: QueryDict, currency: str) -> dict[str, Any]:
    """The settings that the form holds. Raises UnableToCampaign at what is no day or amount."""
    return {
        "name": post.get("name", "").strip()[:120],
        "filter": post.get("when", "").strip(),
        "currency": currency,
        "minimum_minor": _amount(post.get("minimum", ""), currency),
        "template": post.get("template", ""),
        "tone": post.get("tone", ""),
        "channel": post.get("channel", ""),
        "starts_on": _day(post, "starts_on"),
        "ends_on": _day(post, "ends_on"),
    }


def _amount(text: str, currency: str) -> int:
    plain = text.strip()
    if not plain:
        return 0
    try:
        return minor(plain, currency=currency, decimal="," if plain.rfind(",") > plain.rfind(".") else ".")
    except UnreadableAmount as error:
        raise verbs.UnableToCampaign(
            N_("This is not an amount. Write for example 1 234.56."), "minimum_minor"
        ) from error


def _day(post: QueryDict, name: str) -> date:
    try:
        return date.fromisoformat(post.get(name, ""))
    except ValueError as error:
        raise verbs.UnableToCampaign(N_("This is not a day."), name) from error


def _page(request: scope.Asked, base: Campaign, *, setting: str = "", wrong: str = "") -> HttpResponse:
    given = request.POST if request.method == "POST" else None
    minimum = str(major(base.minimum_minor, base.currency)) if base.minimum_minor else ""
    content = {
        "campaign": base,
        "creditor": base.creditor,
        "given": {
            "name": given.get("name", "") if given else base.name,
            "when": given.get("when", "") if given else base.filter,
            "template": given.get("template", "") if given else base.template,
            "tone": given.get("tone", "") if given else base.tone,
            "channel": given.get("channel", "") if given else base.channel,
            "starts_on": given.get("starts_on", "") if given else base.starts_on.isoformat(),
            "ends_on": given.get("ends_on", "") if given else base.ends_on.isoformat(),
            "minimum": given.get("minimum", "") if given else minimum,
        },
        "choices": {
            "template": [(key, labels.step(key)) for key in verbs.texts(base.creditor)],
            "tone": Tone.choices,
            "channel": [(key, str(scenario_words.CHANNELS.get(key, key))) for key in _media(base.creditor)],
        },
        "setting": setting,
        "setting_label": words.SETTINGS.get(setting, ""),
        "wrong": wrong,
        "facts": [*segment_edit.known_facts(base.creditor), _segment_fact(base.creditor)],
        "rows": [segment_edit.as_rows(given.get("when", "") if given else base.filter, known=shelf.facts())[0]],
        "words": segment_words.EDITOR,
        "today": clock.today(),
    }
    return render(request, "desk/campaign_edit.html", content, status=422 if wrong else 200)


def _media(creditor: Creditor) -> list[str]:
    """What something carries for this creditor."""
    return [medium for medium in CHANNELS if route.in_use(creditor, medium)]


def _segment_fact(creditor: Creditor) -> dict[str, Any]:
    """The segment as the builder offers it, beside the facts."""
    choices = list(labels.names({rule["key"]: rule for rule in segments.active(creditor.pk)}).items())
    return {"name": "segment", "unit": "text", "meaning": _("Segment"), "suffix": "", "choices": choices}


@require_POST
@scope.inside
def rows(request: scope.Asked) -> JsonResponse:
    return segment_edit.answer(request, known=shelf.facts())


@require_POST
@scope.inside
def look_ahead(request: scope.Asked) -> HttpResponse:
    """Whom the filled-in campaign would hold today; nothing is written."""
    creditors = list(scope.whole_creditors(request.user, act="administer"))
    chosen = administered(creditors, request.POST.get("creditor", ""))
    try:
        settings = read(request.POST, chosen.currency)
        wished = Campaign(creditor=chosen, **settings)
        wished.name = wished.name or "–"  # it may still be without one
        verbs.check(wished, as_of=clock.today())
        content = words.previewed(wished, clock.today())
    except (UnableToRead, verbs.UnableToCampaign) as error:
        content = {"wrong": words.wrong(error)}
    return render(request, "desk/_campaign_preview.html", content)
