"""What a creditor asks of those who pay late: chosen here, with what each choice means and what it would come to; and, for one
customer, what has run, how it was reckoned, and who was let off.
"""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import F, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from amiable.law.late import Late, half_of, late, series_name
from amiable.ledger import choose
from amiable.ledger.charges import charges, example
from amiable.ledger.gather import SETTLED_DAYS
from amiable.ledger.models import Creditor, Customer, CustomerKind, Invoice
from amiable.web.desk import scope
from amiable.web.desk.forms import Day
from amiable.web.ui import clock

SHOWN = 5  # invoices of the example
MODES: tuple[tuple[str, Promise], ...] = (
    (choose.WAIVE, gettext_lazy("Waive it")),
    (choose.SHOW, gettext_lazy("Show it only")),
    (choose.CLAIM, gettext_lazy("Claim it")),
)
WHY: dict[str, Promise] = {
    "unknown": gettext_lazy("no rate is known for this half-year"),
    "contract_only": gettext_lazy("the law gives no rate here"),
    "other_currency": gettext_lazy("the law gives a rate in its own currency only"),
    "not_allowed": gettext_lazy("a contract may not set this rate"),
    "contract": gettext_lazy("the rate of the contract"),
}
HOW: dict[str, Promise] = {
    "claim": gettext_lazy("claimed"),
    "show": gettext_lazy("shown only"),
    "waive": gettext_lazy("not asked for"),
    "waived": gettext_lazy("waived"),
    "stopped": gettext_lazy("stopped by a dispute or by law"),
    "no_rate": gettext_lazy("no rate"),
}


class ChoiceForm(forms.Form):
    """One dated choice; for each sort of customers only what the law leaves open is asked."""

    since = forms.DateField(
        label=gettext_lazy("Counts from"),
        widget=Day(),
        help_text=gettext_lazy(
            "Only the first choice may begin in the past. Invoices that were late before get no indemnity."
        ),
    )
    charges_first = forms.ChoiceField(
        label=gettext_lazy("A part payment goes"),
        choices=[
            ("", gettext_lazy("to the invoice first")),
            ("1", gettext_lazy("to interest and costs first")),
        ],
        required=False,
        help_text=gettext_lazy(
            "The second is the law’s own order. It decides on what interest goes on running, never on interest."
        ),
    )
    grace_days = forms.IntegerField(
        label=gettext_lazy("Days of grace"),
        min_value=0,
        max_value=90,
        initial=0,
        help_text=gettext_lazy("Who pays so many days late, or fewer, pays nothing more."),
    )
    wait_days = forms.IntegerField(
        label=gettext_lazy("Days to wait for the bank"),
        min_value=0,
        max_value=60,
        initial=choose.WAIT_DAYS,
        help_text=gettext_lazy(
            "A month is posted so many days after its end: the bank tells of payments with a delay."
        ),
    )

    def __init__(self, *args: Any, laws: dict[str, Late], **more: Any) -> None:
        super().__init__(*args, **more)
        self.laws = laws
        for audience, law in laws.items():
            parts = {
                "interest": law.by_law or law.by_contract, "indemnity": law.indemnity, "fees": law.fees,
            }  # fmt: skip
            for part, allowed in parts.items():
                if allowed:
                    self.fields[f"{audience}_{part}"] = forms.ChoiceField(
                        label=LABELS[part], choices=MODES if part != "fees" else FEES
                    )
            if law.by_contract:
                self.fields[f"{audience}_percent"] = forms.CharField(
                    label=_("Rate of your contract, per cent a year"), required=False, max_length=8,
                    widget=forms.TextInput(attrs={"inputmode": "decimal"}),
                    help_text=_limits(law),
                )  # fmt: skip
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"

    def rule(self) -> choose.Rule:
        said = self.cleaned_data
        return choose.Rule(
            since=said["since"],
            choices={
                audience: choose.Choice(
                    **{part: said.get(f"{audience}_{part}") or choose.WAIVE for part in choose.PARTS},
                    percent=(said.get(f"{audience}_percent") or "").strip(),
                )
                for audience in self.laws
            },
            charges_first=bool(said["charges_first"]),
            grace_days=said["grace_days"],
            wait_days=said["wait_days"],
        )

    @property
    def groups(self) -> list[tuple[str, Late, list[Any]]]:
        """The fields of each sort of customers, with its law."""
        return [
            (
                str(CustomerKind(audience).label),
                law,
                [self[name] for name in self.fields if name.startswith(f"{audience}_")],
            )
            for audience, law in self.laws.items()
        ]

    @property
    def common(self) -> list[Any]:
        return [self[name] for name in ("since", "charges_first", "grace_days", "wait_days")]


