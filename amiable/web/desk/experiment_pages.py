"""Experiments on a scenario: what runs and what it brought, and how a person starts, changes and stops one.

Figures are of whole creditors, so only who sees all of one looks; only who administers it acts.
"""

from datetime import date
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core.errors import UnableTo
from amiable.ledger.models import Creditor
from amiable.scenario import experiment as verbs
from amiable.scenario import shelf
from amiable.scenario.models import Arm, Experiment, Scenario
from amiable.scenario.weigh import weigh
from amiable.web.desk import experiment_words as words
from amiable.web.desk import scenario_words, scope
from amiable.web.desk.scenario_pages import scenario_or_404, visible
from amiable.web.desk.segment_pages import pick
from amiable.web.ui import clock

SHARE = 100
OFFERED = 40  # versions that may challenge


@require_http_methods(["GET", "POST"])
@scope.inside
def experiment(request: scope.Asked, pk: int) -> HttpResponse:
    """The experiments on a scenario at one creditor; a post starts one."""
    found = scenario_or_404(request.user, pk)
    creditors = [each for each in scope.whole_creditors(request.user) if found.creditor_id in (None, each.pk)]
    asked = request.POST if request.method == "POST" else request.GET
    chosen = pick(creditors, asked.get("creditor", ""))
    if chosen is None or asked.get("creditor", str(chosen.pk)) != str(chosen.pk):
        raise Http404
    if request.method == "POST":
        if not _may(request.user, chosen):
            raise Http404
        return _started(request, found, chosen, creditors)
    return _page(request, found, chosen, creditors)


def _page(
    request: scope.Asked, found: Scenario, creditor: Creditor, creditors: list[Creditor], *, wrong: str = ""
) -> HttpResponse:
    champion = _champion(found, creditor)
    mine = Experiment.objects.filter(creditor=creditor, champion__key=found.key)
    rows = list(mine.select_related("champion", "challenger", "creditor", "started_by").order_by("-since", "-pk"))
    open_ones = [each for each in rows if each.stopped_on is None]
    content = {
        "scenario": found,
        "name": scenario_words.name(found.data, found.key),
        "creditor": creditor,
        "creditors": creditors,
        "champion": champion,
        "champion_name": words.version(champion) if champion else "",
        "running": _told(open_ones[0]) if open_ones else None,
        "past": [_told(each) for each in rows if each.stopped_on],
        "may_change": _may(request.user, creditor),
        "choices": [
            (each, words.version(each), each.get_state_display()) for each in _rivals(request, champion, creditor)
        ],
        "most": round(verbs.MOST_HELD_OUT * SHARE),
        "wrong": wrong,
        "given": request.POST,
        "today": clock.today(),
    }
    # A fragment is put in place only when the answer is no error.
    status = 422 if wrong and not request.headers.get("HX-Request") else 200
    return render(request, "desk/experiment.html", content, status=status)


def _told(each: Experiment) -> dict[str, Any]:
    found = weigh(experiment=each, as_of=clock.today())
    return {
        "row": each, "shares": words.shares(each), "arms": words.arms(each, found), "horizons": words.horizons(found),
        "currency": found.currency, "state": words.ends(each, clock.today()),
        "challenger": words.version(each.challenger) if each.challenger else "",
        "champion": words.version(each.champion), "winner": Arm(each.winner).label if each.winner else "",
        "challenger_percent": _percent(each.challenger_share), "holdout_percent": _percent(each.holdout_share),
    }  # fmt: skip


def _percent(share: float) -> str:
    return f"{share * SHARE:.4g}"


def _champion(found: Scenario, creditor: Creditor) -> Scenario | None:
    return next((each for each in shelf.in_force(creditor.pk) if each.key == found.key), None)


