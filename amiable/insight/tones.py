"""The colours of a board where no page chooses light or dark: on paper and in workbooks, as static/ui/tokens.css has them."""

from collections.abc import Sequence

from amiable.insight.board import Column

TONES = {
    "not_due": "#a9cfc4", "1_30": "#f0c765", "31_60": "#e69d4e", "61_90": "#cf6442", "over_90": "#97291f", "accent": "#0b6b5d",
    "good": "#1d6b34", "warn": "#7d5200", "bad": "#9b2f25", "info": "#22568f", "held": "#58448f", "plain": "#8b9690",
}  # fmt: skip


def colours(columns: Sequence[Column]) -> list[str]:
    """A colour for each column that is drawn; one that names no tone has the accent, as on the screen."""
    return [TONES.get(each.tone, TONES["accent"]) for each in columns]
