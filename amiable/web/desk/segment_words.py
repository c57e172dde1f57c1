"""What people read of segments and facts: labels, sentences about mistakes, the bars of a distribution."""

from collections.abc import Mapping
from typing import Any

from babel.numbers import format_decimal
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.ledger.models import CustomerKind
from amiable.portfolio.distribute import Bar
from amiable.portfolio.facts import Fact
from amiable.web.desk import labels
from amiable.web.templatetags.amiable_ui import language, locale, share

UNITS = {
    "money": gettext_lazy("amount"),
    "days": gettext_lazy("days"),
    "count": gettext_lazy("number"),
    "share": gettext_lazy("share"),
    "text": gettext_lazy("text"),
    "yes": gettext_lazy("yes or no"),
}
POTENTIALS = {"low": gettext_lazy("low"), "medium": gettext_lazy("medium"), "high": gettext_lazy("high")}
ASSISTANCE = {"alone": gettext_lazy("by themselves"), "person": gettext_lazy("with a person")}
STATES = {"crisis": gettext_lazy("in crisis"), "strained": gettext_lazy("strained")}
# What the builder says; a text's signs have words of their own.
EDITOR = {
    "and": gettext_lazy("and"),
    "or": gettext_lazy("or"),
    "first": gettext_lazy("Add a row"),
    "value": gettext_lazy("Value"),
    "unnamed": gettext_lazy("New segment"),
    "everyone": gettext_lazy("everyone who is left"),
    "=": gettext_lazy("= exactly"),
    "<>": gettext_lazy("≠ not"),
    "<": gettext_lazy("< less than"),
    "<=": gettext_lazy("≤ at most"),
    ">": gettext_lazy("> more than"),
    ">=": gettext_lazy("≥ at least"),
    "known": gettext_lazy("is known"),
    "unknown": gettext_lazy("is not known"),
    "text =": gettext_lazy("is"),
    "text <>": gettext_lazy("is not"),
    "in": gettext_lazy("is one of"),
    "contains": gettext_lazy("contains"),
    "yes": gettext_lazy("yes"),
    "no": gettext_lazy("no"),
}
# Values of texts that are keys, as people say them.
VALUES: dict[str, Mapping[str, Any]] = {
    "kind": dict(CustomerKind.choices),
    "payment_method": labels.METHODS,
    "potential": POTENTIALS,
    "assistance": ASSISTANCE,
    "sector_state": STATES,
}


def label(segment: Mapping[str, Any]) -> str:
    """The name of a segment in the language of the page."""
    return str(segment["label"].get(language()) or segment["label"].get("en") or segment["key"])


def value(fact: Fact, text: str) -> str:
    return str(VALUES.get(fact.name, {}).get(text, text))


def number(fact: Fact, amount: float) -> str:
    if fact.unit == "share":
        return share(amount, 0)
    return format_decimal(round(amount, 2), locale=locale()).replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")


def bar(fact: Fact, each: Bar) -> str:
    """What a bar of a distribution is of."""
    if each.text is not None:
        if fact.unit == "yes":
            return _("yes") if each.text == "yes" else _("no")
        return value(fact, each.text)
    if fact.unit == "text":
        return _("all others")
    if each.low is None and each.high is None:
        return _("any")
    if each.low is None:
        return _("below %(number)s") % {"number": number(fact, each.high or 0.0)}
    if each.high is None:
        return _("%(number)s and more") % {"number": number(fact, each.low)}
    if each.low == each.high:
        return number(fact, each.low)
    return _("%(low)s to %(high)s") % {"low": number(fact, each.low), "high": number(fact, each.high)}