def _rivals(request: scope.Asked, champion: Scenario | None, creditor: Creditor) -> list[Scenario]:
    """The versions that may challenge: those of the same scenario first, the newest of them above."""
    if champion is None:
        return []
    rows = visible(request.user).exclude(pk=champion.pk).filter(Q(creditor=None) | Q(creditor=creditor))
    found = list(rows.order_by("key", "-version"))
    return sorted(found, key=lambda each: each.key != champion.key)[:OFFERED]


def _may(user: Any, creditor: Creditor) -> bool:
    return scope.sees_whole_of(user, creditor.pk, act="administer")


def _started(request: scope.Asked, found: Scenario, creditor: Creditor, creditors: list[Creditor]) -> HttpResponse:
    champion = _champion(found, creditor)
    rival = request.POST.get("challenger", "")
    try:
        if champion is None:
            raise verbs.UnableToExperiment(gettext("The champion is a version that is in force for the creditor."))
        chosen = scenario_or_404(request.user, int(rival)) if rival.isdecimal() and len(rival) < 18 else None
        name = request.POST.get("name", "").strip() or scenario_words.name(champion.data, champion.key)
        verbs.start(
            creditor=creditor, champion=champion, name=name, challenger=chosen, as_of=clock.today(), now=clock.now(),
            by=request.user, **_wished(request.POST, alone=chosen is None),
        )  # fmt: skip
    except UnableTo as error:
        return _page(request, found, creditor, creditors, wrong=gettext(str(error)))
    messages.success(
        request, _("The experiment has begun: customers without a case under way are drawn from the next run on.")
    )
    return redirect(f"{reverse('desk:experiment', args=[found.pk])}?creditor={creditor.pk}")


def _wished(post: QueryDict, *, alone: bool) -> dict[str, Any]:
    """Shares and last day as typed; without a challenger its share is none."""
    return {
        "challenger_share": 0.0 if alone else _share(post.get("challenger_share", "")),
        "holdout_share": _share(post.get("holdout_share", "")),
        "until": _day(post.get("until", "")),
    }


def _share(text: str) -> float:
    """A share typed in percent; what is no number is none either, and is refused as such."""
    plain = text.replace(",", ".").replace("%", "").strip() or "0"
    try:
        return round(float(plain) / SHARE, 6)
    except ValueError:
        return float("nan")


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise verbs.UnableToExperiment(gettext("This is not a day.")) from error


def _administered(request: scope.Asked, pk: int) -> Experiment:
    rows = Experiment.objects.filter(creditor__in=scope.whole_creditors(request.user, act="administer"))
    found: Experiment = get_object_or_404(rows.select_related("champion", "challenger", "creditor"), pk=pk)
    return found


@require_POST
@scope.inside
def change(request: scope.Asked, pk: int) -> HttpResponse:
    found = _administered(request, pk)
    try:
        wished = _wished(request.POST, alone=found.challenger is None)
        verbs.change(found, **wished, as_of=clock.today(), now=clock.now(), by=request.user)
    except UnableTo as error:
        messages.warning(request, gettext(str(error)))
    else:
        messages.success(request, _("Changed. Who has an arm keeps it; the new shares are for those who come."))
    return _back(found)


@require_POST
@scope.inside
def stop(request: scope.Asked, pk: int) -> HttpResponse:
    found = _administered(request, pk)
    try:
        won = verbs.stop(
            found, winner=request.POST.get("winner", ""), as_of=clock.today(), now=clock.now(), by=request.user
        )
    except UnableTo as error:
        messages.warning(request, gettext(str(error)))
        return _back(found)
    if won:
        messages.success(
            request,
            _(
                "Stopped: the challenger is in force as version %(n)s. Cases under way stay on theirs until you move them."
            )
            % {"n": won.version},
        )
        return redirect("desk:scenario", won.pk)
    messages.success(request, _("Stopped: nobody is left alone any more, and the champion goes on."))
    return _back(found)


def _back(found: Experiment) -> HttpResponse:
    return redirect(f"{reverse('desk:experiment', args=[found.champion_id])}?creditor={found.creditor_id}")
