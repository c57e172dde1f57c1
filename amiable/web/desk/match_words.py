"""Why a payment may be for certain invoices, in sentences."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from amiable.web.templatetags.amiable_ui import money

_SAID = {
    "reference": gettext_lazy("names %(reference)s"),
    "damaged": gettext_lazy("names %(reference)s with a slip"),
    "tail": gettext_lazy("names a part of %(reference)s"),
    "amount": gettext_lazy("exact amount"),
    "told": gettext_lazy("the same payment, told before"),
    "iban": gettext_lazy("account known"),
    "known_name": gettext_lazy("payer known"),
    "name": gettext_lazy("name alike (%(percent)s %%)"),
    "number": gettext_lazy("customer number %(number)s"),
    "rf": gettext_lazy("payment reference %(reference)s"),
    "mandate": gettext_lazy("mandate %(reference)s"),
    "credit_note": gettext_lazy("credit note %(reference)s taken off"),
    "person": gettext_lazy("a colleague's word"),
    "bank": gettext_lazy("the bank says so"),
    "own_account": gettext_lazy("from an account of our own"),
    "provider": gettext_lazy("payer is a payment provider"),
}
_AMOUNTS = {
    "rest": gettext_lazy("%(amount)s more than is open"),
    "part": gettext_lazy("part payment, %(amount)s stays open"),
    "short": gettext_lazy("%(amount)s short, within what may be kept back"),
    "fees": gettext_lazy("bank fees of %(amount)s"),
    "discount": gettext_lazy("cash discount of %(amount)s"),
}
GOOD = {
    "reference",
    "amount",
    "sum",
    "rf",
    "mandate",
    "iban",
    "told",
    "together",
    "discount",
    "fees",
    "payments",
    "bank",
}
WARN = {"rest", "part", "damaged"}


def said(reasons: Iterable[tuple[str, Mapping[str, Any]]], currency: str) -> list[dict[str, str]]:
    """Each reason once, with how much it speaks for the proposal."""
    told: dict[str, dict[str, str]] = {}
    for code, values in reasons:
        words = _sentence(code, values, currency)
        tone = "good" if code in GOOD else "warn" if code in WARN else ""
        told.setdefault(words, {"words": words, "tone": tone})
    return list(told.values())


def _sentence(code: str, values: Mapping[str, Any], currency: str) -> str:
    if code in _AMOUNTS:
        return str(_AMOUNTS[code]) % {"amount": money(values["amount_minor"], currency)}
    if code == "sum":
        n = values["count"]
        return ngettext("%(n)d item adds up", "%(n)d items add up", n) % {"n": n}
    if code == "together":
        return _("with %(n)d other payments it adds up") % {"n": values["count"] - 1}
    if code == "payments":
        fees = money(values["fees_minor"], currency)
        n = values["count"]
        return ngettext("sum of %(n)d payment, fees %(fees)s", "sum of %(n)d payments, fees %(fees)s", n) % {
            "n": n, "fees": fees,
        }  # fmt: skip
    return str(_SAID[code]) % dict(values)
