"""One page for who directs the house: what came, what is late, what it cost, and whether customers stay."""

from django.utils.translation import gettext_lazy as _

from amiable.insight.board import Asked, Content, board

TILES = (
    "recovery_rate", "received_30d", "amount_overdue", "dso", "cost_per_euro", "customers_kept_3m", "turnover_kept_3m", "csat",
)  # fmt: skip


@board(
    "direction", title=_("Direction"), lead=_("What it brought, what it cost, and whether customers stay."),
    icon="chart-bar", place=1, keys=TILES,
)  # fmt: skip
def direction(asked: Asked) -> Content:
    return Content(tiles=[asked.tile(key) for key in TILES])
