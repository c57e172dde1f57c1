"""Ordered segments by SQL conditions over facts: the first that matches wins; who was where when is kept."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from django.db import connection

from amiable.core import tables
from amiable.core.conditions import UnableToRead, parse
from amiable.portfolio import facts
from amiable.portfolio.models import SegmentSet

MOST = 200


def check(segments: Sequence[Mapping[str, Any]]) -> None:
    """Raises UnableToRead, with one sentence, unless every segment can be evaluated."""
    if len(segments) > MOST:
        raise UnableToRead(f"A set may have {MOST} segments at most; this one has {len(segments)}.")
    seen: set[str] = set()
    for segment in segments:
        if not segment.get("key") or segment["key"] in seen:
            raise UnableToRead(
                f"Each segment needs a key of its own; “{segment.get('key', '')}” is empty or stands twice."
            )
        seen.add(segment["key"])
        parse(segment.get("when", ""), facts.schema())


def active(creditor_id: int) -> Sequence[Mapping[str, Any]]:
    """The segments in force for a creditor: its own newest active set, else the house's starter set."""
    own = SegmentSet.objects.filter(creditor_id=creditor_id, active_since__isnull=False).order_by("-version").first()
    return own.segments if own else starter()


def labels(creditor_id: int, language: str) -> dict[str, str]:
    """Names of the creditor's segments as people read them."""
    return {s["key"]: s["label"].get(language[:2], s["label"]["en"]) for s in active(creditor_id)}


@lru_cache(maxsize=1)
def starter() -> tuple[Mapping[str, Any], ...]:
    """The segments that ship (portfolio/segments.yaml)."""
    content = yaml.safe_load((Path(__file__).parent / "segments.yaml").read_text(encoding="utf-8"))
    check(content["segments"])
    return tuple(content["segments"])


def assign(table: pl.DataFrame, segments: Sequence[Mapping[str, Any]]) -> pl.Series:
    """The segment key of each row of a table of facts; empty where none matches."""
    if not segments:
        return pl.Series("segment", [""] * table.height)
    cases = [pl.when(parse(s.get("when", ""), facts.schema())).then(pl.lit(s["key"])) for s in segments]
    return table.with_columns(pl.coalesce(*cases, pl.lit("")).alias("segment"))["segment"]


def remember(segments: pl.DataFrame, *, as_of: date) -> int:
    """Writes who changed segment on that day; `segments` has customer_id, currency, segment. Returns the moves."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE moved (customer_id bigint, currency varchar(3), segment varchar(40)) ON COMMIT DROP"
        )
        tables.write(segments, "moved", ["customer_id", "currency", "segment"])
        cursor.execute("ANALYZE moved")
        # A second run of the same day corrects that day's row instead of leaving an empty period.
        cursor.execute(
            "UPDATE portfolio_membership p SET segment = m.segment FROM moved m WHERE p.until IS NULL AND p.since = %(as_of)s"
            " AND p.customer_id = m.customer_id AND p.currency = m.currency AND p.segment <> coalesce(m.segment, '')"
            " AND m.segment IS NOT NULL",
            {"as_of": as_of},
        )
        cursor.execute(
            "UPDATE portfolio_membership p SET until = %(as_of)s FROM moved m WHERE p.until IS NULL AND p.since < %(as_of)s"
            " AND p.customer_id = m.customer_id AND p.currency = m.currency AND p.segment <> coalesce(m.segment, '')",
            {"as_of": as_of},
        )
        cursor.execute(
            "INSERT INTO portfolio_membership (customer_id, currency, segment, since)"
            " SELECT m.customer_id, m.currency, m.segment, %(as_of)s FROM moved m"
            " WHERE coalesce(m.segment, '') <> '' AND NOT EXISTS (SELECT FROM portfolio_membership p"
            "   WHERE p.until IS NULL AND p.customer_id = m.customer_id AND p.currency = m.currency)",
            {"as_of": as_of},
        )
        moves: int = cursor.rowcount
        cursor.execute("DROP TABLE moved")
    return moves
