"""Adds up a grain's rows for all the KPIs that stand on it at once: numerator and denominator per currency and slice.

What cannot be measured of a row (no numerator) is left out of the denominator too; where nothing can, the numerator stays
empty and the denominator tells of what it would be. So there is no wrong nought.
"""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from amiable.insight.kpi import Kpi

# numerator, denominator
Parts = tuple[int | None, int | None]


def add(table: pl.DataFrame, kpis: Sequence[Kpi], by: Sequence[str]) -> pl.DataFrame:
    """One row per part, with `<key>.n` and `<key>.d` of each KPI; what a KPI's `whole` dimensions part has one denominator."""
    found = _sums(table, kpis, by)
    for each in kpis:
        shared = [name for name in by if name not in each.whole]
        if each.whole and len(shared) < len(by):
            undivided = _sums(table, [each], shared).select(*shared, f"{each.key}.d")
            found = found.drop(f"{each.key}.d")
            found = (
                found.join(undivided, on=shared, how="left", nulls_equal=True)
                if shared
                else found.with_columns(undivided.to_series(0).first())
            )
    return found


def _sums(table: pl.DataFrame, kpis: Sequence[Kpi], by: Sequence[str]) -> pl.DataFrame:
    sums: list[pl.Expr] = []
    for each in kpis:
        n, d = each.numerator, each.denominator
        assert n is not None
        known = n.is_not_null()
        sums.append(pl.when(known.any()).then(n.sum()).cast(pl.Int64).alias(f"{each.key}.n"))
        if d is None:
            sums.append(pl.lit(None, pl.Int64).alias(f"{each.key}.d"))
        else:
            told = pl.when(known.any()).then(d.filter(known).sum()).otherwise(d.sum())
            sums.append(told.cast(pl.Int64).alias(f"{each.key}.d"))
    return table.group_by(by).agg(sums) if by else table.select(sums)


def parts(
    table: pl.DataFrame, kpis: Sequence[Kpi], by: Sequence[str]
) -> Iterator[tuple[Kpi, tuple[object, ...], Parts]]:
    """Each KPI with each part and its sums."""
    found = add(table, kpis, by)
    places: Mapping[str, int] = {name: n for n, name in enumerate(found.columns)}
    own = [places[name] for name in by]
    columns = [(each, places[f"{each.key}.n"], places[f"{each.key}.d"]) for each in kpis]
    for row in found.iter_rows():
        key = tuple(row[n] for n in own)
        for each, n, d in columns:
            yield each, key, (row[n], row[d])
