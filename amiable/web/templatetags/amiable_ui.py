"""Amounts, days and shares as people write them in their language."""

from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from typing import Any

from babel import Locale
from babel.numbers import format_compact_currency
from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy

from amiable.core import language as written
from amiable.core import money as core_money
from amiable.outreach import speak

register = template.Library()
NARROW = "\N{NARROW NO-BREAK SPACE}"
# Of an ageing bar: keys, names and columns of a profile. A list says few of the names, and each costs a look into the catalogue.
BANDS = (
    ("not_due", gettext_lazy("Not yet due"), "not_due_minor"),
    ("d1", gettext_lazy("1–30 days"), "overdue_1_30_minor"),
    ("d31", gettext_lazy("31–60 days"), "overdue_31_60_minor"),
    ("d61", gettext_lazy("61–90 days"), "overdue_61_90_minor"),
    ("d90", gettext_lazy("over 90 days"), "overdue_over_90_minor"),
)


def language() -> str:
    return (get_language() or "fr")[:2]


def locale() -> Locale:
    return written.locale(language())


@register.filter
def money(amount_minor: int | None, currency: str) -> str:
    """1 234,56 € — a dash where there is nothing to show."""
    if amount_minor is None:
        return "–"
    # The narrow space of French typography all but vanishes in columns of figures: the full one is read faster.
    return core_money.shown(int(amount_minor), currency, language()).replace(NARROW, "\N{NO-BREAK SPACE}")


@register.filter
def money_short(amount_minor: int | None, currency: str) -> str:
    """1,2 M€ for places where the cent does not matter."""
    if amount_minor is None:
        return "–"
    value = core_money.major(int(amount_minor), currency)
    return format_compact_currency(value, currency, locale=locale(), fraction_digits=1 if abs(value) >= 1000 else 0)


@register.filter
def dialled(number: str, country: str) -> str:
    """01 99 00 34 00: a number as it is dialled within the country."""
    return speak.phone(number, country)


@register.filter
def day(value: date | datetime | str | None, style: str = "medium") -> str:
    """12 mars 2026 (medium), 12/03/2026 (short), jeudi 12 mars 2026 (full)."""
    if value in (None, ""):
        return "–"
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
    if isinstance(value, datetime):
        value = timezone.localtime(value).date()
    assert value is not None
    return written.day(value, style, language())


@register.filter
def whole(value: int | float | None) -> str:
    if value is None:
        return "–"
    return written.number(int(value), "#,##0", language()).replace(NARROW, "\N{NO-BREAK SPACE}")


@register.filter
def share(value: float | None, digits: int = 1) -> str:
    """0.8234 → 82,3 %."""
    if value is None:
        return "–"
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    text = written.number(value * 100, pattern, language())
    return f"{text}\N{NO-BREAK SPACE}%" if language() == "fr" else f"{text}%"


@register.filter
def signed(value: float) -> str:
    """+3,2 or −3,2."""
    return written.number(value, "+#,##0.0;\N{MINUS SIGN}#,##0.0", language())


@register.filter
def get(mapping: dict[Any, Any], key: Any) -> Any:
    return mapping.get(key)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """A picture of the sprite; said aloud only where it has a label."""
    if label:
        picture = '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>'
        return format_html(picture, label, _address(name))
    return _drawn(name)


@cache  # a list shows some hundred of them
def _drawn(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', _address(name)
    )


def _address(name: str) -> str:
    return f"{static('vendor/icons.svg')}#{name}"


@register.simple_tag
def cells(told: Iterable[tuple[str, bool]]) -> SafeString:
    """The cells of a row behind its first, each with whether it is a number. A board has hundreds of them, for which the loop of
    a template takes several times as long."""
    number = mark_safe('class="end num"')
    return format_html_join("", "<td {}>{}</td>", ((number if end else "", text) for text, end in told))


@register.simple_tag
def ageing(profile: Any) -> list[dict[str, Any]]:
    """The five bands of an ageing bar in percent of what is open, as positions of an SVG of width 100."""
    bands = [(key, label, getattr(profile, column)) for key, label, column in BANDS]
    total = sum(amount for _key, _label, amount in bands) or 1
    shown, at = [], 0.0
    for key, label, amount in bands:
        width = 100 * amount / total
        shown.append(
            {
                "key": key,
                "label": label,
                "minor": amount,
                "x": f"{at:.3f}",
                "width": f"{width:.3f}",
                "share": amount / total,
            }
        )
        at += width
    return shown


@register.simple_tag
def ageing_bar(bands: list[dict[str, Any]], currency: str) -> SafeString:
    """The bands that hold something as one picture, which says aloud what it shows. A list draws one for each of its rows, for
    which the loops of a template take several times as long."""
    held = [band for band in bands if band["minor"]]
    said = "".join(f"{band['label']}: {money(band['minor'], currency)}. " for band in held)
    drawn = format_html_join(
        "", '<rect class="age-{}" x="{}" width="{}" height="4"></rect>',
        ((band["key"], band["x"], band["width"]) for band in held),
    )  # fmt: skip
    picture = '<svg viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    return format_html(picture, said, drawn)


@register.filter
def moment(value: datetime | None) -> str:
    """12 mars, 14:05 — for lists where the month and year stand beside."""
    if value is None:
        return "–"
    local = timezone.localtime(value)
    return f"{written.day(local.date(), 'd MMM', language())}, {local:%H:%M}"