LABELS = {
    "interest": gettext_lazy("Late interest"),
    "indemnity": gettext_lazy("Fixed indemnity"),
    "fees": gettext_lazy("Costs, on proof"),
}
FEES = (
    (choose.WAIVE, gettext_lazy("Waive it")),
    (choose.CLAIM, gettext_lazy("Claim it")),
)


@require_http_methods(["GET", "POST"])
@scope.inside
def late_payment(request: scope.Asked) -> HttpResponse:
    """The choices of one creditor: kept, or only tried out."""
    creditors = list(scope.whole_creditors(request.user, act="administer"))
    asked = (request.POST if request.method == "POST" else request.GET).get("creditor", "")
    chosen = next((each for each in creditors if str(each.pk) == asked), creditors[0] if creditors else None)
    if chosen is None:
        return render(request, "desk/late_payment.html", {"creditor": None})
    today = clock.today()
    laws = {audience.value: late(chosen.country, audience, today) for audience in choose.AUDIENCES}
    rule = choose.rule_on(chosen.policy, date.max) if choose.rules(chosen.policy) else choose.Rule(today)
    form = ChoiceForm(
        request.POST or None, laws={key: law for key, law in laws.items() if law.said}, initial=_first(rule, today)
    )
    if request.method == "POST" and form.is_valid():
        rule = form.rule()
        try:
            for audience, choice in rule.choices.items():
                choose.refuse(choice, laws[audience])
            if request.POST.get("act") == "keep":
                choose.choose(creditor=chosen, rule=rule, as_of=today, now=clock.now(), by=request.user)
                messages.success(
                    request, _("The choice is kept. It counts from %(day)s.") % {"day": f"{rule.since:%d/%m/%Y}"}
                )
                return redirect(f"{request.path}?creditor={chosen.pk}")
        except choose.UnableToChoose as error:
            form.add_error(None, str(error))
    content = {
        "creditor": chosen, "creditors": creditors, "form": form, "known": _known(chosen), "today": today,
        "example": _example(chosen, rule, today), "rates": [_rate(law, today) for law in laws.values() if law.by_law],
        "silent": [str(CustomerKind(key).label) for key, law in laws.items() if not law.said],
    }  # fmt: skip
    return render(request, "desk/late_payment.html", content)


@require_GET
@scope.inside
def of_customer(request: scope.Asked, pk: int) -> HttpResponse:
    """What has run on a customer's invoices: in brief for the page of the customer, or with every piece."""
    found = scope.customer_or_404(request.user, pk)
    today = clock.today()
    rows = run(found, today)
    brief = request.headers.get("HX-Request") == "true"
    content = {
        "customer": found, "rows": rows, "totals": _totals(rows), "rights": scope.rights(request.user, found),
        "waivers": found.waivers.select_related("by", "invoice").order_by("-created_at"), "today": today,
        "brief": brief, "fee": choose.claims_costs(found, as_of=today),
        "choice": choose.rule_on(found.creditor.policy, today).of(found.kind),
    }  # fmt: skip
    return render(request, "desk/_charges.html" if brief else "desk/charges.html", content)


def run(found: Customer, today: date) -> list[tuple[Invoice, Any, list[dict[str, Any]]]]:
    """The customer's late invoices on which something has run, each with how it was reckoned."""
    lately = Q(settled_on__gte=today - timedelta(days=SETTLED_DAYS), settled_on__gt=F("due_on"))
    about = found.invoices.filter(Q(open_minor__gt=0) | Q(charged_minor__gt=0) | lately, due_on__lt=today)
    invoices = {row.pk: row for row in about.order_by("due_on", "pk")}
    told = charges(creditor=found.creditor, invoices=invoices, as_of=today)
    return [(invoices[key], told[key], _pieces(told[key])) for key in invoices if key in told and _says(told[key])]


