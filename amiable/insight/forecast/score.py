"""How good forecasts were: sums expected beside sums that came. Numbers in, numbers out; a dash (None) where nothing came."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Sum:
    """One sum that was expected (a week, or four), with the reference for it and what came, in minor units."""

    low: int
    middle: int
    high: int
    plain: int
    came: int


@dataclass(frozen=True, kw_only=True)
class Score:
    """Of so many sums: mean error, its share of what came, bias (above nothing: too much expected), how often the band held
    (0.8 is meant), pinball loss at both ends of the band; and of the reference."""

    sums: int
    error_minor: int | None = None
    error_share: float | None = None
    bias: float | None = None
    inside: float | None = None
    pinball_minor: int | None = None
    plain_error_minor: int | None = None
    plain_error_share: float | None = None
    plain_bias: float | None = None


def score(sums: Sequence[Sum]) -> Score:
    """The score of these sums, all of one currency."""
    if not sums:
        return Score(sums=0)
    low, middle, high, plain, came = (
        np.array([getattr(each, name) for each in sums], dtype=float)
        for name in ("low", "middle", "high", "plain", "came")
    )
    whole = float(came.sum())
    error, reference = np.abs(middle - came), np.abs(plain - came)
    return Score(
        sums=len(sums),
        error_minor=round(float(error.mean())),
        error_share=_share(float(error.sum()), whole),
        bias=_share(float((middle - came).sum()), whole),
        inside=float(((came >= low) & (came <= high)).mean()),
        pinball_minor=round(float((_pinball(came - low, 0.1) + _pinball(came - high, 0.9)).mean() / 2)),
        plain_error_minor=round(float(reference.mean())),
        plain_error_share=_share(float(reference.sum()), whole),
        plain_bias=_share(float((plain - came).sum()), whole),
    )


def _pinball(
    over: np.ndarray[tuple[int], np.dtype[np.float64]], level: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.maximum(level * over, (level - 1) * over)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
