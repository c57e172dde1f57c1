"""Two scenarios side by side before anyone activates one: what they would bring, cost and annoy in the days to come.

Only of creditors that the user sees as a whole. A page follows a sample where there are many customers. Writes nothing.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from babel.numbers import format_decimal
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from amiable.core import money
from amiable.core.conditions import UnableToRead
from amiable.core.errors import AmiableError
from amiable.law.rails import SENTENCES
from amiable.ledger.models import Creditor, Medium
from amiable.scenario import shelf
from amiable.scenario.check import sentence
from amiable.scenario.contend import NOBODY, contender
from amiable.scenario.models import Scenario, ScenarioState
from amiable.scenario.simulate import project
from amiable.web.desk import scope
from amiable.web.templatetags.amiable_ui import day as day_shown
from amiable.web.templatetags.amiable_ui import locale, whole
from amiable.web.templatetags.amiable_ui import money as money_shown
from amiable.web.ui import clock

WINDOWS = (30, 60, 90)
MOST = 1_500  # customers whom a page follows; the command line follows all
SEED = 1


@dataclass(frozen=True)
class Line:
    """One line of the comparison: what, the first scenario, the second, and nobody contacted."""

    label: str
    first: str
    second: str
    alone: str
    hint: str = ""


@require_GET
@scope.inside
def simulate(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.whole_creditors(request.user))
    asked = request.GET.get("creditor", "")
    chosen = next((each for each in creditors if str(each.pk) == asked), creditors[0] if creditors else None)
    if chosen is None:
        return render(request, "desk/simulate.html", {"creditors": []})
    choices = offered(chosen)
    known = {key for key, _label in choices}
    first = request.GET.get("scenario", "")
    first = first if first in known else choices[0][0]
    second = request.GET.get("against", "")
    second = second if second in known else NOBODY
    days = int(request.GET["days"]) if request.GET.get("days", "") in map(str, WINDOWS) else 60
    names = dict(choices)
    content: dict[str, Any] = {
        "creditors": creditors, "creditor": chosen, "choices": choices, "scenario": first, "against": second, "days": days,
        "windows": WINDOWS, "names": (names[first], names[second]),
    }  # fmt: skip
    if "scenario" in request.GET:
        try:
            found = project(
                scenario=contender(name=first, creditor=chosen), against=contender(name=second, creditor=chosen),
                creditor=chosen, as_of=clock.today(), days=days, seed=SEED, most=MOST,
            )  # fmt: skip
        except AmiableError as error:
            content["wrong"] = sentence(error) if isinstance(error, UnableToRead) else str(error)
        else:
            content["found"] = _told(found, names[first], names[second])
    return render(request, "desk/simulate.html", content)


def offered(creditor: Creditor) -> list[tuple[str, str]]:
    """What may be tried: each scenario in force, all of them together, the drafts, and nobody."""
    language = (get_language() or "fr")[:2]
    rows = {each.key: each.data for each in shelf.in_force(creditor.pk)}
    current = {str(data["key"]): data for data in shelf.shipped()} | rows
    choices = [(key, _label(data, key, language)) for key, data in sorted(current.items())]
    if len(current) > 1:
        choices.insert(0, (",".join(sorted(current)), _("All in force")))
    drafts = Scenario.objects.filter(Q(creditor=creditor) | Q(creditor=None), state=ScenarioState.DRAFT)
    for each in drafts.order_by("creditor_id", "key", "-version"):
        words = {"name": _label(each.data, each.key, language), "version": each.version}
        whose = "" if each.creditor_id else "house:"
        choices.append((f"{whose}{each.key}@{each.version}", _("%(name)s, draft %(version)s") % words))
    return [*choices, (NOBODY, _("Nobody is contacted"))]


def _label(data: Any, key: str, language: str) -> str:
    told = data.get("label") or {}
    return str(told.get(language) or told.get("en") or key)


def _told(found: dict[str, Any], first: str, second: str) -> dict[str, Any]:
    """The figures as the page shows them: the middle strength in full, the others by their difference."""
    middle = min(found["sweep"], key=lambda step: abs(step["effect"] - 1))
    ranking = found["ranking"]
    return {
        "customers": found["customers"], "of_customers": found["of_customers"], "open": found["open_minor"],
        "currency": found["currency"], "verdict": gettext(str(ranking["sentence"])), "holds": ranking["holds"],
        "lines": _lines(middle, found["alone"], found["currency"]), "strengths": _strengths(found, first, second),
        "curve": _curve(found, middle, first, second), "rails": _rails(middle), "beside": found["against"] != NOBODY,
    }  # fmt: skip


def _lines(step: dict[str, Any], alone: dict[str, Any], currency: str) -> list[Line]:
    sides = (step["scenario"], step["against"], alone)

    def line(label: str, tell: Any, hint: str = "") -> Line:
        first, second, nobody = (tell(side) for side in sides)
        return Line(label, first, second, nobody, hint)

    def amount(name: str) -> Any:
        return lambda side: money_shown(side.get(name), currency) if side.get(name) is not None else "–"

    def per(name: str) -> Any:
        # The cost of one unit of money, in hundredths: cents per euro.
        return lambda side: "–" if not side.get(name) else f"{_decimal(side[name] * 100, 2)}"

    media = {key for side in sides for key in side["by_channel"]}
    return [
        line(_("Cash received"), amount("cash_minor")),
        line(_("of which brought by contacts"), amount("brought_minor"), _("Beyond what comes in by itself.")),
        line(
            _("Days until the money is there"), lambda side: _decimal(side["days_to_pay"], 1),
            _("Mean by amount, from today; what is still open counts with the whole period."),
        ),
        line(_("Contacts"), lambda side: whole(side["contacts"])),
        *(line(f"– {Medium(key).label}", lambda side, key=key: whole(side["by_channel"].get(key, 0))) for key in sorted(media)),
        line(_("Cost of contacts"), amount("cost_minor")),
        line(_("Cost per 100 received"), per("cost_per_unit")),
        line(_("Cost per 100 brought"), per("cost_per_brought")),
        line(_("Promises"), lambda side: whole(side["promises"])),
        line(_("Opt-outs"), lambda side: whole(side["opt_outs"])),
    ]  # fmt: skip


def _decimal(value: float | None, digits: int) -> str:
    return "–" if value is None else format_decimal(value, format="#,##0." + "0" * digits, locale=locale())


def _strengths(found: dict[str, Any], first: str, second: str) -> list[dict[str, Any]]:
    """The difference at each strength of contacts, and who is ahead."""
    ahead = {"scenario": first, "against": second, "close": _("too close to call")}
    return [
        {
            "effect": f"× {_decimal(step['effect'], 1)}",
            "difference": money_shown(step["difference_minor"], found["currency"]),
            "margin": money_shown(step["margin_minor"], found["currency"]),
            "better": ahead[step["better"]],
            "close": step["better"] == "close",
        }
        for step in found["sweep"]
    ]


def _curve(found: dict[str, Any], middle: dict[str, Any], first: str, second: str) -> dict[str, Any]:
    """Cash received, added up by day: for the chart, and weekly for the table."""
    start: date = found["as_of"]
    sums = []
    sides = [middle["scenario"], middle["against"], found["alone"]]
    names = [_("%(name)s (first)") % {"name": first}, _("%(name)s (second)") % {"name": second}, _("By itself")]
    if found["against"] == NOBODY:
        del sides[1], names[1]  # nobody's world is what comes in by itself
    tones = ("accent", "61_90", "not_due") if len(sides) == 3 else ("accent", "not_due")
    for side in sides:
        total, line = 0, []
        for minor in side["cash_by_day"]:
            total += minor
            line.append(total)
        sums.append(line)
    days = [start + timedelta(days=n + 1) for n in range(found["days"])]
    currency = found["currency"]
    return {
        "heads": names,
        "rows": [
            (days[n], [money_shown(line[n], currency) for line in sums])
            for n in range(len(days))
            if n % 7 == 6 or n == len(days) - 1
        ],
        "chart": {
            "kind": "lines",
            "unit": currency,
            "names": [day_shown(when, "d MMM") for when in days],
            "series": [
                {
                    "name": name, "tone": tone, "dashed": tone == "not_due",
                    "values": [float(money.major(minor, currency)) for minor in line],
                }
                for name, tone, line in zip(names, tones, sums, strict=True)
            ],
        },
    }  # fmt: skip


def _rails(step: dict[str, Any]) -> list[tuple[str, str, str]]:
    """How often each rail said no to a step, in both worlds."""
    first, second = step["scenario"]["rails"], step["against"]["rails"]
    names = sorted(set(first) | set(second), key=lambda name: -(first.get(name, 0) + second.get(name, 0)))
    return [(gettext(SENTENCES[name]), whole(first.get(name, 0)), whole(second.get(name, 0))) for name in names]