def _says(told: Any) -> bool:
    return bool(
        told.posted
        or told.running_minor
        or told.shown
        or told.waived_minor
        or any(p.mode != "waive" for p in told.pieces)
    )


def _pieces(told: Any) -> list[dict[str, Any]]:
    return [
        {
            "piece": each, "how": HOW[each.mode], "why": WHY.get(each.why, each.why),
            "source": series_name(each.source) if each.why == "unknown" else each.source,
            "percent": float(each.percent), "minor": int(each.exact_minor + Fraction(1, 2)),
        }
        for each in told.pieces
    ]  # fmt: skip


def _totals(rows: list[tuple[Invoice, Any, Any]]) -> list[dict[str, Any]]:
    """What is claimed, running, shown and waived, one row per currency."""
    found: dict[str, dict[str, Any]] = {}
    for invoice, told, _told_pieces in rows:
        sums = found.setdefault(
            invoice.currency,
            dict.fromkeys(("claimed", "open", "running", "shown", "waived"), 0) | {"currency": invoice.currency},
        )
        sums["claimed"] += invoice.charged_minor
        sums["open"] += min(invoice.open_minor, invoice.charged_minor)
        sums["running"] += told.running_minor
        sums["shown"] += told.shown_minor
        sums["waived"] += told.waived_minor
    return list(found.values())


def _first(rule: choose.Rule, today: date) -> dict[str, Any]:
    first: dict[str, Any] = {
        "since": max(rule.since, today), "charges_first": "1" if rule.charges_first else "", "grace_days": rule.grace_days,
        "wait_days": rule.wait_days,
    }  # fmt: skip
    for audience in choose.AUDIENCES:
        choice = rule.of(audience)
        first |= {f"{audience.value}_{part}": getattr(choice, part) for part in choose.PARTS}
        first[f"{audience.value}_percent"] = choice.percent
    return first


def _known(creditor: Creditor) -> list[dict[str, Any]]:
    """The choices so far, the newest first, each with who made it."""
    return [
        {**row, "day": date.fromisoformat(row["since"]), "said": _said(row)}
        for row in sorted(creditor.policy.get(choose.POLICY, ()), key=lambda row: row["since"], reverse=True)
    ]


def _said(row: dict[str, Any]) -> list[tuple[str, list[tuple[Any, Any, str]]]]:
    names = {choose.CLAIM: _("claimed"), choose.SHOW: _("shown"), choose.WAIVE: _("waived")}
    return [
        (
            str(CustomerKind(audience).label),
            [(LABELS[part], names.get(row[audience][part], ""), row[audience][part]) for part in choose.PARTS],
        )
        for audience in choose.AUDIENCES
        if audience in row
    ]


def _example(creditor: Creditor, rule: choose.Rule, today: date) -> dict[str, Any]:
    found = example(creditor=creditor, rule=rule, as_of=today)
    asked = {key: {**each.due, **each.shown} for key, each in found.invoices.items()}
    some = sorted((key for key in asked if any(asked[key].values())), key=lambda key: -asked[key].get("interest", 0))[
        :SHOWN
    ]
    rows = {row.pk: row for row in Invoice.objects.filter(pk__in=some).select_related("customer")}
    lines = [
        (rows[key], (today - rows[key].due_on).days, asked[key].get("interest", 0), asked[key].get("indemnity", 0))
        for key in some
    ]
    sums = [
        (currency, found.interest_minor[currency], found.indemnity_minor[currency])
        for currency in sorted(found.interest_minor)
    ]
    return {"lines": lines, "count": found.count, "sums": [each for each in sums if each[1] or each[2]]}


def _rate(law: Late, today: date) -> dict[str, Any]:
    rate = law.rate(contract=None, currency=law.currency, half=half_of(today))
    return {
        "who": str(CustomerKind(law.audience).label), "law": law, "why": rate.why, "source": rate.source,
        "percent": None if rate.millionths is None else rate.millionths / 10_000,
    }  # fmt: skip


def _limits(law: Late) -> str:
    bounds = law.value["contract"]
    if "at_least" in bounds:
        told = _("Empty: the law’s rate. Below %(times)s times the legal interest rate, that floor counts.")
        return str(told % bounds["at_least"])
    if "at_most" in bounds:
        return str(_("Only what your contract says, and never more than the legal interest rate."))
    return str(_("Empty: the law’s rate, where it gives one."))
