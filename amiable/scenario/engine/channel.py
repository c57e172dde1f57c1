"""By which channel a step goes out: the first of its list that reaches the customer, or the best one for them.

In: contacts with their steps' settings and what is known of the customer's channels. Out: the column `channel`.
Here alone stands which channels a step can have; a test holds it to what the carriers of the house can carry.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from amiable.law import rails

BEST = "best"
USUAL = ("email", "sms", "call")  # among which the best one is looked for
# A letter costs seventy times an e-mail and needs hands, a machine on the telephone is not everybody's manner: only a
# step that names them goes by them, and only where the creditor has somebody, or something, that carries them.
NAMED = ("letter", "ivr")
CHANNELS = (*USUAL, *NAMED)
SPOKEN = ("call",)  # channels on which a person speaks: a task, never a message
# The fact that tells how a customer answers to a channel: calls have their own, writing of any kind shares one.
REACTIONS: Mapping[str, str] = dict.fromkeys(rails.CALLS, "call_reaction")
WRITTEN = "reminder_reaction"
_UNLISTED, _UNUSABLE, _MOST_LIKED = 10_000, 100, 3


def places(channel: str, fallback: Sequence[str], channels: Sequence[str]) -> dict[str, int | None]:
    """For the steps' table: each channel's place in the list of a step; null where it is not on it."""
    listed = [*([] if channel == BEST else [channel]), *fallback]
    return {f"place_{name}": listed.index(name) + 1 if name in listed else None for name in channels}


def placed(steps: pl.DataFrame) -> list[str]:
    """The channels by which any of these steps may go out: the others need not be asked about."""
    return [name for name in CHANNELS if f"place_{name}" in steps.columns]


def choose(contacts: pl.DataFrame, channels: Sequence[str]) -> pl.DataFrame:
    """The contacts with `channel` as it is to be: of a step's list, the first that has an address and no opt-out and
    that something carries (carried_<channel>, where it is told); where none has, the first of all, so that the rail can say so.

    `best` comes first in its list: the one that the contact prefers, else the one whose reminders were best followed by
    a payment, else the first; one of NAMED only where it is a fallback of the step. Without a fallback every other
    usual channel follows it, in the same order.
    """
    if not contacts.height or not (contacts["choice"]).any():
        return contacts
    listed = [pl.col(f"place_{name}").cast(pl.Float64) for name in channels]
    if (contacts["channel"] == BEST).any():
        listed = _with_best(listed, channels)
    costs = [
        place.fill_null(_UNLISTED)
        + pl.when(pl.col(f"has_{name}") & ~pl.col(f"out_{name}") & carried(contacts, name)).then(0).otherwise(_UNUSABLE)
        for name, place in zip(channels, listed, strict=True)
    ]
    named = dict(enumerate(channels))
    first = pl.concat_list(costs).list.arg_min().replace_strict(named, return_dtype=pl.String)
    return contacts.with_columns(pl.when("choice").then(first).otherwise("channel").alias("channel"))


def carried(contacts: pl.DataFrame, name: str) -> pl.Expr:
    """Whether something carries the channel for the customer's creditor; where it is not told, it is taken to be so."""
    return pl.col(f"carried_{name}") if f"carried_{name}" in contacts.columns else pl.lit(True)


def _with_best(listed: Sequence[pl.Expr], channels: Sequence[str]) -> list[pl.Expr]:
    """The places with the best channel before them; where a step names no other, with the usual ones in that order."""
    best = pl.col("channel") == BEST
    liking = [_liking(name, place, len(channels)) for place, name in enumerate(channels)]
    head = pl.max_horizontal(liking)
    return [
        pl.when(best & ~pl.col("falls_back"))
        .then((_MOST_LIKED - like).fill_null(_UNLISTED))
        .when(best & (like == head))
        .then(0.0)
        .otherwise(place)
        for place, like in zip(listed, liking, strict=True)
    ]


def _liking(name: str, place: int, most: int) -> pl.Expr:
    """How well a channel suits the customer, from 0 to 3; no two are alike. Null: the step has not named it."""
    preferred = (pl.col("preferred") == name).fill_null(False).cast(pl.Float64) * 2
    reaction = pl.col(REACTIONS.get(name, WRITTEN)).fill_null(0.0).clip(0, 1)
    liking = preferred + reaction + (most - place) * 1e-6
    return pl.when(pl.col(f"place_{name}").is_not_null()).then(liking) if name in NAMED else liking
