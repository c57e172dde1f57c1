"""Numbers of figures in words of the reader's language: amounts, shares, days, and how one stands to the one before.

Nothing known is a dash, and never a nought.
"""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from amiable.core import language, money
from amiable.insight.board import Board, Cell, Tile
from amiable.insight.kpi import SUMS, Unit

DASH, SPACE, THIN = "–", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"
SMALL, WHOLE = 0.001, 10_000  # from so much on a tile leaves out the cents
LEAST = {Unit.PERCENT: 0.0005, Unit.RATE: 0.05, Unit.SCORE: 0.05}  # less than this is no change


@dataclass(frozen=True)
class Change:
    """`tone`: good, bad, or empty where neither."""

    text: str
    tone: str


def said(value: Cell, unit: Unit | None, currency: str) -> str:
    """A cell as a person reads it. A word stays a word."""
    if value is None or value == "":
        return DASH
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return language.day(value, "d MMM y", _language())
    if unit is Unit.PERCENT:
        # A share of less than a thousandth is small, and not nothing.
        pattern = "#,##0.00" if 0 < abs(value) < SMALL else "#,##0.0"
        return _decimal(value * 100, pattern) + (f"{SPACE}%" if _language() == "fr" else "%")
    if unit in {Unit.MONEY, Unit.PRICE}:
        return money.shown(round(value), currency, _language()).replace(THIN, SPACE)
    if unit in {Unit.RATE, Unit.SCORE}:
        return _decimal(value, "#,##0.0")
    if unit is Unit.DAYS:
        return ngettext("%(days)s day", "%(days)s days", round(value)) % {"days": _decimal(round(value), "#,##0")}
    return _decimal(value, "#,##0")


def value(tile: Tile, currency: str) -> str:
    """What a tile shows; where a sum cannot be told of what is there, it says so."""
    if tile.value is None and tile.unit in SUMS and tile.denominator:
        return _("not measurable")
    if tile.unit is Unit.MONEY and tile.value is not None and abs(money.major(round(tile.value), currency)) >= WHOLE:
        return money.rounded(round(tile.value), currency, _language()).replace(THIN, SPACE)
    return said(tile.value, tile.unit, currency)


def as_of(board: Board) -> str:
    """The day as of which a board is told, and that beside which its changes stand."""
    words = {
        "until": said(board.measured_on or board.asked.as_of, None, ""), "before": said(board.asked.before, None, ""),
    }  # fmt: skip
    if all(each.before is None for each in board.tiles):
        return _("As of %(until)s.") % words
    return _("As of %(until)s; the change is against %(before)s, the end of the period before.") % words


def short(value: Cell) -> str:
    """A word, or a day without its year, as it stands along an axis."""
    return language.day(value, "d MMM", _language()) if isinstance(value, date) else said(value, None, "")


def part(tile: Tile, currency: str) -> str:
    """What a share or a count is made of."""
    if tile.numerator is None or not tile.denominator or tile.unit not in {Unit.PERCENT, *SUMS}:
        return ""
    unit = Unit.COUNT if tile.counts or tile.unit is Unit.COUNT else Unit.MONEY
    words = {"part": said(tile.numerator, unit, currency), "whole": said(tile.denominator, unit, currency)}
    return _("%(part)s of %(whole)s") % words


def change(tile: Tile, currency: str) -> Change | None:
    """How a tile stands to the period before; None where one of the two is not known."""
    if tile.value is None or tile.before is None:
        return None
    difference = tile.value - tile.before
    if abs(difference) < LEAST.get(tile.unit, 0.5):
        return Change(_("unchanged"), "")
    if tile.unit is Unit.PERCENT:
        sign = "+" if difference > 0 else "\N{MINUS SIGN}"
        text = _("%(points)s points") % {"points": sign + _decimal(abs(difference) * 100, "#,##0.0")}
    else:
        text = ("+" if difference > 0 else "\N{MINUS SIGN}") + said(abs(difference), tile.unit, currency)
    if not tile.good:
        return Change(text, "")
    return Change(text, "good" if (difference > 0) == (tile.good > 0) else "bad")


def _decimal(value: float, pattern: str) -> str:
    """With the full space of columns of figures, and a minus sign that is as wide as a plus."""
    return language.number(value, f"{pattern};\N{MINUS SIGN}{pattern}", _language()).replace(THIN, SPACE)


def _language() -> str:
    return (get_language() or "fr")[:2]
