"""A board that knows every kind of picture, cell and trouble, made by hand: what goes out of it is looked at in the tests."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from amiable.insight.board import Alarm, Asked, Board, Column, Drawn, Line, Section, Tile
from amiable.insight.kpi import COUNT, DAYS, MONEY, PERCENT, SCORE
from amiable.ledger.models import Creditor

DAY = date(2026, 5, 31)
FORMULA = '=HYPERLINK("http://evil.example","Click")'


def _weeks(*values: Any) -> list[Line]:
    return [Line(cells=(DAY + timedelta(days=7 * n), *cells)) for n, cells in enumerate(values)]


def full(creditor: Creditor, currency: str = "EUR", **changed: Any) -> Board:
    """Every kind of tile and section; customers whose names are formulas."""
    tiles = [
        Tile(key="a", label="Recovery rate", unit=PERCENT, value=0.425, before=0.4, good=1, numerator=4_250, denominator=10_000),
        Tile(key="b", label="Overdue", unit=MONEY, value=1_234_567.0, before=1_534_567.0, good=-1, formula="What is late."),
        Tile(key="c", label="DSO", unit=DAYS, value=55.4, before=None),
        Tile(key="d", label="Satisfaction", unit=SCORE, value=None, before=4.2),
        Tile(key="e", label="Contacts", unit=COUNT, value=12.0, before=12.0),
    ]  # fmt: skip
    drawn = {"unit": MONEY, "drawn": True}
    sections = [
        Section(
            key="lines", title="Received: by [week] / day", drawn=Drawn.LINES, empty="None.", says=["A first sentence."],
            columns=[Column(label="Week"), Column(label="Received", **drawn),
                     Column(label="Expected", dashed=True, tone="plain", **drawn)],
            lines=_weeks((100_000, 90_000), (250_050, 200_000), (None, 210_000), (180_000, 150_000), (-20_000, 0)),
        ),
        Section(
            key="band", title="Forecast", drawn=Drawn.BAND, empty="None.", wide=True,
            columns=[Column(label="Week"), *(Column(label=each, **drawn) for each in ("Low", "Middle", "High", "Came"))],
            lines=_weeks((10_000, 20_000, 40_000, 25_000), (15_000, 30_000, 60_000, None), (5_000, 25_000, 70_000, None)),
        ),
        Section(
            key="stack", title="Ageing by segment with a very long title", drawn=Drawn.STACK, empty="None.",
            columns=[Column(label="Customer"),
                     *(Column(label=each, tone=each, **drawn) for each in ("not_due", "1_30", "over_90")),
                     Column(label="Customers", unit=COUNT)],
            lines=[Line(cells=(FORMULA, 40_000, 30_000, 5_000, 3)), Line(cells=("@SUM(1)", 10_000, None, 90_000, 1)),
                   Line(cells=("Total", 50_000, 30_000, 95_000, 4), total=True)],
        ),
        Section(
            key="funnel", title="Ageing by segment with a very long title, again", drawn=Drawn.FUNNEL, empty="None.",
            columns=[Column(label="Stage"), Column(label="Invoices", unit=COUNT, drawn=True),
                     Column(label="Share", unit=PERCENT)],
            lines=[Line(cells=("Due", 200, 1.0)), Line(cells=("Reminded", 150, 0.75)), Line(cells=("Paid", 20, 0.1))],
        ),
        Section(
            key="bars", title="By channel", drawn=Drawn.BARS, empty="None.",
            columns=[Column(label="Channel"), Column(label="Rate", unit=PERCENT, drawn=True, tone="info")],
            lines=[Line(cells=("E-mail", 0.32)), Line(cells=("SMS", 0.2)), Line(cells=("Call", None))],
        ),
        Section(key="none", title="Nothing here", drawn=Drawn.BARS, empty="Nobody was called.",
                columns=[Column(label="Who"), Column(label="Calls", unit=COUNT, drawn=True)], lines=[]),
        Section(key="words", title="Largest customers", empty="None.", columns=[Column(label="Name"), Column(label="Since"),
                Column(label="Late", unit=DAYS), Column(label="Overdue", unit=MONEY)],
                lines=[Line(cells=("-2+3", DAY, 12, 99_900)), Line(cells=("Étienne & fils", None, None, None))]),
    ]  # fmt: skip
    told = Board(
        key="direction", title="Direction", lead="What it brought.",
        asked=Asked(creditor=creditor, currency=currency, as_of=DAY, days=30), tiles=tiles, sections=sections,
        alarms=[Alarm(text="Input errors have doubled.")], measured_on=DAY,
    )  # fmt: skip
    return replace(told, **changed)
