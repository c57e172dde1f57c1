"""Amounts, days and shares as people write them in their language."""

from collections.abc import Iterable
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from babel import Locale
from babel.numbers import format_compact_currency
from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from amiable.core import language as written
from amiable.core import money as core_money

register = template.Library()
NARROW = "\N{NARROW NO-BREAK SPACE}"


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
    return _drawn(name, str(label))


@lru_cache(maxsize=1024)  # a list shows some hundred of them
def _drawn(name: str, label: str) -> SafeString:
    sprite = f"{static('vendor/icons.svg')}#{name}"
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, sprite)
    return format_html('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', sprite)


@register.simple_tag
def cells(told: Iterable[tuple[str, bool]]) -> SafeString:
    """The cells of a row behind its first, each with whether it is a number. A board has hundreds of them, for which the loop of
    a template takes ten times as long."""
    number = mark_safe('class="end num"')
    return format_html_join("", "<td {}>{}</td>", ((number if end else "", text) for text, end in told))


@cache  # of a language; a list asks for them with each of its rows
def _bands(_language: str) -> list[tuple[str, str, str]]:
    """The five bands of an ageing bar with their names and the columns of a profile."""
    return [
        ("not_due", _("Not yet due"), "not_due_minor"),
        ("d1", _("1–30 days"), "overdue_1_30_minor"),
        ("d31", _("31–60 days"), "overdue_31_60_minor"),
        ("d61", _("61–90 days"), "overdue_61_90_minor"),
        ("d90", _("over 90 days"), "overdue_over_90_minor"),
    ]


@register.simple_tag
def ageing(profile: Any) -> list[dict[str, Any]]:
    """The five bands of an ageing bar in percent of what is open, as positions of an SVG of width 100."""
    bands = [(key, label, getattr(profile, column)) for key, label, column in _bands(language())]
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
    which the loops of a template take ten times as long."""
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
